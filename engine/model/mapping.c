/* SPDX-License-Identifier: BSD-2-Clause
 *
 * All checks are made on the open descriptor, never on a path, so that nothing can be swapped in between. */
#include "model/mapping.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/size.h"

/* Checks an open file and maps it; takes the descriptor over. `what` begins each message. */
static onyx_status map_descriptor(arena *a, int descriptor, const char *what, const char *name, size_t max_bytes,
                                  bool single_link, model_mapping **result, onyx_error *error)
{
    onyx_status status = ONYX_OK;
    model_mapping *m = arena_alloc(a, sizeof *m);
    const char *kept = arena_string(a, name, strlen(name));
    if (!m || !kept) {
        close(descriptor);
        return status_fail(error, ONYX_ERROR_LIMIT, "%s: no memory left within max_memory_bytes", what);
    }
    m->name = kept;
    m->mapped = true;
    m->descriptor = descriptor;
    if (fstat(descriptor, &m->state) != 0)
        status = status_fail(error, ONYX_ERROR_IO, "%s cannot be examined: %s", what, strerror(errno));
    else if (S_ISDIR(m->state.st_mode))
        status = status_fail(error, ONYX_ERROR_IO, "%s is a folder, not a file", what);
    else if (!S_ISREG(m->state.st_mode))
        status = status_fail(error, ONYX_ERROR_IO, "%s is no regular file", what);
    else if (single_link && m->state.st_nlink != 1)
        status = status_fail(error, ONYX_ERROR_IO, "%s has %lu names (hard links); external data must have one", what,
                             (unsigned long)m->state.st_nlink);
    else if ((uintmax_t)m->state.st_size > max_bytes)
        status = status_fail(error, ONYX_ERROR_LIMIT, "%s has %jd bytes, more than %zu (max_model_bytes)", what,
                             (intmax_t)m->state.st_size, max_bytes);
    if (status == ONYX_OK && m->state.st_size > 0) {
        void *data = mmap(NULL, (size_t)m->state.st_size, PROT_READ, MAP_PRIVATE, descriptor, 0);
        if (data == MAP_FAILED) {
            status = status_fail(error, ONYX_ERROR_IO, "%s cannot be mapped: %s", what, strerror(errno));
        } else {
            m->data = data;
            m->size = (size_t)m->state.st_size;
            madvise(data, m->size, MADV_WILLNEED);
        }
    }
    if (status != ONYX_OK) {
        close(descriptor);
        return status;
    }
    *result = m;
    return ONYX_OK;
}

onyx_status mapping_open(arena *a, const char *path, size_t max_bytes, model_mapping **result, onyx_error *error)
{
    /* O_NONBLOCK: a FIFO must not hang us; it has no meaning for regular files. */
    int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (descriptor < 0)
        return status_fail(error, ONYX_ERROR_IO, "the file cannot be opened: %s", strerror(errno));
    return map_descriptor(a, descriptor, "the file", path, max_bytes, false, result, error);
}

onyx_status mapping_wrap(arena *a, const char *name, const void *bytes, size_t size, model_mapping **result,
                         onyx_error *error)
{
    model_mapping *m = arena_alloc(a, sizeof *m);
    const char *kept = arena_string(a, name, strlen(name));
    if (!m || !kept)
        return status_fail(error, ONYX_ERROR_LIMIT, "no memory left within max_memory_bytes");
    *m = (model_mapping){ .name = kept, .data = bytes, .size = size, .descriptor = -1 };
    *result = m;
    return ONYX_OK;
}

/* The folder that a path lies in, as a descriptor. */
static int open_folder_of(const char *path)
{
    char folder[4096];
    const char *slash = strrchr(path, '/');
    if (!slash)
        return open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    size_t length = MAX((size_t)(slash - path), 1); /* "/x": the root */
    if (length >= sizeof folder) {
        errno = ENAMETOOLONG;
        return -1;
    }
    memcpy(folder, path, length);
    folder[length] = '\0';
    return open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

/* Walks `location` from the folder, one component at a time and through no link. -1 and errno on failure. */
static int open_beneath(int folder, const char *location)
{
    int at = folder;
    for (const char *rest = location;;) {
        char name[256];
        size_t length = strcspn(rest, "/");
        const char *next = rest + length + strspn(rest + length, "/");
        if (length >= sizeof name) {
            errno = ENAMETOOLONG;
            break;
        }
        memcpy(name, rest, length);
        name[length] = '\0';
        bool last = *next == '\0';
        int flags = O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | (last ? 0 : O_DIRECTORY);
        int opened = openat(at, name, flags);
        int failure = errno;
        if (at != folder)
            close(at);
        errno = failure;
        if (last || opened < 0)
            return opened;
        at = opened;
        rest = next;
    }
    if (at != folder)
        close(at);
    return -1;
}

/* The file that `location` is a link to, if the model's path is a link, too, and both lead to one folder: there the
 * file lies beside the model, under another name (the cache of Hugging Face's hub has such folders of links). -1 and
 * errno ELOOP otherwise. */
static int open_beside_target(const char *model, const char *location)
{
    const char *slash = strrchr(model, '/');
    const int folder_length = slash ? (int)(slash + 1 - model) : 0;
    char path[4096];
    struct stat state;
    int descriptor = -1, failure = ELOOP;
    const int length = snprintf(path, sizeof path, "%.*s%s", folder_length, model, location);
    const bool linked = lstat(model, &state) == 0 && S_ISLNK(state.st_mode) && length < (int)sizeof path;
    char *target = linked ? realpath(model, NULL) : NULL, *data = target ? realpath(path, NULL) : NULL;
    if (data) {
        const size_t in = (size_t)(strrchr(data, '/') + 1 - data);
        if (strncmp(target, data, in) == 0 && !strchr(target + in, '/')) {
            const int folder = open_folder_of(target);
            descriptor = folder < 0 ? -1 : open_beneath(folder, data + in);
            failure = errno;
            if (folder >= 0)
                close(folder);
        }
    }
    free(target);
    free(data);
    errno = failure;
    return descriptor;
}

/* Whether a location can only name something beneath the folder. */
static bool is_beneath(const char *location)
{
    if (*location == '\0' || *location == '/')
        return false;
    for (const char *rest = location; *rest;) {
        size_t length = strcspn(rest, "/");
        if (length == 2 && rest[0] == '.' && rest[1] == '.')
            return false;
        rest += length;
        rest += strspn(rest, "/");
    }
    return true;
}

onyx_status mapping_external(arena *a, model_mapping *list, const char *location, size_t max_bytes,
                             const model_mapping **result, onyx_error *error)
{
    for (model_mapping *m = list->next; m; m = m->next) {
        if (strcmp(m->name, location) == 0) {
            *result = m;
            return ONYX_OK;
        }
    }
    if (!list->mapped)
        return status_fail(error, ONYX_ERROR_UNSUPPORTED,
                           "the tensor's data is in the file '%s', and a model from memory has no folder", location);
    if (!is_beneath(location))
        return status_fail(error, ONYX_ERROR_FORMAT,
                           "external data '%s' is not beneath the model's folder (no absolute path, no '..')",
                           location);
    int folder = open_folder_of(list->name);
    if (folder < 0)
        return status_fail(error, ONYX_ERROR_IO, "the model's folder cannot be opened: %s", strerror(errno));
    int descriptor = open_beneath(folder, location);
    int failure = errno;
    close(folder);
    if (descriptor < 0 && failure == ELOOP) {
        descriptor = open_beside_target(list->name, location);
        failure = errno;
    }
    if (descriptor < 0)
        return status_fail(error, ONYX_ERROR_IO, "external data '%s' cannot be opened: %s%s", location,
                           strerror(failure),
                           failure == ELOOP || failure == ENOTDIR
                               ? " (links are not followed, but from a link to the model to a file beside it)"
                               : "");
    char what[512];
    snprintf(what, sizeof what, "external data '%.450s'", location);
    model_mapping *m = NULL;
    STATUS_TRY(map_descriptor(a, descriptor, what, location, max_bytes, true, &m, error));
    close(m->descriptor); /* there may be thousands of these */
    m->descriptor = -1;
    m->next = list->next;
    list->next = m;
    *result = m;
    return ONYX_OK;
}

onyx_status mapping_check(const model_mapping *list, onyx_error *error)
{
    struct stat now;
    if (!list || list->descriptor < 0)
        return ONYX_OK;
    if (fstat(list->descriptor, &now) != 0)
        return status_fail(error, ONYX_ERROR_IO, "the file cannot be examined: %s", strerror(errno));
    if (now.st_size != list->state.st_size || now.st_mtim.tv_sec != list->state.st_mtim.tv_sec ||
        now.st_mtim.tv_nsec != list->state.st_mtim.tv_nsec)
        return status_fail(error, ONYX_ERROR_IO, "the file was changed while it was read (%jd bytes, now %jd)",
                           (intmax_t)list->state.st_size, (intmax_t)now.st_size);
    return ONYX_OK;
}

void mapping_close(model_mapping *list)
{
    for (model_mapping *m = list; m; m = m->next) {
        if (m->mapped && m->data)
            munmap((void *)(uintptr_t)m->data, m->size);
        if (m->descriptor >= 0)
            close(m->descriptor);
    }
}

void mapping_drop_pages(const model_mapping *list)
{
    for (const model_mapping *m = list; m; m = m->next)
        if (m->mapped && m->data)
            madvise((void *)(uintptr_t)m->data, m->size, MADV_DONTNEED);
}

void mapping_drop_bytes(const model_mapping *list, const void *bytes, size_t size)
{
    const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), at = (uintptr_t)bytes;
    const uintptr_t first = (at + page - 1) / page * page, end = (at + size) / page * page;
    for (const model_mapping *m = list; m; m = m->next) {
        const uintptr_t start = (uintptr_t)m->data;
        if (m->mapped && m->data && at >= start && at - start < m->size) {
            if (end > first)
                madvise((void *)first, end - first, MADV_DONTNEED);
            return;
        }
    }
}
