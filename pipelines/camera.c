/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Example: a camera read with libv4l2, no GStreamer. The driver's buffers are mapped into this process and handed to
 * the engine as they are: no frame is copied or converted.
 *
 *     onyx-camera yolo11n.onnx /dev/video0 100
 *
 * Build outside of this tree:
 *
 *     cc camera.c -o onyx-camera $(pkg-config --cflags --libs onyx-1.0 libv4l2)
 */
#include <errno.h>
#include <fcntl.h>
#include <libv4l2.h>
#include <linux/videodev2.h>
#include <onyx.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { BUFFERS = 4, DETECTIONS = 100 };

typedef struct camera {
    int fd;
    bool streaming;
    int count;
    struct {
        void *start;
        size_t bytes;
    } buffers[BUFFERS];
    struct v4l2_pix_format format;
} camera;

typedef struct detector {
    onyx_model *model;
    onyx_session *session;
    onyx_recipe *recipe;
} detector;

/* Formats that both a camera and onyx_image know, best first. */
static const struct {
    uint32_t v4l2;
    onyx_pixel_format onyx;
    int planes;
} formats[] = {
    { V4L2_PIX_FMT_NV12, ONYX_PIXEL_NV12, 2 },  { V4L2_PIX_FMT_YUV420, ONYX_PIXEL_I420, 3 },
    { V4L2_PIX_FMT_YUYV, ONYX_PIXEL_YUY2, 1 },  { V4L2_PIX_FMT_UYVY, ONYX_PIXEL_UYVY, 1 },
    { V4L2_PIX_FMT_RGB24, ONYX_PIXEL_RGB, 1 },  { V4L2_PIX_FMT_BGR24, ONYX_PIXEL_BGR, 1 },
    { V4L2_PIX_FMT_GREY, ONYX_PIXEL_GRAY8, 1 },
};

static bool complain(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    return false;
}

/* An ioctl that a signal interrupted is asked again. */
static int ask(int fd, unsigned long request, void *argument)
{
    int result;
    do
        result = v4l2_ioctl(fd, request, argument);
    while (result < 0 && errno == EINTR);
    return result;
}

/* Index in `formats` of the first that the camera takes (libv4l2 converts MJPEG for us), or -1. */
static int choose_format(camera *c)
{
    for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++) {
        struct v4l2_format wish = { .type = V4L2_BUF_TYPE_VIDEO_CAPTURE };
        wish.fmt.pix.width = 1280;
        wish.fmt.pix.height = 720;
        wish.fmt.pix.pixelformat = formats[i].v4l2;
        wish.fmt.pix.field = V4L2_FIELD_NONE;
        if (ask(c->fd, VIDIOC_S_FMT, &wish) == 0 && wish.fmt.pix.pixelformat == formats[i].v4l2) {
            c->format = wish.fmt.pix;
            return (int)i;
        }
    }
    return -1;
}

static bool map_buffers(camera *c)
{
    struct v4l2_requestbuffers request = { .count = BUFFERS,
                                           .type = V4L2_BUF_TYPE_VIDEO_CAPTURE,
                                           .memory = V4L2_MEMORY_MMAP };
    if (ask(c->fd, VIDIOC_REQBUFS, &request) < 0 || request.count < 2)
        return complain("the camera gives no memory to map: %s", strerror(errno));
    for (unsigned i = 0; i < request.count && i < BUFFERS; i++) {
        struct v4l2_buffer buffer = { .index = i, .type = request.type, .memory = request.memory };
        if (ask(c->fd, VIDIOC_QUERYBUF, &buffer) < 0)
            return complain("VIDIOC_QUERYBUF: %s", strerror(errno));
        void *start = v4l2_mmap(NULL, buffer.length, PROT_READ | PROT_WRITE, MAP_SHARED, c->fd, buffer.m.offset);
        if (start == MAP_FAILED)
            return complain("v4l2_mmap: %s", strerror(errno));
        c->buffers[c->count].start = start;
        c->buffers[c->count++].bytes = buffer.length;
        if (ask(c->fd, VIDIOC_QBUF, &buffer) < 0)
            return complain("VIDIOC_QBUF: %s", strerror(errno));
    }
    return true;
}

static bool open_camera(camera *c, const char *device, int *format)
{
    int type = V4L2_BUF_TYPE_VIDEO_CAPTURE;
    c->fd = v4l2_open(device, O_RDWR | O_NONBLOCK);
    if (c->fd < 0)
        return complain("%s: %s", device, strerror(errno));
    *format = choose_format(c);
    if (*format < 0)
        return complain("%s: no pixel format that Onyx reads", device);
    if (!map_buffers(c))
        return false;
    if (ask(c->fd, VIDIOC_STREAMON, &type) < 0)
        return complain("VIDIOC_STREAMON: %s", strerror(errno));
    c->streaming = true;
    printf("%s: %ux%u\n", device, c->format.width, c->format.height);
    return true;
}

static void close_camera(camera *c)
{
    int type = V4L2_BUF_TYPE_VIDEO_CAPTURE;
    if (c->streaming)
        ask(c->fd, VIDIOC_STREAMOFF, &type);
    for (int i = 0; i < c->count; i++)
        v4l2_munmap(c->buffers[i].start, c->buffers[i].bytes);
    if (c->fd >= 0)
        v4l2_close(c->fd);
}

/* Describes a mapped buffer as the engine wants it; planes follow each other in memory. */
static onyx_image describe(const camera *c, int format, const void *start)
{
    const uint8_t *at = start;
    ptrdiff_t stride = (ptrdiff_t)c->format.bytesperline;
    size_t height = c->format.height;
    onyx_image image = {
        .format = formats[format].onyx,
        .width = (int)c->format.width,
        .height = (int)height,
        .planes = { at },
        .strides = { stride },
        .matrix = c->format.ycbcr_enc == V4L2_YCBCR_ENC_709 ? ONYX_MATRIX_BT709 : ONYX_MATRIX_BT601,
        .full_range = c->format.quantization == V4L2_QUANTIZATION_FULL_RANGE,
    };
    if (formats[format].planes == 2) { /* NV12: one plane of pairs, as wide as luma */
        image.planes[1] = at + (size_t)stride * height;
        image.strides[1] = stride;
    } else if (formats[format].planes == 3) { /* I420: two planes of half width and height */
        image.planes[1] = at + (size_t)stride * height;
        image.planes[2] = image.planes[1] + (size_t)(stride / 2) * ((height + 1) / 2);
        image.strides[1] = image.strides[2] = stride / 2;
    }
    return image;
}

/* One frame: wait, take the buffer, look at it where it lies, give it back. False: the end, after a complaint. */
static bool look_once(camera *c, int format, detector *d, int frame)
{
    struct v4l2_buffer buffer = { .type = V4L2_BUF_TYPE_VIDEO_CAPTURE, .memory = V4L2_MEMORY_MMAP };
    struct pollfd ready = { .fd = c->fd, .events = POLLIN };
    onyx_detection found[DETECTIONS];
    onyx_outputs *outputs = NULL;
    onyx_geometry geometry;
    onyx_error error;
    int count = 0;

    int polled = poll(&ready, 1, 5000);
    if (polled <= 0)
        return complain("the camera gave no frame for 5 s: %s", polled ? strerror(errno) : "time is up");
    if (ask(c->fd, VIDIOC_DQBUF, &buffer) < 0)
        return errno == EAGAIN || complain("VIDIOC_DQBUF: %s", strerror(errno));
    if (buffer.index >= (unsigned)c->count)
        return complain("the camera names buffer %u of %d", buffer.index, c->count);

    onyx_image image = describe(c, format, c->buffers[buffer.index].start);
    onyx_status status =
        onyx_session_set_image(d->session, &image, onyx_recipe_preprocess(d->recipe), &geometry, &error);
    /* From here on the picture is in the network's input: the camera may have its buffer back while we compute. */
    if (ask(c->fd, VIDIOC_QBUF, &buffer) < 0)
        return complain("VIDIOC_QBUF: %s", strerror(errno));
    if (!status)
        status = onyx_session_run(d->session, &outputs, &error);
    if (!status)
        status = onyx_recipe_decode(d->recipe, outputs, &geometry, 0.25f, 0.45f, found, DETECTIONS, &count, &error);
    if (outputs)
        onyx_outputs_unref(outputs);
    if (status)
        return complain("%s", error.message);
    for (int i = 0; i < count; i++) {
        const char *label = onyx_recipe_label(d->recipe, found[i].label_id);
        printf("frame %d: %-16s %.2f  x %.0f-%.0f y %.0f-%.0f\n", frame, label ? label : "?", found[i].score,
               found[i].x0, found[i].x1, found[i].y0, found[i].y1);
    }
    return true;
}

static bool open_detector(detector *d, const char *path)
{
    onyx_error error;
    if (onyx_model_open(path, NULL, &d->model, &error) || onyx_session_new(d->model, NULL, &d->session, &error) ||
        onyx_recipe_new(d->model, &d->recipe, &error))
        return complain("%s", error.message);
    printf("%s\n", onyx_recipe_description(d->recipe));
    return true;
}

static void close_detector(detector *d)
{
    if (d->recipe)
        onyx_recipe_free(d->recipe);
    if (d->session)
        onyx_session_free(d->session);
    onyx_model_unref(d->model);
}

int main(int argc, char **argv)
{
    camera c = { .fd = -1 };
    detector d = { .model = NULL };
    int format = -1;
    if (argc < 3 || argc > 4) {
        fprintf(stderr, "usage: %s MODEL.onnx /dev/videoN [FRAMES]\n", argv[0]);
        return 2;
    }
    int frames = argc == 4 ? atoi(argv[3]) : 0; /* 0: until Ctrl-C */
    bool good = open_detector(&d, argv[1]) && open_camera(&c, argv[2], &format);
    for (int i = 0; good && (frames <= 0 || i < frames); i++)
        good = look_once(&c, format, &d, i);
    close_camera(&c);
    close_detector(&d);
    return good ? EXIT_SUCCESS : EXIT_FAILURE;
}
