/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Gemm and MatMul at sizes around the tiles of the float64 path, which the public suite never reaches. */
#include <stdlib.h>

#include "base/size.h"
#include "own.h"

static void gemm_case(onyx_type type, int64_t m, int64_t n, int64_t k, bool trans_a, bool trans_b, double rtol)
{
    runner *r = runner_new(NULL);
    onyx_tensor a = own_tensor(r, type, 2, (int64_t[]){ trans_a ? k : m, trans_a ? m : k });
    onyx_tensor b = own_tensor(r, type, 2, (int64_t[]){ trans_b ? n : k, trans_b ? k : n }), y = { 0 };
    const onyx_tensor *inputs[2] = { &a, &b };
    op_attribute attributes[] = { own_int("transA", trans_a), own_int("transB", trans_b) };
    onyx_error error = { 0 };
    own_fill(&a, -1, 1);
    own_fill(&b, -1, 1);
    double *expected = calloc((size_t)(m * n), sizeof(*expected));
    if (expected && own_check(runner_node(r, "", "Gemm", 13, attributes, ARRAY_LENGTH(attributes), inputs, 2, &y, 1,
                                          &error) == ONYX_OK,
                              "Gemm: %s", error.message)) {
        for (int64_t i = 0; i < m; i++)
            for (int64_t j = 0; j < n; j++)
                for (int64_t l = 0; l < k; l++)
                    expected[i * n + j] += own_get(&a, (size_t)(trans_a ? l * m + i : i * k + l)) *
                                           own_get(&b, (size_t)(trans_b ? j * k + l : l * n + j));
        own_compare("Gemm", &y, 2, (int64_t[]){ m, n }, expected, rtol, rtol * (double)k);
    }
    free(expected);
    runner_free(r);
}

void own_products(void)
{
    static const int64_t sizes[][3] = { { 1, 1, 1 },     { 8, 8, 8 },   { 64, 64, 64 },
                                        { 65, 63, 130 }, { 7, 200, 9 }, { 130, 66, 70 } };
    for (size_t i = 0; i < ARRAY_LENGTH(sizes); i++)
        for (int transposed = 0; transposed < 4; transposed++) {
            gemm_case(ONYX_TYPE_FLOAT64, sizes[i][0], sizes[i][1], sizes[i][2], transposed & 1, transposed & 2, 1e-13);
            gemm_case(ONYX_TYPE_FLOAT32, sizes[i][0], sizes[i][1], sizes[i][2], transposed & 1, transposed & 2, 1e-6);
        }
}
