/* SPDX-License-Identifier: BSD-2-Clause
 *
 * What the process may use is asked of its first thread: those of the pool have masks of our making. */
#include "base/cores.h"

#include <limits.h>
#include <sched.h>
#include <unistd.h>

#include "base/cgroup.h"
#include "base/size.h"

/* Room for twice as many cores as Linux can have; on the stack, because workers look around in the middle of a run. */
enum { SETS = 16 };
#define SET_BYTES (SETS * sizeof(cpu_set_t))

/* The process's set of cores; false on failure. */
static bool allowed_cores(cpu_set_t *set)
{
    CPU_ZERO_S(SET_BYTES, set);
    return sched_getaffinity(getpid(), SET_BYTES, set) == 0;
}

int cores_available(void)
{
    cpu_set_t set[SETS];
    int cores = allowed_cores(set) ? CPU_COUNT_S(SET_BYTES, set) : (int)sysconf(_SC_NPROCESSORS_ONLN);
    int quota = cgroup_quota_cores("");
    if (quota > 0)
        cores = MIN(cores, quota);
    return MAX(cores, 1);
}

int cores_current(void)
{
    return sched_getcpu();
}

bool cores_keep_off(const int *taken, int count, bool one)
{
    cpu_set_t set[SETS];
    if (!allowed_cores(set))
        return false;
    for (int i = 0; i < count; i++)
        if (taken[i] >= 0 && (size_t)taken[i] < SET_BYTES * CHAR_BIT)
            CPU_CLR_S((size_t)taken[i], SET_BYTES, set);
    int left = CPU_COUNT_S(SET_BYTES, set);
    for (size_t core = 0; one && left > 1; core++)
        if (CPU_ISSET_S(core, SET_BYTES, set)) {
            CPU_CLR_S(core, SET_BYTES, set); /* the last one stays: the first are everybody's choice */
            left--;
        }
    return left > 0 && sched_setaffinity(0, SET_BYTES, set) == 0;
}

void cores_pin(int number)
{
    cpu_set_t set[SETS];
    const int count = allowed_cores(set) ? CPU_COUNT_S(SET_BYTES, set) : 0;
    if (!count)
        return;
    int wanted = number % count, seen = 0;
    for (size_t core = 0; core < SET_BYTES * CHAR_BIT; core++)
        if (CPU_ISSET_S(core, SET_BYTES, set) && seen++ != wanted)
            CPU_CLR_S(core, SET_BYTES, set);
    sched_setaffinity(0, SET_BYTES, set);
}
