/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The one way for errors: a status is returned, and a message written once, where the fault is seen. Callers that know
 * more (the node, the file) prepend it with status_context. */
#ifndef ONYX_BASE_STATUS_H
#define ONYX_BASE_STATUS_H

#include "onyx.h"

#define ONYX_PRINTF(text, first) __attribute__((format(printf, text, first)))

/* Fills *error (if not NULL) and returns `status`. */
onyx_status status_fail(onyx_error *error, onyx_status status, const char *format, ...) ONYX_PRINTF(3, 4);
/* Puts "<text>: " before the message that is there; returns error's status. */
onyx_status status_context(onyx_error *error, onyx_status status, const char *format, ...) ONYX_PRINTF(3, 4);
/* status_fail(error, ONYX_ERROR_MEMORY, "out of memory (N bytes for WHAT)") */
onyx_status status_no_memory(onyx_error *error, size_t bytes, const char *what);

/* Returns from the calling function when `call` does not succeed; only while nothing is owned. */
#define STATUS_TRY(call)                                                                                               \
    do {                                                                                                               \
        onyx_status status_try_ = (call);                                                                              \
        if (status_try_ != ONYX_OK)                                                                                    \
            return status_try_;                                                                                        \
    } while (0)

#endif
