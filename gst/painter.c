/* SPDX-License-Identifier: BSD-2-Clause
 *
 * How detections look: a colour per class, lines and letters that grow with the frame. */
#include "painter.h"

#include <math.h>
#include <string.h>

#define KEYPOINT_MIN_SCORE 0.3f /* less sure ones only confuse */
#define COCO_KEYPOINTS 17

/* The limbs of the 17 keypoints of COCO, as 1 + index. */
static const guint8 coco_limbs[][2] = { { 16, 14 }, { 14, 12 }, { 17, 15 }, { 15, 13 }, { 12, 13 },
                                        { 6, 12 },  { 7, 13 },  { 6, 7 },   { 6, 8 },   { 7, 9 },
                                        { 8, 10 },  { 9, 11 },  { 2, 3 },   { 1, 2 },   { 1, 3 },
                                        { 2, 4 },   { 3, 5 },   { 4, 6 },   { 5, 7 } };

void gst_onyx_painter_init(GstOnyxPainter *painter, const GstVideoInfo *info)
{
    memset(painter, 0, sizeof *painter);
    gst_onyx_canvas_init(&painter->canvas, info);
}

void gst_onyx_painter_clear(GstOnyxPainter *painter)
{
    gst_onyx_canvas_clear(&painter->canvas);
    gst_onyx_glyphs_free(painter->glyphs);
    painter->glyphs = NULL;
    g_clear_pointer(&painter->glyphs_font, g_free);
}

/* Hues a golden angle apart never come close to each other for long; saturation and value alternate on top. */
void gst_onyx_class_colour(gint label_id, guint8 rgb[3])
{
    guint index = label_id >= 0 ? (guint)label_id : 7u;
    gdouble hue = fmod(index * 137.50776405 + 20, 360) / 60;
    gdouble saturation = (index / 2) % 2 ? 0.65 : 0.9, value = index % 2 ? 0.85 : 1.0;

    for (int c = 0; c < 3; c++) {
        gdouble k = fmod((c == 0 ? 5 : c == 1 ? 3 : 1) + hue, 6);
        gdouble level = value - value * saturation * CLAMP(MIN(k, 4 - k), 0, 1);
        rgb[c] = (guint8)lrint(level * 255);
    }
}

gboolean gst_onyx_painter_needed(const GstOnyxStyle *style, const OnyxDetections *detections)
{
    return detections->count > 0 &&
           (style->boxes || style->labels || style->scores || style->track_ids ||
            (style->masks && detections->n_masks > 0) || (style->keypoints && detections->n_keypoints > 0));
}

/* ------------------------------------------------------------------------------------------------------- strokes */

typedef struct {
    GstOnyxPainter *painter;
    const GstOnyxStyle *style;
    const OnyxDetections *block;
    gint line_width;
    gint padding;
} Job;

static gint rounded(gfloat value)
{
    return value > -1e6f ? (gint)lrintf(MIN(value, 1e6f)) : -1000000; /* NaN too */
}

static void draw_mask(const Job *job, const OnyxDetection *item, GstOnyxInk ink)
{
    if (item->mask == 0)
        return;
    const OnyxMask *mask = &job->block->masks[item->mask - 1];
    gst_onyx_canvas_mask(&job->painter->canvas, job->block->mask_data + mask->offset, mask->width, mask->height,
                         mask->x0, mask->y0, mask->x1, mask->y1, ink, job->style->mask_opacity);
}

/* Lines lie inside of the box's edge, so that a box at the frame's edge is seen whole. */
static void draw_upright_box(const Job *job, const OnyxDetection *item, GstOnyxInk ink)
{
    GstOnyxCanvas *canvas = &job->painter->canvas;
    gint x0 = rounded(item->x0), y0 = rounded(item->y0);
    gint x1 = MAX(rounded(item->x1), x0 + 1), y1 = MAX(rounded(item->y1), y0 + 1);
    gint across = MIN(job->line_width, x1 - x0), down = MIN(job->line_width, y1 - y0);

    gst_onyx_canvas_fill(canvas, x0, y0, x1, y0 + down, ink, 255);
    gst_onyx_canvas_fill(canvas, x0, MAX(y1 - down, y0 + down), x1, y1, ink, 255);
    gst_onyx_canvas_fill(canvas, x0, y0 + down, x0 + across, y1 - down, ink, 255);
    gst_onyx_canvas_fill(canvas, MAX(x1 - across, x0 + across), y0 + down, x1, y1 - down, ink, 255);
}

static void draw_rotated_box(const Job *job, const OnyxDetection *item, GstOnyxInk ink)
{
    for (int i = 0; i < 4; i++) {
        const gfloat *from = item->corners[i], *to = item->corners[(i + 1) % 4];
        gst_onyx_canvas_line(&job->painter->canvas, from[0], from[1], to[0], to[1], (gfloat)job->line_width, ink, 255);
    }
}

static void draw_limb(const Job *job, const OnyxKeypoint *a, const OnyxKeypoint *b, GstOnyxInk ink)
{
    if (a->score >= KEYPOINT_MIN_SCORE && b->score >= KEYPOINT_MIN_SCORE)
        gst_onyx_canvas_line(&job->painter->canvas, a->x, a->y, b->x, b->y, (gfloat)job->line_width, ink, 255);
}

static void draw_skeleton(const Job *job, const OnyxDetection *item, GstOnyxInk ink)
{
    const OnyxKeypoint *points = job->block->keypoints + item->first_keypoint;
    GstOnyxInk white = gst_onyx_canvas_ink(&job->painter->canvas, 255, 255, 255);

    for (guint i = 0; item->n_keypoints == COCO_KEYPOINTS && i < G_N_ELEMENTS(coco_limbs); i++)
        draw_limb(job, &points[coco_limbs[i][0] - 1], &points[coco_limbs[i][1] - 1], ink);
    for (guint k = 0; k < item->n_keypoints; k++) {
        const OnyxKeypoint *p = &points[k];
        if (p->score < KEYPOINT_MIN_SCORE)
            continue;
        gst_onyx_canvas_line(&job->painter->canvas, p->x, p->y, p->x, p->y, (gfloat)job->line_width * 2.5f, ink, 255);
        gst_onyx_canvas_line(&job->painter->canvas, p->x, p->y, p->x, p->y, (gfloat)job->line_width * 1.2f, white, 255);
    }
}

/* -------------------------------------------------------------------------------------------------------- labels */

#define LABEL_PARTS 3

/* The label's parts, so that each is cached for itself: names are few, scores a hundred, ids many. */
static guint label_parts(const GstOnyxStyle *style, const OnyxDetection *item, const gchar *parts[LABEL_PARTS],
                         gchar buffers[LABEL_PARTS][24])
{
    const gchar *name = g_quark_to_string(item->label);
    guint n = 0;

    if (style->labels) {
        g_snprintf(buffers[n], sizeof buffers[n], "%d", item->label_id);
        parts[n] = name && *name ? name : buffers[n];
        n++;
    }
    if (style->track_ids && item->track_id) {
        g_snprintf(buffers[n], sizeof buffers[n], "#%" G_GUINT64_FORMAT, item->track_id);
        parts[n] = buffers[n];
        n++;
    }
    if (style->scores) {
        gint percent = (gint)lrintf(CLAMP(item->score, 0.0f, 1.0f) * 100);
        g_snprintf(buffers[n], sizeof buffers[n], "%d.%02d", percent / 100, percent % 100);
        parts[n] = buffers[n];
        n++;
    }
    return n;
}

static void draw_label(const Job *job, const OnyxDetection *item, GstOnyxInk ink, gboolean white)
{
    GstOnyxCanvas *canvas = &job->painter->canvas;
    GstOnyxGlyphs *glyphs = job->painter->glyphs;
    const gchar *parts[LABEL_PARTS];
    gchar buffers[LABEL_PARTS][24];
    guint n = label_parts(job->style, item, parts, buffers);
    gint width = job->padding, height = gst_onyx_glyphs_line_height(glyphs);

    for (guint i = 0; i < n; i++) {
        const GstOnyxBitmap *bitmap = gst_onyx_glyphs_get(glyphs, parts[i], white);
        width += (bitmap ? bitmap->width : 0) + job->padding;
    }
    if (n == 0)
        return;
    gint x = CLAMP(rounded(item->x0), 0, MAX(canvas->width - width, 0));
    gint y = rounded(item->y0) - height;
    if (y < 0)
        y = MAX(rounded(item->y0), 0);
    y = MIN(y, MAX(canvas->height - height, 0));
    gst_onyx_canvas_fill(canvas, x, y, x + width, y + height, ink, 255);
    x += job->padding;
    for (guint i = 0; i < n; i++) {
        const GstOnyxBitmap *bitmap = gst_onyx_glyphs_get(glyphs, parts[i], white);
        if (bitmap)
            gst_onyx_canvas_bitmap(canvas, x, y, bitmap);
        x += (bitmap ? bitmap->width : 0) + job->padding;
    }
}

/* ---------------------------------------------------------------------------------------------------- everything */

/* 2 pixels up to 540 lines, 3 at 1080, 6 at 2160. */
static gint line_width(const GstOnyxStyle *style, gint height)
{
    return style->line_width ? (gint)style->line_width : MAX(2, (height + 180) / 360);
}

/* 11 pixels at 240 lines, 24 at 1080, 48 at 2160. */
static guint font_size(const GstOnyxStyle *style, gint height)
{
    return style->font_size ? style->font_size : (guint)MAX(11, height / 45);
}

static void update_glyphs(GstOnyxPainter *painter, const gchar *font, guint size_px)
{
    if (painter->glyphs && painter->glyphs_px == size_px && g_strcmp0(painter->glyphs_font, font) == 0)
        return;
    gst_onyx_glyphs_free(painter->glyphs);
    g_free(painter->glyphs_font);
    painter->glyphs = gst_onyx_glyphs_new(font, (gint)size_px, &painter->canvas);
    painter->glyphs_px = size_px;
    painter->glyphs_font = g_strdup(font);
}

static void draw_item(const Job *job, const OnyxDetection *item)
{
    guint8 rgb[3];
    gst_onyx_class_colour(item->label_id, rgb);
    GstOnyxInk ink = gst_onyx_canvas_ink(&job->painter->canvas, rgb[0], rgb[1], rgb[2]);
    gboolean dark = rgb[0] * 299 + rgb[1] * 587 + rgb[2] * 114 < 128 * 1000;

    if (job->style->boxes) {
        if (item->rotated)
            draw_rotated_box(job, item, ink);
        else
            draw_upright_box(job, item, ink);
    }
    if (job->style->keypoints && item->n_keypoints > 0)
        draw_skeleton(job, item, ink);
    if (job->painter->glyphs)
        draw_label(job, item, ink, dark);
}

void gst_onyx_painter_draw(GstOnyxPainter *painter, const GstOnyxStyle *style, const gchar *font,
                           const OnyxDetections *detections)
{
    Job job = { painter, style, detections, line_width(style, painter->canvas.height), 0 };

    if (style->labels || style->scores || style->track_ids) {
        guint size_px = font_size(style, painter->canvas.height);
        update_glyphs(painter, font, size_px);
        job.padding = (gint)MAX(size_px / 4, 2);
    }
    if (style->masks) {
        for (guint i = detections->count; i-- > 0;) {
            guint8 rgb[3];
            gst_onyx_class_colour(detections->items[i].label_id, rgb);
            draw_mask(&job, &detections->items[i], gst_onyx_canvas_ink(&painter->canvas, rgb[0], rgb[1], rgb[2]));
        }
    }
    /* The surest is drawn last, on top. */
    for (guint i = detections->count; i-- > 0;)
        draw_item(&job, &detections->items[i]);
}
