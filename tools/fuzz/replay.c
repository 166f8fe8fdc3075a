/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Runs a fuzz target on each file of the folders that are given (its seeds, and what it has found), and then on damaged
 * copies of them: the same ones each time. A crash leaves its input's seed number in the message before it.
 *
 * usage: replay [-n COPIES] [-s FIRST] FOLDER... */
#include <dirent.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint32_t next_random(uint32_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 17;
    *state ^= *state << 5;
    return *state;
}

/* Values at which sizes and counts go wrong. */
static const uint8_t edges[] = { 0, 1, 2, 3, 7, 8, 16, 63, 127, 128, 254, 255 };

/* One to four small changes: a bit, a byte of any value, an edge, a piece copied elsewhere. */
static void damage(uint8_t *data, size_t size, uint32_t *state)
{
    for (uint32_t changes = 1 + next_random(state) % 4; changes > 0; changes--) {
        size_t at = next_random(state) % size;
        switch (next_random(state) % 4) {
        case 0:
            data[at] ^= (uint8_t)(1u << next_random(state) % 8);
            break;
        case 1:
            data[at] = (uint8_t)next_random(state);
            break;
        case 2:
            data[at] = edges[next_random(state) % sizeof edges];
            break;
        default: {
            size_t from = next_random(state) % size, length = 1 + next_random(state) % 16;
            length = length > size - from ? size - from : length;
            length = length > size - at ? size - at : length;
            memmove(data + at, data + from, length);
        }
        }
    }
}

/* The input lies in a block of exactly its size, so that reads past its end are seen. */
static void replay_file(const char *path, uint32_t first, uint32_t copies)
{
    struct stat state;
    FILE *file = fopen(path, "rb");
    if (!CHECK(file && fstat(fileno(file), &state) == 0, "%s cannot be read", path))
        return;
    size_t size = (size_t)state.st_size;
    uint8_t *data = malloc(size ? size : 1), *changed = malloc(size ? size : 1);
    if (CHECK(data && changed && fread(data, 1, size, file) == size, "%s cannot be read", path))
        CHECK(LLVMFuzzerTestOneInput(data, size) == 0, "%s", path);
    for (uint32_t i = first; data && changed && size && i < first + copies; i++) {
        uint32_t random = (i + 1) * 2654435761u | 1;
        memcpy(changed, data, size);
        damage(changed, size, &random);
        /* What is running now, should it crash: the last line of the output. */
        printf("%s: damaged copy %u\r", path, i);
        LLVMFuzzerTestOneInput(changed, size);
    }
    free(data);
    free(changed);
    fclose(file);
}

int main(int argc, char **argv)
{
    uint32_t first = 0, copies = 0;
    for (int option; (option = getopt(argc, argv, "n:s:")) != -1;) {
        if (option == 'n')
            copies = (uint32_t)strtoul(optarg, NULL, 10);
        else if (option == 's')
            first = (uint32_t)strtoul(optarg, NULL, 10);
        else
            return 2;
    }
    setvbuf(stdout, NULL, _IONBF, 0);
    for (int i = optind; i < argc; i++) {
        DIR *folder = opendir(argv[i]);
        if (!CHECK(folder != NULL, "%s is no folder", argv[i]))
            continue;
        for (const struct dirent *entry; (entry = readdir(folder));) {
            char path[4096];
            snprintf(path, sizeof path, "%s/%s", argv[i], entry->d_name);
            if (entry->d_name[0] != '.')
                replay_file(path, first, copies);
        }
        closedir(folder);
    }
    putchar('\n');
    return check_done();
}
