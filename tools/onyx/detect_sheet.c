/* SPDX-License-Identifier: BSD-2-Clause
 *
 * See detect_sheet.h. Every stride-th frame is kept; when there is no more room, every other one goes and the stride
 * doubles: so at any time the kept ones are spread evenly, and memory and work stay small. */
#include "detect_sheet.h"

#include <gst/video/video.h>
#include <string.h>

enum { CELLS = 12, COLUMNS = 3, CELL_WIDTH = 480, GAP = 6 };

struct detect_sheet {
    GstVideoInfo from, cell;
    GstVideoConverter *converter;
    guint64 frames, stride;
    guint count;
    GstBuffer *cells[CELLS];
};

detect_sheet *detect_sheet_new(void)
{
    detect_sheet *sheet = g_new0(detect_sheet, 1);
    sheet->stride = 1;
    return sheet;
}

void detect_sheet_free(detect_sheet *sheet)
{
    if (!sheet)
        return;
    for (guint i = 0; i < sheet->count; i++)
        gst_buffer_unref(sheet->cells[i]);
    g_clear_pointer(&sheet->converter, gst_video_converter_free);
    g_free(sheet);
}

static gboolean is_ready(detect_sheet *sheet, const GstVideoInfo *info)
{
    if (sheet->converter)
        return gst_video_info_is_equal(info, &sheet->from);
    gint height = MAX(1, (gint)gst_util_uint64_scale_round((guint64)GST_VIDEO_INFO_HEIGHT(info), CELL_WIDTH,
                                                           (guint64)GST_VIDEO_INFO_WIDTH(info)));
    sheet->from = *info;
    if (gst_video_info_set_format(&sheet->cell, GST_VIDEO_FORMAT_RGB, CELL_WIDTH, (guint)height)) {
        GST_VIDEO_INFO_FPS_N(&sheet->cell) = GST_VIDEO_INFO_FPS_N(info); /* a converter knows no other rate */
        GST_VIDEO_INFO_FPS_D(&sheet->cell) = GST_VIDEO_INFO_FPS_D(info);
        sheet->converter = gst_video_converter_new(&sheet->from, &sheet->cell, NULL);
    }
    return sheet->converter != NULL;
}

static void make_room(detect_sheet *sheet)
{
    for (guint i = 0; i < CELLS; i++) {
        if (i % 2)
            gst_buffer_unref(sheet->cells[i]);
        else
            sheet->cells[i / 2] = sheet->cells[i];
    }
    sheet->count = CELLS / 2;
    sheet->stride *= 2;
}

void detect_sheet_add(detect_sheet *sheet, GstBuffer *buffer, GstCaps *caps)
{
    GstVideoInfo info;
    GstVideoFrame from, to;
    guint64 number = sheet->frames++;

    if (number % sheet->stride || !gst_video_info_from_caps(&info, caps) || !is_ready(sheet, &info))
        return;
    if (sheet->count == CELLS) {
        make_room(sheet);
        if (number % sheet->stride)
            return;
    }
    GstBuffer *cell = gst_buffer_new_allocate(NULL, GST_VIDEO_INFO_SIZE(&sheet->cell), NULL);
    if (!gst_video_frame_map(&from, &sheet->from, buffer, GST_MAP_READ)) {
        gst_buffer_unref(cell);
        return;
    }
    if (gst_video_frame_map(&to, &sheet->cell, cell, GST_MAP_WRITE)) {
        gst_video_converter_frame(sheet->converter, &from, &to);
        gst_video_frame_unmap(&to);
        sheet->cells[sheet->count++] = cell;
    } else {
        gst_buffer_unref(cell);
    }
    gst_video_frame_unmap(&from);
}

static void paste(GstVideoFrame *onto, const GstVideoInfo *info, GstBuffer *cell, guint x, guint y)
{
    GstVideoFrame from;

    if (!gst_video_frame_map(&from, info, cell, GST_MAP_READ))
        return;
    guint8 *to =
        (guint8 *)GST_VIDEO_FRAME_PLANE_DATA(onto, 0) + y * (guint)GST_VIDEO_FRAME_PLANE_STRIDE(onto, 0) + 3 * x;
    const guint8 *row = GST_VIDEO_FRAME_PLANE_DATA(&from, 0);
    for (gint i = 0; i < GST_VIDEO_INFO_HEIGHT(info); i++) {
        memcpy(to, row, 3 * CELL_WIDTH);
        to += GST_VIDEO_FRAME_PLANE_STRIDE(onto, 0);
        row += GST_VIDEO_FRAME_PLANE_STRIDE(&from, 0);
    }
    gst_video_frame_unmap(&from);
}

GstSample *detect_sheet_make(const detect_sheet *sheet)
{
    GstVideoInfo info;
    GstVideoFrame frame;
    guint columns = MIN(sheet->count, COLUMNS);

    if (!columns)
        return NULL;
    guint rows = sheet->count / columns; /* whole rows only */
    guint height = (guint)GST_VIDEO_INFO_HEIGHT(&sheet->cell);
    if (!gst_video_info_set_format(&info, GST_VIDEO_FORMAT_RGB, columns * (CELL_WIDTH + GAP) - GAP,
                                   rows * (height + GAP) - GAP))
        return NULL;
    GstBuffer *buffer = gst_buffer_new_allocate(NULL, GST_VIDEO_INFO_SIZE(&info), NULL);
    gst_buffer_memset(buffer, 0, 0xff, GST_VIDEO_INFO_SIZE(&info));
    if (gst_video_frame_map(&frame, &info, buffer, GST_MAP_WRITE)) {
        for (guint i = 0; i < rows * columns; i++)
            paste(&frame, &sheet->cell, sheet->cells[i], i % columns * (CELL_WIDTH + GAP),
                  i / columns * (height + GAP));
        gst_video_frame_unmap(&frame);
    }
    GstCaps *caps = gst_video_info_to_caps(&info);
    GstSample *sample = gst_sample_new(buffer, caps, NULL, NULL);
    gst_caps_unref(caps);
    gst_buffer_unref(buffer);
    return sample;
}
