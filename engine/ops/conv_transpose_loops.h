/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Typed loops of transposed convolution, included once per floating type T; NAME(x) makes the names. */

/* Part: one output plane. Each input row is added to the output rows that its taps reach. */
static void NAME(transposed_part)(void *context, int part, int worker)
{
    const conv_task *t = context;
    const op_window *win = &t->window;
    int64_t image_group = part / t->c_out, filter = part % t->c_out, group = image_group % t->groups;
    int last = win->spatial - 1;
    int64_t width = win->in[last], stride = win->stride[last];
    T *dst = (T *)t->dst + (image_group * t->c_out + filter) * t->out_plane;
    T bias = t->bias ? ((const T *)t->bias)[group * t->c_out + filter] : 0;
    (void)worker;
    for (int64_t i = 0; i < t->out_plane; i++)
        dst[i] = bias;
    for (int64_t c = 0; c < t->c_in; c++) {
        const T *x = (const T *)t->x + (image_group * t->c_in + c) * t->in_plane;
        const T *w = (const T *)t->w + ((group * t->c_in + c) * t->c_out + filter) * t->taps;
        for (int64_t row = 0; row < t->in_plane / width; row++, x += width) {
            for (int64_t tap = 0; tap < t->taps / win->kernel[last]; tap++) {
                int64_t offset;
                if (!conv_output_row(win, row, tap, &offset))
                    continue;
                for (int64_t k = 0; k < win->kernel[last]; k++) {
                    T weight = w[tap * win->kernel[last] + k];
                    int64_t shift = k * win->dilation[last] - win->pad_begin[last], from, to;
                    conv_columns(shift, stride, win->out[last], 0, width, &from, &to);
                    for (int64_t i = from; i < to; i++)
                        dst[offset + i * stride + shift] += weight * x[i];
                }
            }
        }
    }
}

#undef T
#undef NAME
