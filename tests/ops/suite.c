/* SPDX-License-Identifier: BSD-2-Clause
 *
 * test_ops_suite [-x LIST] [-f TEXT] [-r PART] [-v] DIR...: every ONNX backend test below the folders whose operators
 * are all in the table and that LIST does not exclude. LIST has lines "[folder,folder/]test_name reason" ("*" at the
 * end of a name: any rest; with folders, only tests that lie below one of them). Tests that need operators without a
 * row are counted as skipped. -r adds a part of an output's range to the absolute tolerance, for whole models. Without
 * DIR: $ONYX_SUITE. */
#include <dirent.h>
#include <math.h>
#include <string.h>
#include <sys/stat.h>

#include "base/size.h"
#include "base/types.h"
#include "check.h"
#include "ops/lanes.h"
#include "ops/shape.h"
#include "runner.h"

enum { MOST_EXCLUDED = 1024, MOST_VALUES = 64, PATH_SIZE = 1024 };

static struct {
    char *names[MOST_EXCLUDED];
    int count;
    const char *filter;
    double range_part;
    bool verbose;
    workers *pool;
} suite;

/* ---- exclusions ---- */

static bool read_exclusions(const char *path)
{
    FILE *file = fopen(path, "r");
    char line[1024];
    if (!file)
        return false;
    while (fgets(line, sizeof(line), file) && suite.count < MOST_EXCLUDED) {
        line[strcspn(line, " \t\n")] = '\0';
        if (line[0] && line[0] != '#')
            suite.names[suite.count++] = strdup(line);
    }
    fclose(file);
    return true;
}

/* Whether one of the names between commas is a folder of `path`. */
static bool lies_below(const char *path, const char *folders, size_t length)
{
    for (const char *end = folders + length; folders < end;) {
        size_t n = 0;
        while (folders + n < end && folders[n] != ',')
            n++;
        for (const char *at = path; (at = strchr(at, '/')); at++) {
            if (strncmp(at + 1, folders, n) == 0 && at[1 + n] == '/')
                return true;
        }
        folders += n + 1;
    }
    return false;
}

static bool excluded(const char *folder, const char *name)
{
    for (int i = 0; i < suite.count; i++) {
        const char *pattern = suite.names[i], *slash = strchr(pattern, '/');
        if (slash && !lies_below(folder, pattern, (size_t)(slash - pattern)))
            continue;
        pattern = slash ? slash + 1 : pattern;
        size_t length = strlen(pattern);
        if (pattern[length - 1] == '*' ? strncmp(name, pattern, length - 1) == 0 : strcmp(name, pattern) == 0)
            return true;
    }
    return false;
}

/* ---- comparing ---- */

typedef struct tolerance {
    double relative, absolute;
} tolerance;

/* data.json may hold other tolerances. */
static tolerance read_tolerance(const char *folder)
{
    tolerance t = { 1e-3, 1e-7 };
    char path[PATH_SIZE + 16], text[512];
    snprintf(path, sizeof(path), "%s/data.json", folder);
    FILE *file = fopen(path, "r");
    if (!file)
        return t;
    text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
    const char *rtol = strstr(text, "\"rtol\""), *atol = strstr(text, "\"atol\"");
    if (rtol && (rtol = strchr(rtol, ':')))
        t.relative = strtod(rtol + 1, NULL);
    if (atol && (atol = strchr(atol, ':')))
        t.absolute = strtod(atol + 1, NULL);
    fclose(file);
    return t;
}

/* Largest less smallest finite value. */
static double range_of(const onyx_tensor *tensor)
{
    double low = INFINITY, high = -INFINITY, x;
    size_t count = tensor_count(tensor);
    for (size_t i = 0; i < count; i++) {
        lanes_load(LANE_F64, tensor->type, tensor->data, i, 1, &x);
        if (isfinite(x)) {
            low = MIN(low, x);
            high = MAX(high, x);
        }
    }
    return high > low ? high - low : 0;
}

static bool close_enough(double actual, double expected, tolerance t)
{
    if (expected != expected || actual != actual)
        return expected != expected && actual != actual;
    if (isinf(expected) || isinf(actual))
        return expected == actual;
    return fabs(actual - expected) <= t.absolute + t.relative * fabs(expected);
}

/* Says what differs in `why`. */
static bool same_tensor(const onyx_tensor *actual, const onyx_tensor *expected, tolerance t, char *why, size_t size)
{
    char a[SHAPE_TEXT_SIZE], b[SHAPE_TEXT_SIZE];
    if (actual->type != expected->type || actual->rank != expected->rank ||
        memcmp(actual->dims, expected->dims, (size_t)expected->rank * sizeof(int64_t)) != 0) {
        snprintf(why, size, "expected %s %s, actual %s %s", onyx_type_name(expected->type),
                 shape_text(expected->rank, expected->dims, b), onyx_type_name(actual->type),
                 shape_text(actual->rank, actual->dims, a));
        return false;
    }
    size_t count = tensor_count(expected);
    if (expected->type == ONYX_TYPE_BFLOAT16)
        t.relative = MAX(t.relative, 1.0 / 64);
    if (suite.range_part > 0 && type_in(expected->type, TYPES_NUMBER))
        t.absolute = MAX(t.absolute, suite.range_part * range_of(expected));
    for (size_t i = 0; i < count; i++) {
        if (expected->type == ONYX_TYPE_STRING) {
            const char *x = ((char **)actual->data)[i], *y = ((char **)expected->data)[i];
            if (strcmp(x, y) == 0)
                continue;
            snprintf(why, size, "index %zu: expected \"%s\", actual \"%s\"", i, y, x);
            return false;
        }
        if (type_in(expected->type, TYPES_COMPLEX)) {
            if (memcmp(actual->data, expected->data, expected->size_bytes) == 0)
                break;
            snprintf(why, size, "complex values differ");
            return false;
        }
        lane l = lane_of(expected->type);
        double x, y;
        int64_t m = 0, n = 0;
        lanes_load(LANE_F64, actual->type, actual->data, i, 1, &x);
        lanes_load(LANE_F64, expected->type, expected->data, i, 1, &y);
        bool integer = l == LANE_I64 || l == LANE_U64;
        if (integer) {
            lanes_load(l, actual->type, actual->data, i, 1, &m);
            lanes_load(l, expected->type, expected->data, i, 1, &n);
        }
        if (integer ? m != n : !close_enough(x, y, t)) {
            snprintf(why, size, "index %zu: expected %.9g, actual %.9g", i, y, x);
            return false;
        }
    }
    return true;
}

/* ---- one test ---- */

static bool supported(const model_graph *graph)
{
    for (int i = 0; i < graph->node_count; i++) {
        const model_node *node = &graph->nodes[i];
        for (int k = 0; k < node->attribute_count; k++) {
            if (node->attributes[k].type == OP_ATTRIBUTE_GRAPH)
                return false;
        }
        const op_row *row = op_find(node->domain, node->op_type, node->version);
        if (!row || !row->run) {
            if (suite.verbose)
                printf("no row: %s %d\n", node->op_type, node->version);
            return false;
        }
    }
    return true;
}

static bool all_tensors(const model_value *values, int count)
{
    for (int i = 0; i < count; i++) {
        if (values[i].kind != OP_KIND_TENSOR)
            return false;
    }
    return count <= MOST_VALUES;
}

static void run_data_set(const char *folder, const char *set, const model_file *model, arena *a)
{
    const model_graph *graph = model->graph;
    model_tensor in[MOST_VALUES], expected;
    const onyx_tensor *inputs[MOST_VALUES];
    onyx_tensor outputs[MOST_VALUES];
    char path[2 * PATH_SIZE], why[512];
    onyx_error error = { 0 };
    tolerance t = read_tolerance(folder);
    runner *r = runner_new(suite.pool);
    onyx_status status = ONYX_OK;
    for (int i = 0; i < graph->input_count && status == ONYX_OK; i++) {
        struct stat unused;
        snprintf(path, sizeof(path), "%s/%s/input_%d.pb", folder, set, i);
        inputs[i] = NULL;
        if (stat(path, &unused) != 0)
            continue;
        status = model_read_tensor(path, a, &in[i], &error);
        inputs[i] = &in[i].tensor;
    }
    if (status == ONYX_OK)
        status = runner_graph(r, graph, inputs, outputs, &error);
    if (!CHECK(status == ONYX_OK, "%s: %s", folder, error.message)) {
        runner_free(r);
        return;
    }
    bool same = true;
    for (int i = 0; i < graph->output_count && same; i++) {
        snprintf(path, sizeof(path), "%s/%s/output_%d.pb", folder, set, i);
        status = model_read_tensor(path, a, &expected, &error);
        if (status != ONYX_OK)
            snprintf(why, sizeof(why), "%.400s", error.message);
        same = status == ONYX_OK && same_tensor(&outputs[i], &expected.tensor, t, why, sizeof(why));
        CHECK(same, "%s: output %d (%s): %s", folder, i, graph->outputs[i].name, why);
    }
    runner_free(r);
}

static void run_test(const char *folder, const char *name)
{
    char path[PATH_SIZE + 16];
    onyx_error error;
    model_file *model = NULL;
    onyx_options options = ONYX_OPTIONS(.threads = 1);
    if ((suite.filter && !strstr(folder, suite.filter)))
        return;
    if (excluded(folder, name)) {
        check_skipped++;
        return;
    }
    snprintf(path, sizeof(path), "%s/model.onnx", folder);
    onyx_status status = model_load(path, &options, &model, &error);
    if (status != ONYX_OK) {
        if (suite.verbose)
            printf("not loaded: %s: %s\n", folder, error.message);
        check_skipped++;
        return;
    }
    if (!supported(model->graph) || !all_tensors(model->graph->inputs, model->graph->input_count) ||
        !all_tensors(model->graph->outputs, model->graph->output_count)) {
        check_skipped++;
    } else {
        arena *a = arena_new(0);
        for (int set = 0;; set++) {
            char data[64];
            struct stat unused;
            snprintf(data, sizeof(data), "test_data_set_%d", set);
            snprintf(path, sizeof(path), "%s/%s", folder, data);
            if (stat(path, &unused) != 0)
                break;
            run_data_set(folder, data, model, a);
        }
        arena_free(a);
    }
    model_free(model);
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

/* Every folder below with a model.onnx is a test. */
static void walk(const char *folder, const char *name)
{
    char path[PATH_SIZE];
    struct stat info;
    struct dirent **entries;
    if (snprintf(path, sizeof(path), "%s/model.onnx", folder) >= (int)sizeof(path))
        return;
    if (stat(path, &info) == 0) {
        run_test(folder, name);
        return;
    }
    int count = scandir(folder, &entries, NULL, by_name);
    for (int i = 0; i < count; i++) {
        const char *entry = entries[i]->d_name;
        int length = snprintf(path, sizeof(path), "%s/%s", folder, entry);
        if (entry[0] != '.' && length < (int)sizeof(path) && stat(path, &info) == 0 && S_ISDIR(info.st_mode))
            walk(path, entry);
        free(entries[i]);
    }
    if (count >= 0)
        free(entries);
}

int main(int argc, char **argv)
{
    onyx_error error;
    int folders = 0;
    if (workers_new(2, false, &suite.pool, &error) != ONYX_OK)
        return EXIT_FAILURE;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "-x") == 0 && i + 1 < argc) {
            i++;
            CHECK(read_exclusions(argv[i]), "cannot read %s", argv[i]);
        } else if (strcmp(argv[i], "-f") == 0 && i + 1 < argc) {
            suite.filter = argv[++i];
        } else if (strcmp(argv[i], "-r") == 0 && i + 1 < argc) {
            suite.range_part = strtod(argv[++i], NULL);
        } else if (strcmp(argv[i], "-v") == 0) {
            suite.verbose = true;
        } else {
            walk(argv[i], argv[i]);
            folders++;
        }
    }
    const char *folder = getenv("ONYX_SUITE");
    if (folders == 0 && folder)
        walk(folder, folder);
    else if (folders == 0)
        check_skip("no suite: run tests/ops/fetch_suite FOLDER and set ONYX_SUITE=FOLDER");
    for (int i = 0; i < suite.count; i++)
        free(suite.names[i]);
    workers_free(suite.pool);
    return check_done();
}
