// See binary_value.h.
#include "binary_value.h"

#include <arpa/inet.h>
#include <endian.h>
#include <stdlib.h>
#include <string.h>

#include "result.h"

// Dimensions, a flag for nulls, the element's type, the length, the lower bound: five big-endian integers.
enum { HEADER_BYTES = 20, LENGTH_BYTES = 4 };

static void put(char *bytes, int32_t value) {
    uint32_t big_endian = htonl((uint32_t)value);
    memcpy(bytes, &big_endian, sizeof big_endian);
}

struct binary_array binary_array_make(int element_oid, int element_bytes, int room) {
    struct binary_array array = {NULL, element_bytes, element_oid, 0};
    array.bytes = calloc(1, HEADER_BYTES + (size_t)room * (size_t)(LENGTH_BYTES + element_bytes));
    if (!array.bytes) {
        fail("no memory for an array of %d", room);
    }
    return array;
}

void binary_array_clear(struct binary_array *array) { array->count = 0; }

void binary_array_append(struct binary_array *array, const void *element) {
    char *place = array->bytes + HEADER_BYTES + (size_t)array->count * (size_t)(LENGTH_BYTES + array->element_bytes);
    put(place, array->element_bytes);
    memcpy(place + LENGTH_BYTES, element, (size_t)array->element_bytes);
    array->count++;
}

int binary_array_finish(struct binary_array *array) {
    const int32_t header[] = {1, 0, array->element_oid, array->count, 1};
    for (int field = 0; field < 5; field++) {
        put(array->bytes + 4 * field, header[field]);
    }
    return HEADER_BYTES + array->count * (LENGTH_BYTES + array->element_bytes);
}

void binary_array_free(struct binary_array *array) { free(array->bytes); }

uint64_t bigint_binary(int64_t value) { return htobe64((uint64_t)value); }

int64_t bigint_value(const char *binary) {
    uint64_t big_endian;
    memcpy(&big_endian, binary, sizeof big_endian);
    return (int64_t)be64toh(big_endian);
}
