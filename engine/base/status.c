/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Messages are cut, never overrun, and always clean UTF-8. */
#include "base/status.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/size.h"
#include "base/utf8.h"

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

/* Ends a message that vsnprintf may have cut inside a character, and takes out what a terminal or a UTF-8 reader must
 * not see: names come from files. `written` is what vsnprintf returned. */
static void clean(char *text, size_t size, int written)
{
    if (written < 0)
        written = 0;
    size_t length = MIN((size_t)written, size - 1);
    if ((size_t)written >= size)
        for (size_t back = 1; back < 4 && back <= length; back++)
            if ((unsigned char)text[length - back] >= 0xC0 && !utf8_character(text + length - back, back))
                length -= back;
    text[length] = '\0';
    utf8_repair(text, length);
    for (char *c = text; *c; c++)
        if ((unsigned char)*c < 0x20 && *c != '\n' && *c != '\t')
            *c = '?';
}

onyx_status status_fail(onyx_error *error, onyx_status status, const char *format, ...)
{
    if (error) {
        va_list arguments;
        va_start(arguments, format);
        int written = vsnprintf(error->message, sizeof error->message, format, arguments);
        va_end(arguments);
        clean(error->message, sizeof error->message, written);
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
        clean(prefix, sizeof prefix, written);
        memcpy(rest, error->message, sizeof rest);
        rest[sizeof rest - 1] = '\0';
        written = snprintf(error->message, sizeof error->message, "%s: %s", prefix, rest);
        clean(error->message, sizeof error->message, written);
        error->status = status;
    }
    return status;
}

onyx_status status_no_memory(onyx_error *error, size_t bytes, const char *what)
{
    return status_fail(error, ONYX_ERROR_MEMORY, "out of memory (%zu bytes for %s)", bytes, what);
}
