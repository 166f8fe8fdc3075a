/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Text as bitmaps for a canvas: shaped by Pango, rendered by Cairo, kept in a bounded cache, so that a label is made
 * once and not per frame. One thread at a time. */
#ifndef GST_ONYX_GLYPHS_H
#define GST_ONYX_GLYPHS_H

#include "canvas.h"

typedef struct _GstOnyxGlyphs GstOnyxGlyphs;

/* `font` is a Pango family list or description, such as "Sans" or "DejaVu Sans Bold"; size_px the height of a line
 * without its leading. Bitmaps are for canvases of the given kind. */
GstOnyxGlyphs *gst_onyx_glyphs_new(const gchar *font, gint size_px, const GstOnyxCanvas *canvas);
void gst_onyx_glyphs_free(GstOnyxGlyphs *glyphs); /* NULL is allowed */
/* The height that all lines have. */
gint gst_onyx_glyphs_line_height(const GstOnyxGlyphs *glyphs);
/* UTF-8 text in black or white on clear ground, one line, cut with an ellipsis if very long. The bitmap belongs to the
 * cache and is valid until the next call. NULL if there is nothing to see. */
const GstOnyxBitmap *gst_onyx_glyphs_get(GstOnyxGlyphs *glyphs, const gchar *text, gboolean white);
/* Entries kept now, and most that are: for tests. */
guint gst_onyx_glyphs_count(const GstOnyxGlyphs *glyphs);
#define GST_ONYX_GLYPHS_MAX 512

#endif
