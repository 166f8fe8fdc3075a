/* SPDX-License-Identifier: BSD-2-Clause
 *
 * onyx bench: load, warm up, time runs. The figures of one process: load_ms is model file -> ready session, first_ms
 * the same plus the first run, peak_rss_mb the whole process's peak, cpu_min_ms the least processor time that a run
 * took of the calling thread: steady beside other work, where the clock on the wall is not. */
#include "bench_sessions.h"
#include "command.h"
#include "json.h"
#include "verbs.h"

#include <stdlib.h>
#include <time.h>

typedef struct figures {
    double load_ms, first_ms, min_ms, median_ms, p95_ms, mean_ms;
    double peak_rss_mb, cpu_min_ms;
    int threads, runs, warmup;
} figures;

static int64_t thread_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void summarise(double *times, int count, figures *f)
{
    double sum = 0;
    qsort(times, (size_t)count, sizeof *times, by_value);
    for (int i = 0; i < count; i++)
        sum += times[i];
    f->min_ms = times[0];
    f->median_ms = count % 2 ? times[count / 2] : (times[count / 2 - 1] + times[count / 2]) / 2;
    int rank = (count * 95 + 99) / 100; /* nearest rank */
    f->p95_ms = times[rank - 1];
    f->mean_ms = sum / count;
}

static onyx_status measure(const char *path, const run_wish *wish, const onyx_options *options, figures *f,
                           onyx_error *error)
{
    onyx_model *model = NULL;
    onyx_session *session = NULL;
    double *times = calloc((size_t)f->runs, sizeof *times);
    int64_t begin = clock_ns(), loading = 0;
    onyx_status status = times ? onyx_model_open(path, options, &model, error) : ONYX_ERROR_MEMORY;
    if (!status)
        status = run_session(model, wish, &session, error);
    loading = clock_ns() - begin;
    f->load_ms = (double)loading / 1e6;
    if (!status)
        status = run_fill_noise(model, session, error);
    for (int i = -1 - f->warmup; i < f->runs && !status; i++) {
        int64_t start = clock_ns(), work = thread_ns();
        status = onyx_session_run(session, NULL, error);
        int64_t taken = clock_ns() - start;
        work = thread_ns() - work;
        if (i == -1 - f->warmup)
            f->first_ms = (double)(loading + taken) / 1e6;
        if (i >= 0) {
            times[i] = (double)taken / 1e6;
            if (!i || (double)work / 1e6 < f->cpu_min_ms)
                f->cpu_min_ms = (double)work / 1e6;
        }
    }
    if (!status)
        summarise(times, f->runs, f);
    f->peak_rss_mb = peak_rss_mb();
    onyx_session_free(session);
    onyx_model_unref(model);
    free(times);
    return status;
}

static void print_json(const char *path, const figures *f)
{
    json j = { .out = stdout };
    char processor[128];
    processor_name(processor, sizeof processor);
    json_begin(&j, NULL, '{');
    json_text(&j, "model", path);
    json_number(&j, "min_ms", f->min_ms);
    json_number(&j, "median_ms", f->median_ms);
    json_number(&j, "p95_ms", f->p95_ms);
    json_number(&j, "mean_ms", f->mean_ms);
    json_number(&j, "load_ms", f->load_ms);
    json_number(&j, "first_ms", f->first_ms);
    json_number(&j, "cpu_min_ms", f->cpu_min_ms);
    json_number(&j, "peak_rss_mb", f->peak_rss_mb);
    json_int(&j, "threads", f->threads);
    json_int(&j, "runs", f->runs);
    json_int(&j, "warmup", f->warmup);
    json_text(&j, "cpu", onyx_cpu_name());
    json_text(&j, "processor", processor);
    json_text(&j, "version", onyx_version());
    json_end(&j, '}');
}

static double percent_more(double than, double value)
{
    return (value / than - 1) * 100;
}

static int measure_sessions(const char *path, const run_wish *wish, const onyx_options *engine, sessions_figures *f,
                            bool as_json)
{
    onyx_error error = { .message = "out of memory" };
    onyx_status failed = bench_sessions(path, wish, engine, f, &error);
    if (failed)
        return failed_call("bench", failed, &error);
    if (as_json) {
        json j = { .out = stdout };
        json_begin(&j, NULL, '{');
        json_text(&j, "model", path);
        json_int(&j, "sessions", f->sessions);
        json_int(&j, "threads", wish->threads);
        json_int(&j, "runs", f->runs);
        json_number(&j, "alone_ms", f->alone_ms);
        json_number(&j, "beside_ms", f->beside_ms);
        json_number(&j, "alone_cpu_ms", f->alone_cpu_ms);
        json_number(&j, "beside_cpu_ms", f->beside_cpu_ms);
        json_text(&j, "cpu", onyx_cpu_name());
        json_text(&j, "version", onyx_version());
        json_end(&j, '}');
    } else {
        printf("%s, %d sessions%s of %d thread%s\n"
               "  a run every %.2f ms, alone %.2f: %+.1f %%; processor time of a run %.2f ms, alone %.2f: %+.1f %%\n",
               path, f->sessions, f->own_models ? " with models of their own" : "", wish->threads,
               wish->threads == 1 ? "" : "s", f->beside_ms, f->alone_ms, percent_more(f->alone_ms, f->beside_ms),
               f->beside_cpu_ms, f->alone_cpu_ms, percent_more(f->alone_cpu_ms, f->beside_cpu_ms));
    }
    return EXIT_DONE;
}

int verb_bench(int argc, char **argv)
{
    run_wish wish = { .threads = 1 };
    figures f = { .runs = 20, .warmup = 3 };
    sessions_figures side = { .sessions = 1 };
    bool as_json = false;
    const option options[] = {
        RUN_OPTIONS(wish),
        { "sessions", 's', OPTION_INT, &side.sessions, "N", "run N sessions side by side, against one alone",
          .minimum = 1 },
        { "own-models", 0, OPTION_FLAG, &side.own_models, NULL, "with --sessions: each opens the model for itself" },
        { "runs", 'r', OPTION_INT, &f.runs, "N", "timed runs (default 20)", .minimum = 1 },
        { "warmup", 'w', OPTION_INT, &f.warmup, "N", "untimed runs after the first (default 3)" },
        { "json", 0, OPTION_FLAG, &as_json, NULL, "print one JSON object" },
        { NULL },
    };
    const verb_usage usage = {
        "bench", "MODEL", "Times a model on repeatable noise. Threads default to 1; more than one are pinned to cores.",
        options, 1,       1
    };
    int count, status;
    onyx_options engine;
    onyx_error error;
    if (!options_parse(&usage, argc, argv, &count, &status))
        return status;
    if (!run_options("bench", &wish, &engine))
        return EXIT_MISUSED;
    f.threads = wish.threads;
    if (side.sessions > 1) {
        side.runs = f.runs;
        side.warmup = f.warmup;
        return measure_sessions(argv[0], &wish, &engine, &side, as_json);
    }
    engine.pin_threads = wish.threads != 1;
    error.message[0] = '\0';
    onyx_status failed = measure(argv[0], &wish, &engine, &f, &error);
    if (failed)
        return failed_call("bench", failed, &error);
    if (as_json)
        print_json(argv[0], &f);
    else
        printf("%s, %d thread%s, %s\n"
               "  median %.2f ms, min %.2f, p95 %.2f, mean %.2f (%d runs); calling thread's processor time %.2f\n"
               "  load %.1f ms, first result after %.1f ms, peak memory %.1f MB\n",
               argv[0], f.threads, f.threads == 1 ? "" : "s", onyx_cpu_name(), f.median_ms, f.min_ms, f.p95_ms,
               f.mean_ms, f.runs, f.cpu_min_ms, f.load_ms, f.first_ms, f.peak_rss_mb);
    return EXIT_DONE;
}
