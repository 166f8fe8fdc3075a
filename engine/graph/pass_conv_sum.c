/* SPDX-License-Identifier: BSD-2-Clause
 *
 * A sum or difference of convolutions of one value is one convolution, whose kernel is the sum of theirs, each at its
 * place. A factor and a summand for each channel (BatchNormalization), and the value itself, are such terms too. So
 * networks that were trained with branches (RepVGG, MobileOne, FastViT, GhostNetV3) run as what they stand for, and a
 * depthwise convolution takes in the value that is added to it. */
#include <stdlib.h>

#include "graph/passes.h"

enum { LEAST_CHANNELS = 16 }; /* a value of less is in no blocks of channels, where terms without kernel cost nothing */

/* A term: a convolution of x, in the sense of this file. */
typedef struct term {
    graph_value *x;
    const graph_node *conv; /* NULL: of one tap and one channel a group */
    const float *w, *b;     /* NULL: 1, and 0 */
    int w_step, b_step;     /* without conv: 0 where one number is for all */
    int64_t group, in, out; /* groups; channels of each that go in; channels that come out */
    op_window window;
} term;

/* The tensor that the node combines with one constant for each channel; NULL where it does something else. */
static graph_value *with_channels(graph *g, const graph_node *node, const char *op, const float **constant, int *step)
{
    for (int i = 0; node && i < 2 && graph_is(node, op) && graph_one_output(node); i++) {
        graph_value *x = node->inputs[i];
        if (graph_is_f32(x) && !x->is_constant && x->info.rank == 4 &&
            graph_along_axis(g, node->inputs[1 - i], x, 1, constant, step))
            return x;
    }
    return NULL;
}

static bool read_conv(graph *g, graph_value *value, term *t)
{
    const graph_node *conv = graph_maker(value, "Conv");
    int64_t channels;
    if (!conv || !graph_is_f32(conv->inputs[0]) || value->info.rank != 4 || !graph_conv_constant(g, conv, &channels) ||
        !op_conv_geometry(conv->params, &conv->inputs[0]->info, &conv->inputs[1]->info, &t->window))
        return false;
    t->conv = conv;
    t->x = conv->inputs[0];
    t->group = ((const conv_params *)conv->params)->group;
    t->in = conv->inputs[1]->info.dims[1];
    t->out = channels;
    t->b_step = 1;
    return true;
}

/* x * w[c] + b[c], either of which may be missing. */
static bool read_affine(graph *g, graph_value *value, term *t)
{
    graph_value *scaled = with_channels(g, value->producer, "Add", &t->b, &t->b_step);
    if (scaled && !graph_sole(scaled))
        return false;
    graph_value *x = scaled ? scaled : value;
    graph_value *from = with_channels(g, x->producer, "Mul", &t->w, &t->w_step);
    t->x = from ? from : x;
    return from || scaled;
}

static void one_tap(term *t)
{
    const int64_t *dims = t->x->info.dims;
    t->group = t->out = dims[1];
    t->in = 1;
    t->window = (op_window){ .spatial = 2 };
    for (int i = 0; i < 2; i++) {
        t->window.in[i] = t->window.out[i] = dims[2 + i];
        t->window.kernel[i] = t->window.stride[i] = t->window.dilation[i] = 1;
    }
}

/* The value as a term of x, or of anything (x NULL). Only this sum may read what the term stands for. */
static bool read_term(graph *g, graph_value *value, const graph_value *x, term *t)
{
    *t = (term){ 0 };
    if (!graph_is_f32(value) || value->info.rank != 4 || graph_element_count(value) < 1)
        return false;
    if (value == x) {
        t->x = value;
        one_tap(t);
        return true;
    }
    if (!graph_sole(value) || !value->producer)
        return false;
    if (read_conv(g, value, t))
        return !x || t->x == x;
    *t = (term){ 0 };
    if (!x || !read_affine(g, value, t) || t->x != x || x->info.dims[1] < LEAST_CHANNELS)
        return false;
    one_tap(t);
    return true;
}

/* The window that holds both kernels; false where they do not meet in one grid of taps, or have no stride in common. */
static bool join_windows(const op_window *a, const op_window *b, op_window *both)
{
    *both = *a;
    for (int i = 0; i < 2; i++) {
        const int64_t dilation = a->kernel[i] > 1 ? a->dilation[i] : b->dilation[i];
        if (a->stride[i] != b->stride[i] || a->out[i] != b->out[i] ||
            (b->kernel[i] > 1 && b->dilation[i] != dilation) || (a->pad_begin[i] - b->pad_begin[i]) % dilation != 0)
            return false;
        const int64_t begin = MAX(a->pad_begin[i], b->pad_begin[i]);
        const int64_t end =
            MAX((a->kernel[i] - 1) * dilation - a->pad_begin[i], (b->kernel[i] - 1) * dilation - b->pad_begin[i]);
        both->dilation[i] = dilation;
        both->pad_begin[i] = begin;
        both->kernel[i] = (begin + end) / dilation + 1;
        both->pad_end[i] = MAX(0, (a->out[i] - 1) * a->stride[i] + end + 1 - a->in[i]);
    }
    return true;
}

/* Multiplications for one element of the result. */
static double work(const term *t, const op_window *window)
{
    return (double)(t->in * window->kernel[0] * window->kernel[1]);
}

/* *sum = a + b as one convolution; false where that has more to compute. */
static bool join(const term *a, const term *b, term *sum)
{
    const term *fewer = a->group <= b->group ? a : b;
    if (a->x != b->x || a->out != b->out || MAX(a->group, b->group) % fewer->group != 0 || (!a->conv && !b->conv) ||
        !join_windows(&a->window, &b->window, &sum->window))
        return false;
    sum->x = a->x;
    sum->group = fewer->group;
    sum->in = fewer->in;
    sum->out = a->out;
    return work(sum, &sum->window) <= work(a, &a->window) + work(b, &b->window);
}

/* Adds the term's kernel and bias, times `sign`, to those of the sum. */
static void add_term(const term *t, const term *sum, double sign, double *w, double *b)
{
    const int64_t taps = sum->window.kernel[0] * sum->window.kernel[1], *kernel = t->window.kernel;
    const int64_t dilation[2] = { sum->window.dilation[0], sum->window.dilation[1] };
    for (int64_t o = 0; o < t->out; o++) {
        const int64_t first = o / (t->out / t->group) * t->in - o / (t->out / sum->group) * sum->in;
        b[o] += sign * (t->b ? t->b[o * t->b_step] : 0);
        for (int64_t i = 0; i < t->in; i++)
            for (int64_t y = 0; y < kernel[0]; y++)
                for (int64_t x = 0; x < kernel[1]; x++) {
                    const int64_t row = y + (sum->window.pad_begin[0] - t->window.pad_begin[0]) / dilation[0];
                    const int64_t column = x + (sum->window.pad_begin[1] - t->window.pad_begin[1]) / dilation[1];
                    const int64_t at = t->conv ? ((o * t->in + i) * kernel[0] + y) * kernel[1] + x : o * t->w_step;
                    w[(o * sum->in + first + i) * taps + row * sum->window.kernel[1] + column] +=
                        sign * (t->w ? t->w[at] : 1);
                }
    }
}

static bool read_weights(graph *g, term *t)
{
    graph_value *bias = t->conv ? graph_input(t->conv, 2) : NULL;
    if (!t->conv)
        return true;
    t->w = graph_constant_f32(g, t->conv->inputs[1]);
    t->b = bias ? graph_constant_f32(g, bias) : NULL;
    return t->w && (!bias || t->b);
}

static onyx_status write_sum(graph *g, graph_node *last, const term *sum, const double *w, const double *b,
                             onyx_error *error)
{
    const op_window *window = &sum->window;
    const int64_t dims[4] = { sum->out, sum->in, window->kernel[0], window->kernel[1] };
    op_attribute attributes[1 + WINDOW_ATTRIBUTES] = { attribute_int("group", sum->group) };
    graph_value *inputs[3] = { sum->x };
    if (!attribute_window(g, window, attributes + 1))
        return status_no_memory(error, sizeof(*window), "attributes");
    STATUS_TRY(graph_add_numbers(g, last->name, w, 4, dims, &inputs[1], error));
    STATUS_TRY(graph_add_numbers(g, last->name, b, 1, dims, &inputs[2], error));
    return graph_substitute(g, last, "", "Conv", last->name, inputs, 3, attributes, ARRAY_LENGTH(attributes), NULL,
                            error);
}

static onyx_status try_sum(graph *g, graph_node *node, bool *changed, onyx_error *error)
{
    term a, b, sum = { 0 };
    const double sign = graph_is(node, "Sub") ? -1 : 1;
    for (int i = 0;; i++) {
        if (i == 2)
            return ONYX_OK;
        if (read_term(g, node->inputs[i], NULL, &a) && read_term(g, node->inputs[1 - i], a.x, &b) &&
            join(&a, &b, &sum) && read_weights(g, &a) && read_weights(g, &b)) {
            const size_t weights = (size_t)(sum.out * sum.in * sum.window.kernel[0] * sum.window.kernel[1]);
            double *w = calloc(weights + (size_t)sum.out, sizeof(*w));
            if (!w)
                return status_no_memory(error, weights * sizeof(*w), "summed weights");
            add_term(&a, &sum, i == 0 ? 1 : sign, w, w + weights);
            add_term(&b, &sum, i == 0 ? sign : 1, w, w + weights);
            onyx_status status = write_sum(g, node, &sum, w, w + weights, error);
            free(w);
            *changed = true;
            return status;
        }
    }
}

onyx_status pass_conv_sum(graph *g, const graph_pass_options *options, bool *changed, onyx_error *error)
{
    if (options->precision == ONYX_PRECISION_STRICT)
        return ONYX_OK;
    GRAPH_EACH_NODE(g, node)
    if ((graph_is(node, "Add") || graph_is(node, "Sub")) && node->inputs[0] != node->inputs[1] &&
        graph_one_output(node) && graph_same_shape(node->inputs[0], node->inputs[1]))
        STATUS_TRY(try_sum(g, node, changed, error));
    return ONYX_OK;
}
