/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Runs a fuzz target once on each file of the folders that are given: its seeds, and what it has found. */
#include <dirent.h>
#include <stdint.h>
#include <sys/stat.h>

#include "check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The input lies in a block of exactly its size, so that reads past its end are seen. */
static void replay_file(const char *path)
{
    struct stat state;
    FILE *file = fopen(path, "rb");
    if (!CHECK(file && fstat(fileno(file), &state) == 0, "%s cannot be read", path))
        return;
    size_t size = (size_t)state.st_size;
    uint8_t *data = malloc(size ? size : 1);
    if (CHECK(data && fread(data, 1, size, file) == size, "%s cannot be read", path))
        CHECK(LLVMFuzzerTestOneInput(data, size) == 0, "%s", path);
    free(data);
    fclose(file);
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        DIR *folder = opendir(argv[i]);
        if (!CHECK(folder != NULL, "%s is no folder", argv[i]))
            continue;
        for (const struct dirent *entry; (entry = readdir(folder));) {
            char path[4096];
            snprintf(path, sizeof path, "%s/%s", argv[i], entry->d_name);
            if (entry->d_name[0] != '.')
                replay_file(path);
        }
        closedir(folder);
    }
    return check_done();
}
