// See entry.h.
#include "entry.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "redis_session.h"
#include "result.h"

struct entries entries_make(long count, long payload_bytes) {
    struct entries entries = {.entry_bytes = ENTRY_ID_BYTES + (size_t)payload_bytes, .count = count};
    entries.bytes = malloc((size_t)count * entries.entry_bytes);
    if (!entries.bytes) {
        fail("no memory for %ld entries", count);
    }
    for (long index = 0; index < count; index++) {
        char *entry = entry_at(&entries, index);
        uint64_t halves[2] = {UINT64_C(0x9e3779b97f4a7c15) * (uint64_t)(index + 1), (uint64_t)index};
        memcpy(entry, halves, sizeof halves);
        for (long byte = 0; byte < payload_bytes; byte++) {
            entry[ENTRY_ID_BYTES + byte] = (char)('a' + (index + byte) % 26);
        }
    }
    return entries;
}

char *entry_at(const struct entries *entries, long index) {
    return entries->bytes + (size_t)index * entries->entry_bytes;
}

void entries_push(const struct entries *entries, redisContext *redis, const char *key, long batch, long depth) {
    const char **words = malloc((size_t)(batch + 2) * sizeof words[0]);
    size_t *lengths = malloc((size_t)(batch + 2) * sizeof lengths[0]);
    if (!words || !lengths) {
        fail("no memory for a batch of %ld", batch);
    }
    words[0] = "RPUSH";
    words[1] = key;
    lengths[0] = strlen(words[0]);
    lengths[1] = strlen(words[1]);
    long under_way = 0;
    for (long first = 0; first < entries->count; first += batch) {
        long size = entries->count - first < batch ? entries->count - first : batch;
        for (long offset = 0; offset < size; offset++) {
            words[2 + offset] = entry_at(entries, first + offset);
            lengths[2 + offset] = entries->entry_bytes;
        }
        redisAppendCommandArgv(redis, (int)size + 2, words, lengths);
        if (++under_way == depth) {
            freeReplyObject(redis_next(redis));
            under_way--;
        }
    }
    for (; under_way > 0; under_way--) {
        freeReplyObject(redis_next(redis));
    }
    free(words);
    free(lengths);
}

long entry_index(const char *id) {
    uint64_t index;
    memcpy(&index, id + ENTRY_ID_BYTES - sizeof index, sizeof index);
    return (long)index;
}

void entries_free(struct entries *entries) { free(entries->bytes); }
