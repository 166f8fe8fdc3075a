/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Matrix products: MatMul, Gemm, FusedMatMul, MatMulInteger, QLinearMatMul and QGemm, all by one core: stacks of
 * matrices with broadcasting, either factor transposed. */
#include <string.h>

#include "ops/blas.h"
#include "ops/elementwise.h"
#include "ops/lanes.h"
#include "ops/quantize.h"
#include "ops/rows.h"
#include "ops/shape.h"
#include "ops/strided.h"

#define MATMUL_CHUNK 512

/* c[matrix][m][n] = a[...][m][k] * b[...][k][n]; b rows are contiguous, a has strides. */
typedef struct matmul_task {
    int64_t m, n, k;
    int batch_rank;
    int64_t batch[ONYX_MAX_RANK], a_strides[ONYX_MAX_RANK], b_strides[ONYX_MAX_RANK]; /* in elements, 0: broadcast */
    int64_t a_row, a_column;
    const void *a, *b;
    void *c;
    blas_dgemm_function *dgemm; /* float64 only */
} matmul_task;

static int64_t matmul_offset(const matmul_task *t, const int64_t *strides, int64_t matrix)
{
    int64_t offset = 0;
    for (int d = t->batch_rank - 1; d >= 0; d--) {
        offset += matrix % t->batch[d] * strides[d];
        matrix /= t->batch[d];
    }
    return offset;
}

#define IN float
#define ACC float
#define PRODUCT(a, b) ((a) * (b))
#define NAME(x) x##_f32
#include "ops/matmul_loops.h"

#define IN double
#define ACC double
#define PRODUCT(a, b) ((a) * (b))
#define NAME(x) x##_f64
#include "ops/matmul_loops.h"

#define IN uint64_t
#define ACC uint64_t
#define PRODUCT(a, b) ((a) * (b))
#define NAME(x) x##_u64
#include "ops/matmul_loops.h"

#define IN int16_t
#define ACC uint32_t
#define PRODUCT(a, b) ((uint32_t)((int32_t)(a) * (int32_t)(b)))
#define NAME(x) x##_s16
#include "ops/matmul_loops.h"

/* ---- shapes ---- */

/* A factor as a stack of matrices: a vector becomes a row (left) or a column (right). */
typedef struct factor {
    int rank; /* of the stack, >= 2 */
    int64_t dims[ONYX_MAX_RANK];
    bool vector, transposed;
} factor;

static factor factor_of(int rank, const int64_t *dims, bool transposed, bool right)
{
    factor f = { .rank = rank, .vector = rank == 1, .transposed = transposed && rank > 1 };
    memcpy(f.dims, dims, (size_t)rank * sizeof(*dims));
    if (f.vector) {
        f.rank = 2;
        f.dims[right ? 1 : 0] = 1;
        f.dims[right ? 0 : 1] = dims[0];
    }
    return f;
}

static int64_t factor_rows(const factor *f)
{
    return f->dims[f->rank - (f->transposed ? 1 : 2)];
}

static int64_t factor_columns(const factor *f)
{
    return f->dims[f->rank - (f->transposed ? 2 : 1)];
}

/* Output dims; false where the factors do not fit. */
static bool product_dims(const factor *a, const factor *b, int *rank, int64_t *dims)
{
    int64_t inner_a = factor_columns(a), inner_b = factor_rows(b);
    if (inner_a >= 0 && inner_b >= 0 && inner_a != inner_b)
        return false;
    *rank = a->rank - 2;
    memcpy(dims, a->dims, (size_t)*rank * sizeof(*dims));
    if (!dims_broadcast(rank, dims, b->rank - 2, b->dims))
        return false;
    if (!a->vector)
        dims[(*rank)++] = factor_rows(a);
    if (!b->vector)
        dims[(*rank)++] = factor_columns(b);
    return true;
}

static onyx_status shape_product(op_shape_context *context, int a_index, int b_index, bool trans_a, bool trans_b,
                                 onyx_type type)
{
    const op_value *a = context->inputs[a_index], *b = context->inputs[b_index];
    int rank = -1;
    int64_t dims[ONYX_MAX_RANK];
    if (a->rank == 0 || b->rank == 0)
        return shape_fail(context, "a factor is a scalar");
    if (a->rank > 0 && b->rank > 0) {
        factor fa = factor_of(a->rank, a->dims, trans_a, false), fb = factor_of(b->rank, b->dims, trans_b, true);
        char x[SHAPE_TEXT_SIZE], y[SHAPE_TEXT_SIZE];
        if (!product_dims(&fa, &fb, &rank, dims))
            return shape_fail(context, "%s and %s do not multiply", shape_text(a->rank, a->dims, x),
                              shape_text(b->rank, b->dims, y));
    }
    shape_set(&context->outputs[0], type, rank, dims);
    return ONYX_OK;
}

/* ---- the core ---- */

static void stack_strides(const factor *f, const matmul_task *t, int64_t *strides)
{
    int64_t stride = f->dims[f->rank - 1] * f->dims[f->rank - 2];
    int shift = t->batch_rank - (f->rank - 2);
    memset(strides, 0, ONYX_MAX_RANK * sizeof(*strides));
    for (int d = f->rank - 3; d >= 0; d--) {
        strides[shift + d] = f->dims[d] == 1 ? 0 : stride;
        stride *= f->dims[d];
    }
}

/* [n][k] matrices -> [k][n]. */
static const void *transposed_stack(op_run_context *context, const factor *f, const void *data, size_t bytes,
                                    onyx_status *status)
{
    int64_t matrices = (int64_t)dims_product(f->dims, 0, f->rank - 2), n = f->dims[f->rank - 2],
            k = f->dims[f->rank - 1];
    void *copy = run_scratch(context, (size_t)(matrices * n * k), bytes, status);
    strided_copy move = { .rank = 3,
                          .dims = { matrices, k, n },
                          .dst_strides = { n * k, n, 1 },
                          .src_strides = { n * k, 1, k },
                          .element_bytes = bytes };
    if (copy)
        strided_run(&move, copy, data, context->pool);
    return copy;
}

/* float64 by OpenBLAS, tile by tile; a part is BLAS_TILE rows of one matrix. */
static void matmul_part_blas(void *context, int part, int worker)
{
    const matmul_task *t = context;
    const int64_t blocks = (t->m + BLAS_TILE - 1) / BLAS_TILE, matrix = part / blocks, row = part % blocks * BLAS_TILE;
    const int rows = (int)MIN(BLAS_TILE, t->m - row);
    const double *a = (const double *)t->a + matmul_offset(t, t->a_strides, matrix) + row * t->a_row;
    const double *b = (const double *)t->b + matmul_offset(t, t->b_strides, matrix);
    double *c = (double *)t->c + (matrix * t->m + row) * t->n;
    const bool transposed = t->a_column != 1;
    (void)worker;
    memset(c, 0, (size_t)(rows * t->n) * sizeof(*c));
    for (int64_t k = 0; k < t->k; k += BLAS_TILE)
        for (int64_t n = 0; n < t->n; n += BLAS_TILE)
            t->dgemm(transposed, rows, (int)MIN(BLAS_TILE, t->n - n), (int)MIN(BLAS_TILE, t->k - k),
                     a + k * t->a_column, transposed ? t->a_column : t->a_row, b + k * t->n + n, t->n, c + n, t->n);
}

/* Worth handing over: large enough, and strides that BLAS can take. */
static blas_dgemm_function *choose_blas(const matmul_task *t, workers_function *loops)
{
    if (loops != matmul_part_f64 || t->n > INT32_MAX || t->k > INT32_MAX || t->m > INT32_MAX || t->m < 8 || t->n < 8 ||
        t->k < 8)
        return NULL;
    return blas_dgemm();
}

/* a and b hold elements of `bytes`, laid out as the factors say; loops fits them. */
static onyx_status multiply(op_run_context *context, const factor *fa, const void *a, const factor *fb, const void *b,
                            size_t bytes, workers_function *loops, void *c)
{
    matmul_task t = { .m = factor_rows(fa), .n = factor_columns(fb), .k = factor_columns(fa), .a = a, .b = b, .c = c };
    onyx_status status = ONYX_OK;
    int64_t matrices, parts;
    t.batch_rank = fa->rank - 2;
    memcpy(t.batch, fa->dims, (size_t)t.batch_rank * sizeof(int64_t));
    dims_broadcast(&t.batch_rank, t.batch, fb->rank - 2, fb->dims);
    stack_strides(fa, &t, t.a_strides);
    stack_strides(fb, &t, t.b_strides);
    t.a_row = fa->transposed ? 1 : t.k;
    t.a_column = fa->transposed ? t.m : 1;
    matrices = (int64_t)dims_product(t.batch, 0, t.batch_rank);
    if (matrices * t.m * t.n == 0)
        return ONYX_OK;
    if (fb->transposed)
        t.b = transposed_stack(context, fb, b, bytes, &status);
    STATUS_TRY(status);
    t.dgemm = choose_blas(&t, loops);
    const int64_t rows = t.dgemm ? BLAS_TILE : 4;
    parts = matrices * ((t.m + rows - 1) / rows);
    if (parts > INT32_MAX)
        return status_fail(context->error, ONYX_ERROR_LIMIT, "too many rows");
    workers_run(context->pool, t.dgemm ? matmul_part_blas : loops, &t, (int)parts);
    return ONYX_OK;
}

static workers_function *loops_of(lane l)
{
    return l == LANE_F32 ? matmul_part_f32 : l == LANE_F64 ? matmul_part_f64 : matmul_part_u64;
}

/* The product of inputs 0 and 1 in lane l into memory for the output; *result is to be finished by the caller. */
static onyx_status product_in_lanes(op_run_context *context, lane l, bool trans_a, bool trans_b, void **result)
{
    const onyx_tensor *a = context->inputs[0], *b = context->inputs[1];
    onyx_status status = ONYX_OK;
    factor fa = factor_of(a->rank, a->dims, trans_a, false), fb = factor_of(b->rank, b->dims, trans_b, true);
    const void *x = lanes_of_tensor(context, a, l, &status), *y = lanes_of_tensor(context, b, l, &status);
    *result = lanes_for_output(context, context->outputs[0], l, &status);
    STATUS_TRY(status);
    return multiply(context, &fa, x, &fb, y, lane_size(l), loops_of(l), *result);
}

/* ---- MatMul ---- */

onyx_status op_shape_matmul(op_shape_context *context)
{
    STATUS_TRY(shape_begin(context));
    STATUS_TRY(shape_same_type(context, 0, 1));
    return shape_product(context, 0, 1, false, false, context->inputs[0]->type);
}

onyx_status op_run_matmul(op_run_context *context)
{
    onyx_tensor *out = context->outputs[0];
    lane l = lane_of(out->type);
    void *result;
    STATUS_TRY(product_in_lanes(context, l, false, false, &result));
    lanes_finish_output(out, l, result);
    return ONYX_OK;
}

/* ---- Gemm ---- */

onyx_status op_parse_gemm(const op_parse_context *context, void *params)
{
    gemm_params *p = params;
    p->alpha = op_attribute_float(&context->attributes, "alpha", 1);
    p->beta = op_attribute_float(&context->attributes, "beta", 1);
    p->trans_a = op_attribute_int(&context->attributes, "transA", 0) != 0;
    p->trans_b = op_attribute_int(&context->attributes, "transB", 0) != 0;
    return ONYX_OK;
}

/* Input `index` broadcasts to the output, which it does not widen. */
static onyx_status check_addend(op_shape_context *context, int index)
{
    const op_value *c = shape_input(context, index), *out = &context->outputs[0];
    if (!c || c->rank < 0 || out->rank < 0)
        return ONYX_OK;
    bool fits = c->rank <= out->rank;
    for (int i = 0; i < c->rank && fits; i++) {
        int64_t dim = out->dims[out->rank - c->rank + i];
        fits = c->dims[i] == 1 || c->dims[i] < 0 || dim < 0 || c->dims[i] == dim;
    }
    return fits ? ONYX_OK : shape_fail(context, "input %d does not broadcast to the product", index);
}

onyx_status op_shape_gemm(op_shape_context *context)
{
    const gemm_params *p = context->params;
    STATUS_TRY(shape_begin(context));
    STATUS_TRY(shape_same_type(context, 0, 1));
    STATUS_TRY(shape_same_type(context, 0, 2));
    STATUS_TRY(shape_rank(context, 0, 2));
    STATUS_TRY(shape_rank(context, 1, 2));
    STATUS_TRY(shape_product(context, 0, 1, p->trans_a, p->trans_b, context->inputs[0]->type));
    return check_addend(context, 2);
}

/* result = alpha * result + beta * addend (or without), on n elements of floating lane l; addend step 0 or 1. */
static void scale_and_add(lane l, void *result, double alpha, double beta, const void *addend, size_t step, size_t n)
{
    float *r32 = result;
    double *r64 = result;
    for (size_t i = 0; i < n && l == LANE_F32; i++)
        r32[i] = (float)alpha * r32[i] + (addend ? (float)beta * ((const float *)addend)[i * step] : 0);
    for (size_t i = 0; i < n && l == LANE_F64; i++)
        r64[i] = alpha * r64[i] + (addend ? beta * ((const double *)addend)[i * step] : 0);
}

/* The same with an addend that broadcasts to the output. */
static onyx_status epilogue(op_run_context *context, lane l, void *result, double alpha, double beta,
                            const onyx_tensor *addend)
{
    const onyx_tensor *out = context->outputs[0];
    onyx_status status = ONYX_OK;
    size_t count = tensor_count(out);
    if (count == 0 || (!addend && alpha == 1))
        return ONYX_OK;
    if (!addend) {
        scale_and_add(l, result, alpha, 0, NULL, 0, count);
        return ONYX_OK;
    }
    const char *data = lanes_of_tensor(context, addend, l, &status);
    STATUS_TRY(status);
    broadcast_walk walk;
    broadcast_begin(&walk, out->rank, out->dims, &addend, 1);
    for (size_t row = 0; row < walk.rows; row++) {
        size_t offsets[BROADCAST_MAX];
        broadcast_offsets(&walk, row, offsets);
        scale_and_add(l, (char *)result + row * walk.row_length * lane_size(l), alpha, beta,
                      data + offsets[0] * lane_size(l), walk.steps[0], walk.row_length);
    }
    return ONYX_OK;
}

onyx_status op_run_gemm(op_run_context *context)
{
    const gemm_params *p = context->params;
    onyx_tensor *out = context->outputs[0];
    lane l = lane_of(out->type);
    void *result;
    STATUS_TRY(product_in_lanes(context, l, p->trans_a, p->trans_b, &result));
    STATUS_TRY(epilogue(context, l, result, (double)p->alpha, (double)p->beta, run_input(context, 2)));
    lanes_finish_output(out, l, result);
    return ONYX_OK;
}

/* ---- FusedMatMul: act(alpha * a * b + bias + residual) ---- */

onyx_status op_parse_fused_matmul(const op_parse_context *context, void *params)
{
    fused_matmul_params *p = params;
    p->alpha = op_attribute_float(&context->attributes, "alpha", 1);
    p->trans_a = op_attribute_int(&context->attributes, "trans_a", 0) != 0;
    p->trans_b = op_attribute_int(&context->attributes, "trans_b", 0) != 0;
    return op_parse_activation(context, &p->activation);
}

onyx_status op_parse_fused_matmul_ms(const op_parse_context *context, void *params)
{
    fused_matmul_params *p = params;
    p->alpha = op_attribute_float(&context->attributes, "alpha", 1);
    p->trans_a = op_attribute_int(&context->attributes, "transA", 0) != 0;
    p->trans_b = op_attribute_int(&context->attributes, "transB", 0) != 0;
    if (op_attribute_int(&context->attributes, "transBatchA", 0) ||
        op_attribute_int(&context->attributes, "transBatchB", 0))
        return status_fail(context->error, ONYX_ERROR_UNSUPPORTED, "transBatchA and transBatchB are not supported");
    return ONYX_OK;
}

onyx_status op_shape_fused_matmul(op_shape_context *context)
{
    const fused_matmul_params *p = context->params;
    STATUS_TRY(shape_begin(context));
    STATUS_TRY(shape_same_type(context, 0, 1));
    STATUS_TRY(shape_same_type(context, 0, 2));
    STATUS_TRY(shape_same_type(context, 0, 3));
    STATUS_TRY(shape_product(context, 0, 1, p->trans_a, p->trans_b, context->inputs[0]->type));
    STATUS_TRY(check_addend(context, 2));
    return check_addend(context, 3);
}

onyx_status op_run_fused_matmul(op_run_context *context)
{
    const fused_matmul_params *p = context->params;
    onyx_tensor *out = context->outputs[0];
    lane l = lane_of(out->type);
    void *result;
    STATUS_TRY(product_in_lanes(context, l, p->trans_a, p->trans_b, &result));
    STATUS_TRY(epilogue(context, l, result, (double)p->alpha, 1, run_input(context, 2)));
    STATUS_TRY(epilogue(context, l, result, 1, 1, run_input(context, 3)));
    if (l == LANE_F32)
        op_activation_apply_f32(&p->activation, result, tensor_count(out));
    else
        op_activation_apply_f64(&p->activation, result, tensor_count(out));
    lanes_finish_output(out, l, result);
    return ONYX_OK;
}

/* ---- integers: factors are centred to int16, sums are int32 ---- */

/* One zero point (or scale) for all, or one per row of a / column of b. */
static onyx_status check_per_line(op_shape_context *context, int index, int factor_index, bool column, bool transposed)
{
    const op_value *v = shape_input(context, index), *f = context->inputs[factor_index];
    if (!v || v->rank < 0 || f->rank < 1)
        return ONYX_OK;
    int64_t count = 1;
    for (int i = 0; i < v->rank; i++) {
        if (v->dims[i] < 0)
            return ONYX_OK;
        count *= v->dims[i];
    }
    int from_end = column != transposed ? 1 : 2;
    int64_t lines = f->rank >= from_end ? f->dims[f->rank - from_end] : 1;
    if (count == 1 || (f->rank >= from_end && (lines == count || lines < 0)))
        return ONYX_OK;
    return shape_fail(context, "input %d has neither one element nor one per %s", index, column ? "column" : "row");
}

onyx_status op_shape_matmul_integer(op_shape_context *context)
{
    STATUS_TRY(shape_begin(context));
    STATUS_TRY(shape_type(context, 1, TYPES_BYTE));
    STATUS_TRY(shape_zero_point(context, 2, 0));
    STATUS_TRY(shape_zero_point(context, 3, 1));
    STATUS_TRY(check_per_line(context, 2, 0, false, false));
    STATUS_TRY(check_per_line(context, 3, 1, true, false));
    return shape_product(context, 0, 1, false, false, ONYX_TYPE_INT32);
}

static onyx_status multiply_centred(op_run_context *context, const onyx_tensor *a, const onyx_tensor *a_zero,
                                    bool trans_a, const onyx_tensor *b, const onyx_tensor *b_zero, bool trans_b,
                                    void *sums)
{
    onyx_status status = ONYX_OK;
    factor fa = factor_of(a->rank, a->dims, trans_a, false), fb = factor_of(b->rank, b->dims, trans_b, true);
    /* Element i of a belongs to row i / k (transposed: i % m); of b to column i % n (transposed: i / k). */
    size_t a_inner = trans_a ? 1 : (size_t)factor_columns(&fa), b_inner = trans_b ? (size_t)factor_rows(&fb) : 1;
    const int16_t *x = centred(context, a, a_zero, a_inner, &status),
                  *y = centred(context, b, b_zero, b_inner, &status);
    STATUS_TRY(status);
    return multiply(context, &fa, x, &fb, y, sizeof(int16_t), matmul_part_s16, sums);
}

onyx_status op_run_matmul_integer(op_run_context *context)
{
    return multiply_centred(context, context->inputs[0], run_input(context, 2), false, context->inputs[1],
                            run_input(context, 3), false, context->outputs[0]->data);
}

/* a, a_scale, a_zero, b, b_scale, b_zero, y_scale, y_zero */
onyx_status op_shape_qlinear_matmul(op_shape_context *context)
{
    const uint64_t scales = TYPE_BIT(ONYX_TYPE_FLOAT32) | TYPE_BIT(ONYX_TYPE_FLOAT16) | TYPE_BIT(ONYX_TYPE_BFLOAT16);
    STATUS_TRY(shape_begin(context));
    STATUS_TRY(shape_type(context, 3, TYPES_BYTE));
    for (int i = 1; i <= 6; i += i == 1 ? 3 : 2)
        STATUS_TRY(shape_type(context, i, scales));
    STATUS_TRY(shape_zero_point(context, 2, 0));
    STATUS_TRY(shape_zero_point(context, 5, 3));
    STATUS_TRY(shape_type(context, 7, TYPES_BYTE));
    STATUS_TRY(shape_scalar(context, 6));
    STATUS_TRY(shape_scalar(context, 7));
    for (int i = 1; i <= 2; i++) {
        STATUS_TRY(check_per_line(context, i, 0, false, false));
        STATUS_TRY(check_per_line(context, i + 3, 3, true, false));
    }
    return shape_product(context, 0, 3, false, false, context->inputs[7]->type);
}

/* Row by row where the scales differ by row, and element by element where they differ by column. */
static void requantize_product(onyx_tensor *out, const int32_t *sums, size_t rows, size_t columns,
                               const onyx_tensor *a_scale, const onyx_tensor *b_scale, float ratio,
                               const onyx_tensor *y_zero)
{
    bool by_column = tensor_count(b_scale) > 1;
    size_t a_scales = tensor_count(a_scale);
    for (size_t row = 0; row < rows; row++) {
        float scale = scale_at(a_scale, row % a_scales);
        for (size_t i = 0; i < columns && by_column; i++)
            requantize(out, row * columns + i, sums + row * columns + i, 1, scale * scale_at(b_scale, i) * ratio,
                       zero_point_at(y_zero, 0));
        if (!by_column)
            requantize(out, row * columns, sums + row * columns, columns, scale * scale_at(b_scale, 0) * ratio,
                       zero_point_at(y_zero, 0));
    }
}

onyx_status op_run_qlinear_matmul(op_run_context *context)
{
    const onyx_tensor *const *in = context->inputs;
    onyx_tensor *out = context->outputs[0];
    onyx_status status = ONYX_OK;
    size_t count = tensor_count(out);
    int32_t *sums = run_scratch(context, count, sizeof(*sums), &status);
    STATUS_TRY(status);
    STATUS_TRY(multiply_centred(context, in[0], in[2], false, in[3], in[5], false, sums));
    size_t columns = in[3]->rank > 1 ? (size_t)in[3]->dims[in[3]->rank - 1] : 1;
    if (count > 0)
        requantize_product(out, sums, count / columns, columns, in[1], in[4], 1 / scale_at(in[6], 0), in[7]);
    return ONYX_OK;
}

/* com.microsoft: a, a_scale, a_zero, b, b_scale, b_zero, c?, y_scale?, y_zero? */
onyx_status op_shape_qgemm(op_shape_context *context)
{
    const gemm_params *p = context->params;
    STATUS_TRY(shape_begin(context));
    STATUS_TRY(shape_type(context, 3, TYPES_BYTE));
    STATUS_TRY(shape_scale(context, 1));
    STATUS_TRY(shape_type(context, 4, TYPES_F32));
    STATUS_TRY(shape_zero_point(context, 2, 0));
    STATUS_TRY(shape_scalar(context, 2));
    STATUS_TRY(shape_zero_point(context, 5, 3));
    STATUS_TRY(shape_type(context, 6, TYPE_BIT(ONYX_TYPE_INT32)));
    STATUS_TRY(shape_scale(context, 7));
    STATUS_TRY(shape_type(context, 8, TYPES_BYTE));
    STATUS_TRY(shape_scalar(context, 8));
    STATUS_TRY(shape_rank(context, 0, 2));
    STATUS_TRY(shape_rank(context, 3, 2));
    STATUS_TRY(check_per_line(context, 4, 3, true, p->trans_b));
    STATUS_TRY(check_per_line(context, 5, 3, true, p->trans_b));
    const op_value *y_zero = shape_input(context, 8);
    if ((shape_input(context, 7) != NULL) != (y_zero != NULL))
        return shape_fail(context, "y_scale and y_zero_point go together");
    STATUS_TRY(shape_product(context, 0, 3, p->trans_a, p->trans_b, y_zero ? y_zero->type : ONYX_TYPE_FLOAT32));
    return check_addend(context, 6);
}

static void add_int32(const onyx_tensor *out, const onyx_tensor *c, int32_t *sums)
{
    broadcast_walk walk;
    broadcast_begin(&walk, out->rank, out->dims, &c, 1);
    for (size_t row = 0; row < walk.rows; row++) {
        size_t offsets[BROADCAST_MAX];
        broadcast_offsets(&walk, row, offsets);
        const int32_t *src = (const int32_t *)c->data + offsets[0];
        for (size_t i = 0; i < walk.row_length; i++, sums++)
            *sums = (int32_t)((uint32_t)*sums + (uint32_t)src[i * walk.steps[0]]);
    }
}

onyx_status op_run_qgemm(op_run_context *context)
{
    const gemm_params *p = context->params;
    const onyx_tensor *const *in = context->inputs;
    const onyx_tensor *c = run_input(context, 6), *y_scale = run_input(context, 7);
    onyx_tensor *out = context->outputs[0];
    onyx_status status = ONYX_OK;
    size_t count = tensor_count(out), columns = (size_t)out->dims[1];
    int32_t *sums = run_scratch(context, count, sizeof(*sums), &status);
    STATUS_TRY(status);
    STATUS_TRY(multiply_centred(context, in[0], in[2], p->trans_a, in[3], in[5], p->trans_b, sums));
    if (count == 0)
        return ONYX_OK;
    if (c)
        add_int32(out, c, sums);
    if (y_scale) {
        requantize_product(out, sums, count / columns, columns, in[1], in[4], p->alpha / scale_at(y_scale, 0), in[8]);
        return ONYX_OK;
    }
    size_t b_scales = tensor_count(in[4]);
    for (size_t i = 0; i < count; i++)
        ((float *)out->data)[i] =
            p->alpha * (float)sums[i] * scale_at(in[1], 0) * scale_at(in[4], i % columns % b_scales);
    return ONYX_OK;
}
