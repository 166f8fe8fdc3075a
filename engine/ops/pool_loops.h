/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Typed loops of pooling, included once per floating type T; NAME(x) makes the names. A part is one plane; columns of
 * an output row are the inner loop. */

/* Joins the elements under one tap with a row of results. */
static void NAME(pool_tap)(bool max, T *d, const T *s, int64_t step, int64_t n)
{
    if (max) {
        for (int64_t i = 0; i < n; i++) {
            T x = s[i * step];
            d[i] = x > d[i] || x != x ? x : d[i]; /* NaN wins, and stays */
        }
    } else {
        for (int64_t i = 0; i < n; i++)
            d[i] += s[i * step];
    }
}

static void NAME(pool_part)(void *context, int part, int worker)
{
    const pool_task *t = context;
    const op_window *w = &t->window;
    int last = w->spatial - 1;
    int64_t columns = w->out[last], taps = (int64_t)dims_product(w->kernel, 0, last);
    const T *src = (const T *)t->x + (int64_t)part * t->in_plane;
    T *dst = (T *)t->dst + (int64_t)part * t->out_plane;
    (void)worker;
    for (int64_t row = 0; row < t->out_plane / columns; row++, dst += columns) {
        for (int64_t i = 0; i < columns; i++)
            dst[i] = t->max ? (T)-INFINITY : 0;
        for (int64_t tap = 0; tap < taps; tap++) {
            int64_t offset, outer;
            if (!pool_input_row(w, row, tap, &outer))
                continue;
            for (int64_t k = 0; k < w->kernel[last]; k++) {
                int64_t from, to;
                offset = k * w->dilation[last] - w->pad_begin[last];
                pool_columns(offset, w->stride[last], w->in[last], columns, &from, &to);
                if (from < to)
                    NAME(pool_tap)
                    (t->max, dst + from, src + outer + from * w->stride[last] + offset, w->stride[last], to - from);
            }
        }
        if (t->max)
            continue;
        double rows = (double)pool_row_count(t, row);
        for (int64_t i = 0; i < columns; i++) {
            double n = rows * (double)t->counts[last][i];
            dst[i] = n > 0 ? (T)((double)dst[i] / n) : 0;
        }
    }
}

/* Where the maximum stands: the first one in row-major order of the window. */
static void NAME(index_part)(void *context, int part, int worker)
{
    const pool_task *t = context;
    const op_window *w = &t->window;
    int last = w->spatial - 1;
    int64_t columns = w->out[last], taps = (int64_t)dims_product(w->kernel, 0, last);
    const T *src = (const T *)t->x + (int64_t)part * t->in_plane;
    int64_t *dst = t->indices + (int64_t)part * t->out_plane;
    (void)worker;
    for (int64_t o = 0; o < t->out_plane; o++) {
        int64_t best = -1;
        for (int64_t tap = 0; tap < taps; tap++) {
            int64_t outer;
            if (!pool_input_row(w, o / columns, tap, &outer))
                continue;
            for (int64_t k = 0; k < w->kernel[last]; k++) {
                int64_t i = o % columns * w->stride[last] + k * w->dilation[last] - w->pad_begin[last];
                if (i < 0 || i >= w->in[last])
                    continue;
                T x = src[outer + i];
                if (best < 0 || x > src[best] || (x != x && src[best] == src[best]))
                    best = outer + i;
            }
        }
        dst[o] = best < 0 ? 0 : (int64_t)part * t->in_plane + (t->column_major ? pool_column_major(w, best) : best);
    }
}

#undef T
#undef NAME
