/* SPDX-License-Identifier: BSD-2-Clause
 *
 * What every element repeats otherwise: property enums, label tables, number lists, pictures from video frames, and
 * the counting of frames. */
#ifndef GST_ONYX_COMMON_H
#define GST_ONYX_COMMON_H

#include <gst/base/gstbasetransform.h>
#include <gst/gst.h>
#include <gst/video/video.h>

#include "onyx.h"
#include "vision/vision.h"

G_BEGIN_DECLS

/* ------------------------------------------------------------------------------------------------ property enums */

typedef enum { GST_ONYX_CHANNELS_AUTO, GST_ONYX_CHANNELS_RGB, GST_ONYX_CHANNELS_BGR } GstOnyxChannelOrder;

/* Beside onyx_precision: which file is meant, for the engine does what the file says. */
#define GST_ONYX_PRECISION_INT8 100

GType gst_onyx_scaling_get_type(void);       /* of onyx_scaling */
GType gst_onyx_precision_get_type(void);     /* of onyx_precision, and int8 */
GType gst_onyx_channel_order_get_type(void); /* of GstOnyxChannelOrder */

/* ------------------------------------------------------------------------------------------------------- parsing */

/* One or three numbers, separated by commas. Returns how many (0: text is NULL, empty or "auto"), -1 if malformed. */
gint gst_onyx_parse_numbers(const gchar *text, gdouble values[3]);

/* A label table from a property: a text file with a name on each line, or the names themselves with commas between.
 * Returns the names one a line, to be freed; NULL with *error (to be freed) that says what to do. */
gchar *gst_onyx_read_labels(const gchar *spec, gchar **error);

/* Lists up to `limit` of the recipe's labels as text for messages, to be freed. */
gchar *gst_onyx_list_labels(const vision_recipe *recipe, int limit);

/* -------------------------------------------------------------------------------------------------------- frames */

/* Upstream custom query, answered by onnxinfer: whether there is one in front. */
#define GST_ONYX_QUERY_INFER "onyx-infer"

/* The formats of onyx_pixel_format under GStreamer's names, for caps. Elements that offer several take the first that
 * they have: new ones go to the end. */
#define GST_ONYX_FORMATS                                                                                               \
    "{ NV12, I420, YV12, YUY2, UYVY, RGB, BGR, RGBx, BGRx, RGBA, BGRA, ARGB, GRAY8, NV21, xRGB, xBGR, ABGR, "          \
    "Y42B, NV16, NV61, Y444, NV24, Y41B, AYUV, VUYA, GBR, I420_10LE, P010_10LE, I422_10LE, Y444_10LE, I420_12LE, "     \
    "I422_12LE, Y444_12LE, GRAY16_LE }"

/* gst_video_info_from_caps, with the place of chroma samples that caps name. */
gboolean gst_onyx_video_info_from_caps(GstVideoInfo *info, const GstCaps *caps);

/* Describes a mapped frame, without a copy; false: a format that is not in GST_ONYX_FORMATS. */
gboolean gst_onyx_image_of_frame(const GstVideoFrame *frame, onyx_image *image);

/* Posts an error or a warning on the bus: "what: message cure". `message` says what and where, the cure comes from the
 * status. Never under a lock. */
void gst_onyx_post(GstElement *element, GstMessageType type, const gchar *what, const onyx_error *error);

/* True at most once a second for each *last (0 at first): so that a stream of bad frames does not flood the bus. */
gboolean gst_onyx_may_warn(gint64 *last_us);

/* propose_allocation of an element that passes frames through: what lies downstream decides, except that cropping by
 * metadata is not offered, because boxes count from the frame's corner. */
gboolean gst_onyx_forward_allocation(GstBaseTransform *transform, GstQuery *query);

/* -------------------------------------------------------------------------------------------------------- counts */

#define GST_ONYX_STATS_WINDOW 512

typedef struct {
    GMutex lock;
    guint64 frames, inferred, skipped, late, failed;
    guint64 total_ns;
    guint64 latency_ns[GST_ONYX_STATS_WINDOW]; /* of the last runs, a ring */
    gint64 end_us[GST_ONYX_STATS_WINDOW];      /* when they ended, monotonic */
} GstOnyxStats;

typedef enum {
    GST_ONYX_FRAME_INFERRED,
    GST_ONYX_FRAME_SKIPPED,
    GST_ONYX_FRAME_LATE,
    GST_ONYX_FRAME_FAILED
} GstOnyxFate;

void gst_onyx_stats_init(GstOnyxStats *stats);
void gst_onyx_stats_clear(GstOnyxStats *stats);
void gst_onyx_stats_reset(GstOnyxStats *stats);
/* Counts a frame; latency_ns only for inferred ones. */
void gst_onyx_stats_count(GstOnyxStats *stats, GstOnyxFate fate, guint64 latency_ns);
/* Frames that were handled in full, and those that were left out for being late: for QoS messages. */
void gst_onyx_stats_qos(GstOnyxStats *stats, guint64 *processed, guint64 *dropped);
/* A new structure "onnxinfer-stats"; see the element's `stats` property for the fields. */
GstStructure *gst_onyx_stats_structure(GstOnyxStats *stats, const gchar *model, const gchar *recognised);

G_END_DECLS

#endif
