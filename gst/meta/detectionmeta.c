/* SPDX-License-Identifier: BSD-2-Clause
 *
 * OnyxDetectionMeta: registration and the transform that keeps boxes right through copies, scalers and croppers. */
#include "detectionmeta.h"

#include <gst/video/video.h>

#include "transform.h"

GType onyx_detection_meta_api_get_type(void)
{
    static gsize type = 0;
    if (g_once_init_enter(&type)) {
        static const gchar *tags[] = { GST_META_TAG_VIDEO_STR, GST_META_TAG_VIDEO_ORIENTATION_STR,
                                       GST_META_TAG_VIDEO_SIZE_STR, NULL };
        g_once_init_leave(&type, gst_meta_api_type_register("OnyxDetectionMetaAPI", tags));
    }
    return (GType)type;
}

static gboolean detection_meta_init(GstMeta *meta, gpointer params, GstBuffer *buffer)
{
    ((OnyxDetectionMeta *)meta)->detections = NULL;
    return TRUE;
}

static void detection_meta_free(GstMeta *meta, GstBuffer *buffer)
{
    onyx_detections_unref(((OnyxDetectionMeta *)meta)->detections);
}

static gboolean detection_meta_transform(GstBuffer *target, GstMeta *meta, GstBuffer *source, GQuark type,
                                         gpointer data)
{
    OnyxDetections *detections = ((OnyxDetectionMeta *)meta)->detections;
    OnyxTransform transform;

    if (GST_META_TRANSFORM_IS_COPY(type)) {
        onyx_detection_meta_add(target, detections);
        return TRUE;
    }
    if (!onyx_transform_from_gst(&transform, type, data))
        return FALSE;
    detections = onyx_detections_transform(detections, &transform);
    onyx_detection_meta_add(target, detections);
    onyx_detections_unref(detections);
    return TRUE;
}

const GstMetaInfo *onyx_detection_meta_get_info(void)
{
    static gsize info = 0;
    if (g_once_init_enter(&info)) {
        const GstMetaInfo *registered =
            gst_meta_register(onyx_detection_meta_api_get_type(), "OnyxDetectionMeta", sizeof(OnyxDetectionMeta),
                              detection_meta_init, detection_meta_free, detection_meta_transform);
        g_once_init_leave(&info, (gsize)registered);
    }
    return (const GstMetaInfo *)info;
}

OnyxDetectionMeta *onyx_detection_meta_add(GstBuffer *buffer, OnyxDetections *detections)
{
    g_return_val_if_fail(gst_buffer_is_writable(buffer) && detections, NULL);
    OnyxDetectionMeta *meta = (OnyxDetectionMeta *)gst_buffer_add_meta(buffer, onyx_detection_meta_get_info(), NULL);
    if (meta)
        meta->detections = onyx_detections_ref(detections);
    return meta;
}

OnyxDetectionMeta *onyx_detection_meta_get(GstBuffer *buffer)
{
    return (OnyxDetectionMeta *)gst_buffer_get_meta(buffer, onyx_detection_meta_api_get_type());
}

OnyxDetectionMeta *onyx_detection_meta_iterate(GstBuffer *buffer, gpointer *state)
{
    return (OnyxDetectionMeta *)gst_buffer_iterate_meta_filtered(buffer, state, onyx_detection_meta_api_get_type());
}

OnyxDetections *onyx_detection_meta_make_writable(OnyxDetectionMeta *meta)
{
    if (!onyx_detections_is_writable(meta->detections)) {
        OnyxDetections *copy = onyx_detections_copy(meta->detections);
        onyx_detections_unref(meta->detections);
        meta->detections = copy;
    }
    return meta->detections;
}
