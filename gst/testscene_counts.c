/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The counts as a GstStructure with arrays of structures. */
#include "testscene_counts.h"

#include <math.h>

static void append(GValue *array, GstStructure *structure)
{
    GValue value = G_VALUE_INIT;
    g_value_init(&value, GST_TYPE_STRUCTURE);
    g_value_take_boxed(&value, structure);
    gst_value_array_append_and_take_value(array, &value);
}

static void append_number(GValue *array, gdouble number)
{
    GValue value = G_VALUE_INIT;
    g_value_init(&value, G_TYPE_DOUBLE);
    g_value_set_double(&value, number);
    gst_value_array_append_and_take_value(array, &value);
}

static void take_points(GstStructure *structure, const float (*points)[2], guint n)
{
    GValue array = G_VALUE_INIT;
    for (guint i = 0; i < n; i++)
        if (isnan(points[i][0]))
            return;
    g_value_init(&array, GST_TYPE_ARRAY);
    for (guint i = 0; i < 2 * n; i++)
        append_number(&array, points[i / 2][i % 2]);
    gst_structure_take_value(structure, "points", &array);
}

GstStructure *gst_onyx_scene_counts(const scene *shown, guint64 frames)
{
    scene_line lines[PLAN_LINES];
    scene_zone zones[PLAN_ZONES];
    GValue line_array = G_VALUE_INIT, zone_array = G_VALUE_INIT;

    scene_lines(shown, lines);
    scene_zones(shown, zones);
    g_value_init(&line_array, GST_TYPE_ARRAY);
    g_value_init(&zone_array, GST_TYPE_ARRAY);
    for (guint i = 0; i < PLAN_LINES; i++) {
        const float points[2][2] = { { lines[i].x0, lines[i].y0 }, { lines[i].x1, lines[i].y1 } };
        GstStructure *line = gst_structure_new("line", "name", G_TYPE_STRING, lines[i].name, "in", G_TYPE_UINT,
                                               lines[i].in, "out", G_TYPE_UINT, lines[i].out, NULL);
        take_points(line, points, 2);
        append(&line_array, line);
    }
    for (guint i = 0; i < PLAN_ZONES; i++) {
        GstStructure *zone = gst_structure_new("zone", "name", G_TYPE_STRING, zones[i].name, "entries", G_TYPE_UINT,
                                               zones[i].entries, "dwell", G_TYPE_DOUBLE, zones[i].dwell_seconds, NULL);
        take_points(zone, (const float(*)[2])zones[i].corners, 4);
        append(&zone_array, zone);
    }
    GstStructure *all = gst_structure_new("onyx-scene-truth", "frames", G_TYPE_UINT64, frames, "customers", G_TYPE_UINT,
                                          scene_customers(shown), NULL);
    gst_structure_take_value(all, "lines", &line_array);
    gst_structure_take_value(all, "zones", &zone_array);
    return all;
}
