/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Typed loops of convolution, included once per type. IN is the type of inputs and weights,
 * ACC of sums, PRODUCT(a, b) their product as ACC, NAME(x) makes the names.
 * Columns of an output row are the inner loop; four filters share each input row that is read. */

/* d[i] += w * s[i * step] */
static void NAME(add_row)(ACC *d, const IN *s, int64_t step, int64_t n, IN w)
{
    if (step == 1) {
        for (int64_t i = 0; i < n; i++)
            d[i] += PRODUCT(w, s[i]);
    } else {
        for (int64_t i = 0; i < n; i++)
            d[i] += PRODUCT(w, s[i * step]);
    }
}

static void NAME(add_row4)(ACC *restrict d, int64_t d_stride, const IN *restrict s, int64_t step, int64_t n,
                           const IN *w, int64_t w_stride)
{
    ACC *d0 = d, *d1 = d + d_stride, *d2 = d1 + d_stride, *d3 = d2 + d_stride;
    IN w0 = w[0], w1 = w[w_stride], w2 = w[2 * w_stride], w3 = w[3 * w_stride];
    if (step == 1) {
        for (int64_t i = 0; i < n; i++) {
            IN x = s[i];
            d0[i] += PRODUCT(w0, x);
            d1[i] += PRODUCT(w1, x);
            d2[i] += PRODUCT(w2, x);
            d3[i] += PRODUCT(w3, x);
        }
    } else {
        for (int64_t i = 0; i < n; i++) {
            IN x = s[i * step];
            d0[i] += PRODUCT(w0, x);
            d1[i] += PRODUCT(w1, x);
            d2[i] += PRODUCT(w2, x);
            d3[i] += PRODUCT(w3, x);
        }
    }
}

/* Columns [begin, end) of one output row for `filters` filters, one outer tap. x, w: of the group's first channel. */
static void NAME(conv_tap)(const conv_task *t, const IN *x_row, const IN *w_tap, ACC *d, int filters, int64_t begin,
                           int64_t end)
{
    const op_window *win = &t->window;
    int last = win->spatial - 1;
    int64_t stride = win->stride[last], width = win->in[last];
    int64_t w_stride = t->c_in * t->taps;
    for (int64_t k = 0; k < win->kernel[last]; k++) {
        int64_t offset = k * win->dilation[last] - win->pad_begin[last], from, to;
        conv_columns(offset, stride, width, begin, end, &from, &to);
        if (from >= to)
            continue;
        for (int64_t c = 0; c < t->c_in; c++) {
            const IN *s = x_row + c * t->in_plane + from * stride + offset;
            const IN *w = w_tap + c * t->taps + k;
            ACC *out = d + (from - begin);
            if (filters == 4) {
                NAME(add_row4)(out, t->out_plane, s, stride, to - from, w, w_stride);
                continue;
            }
            for (int f = 0; f < filters; f++)
                NAME(add_row)(out + f * t->out_plane, s, stride, to - from, w[f * w_stride]);
        }
    }
}

static void NAME(conv_part)(void *context, int part, int worker)
{
    const conv_task *t = context;
    const op_window *win = &t->window;
    int64_t blocks = (t->c_out + 3) / 4, block = part % blocks, image_group = part / blocks;
    int64_t group = image_group % t->groups, first = block * 4;
    int filters = (int)MIN(4, t->c_out - first), last = win->spatial - 1;
    const IN *x = (const IN *)t->x + image_group * t->c_in * t->in_plane;
    const IN *w = (const IN *)t->w + (group * t->c_out + first) * t->c_in * t->taps;
    ACC *dst = (ACC *)t->dst + (image_group * t->c_out + first) * t->out_plane;
    int64_t columns = win->out[last];
    (void)worker;
    for (int f = 0; f < filters; f++) {
        ACC bias = t->bias ? ((const ACC *)t->bias)[group * t->c_out + first + f] : 0;
        for (int64_t i = 0; i < t->out_plane; i++)
            dst[f * t->out_plane + i] = bias;
    }
    for (int64_t row = 0; row < t->out_plane / columns; row++) {
        for (int64_t begin = 0; begin < columns; begin += CONV_CHUNK) {
            int64_t end = MIN(begin + CONV_CHUNK, columns), x_offset;
            for (int64_t tap = 0; tap < t->taps / win->kernel[last]; tap++) {
                if (conv_input_row(win, row, tap, &x_offset))
                    NAME(conv_tap)
                    (t, x + x_offset, w + tap * win->kernel[last], dst + row * columns + begin, filters, begin, end);
            }
        }
    }
}

#undef IN
#undef ACC
#undef PRODUCT
#undef NAME
