/* SPDX-License-Identifier: BSD-2-Clause
 *
 * What stands between the two products of an attention besides Softmax: constants that are added to the scores (tables
 * of positions, masks of windows) and factors of whole matrices, around Reshapes that only split or join the batch. */
#ifndef ONYX_GRAPH_PASS_ATTENTION_H
#define ONYX_GRAPH_PASS_ATTENTION_H

#include "graph/passes.h"

enum { ATTENTION_MOST_TERMS = 4 };

/* A constant, and the dims of the scores where it meets them. */
typedef struct attention_term {
    graph_value *constant;
    int rank;
    int64_t dims[ONYX_MAX_RANK];
} attention_term;

/* scores = product * factors + summands */
typedef struct attention_scores {
    graph_product product;
    const graph_value *scores; /* what Softmax reads */
    attention_term factors[ATTENTION_MOST_TERMS], summands[ATTENTION_MOST_TERMS];
    int factor_count, summand_count;
} attention_scores;

/* Reads up from the value that Softmax reads to the product; false where something else is on the way. */
bool attention_read_scores(graph_value *scores, attention_scores *found);
/* The summands fit into one constant of moderate size. */
bool attention_terms_fit(const attention_scores *s);
/* The summands as one constant [.., queries, keys] and the factors as one [.., 1, 1], broadcast over the batch of the
 * scores; NULL where there are none. */
onyx_status attention_add_terms(graph *g, const attention_scores *s, const char *name, graph_value **bias,
                                graph_value **factors, onyx_error *error);
/* A product of known shape with nothing in it but a factor. */
bool attention_plain_product(const graph_node *node, graph_product *p);

#endif
