// W11's floor: sign-ups, one after the other, by bare libpq: the statements of a sign-up and of its provisioning in
// their order, without a worker, a queue or HTTP between them. (The job's own statements are reduced to the ledger's
// two updates; its dispatch is Redis'.)
//
// sign_up_family → begin → reserve server and name → step "credentials" → lock → role → database → rights → schema,
// grants, first rows → proof, as the new role → route and audit, settled, in one commit. From the first statement to
// that commit is a sample. The administrator's session is kept; two connections are made for each family, as there is
// no other way into a new database.
//
// It checks each proof's answer, and that every family came to have its route. It takes away what it made.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arguments.h"
#include "family_schema.h"
#include "postgres_session.h"
#include "result.h"
#include "script_file.h"
#include "timing.h"

static const char usage[] =
    "postgres-provision --database URL [--project DIR] [--jobs N] [--fingerprint each|last|none]\n"
    "  --project      the checkout whose migrations and statements are said (.)\n"
    "  --jobs         how many sign-ups (50)\n"
    "  --fingerprint  after which migrations the catalog's fingerprint is taken: the project says each (each)";

static const char platform_name[] = "bench_floor_platform";
static const char sealed[] = "sealed-password-of-about-the-length-that-the-project-keeps-of-it-in-base64-text==";
enum { NAME_BYTES = 64, TEXT_BYTES = 512 };

// Whose the attempts are.
static const char worker_session[] = "00000000-0000-7000-8000-000000000001";

// The project's statements, read once.
struct statements {
    char *lock_servers, *complete_step, *observe, *owner, *future_access, *access, *default_data, *prove, *record,
        *unpark;
};

// What stays open for all sign-ups.
struct server {
    const char *url;
    PGconn *platform;
    PGconn *administration;
    struct statements statements;
    const struct family_schema *schema;
    enum fingerprint fingerprint;
};

// One sign-up's names and ids.
struct family {
    char slug[NAME_BYTES], database[NAME_BYTES], role[NAME_BYTES], password[NAME_BYTES];
    char id[NAME_BYTES], job[NAME_BYTES];
};

static struct statements statements_read(const char *project) {
    return (struct statements){
        .lock_servers = script_read(project, "Sources/Tenancy/Servers/lock_active_servers.sql"),
        .complete_step = script_read(project, "Sources/JobQueue/Ledger/SQL/complete_step.sql"),
        .observe = script_read(project, "workers/ProvisionFamily/observe_database.sql"),
        .owner = script_read(project, "workers/ProvisionFamily/family_owner.sql"),
        .future_access = script_read(project, "workers/ProvisionFamily/grant_future_access.sql"),
        .access = script_read(project, "workers/ProvisionFamily/grant_access.sql"),
        .default_data = script_read(project, "workers/ProvisionFamily/default_data.sql"),
        .prove = script_read(project, "workers/ProvisionFamily/prove_access.sql"),
        .record = script_read(project, "workers/ProvisionFamily/record_provisioned.sql"),
        .unpark = script_read(project, "workers/ProvisionFamily/unpark_jobs.sql"),
    };
}

// The platform's database, as `chorewheel migrate platform` leaves it, with one server in the fleet.
static PGconn *make_platform(PGconn *administration, const char *url, const char *project) {
    postgres_make_database(administration, platform_name);
    PGconn *platform = postgres_open(url, platform_name);
    struct scripts scripts = scripts_read(project, "migrations/platform");
    for (long script = 0; script < scripts.count; script++) {
        postgres_run(platform, scripts.texts[script]);
    }
    postgres_run(platform, "INSERT INTO database_servers (name, host, port, maintenance_database, max_databases)"
                           " VALUES ('floor', '127.0.0.1', 5432, 'postgres', 100000)");
    return platform;
}

// A statement whose one row, if any, is of no interest.
static void say(PGconn *connection, const char *statement, int count, const char *const *values) {
    PQclear(postgres_ask(connection, statement, count, values));
}

static void sign_up(struct server *server, struct family *family) {
    char email[NAME_BYTES + 16];
    snprintf(email, sizeof email, "%s@example.com", family->slug);
    const char *values[] = {family->slug, "The Smiths", email};
    PGresult *result =
        postgres_ask(server->platform, "SELECT family_id, job_id FROM sign_up_family($1, $2, $3)", 3, values);
    snprintf(family->id, sizeof family->id, "%s", PQgetvalue(result, 0, 0));
    snprintf(family->job, sizeof family->job, "%s", PQgetvalue(result, 0, 1));
    PQclear(result);
}

// The ledger's half of a worker: the ticket goes, the job runs.
static void begin(struct server *server, const struct family *family) {
    const char *values[] = {family->job, worker_session};
    say(server->platform, "DELETE FROM job_dispatches WHERE job_id = $1", 1, values);
    say(server->platform,
        "UPDATE jobs SET state = 'running', attempt = attempt + 1, epoch = epoch + 1, session_id = $2,"
        " started_at = clock_timestamp() WHERE id = $1 AND state = 'available'",
        2, values);
}

// Server and name, then the sealed password as a step: two commits.
static void reserve(struct server *server, const struct family *family) {
    postgres_run(server->platform, "BEGIN");
    PGresult *servers = postgres_ask(server->platform, server->statements.lock_servers, 0, NULL);
    const char *values[] = {family->id, PQgetvalue(servers, 0, 0), family->database};
    say(server->platform, "UPDATE families SET server_id = $2, db_name = $3 WHERE id = $1", 3, values);
    PQclear(servers);
    postgres_run(server->platform, "COMMIT");
    char result[TEXT_BYTES];
    snprintf(result, sizeof result, "\"%s\"", sealed);
    const char *step[] = {family->job, "1", "credentials", result, worker_session};
    PGresult *recorded = postgres_ask(server->platform, server->statements.complete_step, 5, step);
    if (PQntuples(recorded) != 1) {
        fail("the step of family %s was fenced", family->slug);
    }
    PQclear(recorded);
}

static void lock(struct server *server, const struct family *family, const char *function) {
    char statement[TEXT_BYTES];
    snprintf(statement, sizeof statement, "SELECT %s(hashtextextended($1, 0))", function);
    const char *values[] = {family->database};
    say(server->administration, statement, 1, values);
}

// The role with its mark, then the database, closed until its rights are right.
static void make_database(struct server *server, const struct family *family) {
    PGconn *session = server->administration;
    const char *names[] = {family->role, family->database};
    say(session, server->statements.observe, 2, names);
    char *verifier = PQencryptPasswordConn(session, family->password, family->role, "scram-sha-256");
    if (!verifier) {
        fail("PostgreSQL: %s", PQerrorMessage(session));
    }
    postgres_runf(session,
                  "CREATE ROLE %s LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION PASSWORD '%s';"
                  "COMMENT ON ROLE %s IS 'chorewheel family %s'",
                  family->role, verifier, family->role, family->id);
    PQfreemem(verifier);
    say(session, server->statements.observe, 2, names);
    postgres_runf(session, "CREATE DATABASE %s TEMPLATE template0 ENCODING 'UTF8' ALLOW_CONNECTIONS false",
                  family->database);
    postgres_runf(session,
                  "REVOKE ALL ON DATABASE %s FROM PUBLIC; GRANT CONNECT ON DATABASE %s TO %s;"
                  "COMMENT ON DATABASE %s IS 'chorewheel family %s'; ALTER DATABASE %s ALLOW_CONNECTIONS true",
                  family->database, family->database, family->role, family->database, family->id, family->database);
}

// Schema, rights and first rows, by the administrator in the new database.
static void fill_database(struct server *server, const struct family *family) {
    const char *id[] = {family->id};
    PGresult *owner = postgres_ask(server->platform, server->statements.owner, 1, id);
    PGconn *connection = postgres_open(server->url, family->database);
    const char *role[] = {family->role};
    say(connection, "SELECT set_config('chorewheel.role', $1, false)", 1, role);
    postgres_run(connection, server->statements.future_access);
    family_schema_apply(server->schema, connection, server->fingerprint);
    postgres_run(connection, server->statements.access);
    const char *values[] = {"The Smiths", family->slug, PQgetvalue(owner, 0, 0), PQgetvalue(owner, 0, 1),
                            PQgetvalue(owner, 0, 2)};
    say(connection, server->statements.default_data, 5, values);
    PQclear(owner);
    PQfinish(connection);
}

static void prove(struct server *server, const struct family *family) {
    PGconn *connection = postgres_open_as(server->url, family->database, family->role, family->password);
    PGresult *result = postgres_ask(connection, server->statements.prove, 0, NULL);
    const char *user = PQgetvalue(result, 0, PQfnumber(result, "user_name"));
    long version = atol(PQgetvalue(result, 0, PQfnumber(result, "schema_version")));
    const char *uses_tables = PQgetvalue(result, 0, PQfnumber(result, "uses_tables"));
    const char *creates = PQgetvalue(result, 0, PQfnumber(result, "creates_objects"));
    if (strcmp(user, family->role) != 0 || version != family_schema_version(server->schema) || *uses_tables != 't' ||
        *creates != 'f') {
        fail("%s is not as it must be: user %s, version %ld", family->database, user, version);
    }
    PQclear(result);
    PQfinish(connection);
}

// Route, audit row, parked jobs' wake-up and the job's success: one commit.
static void record(struct server *server, const struct family *family) {
    char version[24];
    snprintf(version, sizeof version, "%ld", family_schema_version(server->schema));
    const char *route[] = {family->id, "127.0.0.1", "5432", family->database, family->role, sealed, version,
                           family->job};
    postgres_run(server->platform, "BEGIN");
    PGresult *recorded = postgres_ask(server->platform, server->statements.record, 8, route);
    if (PQntuples(recorded) != 1) {
        fail("family %s was not recorded", family->slug);
    }
    PQclear(recorded);
    const char *id[] = {family->id}, *job[] = {family->job};
    say(server->platform, server->statements.unpark, 1, id);
    say(server->platform,
        "UPDATE jobs SET state = 'succeeded', session_id = NULL, result = '{}', settled_at = clock_timestamp()"
        " WHERE id = $1 AND epoch = 1 AND state = 'running'",
        1, job);
    postgres_run(server->platform, "COMMIT");
}

static void provision(struct server *server, long number) {
    struct family family;
    snprintf(family.slug, sizeof family.slug, "bench-%ld", number);
    snprintf(family.database, sizeof family.database, "family_bench_%ld", number);
    snprintf(family.role, sizeof family.role, "family_bench_%ld_app", number);
    snprintf(family.password, sizeof family.password, "0123456789abcdefghijklmnopqrstuvwxyzABCDEF-%ld", number);
    sign_up(server, &family);
    begin(server, &family);
    reserve(server, &family);
    lock(server, &family, "pg_advisory_lock");
    make_database(server, &family);
    fill_database(server, &family);
    prove(server, &family);
    record(server, &family);
    lock(server, &family, "pg_advisory_unlock");
}

static void take_away(struct server *server, long jobs) {
    for (long number = 0; number < jobs; number++) {
        postgres_runf(server->administration, "DROP DATABASE family_bench_%ld WITH (FORCE)", number);
        postgres_runf(server->administration, "DROP ROLE family_bench_%ld_app", number);
    }
    PQfinish(server->platform);
    postgres_runf(server->administration, "DROP DATABASE %s WITH (FORCE)", platform_name);
}

static enum fingerprint fingerprint_of(const char *name) {
    if (strcmp(name, "each") != 0 && strcmp(name, "last") != 0 && strcmp(name, "none") != 0) {
        fail("--fingerprint must be 'each', 'last' or 'none', not '%s'", name);
    }
    return *name == 'e' ? FINGERPRINT_EACH : *name == 'l' ? FINGERPRINT_LAST : FINGERPRINT_NONE;
}

int main(int count, char **words) {
    arguments_begin(count, words, usage);
    const char *url = argument_text("database", NULL);
    const char *project = argument_text("project", ".");
    const char *fingerprint = argument_text("fingerprint", "each");
    long jobs = argument_number("jobs", 50, 1, 10000);
    arguments_end();

    struct server server = {.url = url, .fingerprint = fingerprint_of(fingerprint)};
    server.administration = postgres_open(url, NULL);
    server.platform = make_platform(server.administration, url, project);
    server.statements = statements_read(project);
    server.schema = family_schema_read(project);

    double *samples = calloc((size_t)jobs, sizeof samples[0]);
    if (!samples) {
        fail("no memory for %ld samples", jobs);
    }
    double start = seconds_now();
    for (long job = 0; job < jobs; job++) {
        double begun = seconds_now();
        provision(&server, job);
        samples[job] = seconds_now() - begun;
    }
    double seconds = seconds_now() - start;
    long ready = postgres_number(server.platform,
                                 "SELECT count(*) FROM families f JOIN jobs j ON j.payload ->> 'family_id' = f.id::text"
                                 " WHERE f.status = 'trial' AND f.db_user IS NOT NULL AND j.state = 'succeeded'");
    if (ready != jobs) {
        fail("%ld of %ld families are ready", ready, jobs);
    }

    result_text("program", "floor postgres-provision");
    result_postgres_version(server.administration);
    result_text("workload", "W11");
    result_rate(jobs, ready, seconds);
    result_latencies("", samples, jobs);
    result_text("fingerprint", fingerprint);
    take_away(&server, jobs);
    result_print();
    PQfinish(server.administration);
    return 0;
}
