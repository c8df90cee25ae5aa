// One connection's share of postgres-drain: begins and settles batches of jobs until none is left.
//
// A batch's settlement is committed before the batch counts as settled. With `together`, it commits with the next
// batch's begin: one commit and one round trip for both, and as much is promised.
#ifndef LEDGER_WORKER_H
#define LEDGER_WORKER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "binary_value.h"

// What all workers of a drain share. Job number n has the id at n and the ticket n + 1.
struct ledger_work {
    const char *url;
    const char *database;
    const char (*ids)[UUID_BYTES];
    long jobs;
    long batch;
    bool together;
    bool tickets;
    pthread_barrier_t opened;  // all workers and the one who takes the time: everybody is connected
    atomic_long taken;
    atomic_long settled;
};

// Does the work on a connection of its own, as a session of its own. `argument` is a `struct ledger_work *`.
void *ledger_worker_run(void *argument);

#endif
