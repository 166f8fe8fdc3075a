/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The cache of rendered labels. */
#include "glyphs.h"

#include <pango/pangocairo.h>
#include <string.h>

#define MAX_BYTES (32u << 20)
#define MAX_LINE_EMS 40 /* longer labels end in an ellipsis */

typedef struct {
    GstOnyxBitmap bitmap;
    guint64 used; /* the clock at the last use */
} Entry;

struct _GstOnyxGlyphs {
    PangoFontMap *map;
    PangoContext *context;
    PangoLayout *layout;
    GstOnyxCanvas canvas; /* for its colour space alone */
    gint line_height;
    GHashTable *entries[2]; /* black, white: text -> Entry */
    gsize bytes;
    guint64 clock;
};

static void entry_free(gpointer data)
{
    Entry *entry = data;
    g_free(entry->bitmap.pixels);
    g_free(entry);
}

GstOnyxGlyphs *gst_onyx_glyphs_new(const gchar *font, gint size_px, const GstOnyxCanvas *canvas)
{
    GstOnyxGlyphs *glyphs = g_new0(GstOnyxGlyphs, 1);
    PangoFontDescription *description = pango_font_description_from_string(font && *font ? font : "Sans");
    PangoRectangle logical;

    glyphs->canvas = *canvas;
    glyphs->map = pango_cairo_font_map_new();
    glyphs->context = pango_font_map_create_context(glyphs->map);
    glyphs->layout = pango_layout_new(glyphs->context);
    pango_font_description_set_absolute_size(description, (gdouble)size_px * PANGO_SCALE);
    pango_layout_set_font_description(glyphs->layout, description);
    pango_font_description_free(description);
    pango_layout_set_single_paragraph_mode(glyphs->layout, TRUE);
    pango_layout_set_ellipsize(glyphs->layout, PANGO_ELLIPSIZE_END);
    pango_layout_set_text(glyphs->layout, "Xg", -1);
    pango_layout_get_pixel_extents(glyphs->layout, NULL, &logical);
    glyphs->line_height = MAX(logical.height, 1);
    pango_layout_set_width(glyphs->layout, MAX_LINE_EMS * size_px * PANGO_SCALE);
    for (int i = 0; i < 2; i++)
        glyphs->entries[i] = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, entry_free);
    return glyphs;
}

void gst_onyx_glyphs_free(GstOnyxGlyphs *glyphs)
{
    if (!glyphs)
        return;
    for (int i = 0; i < 2; i++)
        g_hash_table_destroy(glyphs->entries[i]);
    g_object_unref(glyphs->layout);
    g_object_unref(glyphs->context);
    g_object_unref(glyphs->map);
    g_free(glyphs);
}

gint gst_onyx_glyphs_line_height(const GstOnyxGlyphs *glyphs)
{
    return glyphs->line_height;
}

guint gst_onyx_glyphs_count(const GstOnyxGlyphs *glyphs)
{
    return g_hash_table_size(glyphs->entries[0]) + g_hash_table_size(glyphs->entries[1]);
}

/* Cairo's pixel (ARGB in one native word, colours times alpha) -> the canvas's. */
static void convert_pixel(const GstOnyxCanvas *canvas, guint32 argb, guint16 *pixel)
{
    guint alpha = argb >> 24;

    memset(pixel, 0, 4 * sizeof *pixel);
    if (alpha == 0)
        return;
    guint red = ((argb >> 16) & 255) * 255 / alpha, green = ((argb >> 8) & 255) * 255 / alpha;
    guint blue = (argb & 255) * 255 / alpha;
    GstOnyxInk ink =
        gst_onyx_canvas_ink(canvas, (guint8)MIN(red, 255), (guint8)MIN(green, 255), (guint8)MIN(blue, 255));
    for (int c = 0; c < 3; c++)
        pixel[c] = (guint16)((ink.value[c] * alpha + 127) / 255);
    pixel[3] = (guint16)alpha;
}

static void convert_surface(const GstOnyxCanvas *canvas, cairo_surface_t *surface, GstOnyxBitmap *bitmap)
{
    const guint8 *data = cairo_image_surface_get_data(surface);
    const gint stride = cairo_image_surface_get_stride(surface);

    bitmap->pixels = g_new(guint16, (gsize)bitmap->width * (gsize)bitmap->height * 4);
    for (gint y = 0; y < bitmap->height; y++)
        for (gint x = 0; x < bitmap->width; x++) {
            guint32 argb;
            memcpy(&argb, data + (gsize)y * (gsize)stride + (gsize)x * 4, 4);
            convert_pixel(canvas, argb, bitmap->pixels + 4 * ((gsize)y * (gsize)bitmap->width + (gsize)x));
        }
}

static Entry *render(GstOnyxGlyphs *glyphs, const gchar *text, gboolean white)
{
    Entry *entry = g_new0(Entry, 1);
    PangoRectangle logical;

    pango_layout_set_text(glyphs->layout, text, -1);
    pango_layout_get_pixel_extents(glyphs->layout, NULL, &logical);
    entry->bitmap.width = MAX(logical.width, 0);
    entry->bitmap.height = glyphs->line_height;
    if (entry->bitmap.width == 0)
        return entry;
    cairo_surface_t *surface =
        cairo_image_surface_create(CAIRO_FORMAT_ARGB32, entry->bitmap.width, entry->bitmap.height);
    cairo_t *cairo = cairo_create(surface);
    cairo_set_source_rgb(cairo, white, white, white);
    /* Fallback fonts are taller than the chosen one: centre, so that they lose as little as can be. */
    cairo_move_to(cairo, -logical.x, (entry->bitmap.height - logical.height) / 2.0 - logical.y);
    pango_cairo_show_layout(cairo, glyphs->layout);
    cairo_destroy(cairo);
    cairo_surface_flush(surface);
    if (cairo_surface_status(surface) == CAIRO_STATUS_SUCCESS)
        convert_surface(&glyphs->canvas, surface, &entry->bitmap);
    cairo_surface_destroy(surface);
    return entry;
}

static gsize entry_bytes(const Entry *entry)
{
    return (gsize)entry->bitmap.width * (gsize)entry->bitmap.height * 4 * sizeof *entry->bitmap.pixels;
}

/* Drops the half that was not used for longest: those last used before the middle of what the clock has seen. */
static void shrink(GstOnyxGlyphs *glyphs)
{
    guint64 keep_since = glyphs->clock - MIN(glyphs->clock, GST_ONYX_GLYPHS_MAX / 2);

    for (int i = 0; i < 2; i++) {
        GHashTableIter iter;
        gpointer value;
        g_hash_table_iter_init(&iter, glyphs->entries[i]);
        while (g_hash_table_iter_next(&iter, NULL, &value)) {
            Entry *entry = value;
            if (entry->used >= keep_since && glyphs->bytes <= MAX_BYTES / 2)
                continue;
            glyphs->bytes -= entry_bytes(entry);
            g_hash_table_iter_remove(&iter);
        }
    }
}

const GstOnyxBitmap *gst_onyx_glyphs_get(GstOnyxGlyphs *glyphs, const gchar *text, gboolean white)
{
    GHashTable *entries = glyphs->entries[white ? 1 : 0];
    Entry *entry = g_hash_table_lookup(entries, text);

    glyphs->clock++;
    if (!entry) {
        if (gst_onyx_glyphs_count(glyphs) >= GST_ONYX_GLYPHS_MAX || glyphs->bytes > MAX_BYTES)
            shrink(glyphs);
        entry = render(glyphs, text, white);
        glyphs->bytes += entry_bytes(entry);
        g_hash_table_insert(entries, g_strdup(text), entry);
    }
    entry->used = glyphs->clock;
    return entry->bitmap.pixels ? &entry->bitmap : NULL;
}
