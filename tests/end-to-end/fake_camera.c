/* SPDX-License-Identifier: BSD-2-Clause
 *
 * A camera for the test of pipelines/camera.c, loaded in front of libv4l2 and libonyx by LD_PRELOAD. It plays the
 * driver's side of memory-mapped streaming with one picture in one pixel format, and sees by the pointers whether the
 * engine is handed the mapped memory itself. Environment:
 *
 *     FAKE_CAMERA_PICTURE=frame.rgb FAKE_CAMERA_SIZE=128x96 FAKE_CAMERA_FORMAT=NV12 FAKE_CAMERA_LOG=log
 *
 * When the camera is closed, the log gets: images N mapped N queued_twice N unmapped N closed 1. */
#include "onyx.h"

#include <dlfcn.h>
#include <errno.h>
#include <libv4l2.h>
#include <linux/videodev2.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

enum { BUFFERS_MAX = 8 };

static struct {
    int fd, width, height, count, next;
    uint32_t format;
    unsigned char *rgb;
    size_t bytes;
    void *memory[BUFFERS_MAX];
    int queued[BUFFERS_MAX];
    int streaming;
    int images, mapped, queued_twice, unmapped;
} camera = { .fd = -1 };

/* BT.601, limited range. */
static void to_yuv(const unsigned char *rgb, unsigned char *y, unsigned char *u, unsigned char *v)
{
    double r = rgb[0], g = rgb[1], b = rgb[2];
    *y = (unsigned char)(16.5 + 0.257 * r + 0.504 * g + 0.098 * b);
    *u = (unsigned char)(128.5 - 0.148 * r - 0.291 * g + 0.439 * b);
    *v = (unsigned char)(128.5 + 0.439 * r - 0.368 * g - 0.071 * b);
}

/* Blocks of the picture are even in place and size, so that chroma of the first pixel serves its neighbours. */
static void paint(unsigned char *out)
{
    size_t w = (size_t)camera.width, h = (size_t)camera.height;
    for (size_t i = 0; i < w * h; i++) {
        const unsigned char *rgb = camera.rgb + 3 * i;
        size_t x = i % w, row = i / w, chroma = row / 2 * (w / 2) + x / 2;
        unsigned char y, u, v;
        to_yuv(rgb, &y, &u, &v);
        switch (camera.format) {
        case V4L2_PIX_FMT_NV12:
            out[i] = y;
            out[w * h + 2 * chroma] = u;
            out[w * h + 2 * chroma + 1] = v;
            break;
        case V4L2_PIX_FMT_YUV420:
            out[i] = y;
            out[w * h + chroma] = u;
            out[w * h * 5 / 4 + chroma] = v;
            break;
        case V4L2_PIX_FMT_YUYV:
            out[2 * i] = y;
            out[2 * i + 1] = x % 2 ? v : u;
            break;
        case V4L2_PIX_FMT_UYVY:
            out[2 * i + 1] = y;
            out[2 * i] = x % 2 ? v : u;
            break;
        case V4L2_PIX_FMT_RGB24:
            memcpy(out + 3 * i, rgb, 3);
            break;
        case V4L2_PIX_FMT_BGR24:
            out[3 * i] = rgb[2];
            out[3 * i + 1] = rgb[1];
            out[3 * i + 2] = rgb[0];
            break;
        default:
            break;
        }
    }
}

static int bytes_per_line(void)
{
    switch (camera.format) {
    case V4L2_PIX_FMT_YUYV:
    case V4L2_PIX_FMT_UYVY:
        return 2 * camera.width;
    case V4L2_PIX_FMT_RGB24:
    case V4L2_PIX_FMT_BGR24:
        return 3 * camera.width;
    default:
        return camera.width;
    }
}

static size_t frame_bytes(void)
{
    size_t pixels = (size_t)camera.width * (size_t)camera.height;
    return bytes_per_line() == camera.width ? pixels * 3 / 2 : (size_t)bytes_per_line() * (size_t)camera.height;
}

int v4l2_open(const char *file, int flags, ...)
{
    const char *size = getenv("FAKE_CAMERA_SIZE"), *format = getenv("FAKE_CAMERA_FORMAT");
    const char *picture = getenv("FAKE_CAMERA_PICTURE");
    (void)file;
    (void)flags;
    if (!size || !format || strlen(format) != 4 || !picture ||
        sscanf(size, "%dx%d", &camera.width, &camera.height) != 2)
        abort();
    camera.format = v4l2_fourcc((uint32_t)format[0], (uint32_t)format[1], (uint32_t)format[2], (uint32_t)format[3]);
    camera.bytes = (size_t)camera.width * (size_t)camera.height * 3;
    camera.rgb = malloc(camera.bytes);
    FILE *read = fopen(picture, "rb");
    if (!camera.rgb || !read || fread(camera.rgb, 1, camera.bytes, read) != camera.bytes)
        abort();
    fclose(read);
    camera.fd = eventfd(1, 0); /* always readable, as a camera with a frame is */
    return camera.fd;
}

static int set_format(struct v4l2_format *f)
{
    if (f->fmt.pix.pixelformat != camera.format) {
        f->fmt.pix.pixelformat = camera.format; /* drivers answer with what they can do */
        return 0;
    }
    f->fmt.pix.width = (uint32_t)camera.width;
    f->fmt.pix.height = (uint32_t)camera.height;
    f->fmt.pix.bytesperline = (uint32_t)bytes_per_line();
    f->fmt.pix.sizeimage = (uint32_t)frame_bytes();
    f->fmt.pix.quantization = V4L2_QUANTIZATION_LIM_RANGE;
    f->fmt.pix.ycbcr_enc = V4L2_YCBCR_ENC_601;
    return 0;
}

/* The oldest queued buffer gets the picture; EAGAIN when the program holds them all. */
static int dequeue(struct v4l2_buffer *b)
{
    for (int i = 0; i < camera.count; i++) {
        int at = (camera.next + i) % camera.count;
        if (!camera.queued[at])
            continue;
        camera.queued[at] = 0;
        camera.next = (at + 1) % camera.count;
        paint(camera.memory[at]);
        b->index = (uint32_t)at;
        b->bytesused = (uint32_t)frame_bytes();
        return 0;
    }
    errno = EAGAIN;
    return -1;
}

static int queue(const struct v4l2_buffer *b)
{
    if (b->index >= (uint32_t)camera.count) {
        errno = EINVAL;
        return -1;
    }
    camera.queued_twice += camera.queued[b->index];
    /* What the camera owns may be overwritten at any time: who still reads it sees rubbish. */
    if (camera.memory[b->index])
        memset(camera.memory[b->index], 0x55, frame_bytes());
    camera.queued[b->index] = 1;
    return 0;
}

int v4l2_ioctl(int fd, unsigned long int request, ...)
{
    va_list arguments;
    va_start(arguments, request);
    void *argument = va_arg(arguments, void *);
    va_end(arguments);
    if (fd != camera.fd) {
        errno = EBADF;
        return -1;
    }
    switch (request) {
    case VIDIOC_S_FMT:
        return set_format(argument);
    case VIDIOC_REQBUFS: {
        struct v4l2_requestbuffers *r = argument;
        camera.count = r->count < BUFFERS_MAX ? (int)r->count : BUFFERS_MAX;
        r->count = (uint32_t)camera.count;
        return 0;
    }
    case VIDIOC_QUERYBUF: {
        struct v4l2_buffer *b = argument;
        b->length = (uint32_t)frame_bytes();
        b->m.offset = b->index * 65536;
        return 0;
    }
    case VIDIOC_QBUF:
        return queue(argument);
    case VIDIOC_DQBUF:
        return dequeue(argument);
    case VIDIOC_STREAMON:
    case VIDIOC_STREAMOFF:
        camera.streaming = request == VIDIOC_STREAMON;
        return 0;
    default:
        errno = ENOTTY;
        return -1;
    }
}

void *v4l2_mmap(void *start, size_t length, int prot, int flags, int fd, int64_t offset)
{
    int index = (int)(offset / 65536);
    (void)start;
    (void)flags;
    if (fd != camera.fd || index >= camera.count)
        return MAP_FAILED;
    return camera.memory[index] = mmap(NULL, length, prot, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

int v4l2_munmap(void *start, size_t length)
{
    camera.unmapped++;
    return munmap(start, length);
}

int v4l2_close(int fd)
{
    const char *path = getenv("FAKE_CAMERA_LOG");
    FILE *log = path ? fopen(path, "w") : NULL;
    if (log) {
        fprintf(log, "images %d mapped %d queued_twice %d unmapped %d closed 1\n", camera.images, camera.mapped,
                camera.queued_twice, camera.unmapped);
        fclose(log);
    }
    free(camera.rgb);
    return close(fd);
}

/* The engine's call, looked at on its way. */
onyx_status onyx_session_set_image(onyx_session *session, const onyx_image *image, const onyx_preprocess *preprocess,
                                   onyx_geometry *geometry, onyx_error *error)
{
    typedef onyx_status set_image(onyx_session *, const onyx_image *, const onyx_preprocess *, onyx_geometry *,
                                  onyx_error *);
    set_image *real;
    void *found = dlsym(RTLD_NEXT, "onyx_session_set_image");
    memcpy(&real, &found, sizeof real);
    camera.images++;
    for (int i = 0; i < camera.count; i++)
        camera.mapped += image->planes[0] == camera.memory[i];
    return real(session, image, preprocess, geometry, error);
}
