// A plain libpq connection whose every failure ends the program: a floor has nothing to retry.
#ifndef POSTGRES_SESSION_H
#define POSTGRES_SESSION_H

#include <libpq-fe.h>
#include <stddef.h>

// Connects to `url` (any conninfo), to the database `database` of it, or with NULL to the one that it names.
PGconn *postgres_open(const char *url, const char *database);

// As `postgres_open`, as another role.
PGconn *postgres_open_as(const char *url, const char *database, const char *user, const char *password);

// Runs one or more statements without parameters.
void postgres_run(PGconn *connection, const char *statements);

// As `postgres_run`; `format` as of printf. Only for texts of the program's own.
void postgres_runf(PGconn *connection, const char *format, ...) __attribute__((format(printf, 2, 3)));

// Asks one statement with text parameters; the result is the caller's to clear.
PGresult *postgres_ask(PGconn *connection, const char *statement, int count, const char *const *parameters);

// Asks for one whole number.
long postgres_number(PGconn *connection, const char *statement);

// Refuses a result that is an error; the result otherwise.
PGresult *postgres_checked(PGconn *connection, PGresult *result);

// Makes an empty database; what has the name already is dropped.
void postgres_make_database(PGconn *connection, const char *name);

// Adds `version`: that of libpq and of the server.
void result_postgres_version(PGconn *connection);

#endif
