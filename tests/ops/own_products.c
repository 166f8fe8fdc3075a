/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Gemm at sizes around the tiles of the float64 path, which the public suite never reaches; Einsum of one to three
 * operands with random labels, against a sum over everything that any label may be. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

/* ---- Einsum ---- */

enum { LABELS = 6 };

typedef struct einsum_case {
    int inputs, ranks[4], labels[4][3], dots[4]; /* the last is the result; `dots` leading labels are its ellipsis */
    int64_t sizes[LABELS];
    char equation[64];
} einsum_case;

static void write_term(einsum_case *c, int t, bool dots)
{
    if (dots)
        strcat(c->equation, "...");
    for (int i = dots ? c->dots[t] : 0; i < c->ranks[t]; i++)
        snprintf(c->equation + strlen(c->equation), 4, " %c", "aBcDeF"[c->labels[t][i]]);
}

/* Labels 0.. of the terms; where there is an ellipsis, labels 0 and 1 stand for its last dims. */
static void random_einsum(einsum_case *c)
{
    const bool dots = own_random() % 3 == 0;
    bool used[LABELS] = { false };
    memset(c, 0, sizeof(*c));
    c->inputs = (int)own_random_in(1, 3);
    for (int i = 0; i < LABELS; i++)
        c->sizes[i] = own_random_in(1, 4);
    for (int t = 0; t < c->inputs; t++) {
        if (dots && own_random() % 4)
            for (int i = 1 - (int)(own_random() % 2); i < 2; i++)
                c->labels[t][c->ranks[t]++] = i;
        c->dots[t] = c->ranks[t];
        while (c->ranks[t] < 3 && own_random() % 4)
            c->labels[t][c->ranks[t]++] = (int)own_random_in(dots ? 2 : 0, LABELS - 1);
        for (int i = 0; i < c->ranks[t]; i++)
            used[c->labels[t][i]] = true;
    }
    const int y = c->inputs;
    for (int i = 0; dots && i < 2; i++)
        if (used[i])
            c->labels[y][c->ranks[y]++] = i;
    c->dots[y] = c->ranks[y];
    for (int i = LABELS - 1; i >= (dots ? 2 : 0) && c->ranks[y] < 3; i--)
        if (used[i] && own_random() % 2)
            c->labels[y][c->ranks[y]++] = i;
    for (int t = 0; t <= y; t++) {
        strcat(c->equation, t == 0 ? "" : t < y ? "," : " -> ");
        write_term(c, t, dots && (t == y || c->dots[t] || own_random() % 2));
    }
}

static size_t element_at(const einsum_case *c, int t, const int64_t *index)
{
    size_t at = 0;
    for (int i = 0; i < c->ranks[t]; i++)
        at = at * (size_t)c->sizes[c->labels[t][i]] + (size_t)index[c->labels[t][i]];
    return at;
}

static void einsum_sum(const einsum_case *c, const onyx_tensor *x, double *expected)
{
    int64_t index[LABELS] = { 0 };
    bool used[LABELS] = { false };
    for (int t = 0; t < c->inputs; t++)
        for (int i = 0; i < c->ranks[t]; i++)
            used[c->labels[t][i]] = true;
    for (int d = LABELS - 1; d >= 0;) {
        double product = 1;
        for (int t = 0; t < c->inputs; t++)
            product *= own_get(&x[t], element_at(c, t, index));
        expected[element_at(c, c->inputs, index)] += product;
        for (d = LABELS - 1; d >= 0; d--) {
            if (used[d] && ++index[d] < c->sizes[d])
                break;
            index[d] = 0;
        }
    }
}

static void einsum_case_of(onyx_type type, double bound)
{
    runner *r = runner_new(NULL);
    einsum_case c;
    onyx_tensor x[3], y = { 0 };
    const onyx_tensor *inputs[3] = { &x[0], &x[1], &x[2] };
    int64_t dims[4][3] = { { 0 } };
    onyx_error error = { 0 };
    double expected[64] = { 0 };
    random_einsum(&c);
    for (int t = 0; t <= c.inputs; t++)
        for (int i = 0; i < c.ranks[t]; i++)
            dims[t][i] = c.sizes[c.labels[t][i]];
    for (int t = 0; t < c.inputs; t++) {
        x[t] = own_tensor(r, type, c.ranks[t], dims[t]);
        own_fill(&x[t], -3, 3);
    }
    op_attribute equation = own_string("equation", c.equation);
    einsum_sum(&c, x, expected);
    if (own_check(runner_node(r, "", "Einsum", 12, &equation, 1, inputs, c.inputs, &y, 1, &error) == ONYX_OK,
                  "'%s': %s", c.equation, error.message))
        own_compare(c.equation, &y, c.ranks[c.inputs], dims[c.inputs], expected, bound, bound);
    runner_free(r);
}

/* Equations that must be refused for two operands of a rank. */
static void einsum_refused(const char *text, int rank)
{
    runner *r = runner_new(NULL);
    onyx_tensor x = own_tensor(r, ONYX_TYPE_FLOAT32, rank, (int64_t[]){ 2, 3, 1, 2, 1, 1, 1 }), y = { 0 };
    const onyx_tensor *inputs[2] = { &x, &x };
    op_attribute equation = own_string("equation", text);
    onyx_error error = { 0 };
    own_fill(&x, 0, 1);
    own_check(runner_node(r, "", "Einsum", 12, &equation, 1, inputs, 2, &y, 1, &error) != ONYX_OK, "'%s' is taken",
              text);
    runner_free(r);
}

static void einsum(void)
{
    static const char *const refused[] = { "ij",         "ij,ij,ij",     "ij,jk->ik", "ijk,ij->i",
                                           "i,ij->j",    "ij,ij->k",     "ij,ij->ii", "i.j,ij->i",
                                           "ij,ij->i,j", "......,ij->i", "ij,ij->?",  "" };
    own_seed(77);
    for (int i = 0; i < 400; i++)
        einsum_case_of(i % 4 == 3 ? ONYX_TYPE_INT32 : i % 4 == 2 ? ONYX_TYPE_FLOAT64 : ONYX_TYPE_FLOAT32, 1e-5);
    for (size_t i = 0; i < ARRAY_LENGTH(refused); i++)
        einsum_refused(refused[i], 2);
    einsum_refused("abcdefg,hijklmn", 7); /* a result of fourteen dimensions, named or not */
    einsum_refused("abcdefg,hijklmn->abcdefghijklmn", 7);
}

void own_products(void)
{
    einsum();
    static const int64_t sizes[][3] = { { 1, 1, 1 },     { 8, 8, 8 },   { 64, 64, 64 },
                                        { 65, 63, 130 }, { 7, 200, 9 }, { 130, 66, 70 } };
    for (size_t i = 0; i < ARRAY_LENGTH(sizes); i++)
        for (int transposed = 0; transposed < 4; transposed++) {
            gemm_case(ONYX_TYPE_FLOAT64, sizes[i][0], sizes[i][1], sizes[i][2], transposed & 1, transposed & 2, 1e-13);
            gemm_case(ONYX_TYPE_FLOAT32, sizes[i][0], sizes[i][1], sizes[i][2], transposed & 1, transposed & 2, 1e-6);
        }
}
