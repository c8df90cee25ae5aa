// See family_schema.h.
#include "family_schema.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "postgres_session.h"
#include "result.h"
#include "script_file.h"

enum { PARTS_MAX = 32, FINGERPRINT_BYTES = 65 };

static const char no_transaction_mark[] = "-- chorewheel: no-transaction";
static const char next_mark[] = "-- chorewheel: next";
// In place of the SHA-256 of a file.
static const char checksum[] = "0000000000000000000000000000000000000000000000000000000000000000";

struct migration {
    const char *name;
    char *whole;  // the text as one script inside a transaction, or NULL
    char *parts[PARTS_MAX];
    int part_count;
};

struct family_schema {
    long count;
    struct migration *migrations;
    char *create_ledger;
    char *record_started;
    char *record_applied;
    char *fingerprint;
};

// A transaction's beginning, the file, and what the fingerprint needs: one round trip.
static char *transaction_around(const char *text) {
    static const char before[] = "BEGIN; SET LOCAL lock_timeout = 2000;\n";
    static const char after[] = "\n;SET LOCAL search_path = pg_catalog";
    size_t bytes = sizeof before + strlen(text) + sizeof after;
    char *whole = malloc(bytes);
    if (!whole) {
        fail("no memory for a migration");
    }
    snprintf(whole, bytes, "%s%s%s", before, text, after);
    return whole;
}

static void split(struct migration *migration, char *text) {
    for (char *part = text; part; migration->part_count++) {
        if (migration->part_count == PARTS_MAX) {
            fail("%s has more than %d parts", migration->name, PARTS_MAX);
        }
        migration->parts[migration->part_count] = part;
        part = strstr(part, next_mark);
        if (part) {
            *part = '\0';
            part += sizeof next_mark - 1;
        }
    }
}

const struct family_schema *family_schema_read(const char *project) {
    struct scripts scripts = scripts_read(project, "migrations/family");
    struct family_schema *schema = calloc(1, sizeof *schema);
    schema->count = scripts.count;
    schema->migrations = calloc((size_t)scripts.count, sizeof schema->migrations[0]);
    for (long index = 0; index < scripts.count; index++) {
        struct migration *migration = &schema->migrations[index];
        migration->name = scripts.names[index];
        if (strncmp(scripts.texts[index], no_transaction_mark, sizeof no_transaction_mark - 1) == 0) {
            split(migration, scripts.texts[index]);
        } else {
            migration->whole = transaction_around(scripts.texts[index]);
        }
    }
    schema->create_ledger = script_read(project, "Sources/Tenancy/Migrations/create_ledger.sql");
    schema->record_started = script_read(project, "Sources/Tenancy/Migrations/record_started.sql");
    schema->record_applied = script_read(project, "Sources/Tenancy/Migrations/record_applied.sql");
    schema->fingerprint = script_read(project, "Sources/Tenancy/Migrations/catalog_fingerprint.sql");
    return schema;
}

long family_schema_version(const struct family_schema *schema) { return schema->count; }

// Inside the migration's transaction, whose search_path is pg_catalog's alone.
static void record(const struct family_schema *schema, PGconn *connection, long version, bool take_fingerprint) {
    char version_text[24], fingerprint[FINGERPRINT_BYTES] = "";
    snprintf(version_text, sizeof version_text, "%ld", version);
    if (take_fingerprint) {
        PGresult *result = postgres_ask(connection, schema->fingerprint, 0, NULL);
        snprintf(fingerprint, sizeof fingerprint, "%s", PQgetvalue(result, 0, 0));
        PQclear(result);
    }
    const char *values[] = {version_text, schema->migrations[version - 1].name, checksum, checksum,
                            take_fingerprint ? fingerprint : NULL, "1"};
    PQclear(postgres_ask(connection, schema->record_applied, 6, values));
    postgres_run(connection, "COMMIT");
}

static void run_parts(const struct family_schema *schema, PGconn *connection, long version) {
    const struct migration *migration = &schema->migrations[version - 1];
    char version_text[24];
    snprintf(version_text, sizeof version_text, "%ld", version);
    const char *values[] = {version_text, migration->name, checksum, checksum, "started"};
    PQclear(postgres_ask(connection, schema->record_started, 5, values));
    for (int part = 0; part < migration->part_count; part++) {
        postgres_run(connection, migration->parts[part]);
        postgres_runf(connection, "UPDATE public.schema_migrations SET statements_done = %d WHERE version = %ld",
                      part + 1, version);
    }
    postgres_run(connection, "BEGIN; SET LOCAL search_path = pg_catalog");
}

void family_schema_apply(const struct family_schema *schema, PGconn *connection, enum fingerprint fingerprint) {
    postgres_run(connection, schema->create_ledger);
    for (long version = 1; version <= schema->count; version++) {
        const struct migration *migration = &schema->migrations[version - 1];
        if (migration->whole) {
            postgres_run(connection, migration->whole);
        } else {
            run_parts(schema, connection, version);
        }
        bool take = fingerprint == FINGERPRINT_EACH || (fingerprint == FINGERPRINT_LAST && version == schema->count);
        record(schema, connection, version, take);
    }
}
