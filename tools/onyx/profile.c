/* SPDX-License-Identifier: BSD-2-Clause
 *
 * onyx profile: the time of every step, as a table against the machine's measured peak and as a Chrome trace. */
#include "base/status.h"
#include "base/workers.h"
#include "command.h"
#include "json.h"
#include "peak.h"
#include "verbs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

typedef struct profile {
    onyx_step_info *steps;
    int count, runs;
    int64_t run_ns; /* mean of the whole runs, clock reads included */
    int64_t steps_ns;
    double peak; /* float operations per second of the threads used */
} profile;

static double step_ns(const onyx_step_info *s)
{
    return s->runs ? (double)s->total_ns / (double)s->runs : 0;
}

static onyx_status measure(const char *path, const onyx_options *engine, const run_wish *wish, int warmup,
                           onyx_model **model, onyx_session **session, profile *p, onyx_error *error)
{
    onyx_status status = onyx_model_open(path, engine, model, error);
    if (!status)
        status = run_session(*model, wish, session, error);
    if (!status)
        status = run_fill_noise(*model, *session, error);
    for (int i = 0; i < warmup && !status; i++)
        status = onyx_session_run(*session, NULL, error);
    if (status)
        return status;
    onyx_session_set_profiling(*session, true);
    int64_t start = clock_ns();
    for (int i = 0; i < p->runs && !status; i++)
        status = onyx_session_run(*session, NULL, error);
    p->run_ns = (clock_ns() - start) / p->runs;
    p->count = onyx_session_step_count(*session);
    p->steps = calloc((size_t)p->count + 1, sizeof *p->steps);
    if (!p->steps)
        return status_no_memory(error, (size_t)p->count * sizeof *p->steps, "steps");
    for (int i = 0; i < p->count && !status; i++) {
        status = onyx_session_step(*session, i, &p->steps[i]);
        p->steps_ns += (int64_t)step_ns(&p->steps[i]);
    }
    return status;
}

static int slower_first(const void *a, const void *b)
{
    double x = step_ns(*(const onyx_step_info *const *)a), y = step_ns(*(const onyx_step_info *const *)b);
    return (x < y) - (x > y);
}

static int by_kernel(const void *a, const void *b)
{
    const onyx_step_info *x = *(const onyx_step_info *const *)a, *y = *(const onyx_step_info *const *)b;
    return strcmp(x->kernel ? x->kernel : "", y->kernel ? y->kernel : "");
}

static void print_line(const onyx_step_info *s, const profile *p)
{
    double ns = step_ns(s);
    printf("%9.3f %5.1f%% %8.2f %5.1f%% %7.2f  %-34s %-18s %-40s %s\n", ns / 1e6,
           p->steps_ns ? 100 * ns / (double)p->steps_ns : 0, ns > 0 ? (double)s->operations / ns : 0,
           ns > 0 && p->peak > 0 ? 100 * (double)s->operations * 1e9 / ns / p->peak : 0,
           ns > 0 ? (double)s->moved_bytes / ns : 0, s->kernel ? s->kernel : "", s->operator_ ? s->operator_ : "",
           s->shapes, s->name ? s->name : "");
}

static void print_head(const char *last)
{
    printf("%9s %6s %8s %6s %7s  %-34s %s\n", "ms", "share", "GFLOP/s", "peak", "GB/s", "kernel", last);
}

/* The table again, summed per kernel: where the time goes at a glance. */
static void print_kernels(const onyx_step_info **order, const profile *p)
{
    qsort(order, (size_t)p->count, sizeof *order, by_kernel);
    onyx_step_info *sums = calloc((size_t)p->count + 1, sizeof *sums);
    int count = 0;
    if (!sums)
        return;
    for (int i = 0; i < p->count; i++) {
        if (i == 0 || by_kernel(&order[i - 1], &order[i]) != 0)
            sums[count++] = (onyx_step_info){ .kernel = order[i]->kernel, .runs = 1, .operator_ = "" };
        sums[count - 1].total_ns += (int64_t)step_ns(order[i]);
        sums[count - 1].operations += order[i]->operations;
        sums[count - 1].moved_bytes += order[i]->moved_bytes;
        sums[count - 1].last_ns++; /* the number of steps */
    }
    for (int i = 0; i < count; i++) {
        snprintf(sums[i].shapes, sizeof sums[i].shapes, "%lld step%s", (long long)sums[i].last_ns,
                 sums[i].last_ns == 1 ? "" : "s");
        order[i] = &sums[i];
    }
    qsort(order, (size_t)count, sizeof *order, slower_first);
    printf("\nby kernel\n");
    print_head("");
    for (int i = 0; i < count; i++)
        print_line(order[i], p);
    free(sums);
}

static void print_table(const char *path, const profile *p, int threads, bool sorted)
{
    const onyx_step_info **order = calloc((size_t)p->count + 1, sizeof *order);
    if (!order)
        return;
    for (int i = 0; i < p->count; i++)
        order[i] = &p->steps[i];
    if (sorted)
        qsort(order, (size_t)p->count, sizeof *order, slower_first);
    printf("%s, %d thread%s, %s, %d runs: %.3f ms a run, %.3f ms in %d steps; measured peak %.1f GFLOP/s (float32)\n\n",
           path, threads, threads == 1 ? "" : "s", onyx_cpu_name(), p->runs, (double)p->run_ns / 1e6,
           (double)p->steps_ns / 1e6, p->count, p->peak / 1e9);
    print_head("operator           shapes                                   node");
    for (int i = 0; i < p->count; i++)
        print_line(order[i], p);
    print_kernels(order, p);
    free(order);
}

static void json_step(json *j, const onyx_step_info *s)
{
    json_begin(j, NULL, '{');
    json_text(j, "name", s->name);
    json_text(j, "operator", s->operator_);
    json_text(j, "kernel", s->kernel);
    json_text(j, "shapes", s->shapes);
    json_number(j, "ns", step_ns(s));
    json_int(j, "operations", s->operations);
    json_int(j, "moved_bytes", s->moved_bytes);
    json_end(j, '}');
}

static void print_json(const char *path, const profile *p, int threads)
{
    json j = { .out = stdout };
    json_begin(&j, NULL, '{');
    json_text(&j, "model", path);
    json_int(&j, "threads", threads);
    json_int(&j, "runs", p->runs);
    json_text(&j, "cpu", onyx_cpu_name());
    json_int(&j, "run_ns", p->run_ns);
    json_int(&j, "steps_ns", p->steps_ns);
    json_number(&j, "peak_flops", p->peak);
    json_begin(&j, "steps", '[');
    for (int i = 0; i < p->count; i++)
        json_step(&j, &p->steps[i]);
    json_end(&j, ']');
    json_end(&j, '}');
}

/* The last run as "complete events" (ph X) of the Trace Event Format: chrome://tracing and ui.perfetto.dev read it. */
static bool write_trace(const char *path, const profile *p)
{
    FILE *file = fopen(path, "w");
    if (!file)
        return false;
    json j = { .out = file };
    json_begin(&j, NULL, '{');
    json_text(&j, "displayTimeUnit", "ns");
    json_begin(&j, "traceEvents", '[');
    for (int i = 0; i < p->count; i++) {
        const onyx_step_info *s = &p->steps[i];
        json_begin(&j, NULL, '{');
        json_text(&j, "name", s->name && *s->name ? s->name : s->operator_);
        json_text(&j, "cat", s->kernel);
        json_text(&j, "ph", "X");
        json_number(&j, "ts", (double)s->last_start_ns / 1e3);
        json_number(&j, "dur", (double)s->last_ns / 1e3);
        json_int(&j, "pid", 1);
        json_int(&j, "tid", 1);
        json_begin(&j, "args", '{');
        json_text(&j, "operator", s->operator_);
        json_text(&j, "kernel", s->kernel);
        json_text(&j, "shapes", s->shapes);
        json_int(&j, "operations", s->operations);
        json_int(&j, "moved_bytes", s->moved_bytes);
        json_end(&j, '}');
        json_end(&j, '}');
    }
    json_end(&j, ']');
    json_end(&j, '}');
    bool written = !ferror(file);
    return fclose(file) == 0 && written;
}

int verb_profile(int argc, char **argv)
{
    run_wish wish = { .threads = 1 };
    profile p = { .runs = 20 };
    int warmup = 3;
    bool as_json = false, sorted = false;
    const char *trace = NULL;
    const option options[] = {
        RUN_OPTIONS(wish),
        { "runs", 'r', OPTION_INT, &p.runs, "N", "profiled runs (default 20)", .minimum = 1 },
        { "warmup", 'w', OPTION_INT, &warmup, "N", "runs before (default 3)" },
        { "sort", 's', OPTION_FLAG, &sorted, NULL, "slowest step first, instead of the order of execution" },
        { "trace", 0, OPTION_TEXT, &trace, "FILE", "write the last run as a Chrome trace" },
        { "json", 0, OPTION_FLAG, &as_json, NULL, "print one JSON object" },
        { NULL },
    };
    const verb_usage usage = {
        "profile",
        "MODEL",
        "Times every step. GFLOP/s counts 2 operations per multiply-add; peak is the part of what this machine's\n"
        "float32 multiply-adds reach at best, measured at the start (integer kernels may pass 100 %); GB/s counts\n"
        "inputs, outputs and weights once each. Open traces in chrome://tracing or ui.perfetto.dev.",
        options,
        1,
        1
    };
    int count, status;
    onyx_options engine;
    onyx_error error;
    onyx_model *model = NULL;
    onyx_session *session = NULL;
    if (!options_parse(&usage, argc, argv, &count, &status))
        return status;
    if (same_file(trace, argv[0]))
        return misused("profile", "%s is read, so it cannot be written", trace);
    if (!run_options("profile", &wish, &engine))
        return EXIT_MISUSED;
    int threads = wish.threads ? wish.threads : workers_available_cores();
    engine.pin_threads = threads > 1;
    p.peak = peak_flops(threads);
    onyx_status failed = measure(argv[0], &engine, &wish, warmup, &model, &session, &p, &error);
    if (failed) {
        status = failed_call("profile", failed, &error);
    } else {
        status = EXIT_DONE;
        if (as_json)
            print_json(argv[0], &p, threads);
        else
            print_table(argv[0], &p, threads, sorted);
        fflush(stdout);
        if (trace && !write_trace(trace, &p))
            status = wanting("profile", "%s: %s", trace, strerror(errno));
    }
    free(p.steps);
    onyx_session_free(session);
    onyx_model_unref(model);
    return status;
}
