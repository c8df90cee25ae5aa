// W1's floor, and W5's: entries pushed onto one list by pipelined variadic RPUSH on one connection. Not a queue: no
// check for doubles, no wake-up, no ring of lanes.
//
// It checks that the list holds every entry, and reports the bytes that Redis needs for each.

#include <stdio.h>
#include <stdlib.h>

#include "arguments.h"
#include "entry.h"
#include "redis_session.h"
#include "result.h"
#include "timing.h"

static const char usage[] =
    "redis-enqueue --redis URL [--jobs N] [--payload-bytes N] [--batch N] [--depth N] [--sweep yes|no]\n"
    "  --jobs           how many (1000000)        --batch  entries a command (1000)\n"
    "  --payload-bytes  of each (100)             --depth  commands under way (16)\n"
    "  --sweep          try many batches and depths, each on --jobs; report the fastest (no)";

static const char list[] = "bench:queue";

// Pushes all entries; the seconds it took. The list holds them afterwards.
static double push(const struct entries *entries, redisContext *redis, long batch, long depth) {
    double start = seconds_now();
    entries_push(entries, redis, list, batch, depth);
    double seconds = seconds_now() - start;
    long long length = redis_ask_integer(redis, "LLEN %s", list);
    if (length != entries->count) {
        fail("%lld entries are in the list, not %ld", length, entries->count);
    }
    return seconds;
}

// The fastest of many, told as `batch` and `depth`.
static void sweep(const struct entries *entries, redisContext *redis, long *batch, long *depth) {
    static const long batches[] = {1, 10, 50, 100, 200, 500, 1000};
    static const long depths[] = {1, 4, 16, 64};
    double best = 0;
    for (size_t i = 0; i < sizeof batches / sizeof batches[0]; i++) {
        for (size_t j = 0; j < sizeof depths / sizeof depths[0]; j++) {
            double rate = (double)entries->count / push(entries, redis, batches[i], depths[j]);
            redis_ask_integer(redis, "DEL %s", list);
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
    long jobs = argument_number("jobs", 1000000, 1, 20000000);
    long payload_bytes = argument_number("payload-bytes", 100, 0, 1000000);
    long batch = argument_number("batch", 1000, 1, 10000);
    long depth = argument_number("depth", 16, 1, 1000);
    bool sweeping = argument_flag("sweep", false);
    arguments_end();

    struct entries entries = entries_make(jobs, payload_bytes);
    if (sweeping) {
        sweep(&entries, redis, &batch, &depth);
    }
    long long before = redis_data_bytes(redis);
    double seconds = push(&entries, redis, batch, depth);
    long long bytes = redis_data_bytes(redis) - before;
    redis_ask_integer(redis, "DEL %s", list);

    result_text("program", "floor redis-enqueue");
    result_redis_version(redis);
    result_text("workload", "W1");
    result_rate(jobs, 0, seconds);
    result_count("payload_bytes", payload_bytes);
    result_count("batch", batch);
    result_count("depth", depth);
    result_figure("bytes_per_job", (double)bytes / (double)jobs);
    result_print();
    redisFree(redis);
    entries_free(&entries);
    return 0;
}
