/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Messages are cut, never overrun: they end on a whole UTF-8 character. */
#include "base/status.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const char *onyx_status_name(onyx_status status)
{
    switch (status) {
    case ONYX_OK:
        return "ok";
    case ONYX_ERROR_ARGUMENT:
        return "wrong argument";
    case ONYX_ERROR_IO:
        return "input/output error";
    case ONYX_ERROR_FORMAT:
        return "format error";
    case ONYX_ERROR_LIMIT:
        return "limit exceeded";
    case ONYX_ERROR_UNSUPPORTED:
        return "unsupported";
    case ONYX_ERROR_SHAPE:
        return "shape mismatch";
    case ONYX_ERROR_TYPE:
        return "type mismatch";
    case ONYX_ERROR_MEMORY:
        return "out of memory";
    case ONYX_ERROR_DEVICE:
        return "device error";
    case ONYX_ERROR_INTERNAL:
        return "internal error";
    }
    return "unknown status";
}

/* vsnprintf may cut inside a multi-byte character: drop its first bytes then. `written` is what it returned. */
static void end_on_character(char *text, size_t size, int written)
{
    if (written < 0) {
        text[0] = '\0';
        return;
    }
    if ((size_t)written < size)
        return;
    size_t end = size - 1, start = end;
    while (start > 0 && end - start < 4 && ((unsigned char)text[start - 1] & 0xC0) == 0x80)
        start--;
    if (start > 0 && (unsigned char)text[start - 1] >= 0xC0) {
        unsigned char lead = (unsigned char)text[start - 1];
        size_t need = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
        if (end - (start - 1) < need)
            text[start - 1] = '\0';
    }
}

onyx_status status_fail(onyx_error *error, onyx_status status, const char *format, ...)
{
    if (error) {
        va_list arguments;
        va_start(arguments, format);
        int written = vsnprintf(error->message, sizeof error->message, format, arguments);
        va_end(arguments);
        end_on_character(error->message, sizeof error->message, written);
        error->status = status;
    }
    return status;
}

onyx_status status_context(onyx_error *error, onyx_status status, const char *format, ...)
{
    if (error) {
        char prefix[ONYX_ERROR_MESSAGE_SIZE / 2];
        char rest[ONYX_ERROR_MESSAGE_SIZE];
        va_list arguments;
        va_start(arguments, format);
        int written = vsnprintf(prefix, sizeof prefix, format, arguments);
        va_end(arguments);
        end_on_character(prefix, sizeof prefix, written);
        memcpy(rest, error->message, sizeof rest);
        rest[sizeof rest - 1] = '\0';
        written = snprintf(error->message, sizeof error->message, "%s: %s", prefix, rest);
        end_on_character(error->message, sizeof error->message, written);
        error->status = status;
    }
    return status;
}

onyx_status status_no_memory(onyx_error *error, size_t bytes, const char *what)
{
    return status_fail(error, ONYX_ERROR_MEMORY, "out of memory (%zu bytes for %s)", bytes, what);
}
