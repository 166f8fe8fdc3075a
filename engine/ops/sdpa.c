/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Attention (version 23 on): softmax(scale * q * k^T + mask) * v for each head, with keys and values of earlier calls
 * in front, fewer heads of these than of queries, and masks of numbers or truth values, of what comes later, of windows
 * and of padded keys. Operands are [batch, heads, length, size], or [batch, length, heads * size]. */
#include <math.h>
#include <string.h>

#include "ops/lanes.h"
#include "ops/rows.h"
#include "ops/shape.h"

enum { Q, K, V, MASK, PAST_KEY, PAST_VALUE, KEY_COUNTS, INPUTS };
enum { Y, SCORES = 3 };

onyx_status op_parse_sdpa(const op_parse_context *context, void *params)
{
    sdpa_params *p = params;
    p->causal = op_attribute_int(&context->attributes, "is_causal", 0) != 0;
    p->scale = op_attribute_float(&context->attributes, "scale", 0);
    p->softcap = op_attribute_float(&context->attributes, "softcap", 0);
    p->q_heads = op_attribute_int(&context->attributes, "q_num_heads", 0);
    p->kv_heads = op_attribute_int(&context->attributes, "kv_num_heads", 0);
    p->left = op_attribute_int(&context->attributes, "left_window_size", -1);
    p->right = op_attribute_int(&context->attributes, "right_window_size", -1);
    p->scores = op_attribute_int(&context->attributes, "qk_matmul_output_mode", 0);
    if (p->left < -1 || p->right < -1 || p->scores < 0 || p->scores > 3)
        return status_fail(context->error, ONYX_ERROR_FORMAT, "windows are -1 or more, qk_matmul_output_mode 0 to 3");
    return ONYX_OK;
}

/* The dims of one operand; false where they are not known or `heads` does not divide them. */
static bool operand_of(const op_value *x, int64_t heads, op_sdpa_operand *o)
{
    if (!x || (x->rank != 3 && x->rank != 4) || !value_dims_known(x))
        return false;
    if (x->rank == 4) {
        *o = (op_sdpa_operand){ x->dims[0], x->dims[1], x->dims[2], x->dims[3], false };
        return true;
    }
    if (heads < 1 || x->dims[2] % heads)
        return false;
    *o = (op_sdpa_operand){ x->dims[0], heads, x->dims[1], x->dims[2] / heads, true };
    return true;
}

bool op_sdpa_read(const sdpa_params *p, const op_value *const *inputs, int count, op_sdpa *s)
{
    const op_value *past = count > PAST_KEY ? inputs[PAST_KEY] : NULL;
    const op_value *past_value = count > PAST_VALUE ? inputs[PAST_VALUE] : NULL;
    *s = (op_sdpa){ 0 };
    if (!operand_of(inputs[Q], p->q_heads, &s->q) || !operand_of(inputs[K], p->kv_heads, &s->k) ||
        !operand_of(inputs[V], p->kv_heads, &s->v))
        return false;
    if (past) {
        if (past->rank != 4 || !value_dims_known(past) || (past_value && !value_dims_known(past_value)))
            return false;
        s->past = past->dims[2];
    }
    return true;
}

static bool fits(const op_sdpa *s, const op_value *past_key, const op_value *past_value)
{
    bool ok = s->q.batch == s->k.batch && s->k.batch == s->v.batch && s->k.heads == s->v.heads && s->k.heads > 0 &&
              s->q.heads % s->k.heads == 0 && s->q.size == s->k.size && s->k.length == s->v.length &&
              s->q.heads <= INT64_MAX / MAX(s->v.size, 1) && s->past <= INT64_MAX - s->k.length;
    const op_value *past[2] = { past_key, past_value };
    for (int i = 0; i < 2 && past_key; i++)
        ok = ok && past[i] && past[i]->rank == 4 && past[i]->dims[0] == s->k.batch && past[i]->dims[1] == s->k.heads &&
             past[i]->dims[2] == s->past && past[i]->dims[3] == (i ? s->v.size : s->k.size);
    return ok;
}

onyx_status op_shape_sdpa(op_shape_context *context)
{
    const sdpa_params *p = context->params;
    const op_value *past[2] = { shape_input(context, PAST_KEY), shape_input(context, PAST_VALUE) };
    const op_value *mask = shape_input(context, MASK), *counts = shape_input(context, KEY_COUNTS);
    op_sdpa s;
    STATUS_TRY(shape_begin(context));
    STATUS_TRY(shape_same_type(context, Q, K));
    STATUS_TRY(shape_type(context, V, TYPES_FLOAT));
    STATUS_TRY(shape_type(context, MASK, TYPES_FLOAT | TYPES_BOOL));
    STATUS_TRY(shape_same_type(context, K, PAST_KEY));
    STATUS_TRY(shape_same_type(context, V, PAST_VALUE));
    STATUS_TRY(shape_type(context, KEY_COUNTS, TYPE_BIT(ONYX_TYPE_INT64)));
    for (int i = 0; i < context->output_count; i++)
        context->outputs[i].type = context->inputs[i == SCORES ? Q : i]->type;
    if ((past[0] == NULL) != (past[1] == NULL))
        return shape_fail(context, "past keys and values go together");
    if (context->inputs[Q]->rank == 3 && (p->q_heads < 1 || p->kv_heads < 1))
        return shape_fail(context, "the numbers of heads are missing");
    if (!op_sdpa_read(p, context->inputs, context->input_count, &s))
        return ONYX_OK;
    if (!fits(&s, past[0], past[1]))
        return shape_fail(context, "queries, keys and values do not fit together");
    const int64_t total = s.past + s.k.length, scores[4] = { s.q.batch, s.q.heads, s.q.length, total };
    for (int i = 0; mask && i < mask->rank; i++) {
        const int at = 4 - mask->rank + i;
        const int64_t dim = mask->dims[i];
        if (mask->rank > 4 || (dim >= 0 && dim != 1 && (at < 3 ? dim != scores[at] : dim > total)))
            return shape_fail(context, "the mask does not broadcast to the scores");
    }
    if (counts && (past[0] || counts->rank != 1 || (counts->dims[0] >= 0 && counts->dims[0] != s.q.batch)))
        return shape_fail(context, "nonpad_kv_seqlen is one number for each of the batch, without past keys");
    const int64_t y[4] = { s.q.batch, s.q.heads, s.q.length, s.v.size };
    const int64_t flat[3] = { s.q.batch, s.q.length, s.q.heads * s.v.size };
    shape_set(&context->outputs[0], context->outputs[0].type, s.q.flat ? 3 : 4, s.q.flat ? flat : y);
    for (int i = 1; i < context->output_count && i < SCORES; i++) {
        const int64_t present[4] = { s.k.batch, s.k.heads, total, i == 1 ? s.k.size : s.v.size };
        shape_set(&context->outputs[i], context->outputs[i].type, 4, present);
    }
    if (context->output_count > SCORES)
        shape_set(&context->outputs[SCORES], context->outputs[SCORES].type, 4, scores);
    return ONYX_OK;
}

static size_t place(const op_sdpa_operand *o, int64_t b, int64_t h, int64_t i)
{
    return (size_t)((o->flat ? (b * o->length + i) * o->heads + h : (b * o->heads + h) * o->length + i) * o->size);
}

/* Past and new keys (or values) as one [batch, heads, total, size]. */
static void join(const op_sdpa *s, const op_sdpa_operand *o, lane l, const void *past, const void *x, void *all)
{
    const int64_t total = s->past + o->length;
    const size_t row = lane_size(l) * (size_t)o->size;
    for (int64_t n = 0; n < o->batch * o->heads; n++) {
        char *to = (char *)all + (size_t)(n * total) * row;
        if (s->past)
            memcpy(to, (const char *)past + (size_t)(n * s->past) * row, (size_t)s->past * row);
        for (int64_t i = 0; i < o->length; i++)
            memcpy(to + (size_t)(s->past + i) * row,
                   (const char *)x + place(o, n / o->heads, n % o->heads, i) * lane_size(l), row);
    }
}

/* What the mask adds to a score; -inf: it is left out. */
static double mask_at(const onyx_tensor *mask, const int64_t index[4])
{
    size_t at = 0;
    double value;
    for (int i = 0; i < mask->rank; i++) {
        const int64_t k = mask->dims[i] == 1 ? 0 : index[4 - mask->rank + i];
        if (k >= mask->dims[i])
            return -INFINITY; /* keys behind the mask's last */
        at = at * (size_t)mask->dims[i] + (size_t)k;
    }
    lanes_load(LANE_F64, mask->type, mask->data, at, 1, &value);
    return mask->type == ONYX_TYPE_BOOL ? (value != 0 ? 0 : -INFINITY) : value;
}

/* w[0..n) = softmax(w), zeros where all is left out. */
static void normalise(double *w, int64_t n)
{
    double largest = -INFINITY, sum = 0;
    for (int64_t j = 0; j < n; j++)
        largest = w[j] > largest || w[j] != w[j] ? w[j] : largest;
    for (int64_t j = 0; j < n; j++) {
        w[j] = largest == -INFINITY ? 0 : exp(w[j] - largest);
        sum += w[j];
    }
    for (int64_t j = 0; j < n && sum != 0; j++)
        w[j] /= sum;
}

typedef struct sdpa_task {
    const sdpa_params *params;
    const onyx_tensor *mask;
    op_sdpa s;
    op_sdpa_operand out;
    lane lq, lv;
    const void *q, *keys, *values; /* keys, values: joined */
    const int64_t *counts;         /* keys of each of the batch that are no padding, or NULL */
    int64_t total;
    double scale, *w; /* w: scores of a query */
    void *y, *scores; /* scores: or NULL */
} sdpa_task;

/* Whether query i of batch b may see key j, masks apart. */
static bool visible(const sdpa_task *t, int64_t b, int64_t i, int64_t j)
{
    const sdpa_params *p = t->params;
    const int64_t count = t->counts ? MAX(0, MIN(t->counts[b], t->total)) : t->total;
    const int64_t at = i + (t->counts ? count - t->s.q.length : t->s.past);
    return j < count && !(p->causal && j > at) && (p->left < 0 || at - j <= p->left) &&
           (p->right < 0 || j - at <= p->right);
}

/* Keeps the scores of query n where they are wanted at this point. */
static void keep(const sdpa_task *t, int64_t n, int64_t point)
{
    for (int64_t j = 0; t->scores && t->params->scores == point && j < t->total; j++)
        lane_set(t->lq, t->scores, (size_t)(n * t->total + j), t->w[j]);
}

static void one_query(const sdpa_task *t, int64_t n)
{
    const op_sdpa *s = &t->s;
    const int64_t i = n % s->q.length, h = n / s->q.length % s->q.heads, b = n / s->q.length / s->q.heads;
    const size_t q = place(&s->q, b, h, i), size = (size_t)s->v.size;
    const size_t first = (size_t)((b * s->k.heads + h / (s->q.heads / s->k.heads)) * t->total);
    const double cap = (double)t->params->softcap;
    double *w = t->w;
    for (int64_t j = 0; j < t->total; j++) {
        w[j] = 0;
        for (int64_t e = 0; e < s->q.size; e++)
            w[j] += lane_get(t->lq, t->q, q + (size_t)e) *
                    lane_get(t->lq, t->keys, (first + (size_t)j) * (size_t)s->q.size + (size_t)e);
        w[j] *= t->scale;
    }
    keep(t, n, 0);
    for (int64_t j = 0; j < t->total && cap > 0; j++)
        w[j] = cap * tanh(w[j] / cap);
    keep(t, n, 1);
    for (int64_t j = 0; j < t->total; j++) {
        w[j] += t->mask ? mask_at(t->mask, (int64_t[]){ b, h, i, j }) : 0;
        w[j] = visible(t, b, i, j) ? w[j] : -INFINITY;
    }
    keep(t, n, 2);
    normalise(w, t->total);
    keep(t, n, 3);
    for (size_t e = 0; e < size; e++) {
        double sum = 0;
        for (int64_t j = 0; j < t->total; j++)
            sum += w[j] == 0 ? 0 : w[j] * lane_get(t->lv, t->values, (first + (size_t)j) * size + e);
        lane_set(t->lq, t->y, place(&t->out, b, h, i) + e, sum);
    }
}

/* Past and new keys and values, also as the outputs that they are. */
static onyx_status join_all(op_run_context *context, sdpa_task *t, const void *const *data)
{
    onyx_status status = ONYX_OK;
    for (int i = 0; i < 2; i++) {
        const op_sdpa_operand *o = i ? &t->s.v : &t->s.k;
        const lane l = i ? t->lv : t->lq;
        const size_t count = (size_t)(o->batch * o->heads * t->total * o->size);
        void *all = run_scratch(context, count, lane_size(l), &status);
        STATUS_TRY(status);
        join(&t->s, o, l, data[PAST_KEY + i], data[K + i], all);
        if (run_output(context, 1 + i))
            lanes_store(l, all, count, context->outputs[1 + i]->type, context->outputs[1 + i]->data, 0);
        *(i ? &t->values : &t->keys) = all;
    }
    return ONYX_OK;
}

onyx_status op_run_sdpa(op_run_context *context)
{
    const sdpa_params *p = context->params;
    const int count = MIN(context->input_count, INPUTS);
    const onyx_tensor *counts = run_input(context, KEY_COUNTS);
    onyx_status status = ONYX_OK;
    op_value values[INPUTS];
    const op_value *pointers[INPUTS] = { NULL };
    const void *data[INPUTS] = { NULL };
    sdpa_task t = { .params = p, .mask = run_input(context, MASK), .counts = counts ? counts->data : NULL };
    for (int i = 0; i < count; i++)
        if (context->inputs[i]) {
            values[i] = value_of_tensor(context->inputs[i]);
            pointers[i] = &values[i];
            if (i != MASK && i != KEY_COUNTS)
                data[i] = lanes_of_tensor(context, context->inputs[i], lane_of(context->inputs[i]->type), &status);
        }
    STATUS_TRY(status);
    if (!op_sdpa_read(p, pointers, count, &t.s))
        return status_fail(context->error, ONYX_ERROR_SHAPE, "queries, keys and values do not fit together");
    t.q = data[Q];
    t.lq = lane_of(values[Q].type);
    t.lv = lane_of(values[V].type);
    t.total = t.s.past + t.s.k.length;
    t.scale = p->scale != 0 ? (double)p->scale : 1 / sqrt((double)t.s.q.size);
    t.out = (op_sdpa_operand){ t.s.q.batch, t.s.q.heads, t.s.q.length, t.s.v.size, t.s.q.flat };
    STATUS_TRY(join_all(context, &t, data));
    onyx_tensor *scores = run_output(context, SCORES);
    t.y = lanes_for_output(context, context->outputs[Y], t.lq, &status);
    t.scores = scores ? lanes_for_output(context, scores, t.lq, &status) : NULL;
    t.w = run_scratch(context, (size_t)t.total, sizeof(*t.w), &status);
    STATUS_TRY(status);
    for (int64_t n = 0; n < t.s.q.batch * t.s.q.heads * t.s.q.length; n++)
        one_query(&t, n);
    lanes_finish_output(context->outputs[Y], t.lq, t.y);
    if (scores)
        lanes_finish_output(scores, t.lq, t.scores);
    return ONYX_OK;
}
