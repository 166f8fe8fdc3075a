/* SPDX-License-Identifier: BSD-2-Clause
 *
 * onyx eval: hands over to the program onyx-eval, which reads JSON with json-glib. */
#include "command.h"
#include "helper.h"
#include "verbs.h"

int verb_eval(int argc, char **argv)
{
    (void)argc;
    return helper_run("eval", "onyx-eval", argv,
                      "this build has no json-glib, which reads detections for it; install libjson-glib-dev and\n"
                      "libgstreamer-plugins-base1.0-dev and build again");
}
