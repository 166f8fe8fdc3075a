/* SPDX-License-Identifier: BSD-2-Clause
 *
 * onyx run: a model on one folder of stored inputs and outputs, every output's error shown. */
#include "command.h"
#include "json.h"
#include "testset.h"
#include "verbs.h"

typedef struct reporter {
    json *json; /* NULL: text */
} reporter;

static void report_output(const char *file, const char *name, const onyx_tensor *actual, const difference *d, bool same,
                          void *user)
{
    const reporter *r = user;
    char shape[256];
    dims_text(shape, sizeof shape, actual->rank, actual->dims, NULL);
    if (r->json) {
        json_begin(r->json, NULL, '{');
        json_text(r->json, "file", file);
        json_text(r->json, "name", name);
        json_text(r->json, "type", onyx_type_name(actual->type));
        json_dims(r->json, "dims", actual->rank, actual->dims, NULL);
        json_bool(r->json, "same", same);
        json_int(r->json, "different", (int64_t)d->different);
        json_int(r->json, "elements", (int64_t)d->count);
        json_number(r->json, "max_abs", d->max_abs);
        json_number(r->json, "max_rel", d->max_rel);
        json_text(r->json, "first", same ? NULL : d->text);
        json_end(r->json, '}');
        return;
    }
    printf("%-4s %s (%s) %s %s: largest error %.3g absolute, %.3g relative\n", same ? "ok" : "BAD", file, name,
           onyx_type_name(actual->type), shape, d->max_abs, d->max_rel);
    if (d->different)
        printf("     %s; %zu of %zu differ\n", d->text, d->different, d->count);
}

int verb_run(int argc, char **argv)
{
    run_wish wish = { .threads = 1 };
    compare_bounds bounds = BOUNDS_DEFAULT;
    const char *folder = NULL;
    bool as_json = false;
    const option options[] = {
        { "test-data", 'i', OPTION_TEXT, &folder, "DIR", "folder with input_N.pb and output_N.pb" },
        { "rtol", 0, OPTION_DOUBLE, &bounds.rtol, "X", "relative bound (default 1e-3)" },
        { "atol", 0, OPTION_DOUBLE, &bounds.atol, "X", "absolute bound (default 1e-7)" },
        { "atol-range", 0, OPTION_DOUBLE, &bounds.atol_range, "X", "absolute bound as a part of the output's range" },
        { "outliers", 0, OPTION_DOUBLE, &bounds.outliers, "X",
          "part of an output's elements that may lie outside (8-bit models; default 0)" },
        { "json", 0, OPTION_FLAG, &as_json, NULL, "print one JSON object" },
        RUN_OPTIONS(wish),
        { NULL },
    };
    const verb_usage usage = {
        "run",
        "MODEL --test-data DIR",
        "Runs a model on stored inputs and compares with stored outputs:\n"
        "|actual - expected| <= atol + rtol * |expected|. float16 and bfloat16 outputs have at least\n"
        "rtol 2^-9 and 2^-6. Rows sorted by a score may change places where scores are equal within\n"
        "the bounds.",
        options,
        1,
        1
    };
    int count, status;
    onyx_options engine;
    onyx_error error;
    onyx_model *model = NULL;
    if (!options_parse(&usage, argc, argv, &count, &status))
        return status;
    if (!folder)
        return misused("run", "say where the test data is: --test-data DIR");
    if (wish.dims.count)
        return misused("run", "--dim has no use here: the stored inputs say their shapes");
    if (!run_options("run", &wish, &engine))
        return EXIT_MISUSED;
    if (onyx_model_open(argv[0], &engine, &model, &error))
        return wanting("run", "%s", error.message);

    json j = { .out = stdout };
    reporter r = { .json = as_json ? &j : NULL };
    test_result result;
    if (as_json) {
        json_begin(&j, NULL, '{');
        json_text(&j, "model", argv[0]);
        json_begin(&j, "outputs", '[');
    }
    testset_run_folder(model, folder, &bounds, report_output, &r, &result);
    if (as_json) {
        json_end(&j, ']');
        json_bool(&j, "passed", result.outcome == TEST_PASSED);
        json_number(&j, "run_ms", (double)result.taken_ns / 1e6);
        json_text(&j, "reason", result.outcome == TEST_PASSED ? NULL : result.reason);
        json_end(&j, '}');
    }
    fflush(stdout);
    onyx_model_unref(model);
    return result.outcome == TEST_PASSED ? EXIT_DONE : wanting("run", "%s", result.reason);
}
