// See result.h.
#include "result.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { RESULT_BYTES_MAX = 4096, STATUS_FAILED = 1 };

static char line[RESULT_BYTES_MAX];
static size_t length;

__attribute__((format(printf, 1, 2))) static void append(const char *format, ...) {
    va_list values;
    va_start(values, format);
    int added = vsnprintf(line + length, sizeof line - length, format, values);
    va_end(values);
    if (added < 0 || (size_t)added >= sizeof line - length) {
        fail("the result is longer than %d bytes", RESULT_BYTES_MAX);
    }
    length += (size_t)added;
}

static const char *separator(void) { return length == 0 ? "{" : ", "; }

void result_text(const char *name, const char *value) {
    for (const char *byte = value; *byte; byte++) {
        if (*byte == '"' || *byte == '\\' || (unsigned char)*byte < ' ') {
            fail("%s has a character that the result cannot hold", name);
        }
    }
    append("%s\"%s\": \"%s\"", separator(), name, value);
}

void result_count(const char *name, long value) { append("%s\"%s\": %ld", separator(), name, value); }

void result_figure(const char *name, double value) { append("%s\"%s\": %.6g", separator(), name, value); }

void result_rate(long jobs, long settled, double seconds) {
    result_count("jobs", jobs);
    result_count("settled", settled);
    result_figure("seconds", seconds);
    result_count("per_second", (long)((double)jobs / seconds));
}

void result_print(void) {
    printf("%s}\n", line);
    if (fflush(stdout) != 0) {
        fail("standard output is closed");
    }
}

_Noreturn void fail(const char *format, ...) {
    va_list values;
    va_start(values, format);
    vfprintf(stderr, format, values);
    va_end(values);
    fputc('\n', stderr);
    exit(STATUS_FAILED);
}
