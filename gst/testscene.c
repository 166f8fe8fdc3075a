/* SPDX-License-Identifier: BSD-2-Clause
 *
 * onnxtestscene: a camera in a shop that does not exist, with the truth about everybody in it. */
/**
 * SECTION:element-onnxtestscene
 *
 * Renders a shop in which people walk, look at shelves, queue, pay and leave. Each frame carries an OnyxTruthMeta
 * (boxes, ids, visibility); at the end an element message "onyx-scene-truth" tells how many crossed each line, entered
 * each zone and how long they stayed. The same seed gives the same frames on any machine.
 *
 * |[
 * gst-launch-1.0 onnxtestscene people=12 ! onnxinfer model=yolox_nano.onnx ! onnxdecode-yolo ! onnxoverlay
 *     ! videoconvert ! autovideosink
 * gst-launch-1.0 onnxtestscene num-buffers=300 ! video/x-raw,width=1920,height=1080 ! onnxpublish location=truth.json
 *     ! fakesink
 * ]|
 */
#include <gst/base/gstpushsrc.h>
#include <gst/video/video.h>

#include "elements.h"
#include "meta/truthmeta.h"
#include "scene/convert.h"
#include "scene/scene.h"
#include "testscene_counts.h"

GST_DEBUG_CATEGORY_STATIC(testscene_debug);
#define GST_CAT_DEFAULT testscene_debug

#define FORMATS "{ NV12, I420, YV12, RGB, BGR, RGBx, BGRx, xRGB, xBGR, RGBA, BGRA, GRAY8 }"
#define MAX_SIDE 8192

#define GST_TYPE_ONYX_TEST_SCENE (gst_onyx_test_scene_get_type())
G_DECLARE_FINAL_TYPE(GstOnyxTestScene, gst_onyx_test_scene, GST, ONYX_TEST_SCENE, GstPushSrc)

struct _GstOnyxTestScene {
    GstPushSrc parent;

    /* under the object lock; read at start */
    guint64 seed, start;
    guint people;
    gdouble speed, crowding, occlusion, noise;
    gint camera, light;

    /* streaming thread */
    GstVideoInfo info;
    convert_matrix matrix;
    scene *scene;
    OnyxDetectionPool *pool;
    guint64 frame;        /* frames so far */
    guint64 rate_frame;   /* frames since the caps, */
    GstClockTime rate_at; /* which began at this time */
    gboolean told;        /* the truth message is out */
};

G_DEFINE_TYPE(GstOnyxTestScene, gst_onyx_test_scene, GST_TYPE_PUSH_SRC)

enum {
    PROP_0,
    PROP_SEED,
    PROP_PEOPLE,
    PROP_SPEED,
    PROP_CROWDING,
    PROP_LIGHT,
    PROP_CAMERA,
    PROP_OCCLUSION,
    PROP_NOISE,
    PROP_START,
    PROP_IS_LIVE,
};

static GstStaticPadTemplate src_template =
    GST_STATIC_PAD_TEMPLATE("src", GST_PAD_SRC, GST_PAD_ALWAYS,
                            GST_STATIC_CAPS("video/x-raw, format=(string) " FORMATS ", width=(int)[ 16, 8192 ], "
                                            "height=(int)[ 16, 8192 ], framerate=(fraction)[ 1/1000, 1000/1 ]"));

static GType camera_get_type(void)
{
    static gsize type = 0;
    static const GEnumValue values[] = {
        { VIEW_CORNER, "From a high corner over checkouts and aisles", "corner" },
        { VIEW_ENTRANCE, "Towards the door", "entrance" },
        { VIEW_AISLE, "Along an aisle", "aisle" },
        { VIEW_OVERHEAD, "Steeply from above", "overhead" },
        { 0, NULL, NULL },
    };
    if (g_once_init_enter(&type))
        g_once_init_leave(&type, g_enum_register_static("GstOnyxTestSceneCamera", values));
    return (GType)type;
}

static GType light_get_type(void)
{
    static gsize type = 0;
    static const GEnumValue values[] = {
        { LIGHT_DAY, "Lamps and daylight", "day" },
        { LIGHT_EVENING, "Warm lamps, dark outside", "evening" },
        { LIGHT_DIM, "Few lamps", "dim" },
        { LIGHT_HARSH, "Low sun, deep shadows", "harsh" },
        { 0, NULL, NULL },
    };
    if (g_once_init_enter(&type))
        g_once_init_leave(&type, g_enum_register_static("GstOnyxTestSceneLight", values));
    return (GType)type;
}

/* ---------------------------------------------------------------------------------------------------- properties */

static void gst_onyx_test_scene_set_property(GObject *object, guint id, const GValue *value, GParamSpec *spec)
{
    GstOnyxTestScene *self = GST_ONYX_TEST_SCENE(object);

    if (id == PROP_IS_LIVE) {
        gst_base_src_set_live(GST_BASE_SRC(self), g_value_get_boolean(value));
        return;
    }
    GST_OBJECT_LOCK(self);
    switch (id) {
    case PROP_SEED:
        self->seed = g_value_get_uint64(value);
        break;
    case PROP_PEOPLE:
        self->people = g_value_get_uint(value);
        break;
    case PROP_SPEED:
        self->speed = g_value_get_double(value);
        break;
    case PROP_CROWDING:
        self->crowding = g_value_get_double(value);
        break;
    case PROP_LIGHT:
        self->light = g_value_get_enum(value);
        break;
    case PROP_CAMERA:
        self->camera = g_value_get_enum(value);
        break;
    case PROP_OCCLUSION:
        self->occlusion = g_value_get_double(value);
        break;
    case PROP_NOISE:
        self->noise = g_value_get_double(value);
        break;
    case PROP_START:
        self->start = g_value_get_uint64(value);
        break;
    default:
        G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, spec);
        break;
    }
    GST_OBJECT_UNLOCK(self);
}

static void gst_onyx_test_scene_get_property(GObject *object, guint id, GValue *value, GParamSpec *spec)
{
    GstOnyxTestScene *self = GST_ONYX_TEST_SCENE(object);

    if (id == PROP_IS_LIVE) {
        g_value_set_boolean(value, gst_base_src_is_live(GST_BASE_SRC(self)));
        return;
    }
    GST_OBJECT_LOCK(self);
    switch (id) {
    case PROP_SEED:
        g_value_set_uint64(value, self->seed);
        break;
    case PROP_PEOPLE:
        g_value_set_uint(value, self->people);
        break;
    case PROP_SPEED:
        g_value_set_double(value, self->speed);
        break;
    case PROP_CROWDING:
        g_value_set_double(value, self->crowding);
        break;
    case PROP_LIGHT:
        g_value_set_enum(value, self->light);
        break;
    case PROP_CAMERA:
        g_value_set_enum(value, self->camera);
        break;
    case PROP_OCCLUSION:
        g_value_set_double(value, self->occlusion);
        break;
    case PROP_NOISE:
        g_value_set_double(value, self->noise);
        break;
    case PROP_START:
        g_value_set_uint64(value, self->start);
        break;
    default:
        G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, spec);
        break;
    }
    GST_OBJECT_UNLOCK(self);
}

/* ---------------------------------------------------------------------------------------------------------- caps */

static GstCaps *gst_onyx_test_scene_fixate(GstBaseSrc *source, GstCaps *caps)
{
    caps = gst_caps_make_writable(caps);
    GstStructure *structure = gst_caps_get_structure(caps, 0);
    gst_structure_fixate_field_nearest_int(structure, "width", 1280);
    gst_structure_fixate_field_nearest_int(structure, "height", 720);
    gst_structure_fixate_field_nearest_fraction(structure, "framerate", 30, 1);
    return GST_BASE_SRC_CLASS(gst_onyx_test_scene_parent_class)->fixate(source, caps);
}

static scene *make_scene(GstOnyxTestScene *self, const GstVideoInfo *info)
{
    GST_OBJECT_LOCK(self);
    scene_config config = {
        .world = { .seed = self->seed,
                   .people = (int)self->people,
                   .speed = self->speed,
                   .crowding = self->crowding,
                   .occlusion = self->occlusion },
        .view = (scene_view)self->camera,
        .light = (scene_light)self->light,
        .noise = self->noise,
        .start_ns = self->start,
        .width = GST_VIDEO_INFO_WIDTH(info),
        .height = GST_VIDEO_INFO_HEIGHT(info),
    };
    GST_OBJECT_UNLOCK(self);
    return scene_new(&config);
}

static void make_matrix(GstOnyxTestScene *self)
{
    gdouble kr = 0.299, kb = 0.114;
    GstVideoColorimetry *colour = &GST_VIDEO_INFO_COLORIMETRY(&self->info);
    gst_video_color_matrix_get_Kr_Kb(colour->matrix, &kr, &kb);
    convert_matrix_make(&self->matrix, kr, kb, colour->range == GST_VIDEO_COLOR_RANGE_0_255);
}

/* A new size in mid-stream starts the same world again and goes to where it was. */
static gboolean gst_onyx_test_scene_set_caps(GstBaseSrc *source, GstCaps *caps)
{
    GstOnyxTestScene *self = GST_ONYX_TEST_SCENE(source);
    GstVideoInfo info;

    if (!gst_video_info_from_caps(&info, caps))
        return FALSE;
    gboolean same_size = self->scene && GST_VIDEO_INFO_WIDTH(&info) == GST_VIDEO_INFO_WIDTH(&self->info) &&
                         GST_VIDEO_INFO_HEIGHT(&info) == GST_VIDEO_INFO_HEIGHT(&self->info);
    if (self->rate_frame > 0)
        self->rate_at += gst_util_uint64_scale(self->rate_frame, GST_VIDEO_INFO_FPS_D(&self->info) * GST_SECOND,
                                               (guint64)GST_VIDEO_INFO_FPS_N(&self->info));
    self->rate_frame = 0;
    self->info = info;
    make_matrix(self);
    gst_base_src_set_blocksize(source, (guint)GST_VIDEO_INFO_SIZE(&info));
    if (same_size)
        return TRUE;
    scene_free(self->scene);
    self->scene = make_scene(self, &info);
    if (self->scene)
        return TRUE;
    GST_ELEMENT_ERROR(self, RESOURCE, NO_SPACE_LEFT, ("There is no memory for a scene of this size."), (NULL));
    return FALSE;
}

static gboolean gst_onyx_test_scene_decide_allocation(GstBaseSrc *source, GstQuery *query)
{
    GstBufferPool *pool = NULL;
    GstCaps *caps;
    GstVideoInfo info;
    guint size, min = 0, max = 0;

    gst_query_parse_allocation(query, &caps, NULL);
    if (!caps || !gst_video_info_from_caps(&info, caps))
        return FALSE;
    size = (guint)GST_VIDEO_INFO_SIZE(&info);
    gboolean offered = gst_query_get_n_allocation_pools(query) > 0;
    if (offered)
        gst_query_parse_nth_allocation_pool(query, 0, &pool, &size, &min, &max);
    size = MAX(size, (guint)GST_VIDEO_INFO_SIZE(&info));
    if (!pool)
        pool = gst_video_buffer_pool_new();
    GstStructure *config = gst_buffer_pool_get_config(pool);
    if (gst_query_find_allocation_meta(query, GST_VIDEO_META_API_TYPE, NULL))
        gst_buffer_pool_config_add_option(config, GST_BUFFER_POOL_OPTION_VIDEO_META);
    gst_buffer_pool_config_set_params(config, caps, size, min, max);
    gst_buffer_pool_set_config(pool, config);
    if (offered)
        gst_query_set_nth_allocation_pool(query, 0, pool, size, min, max);
    else
        gst_query_add_allocation_pool(query, pool, size, min, max);
    gst_object_unref(pool);
    return GST_BASE_SRC_CLASS(gst_onyx_test_scene_parent_class)->decide_allocation(source, query);
}

/* -------------------------------------------------------------------------------------------------------- frames */

static void add_truth(GstOnyxTestScene *self, GstBuffer *buffer)
{
    OnyxDetections *block = onyx_detections_new(self->pool);
    int count;
    const scene_truth *people = scene_people(self->scene, &count);

    block->source = g_quark_from_static_string("onnxtestscene");
    for (int i = 0; i < count; i++) {
        const scene_truth *t = &people[i];
        guint first = onyx_detections_append_keypoints(block, ONYX_TRUTH_KEYPOINTS);
        OnyxDetection *item = onyx_detections_append(block);
        item->x0 = t->x0;
        item->y0 = t->y0;
        item->x1 = t->x1;
        item->y1 = t->y1;
        item->score = t->visibility;
        item->label = g_quark_from_static_string("person");
        item->track_id = t->id;
        item->first_keypoint = first;
        item->n_keypoints = ONYX_TRUTH_KEYPOINTS;
        block->keypoints[first + ONYX_TRUTH_SEEN_MIN] = (OnyxKeypoint){ t->seen_x0, t->seen_y0, t->visibility };
        block->keypoints[first + ONYX_TRUTH_SEEN_MAX] = (OnyxKeypoint){ t->seen_x1, t->seen_y1, t->visibility };
        block->keypoints[first + ONYX_TRUTH_GROUND] = (OnyxKeypoint){ t->ground_x, t->ground_y, 1 };
    }
    onyx_truth_meta_add(buffer, block);
    onyx_detections_unref(block);
}

static void write_pixels(GstOnyxTestScene *self, GstVideoFrame *frame)
{
    const uint32_t *pixels = scene_pixels(self->scene);
    int width = GST_VIDEO_FRAME_WIDTH(frame), height = GST_VIDEO_FRAME_HEIGHT(frame);
    guint8 *first = GST_VIDEO_FRAME_PLANE_DATA(frame, 0);
    int stride = GST_VIDEO_FRAME_PLANE_STRIDE(frame, 0);

    if (GST_VIDEO_FORMAT_INFO_IS_RGB(frame->info.finfo)) {
        int step = GST_VIDEO_FRAME_COMP_PSTRIDE(frame, 0);
        int red = (int)GST_VIDEO_FRAME_COMP_POFFSET(frame, 0), green = (int)GST_VIDEO_FRAME_COMP_POFFSET(frame, 1);
        int blue = (int)GST_VIDEO_FRAME_COMP_POFFSET(frame, 2);
        int other = step == 4 ? 6 - red - green - blue : -1;
        convert_packed(pixels, width, height, first, stride, step, red, green, blue, other);
        return;
    }
    convert_luma(&self->matrix, pixels, width, height, first, stride);
    if (GST_VIDEO_FRAME_N_COMPONENTS(frame) == 3)
        convert_chroma(&self->matrix, pixels, width, height, GST_VIDEO_FRAME_COMP_DATA(frame, 1),
                       GST_VIDEO_FRAME_COMP_DATA(frame, 2), GST_VIDEO_FRAME_COMP_PSTRIDE(frame, 1),
                       GST_VIDEO_FRAME_COMP_STRIDE(frame, 1), GST_VIDEO_FRAME_COMP_STRIDE(frame, 2));
}

static GstClockTime frame_time(const GstOnyxTestScene *self, guint64 frame)
{
    return self->rate_at + gst_util_uint64_scale(frame, GST_VIDEO_INFO_FPS_D(&self->info) * GST_SECOND,
                                                 (guint64)GST_VIDEO_INFO_FPS_N(&self->info));
}

/* A live source that was too slow goes on with the frame that is due. */
static gboolean skip_late_frames(GstOnyxTestScene *self)
{
    GstClock *clock = gst_base_src_is_live(GST_BASE_SRC(self)) ? gst_element_get_clock(GST_ELEMENT(self)) : NULL;
    GstClockTime duration = frame_time(self, self->rate_frame + 1) - frame_time(self, self->rate_frame);

    if (!clock)
        return FALSE;
    GstClockTimeDiff late = GST_CLOCK_DIFF(
        gst_element_get_base_time(GST_ELEMENT(self)) + frame_time(self, self->rate_frame), gst_clock_get_time(clock));
    gst_object_unref(clock);
    if (self->rate_frame == 0 || duration == 0 || late <= (GstClockTimeDiff)(2 * duration))
        return FALSE;
    self->rate_frame += (guint64)late / duration;
    return TRUE;
}

static GstFlowReturn gst_onyx_test_scene_fill(GstPushSrc *source, GstBuffer *buffer)
{
    GstOnyxTestScene *self = GST_ONYX_TEST_SCENE(source);
    GstVideoFrame frame;

    if (!self->scene)
        return GST_FLOW_NOT_NEGOTIATED;
    if (!gst_video_frame_map(&frame, &self->info, buffer, GST_MAP_WRITE)) {
        GST_ELEMENT_ERROR(self, RESOURCE, WRITE, ("A frame's memory cannot be written."), (NULL));
        return GST_FLOW_ERROR;
    }
    gboolean skipped = skip_late_frames(self);
    GstClockTime time = frame_time(self, self->rate_frame), next = frame_time(self, self->rate_frame + 1);
    scene_render(self->scene, time);
    write_pixels(self, &frame);
    gst_video_frame_unmap(&frame);
    add_truth(self, buffer);
    GST_BUFFER_PTS(buffer) = time;
    GST_BUFFER_DURATION(buffer) = next - time;
    GST_BUFFER_OFFSET(buffer) = self->frame++;
    GST_BUFFER_OFFSET_END(buffer) = self->frame;
    if (skipped)
        GST_BUFFER_FLAG_SET(buffer, GST_BUFFER_FLAG_DISCONT);
    self->rate_frame++;
    return GST_FLOW_OK;
}

/* A live source waits for a frame's time before it sends it. */
static void gst_onyx_test_scene_get_times(GstBaseSrc *source, GstBuffer *buffer, GstClockTime *start, GstClockTime *end)
{
    *start = *end = GST_CLOCK_TIME_NONE;
    if (gst_base_src_is_live(source) && GST_BUFFER_PTS_IS_VALID(buffer)) {
        *start = GST_BUFFER_PTS(buffer);
        *end = *start + GST_BUFFER_DURATION(buffer);
    }
}

/* ---------------------------------------------------------------------------------------------------- the counts */

static GstPadProbeReturn on_event(GstPad *pad, GstPadProbeInfo *info, gpointer user)
{
    GstOnyxTestScene *self = user;

    if (GST_EVENT_TYPE(GST_PAD_PROBE_INFO_EVENT(info)) == GST_EVENT_EOS && self->scene && !self->told) {
        self->told = TRUE;
        gst_element_post_message(
            GST_ELEMENT(self),
            gst_message_new_element(GST_OBJECT(self), gst_onyx_scene_counts(self->scene, self->frame)));
    }
    return GST_PAD_PROBE_OK;
}

/* ----------------------------------------------------------------------------------------------------- the stream */

static gboolean gst_onyx_test_scene_start(GstBaseSrc *source)
{
    GstOnyxTestScene *self = GST_ONYX_TEST_SCENE(source);
    self->frame = self->rate_frame = 0;
    self->rate_at = 0;
    self->told = FALSE;
    return TRUE;
}

static gboolean gst_onyx_test_scene_stop(GstBaseSrc *source)
{
    GstOnyxTestScene *self = GST_ONYX_TEST_SCENE(source);
    scene_free(self->scene);
    self->scene = NULL;
    return TRUE;
}

static gboolean gst_onyx_test_scene_is_seekable(GstBaseSrc *source)
{
    return FALSE;
}

static gboolean gst_onyx_test_scene_query(GstBaseSrc *source, GstQuery *query)
{
    GstOnyxTestScene *self = GST_ONYX_TEST_SCENE(source);

    if (GST_QUERY_TYPE(query) == GST_QUERY_LATENCY && GST_VIDEO_INFO_FPS_N(&self->info) > 0) {
        /* A frame is sent at its time, after it was rendered: at most one frame late. */
        GstClockTime latency = gst_util_uint64_scale(GST_SECOND, (guint64)GST_VIDEO_INFO_FPS_D(&self->info),
                                                     (guint64)GST_VIDEO_INFO_FPS_N(&self->info));
        gst_query_set_latency(query, gst_base_src_is_live(source), latency, GST_CLOCK_TIME_NONE);
        return TRUE;
    }
    return GST_BASE_SRC_CLASS(gst_onyx_test_scene_parent_class)->query(source, query);
}

/* --------------------------------------------------------------------------------------------------------- class */

static void gst_onyx_test_scene_init(GstOnyxTestScene *self)
{
    self->seed = 1;
    self->people = 8;
    self->speed = 1;
    self->crowding = 0.3;
    self->occlusion = 0.4;
    self->noise = 0.1;
    self->camera = VIEW_CORNER;
    self->light = LIGHT_DAY;
    self->pool = onyx_detection_pool_new();
    gst_video_info_init(&self->info);
    gst_base_src_set_format(GST_BASE_SRC(self), GST_FORMAT_TIME);
    gst_pad_add_probe(GST_BASE_SRC_PAD(self), GST_PAD_PROBE_TYPE_EVENT_DOWNSTREAM, on_event, self, NULL);
}

static void gst_onyx_test_scene_finalize(GObject *object)
{
    GstOnyxTestScene *self = GST_ONYX_TEST_SCENE(object);
    scene_free(self->scene);
    onyx_detection_pool_unref(self->pool);
    G_OBJECT_CLASS(gst_onyx_test_scene_parent_class)->finalize(object);
}

static void install(GObjectClass *class, guint id, GParamSpec *spec)
{
    g_object_class_install_property(class, id, spec);
}

static void install_properties(GObjectClass *class)
{
    const GParamFlags ready = G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | GST_PARAM_MUTABLE_READY;

    install(class, PROP_SEED,
            g_param_spec_uint64("seed", "Seed", "The same seed gives the same people, errands and goods", 0,
                                G_MAXUINT64, 1, ready));
    install(class, PROP_PEOPLE,
            g_param_spec_uint("people", "People", "How many customers are in the shop, about; cashiers come on top", 0,
                              WORLD_MAX_PEOPLE, 8, ready));
    install(class, PROP_SPEED,
            g_param_spec_double("speed", "Speed", "How fast people walk, and how briefly they stay; 1 is usual", 0.1, 4,
                                1, ready));
    install(class, PROP_CROWDING,
            g_param_spec_double("crowding", "Crowding",
                                "How much people come together at the same shelves and in company", 0, 1, 0.3, ready));
    install(class, PROP_LIGHT,
            g_param_spec_enum("light", "Light", "The light in the shop", light_get_type(), LIGHT_DAY, ready));
    install(class, PROP_CAMERA,
            g_param_spec_enum("camera", "Camera", "Where the camera hangs", camera_get_type(), VIEW_CORNER, ready));
    install(class, PROP_OCCLUSION,
            g_param_spec_double("occlusion", "Occlusion",
                                "How high the shelves in the room are: 0 none, 0.4 to the chest, 1 two metres", 0, 1,
                                0.4, ready));
    install(class, PROP_NOISE,
            g_param_spec_double("noise", "Noise", "Noise of the camera's sensor: 0 none, 1 like a night picture", 0, 1,
                                0.1, ready));
    install(class, PROP_START,
            g_param_spec_uint64("start", "Start",
                                "Time of the scene that is the first frame's, in ns; counting begins there", 0,
                                24 * 3600 * GST_SECOND, 0, ready));
    install(class, PROP_IS_LIVE,
            g_param_spec_boolean(
                "is-live", "Is live",
                "Send frames when their time has come, as a camera does; frames that cannot be rendered in "
                "time are left out",
                FALSE, ready));
}

static void gst_onyx_test_scene_class_init(GstOnyxTestSceneClass *class)
{
    GObjectClass *object = G_OBJECT_CLASS(class);
    GstElementClass *element = GST_ELEMENT_CLASS(class);
    GstBaseSrcClass *source = GST_BASE_SRC_CLASS(class);

    GST_DEBUG_CATEGORY_INIT(testscene_debug, "onnxtestscene", 0, "renders a shop with people");
    object->set_property = gst_onyx_test_scene_set_property;
    object->get_property = gst_onyx_test_scene_get_property;
    object->finalize = gst_onyx_test_scene_finalize;
    install_properties(object);
    gst_element_class_set_static_metadata(
        element, "Test scene with people", "Source/Video",
        "Renders a shop with people who walk, queue and leave, and says exactly where each "
        "of them is: for tests of detection, tracking and counting",
        "The Onyx authors");
    gst_element_class_add_static_pad_template(element, &src_template);
    source->start = gst_onyx_test_scene_start;
    source->stop = gst_onyx_test_scene_stop;
    source->is_seekable = gst_onyx_test_scene_is_seekable;
    source->query = gst_onyx_test_scene_query;
    source->fixate = gst_onyx_test_scene_fixate;
    source->set_caps = gst_onyx_test_scene_set_caps;
    source->decide_allocation = gst_onyx_test_scene_decide_allocation;
    source->get_times = gst_onyx_test_scene_get_times;
    GST_PUSH_SRC_CLASS(class)->fill = gst_onyx_test_scene_fill;
    gst_type_mark_as_plugin_api(camera_get_type(), 0);
    gst_type_mark_as_plugin_api(light_get_type(), 0);
}
