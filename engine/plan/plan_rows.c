/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Rows of channels, as heads of detectors and patches of transformers want them: taken from blocked pictures as the
 * convolution left them, maybe with the channels in groups (anchors), and arithmetic on some columns of the rows
 * (ColumnChain) while they are near. */
#include "plan/planner.h"

#include <string.h>

#include "ops/params.h"

/* ---- arithmetic on columns ---- */

/* Rows that are done at a time, so that they stay in the first-level cache. */
#define STRIP_ROWS ((size_t)32)
#define STRIP_BYTES ((size_t)24 << 10)

static size_t strip_rows(size_t row)
{
    return MAX((size_t)1, MIN(STRIP_ROWS, STRIP_BYTES / (row * sizeof(float))));
}

typedef struct column_step {
    eltwise_binary_f32 *binary; /* or one of the others */
    eltwise_unary_f32 *unary;
    eltwise_act_f32 *act;
    size_t begin, width;
    bool again, swap; /* the same columns as the step before */
    int input;        /* of the step that holds the operand; 0: none, x * x */
    int operand_step; /* 0: a single number */
} column_step;

typedef struct columns {
    const column_step *steps;
    int count;
    size_t row; /* elements */
    size_t scratch_bytes;
    int before; /* inputs of the step in front of those that the steps count */
} columns;

/* A handful of floats: a call for each row would take longer than the rest. */
static void move_columns(float *to, size_t to_stride, const float *from, size_t from_stride, size_t width, size_t rows)
{
    if (width > 8) {
        for (size_t i = 0; i < rows; i++)
            memcpy(to + i * to_stride, from + i * from_stride, width * sizeof(float));
        return;
    }
    for (size_t k = 0; k < width / 2 * 2; k += 2)
        for (size_t i = 0; i < rows; i++)
            memcpy(to + i * to_stride + k, from + i * from_stride + k, 2 * sizeof(float));
    for (size_t i = 0; i < rows && width % 2; i++)
        to[i * to_stride + width - 1] = from[i * from_stride + width - 1];
}

/* At most strip_rows rows, of which the first is row `at` of all; in place. x: c->scratch_bytes. */
static void compute_columns(const step_context *context, const columns *c, float *rows, size_t at, size_t count,
                            float *x)
{
    for (int i = 0; i < c->count; i++) {
        const column_step *s = &c->steps[i];
        const size_t n = count * s->width;
        if (!s->again)
            move_columns(x, s->width, rows + s->begin, c->row, s->width, count);
        if (s->binary) {
            const float *operand = x;
            if (s->input)
                operand = (const float *)context->tensors[context->step->inputs[c->before + s->input]].data +
                          (s->operand_step ? at * s->width : 0);
            const int step = s->input ? s->operand_step : 1;
            if (s->swap)
                s->binary(operand, step, x, 1, x, n);
            else
                s->binary(x, 1, operand, step, x, n);
        } else if (s->unary) {
            s->unary(x, x, n);
        } else {
            s->act(x, x, n, 0, 0);
        }
        if (i + 1 == c->count || !c->steps[i + 1].again)
            move_columns(rows + s->begin, c->row, x, s->width, s->width, count);
    }
}

static void choose_kernel(const planner *p, const column_code *code, column_step *s)
{
    static const cpu_binary binaries[] = { [OP_COLUMN_ADD] = CPU_BINARY_ADD,
                                           [OP_COLUMN_SUB] = CPU_BINARY_SUB,
                                           [OP_COLUMN_MUL] = CPU_BINARY_MUL,
                                           [OP_COLUMN_DIV] = CPU_BINARY_DIV,
                                           [OP_COLUMN_SQUARE] = CPU_BINARY_MUL };
    if (code->op == OP_COLUMN_EXP)
        s->unary = p->kernels->eltwise.unary[CPU_UNARY_EXP];
    else if (code->op == OP_COLUMN_SIGMOID)
        s->act = p->kernels->eltwise.act[CPU_ACT_SIGMOID];
    else
        s->binary = p->kernels->eltwise.binary[binaries[code->op]];
}

/* The node's columns; inputs: slots of its operands from index 1 on. NULL: memory is out, or a kernel is missing
 * (*missing). */
static columns *columns_of(planner *p, const graph_node *node, int *inputs, bool *missing)
{
    const columns_params *params = node->params;
    const graph_value *x = node->inputs[0];
    columns *c = plan_alloc(p, sizeof(*c));
    column_step *steps = plan_alloc(p, sizeof(*steps) * (size_t)params->count);
    *missing = false;
    if (!c || !steps)
        return NULL;
    *c = (columns){ steps, params->count, (size_t)x->info.dims[x->info.rank - 1], 0, 0 };
    for (int i = 0; i < params->count; i++) {
        const column_code *code = &params->codes[i];
        column_step *s = &steps[i];
        s->begin = (size_t)code->begin;
        s->width = (size_t)code->width;
        s->again = i && s->begin == s[-1].begin && s->width == s[-1].width;
        s->swap = code->swap != 0;
        s->input = code->op < OP_COLUMN_BINARIES ? (int)code->input : 0;
        s->operand_step = s->input && graph_element_count(node->inputs[s->input]) > 1;
        choose_kernel(p, code, s);
        *missing |= !s->binary && !s->unary && !s->act;
        c->scratch_bytes = MAX(c->scratch_bytes, strip_rows(c->row) * s->width * sizeof(float));
    }
    for (int i = 1; i < node->input_count && !*missing; i++)
        if ((inputs[i] = plan_plain(p, node->inputs[i])) < 0)
            return NULL;
    return *missing ? NULL : c;
}

/* ---- from blocks to rows of channels ---- */

/* A value in more pieces is written first. */
enum { MOST_PIECES = 8 };

/* Columns of the rows, one piece behind the other: consecutive channels of an input of the step. */
typedef struct row_piece {
    int input;
    size_t image;           /* floats of an input's image */
    size_t first, channels; /* first: of group 0 */
} row_piece;

typedef struct rows_step {
    layout_rows_f32 *kernel;
    size_t block;             /* channels of a block */
    size_t groups, channels;  /* of an image; of a group */
    size_t hw, pixels, strip; /* of an image, of a part, done at a time */
    int parts;                /* of a group */
    int piece_count;          /* 1 where there are groups */
    const row_piece *pieces;
    const columns *columns; /* or NULL */
} rows_step;

/* Pixels [first, first + count) of a group: src[k] is the first of these in block 0 of what piece k is taken from,
 * blocks `plane` floats apart. By way of scratch: what the rows go to is often cold. It comes meanwhile, and takes long
 * runs best. */
static void make_rows(const step_context *context, const rows_step *s, const float *const *src, size_t plane,
                      size_t image, size_t group, size_t first, size_t count, float *scratch)
{
    const size_t at = (image * s->groups + group) * s->hw + first;
    float *dst = (float *)context->tensors[context->step->outputs[0]].data + at * s->channels;
    float *more = scratch + s->strip * s->channels;
    for (size_t i = 0, strip; i < count; i += strip) {
        strip = MIN(s->strip, count - i);
        for (size_t k = 0; k < strip * s->channels; k += 16)
            __builtin_prefetch(dst + i * s->channels + k, 1, 2);
        float *column = scratch;
        for (int k = 0; k < s->piece_count; k++) {
            const row_piece *piece = &s->pieces[k];
            s->kernel(src[k] + i * s->block, plane, piece->first + group * s->channels, piece->channels, strip, column,
                      s->channels);
            column += piece->channels;
        }
        if (s->columns)
            compute_columns(context, s->columns, scratch, at + i, strip, more);
        memcpy(dst + i * s->channels, scratch, strip * s->channels * sizeof(float));
    }
}

static void run_rows(const step_context *context, int part)
{
    const rows_step *s = context->step->params;
    const size_t group = (size_t)(part / s->parts), begin = (size_t)(part % s->parts) * s->pixels;
    const size_t image = group / s->groups, count = MIN(s->pixels, s->hw - begin);
    const float *src[MOST_PIECES];
    for (int k = 0; k < s->piece_count; k++)
        src[k] = (const float *)context->tensors[context->step->inputs[s->pieces[k].input]].data +
                 image * s->pieces[k].image + begin * s->block;
    make_rows(context, s, src, s->hw * s->block, image, group % s->groups, begin, count, context->scratch);
}

/* What a convolution does instead, see plan_conv_tail. */
static void rows_tail(const step_context *context, const void *params, const plan_band *band, void *scratch)
{
    const rows_step *s = params;
    for (size_t group = 0; group < s->groups; group++)
        make_rows(context, s, &band->data, band->plane, band->image, group, band->first, band->pixels, scratch);
}

/* ---- the same from 16 bits in blocks ---- */

typedef struct half_rows_step {
    void (*to_float)(const uint16_t *src, float *dst, size_t n);
    size_t lanes, channels, hw, pixels; /* pixels of a part */
    int parts;                          /* of an image */
} half_rows_step;

static void run_half_rows(const step_context *context, int part)
{
    const half_rows_step *s = context->step->params;
    const size_t lanes = s->lanes;
    const size_t image = (size_t)(part / s->parts), begin = (size_t)(part % s->parts) * s->pixels;
    const size_t end = MIN(begin + s->pixels, s->hw), padded = size_align(s->channels, lanes);
    const uint16_t *src = (const uint16_t *)context->tensors[context->step->inputs[0]].data + image * padded * s->hw;
    float *dst = (float *)context->tensors[context->step->outputs[0]].data + image * s->hw * s->channels;
    float *wide = context->scratch;
    for (size_t i = begin, count; i < end; i += count) {
        count = MIN(STRIP_ROWS, end - i);
        for (size_t c = 0; c < s->channels; c += lanes) {
            float *to = dst + i * s->channels + c;
            s->to_float(src + c * s->hw + i * lanes, wide, count * lanes);
            plan_copy_rows((char *)to, s->channels * sizeof(float), (const char *)wide, lanes * sizeof(float),
                           MIN(lanes, s->channels - c) * sizeof(float), count);
        }
    }
}

static plan_result plan_half_rows(planner *p, graph_node *node)
{
    image_dims d;
    if (!plan_image_dims(p, node->inputs[0], &d))
        return PLAN_PASS;
    half_rows_step s = { .to_float = p->kernels->half.to_float,
                         .lanes = (size_t)p->kernels->half.lanes,
                         .channels = (size_t)d.c,
                         .hw = (size_t)d.h * (size_t)d.w };
    s.parts = (int)MIN((size_t)plan_parts(s.hw * s.channels * 6), s.hw);
    s.pixels = (s.hw + (size_t)s.parts - 1) / (size_t)s.parts;
    s.parts = (int)((s.hw + s.pixels - 1) / s.pixels);
    const int input = p->forms[node->inputs[0]->id].half, output = plan_new_plain(p, node->outputs[0]);
    return plan_add_step(p, node, "half_rows", run_half_rows, (int)d.n * s.parts, STRIP_ROWS * s.lanes * sizeof(float),
                         &input, 1, &output, 1, &s, sizeof(s))
               ? PLAN_DONE
               : PLAN_FAILED;
}

/* [n][channels or groups][..] with the channels last: n, [groups,] h, w, c from n, [groups,] c, h, w. */
static bool makes_rows(const graph_node *node, int channels)
{
    const transpose_params *t = node->params;
    const int rank = node->inputs[0]->info.rank;
    if (!graph_is(node, "Transpose") || t->count != rank || t->perm[rank - 1] != channels)
        return false;
    for (int i = 0; i < rank - 1; i++)
        if (t->perm[i] != (i < channels ? i : i + 1))
            return false;
    return true;
}

bool plan_rows_later(planner *p, graph_node *reshape)
{
    graph_value *x = reshape->inputs[0], *y = reshape->outputs[0];
    const graph_node *reader = graph_single_user(y);
    image_dims d;
    int64_t pixels = 1;
    if (!reader || !plan_can_block(p, x) || !plan_only_blocked(p, x) || !plan_image_dims(p, x, &d) ||
        y->info.rank < 4 || !makes_rows(reader, 2) || y->info.dims[0] != d.n ||
        y->info.dims[1] * y->info.dims[2] != d.c)
        return false;
    for (int i = 3; i < y->info.rank; i++)
        pixels *= y->info.dims[i];
    if (pixels != (int64_t)d.h * d.w)
        return false;
    p->forms[y->id].picture = x;
    return true;
}

/* The pieces that a list of channels consists of, and the slots that they are taken from; 0: there are too many. */
static int pieces_of(const planner *p, const channel_origin *list, const image_dims *d, row_piece *pieces, int *slots,
                     int *slot_count)
{
    int count = 0;
    *slot_count = 0;
    for (int c = 0; c < d->c; c++) {
        if (c > 0 && list[c].slot == list[c - 1].slot && list[c].channel == list[c - 1].channel + 1) {
            pieces[count - 1].channels++;
            continue;
        }
        if (count == MOST_PIECES)
            return 0;
        int input = 0;
        while (input < *slot_count && slots[input] != list[c].slot)
            input++;
        slots[input] = list[c].slot;
        *slot_count = MAX(*slot_count, input + 1);
        pieces[count++] =
            (row_piece){ .input = input,
                         .image = p->program->slots[list[c].slot].tensor.size_bytes / sizeof(float) / (size_t)d->n,
                         .first = (size_t)list[c].channel,
                         .channels = 1 };
    }
    return count;
}

/* Sets the pieces and the slots of x: where it is only a list, those of what is in it. -1: memory is out. */
static int set_pieces(planner *p, graph_value *x, const image_dims *d, rows_step *s, int slots[MOST_PIECES])
{
    const value_forms *forms = &p->forms[x->id];
    row_piece *pieces = plan_alloc(p, sizeof(*pieces) * MOST_PIECES);
    int count = 0;
    s->pieces = pieces;
    s->piece_count = pieces && forms->blocked < 0 && forms->channels && s->groups == 1
                         ? pieces_of(p, forms->channels, d, pieces, slots, &count)
                         : 0;
    if (s->piece_count > 0)
        return count;
    if (!pieces || (slots[0] = plan_blocked(p, x)) < 0)
        return -1;
    pieces[0] = (row_piece){ .image = d->blocked_elements, .channels = s->channels };
    s->piece_count = 1;
    return 1;
}

plan_result plan_rows(planner *p, graph_node *node)
{
    graph_value *x = node->inputs[0], *y = node->outputs[0];
    graph_value *picture = p->forms[x->id].picture;
    image_dims d;
    int slots[MOST_PIECES];
    if (p->forms[x->id].half >= 0 && p->forms[x->id].plain < 0 && p->forms[x->id].blocked < 0 && makes_rows(node, 1))
        return plan_half_rows(p, node);
    if (picture ? !makes_rows(node, 2) : !plan_can_block(p, x) || !plan_only_blocked(p, x) || !makes_rows(node, 1))
        return PLAN_PASS;
    if (!plan_image_dims(p, picture ? picture : x, &d))
        return PLAN_PASS;
    rows_step s = { .kernel = p->kernels->layout.rows,
                    .block = (size_t)p->kernels->block,
                    .groups = picture ? (size_t)x->info.dims[1] : 1,
                    .hw = (size_t)d.h * (size_t)d.w };
    s.channels = (size_t)d.c / s.groups;
    s.strip = strip_rows(s.channels);
    s.parts = (int)MIN((size_t)plan_parts(s.hw * s.channels * 2 * sizeof(float)), s.hw);
    s.pixels = (s.hw + (size_t)s.parts - 1) / (size_t)s.parts;
    s.parts = (int)((s.hw + s.pixels - 1) / s.pixels);
    const int inputs = set_pieces(p, picture ? picture : x, &d, &s, slots), output = plan_new_plain(p, y);
    const size_t scratch = s.strip * s.channels * sizeof(float);
    const void *copy = arena_copy(p->program->arena, &s, sizeof(s));
    if (inputs < 0 || output < 0 || !copy)
        return PLAN_FAILED;
    if (plan_conv_tail(p, picture ? picture : x, "conv_rows", rows_tail, copy, scratch, output))
        return PLAN_DONE;
    return plan_add_step(p, node, "layout_rows", run_rows, (int)(d.n * (int64_t)s.groups) * s.parts, scratch, slots,
                         inputs, &output, 1, copy, 0)
               ? PLAN_DONE
               : PLAN_FAILED;
}

/* ---- ColumnChain ---- */

typedef struct columns_only_step {
    const columns *columns;
    size_t rows;
    int parts;
} columns_only_step;

static void run_columns(const step_context *context, int part)
{
    const program_step *step = context->step;
    const columns_only_step *s = step->params;
    const size_t row = s->columns->row;
    const float *src = context->tensors[step->inputs[0]].data;
    float *dst = context->tensors[step->outputs[0]].data;
    size_t begin, end;
    plan_range(s->rows, 1, s->parts, part, &begin, &end);
    for (size_t i = begin, count; i < end; i += count) {
        count = MIN(strip_rows(row), end - i);
        if (src != dst)
            memcpy(dst + i * row, src + i * row, count * row * sizeof(float));
        compute_columns(context, s->columns, dst + i * row, i, count, context->scratch);
    }
}

static const rows_step *rows_of(const program_step *step)
{
    return step->run == run_rows ? step->params : plan_tail_params(step, rows_tail);
}

/* The step that makes rows of `slot` computes on their columns, too. False where there is no such step. */
static bool join_rows(planner *p, const graph_node *node, columns *c, const int *inputs, int slot, plan_result *result)
{
    const int at = plan_maker(p, slot);
    program_step *step = at < 0 ? NULL : &p->program->steps[at];
    const rows_step *before = step ? rows_of(step) : NULL;
    if (!before)
        return false;
    rows_step *s = plan_alloc(p, sizeof(*s));
    int *all = plan_alloc(p, sizeof(*all) * (size_t)(step->input_count + node->input_count));
    const char *title = arena_printf(p->program->arena, "%s, %s", step->op, node->row->name);
    *result = PLAN_FAILED;
    if (!s || !all || !title)
        return true;
    *s = *before;
    s->columns = c;
    c->before = step->input_count - 1;
    memcpy(all, step->inputs, sizeof(*all) * (size_t)step->input_count);
    memcpy(all + step->input_count, inputs + 1, sizeof(*all) * (size_t)(node->input_count - 1));
    if (step->run == run_rows)
        step->params = s;
    else if (!plan_set_tail_params(p, step, s))
        return true;
    step->op = title;
    step->inputs = all;
    step->input_count += node->input_count - 1;
    step->scratch_bytes += c->scratch_bytes;
    p->program->scratch_bytes = MAX(p->program->scratch_bytes, step->scratch_bytes);
    *result = plan_new_view(p, node->outputs[0], slot, 0, false) < 0 ? PLAN_FAILED : PLAN_DONE;
    return true;
}

plan_result plan_columns(planner *p, graph_node *node)
{
    graph_value *x = node->inputs[0], *y = node->outputs[0];
    bool missing;
    int *inputs = plan_alloc(p, sizeof(*inputs) * (size_t)node->input_count);
    if (graph_element_count(y) < 1)
        return PLAN_PASS;
    columns *c = inputs ? columns_of(p, node, inputs, &missing) : NULL;
    if (!c)
        return inputs && missing ? PLAN_PASS : PLAN_FAILED;
    inputs[0] = plan_plain(p, x);
    if (inputs[0] < 0)
        return PLAN_FAILED;
    plan_result result;
    const bool here = plan_may_overwrite(p, x, inputs[0]);
    if (here && join_rows(p, node, c, inputs, inputs[0], &result))
        return result;
    const int output = here ? plan_new_view(p, y, inputs[0], 0, false) : plan_new_plain(p, y);
    columns_only_step s = { .columns = c, .rows = (size_t)graph_element_count(y) / c->row };
    s.parts = (int)MIN((size_t)plan_parts(s.rows * c->row * sizeof(float) * 2), s.rows);
    return plan_add_step(p, node, "columns", run_columns, s.parts, c->scratch_bytes, inputs, node->input_count, &output,
                         1, &s, sizeof(s))
               ? PLAN_DONE
               : PLAN_FAILED;
}
