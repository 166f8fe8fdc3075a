/* SPDX-License-Identifier: BSD-2-Clause
 *
 * A pool of threads that share the parts of one job at a time. The caller works too. Workers spin for at most 50 us,
 * then sleep. If the pool is busy with another session's job, the caller runs all parts itself: nobody waits.
 * Results never depend on the number of threads, because jobs are cut in parts by their shape alone. */
#ifndef ONYX_BASE_WORKERS_H
#define ONYX_BASE_WORKERS_H

#include "onyx.h"

typedef struct workers workers;

/* `worker` is 0..workers_count()-1 and unique among the threads of this job: use it to pick scratch memory. */
typedef void workers_function(void *context, int part, int worker);

/* count >= 1 threads, the caller's included; count 1 starts no thread. */
onyx_status workers_new(int count, bool pin, workers **pool, onyx_error *error);
void workers_free(workers *pool);
int workers_count(const workers *pool);
/* Calls function(context, part, worker) once for each part in 0..parts-1, in any order, and returns when all are done.
 * pool may be NULL: all parts run here as worker 0. */
void workers_run(workers *pool, workers_function *function, void *context, int parts);
/* Cores that this process may use: affinity and cgroup quota. */
int workers_available_cores(void);
/* Flush-to-zero on this thread; returns the former state for workers_restore_float_mode. */
unsigned workers_set_float_mode(void);
void workers_restore_float_mode(unsigned state);

#endif
