// See postgres_session.h.
#include "postgres_session.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "result.h"

enum { STATEMENT_BYTES = 8192 };

PGconn *postgres_open_as(const char *url, const char *database, const char *user, const char *password) {
    const char *names[8] = {"dbname", "client_encoding", "connect_timeout", "options"};
    const char *values[8] = {url, "UTF8", "10", "-c client_min_messages=warning"};
    int count = 4;
    // The first dbname is expanded as a whole conninfo; what follows it wins.
    const char *const more[][2] = {{"dbname", database}, {"user", user}, {"password", password}};
    for (int index = 0; index < 3; index++) {
        if (more[index][1]) {
            names[count] = more[index][0];
            values[count++] = more[index][1];
        }
    }
    PGconn *connection = PQconnectdbParams(names, values, 1);
    if (PQstatus(connection) != CONNECTION_OK) {
        fail("PostgreSQL: %s", PQerrorMessage(connection));
    }
    return connection;
}

PGconn *postgres_open(const char *url, const char *database) { return postgres_open_as(url, database, NULL, NULL); }

PGresult *postgres_checked(PGconn *connection, PGresult *result) {
    ExecStatusType status = PQresultStatus(result);
    if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK) {
        const char *message = result ? PQresultErrorMessage(result) : "";
        fail("PostgreSQL: %s", *message ? message : PQerrorMessage(connection));
    }
    return result;
}

void postgres_run(PGconn *connection, const char *statements) {
    PQclear(postgres_checked(connection, PQexec(connection, statements)));
}

void postgres_runf(PGconn *connection, const char *format, ...) {
    char statement[STATEMENT_BYTES];
    va_list values;
    va_start(values, format);
    int length = vsnprintf(statement, sizeof statement, format, values);
    va_end(values);
    if (length < 0 || (size_t)length >= sizeof statement) {
        fail("a statement is longer than %d bytes", STATEMENT_BYTES);
    }
    postgres_run(connection, statement);
}

PGresult *postgres_ask(PGconn *connection, const char *statement, int count, const char *const *parameters) {
    return postgres_checked(connection,
                            PQexecParams(connection, statement, count, NULL, parameters, NULL, NULL, 0));
}

long postgres_number(PGconn *connection, const char *statement) {
    PGresult *result = postgres_ask(connection, statement, 0, NULL);
    if (PQntuples(result) != 1) {
        fail("PostgreSQL gave %d rows, not one, for: %s", PQntuples(result), statement);
    }
    long number = atol(PQgetvalue(result, 0, 0));
    PQclear(result);
    return number;
}

void postgres_make_database(PGconn *connection, const char *name) {
    postgres_runf(connection, "DROP DATABASE IF EXISTS %s WITH (FORCE)", name);
    postgres_runf(connection, "CREATE DATABASE %s TEMPLATE template0 ENCODING 'UTF8'", name);
}

void result_postgres_version(PGconn *connection) {
    int client = PQlibVersion(), server = PQserverVersion(connection);
    char text[96];
    snprintf(text, sizeof text, "libpq %d.%d, PostgreSQL %d.%d", client / 10000, client % 10000, server / 10000,
             server % 10000);
    result_text("version", text);
}
