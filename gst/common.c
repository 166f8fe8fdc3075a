/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Helpers that the elements share. */
#include "common.h"

#include <stdlib.h>
#include <string.h>

#define MAX_LABELS_BYTES (4u << 20)

/* ------------------------------------------------------------------------------------------------ property enums */

static GType register_enum(gsize *type, const gchar *name, const GEnumValue *values)
{
    if (g_once_init_enter(type))
        g_once_init_leave(type, g_enum_register_static(name, values));
    return (GType)*type;
}

GType gst_onyx_scaling_get_type(void)
{
    static gsize type = 0;
    static const GEnumValue values[] = {
        { ONYX_SCALING_AUTO, "As the model was trained, from its metadata or family", "auto" },
        { ONYX_SCALING_LETTERBOX, "Keep the aspect ratio, picture in the centre, grey borders", "letterbox" },
        { ONYX_SCALING_LETTERBOX_TOP_LEFT, "Keep the aspect ratio, picture in the top left corner",
          "letterbox-top-left" },
        { ONYX_SCALING_STRETCH, "Fill the input, the aspect ratio changes", "stretch" },
        { 0, NULL, NULL },
    };
    return register_enum(&type, "GstOnyxScaling", values);
}

GType gst_onyx_precision_get_type(void)
{
    static gsize type = 0;
    static const GEnumValue values[] = {
        { ONYX_PRECISION_AUTO, "32-bit floats, and the types that the model itself asks for", "auto" },
        { ONYX_PRECISION_FP32, "32-bit floats", "fp32" },
        { ONYX_PRECISION_STRICT, "32-bit floats, no algorithm that rounds differently", "strict" },
        { ONYX_PRECISION_BF16, "bfloat16 where the processor has it", "bf16" },
        { ONYX_PRECISION_FP16, "16-bit floats where the processor has them", "fp16" },
        { GST_ONYX_PRECISION_INT8, "8-bit integers: the built-in model's 8-bit form, or a file that is quantised",
          "int8" },
        { 0, NULL, NULL },
    };
    return register_enum(&type, "GstOnyxPrecision", values);
}

GType gst_onyx_channel_order_get_type(void)
{
    static gsize type = 0;
    static const GEnumValue values[] = {
        { GST_ONYX_CHANNELS_AUTO, "As the model was trained, from its metadata or family", "auto" },
        { GST_ONYX_CHANNELS_RGB, "Red first", "rgb" },
        { GST_ONYX_CHANNELS_BGR, "Blue first", "bgr" },
        { 0, NULL, NULL },
    };
    return register_enum(&type, "GstOnyxChannelOrder", values);
}

/* ------------------------------------------------------------------------------------------------------- parsing */

gint gst_onyx_parse_numbers(const gchar *text, gdouble values[3])
{
    gint count = 0;

    if (!text || !*text || g_ascii_strcasecmp(text, "auto") == 0)
        return 0;
    for (;;) {
        gchar *end = NULL;
        gdouble value = g_ascii_strtod(text, &end);
        if (end == text || !(value > -1e9 && value < 1e9) || count == 3)
            return -1;
        values[count++] = value;
        while (g_ascii_isspace(*end))
            end++;
        if (*end == 0)
            break;
        if (*end != ',')
            return -1;
        text = end + 1;
    }
    return count == 2 ? -1 : count;
}

static gchar *read_labels_file(const gchar *path, gchar **error)
{
    gchar *bytes = NULL, *text;
    gsize length = 0;
    GError *problem = NULL;

    if (!g_file_get_contents(path, &bytes, &length, &problem)) {
        *error = g_strdup_printf("The labels file '%s' cannot be read: %s.", path, problem->message);
        g_error_free(problem);
        return NULL;
    }
    if (length > MAX_LABELS_BYTES) {
        *error = g_strdup_printf("The labels file '%s' has %" G_GSIZE_FORMAT
                                 " bytes; a text file with one name a line is meant.",
                                 path, length);
        g_free(bytes);
        return NULL;
    }
    text = g_utf8_make_valid(bytes, (gssize)length);
    g_free(bytes);
    return text;
}

gchar *gst_onyx_read_labels(const gchar *spec, gchar **error)
{
    if (g_file_test(spec, G_FILE_TEST_IS_REGULAR))
        return read_labels_file(spec, error);
    if (strchr(spec, '/') || g_str_has_suffix(spec, ".txt") || g_str_has_suffix(spec, ".names")) {
        *error = g_strdup_printf("There is no labels file '%s'. Give a text file with one name a line, or the names "
                                 "themselves with commas between.",
                                 spec);
        return NULL;
    }
    gchar **names = g_strsplit(spec, ",", -1);
    for (gchar **name = names; *name; name++)
        g_strstrip(*name);
    gchar *lines = g_strjoinv("\n", names);
    gchar *text = g_utf8_make_valid(lines, -1);
    g_free(lines);
    g_strfreev(names);
    return text;
}

gchar *gst_onyx_list_labels(const vision_recipe *recipe, int limit)
{
    GString *list = g_string_new(NULL);
    int shown = 0;

    for (int i = 0; recipe && i < recipe->label_count && shown < limit; i++) {
        const char *label = vision_recipe_label(recipe, i);
        if (label)
            g_string_append_printf(list, "%s%s", shown++ ? ", " : "", label);
    }
    if (recipe && recipe->label_count > limit)
        g_string_append(list, ", ...");
    return g_string_free(list, FALSE);
}

/* -------------------------------------------------------------------------------------------------------- frames */

static onyx_pixel_format pixel_format(GstVideoFormat format)
{
    static const onyx_pixel_format formats[] = {
        [GST_VIDEO_FORMAT_NV12] = ONYX_PIXEL_NV12,
        [GST_VIDEO_FORMAT_NV21] = ONYX_PIXEL_NV21,
        [GST_VIDEO_FORMAT_I420] = ONYX_PIXEL_I420,
        [GST_VIDEO_FORMAT_YV12] = ONYX_PIXEL_YV12,
        [GST_VIDEO_FORMAT_YUY2] = ONYX_PIXEL_YUY2,
        [GST_VIDEO_FORMAT_UYVY] = ONYX_PIXEL_UYVY,
        [GST_VIDEO_FORMAT_RGB] = ONYX_PIXEL_RGB,
        [GST_VIDEO_FORMAT_BGR] = ONYX_PIXEL_BGR,
        [GST_VIDEO_FORMAT_RGBx] = ONYX_PIXEL_RGBX,
        [GST_VIDEO_FORMAT_RGBA] = ONYX_PIXEL_RGBX,
        [GST_VIDEO_FORMAT_BGRx] = ONYX_PIXEL_BGRX,
        [GST_VIDEO_FORMAT_BGRA] = ONYX_PIXEL_BGRX,
        [GST_VIDEO_FORMAT_xRGB] = ONYX_PIXEL_XRGB,
        [GST_VIDEO_FORMAT_ARGB] = ONYX_PIXEL_XRGB,
        [GST_VIDEO_FORMAT_xBGR] = ONYX_PIXEL_XBGR,
        [GST_VIDEO_FORMAT_ABGR] = ONYX_PIXEL_XBGR,
        [GST_VIDEO_FORMAT_GRAY8] = ONYX_PIXEL_GRAY8,
        [GST_VIDEO_FORMAT_Y42B] = ONYX_PIXEL_Y42B,
        [GST_VIDEO_FORMAT_NV16] = ONYX_PIXEL_NV16,
        [GST_VIDEO_FORMAT_NV61] = ONYX_PIXEL_NV61,
        [GST_VIDEO_FORMAT_Y444] = ONYX_PIXEL_Y444,
        [GST_VIDEO_FORMAT_NV24] = ONYX_PIXEL_NV24,
        [GST_VIDEO_FORMAT_Y41B] = ONYX_PIXEL_Y41B,
        [GST_VIDEO_FORMAT_AYUV] = ONYX_PIXEL_AYUV,
        [GST_VIDEO_FORMAT_VUYA] = ONYX_PIXEL_VUYA,
        [GST_VIDEO_FORMAT_GBR] = ONYX_PIXEL_GBR,
        [GST_VIDEO_FORMAT_I420_10LE] = ONYX_PIXEL_I420_10LE,
        [GST_VIDEO_FORMAT_P010_10LE] = ONYX_PIXEL_P010_10LE,
        [GST_VIDEO_FORMAT_I422_10LE] = ONYX_PIXEL_I422_10LE,
        [GST_VIDEO_FORMAT_Y444_10LE] = ONYX_PIXEL_Y444_10LE,
        [GST_VIDEO_FORMAT_I420_12LE] = ONYX_PIXEL_I420_12LE,
        [GST_VIDEO_FORMAT_I422_12LE] = ONYX_PIXEL_I422_12LE,
        [GST_VIDEO_FORMAT_Y444_12LE] = ONYX_PIXEL_Y444_12LE,
        [GST_VIDEO_FORMAT_GRAY16_LE] = ONYX_PIXEL_GRAY16_LE,
    };
    return (guint)format < G_N_ELEMENTS(formats) ? formats[format] : 0;
}

static onyx_colour_matrix colour_matrix(const GstVideoInfo *info)
{
    switch (info->colorimetry.matrix) {
    case GST_VIDEO_COLOR_MATRIX_BT709:
    case GST_VIDEO_COLOR_MATRIX_SMPTE240M: /* differs from it by less than a step of 8 bits */
        return ONYX_MATRIX_BT709;
    case GST_VIDEO_COLOR_MATRIX_BT2020:
        return ONYX_MATRIX_BT2020;
    case GST_VIDEO_COLOR_MATRIX_UNKNOWN: /* what the size suggests, as GStreamer itself guesses */
        return GST_VIDEO_INFO_HEIGHT(info) > 576 ? ONYX_MATRIX_BT709 : ONYX_MATRIX_BT601;
    default:
        return ONYX_MATRIX_BT601;
    }
}

gboolean gst_onyx_video_info_from_caps(GstVideoInfo *info, const GstCaps *caps)
{
    if (!gst_video_info_from_caps(info, caps))
        return FALSE;
    /* Where caps name no colorimetry, GstVideoInfo guesses the site as well, and forgets the one that they do name.
     * What it says otherwise is also what GStreamer's converters wrote: unknown is centred. */
    const gchar *site = gst_structure_get_string(gst_caps_get_structure(caps, 0), "chroma-site");
    if (site)
        info->chroma_site = gst_video_chroma_site_from_string(site);
    return TRUE;
}

static onyx_chroma_site chroma_site(const GstVideoInfo *info)
{
    if (!(info->chroma_site & GST_VIDEO_CHROMA_SITE_H_COSITED))
        return ONYX_CHROMA_CENTRE;
    return info->chroma_site & GST_VIDEO_CHROMA_SITE_V_COSITED ? ONYX_CHROMA_TOP_LEFT : ONYX_CHROMA_LEFT;
}

gboolean gst_onyx_image_of_frame(const GstVideoFrame *frame, onyx_image *image)
{
    const GstVideoInfo *info = &frame->info;

    *image = (onyx_image){ .format = pixel_format(GST_VIDEO_INFO_FORMAT(info)),
                           .width = GST_VIDEO_INFO_WIDTH(info),
                           .height = GST_VIDEO_INFO_HEIGHT(info),
                           .matrix = colour_matrix(info),
                           .chroma_site = chroma_site(info),
                           .full_range = info->colorimetry.range == GST_VIDEO_COLOR_RANGE_0_255,
                           .pixel_aspect_x = GST_VIDEO_INFO_PAR_N(info),
                           .pixel_aspect_y = GST_VIDEO_INFO_PAR_D(info) };
    for (guint i = 0; i < GST_VIDEO_INFO_N_PLANES(info) && i < 3; i++) {
        image->planes[i] = GST_VIDEO_FRAME_PLANE_DATA(frame, i);
        image->strides[i] = GST_VIDEO_FRAME_PLANE_STRIDE(frame, i);
    }
    return image->format != 0;
}

static void error_domain(onyx_status status, GQuark *domain, gint *code)
{
    switch (status) {
    case ONYX_ERROR_IO:
        *domain = GST_RESOURCE_ERROR;
        *code = GST_RESOURCE_ERROR_OPEN_READ;
        break;
    case ONYX_ERROR_MEMORY:
    case ONYX_ERROR_LIMIT:
        *domain = GST_RESOURCE_ERROR;
        *code = GST_RESOURCE_ERROR_NO_SPACE_LEFT;
        break;
    case ONYX_ERROR_ARGUMENT:
    case ONYX_ERROR_DEVICE:
        *domain = GST_RESOURCE_ERROR;
        *code = GST_RESOURCE_ERROR_SETTINGS;
        break;
    case ONYX_ERROR_INTERNAL:
        *domain = GST_LIBRARY_ERROR;
        *code = GST_LIBRARY_ERROR_FAILED;
        break;
    default:
        *domain = GST_STREAM_ERROR;
        *code = GST_STREAM_ERROR_WRONG_TYPE;
        break;
    }
}

static const gchar *error_cure(onyx_status status)
{
    switch (status) {
    case ONYX_ERROR_IO:
        return "Check the path in the 'model' property and the file's permissions.";
    case ONYX_ERROR_FORMAT:
        return "Give a complete .onnx file: export or copy it again; 'onyx info FILE' checks one.";
    case ONYX_ERROR_UNSUPPORTED:
        return "Run 'onyx info FILE' to list its operators; another opset or a plain (not customised) export may help.";
    case ONYX_ERROR_LIMIT:
    case ONYX_ERROR_MEMORY:
        return "Use a smaller model or input size, or give the machine more memory.";
    case ONYX_ERROR_ARGUMENT: /* the message names the property, and what it wants */
        return "";
    case ONYX_ERROR_DEVICE:
        return "Set device=cpu, or mend what the message names.";
    case ONYX_ERROR_INTERNAL:
        return "This is a fault of Onyx: please report it with the model.";
    default:
        return "Export the model for one picture input (batch 1, 1 or 3 channels); 'onyx info FILE' shows what it has.";
    }
}

void gst_onyx_post(GstElement *element, GstMessageType type, const gchar *what, const onyx_error *error)
{
    GQuark domain;
    gint code;

    error_domain(error->status, &domain, &code);
    const gchar *cure = error_cure(error->status);
    gchar *text = g_strdup_printf("%s: %s%s%s%s", what, error->message,
                                  g_str_has_suffix(error->message, ".") ? "" : ".", *cure ? " " : "", cure);
    gst_element_message_full(element, type, domain, code, text, g_strdup(onyx_status_name(error->status)), __FILE__,
                             __func__, __LINE__);
}

gboolean gst_onyx_may_warn(gint64 *last_us)
{
    gint64 now = g_get_monotonic_time();
    if (*last_us != 0 && now - *last_us < G_USEC_PER_SEC)
        return FALSE;
    *last_us = now;
    return TRUE;
}

gboolean gst_onyx_forward_allocation(GstBaseTransform *transform, GstQuery *query)
{
    guint index;

    if (!gst_pad_peer_query(GST_BASE_TRANSFORM_SRC_PAD(transform), query))
        return FALSE;
    while (gst_query_find_allocation_meta(query, GST_VIDEO_CROP_META_API_TYPE, &index))
        gst_query_remove_nth_allocation_meta(query, index);
    return TRUE;
}

/* -------------------------------------------------------------------------------------------------------- counts */

void gst_onyx_stats_init(GstOnyxStats *stats)
{
    memset(stats, 0, sizeof *stats);
    g_mutex_init(&stats->lock);
}

void gst_onyx_stats_clear(GstOnyxStats *stats)
{
    g_mutex_clear(&stats->lock);
}

void gst_onyx_stats_reset(GstOnyxStats *stats)
{
    g_mutex_lock(&stats->lock);
    stats->frames = stats->inferred = stats->skipped = stats->late = stats->failed = stats->total_ns = 0;
    g_mutex_unlock(&stats->lock);
}

void gst_onyx_stats_count(GstOnyxStats *stats, GstOnyxFate fate, guint64 latency_ns)
{
    g_mutex_lock(&stats->lock);
    stats->frames++;
    switch (fate) {
    case GST_ONYX_FRAME_INFERRED:
        stats->latency_ns[stats->inferred % GST_ONYX_STATS_WINDOW] = latency_ns;
        stats->end_us[stats->inferred % GST_ONYX_STATS_WINDOW] = g_get_monotonic_time();
        stats->inferred++;
        stats->total_ns += latency_ns;
        break;
    case GST_ONYX_FRAME_SKIPPED:
        stats->skipped++;
        break;
    case GST_ONYX_FRAME_LATE:
        stats->late++;
        break;
    case GST_ONYX_FRAME_FAILED:
        stats->failed++;
        break;
    }
    g_mutex_unlock(&stats->lock);
}

void gst_onyx_stats_qos(GstOnyxStats *stats, guint64 *processed, guint64 *dropped)
{
    g_mutex_lock(&stats->lock);
    *processed = stats->inferred + stats->skipped;
    *dropped = stats->late;
    g_mutex_unlock(&stats->lock);
}

static int by_value(const void *a, const void *b)
{
    guint64 left, right;
    memcpy(&left, a, sizeof left);
    memcpy(&right, b, sizeof right);
    return (left > right) - (left < right);
}

GstStructure *gst_onyx_stats_structure(GstOnyxStats *stats, const gchar *model, const gchar *recognised)
{
    guint64 frames, inferred, skipped, late, failed, mean, p95 = 0;
    guint64 sorted[GST_ONYX_STATS_WINDOW];
    gdouble fps = 0;

    g_mutex_lock(&stats->lock);
    frames = stats->frames;
    inferred = stats->inferred;
    skipped = stats->skipped;
    late = stats->late;
    failed = stats->failed;
    mean = inferred ? stats->total_ns / inferred : 0;
    guint filled = (guint)MIN(inferred, GST_ONYX_STATS_WINDOW);
    memcpy(sorted, stats->latency_ns, filled * sizeof sorted[0]);
    if (filled > 1) {
        gint64 newest = stats->end_us[(inferred - 1) % GST_ONYX_STATS_WINDOW];
        gint64 oldest = stats->end_us[inferred > GST_ONYX_STATS_WINDOW ? inferred % GST_ONYX_STATS_WINDOW : 0];
        fps = newest > oldest ? (filled - 1) * 1e6 / (gdouble)(newest - oldest) : 0;
    }
    g_mutex_unlock(&stats->lock);
    if (filled > 0) {
        qsort(sorted, filled, sizeof sorted[0], by_value);
        p95 = sorted[(filled * 95 + 99) / 100 - 1];
    }
    return gst_structure_new("onnxinfer-stats", "frames", G_TYPE_UINT64, frames, "inferred", G_TYPE_UINT64, inferred,
                             "skipped", G_TYPE_UINT64, skipped, "late", G_TYPE_UINT64, late, "failed", G_TYPE_UINT64,
                             failed, "latency-mean-ns", G_TYPE_UINT64, mean, "latency-p95-ns", G_TYPE_UINT64, p95,
                             "fps", G_TYPE_DOUBLE, fps, "model", G_TYPE_STRING, model ? model : "", "recognised",
                             G_TYPE_STRING, recognised ? recognised : "", NULL);
}
