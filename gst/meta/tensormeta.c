/* SPDX-License-Identifier: BSD-2-Clause
 *
 * OnyxTensorMeta: references to outputs, and the geometry that follows the frame. */
#include "tensormeta.h"

#include <gst/video/video.h>

struct _OnyxTensorArray {
    gint ref_count;
    gpointer owner;
    GDestroyNotify free;
    guint count;
    onyx_tensor tensors[];
};

static OnyxTensorArray *array_ref(OnyxTensorArray *array)
{
    if (array)
        g_atomic_int_inc(&array->ref_count);
    return array;
}

static void array_unref(OnyxTensorArray *array)
{
    if (!array || !g_atomic_int_dec_and_test(&array->ref_count))
        return;
    if (array->free)
        array->free(array->owner);
    g_free(array);
}

GType onyx_tensor_meta_api_get_type(void)
{
    static gsize type = 0;
    if (g_once_init_enter(&type)) {
        static const gchar *tags[] = { GST_META_TAG_VIDEO_STR, GST_META_TAG_VIDEO_ORIENTATION_STR,
                                       GST_META_TAG_VIDEO_SIZE_STR, NULL };
        g_once_init_leave(&type, gst_meta_api_type_register("OnyxTensorMetaAPI", tags));
    }
    return (GType)type;
}

static gboolean tensor_meta_init(GstMeta *meta, gpointer params, GstBuffer *buffer)
{
    OnyxTensorMeta *self = (OnyxTensorMeta *)meta;
    self->network = NULL;
    self->geometry = (onyx_geometry){ 0 };
    self->outputs = NULL;
    self->array = NULL;
    return TRUE;
}

static void tensor_meta_free(GstMeta *meta, GstBuffer *buffer)
{
    OnyxTensorMeta *self = (OnyxTensorMeta *)meta;
    onyx_network_unref(self->network);
    if (self->outputs)
        onyx_outputs_unref(self->outputs);
    array_unref(self->array);
}

static OnyxTensorMeta *add_meta(GstBuffer *buffer, OnyxNetwork *network, const onyx_geometry *geometry)
{
    g_return_val_if_fail(gst_buffer_is_writable(buffer) && geometry, NULL);
    OnyxTensorMeta *meta = (OnyxTensorMeta *)gst_buffer_add_meta(buffer, onyx_tensor_meta_get_info(), NULL);
    if (!meta)
        return NULL;
    meta->network = network ? onyx_network_ref(network) : NULL;
    meta->geometry = *geometry;
    return meta;
}

/* The frame was scaled: input = picture * scale + offset must hold for the new picture. */
static void follow_scale(onyx_geometry *geometry, const GstVideoMetaTransform *scale)
{
    gfloat in_width = (gfloat)GST_VIDEO_INFO_WIDTH(scale->in_info);
    gfloat in_height = (gfloat)GST_VIDEO_INFO_HEIGHT(scale->in_info);
    gint out_width = GST_VIDEO_INFO_WIDTH(scale->out_info), out_height = GST_VIDEO_INFO_HEIGHT(scale->out_info);

    geometry->scale_x *= in_width / (gfloat)MAX(out_width, 1);
    geometry->scale_y *= in_height / (gfloat)MAX(out_height, 1);
    geometry->picture_width = out_width;
    geometry->picture_height = out_height;
}

static gboolean tensor_meta_transform(GstBuffer *target, GstMeta *meta, GstBuffer *source, GQuark type, gpointer data)
{
    const OnyxTensorMeta *self = (const OnyxTensorMeta *)meta;
    onyx_geometry geometry = self->geometry;

    if (GST_VIDEO_META_TRANSFORM_IS_SCALE(type))
        follow_scale(&geometry, data);
    else if (!GST_META_TRANSFORM_IS_COPY(type))
        return FALSE;
    OnyxTensorMeta *copy = add_meta(target, self->network, &geometry);
    if (!copy)
        return FALSE;
    copy->outputs = self->outputs ? onyx_outputs_ref(self->outputs) : NULL;
    copy->array = array_ref(self->array);
    return TRUE;
}

const GstMetaInfo *onyx_tensor_meta_get_info(void)
{
    static gsize info = 0;
    if (g_once_init_enter(&info)) {
        const GstMetaInfo *registered =
            gst_meta_register(onyx_tensor_meta_api_get_type(), "OnyxTensorMeta", sizeof(OnyxTensorMeta),
                              tensor_meta_init, tensor_meta_free, tensor_meta_transform);
        g_once_init_leave(&info, (gsize)registered);
    }
    return (const GstMetaInfo *)info;
}

OnyxTensorMeta *onyx_tensor_meta_add(GstBuffer *buffer, OnyxNetwork *network, onyx_outputs *outputs,
                                     const onyx_geometry *geometry)
{
    g_return_val_if_fail(outputs, NULL);
    OnyxTensorMeta *meta = add_meta(buffer, network, geometry);
    if (meta)
        meta->outputs = onyx_outputs_ref(outputs);
    return meta;
}

OnyxTensorMeta *onyx_tensor_meta_add_tensors(GstBuffer *buffer, OnyxNetwork *network, const onyx_tensor *tensors,
                                             guint n_tensors, const onyx_geometry *geometry, gpointer owner,
                                             GDestroyNotify free)
{
    OnyxTensorMeta *meta = add_meta(buffer, network, geometry);
    if (!meta)
        return NULL;
    OnyxTensorArray *array = g_malloc0(sizeof(OnyxTensorArray) + n_tensors * sizeof(onyx_tensor));
    array->ref_count = 1;
    array->owner = owner;
    array->free = free;
    array->count = n_tensors;
    for (guint i = 0; i < n_tensors; i++)
        array->tensors[i] = tensors[i];
    meta->array = array;
    return meta;
}

OnyxTensorMeta *onyx_tensor_meta_get(GstBuffer *buffer)
{
    return (OnyxTensorMeta *)gst_buffer_get_meta(buffer, onyx_tensor_meta_api_get_type());
}

OnyxTensorMeta *onyx_tensor_meta_iterate(GstBuffer *buffer, gpointer *state)
{
    return (OnyxTensorMeta *)gst_buffer_iterate_meta_filtered(buffer, state, onyx_tensor_meta_api_get_type());
}

guint onyx_tensor_meta_get_n_tensors(const OnyxTensorMeta *meta)
{
    if (meta->outputs)
        return (guint)onyx_outputs_count(meta->outputs);
    return meta->array ? meta->array->count : 0;
}

gboolean onyx_tensor_meta_get_tensor(const OnyxTensorMeta *meta, guint index, onyx_tensor *tensor)
{
    if (index >= onyx_tensor_meta_get_n_tensors(meta))
        return FALSE;
    if (meta->outputs)
        return onyx_outputs_get(meta->outputs, (int)index, tensor) == ONYX_OK;
    *tensor = meta->array->tensors[index];
    return TRUE;
}
