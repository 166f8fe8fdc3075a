/* SPDX-License-Identifier: BSD-2-Clause
 *
 * OnyxTruthMeta: a block of detections under another name. */
#include "truthmeta.h"

#include <gst/video/video.h>

#include "transform.h"

GType onyx_truth_meta_api_get_type(void)
{
    static gsize type = 0;
    if (g_once_init_enter(&type)) {
        static const gchar *tags[] = { GST_META_TAG_VIDEO_STR, GST_META_TAG_VIDEO_ORIENTATION_STR,
                                       GST_META_TAG_VIDEO_SIZE_STR, NULL };
        g_once_init_leave(&type, gst_meta_api_type_register("OnyxTruthMetaAPI", tags));
    }
    return (GType)type;
}

static gboolean truth_meta_init(GstMeta *meta, gpointer params, GstBuffer *buffer)
{
    ((OnyxTruthMeta *)meta)->truth = NULL;
    return TRUE;
}

static void truth_meta_free(GstMeta *meta, GstBuffer *buffer)
{
    onyx_detections_unref(((OnyxTruthMeta *)meta)->truth);
}

static gboolean truth_meta_transform(GstBuffer *target, GstMeta *meta, GstBuffer *source, GQuark type, gpointer data)
{
    OnyxDetections *truth = ((OnyxTruthMeta *)meta)->truth;
    OnyxTransform transform;

    if (GST_META_TRANSFORM_IS_COPY(type)) {
        onyx_truth_meta_add(target, truth);
        return TRUE;
    }
    if (!onyx_transform_from_gst(&transform, type, data))
        return FALSE;
    truth = onyx_detections_transform(truth, &transform);
    onyx_truth_meta_add(target, truth);
    onyx_detections_unref(truth);
    return TRUE;
}

const GstMetaInfo *onyx_truth_meta_get_info(void)
{
    static gsize info = 0;
    if (g_once_init_enter(&info)) {
        const GstMetaInfo *registered =
            gst_meta_register(onyx_truth_meta_api_get_type(), "OnyxTruthMeta", sizeof(OnyxTruthMeta), truth_meta_init,
                              truth_meta_free, truth_meta_transform);
        g_once_init_leave(&info, (gsize)registered);
    }
    return (const GstMetaInfo *)info;
}

OnyxTruthMeta *onyx_truth_meta_add(GstBuffer *buffer, OnyxDetections *truth)
{
    g_return_val_if_fail(gst_buffer_is_writable(buffer) && truth, NULL);
    OnyxTruthMeta *meta = (OnyxTruthMeta *)gst_buffer_add_meta(buffer, onyx_truth_meta_get_info(), NULL);
    if (meta)
        meta->truth = onyx_detections_ref(truth);
    return meta;
}

OnyxTruthMeta *onyx_truth_meta_get(GstBuffer *buffer)
{
    return (OnyxTruthMeta *)gst_buffer_get_meta(buffer, onyx_truth_meta_api_get_type());
}
