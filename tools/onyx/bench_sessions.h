/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Several sessions side by side, for onyx bench. */
#ifndef ONYX_TOOLS_BENCH_SESSIONS_H
#define ONYX_TOOLS_BENCH_SESSIONS_H

#include "command.h"

/* Alone and side by side by turns, so often. */
#define SESSIONS_ROUNDS 5

typedef struct sessions_figures {
    int sessions, runs, warmup; /* runs of each session in a round */
    bool own_models;            /* each session opens the model for itself, with a pool of its own */
    /* per run, all sessions together */
    double alone_ms, alone_cpu_ms, beside_ms, beside_cpu_ms;
} sessions_figures;

onyx_status bench_sessions(const char *path, const run_wish *wish, const onyx_options *options, sessions_figures *f,
                           onyx_error *error);

#endif
