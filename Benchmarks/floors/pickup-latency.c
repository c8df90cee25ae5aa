// W4's floors: how long after the enqueue's start a waiting reader has the job, when nothing else goes on.
//
// Without --database, a fast job's: RPUSH on one connection, BLPOP returning on another. With it, a durable job's: a
// row committed first, by one bare INSERT. Two threads of one process, so one clock. Each sample waits for the one
// before it and then pauses, as an idle queue does.

#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>

#include "arguments.h"
#include "postgres_session.h"
#include "redis_session.h"
#include "result.h"
#include "timing.h"

static const char usage[] =
    "pickup-latency --redis URL [--database URL] [--jobs N] [--pause-ms N]\n"
    "  --database  commit a row there before each push (none)\n"
    "  --jobs      how many samples (1000)   --pause-ms  between them (10)";

static const char list[] = "bench:queue", database_name[] = "bench_floor_latency";
enum { WARM_UP = 20 };

// What the two threads share; `picked_up` orders their turns.
struct exchange {
    redisContext *redis;
    long samples;
    double *arrivals;
    sem_t picked_up;
};

static void *read_all(void *argument) {
    struct exchange *exchange = argument;
    for (long sample = 0; sample < exchange->samples; sample++) {
        redisReply *reply = redis_ask(exchange->redis, "BLPOP %s 0", list);
        double now = seconds_now();
        if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 2 || atol(reply->element[1]->str) != sample) {
            fail("sample %ld was not what BLPOP returned", sample);
        }
        exchange->arrivals[sample] = now;
        freeReplyObject(reply);
        sem_post(&exchange->picked_up);
    }
    return NULL;
}

// A database with a table for the rows; a connection to it that has its INSERT prepared.
static PGconn *prepare_database(PGconn *administration, const char *url) {
    postgres_make_database(administration, database_name);
    PGconn *connection = postgres_open(url, database_name);
    postgres_run(connection, "CREATE TABLE jobs (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), payload jsonb)");
    PQclear(postgres_checked(
        connection, PQprepare(connection, "enqueue", "INSERT INTO jobs (payload) VALUES ($1)", 1, NULL)));
    return connection;
}

static void commit_row(PGconn *connection, const char *payload) {
    const char *parameters[] = {payload};
    PQclear(postgres_checked(connection, PQexecPrepared(connection, "enqueue", 1, parameters, NULL, NULL, 0)));
}

int main(int count, char **words) {
    arguments_begin(count, words, usage);
    const char *redis_url = argument_text("redis", NULL);
    const char *database_url = argument_text("database", "");
    long jobs = argument_number("jobs", 1000, 1, 1000000);
    long pause = argument_number("pause-ms", 10, 0, 60000);
    arguments_end();

    redisContext *redis = redis_open_empty(redis_url);
    PGconn *administration = *database_url ? postgres_open(database_url, NULL) : NULL;
    PGconn *connection = administration ? prepare_database(administration, database_url) : NULL;

    long samples = jobs + WARM_UP;
    struct exchange exchange = {redis_open(redis_url), samples, calloc((size_t)samples, sizeof(double)), {{0}}};
    double *starts = calloc((size_t)samples, sizeof(double)), *commits = calloc((size_t)samples, sizeof(double));
    pthread_t reader;
    if (!exchange.arrivals || !starts || !commits || sem_init(&exchange.picked_up, 0, 0) != 0 ||
        pthread_create(&reader, NULL, read_all, &exchange) != 0) {
        fail("the reading thread cannot be started");
    }
    double start = seconds_now();
    for (long sample = 0; sample < samples; sample++) {
        char payload[32];
        snprintf(payload, sizeof payload, "%ld", sample);
        pause_milliseconds(pause);
        starts[sample] = seconds_now();
        if (connection) {
            commit_row(connection, payload);
            commits[sample] = seconds_now() - starts[sample];
        }
        redis_ask_integer(redis, "RPUSH %s %s", list, payload);
        sem_wait(&exchange.picked_up);
    }
    double seconds = seconds_now() - start;
    pthread_join(reader, NULL);
    for (long sample = 0; sample < samples; sample++) {
        exchange.arrivals[sample] -= starts[sample];
    }

    result_text("program", connection ? "floor pickup-latency (durable)" : "floor pickup-latency (fast)");
    if (connection) {
        result_postgres_version(connection);
    } else {
        result_redis_version(redis);
    }
    result_text("workload", "W4");
    result_rate(jobs, jobs, seconds);
    result_latencies("", exchange.arrivals + WARM_UP, jobs);
    if (connection) {
        result_latencies("commit_", commits + WARM_UP, jobs);
        PQfinish(connection);
        postgres_runf(administration, "DROP DATABASE %s", database_name);
        PQfinish(administration);
    }
    result_print();
    return 0;
}
