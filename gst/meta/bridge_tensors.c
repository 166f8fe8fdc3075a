/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Tensors as upstream's tensor meta, where GStreamer has it in its library (1.26); else nothing. */
#include "bridges.h"

#if ONYX_HAVE_TENSOR_META
#define GST_USE_UNSTABLE_API
#include <gst/analytics/analytics.h>

gboolean onyx_tensor_mirror_is_supported(void)
{
    return TRUE;
}

static gboolean data_type(onyx_type type, GstTensorDataType *result)
{
    static const struct {
        onyx_type from;
        GstTensorDataType to;
    } types[] = {
        { ONYX_TYPE_FLOAT32, GST_TENSOR_DATA_TYPE_FLOAT32 }, { ONYX_TYPE_FLOAT16, GST_TENSOR_DATA_TYPE_FLOAT16 },
        { ONYX_TYPE_FLOAT64, GST_TENSOR_DATA_TYPE_FLOAT64 }, { ONYX_TYPE_BFLOAT16, GST_TENSOR_DATA_TYPE_BFLOAT16 },
        { ONYX_TYPE_INT8, GST_TENSOR_DATA_TYPE_INT8 },       { ONYX_TYPE_UINT8, GST_TENSOR_DATA_TYPE_UINT8 },
        { ONYX_TYPE_INT16, GST_TENSOR_DATA_TYPE_INT16 },     { ONYX_TYPE_UINT16, GST_TENSOR_DATA_TYPE_UINT16 },
        { ONYX_TYPE_INT32, GST_TENSOR_DATA_TYPE_INT32 },     { ONYX_TYPE_UINT32, GST_TENSOR_DATA_TYPE_UINT32 },
        { ONYX_TYPE_INT64, GST_TENSOR_DATA_TYPE_INT64 },     { ONYX_TYPE_UINT64, GST_TENSOR_DATA_TYPE_UINT64 },
    };
    for (gsize i = 0; i < G_N_ELEMENTS(types); i++)
        if (types[i].from == type) {
            *result = types[i].to;
            return TRUE;
        }
    return FALSE;
}

static void release_outputs(gpointer outputs)
{
    onyx_outputs_unref(outputs);
}

/* The engine's memory, of which the buffer holds a reference. NULL: a type that upstream cannot name. */
static GstTensor *mirror(const OnyxTensorMeta *meta, guint index, GQuark id)
{
    onyx_tensor tensor;
    GstTensorDataType type;
    gsize dims[ONYX_MAX_RANK];

    if (!onyx_tensor_meta_get_tensor(meta, index, &tensor) || !data_type(tensor.type, &type) || tensor.rank < 1 ||
        !tensor.data)
        return NULL;
    for (int d = 0; d < tensor.rank; d++)
        dims[d] = (gsize)tensor.dims[d];
    GstBuffer *data = gst_buffer_new_wrapped_full(GST_MEMORY_FLAG_READONLY, tensor.data, tensor.size_bytes, 0,
                                                  tensor.size_bytes, onyx_outputs_ref(meta->outputs), release_outputs);
    return gst_tensor_new_simple(id, type, data, GST_TENSOR_DIM_ORDER_ROW_MAJOR, (gsize)tensor.rank, dims);
}

void onyx_tensors_add_mirror_meta(const OnyxTensorMeta *meta, const GQuark *ids, GstBuffer *buffer)
{
    guint count = onyx_tensor_meta_get_n_tensors(meta), kept = 0;

    if (!meta->outputs || count == 0 || gst_buffer_get_tensor_meta(buffer))
        return;
    GstTensor **tensors = g_new(GstTensor *, count);
    for (guint i = 0; i < count; i++) {
        GstTensor *tensor = mirror(meta, i, ids ? ids[i] : 0);
        if (tensor)
            tensors[kept++] = tensor;
    }
    if (kept > 0)
        gst_tensor_meta_set(gst_buffer_add_tensor_meta(buffer), kept, tensors);
    else
        g_free(tensors);
}

/* Whether a tensor lies in the memory of the engine's. */
static gboolean same_memory(const GstTensor *tensor, const OnyxTensorMeta *meta)
{
    GstMapInfo map;
    gboolean same = FALSE;
    guint count = onyx_tensor_meta_get_n_tensors(meta);

    if (!tensor->data || !gst_buffer_map(tensor->data, &map, GST_MAP_READ))
        return FALSE;
    for (guint i = 0; i < count && !same; i++) {
        onyx_tensor own;
        same = onyx_tensor_meta_get_tensor(meta, i, &own) && own.data == map.data;
    }
    gst_buffer_unmap(tensor->data, &map);
    return same;
}

void onyx_tensors_remove_mirror_meta(const OnyxTensorMeta *meta, GstBuffer *buffer)
{
    GstTensorMeta *upstream = gst_buffer_get_tensor_meta(buffer);

    if (upstream && upstream->num_tensors > 0 && same_memory(gst_tensor_meta_get(upstream, 0), meta))
        gst_buffer_remove_meta(buffer, &upstream->meta);
}
#else

gboolean onyx_tensor_mirror_is_supported(void)
{
    return FALSE;
}

void onyx_tensors_add_mirror_meta(const OnyxTensorMeta *meta, const GQuark *ids, GstBuffer *buffer)
{
}

void onyx_tensors_remove_mirror_meta(const OnyxTensorMeta *meta, GstBuffer *buffer)
{
}
#endif
