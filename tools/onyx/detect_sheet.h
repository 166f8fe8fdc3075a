/* SPDX-License-Identifier: BSD-2-Clause
 *
 * A contact sheet: small pictures of a stream, evenly over its length, which is not known before its end. */
#ifndef ONYX_TOOLS_DETECT_SHEET_H
#define ONYX_TOOLS_DETECT_SHEET_H

#include <gst/gst.h>

typedef struct detect_sheet detect_sheet;

detect_sheet *detect_sheet_new(void);
void detect_sheet_free(detect_sheet *sheet); /* NULL is allowed */
/* Every frame, in order; most are only counted. Frames whose size or format is another one than the first's are left
 * out. */
void detect_sheet_add(detect_sheet *sheet, GstBuffer *buffer, GstCaps *caps);
/* The sheet as one raw RGB picture, three in a row; NULL: no frame came. */
GstSample *detect_sheet_make(const detect_sheet *sheet);

#endif
