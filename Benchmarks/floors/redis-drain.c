// W2's floor: fast no-op jobs claimed and settled by one script, on one connection, some claimers in turn. Each claimer
// owns a running hash; its next call settles what its last one claimed, so a job costs a share of one round trip.
//
// The end point is *settled*. It checks that every job came exactly once and was settled exactly once, and that Redis
// holds nothing of them afterwards.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arguments.h"
#include "entry.h"
#include "redis_session.h"
#include "result.h"
#include "timing.h"

static const char claim_and_settle[] =
#include "claim_and_settle.lua.h"
    ;

static const char usage[] =
    "redis-drain --redis URL [--jobs N] [--payload-bytes N] [--batch N] [--depth N] [--sweep yes|no]\n"
    "  --jobs           how many (500000)         --batch  jobs a claim (1000)\n"
    "  --payload-bytes  of each (80)              --depth  claims under way (2)\n"
    "  --sweep          try many batches and depths, each on --jobs; report the fastest (no)";

enum { ENQUEUE_BATCH = 1000, ENQUEUE_DEPTH = 16, BATCH_MAX = 3900, DEPTH_MAX = 64, WORDS_BEFORE_IDS = 6 };

static const char list[] = "bench:queue";

// One claimer: a running hash, and what it claimed last.
struct claimer {
    char running[32];
    char (*ids)[ENTRY_ID_BYTES];
    long claimed;
};

// Appends the claimer's next call to the connection.
static void ask(redisContext *redis, const struct claimer *claimer, const char *sha, const char *batch) {
    const char *words[WORDS_BEFORE_IDS + BATCH_MAX] = {"EVALSHA", sha, "2", list, claimer->running, batch};
    size_t lengths[WORDS_BEFORE_IDS + BATCH_MAX];
    for (int word = 0; word < WORDS_BEFORE_IDS; word++) {
        lengths[word] = strlen(words[word]);
    }
    for (long id = 0; id < claimer->claimed; id++) {
        words[WORDS_BEFORE_IDS + id] = claimer->ids[id];
        lengths[WORDS_BEFORE_IDS + id] = ENTRY_ID_BYTES;
    }
    redisAppendCommandArgv(redis, WORDS_BEFORE_IDS + (int)claimer->claimed, words, lengths);
}

// Takes a reply in: "runs" its jobs by counting them in `runs`. Returns how many jobs the call settled.
static long take(struct claimer *claimer, const redisReply *reply, unsigned char *runs, long jobs) {
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements < 1) {
        fail("Redis: a claim was not answered by an array");
    }
    long settled = (long)reply->element[0]->integer;
    if (settled != claimer->claimed) {
        fail("a claimer settled %ld of its %ld jobs", settled, claimer->claimed);
    }
    claimer->claimed = (long)reply->elements - 1;
    for (long job = 0; job < claimer->claimed; job++) {
        const redisReply *entry = reply->element[1 + job];
        long index = entry->len >= ENTRY_ID_BYTES ? entry_index(entry->str) : -1;
        if (index < 0 || index >= jobs || ++runs[index] != 1) {
            fail("job %ld came twice, or is none of ours", index);
        }
        memcpy(claimer->ids[job], entry->str, ENTRY_ID_BYTES);
    }
    return settled;
}

// Enqueues all entries, then drains them; the seconds from the first claim to the last settlement.
static double drain(const struct entries *entries, redisContext *redis, const char *sha, long batch, long depth) {
    entries_push(entries, redis, list, ENQUEUE_BATCH, ENQUEUE_DEPTH);
    struct claimer claimers[DEPTH_MAX];
    unsigned char *runs = calloc((size_t)entries->count, 1);
    char batch_text[16];
    snprintf(batch_text, sizeof batch_text, "%ld", batch);
    for (long index = 0; index < depth; index++) {
        struct claimer *claimer = &claimers[index];
        snprintf(claimer->running, sizeof claimer->running, "bench:run:%ld", index);
        claimer->ids = malloc((size_t)batch * sizeof claimer->ids[0]);
        claimer->claimed = 0;
        if (!claimer->ids || !runs) {
            fail("no memory for batches of %ld", batch);
        }
    }

    double start = seconds_now();
    for (long index = 0; index < depth; index++) {
        ask(redis, &claimers[index], sha, batch_text);
    }
    // Replies come in the order of the calls, so the claimers take turns. One that claimed nothing has ended.
    long settled = 0, active = depth;
    bool ended[DEPTH_MAX] = {false};
    for (long index = 0; active > 0; index = (index + 1) % depth) {
        if (ended[index]) {
            continue;
        }
        redisReply *reply = redis_next(redis);
        settled += take(&claimers[index], reply, runs, entries->count);
        freeReplyObject(reply);
        if (claimers[index].claimed > 0) {
            ask(redis, &claimers[index], sha, batch_text);
        } else {
            ended[index] = true;
            active--;
        }
    }
    double seconds = seconds_now() - start;

    for (long index = 0; index < depth; index++) {
        free(claimers[index].ids);
    }
    free(runs);
    if (settled != entries->count) {
        fail("%ld of %ld jobs were settled", settled, entries->count);
    }
    long long keys = redis_ask_integer(redis, "DBSIZE");
    if (keys != 0) {
        fail("%lld keys are left in Redis", keys);
    }
    return seconds;
}

// The fastest of many, told as `batch` and `depth`.
static void sweep(const struct entries *entries, redisContext *redis, const char *sha, long *batch, long *depth) {
    static const long batches[] = {1, 10, 50, 100, 200, 500, 1000};
    static const long depths[] = {1, 2, 4, 8, 16};
    double best = 0;
    for (size_t i = 0; i < sizeof batches / sizeof batches[0]; i++) {
        for (size_t j = 0; j < sizeof depths / sizeof depths[0]; j++) {
            double rate = (double)entries->count / drain(entries, redis, sha, batches[i], depths[j]);
            fprintf(stderr, "batch %5ld  depth %3ld  %9.0f/s\n", batches[i], depths[j], rate);
            if (rate > best) {
                best = rate;
                *batch = batches[i];
                *depth = depths[j];
            }
        }
    }
}

int main(int count, char **words) {
    arguments_begin(count, words, usage);
    redisContext *redis = redis_open_empty(argument_text("redis", NULL));
    long jobs = argument_number("jobs", 500000, 1, 20000000);
    long payload_bytes = argument_number("payload-bytes", 80, 0, 1000000);
    long batch = argument_number("batch", 1000, 1, BATCH_MAX);
    long depth = argument_number("depth", 2, 1, DEPTH_MAX);
    bool sweeping = argument_flag("sweep", false);
    arguments_end();

    char sha[41];
    redis_load(redis, claim_and_settle, sha);
    struct entries entries = entries_make(jobs, payload_bytes);
    if (sweeping) {
        sweep(&entries, redis, sha, &batch, &depth);
    }
    double seconds = drain(&entries, redis, sha, batch, depth);

    result_text("program", "floor redis-drain");
    result_redis_version(redis);
    result_text("workload", "W2");
    result_rate(jobs, jobs, seconds);
    result_count("payload_bytes", payload_bytes);
    result_count("batch", batch);
    result_count("depth", depth);
    result_print();
    redisFree(redis);
    entries_free(&entries);
    return 0;
}
