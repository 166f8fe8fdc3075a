/* SPDX-License-Identifier: BSD-2-Clause
 *
 * onyx bench --sessions: several sessions run side by side, each from a thread of its own, against one alone. Alone, a
 * run with all threads takes T; N sessions have their fair share when a run is done every T, whosever it is. What is
 * missing to that is the loss; the processor time of a run shows the same on a machine that has other work. */
#include "bench_sessions.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

/* Lets all lanes go at once, or sends them home. */
typedef struct gate {
    pthread_mutex_t mutex;
    pthread_cond_t moved;
    enum { GATE_SHUT, GATE_OPEN, GATE_CANCELLED } state;
} gate;

typedef struct lane {
    onyx_model *model;
    onyx_session *session;
    gate *gate;
    int runs;
    onyx_status status;
    onyx_error error;
    int64_t begin_ns, end_ns;
} lane;

static int64_t process_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

static void *run_lane(void *context)
{
    lane *l = context;
    pthread_mutex_lock(&l->gate->mutex);
    while (l->gate->state == GATE_SHUT)
        pthread_cond_wait(&l->gate->moved, &l->gate->mutex);
    const bool cancelled = l->gate->state == GATE_CANCELLED;
    pthread_mutex_unlock(&l->gate->mutex);
    if (cancelled)
        return NULL;
    l->begin_ns = clock_ns();
    for (int i = 0; i < l->runs && !l->status; i++)
        l->status = onyx_session_run(l->session, NULL, &l->error);
    l->end_ns = clock_ns();
    return NULL;
}

/* Runs `count` lanes at once: wall and processor time per run, all lanes together. */
static onyx_status run_lanes(lane *lanes, int count, double *wall_ms, double *cpu_ms, onyx_error *error)
{
    gate entrance = { PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, GATE_SHUT };
    pthread_t *threads = calloc((size_t)count, sizeof *threads);
    onyx_status status = threads ? ONYX_OK : ONYX_ERROR_MEMORY;
    int started = 0;
    for (; started < count && !status; started++) {
        lanes[started].gate = &entrance;
        if (pthread_create(&threads[started], NULL, run_lane, &lanes[started])) {
            status = ONYX_ERROR_MEMORY;
            break;
        }
    }
    const int64_t work = process_ns();
    pthread_mutex_lock(&entrance.mutex);
    entrance.state = status ? GATE_CANCELLED : GATE_OPEN;
    pthread_cond_broadcast(&entrance.moved);
    pthread_mutex_unlock(&entrance.mutex);
    int64_t begin = INT64_MAX, end = 0;
    for (int i = 0; i < started; i++) {
        pthread_join(threads[i], NULL);
        begin = lanes[i].begin_ns < begin ? lanes[i].begin_ns : begin;
        end = lanes[i].end_ns > end ? lanes[i].end_ns : end;
        if (!status && lanes[i].status) {
            status = lanes[i].status;
            *error = lanes[i].error;
        }
    }
    const double runs = (double)count * lanes[0].runs;
    *wall_ms = (double)(end - begin) / 1e6 / runs;
    *cpu_ms = (double)(process_ns() - work) / 1e6 / runs;
    free(threads);
    return status;
}

onyx_status bench_sessions(const char *path, const run_wish *wish, const onyx_options *options, sessions_figures *f,
                           onyx_error *error)
{
    lane *lanes = calloc((size_t)f->sessions, sizeof *lanes);
    onyx_status status = lanes ? ONYX_OK : ONYX_ERROR_MEMORY;
    for (int i = 0; i < f->sessions && !status; i++) {
        lanes[i].runs = f->runs;
        if (i && !f->own_models)
            lanes[i].model = onyx_model_ref(lanes[0].model);
        else
            status = onyx_model_open(path, options, &lanes[i].model, error);
        if (!status)
            status = run_session(lanes[i].model, wish, &lanes[i].session, error);
        if (!status)
            status = run_fill_noise(lanes[i].model, lanes[i].session, error);
        for (int k = 0; k <= f->warmup && !status; k++)
            status = onyx_session_run(lanes[i].session, NULL, error);
    }
    for (int round = 0; round < SESSIONS_ROUNDS && !status; round++) { /* the least of both: other work only adds */
        double alone, alone_cpu, beside = 0, beside_cpu = 0;
        status = run_lanes(lanes, 1, &alone, &alone_cpu, error);
        if (!status)
            status = run_lanes(lanes, f->sessions, &beside, &beside_cpu, error);
        if (!round || alone < f->alone_ms)
            f->alone_ms = alone;
        if (!round || beside < f->beside_ms)
            f->beside_ms = beside;
        if (!round || alone_cpu < f->alone_cpu_ms)
            f->alone_cpu_ms = alone_cpu;
        if (!round || beside_cpu < f->beside_cpu_ms)
            f->beside_cpu_ms = beside_cpu;
    }
    for (int i = 0; lanes && i < f->sessions; i++) {
        onyx_session_free(lanes[i].session);
        onyx_model_unref(lanes[i].model);
    }
    free(lanes);
    return status;
}
