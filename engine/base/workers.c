/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The pool. One job is published at a time: its fields are written, then `unclaimed` is set to the number of parts
 * (release), then `epoch` is raised. A thread claims a part by decrementing `unclaimed`; whoever got a positive number
 * back holds a part of the current job, whichever epoch it had in mind, and may read the job's fields: they stay until
 * all parts are done. A late worker only gets a number <= 0 and goes on waiting. */
#include "base/workers.h"

#include <assert.h>
#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/cgroup.h"
#include "base/size.h"
#include "base/status.h"

#define SPIN_NS 50000
#define SPINS_PER_CLOCK 32
#define MAX_WORKERS 1024
#define CACHE_LINE 64

typedef struct worker {
    workers *pool;
    pthread_t thread;
    int index;
} worker;

struct workers {
    int count;
    worker *threads; /* count - 1 of them, indices 1 .. count - 1 */

    /* the job */
    workers_function *function;
    void *context;
    int parts;

    /* Words that many threads write lie on cache lines of their own. */
    _Alignas(CACHE_LINE) atomic_int unclaimed;
    _Alignas(CACHE_LINE) atomic_uint unfinished;
    atomic_bool caller_sleeps;
    _Alignas(CACHE_LINE) atomic_uint epoch;
    atomic_int sleepers;
    atomic_bool stop;
    atomic_flag busy;
};

static_assert(sizeof(atomic_uint) == sizeof(uint32_t), "a futex is 32 bits wide");

static void futex_wait(atomic_uint *word, unsigned seen)
{
    syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, seen, NULL, NULL, 0);
}

static void futex_wake(atomic_uint *word, int threads)
{
    syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, threads, NULL, NULL, 0);
}

static inline void spin_pause(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

static int64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* Spins until *word differs from `seen` or (for `until_zero`) is 0; false when SPIN_NS have passed. */
static bool spin_until_changed(atomic_uint *word, unsigned seen, bool until_zero)
{
    int64_t end = 0;
    for (int spins = 1;; spins++) {
        unsigned value = atomic_load_explicit(word, memory_order_acquire);
        if (until_zero ? value == 0 : value != seen)
            return true;
        spin_pause();
        if (spins % SPINS_PER_CLOCK)
            continue;
        int64_t now = now_ns();
        if (end == 0)
            end = now + SPIN_NS;
        else if (now > end)
            return false;
    }
}

unsigned workers_set_float_mode(void)
{
#if defined(__x86_64__)
    unsigned state = __builtin_ia32_stmxcsr();
    if ((state & 0x8040) != 0x8040)
        __builtin_ia32_ldmxcsr(state | 0x8040); /* flush results, and read denormals as zero */
    return state;
#elif defined(__aarch64__)
    uint64_t state;
    __asm__ volatile("mrs %0, fpcr" : "=r"(state));
    if (!(state & (UINT64_C(1) << 24)))
        __asm__ volatile("msr fpcr, %0" : : "r"(state | UINT64_C(1) << 24));
    return (unsigned)state;
#else
    return 0;
#endif
}

void workers_restore_float_mode(unsigned state)
{
#if defined(__x86_64__)
    if (__builtin_ia32_stmxcsr() != state)
        __builtin_ia32_ldmxcsr(state);
#elif defined(__aarch64__)
    __asm__ volatile("msr fpcr, %0" : : "r"((uint64_t)state));
#else
    (void)state;
#endif
}

/* Runs parts of the current job until none is left, and reports them as done in one go. */
static void work(workers *pool, int index)
{
    unsigned done = 0;
    for (;;) {
        int left = atomic_fetch_sub_explicit(&pool->unclaimed, 1, memory_order_acquire);
        if (left <= 0)
            break;
        pool->function(pool->context, pool->parts - left, index);
        done++;
    }
    if (done == 0)
        return;
    unsigned before = atomic_fetch_sub_explicit(&pool->unfinished, done, memory_order_seq_cst);
    assert(before >= done);
    if (before == done && atomic_load_explicit(&pool->caller_sleeps, memory_order_seq_cst))
        futex_wake(&pool->unfinished, 1);
}

static void *worker_main(void *argument)
{
    const worker *self = argument;
    workers *pool = self->pool;
    unsigned seen = 0;
    workers_set_float_mode();
    for (;;) {
        while (!spin_until_changed(&pool->epoch, seen, false)) {
            atomic_fetch_add_explicit(&pool->sleepers, 1, memory_order_seq_cst);
            if (atomic_load_explicit(&pool->epoch, memory_order_seq_cst) == seen)
                futex_wait(&pool->epoch, seen);
            atomic_fetch_sub_explicit(&pool->sleepers, 1, memory_order_relaxed);
        }
        seen = atomic_load_explicit(&pool->epoch, memory_order_acquire);
        if (atomic_load_explicit(&pool->stop, memory_order_acquire))
            return NULL;
        work(pool, self->index);
    }
}

static void announce(workers *pool, int wanted)
{
    atomic_fetch_add_explicit(&pool->epoch, 1, memory_order_seq_cst);
    int sleepers = atomic_load_explicit(&pool->sleepers, memory_order_seq_cst);
    if (sleepers > 0)
        futex_wake(&pool->epoch, MIN(wanted, pool->count - 1));
}

static void run_here(workers_function *function, void *context, int parts, int index)
{
    for (int part = 0; part < parts; part++)
        function(context, part, index);
}

/* The index of the calling thread in a pool: a job inside a job keeps the number, and so the scratch, of its worker. */
static int own_index(const workers *pool)
{
    pthread_t self = pthread_self();
    for (int i = 0; i < pool->count - 1; i++)
        if (pthread_equal(pool->threads[i].thread, self))
            return pool->threads[i].index;
    return 0;
}

static void run_shared(workers *pool, workers_function *function, void *context, int parts)
{
    pool->function = function;
    pool->context = context;
    pool->parts = parts;
    atomic_store_explicit(&pool->caller_sleeps, false, memory_order_relaxed);
    atomic_store_explicit(&pool->unfinished, (unsigned)parts, memory_order_relaxed);
    atomic_store_explicit(&pool->unclaimed, parts, memory_order_release);
    announce(pool, parts - 1);
    work(pool, 0);
    while (!spin_until_changed(&pool->unfinished, 0, true)) {
        atomic_store_explicit(&pool->caller_sleeps, true, memory_order_seq_cst);
        unsigned left = atomic_load_explicit(&pool->unfinished, memory_order_seq_cst);
        if (left)
            futex_wait(&pool->unfinished, left);
    }
}

void workers_run(workers *pool, workers_function *function, void *context, int parts)
{
    unsigned mode = workers_set_float_mode();
    if (!pool || pool->count == 1 || parts <= 1) {
        run_here(function, context, parts, pool && pool->count > 1 ? own_index(pool) : 0);
    } else if (atomic_flag_test_and_set_explicit(&pool->busy, memory_order_acquire)) {
        run_here(function, context, parts, own_index(pool));
    } else {
        run_shared(pool, function, context, parts);
        atomic_flag_clear_explicit(&pool->busy, memory_order_release);
    }
    workers_restore_float_mode(mode);
}

int workers_count(const workers *pool)
{
    return pool ? pool->count : 1;
}

/* The set of cores that this process may use, for any number of cores; *bytes is its size. NULL on failure. */
static cpu_set_t *allowed_cores(size_t *bytes)
{
    for (int cores = 1024; cores <= 1 << 20; cores *= 2) {
        cpu_set_t *set = CPU_ALLOC((size_t)cores);
        if (!set)
            return NULL;
        *bytes = CPU_ALLOC_SIZE((size_t)cores);
        CPU_ZERO_S(*bytes, set);
        if (sched_getaffinity(0, *bytes, set) == 0)
            return set;
        CPU_FREE(set);
    }
    return NULL;
}

int workers_available_cores(void)
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

/* Gives each thread the allowed core of its number; the first is left to the caller. Best effort. */
static void pin_threads(workers *pool)
{
    size_t bytes;
    cpu_set_t *allowed = allowed_cores(&bytes);
    cpu_set_t *one = allowed ? CPU_ALLOC(bytes * CHAR_BIT) : NULL;
    int cores = allowed ? CPU_COUNT_S(bytes, allowed) : 0;
    for (int i = 0; one && i < pool->count - 1; i++) {
        int wanted = pool->threads[i].index % cores, core = 0;
        while (!CPU_ISSET_S((size_t)core, bytes, allowed) || wanted-- > 0)
            core++;
        CPU_ZERO_S(bytes, one);
        CPU_SET_S((size_t)core, bytes, one);
        pthread_setaffinity_np(pool->threads[i].thread, bytes, one);
    }
    if (one)
        CPU_FREE(one);
    if (allowed)
        CPU_FREE(allowed);
}

/* Starts the threads with all signals blocked: those belong to the program. Returns an errno. */
static int start_threads(workers *pool, int count)
{
    sigset_t all, before;
    int failure = 0;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    while (pool->count < count && !failure) {
        worker *w = &pool->threads[pool->count - 1];
        *w = (worker){ .pool = pool, .index = pool->count };
        failure = pthread_create(&w->thread, NULL, worker_main, w);
        if (!failure) {
            pthread_setname_np(w->thread, "onyx-worker");
            pool->count++;
        }
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return failure;
}

onyx_status workers_new(int count, bool pin, workers **pool, onyx_error *error)
{
    if (count < 1 || count > MAX_WORKERS)
        return status_fail(error, ONYX_ERROR_ARGUMENT, "%d threads wanted; 1 to %d are possible", count, MAX_WORKERS);
    workers *p = aligned_alloc(CACHE_LINE, sizeof *p);
    worker *threads = calloc((size_t)count, sizeof *threads);
    if (!p || !threads) {
        free(p);
        free(threads);
        return status_no_memory(error, sizeof *p + (size_t)count * sizeof *threads, "worker threads");
    }
    memset(p, 0, sizeof *p);
    p->count = 1;
    p->threads = threads;
    atomic_init(&p->unclaimed, 0);
    atomic_init(&p->unfinished, 0);
    atomic_init(&p->caller_sleeps, false);
    atomic_init(&p->epoch, 0);
    atomic_init(&p->sleepers, 0);
    atomic_init(&p->stop, false);
    atomic_flag_clear(&p->busy);
    int failure = start_threads(p, count);
    if (failure) {
        int started = p->count;
        workers_free(p);
        return status_fail(error, ONYX_ERROR_MEMORY, "thread %d of %d cannot be started: %s", started + 1, count,
                           strerror(failure));
    }
    if (pin)
        pin_threads(p);
    *pool = p;
    return ONYX_OK;
}

void workers_free(workers *pool)
{
    if (!pool)
        return;
    atomic_store_explicit(&pool->stop, true, memory_order_release);
    announce(pool, INT_MAX);
    for (int i = 0; i < pool->count - 1; i++)
        pthread_join(pool->threads[i].thread, NULL);
    free(pool->threads);
    free(pool);
}
