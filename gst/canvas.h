/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Drawing into 8-bit video frames in their own format. Every format is a few components, each with a start, a step, a
 * stride and a subsampling, as GStreamer describes it: one code serves NV12, YUY2, RGB and all the others. Shapes give
 * coverage (0..255) per pixel; a subsampled component takes the mean of the pixels it stands for. */
#ifndef GST_ONYX_CANVAS_H
#define GST_ONYX_CANVAS_H

#include <gst/video/video.h>

#define GST_ONYX_COMPONENTS 4

/* A colour in the components of the frame's format, at their depth; [3] is alpha. */
typedef struct {
    guint16 value[GST_ONYX_COMPONENTS];
} GstOnyxInk;

/* Pixels of 4 numbers: components 0 to 2 of the canvas, at their depth, already multiplied by alpha / 255; alpha. */
typedef struct {
    gint width, height;
    guint16 *pixels;
} GstOnyxBitmap;

typedef struct {
    gint width, height;
    guint n_components;
    gboolean is_rgb;
    gint shift_x, shift_y; /* the largest subsampling of a component */
    gdouble kr, kb;        /* of the YUV matrix */
    gint offset[GST_ONYX_COMPONENTS], range[GST_ONYX_COMPONENTS];
    gint most;       /* the largest value of a component: 255, or 1023 ... 65535 */
    gint low;        /* the bits below the value where it has two bytes, little-endian; -1: it is one byte */
    guint8 *rows[2]; /* coverage of one row of the coarsest component */
    struct {
        guint8 *data;
        gint stride, step, shift_x, shift_y;
    } component[GST_ONYX_COMPONENTS];
} GstOnyxCanvas;

/* For frames of these caps; keeps a little scratch memory. */
void gst_onyx_canvas_init(GstOnyxCanvas *canvas, const GstVideoInfo *info);
void gst_onyx_canvas_clear(GstOnyxCanvas *canvas);
/* Draw into this frame from now on: mapped for writing, of the caps above. */
void gst_onyx_canvas_set_frame(GstOnyxCanvas *canvas, GstVideoFrame *frame);

GstOnyxInk gst_onyx_canvas_ink(const GstOnyxCanvas *canvas, guint8 red, guint8 green, guint8 blue);

/* All coordinates are pixels and may lie outside of the frame; opacity is 0..255. */
void gst_onyx_canvas_fill(GstOnyxCanvas *canvas, gint x0, gint y0, gint x1, gint y1, GstOnyxInk ink, guint opacity);
/* A line with round ends; with equal ends a disc. */
void gst_onyx_canvas_line(GstOnyxCanvas *canvas, gfloat x0, gfloat y0, gfloat x1, gfloat y1, gfloat width,
                          GstOnyxInk ink, guint opacity);
/* A grid of columns x rows bytes (inside is >= 128) stretched over the rectangle. */
void gst_onyx_canvas_mask(GstOnyxCanvas *canvas, const guint8 *bytes, guint columns, guint rows, gfloat x0, gfloat y0,
                          gfloat x1, gfloat y1, GstOnyxInk ink, guint opacity);
void gst_onyx_canvas_bitmap(GstOnyxCanvas *canvas, gint x, gint y, const GstOnyxBitmap *bitmap);

#endif
