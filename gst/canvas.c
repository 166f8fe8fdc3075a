/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Shapes -> coverage -> blended components. */
#include "canvas.h"

#include <math.h>
#include <string.h>

void gst_onyx_canvas_init(GstOnyxCanvas *canvas, const GstVideoInfo *info)
{
    const GstVideoFormatInfo *format = info->finfo;

    memset(canvas, 0, sizeof *canvas);
    canvas->width = GST_VIDEO_INFO_WIDTH(info);
    canvas->height = GST_VIDEO_INFO_HEIGHT(info);
    canvas->n_components = MIN(GST_VIDEO_FORMAT_INFO_N_COMPONENTS(format), GST_ONYX_COMPONENTS);
    canvas->is_rgb = GST_VIDEO_FORMAT_INFO_IS_RGB(format);
    canvas->most = (1 << GST_VIDEO_FORMAT_INFO_DEPTH(format, 0)) - 1;
    canvas->low = canvas->most > 255 ? (gint)GST_VIDEO_FORMAT_INFO_SHIFT(format, 0) : -1;
    for (guint c = 0; c < canvas->n_components; c++) {
        canvas->component[c].shift_x = (gint)GST_VIDEO_FORMAT_INFO_W_SUB(format, c);
        canvas->component[c].shift_y = (gint)GST_VIDEO_FORMAT_INFO_H_SUB(format, c);
        canvas->shift_x = MAX(canvas->shift_x, canvas->component[c].shift_x);
        canvas->shift_y = MAX(canvas->shift_y, canvas->component[c].shift_y);
    }
    if (!gst_video_color_matrix_get_Kr_Kb(info->colorimetry.matrix, &canvas->kr, &canvas->kb))
        gst_video_color_matrix_get_Kr_Kb(GST_VIDEO_COLOR_MATRIX_BT601, &canvas->kr, &canvas->kb);
    gst_video_color_range_offsets(info->colorimetry.range, format, canvas->offset, canvas->range);
    for (int i = 0; i < 2; i++)
        canvas->rows[i] = g_malloc0((gsize)canvas->width + 8);
}

void gst_onyx_canvas_clear(GstOnyxCanvas *canvas)
{
    for (int i = 0; i < 2; i++)
        g_clear_pointer(&canvas->rows[i], g_free);
}

void gst_onyx_canvas_set_frame(GstOnyxCanvas *canvas, GstVideoFrame *frame)
{
    for (guint c = 0; c < canvas->n_components; c++) {
        /* GStreamer (1.22) counts the place of V in P010's pairs in samples, unlike all its other offsets. */
        gint in_samples = canvas->low >= 0 && GST_VIDEO_FORMAT_INFO_POFFSET(frame->info.finfo, c) == 1;
        canvas->component[c].data = (guint8 *)GST_VIDEO_FRAME_COMP_DATA(frame, c) + in_samples;
        canvas->component[c].stride = GST_VIDEO_FRAME_COMP_STRIDE(frame, c);
        canvas->component[c].step = GST_VIDEO_FRAME_COMP_PSTRIDE(frame, c);
    }
}

static guint16 to_value(const GstOnyxCanvas *canvas, gdouble value)
{
    return (guint16)CLAMP(lrint(value), 0, canvas->most);
}

GstOnyxInk gst_onyx_canvas_ink(const GstOnyxCanvas *canvas, guint8 red, guint8 green, guint8 blue)
{
    if (canvas->is_rgb)
        return (GstOnyxInk){ { red, green, blue, 255 } };
    gdouble r = red / 255.0, g = green / 255.0, b = blue / 255.0;
    gdouble luma = canvas->kr * r + (1 - canvas->kr - canvas->kb) * g + canvas->kb * b;
    gdouble cb = (b - luma) / (2 * (1 - canvas->kb)), cr = (r - luma) / (2 * (1 - canvas->kr));
    return (GstOnyxInk){ { to_value(canvas, canvas->offset[0] + luma * canvas->range[0]),
                           to_value(canvas, canvas->offset[1] + cb * canvas->range[1]),
                           to_value(canvas, canvas->offset[2] + cr * canvas->range[2]), 255 } };
}

/* ------------------------------------------------------------------------------------------------------- shapes */

/* Writes the coverage of the pixels (x0 .. x1, y). */
typedef void coverage_row(const void *shape, gint y, gint x0, gint x1, guint8 *coverage);

static inline guint value_at(const guint8 *sample, gint low)
{
    return low < 0 ? *sample : (guint)GST_READ_UINT16_LE(sample) >> low;
}

static inline void set_value(guint8 *sample, gint low, guint value)
{
    if (low < 0)
        *sample = (guint8)value;
    else
        GST_WRITE_UINT16_LE(sample, (guint16)(value << low));
}

static inline guint blended(guint old, guint ink, guint alpha)
{
    return (old * (255 - alpha) + ink * alpha + 127) / 255;
}

/* One row of one component. `rows` is the coverage of the pixel rows that it stands for, from the pixel x0 on, which
 * starts a sample. low: the canvas's, here so that samples of one byte get a loop of their own. */
static inline __attribute__((always_inline)) void blend_samples(const GstOnyxCanvas *canvas, guint c, gint y, gint x0,
                                                                gint x1, guint8 *const rows[2], guint ink,
                                                                guint opacity, const gint low)
{
    const gint shift_x = canvas->component[c].shift_x, shift_y = canvas->component[c].shift_y;
    const gint step = canvas->component[c].step, across = 1 << shift_x, down = 1 << shift_y;
    guint8 *pixel = canvas->component[c].data + (gssize)(y >> shift_y) * canvas->component[c].stride +
                    (gssize)(x0 >> shift_x) * step;

    for (gint x = 0; x < x1 - x0; x += across, pixel += step) {
        guint sum = 0;
        for (gint row = 0; row < down; row++)
            for (gint i = 0; i < across; i++)
                sum += rows[row][x + i];
        guint alpha = (sum >> (shift_x + shift_y)) * opacity / 255;
        if (alpha)
            set_value(pixel, low, blended(value_at(pixel, low), ink, alpha));
    }
}

static void blend_component(const GstOnyxCanvas *canvas, guint c, gint y, gint x0, gint x1, guint8 *const rows[2],
                            guint ink, guint opacity)
{
    if (canvas->low < 0)
        blend_samples(canvas, c, y, x0, x1, rows, ink, opacity, -1);
    else
        blend_samples(canvas, c, y, x0, x1, rows, ink, opacity, canvas->low);
}

/* Fills rows[] with the coverage of `1 << shift_y` pixel rows from y on, between x0 (which starts a sample) and x1;
 * samples that hang over the frame's edge repeat its last pixel. */
static void cover_rows(GstOnyxCanvas *canvas, const GstVideoRectangle *box, gint y, gint x0, gint x1,
                       coverage_row *cover, const void *shape)
{
    gint right = MIN(box->x + box->w, canvas->width);

    for (gint i = 0; i < 1 << canvas->shift_y; i++) {
        guint8 *row = canvas->rows[i];
        if (y + i >= canvas->height) {
            memcpy(row, canvas->rows[0], (gsize)(x1 - x0));
            continue;
        }
        memset(row, 0, (gsize)(x1 - x0));
        if (y + i >= box->y && y + i < box->y + box->h)
            cover(shape, y + i, box->x, right, row + (box->x - x0));
        if (x1 > canvas->width && canvas->width > x0)
            memset(row + (canvas->width - x0), row[canvas->width - 1 - x0], (gsize)(x1 - canvas->width));
    }
}

static gboolean clip(const GstOnyxCanvas *canvas, GstVideoRectangle *box, gfloat x0, gfloat y0, gfloat x1, gfloat y1)
{
    if (!(x0 < x1 && y0 < y1)) /* NaN included */
        return FALSE;
    gint left = (gint)floorf(CLAMP(x0, 0, (gfloat)canvas->width));
    gint top = (gint)floorf(CLAMP(y0, 0, (gfloat)canvas->height));
    *box = (GstVideoRectangle){ .x = left,
                                .y = top,
                                .w = (gint)ceilf(CLAMP(x1, 0, (gfloat)canvas->width)) - left,
                                .h = (gint)ceilf(CLAMP(y1, 0, (gfloat)canvas->height)) - top };
    return box->w > 0 && box->h > 0;
}

static void paint(GstOnyxCanvas *canvas, const GstVideoRectangle *box, coverage_row *cover, const void *shape,
                  GstOnyxInk ink, guint opacity)
{
    const gint mask_x = (1 << canvas->shift_x) - 1, mask_y = (1 << canvas->shift_y) - 1;
    const gint x0 = box->x & ~mask_x, x1 = (box->x + box->w + mask_x) & ~mask_x;

    for (gint y = box->y & ~mask_y; y < box->y + box->h; y += mask_y + 1) {
        cover_rows(canvas, box, y, x0, x1, cover, shape);
        for (guint c = 0; c < canvas->n_components; c++) {
            const gint down = 1 << canvas->component[c].shift_y;
            /* full-resolution components must not write beyond the frame's last pixel */
            const gint end = canvas->component[c].shift_x ? x1 : MIN(x1, canvas->width);
            for (gint i = 0; i <= mask_y && y + i < canvas->height; i += down) {
                guint8 *const rows[2] = { canvas->rows[i], canvas->rows[MIN(i + 1, 1)] };
                blend_component(canvas, c, y + i, x0, end, rows, ink.value[c], opacity);
            }
        }
    }
}

static void cover_all(const void *shape, gint y, gint x0, gint x1, guint8 *coverage)
{
    memset(coverage, 255, (gsize)(x1 - x0));
}

void gst_onyx_canvas_fill(GstOnyxCanvas *canvas, gint x0, gint y0, gint x1, gint y1, GstOnyxInk ink, guint opacity)
{
    GstVideoRectangle box;
    if (clip(canvas, &box, (gfloat)x0, (gfloat)y0, (gfloat)x1, (gfloat)y1))
        paint(canvas, &box, cover_all, NULL, ink, opacity);
}

typedef struct {
    gfloat x, y, dx, dy, inverse_square, radius;
} LineShape;

/* Distance from the pixel's centre to the segment, with an edge one pixel soft. */
static void cover_line(const void *shape, gint y, gint x0, gint x1, guint8 *coverage)
{
    const LineShape *line = shape;
    gfloat py = (gfloat)y + 0.5f - line->y;

    for (gint x = x0; x < x1; x++) {
        gfloat px = (gfloat)x + 0.5f - line->x;
        gfloat along = CLAMP((px * line->dx + py * line->dy) * line->inverse_square, 0.0f, 1.0f);
        gfloat ex = px - along * line->dx, ey = py - along * line->dy;
        gfloat inside = line->radius + 0.5f - sqrtf(ex * ex + ey * ey);
        coverage[x - x0] = (guint8)(CLAMP(inside, 0.0f, 1.0f) * 255.0f + 0.5f);
    }
}

void gst_onyx_canvas_line(GstOnyxCanvas *canvas, gfloat x0, gfloat y0, gfloat x1, gfloat y1, gfloat width,
                          GstOnyxInk ink, guint opacity)
{
    gfloat dx = x1 - x0, dy = y1 - y0, square = dx * dx + dy * dy, reach = width / 2 + 1;
    LineShape line = { x0, y0, dx, dy, square > 1e-6f ? 1 / square : 0, width / 2 };
    GstVideoRectangle box;

    if (!isfinite(square))
        return;
    if (clip(canvas, &box, MIN(x0, x1) - reach, MIN(y0, y1) - reach, MAX(x0, x1) + reach, MAX(y0, y1) + reach))
        paint(canvas, &box, cover_line, &line, ink, opacity);
}

typedef struct {
    const guint8 *bytes;
    gint columns, rows;
    gfloat x, y, columns_per_pixel, rows_per_pixel;
} MaskShape;

/* Bilinear between the centres of the grid's cells, then a soft step at 128: a smooth outline at any size. */
static void cover_mask(const void *shape, gint y, gint x0, gint x1, guint8 *coverage)
{
    const MaskShape *mask = shape;
    gfloat v = CLAMP(((gfloat)y + 0.5f - mask->y) * mask->rows_per_pixel - 0.5f, 0.0f, (gfloat)(mask->rows - 1));
    gint row = (gint)v, below = MIN(row + 1, mask->rows - 1);
    gfloat fy = v - (gfloat)row;
    const guint8 *upper = mask->bytes + (gsize)row * (gsize)mask->columns;
    const guint8 *lower = mask->bytes + (gsize)below * (gsize)mask->columns;

    for (gint x = x0; x < x1; x++) {
        gfloat u =
            CLAMP(((gfloat)x + 0.5f - mask->x) * mask->columns_per_pixel - 0.5f, 0.0f, (gfloat)(mask->columns - 1));
        gint column = (gint)u, right = MIN(column + 1, mask->columns - 1);
        gfloat fx = u - (gfloat)column;
        gfloat top = (gfloat)upper[column] + fx * (gfloat)(upper[right] - upper[column]);
        gfloat bottom = (gfloat)lower[column] + fx * (gfloat)(lower[right] - lower[column]);
        gfloat value = top + fy * (bottom - top);
        coverage[x - x0] = (guint8)CLAMP((value - 112.0f) * 8.0f, 0.0f, 255.0f);
    }
}

void gst_onyx_canvas_mask(GstOnyxCanvas *canvas, const guint8 *bytes, guint columns, guint rows, gfloat x0, gfloat y0,
                          gfloat x1, gfloat y1, GstOnyxInk ink, guint opacity)
{
    GstVideoRectangle box;

    if (columns == 0 || rows == 0 || !isfinite(x1 - x0) || !isfinite(y1 - y0) || !clip(canvas, &box, x0, y0, x1, y1))
        return;
    MaskShape mask = {
        bytes, (gint)columns, (gint)rows, x0, y0, (gfloat)columns / (x1 - x0), (gfloat)rows / (y1 - y0)
    };
    paint(canvas, &box, cover_mask, &mask, ink, opacity);
}

/* ------------------------------------------------------------------------------------------------------- bitmaps */

/* The mean of the bitmap's pixels under one sample, whose first pixel is (x, y) of the bitmap; outside is clear. */
static void sample_bitmap(const GstOnyxBitmap *bitmap, guint c, gint x, gint y, gint shift_x, gint shift_y,
                          guint *value, guint *alpha)
{
    guint values = 0, alphas = 0;

    for (gint row = MAX(y, 0); row < MIN(y + (1 << shift_y), bitmap->height); row++)
        for (gint column = MAX(x, 0); column < MIN(x + (1 << shift_x), bitmap->width); column++) {
            const guint16 *pixel = bitmap->pixels + 4 * ((gsize)row * (gsize)bitmap->width + (gsize)column);
            values += pixel[c];
            alphas += pixel[3];
        }
    *value = values >> (shift_x + shift_y);
    *alpha = alphas >> (shift_x + shift_y);
}

static void blend_bitmap_component(GstOnyxCanvas *canvas, guint c, gint x0, gint y0, const GstOnyxBitmap *bitmap)
{
    const gint shift_x = canvas->component[c].shift_x, shift_y = canvas->component[c].shift_y;
    const gint left = MAX(x0, 0) >> shift_x, top = MAX(y0, 0) >> shift_y;
    const gint right = (MIN(x0 + bitmap->width, canvas->width) + (1 << shift_x) - 1) >> shift_x;
    const gint bottom = (MIN(y0 + bitmap->height, canvas->height) + (1 << shift_y) - 1) >> shift_y;
    const gint low = canvas->low;
    const guint most = (guint)canvas->most;

    for (gint y = top; y < bottom; y++) {
        guint8 *row = canvas->component[c].data + (gssize)y * canvas->component[c].stride;
        for (gint x = left; x < right; x++) {
            guint8 *pixel = row + (gssize)x * canvas->component[c].step;
            guint value, alpha;
            sample_bitmap(bitmap, c, (x << shift_x) - x0, (y << shift_y) - y0, shift_x, shift_y, &value, &alpha);
            if (alpha) {
                value += (value_at(pixel, low) * (255 - alpha) + 127) / 255;
                set_value(pixel, low, MIN(value, most));
            }
        }
    }
}

void gst_onyx_canvas_bitmap(GstOnyxCanvas *canvas, gint x, gint y, const GstOnyxBitmap *bitmap)
{
    for (guint c = 0; c < canvas->n_components; c++)
        blend_bitmap_component(canvas, c, x, y, bitmap);
}
