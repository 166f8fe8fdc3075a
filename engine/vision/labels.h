/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Names of well-known classes, for models that carry none. */
#ifndef ONYX_VISION_LABELS_H
#define ONYX_VISION_LABELS_H

extern const char *const vision_coco_labels[80];

#endif
