/* SPDX-License-Identifier: BSD-2-Clause
 *
 * onyx detect: hands over to the program onyx-detect, which decodes pictures and videos with GStreamer. It is a
 * program of its own so that every other verb starts without GLib. */
#include "command.h"
#include "verbs.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Beside this executable (a build folder), else where it was installed. */
static bool find_helper(char *path, size_t size)
{
    ssize_t length = readlink("/proc/self/exe", path, size - 1);
    if (length > 0) {
        path[length] = '\0';
        char *slash = strrchr(path, '/');
        size_t left = size - (size_t)(slash + 1 - path);
        if (snprintf(slash + 1, left, "onyx-detect") < (int)left && access(path, X_OK) == 0)
            return true;
    }
    snprintf(path, size, "%s/onyx-detect", ONYX_LIBEXEC_DIR);
    return access(path, X_OK) == 0;
}

int verb_detect(int argc, char **argv)
{
    char path[PATH_MAX];
    (void)argc;
    if (!find_helper(path, sizeof path))
        return wanting("detect",
                       "this build has no GStreamer, which reads pictures and videos for it; install\n"
                       "libgstreamer-plugins-base1.0-dev and build again (onyx run and onyx bench work without)");
    execv(path, argv);
    return wanting("detect", "%s: %s", path, strerror(errno));
}
