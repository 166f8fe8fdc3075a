/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Transpose of plain data (of blocked pictures: plan_rows.c): swaps of two neighbours, the usual case, in parts, all
 * else by walking over the runs of dims that stay together. */
#include "plan/planner.h"

#include <string.h>

#include "cpu/qplane.h"
#include "ops/params.h"

/* Short runs are many; their usual sizes are copied without a call. */
static inline void copy_run(char *dst, const char *src, size_t bytes)
{
    switch (bytes) {
    case 1:
        *dst = *src;
        break;
    case 2:
        memcpy(dst, src, 2);
        break;
    case 4:
        memcpy(dst, src, 4);
        break;
    case 8:
        memcpy(dst, src, 8);
        break;
    case 16:
        memcpy(dst, src, 16);
        break;
    default:
        memcpy(dst, src, bytes);
    }
}

/* ---- Transpose: [outer][a][b][inner] -> [outer][b][a][inner] ---- */

typedef struct transpose_step {
    layout_transpose_32 *kernel; /* inner == 1 and 4-byte elements */
    size_t a, b, inner_bytes;
    size_t columns; /* of b in one part */
    int parts;      /* of one outer index */
} transpose_step;

static void run_transpose(const step_context *context, int part)
{
    const program_step *step = context->step;
    const transpose_step *t = step->params;
    const size_t outer = (size_t)(part / t->parts), whole = t->a * t->b * t->inner_bytes;
    const size_t begin = (size_t)(part % t->parts) * t->columns, end = MIN(begin + t->columns, t->b);
    const char *src = (const char *)context->tensors[step->inputs[0]].data + outer * whole;
    char *dst = (char *)context->tensors[step->outputs[0]].data + outer * whole;
    if (begin >= end)
        return;
    if (t->kernel) {
        t->kernel((const uint32_t *)src + begin, t->b, (uint32_t *)dst + begin * t->a, t->a, t->a, end - begin);
        return;
    }
    if (t->inner_bytes == 1) {
        qplane_transpose((const uint8_t *)src + begin, t->b, (uint8_t *)dst + begin * t->a, t->a, t->a, end - begin);
        return;
    }
    for (size_t j = begin; j < end; j++)
        for (size_t i = 0; i < t->a; i++)
            copy_run(dst + (j * t->a + i) * t->inner_bytes, src + (i * t->b + j) * t->inner_bytes, t->inner_bytes);
}

/* ---- pixels of three channels, pictures as TensorFlow has them: [n][a][3] -> [n][3][a] ---- */

typedef struct split3_step {
    const layout_kernels *kernels;
    size_t pixels, element; /* of an image; bytes */
    int parts;              /* of an image */
} split3_step;

static void run_split3(const step_context *context, int part)
{
    const split3_step *s = context->step->params;
    const size_t image = (size_t)(part / s->parts) * s->pixels * 3 * s->element;
    const char *src = (const char *)context->tensors[context->step->inputs[0]].data + image;
    char *dst = (char *)context->tensors[context->step->outputs[0]].data + image;
    size_t begin, end;
    plan_range(s->pixels, 64, s->parts, part % s->parts, &begin, &end);
    if (begin >= end)
        return;
    src += begin * 3 * s->element;
    dst += begin * s->element;
    if (s->element == 1)
        s->kernels->split3_8((const uint8_t *)src, end - begin, (uint8_t *)dst, s->pixels);
    else
        s->kernels->split3_32((const uint32_t *)src, end - begin, (uint32_t *)dst, s->pixels);
}

static plan_result plan_split3(planner *p, graph_node *node, size_t outer, size_t pixels, size_t element)
{
    graph_value *x = node->inputs[0], *y = node->outputs[0];
    const size_t worth = (size_t)plan_parts((size_t)graph_element_count(x) * element * 2);
    const split3_step s = { .kernels = &p->kernels->layout,
                            .pixels = pixels,
                            .element = element,
                            .parts = (int)MAX((size_t)1, worth / outer) };
    const int input = plan_plain(p, x);
    if (input < 0)
        return PLAN_FAILED;
    const int output = plan_new_plain(p, y);
    return plan_add_step(p, node, "transpose_split3", run_split3, (int)outer * s.parts, 0, &input, 1, &output, 1, &s,
                         sizeof(s))
               ? PLAN_DONE
               : PLAN_FAILED;
}

/* Reduces perm to runs of dims that stay together; true if it is one swap of neighbours. */
static bool find_swap(const op_value *x, const int64_t *perm, size_t *outer, size_t *a, size_t *b, size_t *inner)
{
    size_t sizes[ONYX_MAX_RANK];
    int first[ONYX_MAX_RANK], order[ONYX_MAX_RANK], runs = 0;
    for (int i = 0; i < x->rank; i++) { /* in order of the output */
        const int from = (int)perm[i];
        if (x->dims[from] == 1)
            continue;
        bool follows = false;
        if (runs) {
            int last = -1; /* the last source dim of the run so far: skip ones between */
            for (int k = first[runs - 1], left = order[runs - 1]; left > 0; k++)
                if (x->dims[k] != 1)
                    last = k, left--;
            int next = last + 1;
            while (next < x->rank && x->dims[next] == 1)
                next++;
            follows = next == from;
        }
        if (follows) {
            sizes[runs - 1] *= (size_t)x->dims[from];
            order[runs - 1]++;
        } else {
            first[runs] = from;
            order[runs] = 1;
            sizes[runs++] = (size_t)x->dims[from];
        }
    }
    *outer = *a = *b = *inner = 1;
    if (runs < 2 || runs > 4)
        return false;
    int at = 0;
    int lowest = x->rank;
    for (int i = 0; i < runs; i++)
        lowest = MIN(lowest, first[i]);
    if (first[0] == lowest)
        *outer = sizes[at++];
    if (runs - at < 2 || runs - at > 3 || first[at] < first[at + 1])
        return false;
    *b = sizes[at];
    *a = sizes[at + 1];
    if (runs - at == 3) {
        if (first[at + 2] < first[at])
            return false;
        *inner = sizes[at + 2];
    }
    return true;
}

/* ---- rows of channels to blocks: [n][hw][c] -> blocked [n, c, h, w] ---- */

/* Rows whose pieces go to all blocks while they are near. */
enum { BLOCK_ROWS = 64 };

typedef struct rows_step {
    gemm_copy_f32 *copy;
    size_t channels, pixels, block, elements; /* elements: of an image in blocks */
} rows_step;

static void run_rows_to_blocks(const step_context *context, int part)
{
    const rows_step *s = context->step->params;
    const size_t chunks = (s->pixels + BLOCK_ROWS - 1) / BLOCK_ROWS, image = (size_t)part / chunks;
    const size_t first = (size_t)part % chunks * BLOCK_ROWS, count = MIN((size_t)BLOCK_ROWS, s->pixels - first);
    const float *src = context->tensors[context->step->inputs[0]].data;
    float *dst = context->tensors[context->step->outputs[0]].data;
    src += (image * s->pixels + first) * s->channels;
    dst += image * s->elements + first * s->block;
    for (size_t c = 0; c < s->channels; c += s->block, dst += s->pixels * s->block)
        s->copy(src + c, s->channels, MIN(s->block, s->channels - c), dst, s->block, s->block, count);
}

/* Where all readers of y work on blocks. */
static plan_result plan_rows_to_blocks(planner *p, graph_node *node, const transpose_step *t, size_t outer)
{
    graph_value *x = node->inputs[0], *y = node->outputs[0];
    image_dims d;
    if (!t->kernel || !plan_can_block(p, y) || !plan_image_dims(p, y, &d) || (size_t)d.n != outer ||
        (size_t)d.c != t->b || (size_t)d.h * (size_t)d.w != t->a || d.c < p->kernels->block || !plan_read_blocked(p, y))
        return PLAN_PASS;
    const rows_step s = { .copy = p->kernels->gemm.copy,
                          .channels = t->b,
                          .pixels = t->a,
                          .block = (size_t)p->kernels->block,
                          .elements = d.blocked_elements };
    const int input = plan_plain(p, x), parts = (int)(outer * ((s.pixels + BLOCK_ROWS - 1) / BLOCK_ROWS));
    if (input < 0)
        return PLAN_FAILED;
    const int output = plan_new_blocked(p, y);
    return plan_add_step(p, node, "layout_block_rows", run_rows_to_blocks, parts, 0, &input, 1, &output, 1, &s,
                         sizeof(s))
               ? PLAN_DONE
               : PLAN_FAILED;
}

/* ---- any permutation ---- */

/* The runs in order of the output; the last two or three are done at once: rows copied, or planes transposed. */
typedef struct walk_step {
    layout_transpose_32 *kernel; /* of a plane; NULL: its rows are contiguous in both, or */
    bool bytes;                  /* it is one of bytes */
    int rank, parts;             /* of the outer loops; of all of them */
    size_t outer, dims[ONYX_MAX_RANK], src_steps[ONYX_MAX_RANK], dst_steps[ONYX_MAX_RANK]; /* bytes */
    size_t rows, cols, src_row, dst_row; /* of a plane, in elements; without kernel: all but rows in bytes */
} walk_step;

static void run_walk(const step_context *context, int part)
{
    const program_step *step = context->step;
    const walk_step *s = step->params;
    const char *from = context->tensors[step->inputs[0]].data;
    char *to = context->tensors[step->outputs[0]].data;
    size_t begin, end;
    plan_range(s->outer, 1, s->parts, part, &begin, &end);
    for (size_t i = begin; i < end; i++) {
        size_t rest = i, src = 0, dst = 0;
        for (int k = s->rank - 1; k >= 0; k--) {
            const size_t at = rest % s->dims[k];
            rest /= s->dims[k];
            src += at * s->src_steps[k];
            dst += at * s->dst_steps[k];
        }
        if (s->kernel)
            s->kernel((const uint32_t *)(from + src), s->src_row, (uint32_t *)(to + dst), s->dst_row, s->rows, s->cols);
        else if (s->bytes)
            qplane_transpose((const uint8_t *)from + src, s->src_row, (uint8_t *)to + dst, s->dst_row, s->rows,
                             s->cols);
        else
            plan_copy_rows(to + dst, s->dst_row, from + src, s->src_row, s->cols, s->rows);
    }
}

typedef struct run_dims {
    size_t size, src, dst; /* steps in elements */
} run_dims;

/* Runs of the output, each contiguous in the source: count. */
static int find_runs(const op_value *x, const int64_t *perm, run_dims *runs)
{
    size_t strides[ONYX_MAX_RANK], stride = 1;
    int count = 0;
    for (int i = x->rank - 1; i >= 0; i--) {
        strides[i] = stride;
        stride *= (size_t)x->dims[i];
    }
    for (int i = 0; i < x->rank; i++) {
        const size_t size = (size_t)x->dims[perm[i]], step = strides[perm[i]];
        if (size == 1)
            continue;
        if (count && runs[count - 1].src == size * step) {
            runs[count - 1].size *= size;
            runs[count - 1].src = step;
        } else {
            runs[count++] = (run_dims){ size, step, 0 };
        }
    }
    stride = 1;
    for (int i = count - 1; i >= 0; i--) {
        runs[i].dst = stride;
        stride *= runs[i].size;
    }
    return count;
}

static void add_outer(walk_step *s, const run_dims *run, size_t element)
{
    s->dims[s->rank] = run->size;
    s->src_steps[s->rank] = run->src * element;
    s->dst_steps[s->rank++] = run->dst * element;
    s->outer *= run->size;
}

static plan_result plan_walk(planner *p, graph_node *node, const int64_t *perm, size_t element)
{
    graph_value *x = node->inputs[0], *y = node->outputs[0];
    run_dims runs[ONYX_MAX_RANK];
    const int count = find_runs(&x->info, perm, runs), last = count - 1;
    walk_step s = { .outer = 1 };
    int inner = last; /* the run that is contiguous in the source */
    if (count < 2)
        return PLAN_PASS; /* a copy */
    while (inner >= 0 && runs[inner].src != 1)
        inner--;
    if (inner < 0)
        return PLAN_PASS;
    for (int i = 0; i < (inner == last ? last - 1 : last); i++)
        if (i != inner)
            add_outer(&s, &runs[i], element);
    if (inner == last) {
        s.rows = runs[last - 1].size;
        s.src_row = runs[last - 1].src * element;
        s.dst_row = runs[last - 1].dst * element;
        s.cols = runs[last].size * element;
    } else {
        if (element != 4 && element != 1)
            return PLAN_PASS;
        s.bytes = element == 1;
        s.kernel = s.bytes ? NULL : p->kernels->layout.transpose;
        s.rows = runs[last].size;
        s.src_row = runs[last].src;
        s.cols = runs[inner].size;
        s.dst_row = runs[inner].dst;
    }
    s.parts = (int)MIN((size_t)plan_parts((size_t)graph_element_count(x) * element * 2), s.outer);
    const int input = plan_plain(p, x);
    if (input < 0)
        return PLAN_FAILED;
    const int output = plan_new_plain(p, y);
    return plan_add_step(p, node, "transpose_runs", run_walk, s.parts, 0, &input, 1, &output, 1, &s, sizeof(s))
               ? PLAN_DONE
               : PLAN_FAILED;
}

plan_result plan_transpose(planner *p, graph_node *node)
{
    const transpose_params *params = node->params;
    graph_value *x = node->inputs[0], *y = node->outputs[0];
    const size_t size =
        x->info.kind == OP_KIND_TENSOR && x->info.type != ONYX_TYPE_STRING ? type_size(x->info.type) : 0;
    size_t outer, a, b, inner;
    int64_t perm[ONYX_MAX_RANK];
    if (!size || graph_element_count(x) < 1)
        return PLAN_PASS;
    for (int i = 0; i < x->info.rank; i++)
        perm[i] = params->count ? params->perm[i] : x->info.rank - 1 - i;
    const plan_result rows = plan_rows(p, node);
    if (rows != PLAN_PASS)
        return rows;
    if (!find_swap(&x->info, perm, &outer, &a, &b, &inner))
        return plan_walk(p, node, perm, size);
    if (outer > INT32_MAX / 64) /* parts of each are counted in an int */
        return PLAN_PASS;
    transpose_step t = { .a = a, .b = b, .inner_bytes = inner * size };
    if (t.inner_bytes == 4)
        t.kernel = p->kernels->layout.transpose;
    const plan_result blocks =
        size == 4 && x->info.type == ONYX_TYPE_FLOAT32 ? plan_rows_to_blocks(p, node, &t, outer) : PLAN_PASS;
    if (blocks != PLAN_PASS)
        return blocks;
    if (b == 3 && inner == 1 && (size == 1 || size == 4))
        return plan_split3(p, node, outer, a, size);
    const size_t worth = (size_t)plan_parts((size_t)graph_element_count(x) * size * 2);
    t.parts = (int)MAX(1, MIN(worth / outer, b / 16));
    t.columns = size_align((b + (size_t)t.parts - 1) / (size_t)t.parts, 16);
    const int input = plan_plain(p, x);
    if (input < 0)
        return PLAN_FAILED;
    const int output = plan_new_plain(p, y);
    return plan_add_step(p, node, "transpose", run_transpose, (int)outer * t.parts, 0, &input, 1, &output, 1, &t,
                         sizeof(t))
               ? PLAN_DONE
               : PLAN_FAILED;
}
