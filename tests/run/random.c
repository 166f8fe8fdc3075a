/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Random numbers of whole models: nodes without a seed have numbers of their own, which every session draws again. */
#include "control_graphs.h"

int main(void)
{
    result drawn[2];
    for (int i = 0; i < 2; i++) {
        writer graph = begin(false);
        put(&graph, "RandomNormalLike", "x", "y", NOTHING);
        put(&graph, "RandomNormalLike", "x", "z", NOTHING);
        put_output(&graph, "y");
        put_output(&graph, "z");
        drawn[i] = run(&graph, 2, 1, 0, 1 + i);
        CHECK(!drawn[i].status, "RandomNormalLike: %s", drawn[i].error.message);
    }
    const size_t bytes = 6 * sizeof(float);
    CHECK(memcmp(drawn[0].data[0], drawn[0].data[1], bytes) != 0, "two nodes have drawn the same numbers");
    CHECK(memcmp(drawn[0].data[0], drawn[1].data[0], bytes) == 0, "another session's second run has drawn others");
    return check_done();
}
