// See ledger_worker.h.
#include "ledger_worker.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "postgres_session.h"
#include "result.h"

static const char begin_sql[] =
#include "begin.sql.h"
    ;
static const char settle_sql[] =
#include "settle.sql.h"
    ;
static const char dispatch_sql[] =
#include "dispatch.sql.h"
    ;

enum { BINARY = 1 };

// The jobs of one batch between its begin and its settlement.
struct batch {
    struct binary_array ids;
    struct binary_array epochs;
    uint64_t number;
};

struct worker {
    struct ledger_work *work;
    PGconn *connection;
    char session[UUID_BYTES];
    long batches;
    struct batch running;
    struct batch next;
};

static PGconn *open_prepared(const struct ledger_work *work) {
    static const Oid begin_types[] = {UUID_ARRAY_OID, UUID_OID, BIGINT_OID};
    static const Oid settle_types[] = {UUID_ARRAY_OID, BIGINT_ARRAY_OID, UUID_OID, BIGINT_OID};
    static const Oid dispatch_types[] = {BIGINT_OID, BIGINT_OID};
    PGconn *connection = postgres_open(work->url, work->database);
    // Ids are looked up by index whatever the planner expects of a table that grew a moment ago.
    postgres_run(connection, "SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off;"
                             "SET plan_cache_mode = force_generic_plan");
    PQclear(postgres_checked(connection, PQprepare(connection, "begin", begin_sql, 3, begin_types)));
    PQclear(postgres_checked(connection, PQprepare(connection, "settle", settle_sql, 4, settle_types)));
    PQclear(postgres_checked(connection, PQprepare(connection, "dispatch", dispatch_sql, 2, dispatch_types)));
    return connection;
}

// A session's row, as a worker registers it; its id's 16 bytes go to `id`.
static void register_session(PGconn *connection, char *id) {
    PGresult *result = postgres_checked(
        connection, PQexecParams(connection, "INSERT INTO worker_sessions DEFAULT VALUES RETURNING id", 0, NULL, NULL,
                                 NULL, NULL, BINARY));
    memcpy(id, PQgetvalue(result, 0, 0), UUID_BYTES);
    PQclear(result);
}

static void send(PGconn *connection, const char *name, int count, const char *const *values, const int *lengths) {
    static const int formats[] = {BINARY, BINARY, BINARY, BINARY};
    if (PQsendQueryPrepared(connection, name, count, values, lengths, formats, BINARY) != 1) {
        fail("PostgreSQL: %s", PQerrorMessage(connection));
    }
}

// The result of the next statement that was sent.
static PGresult *receive(PGconn *connection) {
    PGresult *result = postgres_checked(connection, PQgetResult(connection));
    if (PQgetResult(connection) != NULL) {
        fail("PostgreSQL gave two results for one statement");
    }
    return result;
}

// Takes the next jobs off the work and sends their begin. False when there are none left.
static bool send_begin(struct worker *worker) {
    struct ledger_work *work = worker->work;
    long first = atomic_fetch_add(&work->taken, work->batch);
    if (first >= work->jobs) {
        return false;
    }
    long last = first + work->batch < work->jobs ? first + work->batch : work->jobs;
    struct batch *batch = &worker->next;
    binary_array_clear(&batch->ids);
    for (long job = first; job < last; job++) {
        binary_array_append(&batch->ids, work->ids[job]);
    }
    batch->number = bigint_binary(++worker->batches);
    if (work->tickets) {
        uint64_t tickets[] = {bigint_binary(first + 1), bigint_binary(last)};
        const char *values[] = {(char *)&tickets[0], (char *)&tickets[1]};
        const int lengths[] = {sizeof tickets[0], sizeof tickets[1]};
        send(worker->connection, "dispatch", 2, values, lengths);
    }
    const char *values[] = {batch->ids.bytes, worker->session, (char *)&batch->number};
    const int lengths[] = {binary_array_finish(&batch->ids), UUID_BYTES, sizeof batch->number};
    send(worker->connection, "begin", 3, values, lengths);
    return true;
}

// Receives the begun jobs' epochs, as the batch that runs from now on.
static void receive_begin(struct worker *worker) {
    if (worker->work->tickets) {
        PQclear(receive(worker->connection));
    }
    PGresult *result = receive(worker->connection);
    struct batch batch = worker->next;
    worker->next = worker->running;
    if (PQntuples(result) != batch.ids.count) {
        fail("%d of %d jobs were begun", PQntuples(result), batch.ids.count);
    }
    binary_array_clear(&batch.ids);
    binary_array_clear(&batch.epochs);
    for (int row = 0; row < PQntuples(result); row++) {
        binary_array_append(&batch.ids, PQgetvalue(result, row, 0));
        binary_array_append(&batch.epochs, PQgetvalue(result, row, 1));
    }
    worker->running = batch;
    PQclear(result);
}

static void send_settle(struct worker *worker) {
    struct batch *batch = &worker->running;
    const char *values[] = {batch->ids.bytes, batch->epochs.bytes, worker->session, (char *)&batch->number};
    const int lengths[] = {binary_array_finish(&batch->ids), binary_array_finish(&batch->epochs), UUID_BYTES,
                           sizeof batch->number};
    send(worker->connection, "settle", 4, values, lengths);
}

static void receive_settle(struct worker *worker) {
    PGresult *result = receive(worker->connection);
    long settled = (long)bigint_value(PQgetvalue(result, 0, 0));
    if (settled != worker->running.ids.count) {
        fail("%ld of %d jobs were settled", settled, worker->running.ids.count);
    }
    atomic_fetch_add(&worker->work->settled, settled);
    PQclear(result);
}

// Between two synchronisations, a pipeline is one transaction: it commits here.
static void commit(PGconn *connection) {
    if (PQpipelineSync(connection) != 1) {
        fail("PostgreSQL: %s", PQerrorMessage(connection));
    }
}

static void receive_commit(PGconn *connection) {
    PGresult *result = PQgetResult(connection);
    if (PQresultStatus(result) != PGRES_PIPELINE_SYNC) {
        postgres_checked(connection, result);
    }
    PQclear(result);
}

static void run_together(struct worker *worker) {
    PGconn *connection = worker->connection;
    bool runs = false, begins = true;
    while (runs || begins) {
        if (runs) {
            send_settle(worker);
        }
        begins = begins && send_begin(worker);
        commit(connection);
        if (runs) {
            receive_settle(worker);
        }
        if (begins) {
            receive_begin(worker);
        }
        receive_commit(connection);
        runs = begins;
    }
}

static void run_apart(struct worker *worker) {
    PGconn *connection = worker->connection;
    while (send_begin(worker)) {
        commit(connection);
        receive_begin(worker);
        receive_commit(connection);
        send_settle(worker);
        commit(connection);
        receive_settle(worker);
        receive_commit(connection);
    }
}

static struct batch batch_make(long size) {
    return (struct batch){binary_array_make(UUID_OID, UUID_BYTES, (int)size),
                          binary_array_make(BIGINT_OID, sizeof(int64_t), (int)size), 0};
}

static void batch_free(struct batch *batch) {
    binary_array_free(&batch->ids);
    binary_array_free(&batch->epochs);
}

void *ledger_worker_run(void *argument) {
    struct ledger_work *work = argument;
    struct worker worker = {.work = work, .connection = open_prepared(work)};
    worker.running = batch_make(work->batch);
    worker.next = batch_make(work->batch);
    register_session(worker.connection, worker.session);
    if (PQenterPipelineMode(worker.connection) != 1) {
        fail("PostgreSQL: there is no pipeline mode");
    }
    pthread_barrier_wait(&work->opened);
    if (work->together) {
        run_together(&worker);
    } else {
        run_apart(&worker);
    }
    PQfinish(worker.connection);
    batch_free(&worker.running);
    batch_free(&worker.next);
    return NULL;
}
