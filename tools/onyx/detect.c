/* SPDX-License-Identifier: BSD-2-Clause
 *
 * onyx detect: hands over to the program onyx-detect, which decodes pictures and videos with GStreamer. It is a
 * program of its own so that every other verb starts without GLib. */
#include "command.h"
#include "helper.h"
#include "verbs.h"

int verb_detect(int argc, char **argv)
{
    (void)argc;
    return helper_run("detect", "onyx-detect", argv,
                      "this build has no GStreamer, which reads pictures and videos for it; install\n"
                      "libgstreamer-plugins-base1.0-dev and build again (onyx run and onyx bench work without)");
}
