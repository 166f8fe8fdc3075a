/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Files as read-only memory: the model itself, and its external data, which is opened without leaving the model's
 * folder. */
#ifndef ONYX_MODEL_MAPPING_H
#define ONYX_MODEL_MAPPING_H

#include <stdint.h>
#include <sys/stat.h>

#include "base/memory.h"
#include "base/status.h"

typedef struct model_mapping {
    struct model_mapping *next;
    const char *name; /* path, or location of external data; in the arena */
    const uint8_t *data;
    size_t size;
    bool mapped;    /* else the caller's bytes */
    int descriptor; /* of the model file, kept for mapping_check; -1: none */
    struct stat state;
} model_mapping;

/* Maps a regular file of at most max_bytes. An empty file gives size 0 and data NULL. The structure is in the arena,
 * the mapping goes with mapping_close. */
onyx_status mapping_open(arena *a, const char *path, size_t max_bytes, model_mapping **result, onyx_error *error);

/* Memory of the caller's, as a mapping. */
onyx_status mapping_wrap(arena *a, const char *name, const void *bytes, size_t size, model_mapping **result,
                         onyx_error *error);

/* Finds or maps external data. `list` begins with the model's own file; `location` is relative to its folder, may have
 * neither ".." nor links in it, and must name a regular file with one name only (a hard link may be a file from
 * elsewhere). Where the model is opened through a link, the file may be one to what lies beside the model itself. */
onyx_status mapping_external(arena *a, model_mapping *list, const char *location, size_t max_bytes,
                             const model_mapping **result, onyx_error *error);

/* Fails when one of the files has changed since it was mapped: what was read of it may then be anything. */
onyx_status mapping_check(const model_mapping *list, onyx_error *error);

void mapping_close(model_mapping *list);
void mapping_drop_pages(const model_mapping *list);
/* The same for the pages that hold nothing but these bytes, where they lie in a file; elsewhere nothing happens. Others
 * may read them at the same time. */
void mapping_drop_bytes(const model_mapping *list, const void *bytes, size_t size);

#endif
