/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The scores of an attention: one value made of all that is added to them, and one of all their factors. */
#include "graph/pass_attention.h"

#include <string.h>

#include "base/size.h"

/* What is made of tables and masks is no larger than this; the scores themselves are at least as large. */
enum { MOST_BYTES = 32 << 20, MOST_MATRICES = 1 << 20 };

bool attention_plain_product(const graph_node *node, graph_product *p)
{
    return node && graph_read_product(node, p) && !p->bias && !p->residual && p->activation.act == OP_ACT_NONE &&
           graph_element_count(node->outputs[0]) > 0 && graph_shape_known(p->a) && graph_shape_known(p->b);
}

/* A term broadcasts to the value's shape, alone. */
static bool is_term(const graph_value *term, const graph_value *x)
{
    const int lead = x->info.rank - term->info.rank;
    if (!graph_is_f32(term) || lead < 0)
        return false;
    for (int i = 0; i < term->info.rank; i++)
        if (term->info.dims[i] != 1 && term->info.dims[i] != x->info.dims[lead + i])
            return false;
    return true;
}

/* Dim i from the end, 0 the last. */
static int64_t dim_back(const graph_value *x, int i)
{
    return i < x->info.rank ? x->info.dims[x->info.rank - 1 - i] : 1;
}

bool attention_keeps_matrices(const graph_node *node)
{
    return (node->row->flags & OP_VIEW) && node->inputs[0]->info.rank >= 2 && node->outputs[0]->info.rank >= 2 &&
           graph_element_count(node->inputs[0]) > 0 && dim_back(node->inputs[0], 0) == dim_back(node->outputs[0], 0) &&
           dim_back(node->inputs[0], 1) == dim_back(node->outputs[0], 1);
}

static bool add_term(attention_term *terms, int *count, graph_value *constant, const graph_value *x)
{
    if (*count == ATTENTION_MOST_TERMS)
        return false;
    attention_term *term = &terms[(*count)++];
    *term = (attention_term){ .constant = constant, .rank = x->info.rank };
    memcpy(term->dims, x->info.dims, sizeof(term->dims));
    return true;
}

static bool take_mask(attention_scores *s, graph_value *mask, const graph_value *x)
{
    if (s->mask || mask->info.rank < 2 || dim_back(mask, 0) != dim_back(x, 0) || !graph_same_shape(x, s->scores))
        return false;
    s->mask = mask;
    return true;
}

/* An Add or a Mul changes its input `at` by a term that fits; a factor behind a summand would have come first. */
static bool take_term(attention_scores *s, const graph_node *node, int at)
{
    graph_value *x = node->inputs[at], *term = node->inputs[1 - at];
    if (!is_term(term, x) || !graph_same_shape(x, node->outputs[0]))
        return false;
    if (graph_is(node, "Add"))
        return s->factor_count == 0 &&
               (term->is_constant ? add_term(s->summands, &s->summand_count, term, x) : take_mask(s, term, x));
    return graph_is(node, "Mul") && term->is_constant && dim_back(term, 0) == 1 && dim_back(term, 1) == 1 &&
           add_term(s->factors, &s->factor_count, term, x);
}

/* The product that the scores come from; what another pass has put into it, to be added, is a term. */
static bool read_product(const graph_node *node, graph_value *x, attention_scores *found)
{
    graph_product *p = &found->product;
    if (!graph_read_product(node, p) || p->activation.act != OP_ACT_NONE || !graph_same_shape(x, found->scores) ||
        graph_element_count(x) < 1 || !graph_shape_known(p->a) || !graph_shape_known(p->b) ||
        (found->factor_count > 0 && (p->bias || p->residual)) ||
        (p->bias && !add_term(found->summands, &found->summand_count, p->bias, x)) ||
        (p->residual && (p->residual->is_constant ? !add_term(found->summands, &found->summand_count, p->residual, x)
                                                  : !take_mask(found, p->residual, x))))
        return false;
    p->bias = p->residual = NULL;
    return true;
}

/* As deep as there are terms: a chain of Reshapes is no recursion. */
static bool read_up(graph_value *x, attention_scores *found)
{
    const graph_node *maker;
    for (;; x = maker->inputs[0]) {
        maker = x->producer;
        if (x->info.rank < 2 || !graph_sole(x) || !maker || !graph_one_output(maker))
            return false;
        if (!attention_keeps_matrices(maker))
            break;
    }
    if (graph_is(maker, "MatMul") || graph_is_in(maker, OP_DOMAIN_ONYX, "FusedMatMul"))
        return read_product(maker, x, found);
    const attention_scores before = *found;
    for (int i = 0; i < 2 && maker->input_count == 2; i++) { /* which of two is the mask shows further up */
        if (take_term(found, maker, i) && read_up(maker->inputs[i], found))
            return true;
        *found = before;
    }
    return false;
}

bool attention_read_scores(graph_value *softmax_input, const graph_value *scores, attention_scores *found)
{
    *found = (attention_scores){ .scores = scores };
    return read_up(softmax_input, found);
}

/* Where matrix `at` of the batch has its numbers in the constant. */
static size_t term_offset(const attention_term *term, size_t at)
{
    const op_value *c = &term->constant->info;
    size_t step = (size_t)(dim_back(term->constant, 0) * dim_back(term->constant, 1)), offset = 0;
    for (int i = term->rank - 3, j = c->rank - 3; i >= 0 && j >= 0; i--, j--) {
        offset += c->dims[j] == 1 ? 0 : at % (size_t)term->dims[i] * step;
        at /= (size_t)term->dims[i];
        step *= (size_t)c->dims[j];
    }
    return offset;
}

/* A batch index moved to 0 along those dims of the scores where `ones` is 1. */
static size_t reduced(const op_value *scores, const int64_t *ones, size_t at)
{
    size_t moved = 0, step = 1;
    for (int i = scores->rank - 3; i >= 0; i--) {
        moved += ones[i] == 1 ? 0 : at % (size_t)scores->dims[i] * step;
        at /= (size_t)scores->dims[i];
        step *= (size_t)scores->dims[i];
    }
    return moved;
}

/* Batch dims of a constant that says all the terms do: 1 where none of them differs along that dim. */
static size_t reduce_dims(const op_value *scores, const attention_term *terms, int count, int64_t *dims)
{
    size_t batches = 1, left = 1;
    for (int i = 0; i < scores->rank - 2; i++)
        batches *= (size_t)scores->dims[i];
    memcpy(dims, scores->dims, sizeof(*dims) * ONYX_MAX_RANK);
    for (int i = 0; i < scores->rank - 2; i++) {
        bool varies = false;
        dims[i] = 1;
        for (size_t at = 0; at < batches && !varies; at++)
            for (int t = 0; t < count; t++)
                varies |= term_offset(&terms[t], at) != term_offset(&terms[t], reduced(scores, dims, at));
        dims[i] = varies ? scores->dims[i] : 1;
        left *= (size_t)dims[i];
    }
    return left;
}

/* Of batch `at` of the reduced dims: its index among the scores' matrices. */
static size_t index_of(const op_value *scores, const int64_t *dims, size_t at)
{
    size_t index = 0, step = 1;
    for (int i = scores->rank - 3; i >= 0; i--) {
        index += at % (size_t)dims[i] * step;
        at /= (size_t)dims[i];
        step *= (size_t)scores->dims[i];
    }
    return index;
}

static onyx_status add_factors(graph *g, const attention_scores *s, const char *name, graph_value **value,
                               onyx_error *error)
{
    const op_value *scores = &s->scores->info;
    int64_t dims[ONYX_MAX_RANK];
    buffer *storage;
    float *data;
    const size_t count = reduce_dims(scores, s->factors, s->factor_count, dims);
    dims[scores->rank - 2] = dims[scores->rank - 1] = 1;
    STATUS_TRY(graph_new_floats(count, &storage, &data, error));
    for (size_t at = 0; at < count; at++) {
        double factor = 1;
        for (int t = 0; t < s->factor_count; t++)
            factor *= (double)graph_constant_f32(
                g, s->factors[t].constant)[term_offset(&s->factors[t], index_of(scores, dims, at))];
        data[at] = (float)factor;
    }
    return graph_add_f32(g, name, scores->rank, dims, storage, value, error);
}

/* matrix[queries][keys] += the numbers of a constant that begin at c */
static void add_matrix(const attention_term *term, const float *c, int64_t queries, int64_t keys, float *matrix)
{
    const int64_t column = dim_back(term->constant, 0) == 1 ? 0 : 1;
    const int64_t row = dim_back(term->constant, 1) == 1 ? 0 : dim_back(term->constant, 0);
    for (int64_t q = 0; q < queries; q++)
        for (int64_t k = 0; k < keys; k++)
            matrix[q * keys + k] += c[q * row + k * column];
}

static onyx_status add_summands(graph *g, const attention_scores *s, const char *name, graph_value **value,
                                onyx_error *error)
{
    const op_value *scores = &s->scores->info;
    const int64_t queries = dim_back(s->scores, 1), keys = dim_back(s->scores, 0);
    int64_t dims[ONYX_MAX_RANK];
    buffer *storage;
    float *data;
    const size_t matrix = (size_t)(queries * keys);
    const size_t count = reduce_dims(scores, s->summands, s->summand_count, dims);
    STATUS_TRY(graph_new_floats(count * matrix, &storage, &data, error));
    memset(data, 0, count * matrix * sizeof(*data));
    for (size_t at = 0; at < count; at++)
        for (int t = 0; t < s->summand_count; t++) {
            const attention_term *term = &s->summands[t];
            const float *c = graph_constant_f32(g, term->constant);
            add_matrix(term, c + term_offset(term, index_of(scores, dims, at)), queries, keys, data + at * matrix);
        }
    return graph_add_f32(g, name, scores->rank, dims, storage, value, error);
}

bool attention_terms_fit(const attention_scores *s)
{
    int64_t dims[ONYX_MAX_RANK];
    const size_t matrix = (size_t)(dim_back(s->scores, 0) * dim_back(s->scores, 1)) * sizeof(float);
    size_t bytes;
    if (s->summand_count + s->factor_count == 0)
        return true;
    return (size_t)graph_element_count(s->scores) / (matrix / sizeof(float)) <= MOST_MATRICES &&
           size_mul(reduce_dims(&s->scores->info, s->summands, s->summand_count, dims), matrix, &bytes) &&
           bytes <= MOST_BYTES;
}

onyx_status attention_add_terms(graph *g, const attention_scores *s, graph_node *node, graph_value **bias,
                                graph_value **factors, onyx_error *error)
{
    const char *name = node->name;
    *bias = *factors = NULL;
    for (int t = 0; t < s->summand_count + s->factor_count; t++) {
        graph_value *constant =
            t < s->summand_count ? s->summands[t].constant : s->factors[t - s->summand_count].constant;
        if (!graph_constant_f32(g, constant))
            return status_no_memory(error, constant->constant.size_bytes, "a constant");
    }
    if (s->factor_count)
        STATUS_TRY(add_factors(g, s, name, factors, error));
    graph_value *only = s->summand_count == 1 ? s->summands[0].constant : NULL;
    if (only && dim_back(only, 0) == dim_back(s->scores, 0) && dim_back(only, 1) == dim_back(s->scores, 1) &&
        s->summands[0].rank == s->scores->info.rank &&
        memcmp(s->summands[0].dims, s->scores->info.dims, sizeof(int64_t) * (size_t)s->scores->info.rank) == 0)
        *bias = only;
    else if (s->summand_count)
        STATUS_TRY(add_summands(g, s, name, bias, error));
    if (s->mask && *bias) {
        graph_value *const terms[2] = { s->mask, *bias };
        *bias = NULL;
        return graph_insert(g, node, "", "Add", name, terms, 2, NULL, 0, bias, error);
    }
    *bias = s->mask ? s->mask : *bias;
    return ONYX_OK;
}
