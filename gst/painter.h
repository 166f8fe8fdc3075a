/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Detections -> strokes: what onnxoverlay draws, apart from where it comes from. One thread at a time. */
#ifndef GST_ONYX_PAINTER_H
#define GST_ONYX_PAINTER_H

#include "canvas.h"
#include "glyphs.h"
#include "meta/detections.h"

typedef struct {
    gboolean boxes, labels, scores, track_ids, masks, keypoints;
    guint line_width;   /* pixels; 0: by the frame's height */
    guint font_size;    /* pixels; 0: by the frame's height */
    guint mask_opacity; /* 0..255 */
} GstOnyxStyle;

typedef struct {
    GstOnyxCanvas canvas;
    GstOnyxGlyphs *glyphs; /* NULL: not made yet */
    guint glyphs_px;
    gchar *glyphs_font;
} GstOnyxPainter;

void gst_onyx_painter_init(GstOnyxPainter *painter, const GstVideoInfo *info);
void gst_onyx_painter_clear(GstOnyxPainter *painter);
/* Whether there is a stroke to do. */
gboolean gst_onyx_painter_needed(const GstOnyxStyle *style, const OnyxDetections *detections);
void gst_onyx_painter_draw(GstOnyxPainter *painter, const GstOnyxStyle *style, const gchar *font,
                           const OnyxDetections *detections);
/* The colour of a class: red, green, blue. Neighbours are far apart. */
void gst_onyx_class_colour(gint label_id, guint8 rgb[3]);

#endif
