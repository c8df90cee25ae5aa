// The family schema as the project's migration engine makes it: each file and its record in one transaction, files
// without a transaction part by part. The statements are the project's; what is left out are its checks of what an
// earlier, killed run may have left, and the hashing of files (which is no statement).
#ifndef FAMILY_SCHEMA_H
#define FAMILY_SCHEMA_H

#include <libpq-fe.h>

// After which migrations the catalog's fingerprint is taken.
enum fingerprint { FINGERPRINT_EACH, FINGERPRINT_LAST, FINGERPRINT_NONE };

// The files and statements, read once.
struct family_schema;
const struct family_schema *family_schema_read(const char *project);

// How many migrations there are: the schema's version.
long family_schema_version(const struct family_schema *schema);

// Makes the schema in an empty database, in the session of its owner.
void family_schema_apply(const struct family_schema *schema, PGconn *connection, enum fingerprint fingerprint);

#endif
