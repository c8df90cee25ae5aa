// A fast job as the floors keep it in Redis: 16 bytes of id, then the payload. The least that a queue can hold of one.
//
// The id's last eight bytes are the job's index, so that a drain can check that each job came exactly once.
#ifndef ENTRY_H
#define ENTRY_H

#include <hiredis/hiredis.h>
#include <stddef.h>

enum { ENTRY_ID_BYTES = 16 };

// Many entries of one size in one piece of memory.
struct entries {
    char *bytes;
    size_t entry_bytes;
    long count;
};

// Makes `count` entries with payloads of `payload_bytes` printable characters.
struct entries entries_make(long count, long payload_bytes);

// The entry at `index`.
char *entry_at(const struct entries *entries, long index);

// Pushes all entries onto the list `key`: `batch` a command, `depth` commands under way. Returns when all are answered.
void entries_push(const struct entries *entries, redisContext *redis, const char *key, long batch, long depth);

// The index that is in an id.
long entry_index(const char *id);

void entries_free(struct entries *entries);

#endif
