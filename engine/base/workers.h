/* SPDX-License-Identifier: BSD-2-Clause
 *
 * A pool of threads that several callers share. A job is cut in parts; the caller works on them together with as many
 * idle workers as are its share: all when it is alone, fewer when other runs go on beside it. Nobody waits for a
 * worker that is busy elsewhere. Workers spin for at most 50 us after a job, then sleep.
 * Results never depend on the number of threads, because jobs are cut in parts by their shape alone. */
#ifndef ONYX_BASE_WORKERS_H
#define ONYX_BASE_WORKERS_H

#include "onyx.h"

typedef struct workers workers;

/* `worker` is 0..workers_count()-1 and unique among the threads of this job: use it to pick scratch memory. */
typedef void workers_function(void *context, int part, int worker);

/* count >= 1 threads, the caller's included; count 1 starts no thread. `pin`: each worker to one core from the start;
 * without it, a worker that meets its caller (or another worker of the job) on one core keeps off that core. */
onyx_status workers_new(int count, bool pin, workers **pool, onyx_error *error);
void workers_free(workers *pool);
int workers_count(const workers *pool);
/* Calls function(context, part, worker) once for each part in 0..parts-1, in any order, and returns when all are done.
 * pool may be NULL: all parts run here as worker 0. */
void workers_run(workers *pool, workers_function *function, void *context, int parts);
/* Around many jobs of one caller, such as the run of a network: while several callers are between the two, each gets
 * its share of the threads only. pool may be NULL. */
void workers_enter(workers *pool);
void workers_leave(workers *pool);
/* Cores that this process may use: affinity and cgroup quota. */
int workers_available_cores(void);
/* Flush-to-zero on this thread; returns the former state for workers_restore_float_mode. */
unsigned workers_set_float_mode(void);
void workers_restore_float_mode(unsigned state);

#endif
