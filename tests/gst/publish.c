/* SPDX-License-Identifier: BSD-2-Clause
 *
 * onnxpublish: lines that parse back, the same on the bus, and readers that come late, go away or do not read. */
#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <json-glib/json-glib.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "meta/onyxgst.h"
#include "support.h"

static GstHarness *make_at(const gchar *location)
{
    GstElement *element = gst_element_factory_make("onnxpublish", NULL);
    g_object_set(element, "location", location, NULL);
    GstHarness *harness = gst_harness_new_with_element(element, "sink", "src");
    gst_object_unref(element);
    support_watch(harness);
    gst_harness_set_src_caps_str(harness, "video/x-raw,format=RGB,width=64,height=32,framerate=30/1");
    return harness;
}

static gchar *file(const gchar *name)
{
    return g_build_filename(support_folder(), name, NULL);
}

/* A frame with n detections (-1: not examined). */
static void push(GstHarness *harness, gint n, GstClockTime pts)
{
    GstBuffer *buffer = support_frame("RGB", 64, 32, 0, pts);

    if (n >= 0) {
        OnyxDetections *block = onyx_detections_new(NULL);
        for (gint i = 0; i < n; i++) {
            OnyxDetection *item = onyx_detections_append(block);
            *item = (OnyxDetection){ .x0 = 16, .y0 = 8, .x1 = 48.4f, .y1 = 32, .score = 0.5f, .label_id = i };
        }
        if (n > 1) {
            block->items[1].label = g_quark_from_static_string("\"ünï\n人\"");
            block->items[1].track_id = 7;
            block->items[1].first_keypoint = onyx_detections_append_keypoints(block, 1);
            block->items[1].n_keypoints = 1;
            block->keypoints[0] = (OnyxKeypoint){ 20, 10, 0.25f };
        }
        onyx_detection_meta_add(buffer, block);
        onyx_detections_unref(block);
    }
    fail_unless_equals_int(gst_harness_push(harness, gst_buffer_ref(buffer)), GST_FLOW_OK);
    GstBuffer *out = gst_harness_pull(harness);
    fail_unless(out == buffer); /* passed, and not even shallowly copied */
    gst_buffer_unref(out);
    gst_buffer_unref(buffer);
}

/* The lines of a file as JSON objects; each must be one. */
static GPtrArray *read_lines(const gchar *path)
{
    GPtrArray *nodes = g_ptr_array_new_with_free_func((GDestroyNotify)json_node_unref);
    gchar *text = NULL;

    fail_unless(g_file_get_contents(path, &text, NULL, NULL));
    gchar **lines = g_strsplit(text, "\n", -1);
    for (gchar **line = lines; *line; line++) {
        if (!**line)
            continue;
        JsonNode *node = json_from_string(*line, NULL);
        fail_unless(node && JSON_NODE_HOLDS_OBJECT(node), "no JSON object: %s", *line);
        g_ptr_array_add(nodes, node);
    }
    g_strfreev(lines);
    g_free(text);
    return nodes;
}

static JsonObject *object_at(GPtrArray *nodes, guint i)
{
    fail_unless(i < nodes->len);
    return json_node_get_object(g_ptr_array_index(nodes, i));
}

GST_START_TEST(schema)
{
    gchar *path = file("schema.json");
    GstHarness *harness = make_at(path);
    g_object_set(harness->element, "source", "door", "tags", "{\"shop\": 7}", "system-timestamp", TRUE, NULL);
    push(harness, 2, 3 * GST_SECOND);
    push(harness, 0, 4 * GST_SECOND);
    push(harness, -1, 5 * GST_SECOND);

    /* Each line is there as soon as its frame is through. */
    GPtrArray *nodes = read_lines(path);
    fail_unless_equals_int(nodes->len, 2);
    JsonObject *frame = object_at(nodes, 0);
    fail_unless_equals_int(json_object_get_int_member(json_object_get_object_member(frame, "resolution"), "width"), 64);
    fail_unless_equals_int(json_object_get_int_member(json_object_get_object_member(frame, "resolution"), "height"),
                           32);
    fail_unless_equals_uint64(json_object_get_int_member(frame, "timestamp"), 3 * GST_SECOND);
    fail_unless_equals_string(json_object_get_string_member(frame, "source"), "door");
    fail_unless_equals_int(json_object_get_int_member(json_object_get_object_member(frame, "tags"), "shop"), 7);
    fail_unless(g_str_has_suffix(json_object_get_string_member(frame, "system_timestamp"), "Z"));
    JsonArray *objects = json_object_get_array_member(frame, "objects");
    fail_unless_equals_int(json_array_get_length(objects), 2);
    JsonObject *object = json_array_get_object_element(objects, 1);
    fail_unless_equals_int(json_object_get_int_member(object, "x"), 16);
    fail_unless_equals_int(json_object_get_int_member(object, "w"), 32);
    fail_unless_equals_int(json_object_get_int_member(object, "h"), 24);
    fail_unless_equals_int(json_object_get_int_member(object, "region_id"), 1);
    fail_unless_equals_int(json_object_get_int_member(object, "id"), 7);
    fail_unless_equals_string(json_object_get_string_member(object, "roi_type"), "\"ünï\n人\"");
    JsonObject *detection = json_object_get_object_member(object, "detection");
    fail_unless_equals_float(json_object_get_double_member(detection, "confidence"), 0.5);
    fail_unless_equals_int(json_object_get_int_member(detection, "label_id"), 1);
    fail_unless_equals_string(json_object_get_string_member(detection, "label"), "\"ünï\n人\"");
    JsonObject *box = json_object_get_object_member(detection, "bounding_box");
    fail_unless_equals_float(json_object_get_double_member(box, "x_min"), 0.25);
    fail_unless_equals_float(json_object_get_double_member(box, "y_max"), 1.0);
    JsonArray *point = json_array_get_array_element(json_object_get_array_member(object, "keypoints"), 0);
    fail_unless_equals_float(json_array_get_double_element(point, 2), 0.25);
    fail_unless_equals_int(json_array_get_length(json_object_get_array_member(object_at(nodes, 1), "objects")), 0);
    fail_unless(!json_object_has_member(json_array_get_object_element(objects, 0), "id"));
    g_ptr_array_unref(nodes);
    support_teardown(harness);
    g_free(path);
}
GST_END_TEST

/* COCO's compressed run lengths -> width x height bytes, column by column. */
static guint8 *decode_counts(const gchar *text, gsize pixels)
{
    guint8 *result = g_malloc0(pixels), inside = 0;
    gint64 runs[3] = { 0, 0, 0 };
    gsize done = 0;

    for (guint index = 0; *text; index++, inside = !inside) {
        gint64 value = 0;
        guint shift = 0;
        gint letter;
        do {
            letter = *text++ - '0';
            fail_unless(letter >= 0 && letter < 64);
            value |= (gint64)(letter & 31) << shift;
            shift += 5;
        } while (letter & 32);
        if (letter & 16)
            value -= (gint64)1 << shift;
        runs[2] = index > 2 ? value + runs[0] : value;
        runs[0] = runs[1];
        runs[1] = runs[2];
        fail_unless(runs[2] >= 0 && done + (gsize)runs[2] <= pixels);
        memset(result + done, inside, (gsize)runs[2]);
        done += (gsize)runs[2];
    }
    fail_unless_equals_uint64(done, pixels);
    return result;
}

/* One detection with a mask of cells x cells: what the line's text says, to be freed; NULL: nothing. */
static gchar *published_counts(OnyxDetection where, guint cells, const guint8 *bytes, gboolean masks)
{
    gchar *path = file("masks.jsonl"), *counts = NULL;
    GstHarness *harness = make_at(path);
    GstBuffer *buffer = support_frame("RGB", 64, 32, 0, 0);
    OnyxDetections *block = onyx_detections_new(NULL);
    OnyxDetection *item = onyx_detections_append(block);

    g_object_set(harness->element, "masks", masks, NULL);
    *item = where;
    item->mask = onyx_detections_append_mask(block, cells, cells);
    OnyxMask *mask = &block->masks[item->mask - 1];
    mask->x0 = where.x0;
    mask->y0 = where.y0;
    mask->x1 = where.x1;
    mask->y1 = where.y1;
    memcpy(block->mask_data + mask->offset, bytes, cells * cells);
    onyx_detection_meta_add(buffer, block);
    onyx_detections_unref(block);
    gst_buffer_unref(gst_harness_push_and_pull(harness, buffer));
    support_teardown(harness);
    GPtrArray *lines = read_lines(path);
    JsonObject *frame = json_node_get_object(g_ptr_array_index(lines, 0));
    JsonObject *object = json_array_get_object_element(json_object_get_array_member(frame, "objects"), 0);
    if (json_object_has_member(object, "segmentation")) {
        JsonObject *segmentation = json_object_get_object_member(object, "segmentation");
        JsonArray *size = json_object_get_array_member(segmentation, "size");
        fail_unless(json_array_get_int_element(size, 0) == 32 && json_array_get_int_element(size, 1) == 64);
        counts = g_strdup(json_object_get_string_member(segmentation, "counts"));
    }
    g_ptr_array_unref(lines);
    g_free(path);
    return counts;
}

/* Masks are COCO's run lengths at the frame's size, cut at the box. */
GST_START_TEST(masks)
{
    const OnyxDetection where = { .x0 = 10, .y0 = 4, .x1 = 34, .y1 = 28, .score = 0.5f };
    guint8 bytes[16] = { 0 };
    gchar *counts = published_counts(where, 4, bytes, TRUE);
    fail_unless_equals_string(counts, "PP2"); /* 2048 outside, as pycocotools writes it */
    g_free(counts);
    memset(bytes, 255, sizeof bytes);
    fail_unless(published_counts(where, 4, bytes, FALSE) == NULL);
    counts = published_counts((OnyxDetection){ .x1 = 64, .y1 = 32 }, 4, bytes, TRUE);
    fail_unless_equals_string(counts, "0PP2"); /* none outside, 2048 inside */
    g_free(counts);
    counts = published_counts((OnyxDetection){ .x0 = 20, .y0 = 9, .x1 = 20, .y1 = 9 }, 4, bytes, TRUE);
    fail_unless_equals_string(counts, "PP2"); /* an empty box */
    g_free(counts);
    counts = published_counts(where, 4, bytes, TRUE);
    guint8 *pixels = decode_counts(counts, 64 * 32);
    for (gint x = 0; x < 64; x++)
        for (gint y = 0; y < 32; y++)
            fail_unless_equals_int(pixels[x * 32 + y], x >= 10 && x < 34 && y >= 4 && y < 28);
    g_free(counts);
    g_free(pixels);
    /* A chequered one: cells of six pixels, and the middles of cells are what they are. */
    for (int i = 0; i < 16; i++)
        bytes[i] = (i + i / 4) % 2 ? 255 : 0;
    counts = published_counts(where, 4, bytes, TRUE);
    pixels = decode_counts(counts, 64 * 32);
    for (gint i = 0; i < 16; i++)
        fail_unless_equals_int(pixels[(10 + i % 4 * 6 + 3) * 32 + 4 + i / 4 * 6 + 3], (i + i / 4) % 2);
    g_free(counts);
    g_free(pixels);
}
GST_END_TEST

GST_START_TEST(which_frames)
{
    static const struct {
        const gchar *frames;
        guint lines;
    } cases[] = { { "examined", 2 }, { "detections", 1 }, { "all", 3 } };
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        gchar *path = file("frames.json");
        GstHarness *harness = make_at(path);
        gst_util_set_object_arg(G_OBJECT(harness->element), "frames", cases[i].frames);
        push(harness, 1, 0);
        push(harness, 0, 1);
        push(harness, -1, 2);
        GPtrArray *nodes = read_lines(path);
        fail_unless_equals_int(nodes->len, cases[i].lines);
        g_ptr_array_unref(nodes);
        support_teardown(harness);
        g_free(path);
    }
}
GST_END_TEST

GST_START_TEST(overwrite_and_append)
{
    gchar *path = file("append.json");
    for (guint i = 0; i < 4; i++) {
        GstElement *element = gst_element_factory_make("onnxpublish", NULL);
        g_object_set(element, "location", path, "append", i > 1, NULL);
        GstHarness *harness = gst_harness_new_with_element(element, "sink", "src");
        gst_object_unref(element);
        gst_harness_set_src_caps_str(harness, "video/x-raw,format=RGB,width=64,height=32");
        push(harness, 1, 0);
        support_teardown(harness);
        GPtrArray *nodes = read_lines(path);
        fail_unless_equals_int(nodes->len, i < 2 ? 1 : i);
        g_ptr_array_unref(nodes);
    }
    g_free(path);
}
GST_END_TEST

static guint lines_of(const gchar *path)
{
    GPtrArray *nodes = read_lines(path);
    guint n = nodes->len;
    g_ptr_array_unref(nodes);
    return n;
}

/* Log rotation while lines are written: the file is cut, moved away, removed. */
GST_START_TEST(rotation)
{
    gchar *path = file("rotated.json"), *moved = file("rotated.json.1");
    GstHarness *harness = make_at(path);

    push(harness, 1, 0);
    push(harness, 1, 1);
    fail_unless_equals_int(truncate(path, 0), 0);
    push(harness, 1, 2);
    fail_unless_equals_int(lines_of(path), 1);
    fail_unless_equals_int(rename(path, moved), 0);
    push(harness, 1, 3);
    push(harness, 1, 4);
    fail_unless_equals_int(lines_of(moved), 1);
    fail_unless_equals_int(lines_of(path), 2);
    fail_unless_equals_int(unlink(path), 0);
    push(harness, 1, 5);
    fail_unless_equals_int(lines_of(path), 1);
    fail_unless_equals_uint64(support_stat(harness->element, "written"), 6);
    support_teardown(harness);
    g_free(moved);
    g_free(path);
}
GST_END_TEST

/* Where the file's folder goes, lines go on into the old one, which others may still read. */
GST_START_TEST(folder_goes)
{
    gchar *folder = file("folder"), *path = g_build_filename(folder, "lines.json", NULL), *away = file("away");
    gchar *inside = g_build_filename(away, "lines.json", NULL);

    fail_unless_equals_int(mkdir(folder, 0700), 0);
    GstHarness *harness = make_at(path);
    push(harness, 1, 0);
    fail_unless_equals_int(rename(folder, away), 0);
    push(harness, 1, 1);
    fail_unless_equals_int(lines_of(inside), 2);
    support_teardown(harness);
    g_unlink(inside);
    g_rmdir(away);
    g_free(inside);
    g_free(away);
    g_free(path);
    g_free(folder);
}
GST_END_TEST

/* The end of a stream in which nobody found anything is no news, of one that nobody examined it is. */
GST_START_TEST(nothing_examined)
{
    for (gint n = -1; n <= 0; n++) {
        GstHarness *harness = make_at("");
        push(harness, n, 0);
        fail_unless(gst_harness_push_event(harness, gst_event_new_eos()));
        gchar *text = support_text(harness, GST_MESSAGE_WARNING);
        fail_unless(n < 0 ? strstr(text, "onnxinfer ! onnxdecode-yolo") != NULL : *text == 0, "%d: %s", n, text);
        g_free(text);
        support_teardown(harness);
    }
}
GST_END_TEST

GST_START_TEST(messages)
{
    GstHarness *harness = make_at("");
    gint id;

    g_object_set(harness->element, "post-messages", TRUE, NULL);
    push(harness, 2, GST_SECOND);
    GstMessage *message = support_message(harness, GST_MESSAGE_ELEMENT);
    fail_unless(message != NULL);
    const GstStructure *frame = gst_message_get_structure(message);
    fail_unless(gst_structure_has_name(frame, "onnxpublish"));
    const GValue *objects = gst_structure_get_value(frame, "objects");
    fail_unless(GST_VALUE_HOLDS_ARRAY(objects) && gst_value_array_get_size(objects) == 2);
    const GstStructure *object = gst_value_get_structure(gst_value_array_get_value(objects, 0));
    const GstStructure *detection = gst_value_get_structure(gst_structure_get_value(object, "detection"));
    gdouble confidence;
    gint64 label_id, timestamp;
    fail_unless(gst_structure_get_double(detection, "confidence", &confidence) && confidence == 0.5);
    fail_unless(gst_structure_get_int64(detection, "label_id", &label_id) && label_id == 0);
    fail_unless(gst_structure_get_int64(frame, "timestamp", &timestamp) && timestamp == GST_SECOND);
    fail_unless(!gst_structure_get_int(object, "id", &id));
    gchar *text = gst_structure_to_string(frame); /* survives being written */
    GstStructure *again = gst_structure_from_string(text, NULL);
    fail_unless(again != NULL, "%s", text);
    gst_structure_free(again);
    g_free(text);
    gst_message_unref(message);
    g_object_set(harness->element, "post-messages", FALSE, NULL);
    push(harness, 2, GST_SECOND);
    fail_unless(support_message(harness, GST_MESSAGE_ELEMENT) == NULL);
    support_teardown(harness);
}
GST_END_TEST

/* A FIFO: nobody reads yet, then somebody does, then he goes away, then another one comes. */
GST_START_TEST(fifo)
{
    gchar *path = file("fifo");
    gchar bytes[4096];

    fail_unless_equals_int(mkfifo(path, 0600), 0);
    GstHarness *harness = make_at(path);
    push(harness, 1, 0); /* dropped: no reader */
    fail_unless_equals_uint64(support_stat(harness->element, "dropped"), 1);
    for (int reader = 0; reader < 2; reader++) {
        int fd = open(path, O_RDONLY | O_NONBLOCK);
        fail_unless(fd >= 0);
        push(harness, 1, 1);
        push(harness, 2, 2);
        gssize size = read(fd, bytes, sizeof bytes - 1);
        fail_unless(size > 100);
        bytes[size] = 0;
        fail_unless(g_str_has_prefix(bytes, "{") && g_str_has_suffix(bytes, "}\n"));
        close(fd);
        push(harness, 1, 3); /* no SIGPIPE */
        gchar *text = support_text(harness, GST_MESSAGE_WARNING);
        fail_unless(strstr(text, "reader went away") != NULL, "%s", text);
        g_free(text);
        push(harness, 1, 4);
    }
    fail_unless_equals_uint64(support_stat(harness->element, "written"), 4);
    support_teardown(harness);
    g_free(path);
}
GST_END_TEST

/* A reader that does not read: lines are dropped whole, never cut, and the stream is not held up. */
GST_START_TEST(reader_that_sleeps)
{
    gchar *path = file("sleeper"), *copy = file("sleeper.json");

    fail_unless_equals_int(mkfifo(path, 0600), 0);
    int fd = open(path, O_RDONLY | O_NONBLOCK);
    GstElement *element = gst_element_factory_make("onnxpublish", NULL);
    g_object_set(element, "location", path, "wait", 5, NULL);
    GstHarness *harness = gst_harness_new_with_element(element, "sink", "src");
    gst_object_unref(element);
    support_watch(harness);
    gst_harness_set_src_caps_str(harness, "video/x-raw,format=RGB,width=64,height=32");
    for (guint i = 0; i < 400; i++)
        push(harness, 3, i);
    guint64 written = support_stat(harness->element, "written"), dropped = support_stat(harness->element, "dropped");
    fail_unless(dropped > 0 && written > 0 && written + dropped == 400);
    gchar *text = support_text(harness, GST_MESSAGE_WARNING);
    fail_unless(strstr(text, "does not keep up") != NULL, "%s", text);
    g_free(text);
    /* He wakes up: all that was counted as written comes, in whole lines, and new lines too. */
    GString *all = g_string_new(NULL);
    gchar bytes[4096];
    for (int i = 0; i < 3; i++) {
        gssize size;
        while ((size = read(fd, bytes, sizeof bytes)) > 0)
            g_string_append_len(all, bytes, size);
        push(harness, 1, 1000);
    }
    gssize size;
    while ((size = read(fd, bytes, sizeof bytes)) > 0)
        g_string_append_len(all, bytes, size);
    written = support_stat(harness->element, "written");
    g_file_set_contents(copy, all->str, (gssize)all->len, NULL);
    GPtrArray *nodes = read_lines(copy);
    fail_unless_equals_int(nodes->len, written);
    g_ptr_array_unref(nodes);
    g_string_free(all, TRUE);
    support_teardown(harness);
    close(fd);
    g_free(path);
    g_free(copy);
}
GST_END_TEST

GST_START_TEST(full_disk)
{
    GstHarness *harness = make_at("/dev/full");
    for (guint i = 0; i < 5; i++)
        push(harness, 1, i);
    fail_unless_equals_uint64(support_stat(harness->element, "dropped"), 5);
    gchar *text = support_text(harness, GST_MESSAGE_WARNING);
    fail_unless(strstr(text, "/dev/full") && strstr(text, g_strerror(ENOSPC)), "%s", text);
    g_free(text);
    fail_unless(support_message(harness, GST_MESSAGE_WARNING) == NULL); /* said once */
    support_teardown(harness);
}
GST_END_TEST

/* A limit of the file's size sends a signal that would end the process; another file has room again. */
GST_START_TEST(file_size_limit)
{
    struct rlimit before, tight;
    gchar *path = file("limited.json"), *moved = file("limited.json.1");
    GstHarness *harness = make_at(path);

    fail_unless_equals_int(getrlimit(RLIMIT_FSIZE, &before), 0);
    tight = before;
    tight.rlim_cur = 1000;
    fail_unless_equals_int(setrlimit(RLIMIT_FSIZE, &tight), 0);
    for (guint i = 0; i < 10; i++)
        push(harness, 1, i);
    guint64 written = support_stat(harness->element, "written");
    gchar *text = support_text(harness, GST_MESSAGE_WARNING);
    fail_unless(written > 0 && written < 10 && strstr(text, g_strerror(EFBIG)), "%" G_GUINT64_FORMAT ": %s", written,
                text);
    fail_unless_equals_int(rename(path, moved), 0);
    push(harness, 1, 10);
    fail_unless_equals_int(setrlimit(RLIMIT_FSIZE, &before), 0);
    fail_unless_equals_int(lines_of(path), 1);
    support_teardown(harness);
    g_free(text);
    g_free(moved);
    g_free(path);
}
GST_END_TEST

/* stdout is a pipe whose reader is gone. */
GST_START_TEST(stdout_without_reader)
{
    int ends[2], saved = dup(STDOUT_FILENO);
    fail_unless(saved >= 0 && pipe(ends) == 0);
    close(ends[0]);
    fflush(stdout);
    dup2(ends[1], STDOUT_FILENO);
    GstHarness *harness = make_at("-");
    push(harness, 1, 0);
    push(harness, 1, 1);
    guint64 dropped = support_stat(harness->element, "dropped");
    support_teardown(harness);
    dup2(saved, STDOUT_FILENO);
    close(saved);
    close(ends[1]);
    fail_unless_equals_uint64(dropped, 2);
}
GST_END_TEST

GST_START_TEST(bad_location_and_tags)
{
    GstElement *element = gst_element_factory_make("onnxpublish", NULL);
    GstBus *bus = gst_bus_new();
    GError *error = NULL;

    gst_element_set_bus(element, bus);
    g_object_set(element, "location", "/no/such/folder/out.json", NULL);
    fail_unless_equals_int(gst_element_set_state(element, GST_STATE_PAUSED), GST_STATE_CHANGE_FAILURE);
    GstMessage *message = gst_bus_pop_filtered(bus, GST_MESSAGE_ERROR);
    fail_unless(message != NULL);
    gst_message_parse_error(message, &error, NULL);
    fail_unless(strstr(error->message, "/no/such/folder/out.json") != NULL, "%s", error->message);
    g_error_free(error);
    gst_message_unref(message);
    gst_element_set_bus(element, NULL);
    gst_element_set_state(element, GST_STATE_NULL);
    gst_object_unref(element);
    gst_object_unref(bus);

    gchar *path = file("tags.json");
    GstHarness *harness = make_at(path);
    g_object_set(harness->element, "tags", "{\"shop: 7", NULL);
    push(harness, 1, 0);
    gchar *text = support_text(harness, GST_MESSAGE_WARNING);
    fail_unless(strstr(text, "no JSON object") != NULL, "%s", text);
    g_free(text);
    g_object_set(harness->element, "tags", "{\"shop\": 8}", NULL);
    push(harness, 1, 1);
    GPtrArray *nodes = read_lines(path);
    fail_unless(!json_object_has_member(object_at(nodes, 0), "tags"));
    fail_unless(json_object_has_member(object_at(nodes, 1), "tags"));
    g_ptr_array_unref(nodes);
    support_teardown(harness);
    g_free(path);
}
GST_END_TEST

static Suite *onyx_publish_suite(void)
{
    Suite *suite = suite_create("onnxpublish");
    TCase *tests = tcase_create("onnxpublish");

    suite_add_tcase(suite, tests);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, rotation);
    tcase_add_test(tests, file_size_limit);
    tcase_add_test(tests, folder_goes);
    tcase_add_test(tests, nothing_examined);
    tcase_add_test(tests, schema);
    tcase_add_test(tests, masks);
    tcase_add_test(tests, which_frames);
    tcase_add_test(tests, overwrite_and_append);
    tcase_add_test(tests, messages);
    tcase_add_test(tests, fifo);
    tcase_add_test(tests, reader_that_sleeps);
    tcase_add_test(tests, full_disk);
    tcase_add_test(tests, stdout_without_reader);
    tcase_add_test(tests, bad_location_and_tags);
    return suite;
}

GST_CHECK_MAIN(onyx_publish)
