// hiredis as a formatter and a parser only: the socket belongs to SwiftNIO.
#pragma once
#include <hiredis/hiredis.h>

/// The reader's error text. `char errstr[128]` would arrive in Swift as a tuple of 128 elements.
static inline const char *chiredis_reader_error(const redisReader *reader) { return reader->errstr; }
