// See timing.h.
#include "timing.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "result.h"

double seconds_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

void pause_milliseconds(long milliseconds) {
    struct timespec wait = {milliseconds / 1000, milliseconds % 1000 * 1000000};
    nanosleep(&wait, NULL);
}

static int by_size(const void *left, const void *right) {
    double difference = *(const double *)left - *(const double *)right;
    return (difference > 0) - (difference < 0);
}

static double percentile(const double *sorted, long count, double share) {
    long rank = (long)ceil(share * (double)count);
    return sorted[rank < 1 ? 0 : rank - 1];
}

void result_latencies(const char *prefix, double *samples, long count) {
    if (count < 1) {
        fail("there are no samples");
    }
    qsort(samples, (size_t)count, sizeof samples[0], by_size);
    char name[64];
    snprintf(name, sizeof name, "%sp50_ms", prefix);
    result_figure(name, percentile(samples, count, 0.50) * 1e3);
    snprintf(name, sizeof name, "%sp99_ms", prefix);
    result_figure(name, percentile(samples, count, 0.99) * 1e3);
    snprintf(name, sizeof name, "%smax_ms", prefix);
    result_figure(name, samples[count - 1] * 1e3);
}
