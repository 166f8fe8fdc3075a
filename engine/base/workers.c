/* SPDX-License-Identifier: BSD-2-Clause
 *
 * A job lives on its caller's stack. The caller puts it into the mailboxes of idle workers; a worker takes it by
 * marking the mailbox, works until no part is left, empties the mailbox and counts itself out. The caller then takes
 * the job back from workers that have not come yet, and waits for those that have. So a job is never touched after its
 * end, and a worker that wakes up late delays nobody. */
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

#include "base/cores.h"
#include "base/size.h"
#include "base/status.h"

#define SPIN_NS 50000
#define SPINS_PER_CLOCK 32
#define MAX_WORKERS 1024
#define CACHE_LINE 64
/* Jobs of a worker between two looks at who shares its core. */
#define JOBS_PER_LOOK 8

typedef struct job {
    workers_function *function;
    void *context;
    int parts, core; /* core: of the caller */
    /* Words that many threads write lie on cache lines of their own. */
    _Alignas(CACHE_LINE) atomic_int unclaimed;
    _Alignas(CACHE_LINE) atomic_uint helpers; /* workers that have not counted themselves out, and CALLER_SLEEPS */
} job;

#define CALLER_SLEEPS 0x80000000u

/* A mailbox holds a job, the job + TAKEN while the worker is at it, or 0. */
#define TAKEN ((uintptr_t)1)

typedef struct worker {
    _Alignas(CACHE_LINE) atomic_uintptr_t mailbox;
    atomic_uint sleeping; /* a futex: 1 while the worker sleeps or is about to */
    atomic_int core;      /* that it ran on at its last look, or -1 */
    workers *pool;
    pthread_t thread;
    int index;
    unsigned jobs; /* its own */
} worker;

struct workers {
    int count;
    bool pin;
    worker *threads; /* count - 1 of them, indices 1 .. count - 1 */
    atomic_bool stop;
    _Alignas(CACHE_LINE) atomic_int entered; /* callers between workers_enter and workers_leave */
    atomic_int lent;                         /* workers that were asked to help */
};

static_assert(sizeof(atomic_uint) == sizeof(uint32_t), "a futex is 32 bits wide");

static void futex_wait(atomic_uint *word, unsigned seen)
{
    syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, seen, NULL, NULL, 0);
}

static void futex_wake(atomic_uint *word)
{
    syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
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

/* One step of waiting; false when SPIN_NS have passed since the first. */
typedef struct spinner {
    int spins;
    int64_t end;
} spinner;

static bool spin(spinner *s)
{
    spin_pause();
    if (++s->spins % SPINS_PER_CLOCK)
        return true;
    int64_t now = now_ns();
    if (s->end == 0)
        s->end = now + SPIN_NS;
    return now < s->end;
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

/* ---- the workers' side ---- */

/* The next job, taken; NULL when the pool ends. */
static job *wait_for_job(worker *self)
{
    spinner s = { 0 };
    for (;;) {
        uintptr_t letter = atomic_load_explicit(&self->mailbox, memory_order_acquire);
        if (letter) {
            if (atomic_compare_exchange_strong(&self->mailbox, &letter, letter | TAKEN))
                return (job *)letter;
            s = (spinner){ 0 }; /* it was taken back */
        } else if (!spin(&s)) {
            atomic_store(&self->sleeping, 1);
            /* Whoever writes a letter looks at `sleeping` afterwards, so one of the two sees the other. */
            if (!atomic_load(&self->mailbox) && !atomic_load(&self->pool->stop))
                futex_wait(&self->sleeping, 1);
            atomic_store(&self->sleeping, 0);
            if (atomic_load(&self->pool->stop) && !atomic_load(&self->mailbox))
                return NULL;
            s = (spinner){ 0 };
        }
    }
}

static void do_parts(job *j, int index)
{
    for (;;) {
        int left = atomic_fetch_sub_explicit(&j->unclaimed, 1, memory_order_relaxed);
        if (left <= 0)
            return;
        j->function(j->context, j->parts - left, index);
    }
}

/* Some kernels leave two busy threads of a process on one core for seconds, with the other one idle. Where one did, a
 * pool of two with pauses of 5 ms had both on one core in every round that both took part in, and with this in one of a
 * hundred (2026-11-21, Linux 6.18, two virtual cores, sched_vcpu_pack=15). */
static void look_around(worker *self, const job *j)
{
    const workers *pool = self->pool;
    const int core = cores_current();
    bool meets = core >= 0 && core == j->core;
    for (int i = 0; i < pool->count - 1 && !meets; i++) {
        worker *other = &pool->threads[i];
        meets = other->index < self->index && atomic_load(&other->mailbox) == ((uintptr_t)j | TAKEN) &&
                core == atomic_load_explicit(&other->core, memory_order_relaxed);
    }
    atomic_store_explicit(&self->core, core, memory_order_relaxed);
    if (!meets)
        return;
    int taken[MAX_WORKERS], count = 0; /* 4 KiB of a thread's own stack */
    taken[count++] = j->core;
    for (int i = 0; i < pool->count - 1; i++)
        if (&pool->threads[i] != self)
            taken[count++] = atomic_load_explicit(&pool->threads[i].core, memory_order_relaxed);
    if (cores_keep_off(taken, count, pool->pin))
        atomic_store_explicit(&self->core, cores_current(), memory_order_relaxed);
}

static void *worker_main(void *argument)
{
    worker *self = argument;
    workers_set_float_mode();
    if (self->pool->pin)
        cores_pin(self->index);
    for (job *j; (j = wait_for_job(self));) {
        if (self->jobs++ % JOBS_PER_LOOK == 0)
            look_around(self, j);
        do_parts(j, self->index);
        atomic_store_explicit(&self->mailbox, 0, memory_order_release);
        /* From here on the job may be gone; waking at its address is harmless. */
        if (atomic_fetch_sub_explicit(&j->helpers, 1, memory_order_acq_rel) == (1 | CALLER_SLEEPS))
            futex_wake(&j->helpers);
    }
    return NULL;
}

/* ---- the callers' side ---- */

/* How many workers a caller may ask, who takes part in `lent`. */
static int share(workers *pool, int parts)
{
    const int entered = MAX(atomic_load_explicit(&pool->entered, memory_order_relaxed), 1);
    const int wanted = MIN(parts, (pool->count + entered - 1) / entered) - 1;
    if (entered == 1 || wanted <= 0)
        return wanted;
    return MIN(wanted, pool->count - entered - atomic_load_explicit(&pool->lent, memory_order_relaxed));
}

/* Asks up to `wanted` idle workers for help; returns how many there were. */
static int ask(workers *pool, job *j, int wanted)
{
    int asked = 0;
    for (int i = 0; i < pool->count - 1 && asked < wanted; i++) {
        worker *w = &pool->threads[i];
        uintptr_t empty = 0;
        if (atomic_load_explicit(&w->mailbox, memory_order_relaxed) ||
            !atomic_compare_exchange_strong(&w->mailbox, &empty, (uintptr_t)j))
            continue;
        asked++;
        if (atomic_load(&w->sleeping) && atomic_exchange(&w->sleeping, 0))
            futex_wake(&w->sleeping);
    }
    return asked;
}

/* Takes the job back from those who have not begun; returns how many. */
static int take_back(workers *pool, job *j)
{
    int back = 0;
    for (int i = 0; i < pool->count - 1; i++) {
        uintptr_t letter = (uintptr_t)j;
        if (atomic_load_explicit(&pool->threads[i].mailbox, memory_order_relaxed) == letter)
            back += atomic_compare_exchange_strong(&pool->threads[i].mailbox, &letter, 0);
    }
    return back;
}

static void wait_for_helpers(job *j)
{
    spinner s = { 0 };
    for (;;) {
        unsigned left = atomic_load_explicit(&j->helpers, memory_order_acquire);
        if ((left & ~CALLER_SLEEPS) == 0)
            return;
        if (spin(&s))
            continue;
        left = atomic_fetch_or(&j->helpers, CALLER_SLEEPS) | CALLER_SLEEPS;
        if (left & ~CALLER_SLEEPS)
            futex_wait(&j->helpers, left);
    }
}

static void run_here(workers_function *function, void *context, int parts, int index)
{
    for (int part = 0; part < parts; part++)
        function(context, part, index);
}

/* The index of the calling thread in a pool: a worker's job inside a job runs alone and keeps its number, and so its
 * scratch. */
static int own_index(const workers *pool)
{
    pthread_t self = pthread_self();
    for (int i = 0; i < pool->count - 1; i++)
        if (pthread_equal(pool->threads[i].thread, self))
            return pool->threads[i].index;
    return 0;
}

static void run_shared(workers *pool, workers_function *function, void *context, int parts, int wanted)
{
    job j = { .function = function, .context = context, .parts = parts, .core = cores_current() };
    atomic_init(&j.unclaimed, parts);
    atomic_init(&j.helpers, (unsigned)wanted);
    atomic_fetch_add_explicit(&pool->lent, wanted, memory_order_relaxed);
    int missing = wanted - ask(pool, &j, wanted);
    do_parts(&j, 0);
    missing += take_back(pool, &j);
    if (missing)
        atomic_fetch_sub_explicit(&j.helpers, (unsigned)missing, memory_order_acq_rel);
    wait_for_helpers(&j);
    atomic_fetch_sub_explicit(&pool->lent, wanted, memory_order_relaxed);
}

void workers_run(workers *pool, workers_function *function, void *context, int parts)
{
    unsigned mode = workers_set_float_mode();
    const int index = pool ? own_index(pool) : 0, wanted = pool && !index ? share(pool, parts) : 0;
    if (wanted > 0)
        run_shared(pool, function, context, parts, wanted);
    else
        run_here(function, context, parts, index);
    workers_restore_float_mode(mode);
}

void workers_enter(workers *pool)
{
    if (pool)
        atomic_fetch_add_explicit(&pool->entered, 1, memory_order_relaxed);
}

void workers_leave(workers *pool)
{
    if (pool)
        atomic_fetch_sub_explicit(&pool->entered, 1, memory_order_relaxed);
}

int workers_count(const workers *pool)
{
    return pool ? pool->count : 1;
}

int workers_available_cores(void)
{
    return cores_available();
}

/* ---- life ---- */

/* Starts the threads with all signals blocked: those belong to the program. But for those that an instruction itself
 * brings about, which the program's handler is to see. Returns an errno. */
static int start_threads(workers *pool, int count)
{
    static const int own[] = { SIGILL, SIGTRAP, SIGBUS, SIGFPE, SIGSEGV };
    sigset_t all, before;
    int failure = 0;
    sigfillset(&all);
    for (size_t i = 0; i < ARRAY_LENGTH(own); i++)
        sigdelset(&all, own[i]);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    while (pool->count < count && !failure) {
        worker *w = &pool->threads[pool->count - 1];
        w->pool = pool;
        w->index = pool->count;
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
    worker *threads = aligned_alloc(CACHE_LINE, sizeof *threads * (size_t)count);
    if (!p || !threads) {
        free(p);
        free(threads);
        return status_no_memory(error, sizeof *p + (size_t)count * sizeof *threads, "worker threads");
    }
    memset(p, 0, sizeof *p);
    memset(threads, 0, sizeof *threads * (size_t)count);
    p->count = 1;
    p->pin = pin;
    p->threads = threads;
    atomic_init(&p->stop, false);
    atomic_init(&p->entered, 0);
    atomic_init(&p->lent, 0);
    for (int i = 0; i < count; i++) {
        atomic_init(&threads[i].mailbox, 0);
        atomic_init(&threads[i].sleeping, 0);
        atomic_init(&threads[i].core, -1);
    }
    int failure = start_threads(p, count);
    if (failure) {
        int started = p->count;
        workers_free(p);
        return status_fail(error, ONYX_ERROR_MEMORY, "thread %d of %d cannot be started: %s", started + 1, count,
                           strerror(failure));
    }
    *pool = p;
    return ONYX_OK;
}

void workers_free(workers *pool)
{
    if (!pool)
        return;
    atomic_store(&pool->stop, true);
    for (int i = 0; i < pool->count - 1; i++)
        if (atomic_exchange(&pool->threads[i].sleeping, 0))
            futex_wake(&pool->threads[i].sleeping);
    for (int i = 0; i < pool->count - 1; i++)
        pthread_join(pool->threads[i].thread, NULL);
    free(pool->threads);
    free(pool);
}
