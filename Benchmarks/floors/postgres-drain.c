// W3's floor: no-op durable jobs begun and settled in a ledger like the project's (ledger.sql), by bare libpq in
// batches, from several connections at once. The same promises: a job is `available` until a live session begins it
// with a new epoch, its session's claim is on record, and only who names its epoch settles it. Both are committed, with
// fsync.
//
// What stands for Redis are the ids in memory: this floor is PostgreSQL's alone. The end point is *settled*; it checks
// in the table that every job was begun once and settled once, and reports the share of HOT updates.

#include <endian.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "arguments.h"
#include "binary_value.h"
#include "ledger_worker.h"
#include "postgres_session.h"
#include "result.h"
#include "timing.h"

static const char ledger_sql[] =
#include "ledger.sql.h"
    ;

static const char usage[] =
    "postgres-drain --database URL [--jobs N] [--batch N] [--connections N] [--together yes|no] [--tickets yes|no]\n"
    "               [--fillfactor N] [--sweep yes|no]\n"
    "  --jobs         how many (200000)             --batch        jobs a begin (1000)\n"
    "  --together     a settlement commits with the next begin (yes)   --connections  at once (4)\n"
    "  --tickets      delete each batch's tickets too, as the dispatcher does (no)\n"
    "  --fillfactor   percent of a page that an enqueue fills (25)\n"
    "  --sweep        try many settings, each on --jobs; report the fastest (no)";

static const char database_name[] = "bench_floor_drain";
enum { ENQUEUE_BATCH = 1000, CONNECTIONS_MAX = 64, STATISTICS_WAIT_MS = 50, STATISTICS_WAITS_MAX = 100 };

// How a drain is done.
struct settings {
    long batch;
    long connections;
    bool together;
    bool tickets;
    long fillfactor;
};

// Ids in the form and order of version 7: milliseconds, then a counter, then bits that spread.
static void mint_ids(char (*ids)[UUID_BYTES], long count) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    uint64_t millisecond = (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
    for (long index = 0; index < count; index++) {
        uint64_t counter = (uint64_t)(index % 1000), time = millisecond + (uint64_t)(index / 1000);
        uint64_t high = htobe64(time << 16 | UINT64_C(7) << 12 | counter);
        uint64_t low = htobe64(UINT64_C(2) << 62 | (UINT64_C(0x9e3779b97f4a7c15) * (uint64_t)(index + 1)) >> 2);
        memcpy(ids[index], &high, sizeof high);
        memcpy(ids[index] + sizeof high, &low, sizeof low);
    }
}

// The ledger, empty and new, in a database of its own.
static PGconn *make_ledger(PGconn *administration, const char *url, long fillfactor) {
    postgres_make_database(administration, database_name);
    PGconn *ledger = postgres_open(url, database_name);
    postgres_run(ledger, ledger_sql);
    postgres_runf(ledger, "ALTER TABLE jobs SET (fillfactor = %ld)", fillfactor);
    return ledger;
}

// A row a job, and its ticket if tickets are to be deleted; in bulk, as `enqueue` leaves them.
static void enqueue(PGconn *ledger, const char (*ids)[UUID_BYTES], long jobs, bool tickets) {
    static const Oid types[] = {UUID_ARRAY_OID};
    static const int formats[] = {1};
    PQclear(postgres_checked(
        ledger, PQprepare(ledger, "enqueue",
                          "INSERT INTO jobs (id, kind, queue, payload, max_attempts)"
                          " SELECT id, 'bench.noop', 'default',"
                          "        jsonb_build_object('n', n, 'text', repeat('x', 60)), 10"
                          " FROM unnest($1::uuid[]) WITH ORDINALITY AS i (id, n)",
                          1, types)));
    PQclear(postgres_checked(
        ledger,
        PQprepare(ledger, "ticket", "INSERT INTO job_dispatches (job_id) SELECT unnest($1::uuid[])", 1, types)));
    struct binary_array batch = binary_array_make(UUID_OID, UUID_BYTES, ENQUEUE_BATCH);
    for (long first = 0; first < jobs; first += ENQUEUE_BATCH) {
        binary_array_clear(&batch);
        for (long job = first; job < jobs && job < first + ENQUEUE_BATCH; job++) {
            binary_array_append(&batch, ids[job]);
        }
        const int lengths[] = {binary_array_finish(&batch)};
        const char *const values[] = {batch.bytes};
        for (int statement = 0; statement < (tickets ? 2 : 1); statement++) {
            PQclear(postgres_checked(ledger, PQexecPrepared(ledger, statement == 0 ? "enqueue" : "ticket", 1, values,
                                                            lengths, formats, 0)));
        }
    }
    binary_array_free(&batch);
    postgres_run(ledger, "ANALYZE jobs, job_dispatches");
}

// Every job succeeded in its first attempt, and no claim or ticket is left.
static void check(PGconn *ledger, long jobs) {
    long right = postgres_number(ledger, "SELECT count(*) FROM jobs WHERE state = 'succeeded' AND epoch = 1"
                                         " AND attempt = 1 AND session_id IS NULL AND settled_at >= started_at");
    long left = postgres_number(ledger, "SELECT (SELECT count(*) FROM job_claims) + count(*) FROM job_dispatches");
    if (right != jobs || left != 0) {
        fail("%ld of %ld jobs succeeded in one attempt; %ld claims or tickets are left", right, jobs, left);
    }
}

// The share of updates that were HOT. Backends report when they end, so this waits for the last of them.
static double hot_share(PGconn *ledger, long jobs) {
    for (int wait = 0; wait < STATISTICS_WAITS_MAX; wait++) {
        postgres_run(ledger, "SELECT pg_stat_clear_snapshot()");
        long updates = postgres_number(ledger, "SELECT n_tup_upd FROM pg_stat_user_tables WHERE relname = 'jobs'");
        if (updates >= 2 * jobs) {
            long hot = postgres_number(ledger, "SELECT n_tup_hot_upd FROM pg_stat_user_tables WHERE relname = 'jobs'");
            return (double)hot / (double)updates;
        }
        pause_milliseconds(STATISTICS_WAIT_MS);
    }
    fail("PostgreSQL counted too few updates");
}

// Enqueues and drains `jobs` in a new ledger; the seconds of the drain. `hot` receives the share of HOT updates.
static double drain(PGconn *administration, const char *url, long jobs, const struct settings *settings, double *hot) {
    PGconn *ledger = make_ledger(administration, url, settings->fillfactor);
    char(*ids)[UUID_BYTES] = malloc((size_t)jobs * sizeof ids[0]);
    if (!ids) {
        fail("no memory for %ld ids", jobs);
    }
    mint_ids(ids, jobs);
    enqueue(ledger, (const char(*)[UUID_BYTES])ids, jobs, settings->tickets);

    struct ledger_work work = {
        .url = url, .database = database_name, .ids = (const char(*)[UUID_BYTES])ids, .jobs = jobs,
        .batch = settings->batch, .together = settings->together, .tickets = settings->tickets};
    pthread_t threads[CONNECTIONS_MAX];
    pthread_barrier_init(&work.opened, NULL, (unsigned)settings->connections + 1);
    for (long index = 0; index < settings->connections; index++) {
        if (pthread_create(&threads[index], NULL, ledger_worker_run, &work) != 0) {
            fail("thread %ld cannot be started", index);
        }
    }
    pthread_barrier_wait(&work.opened);
    double start = seconds_now();
    for (long index = 0; index < settings->connections; index++) {
        pthread_join(threads[index], NULL);
    }
    double seconds = seconds_now() - start;
    pthread_barrier_destroy(&work.opened);
    if (atomic_load(&work.settled) != jobs) {
        fail("%ld of %ld jobs were settled", atomic_load(&work.settled), jobs);
    }
    check(ledger, jobs);
    *hot = hot_share(ledger, jobs);
    PQfinish(ledger);
    free(ids);
    postgres_runf(administration, "DROP DATABASE %s", database_name);
    return seconds;
}

// The fastest of many settings.
static void sweep(PGconn *administration, const char *url, long jobs, struct settings *best) {
    static const long batches[] = {50, 100, 200, 500, 1000, 2000};
    static const long connections[] = {1, 2, 3, 4, 8};
    double best_rate = 0;
    for (int together = 0; together < 2; together++) {
        for (size_t i = 0; i < sizeof batches / sizeof batches[0]; i++) {
            for (size_t j = 0; j < sizeof connections / sizeof connections[0]; j++) {
                struct settings settings = {batches[i], connections[j], together == 1, best->tickets, best->fillfactor};
                double hot;
                double rate = (double)jobs / drain(administration, url, jobs, &settings, &hot);
                fprintf(stderr, "together %d  batch %5ld  connections %2ld  %7.0f/s  HOT %.3f\n", together, batches[i],
                        connections[j], rate, hot);
                if (rate > best_rate) {
                    best_rate = rate;
                    *best = settings;
                }
            }
        }
    }
}

int main(int count, char **words) {
    arguments_begin(count, words, usage);
    const char *url = argument_text("database", NULL);
    long jobs = argument_number("jobs", 200000, 1, 20000000);
    struct settings settings = {
        .batch = argument_number("batch", 1000, 1, 100000),
        .connections = argument_number("connections", 4, 1, CONNECTIONS_MAX),
        .together = argument_flag("together", true),
        .tickets = argument_flag("tickets", false),
        .fillfactor = argument_number("fillfactor", 25, 10, 100),
    };
    bool sweeping = argument_flag("sweep", false);
    arguments_end();

    PGconn *administration = postgres_open(url, NULL);
    if (sweeping) {
        sweep(administration, url, jobs, &settings);
    }
    double hot;
    double seconds = drain(administration, url, jobs, &settings, &hot);

    result_text("program", "floor postgres-drain");
    result_postgres_version(administration);
    result_text("workload", "W3");
    result_rate(jobs, jobs, seconds);
    result_count("batch", settings.batch);
    result_count("connections", settings.connections);
    result_text("together", settings.together ? "yes" : "no");
    result_text("tickets", settings.tickets ? "yes" : "no");
    result_count("fillfactor", settings.fillfactor);
    result_figure("hot_share", hot);
    result_print();
    PQfinish(administration);
    return 0;
}
