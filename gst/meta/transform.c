/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Scale (all versions of GStreamer) and matrix (1.28: crop, flip, rotate, letterbox) as an OnyxTransform. */
#include "transform.h"

#include <gst/video/video.h>

static gboolean from_scale(OnyxTransform *t, const GstVideoMetaTransform *scale)
{
    gint in_width = GST_VIDEO_INFO_WIDTH(scale->in_info), in_height = GST_VIDEO_INFO_HEIGHT(scale->in_info);
    gint out_width = GST_VIDEO_INFO_WIDTH(scale->out_info), out_height = GST_VIDEO_INFO_HEIGHT(scale->out_info);

    if (in_width <= 0 || in_height <= 0)
        return FALSE;
    *t = (OnyxTransform){ .m = { { (gfloat)out_width / (gfloat)in_width, 0, 0 },
                                 { 0, (gfloat)out_height / (gfloat)in_height, 0 },
                                 { 0, 0, 1 } },
                          .width = out_width,
                          .height = out_height };
    return TRUE;
}

#if GST_CHECK_VERSION(1, 27, 90)
/* x' = matrix * (x - corner of in_rectangle) + corner of out_rectangle. */
static gboolean from_matrix(OnyxTransform *t, const GstVideoMetaTransformMatrix *matrix)
{
    const gfloat ix = (gfloat)matrix->in_rectangle.x, iy = (gfloat)matrix->in_rectangle.y;
    const gfloat ox = (gfloat)matrix->out_rectangle.x, oy = (gfloat)matrix->out_rectangle.y;

    for (int row = 0; row < 3; row++) {
        const gfloat *m = matrix->matrix[row];
        t->m[row][0] = m[0];
        t->m[row][1] = m[1];
        t->m[row][2] = m[2] - m[0] * ix - m[1] * iy;
    }
    for (int column = 0; column < 3; column++) {
        t->m[0][column] += ox * t->m[2][column];
        t->m[1][column] += oy * t->m[2][column];
    }
    t->width = GST_VIDEO_INFO_WIDTH(matrix->out_info);
    t->height = GST_VIDEO_INFO_HEIGHT(matrix->out_info);
    return TRUE;
}
#endif

gboolean onyx_transform_from_gst(OnyxTransform *transform, GQuark type, gconstpointer data)
{
    if (GST_VIDEO_META_TRANSFORM_IS_SCALE(type))
        return from_scale(transform, data);
#if GST_CHECK_VERSION(1, 27, 90)
    if (GST_VIDEO_META_TRANSFORM_IS_MATRIX(type))
        return from_matrix(transform, data);
#endif
    return FALSE;
}
