/* SPDX-License-Identifier: BSD-2-Clause
 *
 * write_model FILE: the tiny detector as a file, for tests that run pipelines from outside. */
#include "tiny_model.h"

int main(int argc, char **argv)
{
    if (argc != 2) {
        g_printerr("usage: write_model FILE\n");
        return 2;
    }
    tiny_model_write(argv[1], TINY_DETECTOR, "{0: 'red', 1: 'blue'}");
    return 0;
}
