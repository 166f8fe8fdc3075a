/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The pool: every part once, worker numbers unique, busy and nested pools, signals, the float mode, pinning, quotas.
 * Meant to be run under TSan as well. */
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/cgroup.h"
#include "base/size.h"
#include "base/workers.h"
#include "check.h"

#define MAX_PARTS 300
#define MAX_THREADS 16

typedef struct job {
    workers *pool;
    atomic_int runs[MAX_PARTS];
    atomic_int inside[MAX_THREADS]; /* how many threads use a worker number at the moment */
    atomic_int clashes;
    atomic_int used[MAX_THREADS];
    int plain[MAX_PARTS]; /* written by workers, read by the caller: for TSan */
} job;

static void count_part(void *context, int part, int worker)
{
    job *j = context;
    if (worker < 0 || worker >= workers_count(j->pool) || atomic_fetch_add(&j->inside[worker], 1) != 0)
        atomic_fetch_add(&j->clashes, 1);
    atomic_fetch_add(&j->runs[part], 1);
    if (worker >= 0 && worker < MAX_THREADS)
        atomic_store(&j->used[worker], 1);
    j->plain[part] += part;
    atomic_fetch_sub(&j->inside[worker], 1);
}

static int wrong_parts(const job *j, int parts, int times)
{
    int wrong = atomic_load(&j->clashes);
    for (int i = 0; i < MAX_PARTS; i++)
        wrong += j->runs[i] != (i < parts ? times : 0) || j->plain[i] != (i < parts ? times * i : 0);
    return wrong;
}

static void test_every_part(int threads)
{
    static const int sizes[] = { 0, 1, 2, 3, 7, 64, MAX_PARTS };
    workers *pool = NULL;
    if (!CHECK(workers_new(threads, false, &pool, NULL) == ONYX_OK, "%d threads start", threads))
        return;
    for (size_t i = 0; i < ARRAY_LENGTH(sizes); i++) {
        static job j;
        memset(&j, 0, sizeof j);
        j.pool = pool;
        for (int k = 0; k < 200; k++)
            workers_run(pool, count_part, &j, sizes[i]);
        int wrong = wrong_parts(&j, sizes[i], 200);
        CHECK(wrong == 0, "%d threads, %d parts: %d parts are wrong", threads, sizes[i], wrong);
    }
    workers_free(pool);
}

static void *run_many(void *context)
{
    job *j = context;
    for (int k = 0; k < 300; k++)
        workers_run(j->pool, count_part, j, 1 + k % 9);
    return NULL;
}

/* Several threads, each with its own job, on one pool: each takes the workers that are idle. */
static void test_shared_pool(void)
{
    static job jobs[4];
    pthread_t threads[4];
    workers *pool = NULL;
    workers_new(3, false, &pool, NULL);
    memset(jobs, 0, sizeof jobs);
    for (int i = 0; i < 4; i++) {
        jobs[i].pool = pool;
        pthread_create(&threads[i], NULL, run_many, &jobs[i]);
    }
    int wrong = 0;
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
        wrong += atomic_load(&jobs[i].clashes);
        for (int part = 0; part < 9; part++) {
            int times = 0;
            for (int k = 0; k < 300; k++)
                times += part < 1 + k % 9;
            wrong += jobs[i].runs[part] != times || jobs[i].plain[part] != times * part;
        }
    }
    CHECK(wrong == 0, "%d parts are wrong with four callers", wrong);
    workers_free(pool);
}

/* With as many callers as threads, each works alone; when they have gone, the workers help again. */
static void test_shares(void)
{
    static job j;
    workers *pool = NULL;
    workers_new(4, false, &pool, NULL);
    for (int callers = 1; callers <= 5; callers++) {
        int most = 0;
        workers_enter(pool);
        for (int k = 0; k < 100; k++) {
            memset(&j, 0, sizeof j);
            j.pool = pool;
            workers_run(pool, count_part, &j, 64);
            int used = 0;
            for (int i = 0; i < MAX_THREADS; i++)
                used += j.used[i];
            most = MAX(most, used);
            if (wrong_parts(&j, 64, 1))
                most = MAX_THREADS;
        }
        const int allowed = MAX((4 + callers - 1) / callers, 1);
        CHECK(most <= allowed, "%d callers: a job ran on %d threads, %d are its share", callers, most, allowed);
    }
    for (int callers = 1; callers <= 5; callers++)
        workers_leave(pool);
    workers_enter(NULL);
    workers_leave(NULL);
    workers_free(pool);
}

typedef struct nested {
    workers *pool;
    atomic_int inner, foreign;
    atomic_uintptr_t holders[MAX_THREADS]; /* the thread that has a number */
} nested;

static void inner_part(void *context, int part, int worker)
{
    nested *n = context;
    uintptr_t none = 0, self = (uintptr_t)pthread_self();
    atomic_fetch_add(&n->inner, part + 1);
    if (!atomic_compare_exchange_strong(&n->holders[worker], &none, self) && none != self)
        atomic_fetch_add(&n->foreign, 1);
}

static void outer_part(void *context, int part, int worker)
{
    nested *n = context;
    inner_part(context, -1, worker);
    workers_run(n->pool, inner_part, n, 4);
}

static void test_nested(void)
{
    nested n = { 0 };
    workers_new(4, false, &n.pool, NULL);
    for (int i = 0; i < 50; i++)
        workers_run(n.pool, outer_part, &n, 20);
    CHECK(n.inner == 50 * 20 * 10, "nested jobs ran %d instead of %d", n.inner, 50 * 20 * 10);
    CHECK(n.foreign == 0, "%d parts of nested jobs have the number of another thread", n.foreign);
    workers_free(n.pool);
}

/* Signals that worker 1 takes: bit 0 one of the program's, bit 1 one of its own instructions'. */
static void note_signals(void *context, int part, int worker)
{
    atomic_int *taken = context;
    sigset_t blocked;
    (void)part;
    pthread_sigmask(SIG_BLOCK, NULL, &blocked);
    if (worker == 1)
        atomic_store(taken, (sigismember(&blocked, SIGTERM) ? 0 : 1) + (sigismember(&blocked, SIGILL) ? 0 : 2));
    for (int i = 0; i < 1000 && atomic_load(taken) < 0; i++) /* until it has come by */
        usleep(1000);
}

static void test_signals(void)
{
    workers *pool = NULL;
    atomic_int taken = -1;
    if (!CHECK(workers_new(2, false, &pool, NULL) == ONYX_OK, "2 threads start"))
        return;
    workers_run(pool, note_signals, &taken, 2);
    workers_free(pool);
    if (atomic_load(&taken) < 0)
        check_skip("the worker did not come by");
    else
        CHECK(atomic_load(&taken) == 2, "a worker takes signals %d instead of 2", atomic_load(&taken));
}

static void multiply_denormal(void *context, int part, int worker)
{
    volatile float small = 1e-38f, factor = 1e-3f;
    if (small * factor != 0)
        atomic_fetch_add((atomic_int *)context, 1);
}

static void test_float_mode(void)
{
    volatile float small = 1e-38f, factor = 1e-3f;
    workers *pool = NULL;
    atomic_int kept = 0;
    unsigned mode = workers_set_float_mode();
    bool flushed = small * factor == 0;
    workers_restore_float_mode(mode);
    if (!flushed) {
        check_skip("denormals are not flushed here (an emulator?)");
        return;
    }
    workers_new(3, false, &pool, NULL);
    workers_run(pool, multiply_denormal, &kept, 64);
    workers_run(NULL, multiply_denormal, &kept, 1);
    CHECK(kept == 0, "%d parts saw denormals", kept);
    CHECK(small * factor != 0, "the caller's float mode is not restored");
    workers_free(pool);
}

static int64_t process_cpu_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void test_idle(void)
{
    static job j;
    workers *pool = NULL;
    workers_new(4, false, &pool, NULL);
    j.pool = pool;
    workers_run(pool, count_part, &j, 100);
    nanosleep(&(struct timespec){ .tv_nsec = 20000000 }, NULL);
    int64_t before = process_cpu_ns();
    nanosleep(&(struct timespec){ .tv_nsec = 200000000 }, NULL);
    int64_t used = process_cpu_ns() - before;
    CHECK(used < 50000000, "an idle pool used %lld ns of CPU", (long long)used);
    workers_run(pool, count_part, &j, 100);
    CHECK(wrong_parts(&j, 100, 2) == 0, "a sleeping pool does not wake up well");
    workers_free(pool);
}

typedef struct pin_job {
    atomic_int core[MAX_THREADS]; /* core + 1 of each worker, -1: several */
} pin_job;

static void note_core(void *context, int part, int worker)
{
    pin_job *j = context;
    cpu_set_t set;
    sched_getaffinity(0, sizeof set, &set);
    int first = 0;
    while (!CPU_ISSET(first, &set))
        first++;
    j->core[worker] = CPU_COUNT(&set) == 1 ? first + 1 : -1;
    sched_yield();
}

static void test_pinning(void)
{
    cpu_set_t all;
    sched_getaffinity(0, sizeof all, &all);
    int threads = MIN(CPU_COUNT(&all), MAX_THREADS);
    if (threads < 2) {
        check_skip("pinning: one core only");
        return;
    }
    pin_job j = { 0 };
    workers *pool = NULL;
    workers_new(threads, true, &pool, NULL);
    for (int i = 0; i < 50; i++)
        workers_run(pool, note_core, &j, 64);
    workers_free(pool);
    int wrong = 0;
    for (int i = 1; i < threads; i++) {
        wrong += j.core[i] < 0; /* 0: this worker never got a part */
        for (int k = 1; k < i; k++)
            wrong += j.core[i] > 0 && j.core[i] == j.core[k];
    }
    CHECK(wrong == 0, "%d of %d workers are not pinned to a core of their own", wrong, threads - 1);
}

static void write_file(const char *root, const char *path, const char *text)
{
    char whole[512];
    snprintf(whole, sizeof whole, "%s%s", root, path);
    for (char *slash = strchr(whole + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        mkdir(whole, 0700);
        *slash = '/';
    }
    FILE *file = fopen(whole, "w");
    if (file) {
        fputs(text, file);
        fclose(file);
    }
}

static void test_cgroups(void)
{
    static const struct {
        const char *groups, *files[3][2];
        int cores;
    } cases[] = {
        { "0::/a/b\n", { { "/sys/fs/cgroup/a/cpu.max", "250000 100000\n" } }, 2 },
        { "0::/a/b\n", { { "/sys/fs/cgroup/a/b/cpu.max", "max 100000\n" } }, 0 },
        { "0::/\n", { { "/sys/fs/cgroup/cpu.max", "50000 100000\n" } }, 1 },
        { "0::/a/b\n",
          { { "/sys/fs/cgroup/a/b/cpu.max", "800000 100000\n" }, { "/sys/fs/cgroup/a/cpu.max", "300000 100000\n" } },
          3 },
        { "5:cpu,cpuacct:/x\n2:memory:/y\n",
          { { "/sys/fs/cgroup/cpu,cpuacct/x/cpu.cfs_quota_us", "400000\n" },
            { "/sys/fs/cgroup/cpu,cpuacct/x/cpu.cfs_period_us", "100000\n" } },
          4 },
        { "5:cpuacct,cpu:/x/y\n",
          { { "/sys/fs/cgroup/cpu/x/cpu.cfs_quota_us", "300000\n" },
            { "/sys/fs/cgroup/cpu/x/cpu.cfs_period_us", "100000\n" },
            { "/sys/fs/cgroup/cpu/x/y/cpu.cfs_quota_us", "-1\n" } },
          3 },
        { "5:cpu:/x\n", { { "/sys/fs/cgroup/cpu/x/cpu.cfs_quota_us", "-1\n" } }, 0 },
        { "3:cpuset:/x\n", { { "/sys/fs/cgroup/cpuset/x/cpu.cfs_quota_us", "100000\n" } }, 0 },
        { "nonsense\n", { { NULL } }, 0 },
        { "0::/a\n", { { "/sys/fs/cgroup/a/cpu.max", "99999999999999999999 1\n" } }, 0 },
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        char root[] = "/tmp/onyx-cgroup-XXXXXX", command[64];
        if (!mkdtemp(root)) {
            check_skip("no folder for temporary files");
            return;
        }
        write_file(root, "/proc/self/cgroup", cases[i].groups);
        for (int k = 0; k < 3 && cases[i].files[k][0]; k++)
            write_file(root, cases[i].files[k][0], cases[i].files[k][1]);
        int cores = cgroup_quota_cores(root);
        CHECK(cores == cases[i].cores, "control groups, case %zu: %d cores instead of %d", i, cores, cases[i].cores);
        snprintf(command, sizeof command, "rm -r %s", root);
        if (system(command) != 0)
            check_skip("the temporary folder stays");
    }
    CHECK(workers_available_cores() >= 1, "no core is available");
}

int main(void)
{
    workers *pool = NULL;
    onyx_error error;
    CHECK(workers_new(0, false, &pool, &error) == ONYX_ERROR_ARGUMENT, "0 threads");
    CHECK(workers_new(1 << 20, false, &pool, &error) == ONYX_ERROR_ARGUMENT, "too many threads");
    CHECK(workers_count(NULL) == 1, "no pool is one thread");
    workers_free(NULL);
    test_every_part(1);
    test_every_part(2);
    test_every_part(5);
    test_shared_pool();
    test_shares();
    test_nested();
    test_signals();
    test_float_mode();
    test_idle();
    test_pinning();
    test_cgroups();
    return check_done();
}
