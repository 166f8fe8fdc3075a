/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Drivers of elementwise operators. An operator brings one loop per lane (lanes.h); the driver converts, broadcasts
 * and cuts the work in parts. */
#ifndef ONYX_OPS_ELEMENTWISE_H
#define ONYX_OPS_ELEMENTWISE_H

#include "ops/lanes.h"
#include "ops/ops.h"
#include "ops/shape.h"

/* ---- unary: dst[i] = f(src[i]) ---- */

typedef void unary_loop(const void *src, void *dst, size_t n, const void *params);

/* NULL: the lane is not supported. Result: of the input's lane, or bool bytes. */
typedef struct unary_loops {
    unary_loop *f32, *f64, *i64, *u64;
    bool gives_bool;
} unary_loops;

onyx_status unary_run(op_run_context *context, const unary_loops *loops);

/* A loop over T; EXPRESSION sees x of type T and `p`, the params. Names are given in full by the caller. */
#define UNARY_LOOP(NAME, T, RESULT, PARAMS, EXPRESSION)                                                                \
    static void NAME(const void *src, void *dst, size_t n, const void *params)                                         \
    {                                                                                                                  \
        const T *s = src;                                                                                              \
        RESULT *d = dst;                                                                                               \
        const PARAMS *p = params;                                                                                      \
        (void)p;                                                                                                       \
        for (size_t i = 0; i < n; i++) {                                                                               \
            T x = s[i];                                                                                                \
            d[i] = (RESULT)(EXPRESSION);                                                                               \
        }                                                                                                              \
    }

/* ---- binary, with broadcasting ---- */

/* d[i] = f(a[i * a_step], b[i * b_step]), steps 0 or 1. */
typedef void binary_loop(const void *a, size_t a_step, const void *b, size_t b_step, void *d, size_t n,
                         const void *params);

typedef struct binary_loops {
    binary_loop *f32, *f64, *i64, *u64;
    bool gives_bool;
} binary_loops;

/* Inputs 0 and 1 are both taken in the lane of input 0 (integer base with floating exponent: see Pow). */
onyx_status binary_run(op_run_context *context, const binary_loops *loops, lane l);
/* The same on given tensors, for chains such as Sum of many inputs. */
onyx_status binary_tensors(op_run_context *context, const binary_loops *loops, lane l, const onyx_tensor *a,
                           const onyx_tensor *b, onyx_tensor *out);
binary_loop *binary_loop_of(const binary_loops *loops, lane l);

/* EXPRESSION sees x and y of type T. Three copies, so that each vectorises. */
#define BINARY_LOOP(NAME, T, RESULT, PARAMS, EXPRESSION)                                                               \
    static void NAME(const void *a, size_t a_step, const void *b, size_t b_step, void *dst, size_t n,                  \
                     const void *params)                                                                               \
    {                                                                                                                  \
        const T *as = a, *bs = b;                                                                                      \
        RESULT *d = dst;                                                                                               \
        const PARAMS *p = params;                                                                                      \
        (void)p;                                                                                                       \
        if (a_step && b_step) {                                                                                        \
            for (size_t i = 0; i < n; i++) {                                                                           \
                T x = as[i], y = bs[i];                                                                                \
                (void)y;                                                                                               \
                d[i] = (RESULT)(EXPRESSION);                                                                           \
            }                                                                                                          \
        } else if (a_step) {                                                                                           \
            T y = bs[0];                                                                                               \
            (void)y;                                                                                                   \
            for (size_t i = 0; i < n; i++) {                                                                           \
                T x = as[i];                                                                                           \
                d[i] = (RESULT)(EXPRESSION);                                                                           \
            }                                                                                                          \
        } else {                                                                                                       \
            T x = as[0];                                                                                               \
            for (size_t i = 0; i < n; i++) {                                                                           \
                T y = bs[i * b_step];                                                                                  \
                (void)y;                                                                                               \
                d[i] = (RESULT)(EXPRESSION);                                                                           \
            }                                                                                                          \
        }                                                                                                              \
    }

/* ---- broadcasting walk, for operators with loops of their own (Where, quantised ones) ---- */

#define BROADCAST_MAX 4

/* The output's dims merged as far as every input allows. steps[k] is input k's step in the last dimension: 0 or 1. */
typedef struct broadcast_walk {
    int rank, inputs;
    int64_t dims[ONYX_MAX_RANK];
    int64_t strides[BROADCAST_MAX][ONYX_MAX_RANK];
    size_t steps[BROADCAST_MAX];
    size_t rows, row_length;
} broadcast_walk;

/* inputs[k] broadcast to out's dims (checked by the shape function). */
void broadcast_begin(broadcast_walk *walk, int rank, const int64_t *dims, const onyx_tensor *const *inputs, int count);
/* Element offsets of each input at the start of a row. */
void broadcast_offsets(const broadcast_walk *walk, size_t row, size_t *offsets);

#endif
