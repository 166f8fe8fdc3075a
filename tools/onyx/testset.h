/* SPDX-License-Identifier: BSD-2-Clause
 *
 * One ONNX backend test: a model and folders test_data_set_N with input_i.pb and output_i.pb. Used by `onyx run` and
 * `onyx conformance`. */
#ifndef ONYX_TOOLS_TESTSET_H
#define ONYX_TOOLS_TESTSET_H

#include "compare.h"

typedef enum test_outcome { TEST_PASSED = 1, TEST_FAILED, TEST_SKIPPED } test_outcome;

typedef struct test_result {
    test_outcome outcome;
    int64_t taken_ns;
    char reason[1280]; /* why it failed or was skipped; when it passed, a remark or "" */
} test_result;

/* Called for every output that was compared; may be NULL. */
typedef void testset_output_function(const char *file, const char *name, const onyx_tensor *actual,
                                     const difference *difference, bool same, void *user);

/* Runs `model` on the files of one data set folder. UNSUPPORTED by the engine becomes TEST_SKIPPED. */
void testset_run_folder(onyx_model *model, const char *folder, const compare_bounds *bounds,
                        testset_output_function *each, void *user, test_result *result);

/* Opens folder/model.onnx and runs every test_data_set_N of the folder; data.json there may widen the bounds.
 * Skipped: operators, types or features that this build does not have, named in reason. */
void testset_run_test(const char *folder, const onyx_options *options, const compare_bounds *bounds,
                      test_result *result);

/* Number of files PREFIX0.pb, PREFIX1.pb, ... without a gap in folder. */
int testset_count_files(const char *folder, const char *prefix);

#endif
