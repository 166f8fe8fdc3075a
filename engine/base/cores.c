/* SPDX-License-Identifier: BSD-2-Clause
 *
 * What the process may use is asked of its first thread: those of the pool have masks of our making. */
#include "base/cores.h"

#include <limits.h>
#include <sched.h>
#include <unistd.h>

#include "base/cgroup.h"
#include "base/size.h"

/* The process's set of cores, for any number of them; *bytes is its size. NULL on failure. */
static cpu_set_t *allowed_cores(size_t *bytes)
{
    for (int cores = 1024; cores <= 1 << 20; cores *= 2) {
        cpu_set_t *set = CPU_ALLOC((size_t)cores);
        if (!set)
            return NULL;
        *bytes = CPU_ALLOC_SIZE((size_t)cores);
        CPU_ZERO_S(*bytes, set);
        if (sched_getaffinity(getpid(), *bytes, set) == 0)
            return set;
        CPU_FREE(set);
    }
    return NULL;
}

int cores_available(void)
{
    size_t bytes;
    cpu_set_t *set = allowed_cores(&bytes);
    int cores = set ? CPU_COUNT_S(bytes, set) : (int)sysconf(_SC_NPROCESSORS_ONLN);
    if (set)
        CPU_FREE(set);
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
    size_t bytes;
    cpu_set_t *set = allowed_cores(&bytes);
    if (!set)
        return false;
    for (int i = 0; i < count; i++)
        if (taken[i] >= 0 && (size_t)taken[i] < bytes * CHAR_BIT)
            CPU_CLR_S((size_t)taken[i], bytes, set);
    int left = CPU_COUNT_S(bytes, set);
    for (int core = 0; one && left > 1; core++)
        if (CPU_ISSET_S((size_t)core, bytes, set)) {
            CPU_CLR_S((size_t)core, bytes, set); /* the last one stays: the first are everybody's choice */
            left--;
        }
    const bool moved = left > 0 && sched_setaffinity(0, bytes, set) == 0;
    CPU_FREE(set);
    return moved;
}

void cores_pin(int number)
{
    size_t bytes;
    cpu_set_t *set = allowed_cores(&bytes);
    if (!set)
        return;
    const int count = CPU_COUNT_S(bytes, set);
    int wanted = count ? number % count : 0, seen = 0;
    for (size_t core = 0; core < bytes * CHAR_BIT; core++)
        if (CPU_ISSET_S(core, bytes, set) && seen++ != wanted)
            CPU_CLR_S(core, bytes, set);
    if (count)
        sched_setaffinity(0, bytes, set);
    CPU_FREE(set);
}
