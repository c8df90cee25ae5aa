// Time and its order statistics. CLOCK_MONOTONIC, so that two threads of one program may subtract.
#ifndef TIMING_H
#define TIMING_H

// Seconds since some moment, to the nanosecond.
double seconds_now(void);

// Sleeps; a signal may end it early.
void pause_milliseconds(long milliseconds);

// Sorts `samples` (seconds) and adds p50_ms, p99_ms and max_ms to the result, after `prefix`. Nearest rank.
void result_latencies(const char *prefix, double *samples, long count);

#endif
