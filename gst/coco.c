/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Run lengths of masks. */
#include "coco.h"

#include <math.h>

#include "vision/vision.h"

/* Whole pixels whose centres lie between two edges, within 0..size. */
static void pixels_between(gfloat low, gfloat high, gint size, gint *first, gint *end)
{
    *first = isfinite(low) ? (gint)CLAMP(ceilf(low - 0.5f), 0.0f, (gfloat)size) : 0;
    *end = isfinite(high) ? (gint)CLAMP(ceilf(high - 0.5f), (gfloat)*first, (gfloat)size) : *first;
}

typedef struct {
    GString *text;
    gint64 last[2]; /* the last two runs */
    gint64 run;     /* the one that grows */
    guint written;
    gboolean inside;
} Runs;

/* Five bits a letter from '0' on, the sixth says that more follow, the highest of the last letter is the sign. From the
 * fourth run on, what is written is the difference from the last run of its kind. */
static void end_run(Runs *runs)
{
    gint64 value = runs->written > 2 ? runs->run - runs->last[0] : runs->run;
    gboolean more = TRUE;

    while (more) {
        gint letter = (gint)(value & 31);
        value >>= 5;
        more = letter & 16 ? value != -1 : value != 0;
        g_string_append_c(runs->text, (gchar)('0' + (more ? letter | 32 : letter)));
    }
    runs->last[0] = runs->last[1];
    runs->last[1] = runs->run;
    runs->run = 0;
    runs->written++;
    runs->inside = !runs->inside;
}

static void add_pixels(Runs *runs, gboolean inside, gint64 count)
{
    if (count > 0 && inside != runs->inside)
        end_run(runs);
    runs->run += count;
}

/* The box's pixels, column by column: so that the runs are read in the order of memory. */
static guint8 *sample(const vision_mask *mask, gint x0, gint x1, gint y0, gint y1)
{
    gsize columns = (gsize)(x1 - x0), rows = (gsize)(y1 - y0);
    guint8 *pixels = g_malloc(columns * rows), *row = g_malloc(columns);

    for (gsize y = 0; y < rows; y++) {
        vision_mask_row(mask, (float)y0 + (float)y + 0.5f, (float)x0 + 0.5f, 1, x1 - x0, row);
        for (gsize x = 0; x < columns; x++)
            pixels[x * rows + y] = row[x];
    }
    g_free(row);
    return pixels;
}

gchar *gst_onyx_coco_counts(const OnyxDetections *block, const OnyxDetection *item, gint width, gint height)
{
    Runs runs = { .text = NULL };
    gint x0, x1, y0, y1;

    if (item->mask == 0 || width < 1 || height < 1)
        return NULL;
    const OnyxMask *grid = &block->masks[item->mask - 1];
    vision_mask mask = { .width = (int)grid->width,
                         .height = (int)grid->height,
                         .x0 = grid->x0,
                         .y0 = grid->y0,
                         .x1 = grid->x1,
                         .y1 = grid->y1,
                         .data = block->mask_data + grid->offset };
    pixels_between(item->x0, item->x1, width, &x0, &x1);
    pixels_between(item->y0, item->y1, height, &y0, &y1);
    guint8 *pixels = sample(&mask, x0, x1, y0, y1), *pixel = pixels;
    runs.text = g_string_new(NULL);
    add_pixels(&runs, FALSE, (gint64)x0 * height);
    for (gint x = x0; x < x1; x++) {
        add_pixels(&runs, FALSE, y0);
        for (gint y = y0; y < y1; y++)
            add_pixels(&runs, *pixel++ >= 128, 1);
        add_pixels(&runs, FALSE, height - y1);
    }
    add_pixels(&runs, FALSE, (gint64)(width - x1) * height);
    end_run(&runs);
    g_free(pixels);
    return g_string_free(runs.text, FALSE);
}
