/* SPDX-License-Identifier: BSD-2-Clause
 *
 * DFT, STFT, MelWeightMatrix and the windows of spectral analysis, in float64. A transform of n numbers takes the prime
 * factors of n one by one; where one is large, it becomes a convolution of a power of two (Bluestein). */
#include <math.h>
#include <string.h>

#include "ops/lanes.h"
#include "ops/rows.h"
#include "ops/shape.h"

#ifndef M_PI
#define M_PI 3.14159265358979323846
#endif

/* ---- transforms ---- */

/* A factor this large is taken directly; a larger one not. */
#define FACTOR_MOST 61
/* Longer transforms would not fit in memory anyway. */
#define LENGTH_MOST (INT64_C(1) << 28)

typedef struct complex_number {
    double re, im;
} complex_number;

typedef struct fft {
    size_t n, padded; /* padded: of the convolution, or 0 */
    bool inverse;
    const complex_number *roots;        /* [n], or [padded] */
    const complex_number *chirp, *back; /* [n]; and the spectrum of its inverse, [padded] */
    size_t room;                        /* complex numbers that a transform needs beside its data */
} fft;

static complex_number times(complex_number a, complex_number b)
{
    return (complex_number){ a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re };
}

static size_t smallest_factor(size_t n)
{
    for (size_t r = 2; r * r <= n; r++)
        if (n % r == 0)
            return r;
    return n;
}

static size_t largest_factor(size_t n)
{
    size_t largest = 1;
    while (n > 1) {
        const size_t r = smallest_factor(n);
        largest = MAX(largest, r);
        n /= r;
    }
    return largest;
}

/* out[n] = transform of in[0], in[stride], ...; roots are those of n * stride = all. Depth: the number of factors. */
static void transform(const complex_number *in, complex_number *out, size_t n, size_t stride, size_t all,
                      const complex_number *roots)
{
    if (n == 1) {
        out[0] = in[0];
        return;
    }
    const size_t r = smallest_factor(n), m = n / r;
    complex_number t[FACTOR_MOST];
    for (size_t j = 0; j < r; j++)
        transform(in + j * stride, out + j * m, m, stride * r, all, roots);
    for (size_t k = 0; k < m; k++) {
        for (size_t j = 0; j < r; j++)
            t[j] = times(out[j * m + k], roots[j * k * stride % all]);
        for (size_t q = 0; q < r; q++) {
            complex_number sum = t[0];
            for (size_t j = 1; j < r; j++) {
                const complex_number term = times(t[j], roots[j * q * m * stride % all]);
                sum.re += term.re;
                sum.im += term.im;
            }
            out[k + q * m] = sum;
        }
    }
}

static void fill_roots(complex_number *roots, size_t n, double sign)
{
    for (size_t k = 0; k < n; k++) {
        const double angle = sign * 2 * M_PI * (double)k / (double)n;
        roots[k] = (complex_number){ cos(angle), sin(angle) };
    }
}

static onyx_status fft_new(op_run_context *context, size_t n, bool inverse, fft *f)
{
    onyx_status status = ONYX_OK;
    const double sign = inverse ? 1 : -1;
    *f = (fft){ .n = n, .inverse = inverse, .room = n };
    if (largest_factor(n) > FACTOR_MOST)
        for (f->padded = 1; f->padded < 2 * n; f->padded *= 2)
            ;
    complex_number *roots = run_scratch(context, f->padded ? f->padded : n, sizeof(*roots), &status);
    STATUS_TRY(status);
    fill_roots(roots, f->padded ? f->padded : n, f->padded ? -1 : sign);
    f->roots = roots;
    if (!f->padded)
        return ONYX_OK;
    f->room = 2 * f->padded;
    complex_number *chirp = run_scratch(context, n + 2 * f->padded, sizeof(*chirp), &status);
    STATUS_TRY(status);
    complex_number *back = chirp + n, *spread = back + f->padded;
    memset(spread, 0, f->padded * sizeof(*spread));
    for (size_t k = 0; k < n; k++) { /* k^2 / 2n turns, whole ones taken off */
        const double angle = sign * M_PI * (double)((uint64_t)k * k % (2 * n)) / (double)n;
        chirp[k] = (complex_number){ cos(angle), sin(angle) };
        spread[k] = spread[k ? f->padded - k : 0] = (complex_number){ chirp[k].re, -chirp[k].im };
    }
    transform(spread, back, f->padded, 1, f->padded, roots);
    f->chirp = chirp;
    f->back = back;
    return ONYX_OK;
}

/* In place; `room` holds f->room numbers. */
static void fft_run(const fft *f, complex_number *data, complex_number *room)
{
    if (!f->padded) {
        memcpy(room, data, f->n * sizeof(*data));
        transform(room, data, f->n, 1, f->n, f->roots);
    } else {
        complex_number *a = room, *b = room + f->padded;
        memset(a, 0, f->padded * sizeof(*a));
        for (size_t k = 0; k < f->n; k++)
            a[k] = times(data[k], f->chirp[k]);
        transform(a, b, f->padded, 1, f->padded, f->roots);
        for (size_t k = 0; k < f->padded; k++) { /* the way back is that of the conjugates */
            b[k] = times(b[k], f->back[k]);
            b[k].im = -b[k].im;
        }
        transform(b, a, f->padded, 1, f->padded, f->roots);
        for (size_t k = 0; k < f->n; k++) {
            const complex_number x = { a[k].re / (double)f->padded, -a[k].im / (double)f->padded };
            data[k] = times(x, f->chirp[k]);
        }
    }
    for (size_t k = 0; k < f->n && f->inverse; k++) {
        data[k].re /= (double)f->n;
        data[k].im /= (double)f->n;
    }
}

/* ---- DFT: x [.., 1 or 2], length, axis (an attribute before version 20) ---- */

onyx_status op_parse_signal(const op_parse_context *context, void *params)
{
    signal_params *p = params;
    const bool stft = strcmp(context->row->name, "STFT") == 0;
    p->inverse = op_attribute_int(&context->attributes, "inverse", 0) != 0;
    p->one_sided = op_attribute_int(&context->attributes, "onesided", stft) != 0;
    p->periodic = op_attribute_int(&context->attributes, "periodic", 1) != 0;
    p->axis = op_attribute_int(&context->attributes, "axis", context->version < 20 ? 1 : -2);
    p->type = (onyx_type)op_attribute_int(&context->attributes, "output_datatype", ONYX_TYPE_FLOAT32);
    if (!type_in(p->type, TYPES_NUMBER))
        return status_fail(context->error, ONYX_ERROR_TYPE, "output_datatype = %d is not supported", (int)p->type);
    return ONYX_OK;
}

/* The one number of an input: false where it is not known. */
static bool known_number(const op_shape_context *context, int index, int64_t *number)
{
    const op_value *value = shape_input(context, index);
    int count;
    return value && value_ints(value, number, 1, &count) && count == 1;
}

static onyx_status check_number(op_shape_context *context, int index)
{
    STATUS_TRY(shape_type(context, index, TYPES_INDEX));
    return shape_scalar(context, index);
}

/* Of a transform along n elements, where none is given; of a spectrum's first half, that of the whole. */
static int64_t natural_length(const signal_params *p, int64_t n)
{
    return p->inverse && p->one_sided ? 2 * (MIN(n, LENGTH_MOST) - 1) : n;
}

onyx_status op_shape_dft(op_shape_context *context)
{
    const signal_params *p = context->params;
    STATUS_TRY(shape_begin(context));
    STATUS_TRY(check_number(context, 1));
    STATUS_TRY(check_number(context, 2));
    const op_value *x = context->inputs[0];
    int64_t length = -1, wanted = p->axis;
    int axis;
    op_value *out = &context->outputs[0];
    shape_copy(out, x);
    const bool axis_known = !shape_input(context, 2) || known_number(context, 2, &wanted);
    if (x->rank < 0)
        return ONYX_OK;
    if (x->rank < 2 || (x->dims[x->rank - 1] >= 0 && x->dims[x->rank - 1] != 1 && x->dims[x->rank - 1] != 2))
        return shape_fail(context, "the last dimension must hold one or two numbers");
    out->dims[x->rank - 1] = p->inverse && p->one_sided ? 1 : 2;
    for (int i = 0; i < x->rank - 1 && !axis_known; i++)
        out->dims[i] = -1;
    if (!axis_known)
        return ONYX_OK;
    if (!axis_resolve(wanted, x->rank, &axis) || axis == x->rank - 1)
        return shape_fail(context, "axis %lld is out of range for rank %d", (long long)wanted, x->rank);
    if (shape_input(context, 1)) {
        if (known_number(context, 1, &length) && (length < 1 || length > LENGTH_MOST))
            return shape_fail(context, "a length of %lld", (long long)length);
    } else if (x->dims[axis] >= 0) {
        length = natural_length(p, x->dims[axis]);
        if (length < 1 || length > LENGTH_MOST)
            return shape_fail(context, "a length of %lld", (long long)length);
    }
    out->dims[axis] = length < 0 ? -1 : p->one_sided && !p->inverse ? length / 2 + 1 : length;
    return ONYX_OK;
}

typedef struct dft_job {
    const fft *f;
    const double *x;
    double *y;
    complex_number *room;        /* [worker][n + f->room] */
    size_t inner, given, wanted; /* elements behind the axis; along it, of x and of y */
    size_t in_parts, out_parts;  /* numbers of an element */
    bool half;                   /* x holds the first half of a symmetric spectrum */
} dft_job;

static void dft_part(void *context, int part, int worker)
{
    const dft_job *job = context;
    const size_t n = job->f->n, outer = (size_t)part / job->inner, inner = (size_t)part % job->inner;
    complex_number *data = job->room + (size_t)worker * (n + job->f->room);
    memset(data, 0, n * sizeof(*data));
    for (size_t k = 0; k < MIN(job->given, n); k++) {
        const double *at = job->x + ((outer * job->given + k) * job->inner + inner) * job->in_parts;
        data[k] = (complex_number){ at[0], job->in_parts == 2 ? at[1] : 0 };
    }
    for (size_t k = n / 2 + 1; k < n && job->half; k++)
        data[k] = (complex_number){ data[n - k].re, -data[n - k].im };
    fft_run(job->f, data, data + n);
    for (size_t k = 0; k < job->wanted; k++) {
        double *at = job->y + ((outer * job->wanted + k) * job->inner + inner) * job->out_parts;
        at[0] = data[k].re;
        if (job->out_parts == 2)
            at[1] = data[k].im;
    }
}

onyx_status op_run_dft(op_run_context *context)
{
    const signal_params *p = context->params;
    const onyx_tensor *x = context->inputs[0], *given_length = run_input(context, 1),
                      *given_axis = run_input(context, 2);
    onyx_tensor *out = context->outputs[0];
    onyx_status status = ONYX_OK;
    fft f;
    int axis = 0;
    axis_resolve(given_axis ? (int64_t)tensor_number(given_axis) : p->axis, x->rank, &axis);
    if (tensor_count(out) == 0)
        return ONYX_OK;
    const size_t n =
        (size_t)(given_length ? (int64_t)tensor_number(given_length) : natural_length(p, x->dims[axis]));
    STATUS_TRY(fft_new(context, n, p->inverse, &f));
    dft_job job = { .f = &f,
                    .inner = dims_product(x->dims, axis + 1, x->rank - 1),
                    .given = (size_t)x->dims[axis],
                    .wanted = (size_t)out->dims[axis],
                    .in_parts = (size_t)x->dims[x->rank - 1],
                    .out_parts = (size_t)out->dims[out->rank - 1],
                    .half = p->inverse && p->one_sided };
    const size_t lines = job.inner * dims_product(x->dims, 0, axis);
    if (lines > INT32_MAX)
        return status_fail(context->error, ONYX_ERROR_LIMIT, "too many transforms");
    job.x = lanes_of_tensor(context, x, LANE_F64, &status);
    STATUS_TRY(status);
    job.y = lanes_for_output(context, out, LANE_F64, &status);
    STATUS_TRY(status);
    job.room = run_scratch(context, (n + f.room) * (size_t)workers_count(context->pool), sizeof(*job.room), &status);
    STATUS_TRY(status);
    workers_run(context->pool, dft_part, &job, (int)lines);
    lanes_finish_output(out, LANE_F64, job.y);
    return ONYX_OK;
}

/* ---- STFT: signal [n, length, 1 or 2] (or [n, length]), step, window, frame length ---- */

onyx_status op_shape_stft(op_shape_context *context)
{
    const signal_params *p = context->params;
    STATUS_TRY(shape_begin(context));
    STATUS_TRY(check_number(context, 1));
    STATUS_TRY(shape_same_type(context, 0, 2));
    STATUS_TRY(shape_rank(context, 2, 1));
    STATUS_TRY(check_number(context, 3));
    const op_value *x = context->inputs[0], *window = shape_input(context, 2);
    int64_t dims[4] = { -1, -1, -1, 2 }, step, length = window && window->rank == 1 ? window->dims[0] : -1, given;
    if (x->rank >= 0 && x->rank != 2 && (x->rank != 3 || (x->dims[2] >= 0 && x->dims[2] != 1 && x->dims[2] != 2)))
        return shape_fail(context, "the signal must be [n, length, 1 or 2]");
    if (!window && !shape_input(context, 3))
        return shape_fail(context, "neither a window nor a frame length is given");
    if (known_number(context, 3, &given)) {
        if (length >= 0 && length != given)
            return shape_fail(context, "a window of %lld for frames of %lld", (long long)length, (long long)given);
        length = given;
    }
    if ((length >= 0 || shape_constant(context, 3)) && (length < 1 || length > LENGTH_MOST))
        return shape_fail(context, "frames of %lld", (long long)length);
    const bool step_known = known_number(context, 1, &step);
    if (step_known && step < 1)
        return shape_fail(context, "a step of %lld", (long long)step);
    dims[2] = length < 0 ? -1 : p->one_sided ? length / 2 + 1 : length;
    if (x->rank >= 0) {
        dims[0] = x->dims[0];
        if (x->dims[1] >= 0 && length >= 0 && x->dims[1] < length)
            return shape_fail(context, "frames of %lld in a signal of %lld", (long long)length, (long long)x->dims[1]);
        dims[1] = x->dims[1] < 0 || length < 0 || !step_known ? -1 : (x->dims[1] - length) / step + 1;
    }
    shape_set(&context->outputs[0], x->type, 4, dims);
    return ONYX_OK;
}

typedef struct stft_job {
    const fft *f;
    const double *x, *window;
    double *y;
    complex_number *room;
    size_t length, step, parts, frames, bins;
} stft_job;

static void stft_part(void *context, int part, int worker)
{
    const stft_job *job = context;
    const size_t n = job->f->n, image = (size_t)part / job->frames, frame = (size_t)part % job->frames;
    complex_number *data = job->room + (size_t)worker * (n + job->f->room);
    const double *x = job->x + (image * job->length + frame * job->step) * job->parts;
    double *y = job->y + (size_t)part * job->bins * 2;
    for (size_t k = 0; k < n; k++) {
        const double factor = job->window ? job->window[k] : 1;
        data[k] = (complex_number){ x[k * job->parts] * factor, job->parts == 2 ? x[k * 2 + 1] * factor : 0 };
    }
    fft_run(job->f, data, data + n);
    for (size_t k = 0; k < job->bins; k++) {
        y[2 * k] = data[k].re;
        y[2 * k + 1] = data[k].im;
    }
}

onyx_status op_run_stft(op_run_context *context)
{
    const onyx_tensor *x = context->inputs[0], *window = run_input(context, 2), *length = run_input(context, 3);
    onyx_tensor *out = context->outputs[0];
    onyx_status status = ONYX_OK;
    fft f;
    if (tensor_count(out) == 0)
        return ONYX_OK;
    const size_t n = (size_t)(length ? (int64_t)tensor_number(length) : window->dims[0]);
    STATUS_TRY(fft_new(context, n, false, &f));
    stft_job job = { .f = &f,
                     .length = (size_t)x->dims[1],
                     .step = (size_t)tensor_number(context->inputs[1]),
                     .parts = x->rank == 3 ? (size_t)x->dims[2] : 1,
                     .frames = (size_t)out->dims[1],
                     .bins = (size_t)out->dims[2] };
    if (dims_product(out->dims, 0, 2) > INT32_MAX)
        return status_fail(context->error, ONYX_ERROR_LIMIT, "too many frames");
    job.x = lanes_of_tensor(context, x, LANE_F64, &status);
    STATUS_TRY(status);
    job.window = window ? lanes_of_tensor(context, window, LANE_F64, &status) : NULL;
    STATUS_TRY(status);
    job.y = lanes_for_output(context, out, LANE_F64, &status);
    STATUS_TRY(status);
    job.room = run_scratch(context, (n + f.room) * (size_t)workers_count(context->pool), sizeof(*job.room), &status);
    STATUS_TRY(status);
    workers_run(context->pool, stft_part, &job, (int)dims_product(out->dims, 0, 2));
    lanes_finish_output(out, LANE_F64, job.y);
    return ONYX_OK;
}

/* ---- windows ---- */

onyx_status op_shape_signal_window(op_shape_context *context)
{
    STATUS_TRY(shape_begin(context));
    STATUS_TRY(check_number(context, 0));
    int64_t size = -1;
    if (known_number(context, 0, &size) && size < 0)
        return shape_fail(context, "a size of %lld", (long long)size);
    shape_set(&context->outputs[0], ((const signal_params *)context->params)->type, 1, &size);
    return ONYX_OK;
}

/* a - b cos(t) + c cos(2t) over one turn. */
static onyx_status run_window(op_run_context *context, double a, double b, double c)
{
    const signal_params *p = context->params;
    onyx_tensor *out = context->outputs[0];
    const size_t size = tensor_count(out);
    const double turn = (double)size - (p->periodic ? 0 : 1);
    for (size_t i = 0; i < size; i++) {
        const double t = 2 * M_PI * (double)i / turn, x = turn > 0 ? a - b * cos(t) + c * cos(2 * t) : 1;
        lanes_store(LANE_F64, &x, 1, out->type, out->data, i);
    }
    return ONYX_OK;
}

onyx_status op_run_hann_window(op_run_context *context)
{
    return run_window(context, 0.5, 0.5, 0);
}

onyx_status op_run_hamming_window(op_run_context *context)
{
    return run_window(context, 25.0 / 46, 21.0 / 46, 0);
}

onyx_status op_run_blackman_window(op_run_context *context)
{
    return run_window(context, 0.42, 0.5, 0.08);
}

/* ---- MelWeightMatrix: bins, length, rate, lowest and highest frequency -> [length / 2 + 1, bins] ---- */

onyx_status op_shape_mel(op_shape_context *context)
{
    STATUS_TRY(shape_begin(context));
    for (int i = 0; i < 3; i++)
        STATUS_TRY(check_number(context, i));
    for (int i = 3; i < 5; i++) {
        STATUS_TRY(shape_type(context, i, TYPES_FLOAT));
        STATUS_TRY(shape_scalar(context, i));
    }
    int64_t bins, length, rate, dims[2] = { -1, -1 };
    if (known_number(context, 0, &bins)) {
        if (bins < 1)
            return shape_fail(context, "%lld bins", (long long)bins);
        dims[1] = bins;
    }
    if (known_number(context, 1, &length)) {
        if (length < 1)
            return shape_fail(context, "a length of %lld", (long long)length);
        dims[0] = length / 2 + 1;
    }
    if (known_number(context, 2, &rate) && rate < 1)
        return shape_fail(context, "a rate of %lld", (long long)rate);
    shape_set(&context->outputs[0], ((const signal_params *)context->params)->type, 2, dims);
    return ONYX_OK;
}

static void set_weight(onyx_tensor *out, int64_t row, int64_t column, double weight)
{
    if (row >= 0 && row < out->dims[0])
        lanes_store(LANE_F64, &weight, 1, out->type, out->data, (size_t)(row * out->dims[1] + column));
}

/* The spectral line of edge `i`: edges stand evenly on the mel scale. */
static int64_t mel_edge(op_run_context *context, int64_t i)
{
    const double bins = tensor_number(context->inputs[0]), length = tensor_number(context->inputs[1]);
    const double rate = tensor_number(context->inputs[2]);
    const double low = 2595 * log10(1 + tensor_number(context->inputs[3]) / 700);
    const double high = 2595 * log10(1 + tensor_number(context->inputs[4]) / 700);
    const double hertz = 700 * (pow(10, ((double)i * (high - low) / (bins + 2) + low) / 2595) - 1);
    const double line = floor((length + 1) * hertz / rate);
    return line > -1 && line < 1e9 ? (int64_t)line : -1;
}

onyx_status op_run_mel(op_run_context *context)
{
    onyx_tensor *out = context->outputs[0];
    memset(out->data, 0, out->size_bytes);
    for (int64_t i = 0; i < out->dims[1]; i++) {
        const int64_t low = mel_edge(context, i), middle = mel_edge(context, i + 1), high = mel_edge(context, i + 2);
        if (low < 0 || middle < low || high < middle)
            return status_fail(context->error, ONYX_ERROR_SHAPE, "frequencies give no rising edges");
        if (low == middle)
            set_weight(out, middle, i, 1);
        for (int64_t k = low; k <= MIN(middle, out->dims[0] - 1) && low < middle; k++)
            set_weight(out, k, i, (double)(k - low) / (double)(middle - low));
        for (int64_t k = middle; k < MIN(high, out->dims[0]); k++)
            set_weight(out, k, i, (double)(high - k) / (double)(high - middle));
    }
    return ONYX_OK;
}
