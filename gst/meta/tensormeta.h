/* SPDX-License-Identifier: BSD-2-Clause
 *
 * OnyxTensorMeta: a network's raw outputs for a buffer's frame, not copied: a reference to the engine's memory, which
 * the engine uses again once the last buffer (or program) lets go of it. Hold few, and not for long.
 *
 * Other sources of tensors may attach their own with onyx_tensor_meta_add_tensors; the decoders do not care. */
#ifndef ONYX_GST_TENSOR_META_H
#define ONYX_GST_TENSOR_META_H

#include <onyx.h>

#include "network.h"

G_BEGIN_DECLS

typedef struct _OnyxTensorArray OnyxTensorArray; /* private */

typedef struct {
    GstMeta meta;
    OnyxNetwork *network;   /* what made them; NULL: not known */
    onyx_geometry geometry; /* frame -> network input; follows the frame through scalers */

    /*< private >*/
    onyx_outputs *outputs;
    OnyxTensorArray *array;
} OnyxTensorMeta;

ONYX_GST_API GType onyx_tensor_meta_api_get_type(void);
ONYX_GST_API const GstMetaInfo *onyx_tensor_meta_get_info(void);

/* Attaches a reference to what the engine gave. */
ONYX_GST_API OnyxTensorMeta *onyx_tensor_meta_add(GstBuffer *buffer, OnyxNetwork *network, onyx_outputs *outputs,
                                                  const onyx_geometry *geometry);
/* Attaches tensors from elsewhere: their memory belongs to `owner`, which is given to `free` (if not NULL) when the
 * last meta is gone. The descriptors are copied. */
ONYX_GST_API OnyxTensorMeta *onyx_tensor_meta_add_tensors(GstBuffer *buffer, OnyxNetwork *network,
                                                          const onyx_tensor *tensors, guint n_tensors,
                                                          const onyx_geometry *geometry, gpointer owner,
                                                          GDestroyNotify free);
ONYX_GST_API OnyxTensorMeta *onyx_tensor_meta_get(GstBuffer *buffer);
ONYX_GST_API OnyxTensorMeta *onyx_tensor_meta_iterate(GstBuffer *buffer, gpointer *state);

ONYX_GST_API guint onyx_tensor_meta_get_n_tensors(const OnyxTensorMeta *meta);
/* False out of range. The memory belongs to the meta and must not be written. */
ONYX_GST_API gboolean onyx_tensor_meta_get_tensor(const OnyxTensorMeta *meta, guint index, onyx_tensor *tensor);

G_END_DECLS

#endif
