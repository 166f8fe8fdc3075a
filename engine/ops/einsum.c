/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Einsum (ONNX, version 12 on). The equation names each dimension of each operand with a label; the result is the sum
 * of the operands' products over all labels that it does not have. Dimensions of an ellipsis get labels of their own,
 * counted from the right, so that they broadcast. */
#include <string.h>

#include "ops/lanes.h"
#include "ops/rows.h"
#include "ops/shape.h"

/* Results that are one part of the work. */
#define PART_RESULTS 256

/* ASCII order: what numpy sorts the labels of an implicit result by. */
static int label_of(char c)
{
    return c >= 'A' && c <= 'Z' ? c - 'A' : c >= 'a' && c <= 'z' ? 26 + c - 'a' : -1;
}

onyx_status op_parse_einsum(const op_parse_context *context, void *params)
{
    einsum_params *p = params;
    p->equation = op_attribute_string(&context->attributes, "equation", NULL);
    if (!p->equation)
        return status_fail(context->error, ONYX_ERROR_FORMAT, "there is no equation");
    if (context->input_count > OP_EINSUM_INPUTS)
        return status_fail(context->error, ONYX_ERROR_UNSUPPORTED, "more than %d operands", OP_EINSUM_INPUTS);
    return ONYX_OK;
}

/* One term from *at up to a comma, "->" or the end. `dots`: dimensions of its ellipsis, -1: what is left of `rank`. */
static onyx_status read_term(const char **at, int rank, int dots, op_einsum_term *term, onyx_error *error)
{
    const char *c = *at;
    int letters = 0, ellipses = 0, count = 0;
    for (; *c && *c != ',' && *c != '-'; c++) {
        letters += label_of(*c) >= 0;
        if (strncmp(c, "...", 3) == 0) {
            ellipses++;
            c += 2;
        } else if (label_of(*c) < 0 && *c != ' ') {
            return status_fail(error, ONYX_ERROR_FORMAT, "'%.40s' in the equation has no meaning", c);
        }
    }
    dots = dots >= 0 ? dots : rank - letters;
    if (ellipses > 1 || (rank >= 0 && (dots < 0 || (dots > 0 && !ellipses))) || letters + dots > ONYX_MAX_RANK)
        return status_fail(error, ONYX_ERROR_SHAPE, "a term of the equation does not fit rank %d", rank);
    for (const char *p = *at; p < c; p++) {
        if (label_of(*p) >= 0)
            term->labels[count++] = (uint8_t)label_of(*p);
        for (int i = 0; *p == '.' && i < dots; i++)
            term->labels[count++] = (uint8_t)(OP_EINSUM_LABELS - dots + i);
        p += *p == '.' ? 2 : 0;
    }
    term->rank = count;
    *at = c;
    return ONYX_OK;
}

/* Sizes of labels: equal, or 1, which broadcasts; -1 where not known. */
static onyx_status take_sizes(op_einsum *e, const op_einsum_term *term, const int64_t *dims, onyx_error *error)
{
    for (int i = 0; i < term->rank; i++) {
        int64_t *size = &e->sizes[term->labels[i]];
        if (dims[i] >= 0 && *size >= 0 && dims[i] != *size && dims[i] != 1 && *size != 1)
            return status_fail(error, ONYX_ERROR_SHAPE, "a label stands for %lld and %lld", (long long)*size,
                               (long long)dims[i]);
        if (*size == 1 || (dims[i] > 1 && *size < 0))
            *size = dims[i];
    }
    return ONYX_OK;
}

static onyx_status implicit_result(op_einsum *e, int dots, onyx_error *error)
{
    int uses[OP_EINSUM_LABELS] = { 0 };
    for (int t = 0; t < e->inputs; t++)
        for (int i = 0; i < e->terms[t].rank; i++)
            uses[e->terms[t].labels[i]]++;
    op_einsum_term *result = &e->terms[e->inputs];
    for (int i = OP_EINSUM_LABELS - dots; i < OP_EINSUM_LABELS; i++)
        result->labels[result->rank++] = (uint8_t)i;
    for (int i = 0; i < OP_EINSUM_LETTERS; i++) {
        if (uses[i] != 1)
            continue;
        if (result->rank == ONYX_MAX_RANK)
            return status_fail(error, ONYX_ERROR_UNSUPPORTED, "the result has more than %d dimensions", ONYX_MAX_RANK);
        result->labels[result->rank++] = (uint8_t)i;
    }
    return ONYX_OK;
}

onyx_status op_einsum_read(const einsum_params *params, const op_value *const *inputs, int count, op_einsum *e,
                           onyx_error *error)
{
    const char *at = params->equation;
    int dots = 0;
    memset(e, 0, sizeof(*e));
    e->inputs = count;
    for (int i = 0; i < OP_EINSUM_LABELS; i++)
        e->sizes[i] = 1;
    for (int t = 0; t < count; t++) {
        const op_value *x = inputs[t];
        const char *begin = at;
        STATUS_TRY(read_term(&at, x->rank, -1, &e->terms[t], error));
        for (int i = 0; i < e->terms[t].rank; i++)
            dots = MAX(dots, e->terms[t].labels[i] < OP_EINSUM_LETTERS ? 0 : OP_EINSUM_LABELS - e->terms[t].labels[i]);
        STATUS_TRY(take_sizes(e, &e->terms[t], x->dims, error));
        if (t + 1 < count ? *at != ',' : *at != 0 && strncmp(at, "->", 2) != 0)
            return status_fail(error, ONYX_ERROR_FORMAT, "the equation is not for %d operands: '%.40s'", count, begin);
        at += t + 1 < count;
    }
    if (!*at)
        return implicit_result(e, dots, error);
    at += 2;
    STATUS_TRY(read_term(&at, -1, dots * (strstr(at, "...") != NULL), &e->terms[count], error));
    if (*at)
        return status_fail(error, ONYX_ERROR_FORMAT, "the equation does not end: '%.40s'", at);
    return ONYX_OK;
}

onyx_status op_shape_einsum(op_shape_context *context)
{
    op_einsum e;
    int64_t dims[ONYX_MAX_RANK];
    STATUS_TRY(shape_begin(context));
    for (int i = 0; i < context->input_count; i++) {
        STATUS_TRY(shape_same_type(context, 0, i));
        if (context->inputs[i]->rank < 0) {
            shape_set(&context->outputs[0], context->inputs[0]->type, -1, NULL);
            return ONYX_OK;
        }
    }
    STATUS_TRY(op_einsum_read(context->params, context->inputs, context->input_count, &e, context->error));
    const op_einsum_term *result = &e.terms[e.inputs];
    uint64_t seen = 0, known = 0;
    for (int t = 0; t < e.inputs; t++)
        for (int i = 0; i < e.terms[t].rank; i++)
            known |= UINT64_C(1) << e.terms[t].labels[i];
    for (int i = 0; i < result->rank; i++) {
        const uint64_t bit = UINT64_C(1) << result->labels[i];
        if ((seen & bit) || !(known & bit))
            return shape_fail(context, "the result has a label twice, or one that no operand has");
        seen |= bit;
        dims[i] = e.sizes[result->labels[i]];
    }
    shape_set(&context->outputs[0], context->inputs[0]->type, result->rank, dims);
    return ONYX_OK;
}

/* ---- the sums ---- */

typedef struct einsum_task {
    lane l;
    int inputs, rank, result_rank; /* dims of the result first, then those that are summed over */
    int64_t dims[OP_EINSUM_LABELS], strides[OP_EINSUM_INPUTS][OP_EINSUM_LABELS];
    const void *data[OP_EINSUM_INPUTS];
    void *result;
    int64_t results;
} einsum_task;

static void add_product(const einsum_task *t, const int64_t *offsets, double *sum, uint64_t *whole)
{
    double product = 1;
    uint64_t integer = 1;
    for (int i = 0; i < t->inputs; i++) {
        if (t->l == LANE_F32 || t->l == LANE_F64)
            product *= lane_get(t->l, t->data[i], (size_t)offsets[i]);
        else
            integer *= ((const uint64_t *)t->data[i])[offsets[i]];
    }
    *sum += product;
    *whole += integer;
}

static void one_result(const einsum_task *t, int64_t number)
{
    int64_t index[OP_EINSUM_LABELS] = { 0 }, offsets[OP_EINSUM_INPUTS] = { 0 }, rest = number, terms = 1;
    double sum = 0;
    uint64_t whole = 0;
    for (int d = t->result_rank - 1; d >= 0; d--) {
        for (int i = 0; i < t->inputs; i++)
            offsets[i] += rest % t->dims[d] * t->strides[i][d];
        rest /= t->dims[d];
    }
    for (int d = t->result_rank; d < t->rank; d++)
        terms *= t->dims[d];
    for (; terms > 0; terms--) {
        add_product(t, offsets, &sum, &whole);
        for (int d = t->rank - 1; d >= t->result_rank; d--) {
            const int64_t step = ++index[d] < t->dims[d] ? 1 : 1 - t->dims[d];
            for (int i = 0; i < t->inputs; i++)
                offsets[i] += step * t->strides[i][d];
            if (step == 1)
                break;
            index[d] = 0;
        }
    }
    if (t->l == LANE_F32 || t->l == LANE_F64)
        lane_set(t->l, t->result, (size_t)number, sum);
    else
        ((uint64_t *)t->result)[number] = whole;
}

static void einsum_part(void *context, int part, int worker)
{
    const einsum_task *t = context;
    const int64_t begin = (int64_t)part * PART_RESULTS;
    (void)worker;
    for (int64_t i = begin; i < MIN(begin + PART_RESULTS, t->results); i++)
        one_result(t, i);
}

/* Dimension `d` of the walk is `label`; an operand that has the label more than once walks its diagonal. */
static void add_dimension(einsum_task *t, const op_einsum *e, const onyx_tensor *const *inputs, int d, int label)
{
    t->dims[d] = e->sizes[label];
    for (int i = 0; i < e->inputs; i++) {
        int64_t stride = 1;
        for (int k = inputs[i]->rank - 1; k >= 0; k--) {
            if (e->terms[i].labels[k] == label && inputs[i]->dims[k] != 1)
                t->strides[i][d] += stride;
            stride *= inputs[i]->dims[k];
        }
    }
}

onyx_status op_run_einsum(op_run_context *context)
{
    onyx_tensor *out = context->outputs[0];
    const op_value *pointers[OP_EINSUM_INPUTS];
    op_value values[OP_EINSUM_INPUTS];
    op_einsum e;
    einsum_task t = { .l = lane_of(out->type), .inputs = context->input_count, .results = (int64_t)tensor_count(out) };
    onyx_status status = ONYX_OK;
    uint64_t summed = 0;
    for (int i = 0; i < t.inputs; i++) {
        values[i] = value_of_tensor(context->inputs[i]);
        pointers[i] = &values[i];
        t.data[i] = lanes_of_tensor(context, context->inputs[i], t.l, &status);
    }
    t.result = lanes_for_output(context, out, t.l, &status);
    STATUS_TRY(status);
    STATUS_TRY(op_einsum_read(context->params, pointers, t.inputs, &e, context->error));
    for (int k = 0; k < t.inputs; k++)
        for (int i = 0; i < e.terms[k].rank; i++)
            summed |= UINT64_C(1) << e.terms[k].labels[i];
    const op_einsum_term *result = &e.terms[e.inputs];
    for (int i = 0; i < result->rank; i++) {
        add_dimension(&t, &e, context->inputs, t.rank++, result->labels[i]);
        summed &= ~(UINT64_C(1) << result->labels[i]);
    }
    t.result_rank = t.rank;
    for (int label = 0; label < OP_EINSUM_LABELS; label++)
        if (summed >> label & 1)
            add_dimension(&t, &e, context->inputs, t.rank++, label);
    if ((t.results + PART_RESULTS - 1) / PART_RESULTS > INT32_MAX)
        return status_fail(context->error, ONYX_ERROR_LIMIT, "too many results");
    workers_run(context->pool, einsum_part, &t, (int)((t.results + PART_RESULTS - 1) / PART_RESULTS));
    lanes_finish_output(out, t.l, t.result);
    return ONYX_OK;
}
