// PostgreSQL's binary format of the few types that the floors send: bigint, uuid, and arrays of them. Not for receiving
// anything but a bigint. (array_send in the server's arrayfuncs.c is the format's definition.)
#ifndef BINARY_VALUE_H
#define BINARY_VALUE_H

#include <stdint.h>

enum { UUID_BYTES = 16, BIGINT_OID = 20, UUID_OID = 2950, BIGINT_ARRAY_OID = 1016, UUID_ARRAY_OID = 2951 };

// A one-dimensional array under construction: elements of one size, room for a fixed number of them.
struct binary_array {
    char *bytes;
    int element_bytes;
    int element_oid;
    int count;
};

struct binary_array binary_array_make(int element_oid, int element_bytes, int room);
void binary_array_clear(struct binary_array *array);
// Appends one element, already in its binary format.
void binary_array_append(struct binary_array *array, const void *element);
// How many bytes the array is, its header up to date.
int binary_array_finish(struct binary_array *array);
void binary_array_free(struct binary_array *array);

// A bigint as PostgreSQL sends it, and back.
uint64_t bigint_binary(int64_t value);
int64_t bigint_value(const char *binary);

#endif
