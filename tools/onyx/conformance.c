/* SPDX-License-Identifier: BSD-2-Clause
 *
 * onyx conformance: folders of ONNX backend tests. The tests run in worker processes that share one table of results,
 * so that a test which crashes or hangs is one failed test and not the end of the run. */
#include "command.h"
#include "json.h"
#include "testset.h"
#include "verbs.h"

#include <dirent.h>
#include <errno.h>
#include <fnmatch.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { JOBS_MAX = 256, DEPTH_MAX = 8 };

typedef struct suite {
    char **folders; /* each has a model.onnx; sorted */
    char **skips;   /* reason from --exclude, or NULL */
    int count, capacity;
} suite;

/* Shared by all workers. */
typedef struct board {
    atomic_int next;
    atomic_int done;
    atomic_int current[JOBS_MAX]; /* the test each worker is in, or -1 */
    test_result results[];
} board;

typedef struct settings {
    onyx_options engine;
    compare_bounds bounds;
    int jobs, seconds;
    bool verbose, strict, as_json;
    option_list filters;
    const char *exclude;
} settings;

/* ---- which tests ---- */

static bool chosen(const char *folder, const option_list *filters)
{
    const char *name = strrchr(folder, '/');
    name = name ? name + 1 : folder;
    for (int i = 0; i < filters->count; i++) {
        const char *f = filters->items[i];
        if (strpbrk(f, "*?[") ? fnmatch(f, name, 0) == 0 : strstr(folder, f) != NULL)
            return true;
    }
    return filters->count == 0;
}

static bool add_test(suite *s, const char *folder)
{
    if (s->count == s->capacity) {
        int capacity = s->capacity ? 2 * s->capacity : 256;
        char **grown = realloc(s->folders, (size_t)capacity * sizeof *grown);
        if (!grown)
            return false;
        s->folders = grown;
        s->capacity = capacity;
    }
    s->folders[s->count] = strdup(folder);
    return s->folders[s->count++] != NULL;
}

/* Adds every folder at or below `folder` that holds a model.onnx. False: not a readable folder, or out of memory. */
static bool find_tests(suite *s, const char *folder, const option_list *filters, int depth)
{
    char path[PATH_MAX];
    struct stat found;
    snprintf(path, sizeof path, "%s/model.onnx", folder);
    if (stat(path, &found) == 0)
        return !chosen(folder, filters) || add_test(s, folder);
    DIR *directory = opendir(folder);
    if (!directory)
        return false;
    bool ok = true;
    for (struct dirent *entry; ok && depth < DEPTH_MAX && (entry = readdir(directory));) {
        if (entry->d_name[0] == '.')
            continue;
        if (snprintf(path, sizeof path, "%s/%s", folder, entry->d_name) >= (int)sizeof path)
            continue;
        if (stat(path, &found) == 0 && S_ISDIR(found.st_mode))
            ok = find_tests(s, path, filters, depth + 1);
    }
    closedir(directory);
    return ok;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Whether one of the comma-separated words before the '/' is a folder of the path. */
static bool below_one_of(const char *path, const char *words, const char *end)
{
    while (words < end) {
        size_t length = strcspn(words, ",/");
        for (const char *at = path; at; at = strchr(at + 1, '/')) {
            const char *name = at == path && *at != '/' ? at : at + 1;
            if (strncmp(name, words, length) == 0 && name[length] == '/')
                return true;
        }
        words += length + 1;
    }
    return false;
}

/* `name` of an excluded line: "NAME", or "FOLDER,FOLDER/NAME" for tests below one of these folders; NAME may be a
 * pattern. */
static bool is_excluded(const char *folder, const char *name)
{
    const char *last = strrchr(folder, '/'), *slash = strrchr(name, '/');
    if (fnmatch(slash ? slash + 1 : name, last ? last + 1 : folder, 0) != 0)
        return false;
    return !slash || below_one_of(folder, name, slash);
}

/* Lines "NAME reason" (# starts a comment): such tests are skipped, with the reason. */
static bool read_excluded(suite *s, const char *path)
{
    char line[1024];
    FILE *file = fopen(path, "r");
    if (!file)
        return false;
    while (fgets(line, sizeof line, file)) {
        line[strcspn(line, "\n")] = '\0';
        char *name = line + strspn(line, " \t");
        char *end = name + strcspn(name, " \t");
        const char *reason = *end ? end + 1 + strspn(end + 1, " \t") : "excluded";
        *end = '\0';
        if (!*name || *name == '#')
            continue;
        for (int i = 0; i < s->count; i++)
            if (!s->skips[i] && is_excluded(s->folders[i], name))
                s->skips[i] = strdup(reason);
    }
    fclose(file);
    return true;
}

static void free_suite(suite *s)
{
    for (int i = 0; i < s->count; i++) {
        free(s->folders[i]);
        if (s->skips)
            free(s->skips[i]);
    }
    free(s->folders);
    free(s->skips);
}

/* ---- workers ---- */

static void work(const suite *s, const settings *w, board *b, int worker)
{
    for (;;) {
        int i = atomic_fetch_add(&b->next, 1);
        if (i >= s->count)
            return;
        atomic_store(&b->current[worker], i);
        test_result result = { .outcome = TEST_SKIPPED };
        if (s->skips[i]) {
            snprintf(result.reason, sizeof result.reason, "%s", s->skips[i]);
        } else {
            alarm((unsigned)w->seconds); /* its default action ends this worker */
            testset_run_test(s->folders[i], &w->engine, &w->bounds, &result);
            alarm(0);
            if (w->strict && result.outcome == TEST_SKIPPED)
                result.outcome = TEST_FAILED;
        }
        b->results[i] = result;
        atomic_store(&b->current[worker], -1);
        atomic_fetch_add(&b->done, 1);
    }
}

static pid_t start_worker(const suite *s, const settings *w, board *b, int worker)
{
    fflush(NULL);
    atomic_store(&b->current[worker], -1);
    pid_t child = fork();
    if (child == 0) {
        work(s, w, b, worker);
        fflush(NULL);
        _exit(0);
    }
    return child;
}

/* A worker ended: whatever test it was in did not. */
static void note_end(board *b, int worker, int how, int seconds)
{
    int i = atomic_load(&b->current[worker]);
    if (i < 0)
        return;
    test_result *r = &b->results[i];
    r->outcome = TEST_FAILED;
    if (WIFSIGNALED(how) && WTERMSIG(how) == SIGALRM)
        snprintf(r->reason, sizeof r->reason, "not done after %d s", seconds);
    else if (WIFSIGNALED(how))
        snprintf(r->reason, sizeof r->reason, "crashed: %s", strsignal(WTERMSIG(how)));
    else
        snprintf(r->reason, sizeof r->reason, "the process ended with status %d", WEXITSTATUS(how));
    atomic_fetch_add(&b->done, 1);
}

static bool run_workers(const suite *s, const settings *w, board *b)
{
    pid_t children[JOBS_MAX];
    int jobs = w->jobs < s->count ? w->jobs : s->count, running = 0;
    int64_t start = clock_ns(), shown = start;
    for (int i = 0; i < jobs; i++) {
        children[i] = start_worker(s, w, b, i);
        running += children[i] > 0;
    }
    if (!running && s->count)
        return false;
    while (running) {
        int how = 0;
        pid_t ended = waitpid(-1, &how, WNOHANG);
        if (ended < 0 && errno != EINTR)
            return false;
        if (ended <= 0) {
            nanosleep(&(struct timespec){ .tv_nsec = 10 * 1000000 }, NULL);
            if (clock_ns() - shown > INT64_C(2000000000)) {
                shown = clock_ns();
                fprintf(stderr, "%d of %d tests, %.0f s\n", atomic_load(&b->done), s->count,
                        (double)(shown - start) / 1e9);
            }
            continue;
        }
        for (int i = 0; i < jobs; i++) {
            if (children[i] != ended)
                continue;
            running--;
            note_end(b, i, how, w->seconds);
            if (atomic_load(&b->next) < s->count) {
                children[i] = start_worker(s, w, b, i);
                running += children[i] > 0;
            }
        }
    }
    return atomic_load(&b->done) == s->count;
}

/* ---- results ---- */

typedef struct tally {
    int passed, failed, skipped;
} tally;

static tally report(const suite *s, const settings *w, const board *b)
{
    static const char *const words[] = { "", "ok", "FAILED", "skipped" };
    tally t = { 0 };
    json j = { .out = stdout };
    if (w->as_json) {
        json_begin(&j, NULL, '{');
        json_begin(&j, "tests", '[');
    }
    for (int i = 0; i < s->count; i++) {
        const test_result *r = &b->results[i];
        t.passed += r->outcome == TEST_PASSED;
        t.failed += r->outcome == TEST_FAILED;
        t.skipped += r->outcome == TEST_SKIPPED;
        if (w->as_json) {
            json_begin(&j, NULL, '{');
            json_text(&j, "test", s->folders[i]);
            json_text(&j, "outcome",
                      r->outcome == TEST_PASSED   ? "passed"
                      : r->outcome == TEST_FAILED ? "failed"
                                                  : "skipped");
            json_text(&j, "reason", *r->reason ? r->reason : NULL);
            json_number(&j, "run_ms", (double)r->taken_ns / 1e6);
            json_end(&j, '}');
        } else if (r->outcome == TEST_FAILED || w->verbose || (r->outcome == TEST_PASSED && *r->reason)) {
            printf("%s %s%s%s\n", words[r->outcome], s->folders[i], *r->reason ? ": " : "", r->reason);
        }
    }
    if (w->as_json) {
        json_end(&j, ']');
        json_int(&j, "passed", t.passed);
        json_int(&j, "failed", t.failed);
        json_int(&j, "skipped", t.skipped);
        json_end(&j, '}');
    }
    return t;
}

static int by_reason(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Skips by reason, each once with its number, so that a short run still says what is missing. */
static void report_skips(const suite *s, const board *b, int skipped)
{
    const char **reasons = calloc((size_t)skipped + 1, sizeof *reasons);
    int count = 0;
    if (!reasons)
        return;
    for (int i = 0; i < s->count && count < skipped; i++)
        if (b->results[i].outcome == TEST_SKIPPED)
            reasons[count++] = b->results[i].reason;
    qsort(reasons, (size_t)count, sizeof *reasons, by_reason);
    for (int i = 0; i < count;) {
        int same = 1;
        while (i + same < count && strcmp(reasons[i], reasons[i + same]) == 0)
            same++;
        printf("skipped %d: %s\n", same, reasons[i]);
        i += same;
    }
    free(reasons);
}

static int conform(suite *s, settings *w)
{
    size_t bytes = sizeof(board) + (size_t)s->count * sizeof(test_result);
    board *b = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (b == MAP_FAILED)
        return wanting("conformance", "out of memory (%zu bytes)", bytes);
    bool complete = run_workers(s, w, b);
    tally t = report(s, w, b);
    if (!w->as_json) {
        if (!w->verbose)
            report_skips(s, b, t.skipped);
        printf("%d passed, %d failed, %d skipped\n", t.passed, t.failed, t.skipped);
    }
    fflush(stdout);
    munmap(b, bytes);
    if (!complete)
        return wanting("conformance", "not every test could be run");
    return t.failed ? EXIT_WANTING : EXIT_DONE;
}

int verb_conformance(int argc, char **argv)
{
    run_wish wish = { .threads = 1 };
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    settings w = { .bounds = BOUNDS_DEFAULT, .jobs = cores > 0 ? (int)cores : 1, .seconds = 120 };
    const option options[] = {
        { "rtol", 0, OPTION_DOUBLE, &w.bounds.rtol, "X", "relative bound (default 1e-3)" },
        { "atol", 0, OPTION_DOUBLE, &w.bounds.atol, "X", "absolute bound (default 1e-7)" },
        { "atol-range", 0, OPTION_DOUBLE, &w.bounds.atol_range, "X", "absolute bound as a part of the output's range" },
        { "outliers", 0, OPTION_DOUBLE, &w.bounds.outliers, "X",
          "part of an output's elements that may lie outside (8-bit models; default 0)" },
        { "filter", 'f', OPTION_LIST, &w.filters, "TEXT",
          "only tests with TEXT in their path, or a pattern; again: or" },
        { "exclude", 'x', OPTION_TEXT, &w.exclude, "FILE", "lines \"[FOLDERS/]NAME reason\": skip these" },
        { "jobs", 'j', OPTION_INT, &w.jobs, "N", "processes (default: one a core)", .minimum = 1 },
        { "timeout", 0, OPTION_INT, &w.seconds, "S", "seconds one test may take (default 120)", .minimum = 1 },
        { "strict", 0, OPTION_FLAG, &w.strict, NULL, "what would be skipped counts as failed" },
        { "verbose", 'v', OPTION_FLAG, &w.verbose, NULL, "print every test, not only the failed ones" },
        { "json", 0, OPTION_FLAG, &w.as_json, NULL, "print one JSON object" },
        RUN_OPTIONS(wish),
        { NULL },
    };
    const verb_usage usage = {
        "conformance",
        "DIR...",
        "Runs ONNX backend tests: every folder at or below DIR that has a model.onnx and test_data_set_N/\n"
        "{input,output}_N.pb. An output passes when type and shape are equal and |actual - expected| <=\n"
        "atol + rtol * |expected|; NaN equals NaN. float16 has at least rtol 2^-9 and atol 2^-14, bfloat16 at least\n"
        "rtol 2^-6 (a unit of their last place is 2^-10 and 2^-7). Rows that a model sorted by a score may\n"
        "change places where scores are equal within the bounds. Whole models (32 nodes or more) of 8-bit integers\n"
        "may differ by 3 % of the output's range, and 1 in 1000 elements by more; float16 ones by 2 %, whatever type\n"
        "goes in and out; with precision bf16 any by 6 %, and 1 in 100 elements by more: rounding decides there, in\n"
        "ONNX Runtime's own runs too.\n"
        "Operators and types that this build does not have count as skipped and are named. The last line is\n"
        "\"N passed, N failed, N skipped\".",
        options,
        1,
        1 << 20
    };
    int count, status;
    if (!options_parse(&usage, argc, argv, &count, &status))
        return status;
    if (wish.dims.count)
        return misused("conformance", "--dim has no use here: the stored inputs say their shapes");
    if (!run_options("conformance", &wish, &w.engine))
        return EXIT_MISUSED;
    if (w.jobs > JOBS_MAX)
        w.jobs = JOBS_MAX;

    suite s = { 0 };
    for (int i = 0; i < count; i++) {
        char *folder = argv[i];
        for (size_t length = strlen(folder); length > 1 && folder[length - 1] == '/'; length--)
            folder[length - 1] = '\0';
        if (!find_tests(&s, folder, &w.filters, 0)) {
            free_suite(&s);
            return misused("conformance", "%s: %s", folder, errno ? strerror(errno) : "cannot be read");
        }
    }
    if (s.count == 0) {
        free_suite(&s);
        return wanting("conformance", "no test found: a test is a folder with model.onnx and test_data_set_0");
    }
    qsort(s.folders, (size_t)s.count, sizeof *s.folders, by_name);
    s.skips = calloc((size_t)s.count, sizeof *s.skips);
    if (!s.skips || (w.exclude && !read_excluded(&s, w.exclude))) {
        free_suite(&s);
        return misused("conformance", "%s: %s", w.exclude ? w.exclude : "memory", strerror(errno));
    }
    status = conform(&s, &w);
    free_suite(&s);
    return status;
}
