/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Finds and starts the programs behind verbs. */
#include "helper.h"

#include "command.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static bool find(const char *name, char *path, size_t size)
{
    ssize_t length = readlink("/proc/self/exe", path, size - 1);
    if (length > 0) {
        path[length] = '\0';
        char *slash = strrchr(path, '/');
        size_t left = size - (size_t)(slash + 1 - path);
        if (snprintf(slash + 1, left, "%s", name) < (int)left && access(path, X_OK) == 0)
            return true;
    }
    snprintf(path, size, "%s/%s", ONYX_LIBEXEC_DIR, name);
    return access(path, X_OK) == 0;
}

int helper_run(const char *verb, const char *name, char **argv, const char *without)
{
    char path[PATH_MAX];
    if (!find(name, path, sizeof path))
        return wanting(verb, "%s", without);
    execv(path, argv);
    return wanting(verb, "%s: %s", path, strerror(errno));
}
