// W9's floor: one small transaction each in a random family database of many, from some processes, each with a bounded
// number of connections of its own that it keeps as long as it can (least recently used goes).
//
// The transaction is what an effect in a family's database is: a row in job_inbox and the effect's row, one commit, one
// round trip. The databases hold the whole family schema. They are made before the clock starts, and kept for the next
// run: this is for a private server.
//
// The end point is *committed*; it checks that the databases hold a row for every job.

#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "arguments.h"
#include "family_schema.h"
#include "postgres_session.h"
#include "result.h"
#include "timing.h"

static const char usage[] =
    "postgres-family --database URL [--project DIR] [--jobs N] [--databases N] [--processes N] [--connections N]\n"
    "                [--affinity yes|no]\n"
    "  --project      the checkout whose migrations make a family's schema (.)\n"
    "  --jobs         how many transactions (3000)    --processes    that make them (4)\n"
    "  --databases    how many families (200)         --connections  of each process at most (32)\n"
    "  --affinity     each family is one process's (no): what it would give to route jobs by database";

static const char template_name[] = "bench_family_template";
static const char transaction[] =
    "INSERT INTO job_inbox (job_id, kind, epoch) VALUES (gen_random_uuid(), 'bench.family', 1);"
    "INSERT INTO bench_effects DEFAULT VALUES";
enum { PROCESSES_MAX = 64, CONNECTIONS_MAX = 1024, NAME_BYTES = 64 };

// What the processes share: who takes which job, and what came of it.
struct board {
    atomic_long taken;
    atomic_long connects;
    atomic_int ready;
    atomic_int go;
    double latencies[];
};

struct work {
    const char *url;
    long jobs;
    long databases;
    long connections;
    long processes;
    bool affinity;
};

// One kept connection; `used` orders them.
struct slot {
    PGconn *connection;
    long family;
    long used;
};

static void name_of(long family, char name[NAME_BYTES]) { snprintf(name, NAME_BYTES, "bench_family_%03ld", family); }

// The family databases, as many as are missing, cloned from one that has the schema.
static void make_databases(PGconn *administration, const struct work *work, const char *project) {
    char query[256];
    snprintf(query, sizeof query,
             "SELECT count(*) FROM pg_database WHERE datname = '%s' OR datname ~ '^bench_family_[0-9]+$'",
             template_name);
    if (postgres_number(administration, query) == 0) {
        postgres_make_database(administration, template_name);
        PGconn *connection = postgres_open(work->url, template_name);
        family_schema_apply(family_schema_read(project), connection, FINGERPRINT_NONE);
        postgres_run(connection, "CREATE TABLE bench_effects (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,"
                                 " done_at timestamptz NOT NULL DEFAULT now())");
        PQfinish(connection);
    }
    for (long family = 0; family < work->databases; family++) {
        char name[NAME_BYTES];
        name_of(family, name);
        snprintf(query, sizeof query, "SELECT count(*) FROM pg_database WHERE datname = '%s'", name);
        if (postgres_number(administration, query) == 0) {
            postgres_runf(administration, "CREATE DATABASE %s TEMPLATE %s", name, template_name);
        }
    }
}

// The connection to a family's database: a kept one, or a new one in place of the least recently used.
static PGconn *connection_to(long family, struct slot *slots, const struct work *work, struct board *board) {
    static long uses;
    struct slot *oldest = &slots[0];
    for (long index = 0; index < work->connections; index++) {
        if (slots[index].connection && slots[index].family == family) {
            slots[index].used = ++uses;
            return slots[index].connection;
        }
        if (slots[index].used < oldest->used) {
            oldest = &slots[index];
        }
    }
    if (oldest->connection) {
        PQfinish(oldest->connection);
    }
    char name[NAME_BYTES];
    name_of(family, name);
    *oldest = (struct slot){postgres_open(work->url, name), family, ++uses};
    atomic_fetch_add(&board->connects, 1);
    return oldest->connection;
}

// A random family: any, or with affinity one whose number leaves the process's when divided by the processes'.
static long draw_family(const struct work *work, long process, unsigned *seed) {
    if (!work->affinity) {
        return rand_r(seed) % work->databases;
    }
    long own = (work->databases - process + work->processes - 1) / work->processes;
    return process + work->processes * (rand_r(seed) % own);
}

// One process's share. Families come from a sequence of its own, the same in every run.
static void run_process(const struct work *work, struct board *board, long process) {
    unsigned seed = (unsigned)process + 1;
    struct slot slots[CONNECTIONS_MAX] = {0};
    atomic_fetch_add(&board->ready, 1);
    while (!atomic_load(&board->go)) {
        pause_milliseconds(1);
    }
    for (long job = atomic_fetch_add(&board->taken, 1); job < work->jobs; job = atomic_fetch_add(&board->taken, 1)) {
        long family = draw_family(work, process, &seed);
        double start = seconds_now();
        postgres_run(connection_to(family, slots, work, board), transaction);
        board->latencies[job] = seconds_now() - start;
    }
    for (long index = 0; index < work->connections; index++) {
        PQfinish(slots[index].connection);
    }
}

// Rows in all databases; the effects and the inbox must agree.
static long count_effects(const struct work *work) {
    long effects = 0, inbox = 0;
    for (long family = 0; family < work->databases; family++) {
        char name[NAME_BYTES];
        name_of(family, name);
        PGconn *connection = postgres_open(work->url, name);
        effects += postgres_number(connection, "SELECT count(*) FROM bench_effects");
        inbox += postgres_number(connection, "SELECT count(*) FROM job_inbox");
        PQfinish(connection);
    }
    if (effects != inbox) {
        fail("%ld effects have %ld inbox rows", effects, inbox);
    }
    return effects;
}

static double run(const struct work *work, struct board *board) {
    pid_t children[PROCESSES_MAX];
    for (long index = 0; index < work->processes; index++) {
        children[index] = fork();
        if (children[index] < 0) {
            fail("process %ld cannot be started", index);
        }
        if (children[index] == 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL);  // a parent that is killed, or over its time, leaves none behind
            run_process(work, board, index);
            _exit(0);
        }
    }
    while (atomic_load(&board->ready) < work->processes) {
        pause_milliseconds(1);
    }
    double start = seconds_now();
    atomic_store(&board->go, 1);
    bool failed = false;
    for (long index = 0; index < work->processes; index++) {
        int status = 0;
        waitpid(children[index], &status, 0);
        failed = failed || status != 0;
    }
    double seconds = seconds_now() - start;
    if (failed) {
        fail("a process failed: see above");
    }
    return seconds;
}

int main(int count, char **words) {
    arguments_begin(count, words, usage);
    struct work work = {
        .url = argument_text("database", NULL),
        .jobs = argument_number("jobs", 3000, 1, 10000000),
        .databases = argument_number("databases", 200, 1, 999),
        .connections = argument_number("connections", 32, 1, CONNECTIONS_MAX),
        .processes = argument_number("processes", 4, 1, PROCESSES_MAX),
        .affinity = argument_flag("affinity", false),
    };
    const char *project = argument_text("project", ".");
    arguments_end();

    double start = seconds_now();
    PGconn *administration = postgres_open(work.url, NULL);
    long allowed = postgres_number(administration, "SELECT current_setting('max_connections')::int"
                                                   " - current_setting('superuser_reserved_connections')::int - 1");
    if (work.processes * work.connections > allowed) {
        fail("--connections: %ld in each of %ld processes are more than the server's %ld", work.connections,
             work.processes, allowed);
    }
    if (work.databases < work.processes) {
        fail("--databases must be at least as many as the processes: %ld", work.processes);
    }
    make_databases(administration, &work, project);
    long before = count_effects(&work);
    double setup = seconds_now() - start;

    size_t bytes = sizeof(struct board) + (size_t)work.jobs * sizeof(double);
    struct board *board = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (board == MAP_FAILED) {
        fail("no memory for %ld jobs", work.jobs);
    }
    double seconds = run(&work, board);
    long committed = count_effects(&work) - before;
    if (committed != work.jobs) {
        fail("%ld of %ld jobs left a row", committed, work.jobs);
    }

    result_text("program", "floor postgres-family");
    result_postgres_version(administration);
    result_text("workload", "W9");
    result_rate(work.jobs, committed, seconds);
    result_count("processes", work.processes);
    result_count("connections_each", work.connections);
    result_text("affinity", work.affinity ? "yes" : "no");
    result_count("databases", work.databases);
    result_count("connects", atomic_load(&board->connects));
    result_latencies("", board->latencies, work.jobs);
    result_figure("setup_seconds", setup);
    result_print();
    PQfinish(administration);
    return 0;
}
