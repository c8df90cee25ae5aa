// What Swift cannot import from libpq by itself: field identifiers are character-literal macros.
#pragma once
#include <libpq-fe.h>

/// The SQLSTATE of a failed result, or NULL.
static inline const char *clibpq_sqlstate(const PGresult *result) {
    return PQresultErrorField(result, PG_DIAG_SQLSTATE);
}

/// The primary message of a failed result, or NULL.
static inline const char *clibpq_message(const PGresult *result) {
    return PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
}

/// The detail of a failed result, or NULL. It may hold values of the row: never show it unasked.
static inline const char *clibpq_detail(const PGresult *result) {
    return PQresultErrorField(result, PG_DIAG_MESSAGE_DETAIL);
}

/// The hint of a failed result, or NULL.
static inline const char *clibpq_hint(const PGresult *result) {
    return PQresultErrorField(result, PG_DIAG_MESSAGE_HINT);
}

/// The name of the violated constraint, or NULL.
static inline const char *clibpq_constraint(const PGresult *result) {
    return PQresultErrorField(result, PG_DIAG_CONSTRAINT_NAME);
}

/// Where in the statement the error is, in characters from 1, or NULL.
static inline const char *clibpq_position(const PGresult *result) {
    return PQresultErrorField(result, PG_DIAG_STATEMENT_POSITION);
}

/// The server's function that reported the error, or NULL. Unlike the message it is never translated.
static inline const char *clibpq_routine(const PGresult *result) {
    return PQresultErrorField(result, PG_DIAG_SOURCE_FUNCTION);
}

/// How grave a notice or error is (`NOTICE`, `FATAL` …), never translated, or NULL.
static inline const char *clibpq_severity(const PGresult *result) {
    return PQresultErrorField(result, PG_DIAG_SEVERITY_NONLOCALIZED);
}
