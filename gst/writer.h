/* SPDX-License-Identifier: BSD-2-Clause
 *
 * GstOnyxWriter: whole lines to a file, a FIFO or stdout, without ever holding up a stream for long: a FIFO without a
 * reader, a reader that is slow or went away, and a full disk cost lines, not the process. */
#ifndef GST_ONYX_WRITER_H
#define GST_ONYX_WRITER_H

#include <glib.h>

typedef struct _GstOnyxWriter GstOnyxWriter;

typedef enum {
    GST_ONYX_WRITTEN,
    GST_ONYX_NO_READER,   /* dropped: nobody reads (yet, or any more) */
    GST_ONYX_STALLED,     /* dropped: the reader did not keep up for wait_ms */
    GST_ONYX_WRITE_FAILED /* dropped: errno says why */
} GstOnyxWriteResult;

/* "-" is stdout. Never blocks. NULL with *error (to be freed). */
GstOnyxWriter *gst_onyx_writer_new(const gchar *location, gboolean append, guint wait_ms, gchar **error);
void gst_onyx_writer_free(GstOnyxWriter *writer); /* NULL is allowed */

/* Writes a line (its newline included) wholly or not at all; waits at most wait_ms for a slow reader, and not again
 * until that one reads. */
GstOnyxWriteResult gst_onyx_writer_write(GstOnyxWriter *writer, const gchar *line, gsize length);

/* Makes a wait in another thread return at once, now and in future (TRUE), or not (FALSE). */
void gst_onyx_writer_set_flushing(GstOnyxWriter *writer, gboolean flushing);

#endif
