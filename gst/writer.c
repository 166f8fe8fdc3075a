/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Lines to descriptors: polled, in pieces that a pipe takes at once, and safe against SIGPIPE without touching the
 * process's signal handlers. */
#include "writer.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* What poll() promises that a pipe takes without blocking, on Linux: PIPE_BUF. */
#define PIECE_BYTES 4096

struct _GstOnyxWriter {
    gchar *location;
    int fd; /* -1: a FIFO that nobody reads yet */
    int wake_fd;
    gboolean close_fd, is_fifo, is_file;
    dev_t device; /* of a file, and its number: */
    ino_t inode;
    guint wait_ms;
    gboolean stalled; /* the last line was dropped for want of a reader that reads */
    GByteArray *rest; /* of a line whose beginning is written: goes first */
};

/* write() that reports a reader that went (EPIPE) and a limit of the file's size (EFBIG) without their signals: these
 * are blocked in this thread, and what came from here is eaten. */
static gssize write_without_signal(int fd, const void *bytes, gsize size)
{
    sigset_t set, old_set, pending;
    struct timespec no_time = { 0, 0 };

    sigemptyset(&set);
    sigaddset(&set, SIGPIPE);
    sigaddset(&set, SIGXFSZ);
    sigpending(&pending);
    pthread_sigmask(SIG_BLOCK, &set, &old_set);
    gssize written;
    do
        written = write(fd, bytes, size);
    while (written < 0 && errno == EINTR);
    int error = errno;
    int sent = written < 0 && error == EPIPE ? SIGPIPE : written < 0 && error == EFBIG ? SIGXFSZ : 0;
    if (sent && sigismember(&pending, sent) != 1) {
        sigemptyset(&set);
        sigaddset(&set, sent);
        while (sigtimedwait(&set, NULL, &no_time) < 0 && errno == EINTR)
            ;
    }
    pthread_sigmask(SIG_SETMASK, &old_set, NULL);
    errno = error;
    return written;
}

/* Opens what `location` names. A FIFO without a reader is no error: it is tried again at each line. A file is always
 * written at its end, so that somebody else may cut it (logrotate's copytruncate). */
static gboolean open_location(GstOnyxWriter *writer, gboolean append)
{
    struct stat status;
    int flags = O_WRONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;

    writer->is_fifo = stat(writer->location, &status) == 0 && S_ISFIFO(status.st_mode);
    if (!writer->is_fifo)
        flags |= O_CREAT | O_APPEND | (append ? 0 : O_TRUNC);
    writer->fd = open(writer->location, flags, 0666);
    if (writer->fd < 0)
        return writer->is_fifo && errno == ENXIO;
    writer->is_file = fstat(writer->fd, &status) == 0 && S_ISREG(status.st_mode);
    writer->device = status.st_dev;
    writer->inode = status.st_ino;
    return TRUE;
}

GstOnyxWriter *gst_onyx_writer_new(const gchar *location, gboolean append, guint wait_ms, gchar **error)
{
    GstOnyxWriter *writer = g_new0(GstOnyxWriter, 1);
    struct stat status;

    writer->location = g_strdup(location);
    writer->wait_ms = wait_ms;
    writer->rest = g_byte_array_new();
    writer->fd = -1;
    writer->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (strcmp(location, "-") == 0) {
        writer->fd = STDOUT_FILENO;
        writer->is_file = fstat(writer->fd, &status) == 0 && S_ISREG(status.st_mode);
        return writer;
    }
    writer->close_fd = TRUE;
    if (open_location(writer, append))
        return writer;
    *error = g_strdup_printf("'%s' cannot be opened for writing: %s. Give a path in a folder that exists and may be "
                             "written, or '-' for the standard output.",
                             location, g_strerror(errno));
    gst_onyx_writer_free(writer);
    return NULL;
}

void gst_onyx_writer_free(GstOnyxWriter *writer)
{
    if (!writer)
        return;
    if (writer->close_fd && writer->fd >= 0)
        close(writer->fd);
    if (writer->wake_fd >= 0)
        close(writer->wake_fd);
    g_byte_array_unref(writer->rest);
    g_free(writer->location);
    g_free(writer);
}

void gst_onyx_writer_set_flushing(GstOnyxWriter *writer, gboolean flushing)
{
    guint64 one = 1;
    gssize ignored = flushing ? write(writer->wake_fd, &one, sizeof one) : read(writer->wake_fd, &one, sizeof one);
    (void)ignored;
}

/* Whether the descriptor takes bytes, within `wait_ms`. */
static gboolean wait_writable(GstOnyxWriter *writer, guint wait_ms)
{
    struct pollfd polled[2] = { { .fd = writer->fd, .events = POLLOUT }, { .fd = writer->wake_fd, .events = POLLIN } };
    gint64 end = g_get_monotonic_time() + (gint64)wait_ms * 1000;

    for (;;) {
        gint64 left = MAX(end - g_get_monotonic_time(), 0);
        int n = poll(polled, 2, (int)((left + 999) / 1000));
        if (n < 0 && errno == EINTR)
            continue;
        /* An error or a hang-up is for write() to tell. */
        return n > 0 && polled[0].revents != 0;
    }
}

static GstOnyxWriteResult reader_gone(GstOnyxWriter *writer)
{
    g_byte_array_set_size(writer->rest, 0);
    if (writer->is_fifo) {
        close(writer->fd);
        writer->fd = -1;
    }
    return GST_ONYX_NO_READER;
}

/* Writes as much as goes; *done counts it. */
static GstOnyxWriteResult write_bytes(GstOnyxWriter *writer, const guint8 *bytes, gsize size, gsize *done)
{
    *done = 0;
    while (*done < size) {
        gsize piece = writer->is_file ? size - *done : MIN(size - *done, PIECE_BYTES);
        if (!writer->is_file && !wait_writable(writer, writer->stalled ? 0 : writer->wait_ms))
            return GST_ONYX_STALLED;
        gssize written = write_without_signal(writer->fd, bytes + *done, piece);
        if (written >= 0)
            *done += (gsize)written;
        else if (errno == EPIPE)
            return reader_gone(writer);
        else if (errno == EAGAIN) /* poll promised less than a piece: somebody else writes too */
            return GST_ONYX_STALLED;
        else
            return GST_ONYX_WRITE_FAILED;
    }
    return GST_ONYX_WRITTEN;
}

/* First what is left of the line before. */
static GstOnyxWriteResult write_rest(GstOnyxWriter *writer)
{
    gsize done;

    if (writer->rest->len == 0)
        return GST_ONYX_WRITTEN;
    GstOnyxWriteResult result = write_bytes(writer, writer->rest->data, writer->rest->len, &done);
    if (done > 0 && writer->rest->len > 0)
        g_byte_array_remove_range(writer->rest, 0, (guint)done);
    return result;
}

/* A file that was moved or removed (logrotate) is made anew; what the old one does not take of a line is lost. Where no
 * new one can be, the old one goes on. */
static void follow_location(GstOnyxWriter *writer)
{
    struct stat status;
    int old = writer->fd;

    if (!writer->close_fd || !writer->is_file)
        return;
    if (stat(writer->location, &status) == 0 ? status.st_dev == writer->device && status.st_ino == writer->inode
                                             : errno != ENOENT)
        return;
    write_rest(writer);
    if (open_location(writer, TRUE) && writer->fd >= 0) {
        close(old);
        g_byte_array_set_size(writer->rest, 0);
    } else {
        writer->fd = old;
    }
}

GstOnyxWriteResult gst_onyx_writer_write(GstOnyxWriter *writer, const gchar *line, gsize length)
{
    gsize done = 0;

    if (writer->fd < 0 && (!open_location(writer, TRUE) || writer->fd < 0))
        return GST_ONYX_NO_READER;
    follow_location(writer);
    GstOnyxWriteResult result = write_rest(writer);
    if (result == GST_ONYX_WRITTEN) {
        result = write_bytes(writer, (const guint8 *)line, length, &done);
        if (done > 0 && (result == GST_ONYX_STALLED || result == GST_ONYX_WRITE_FAILED))
            g_byte_array_append(writer->rest, (const guint8 *)line + done, (guint)(length - done));
    }
    writer->stalled = result == GST_ONYX_STALLED;
    if (result == GST_ONYX_STALLED && done > 0)
        result = GST_ONYX_WRITTEN; /* it will be, before anything else */
    return result;
}
