/* SPDX-License-Identifier: BSD-2-Clause
 *
 * What stands between the two products of an attention besides Softmax: constants that are added to the scores (tables
 * of positions, masks of windows) and factors of whole matrices, around Reshapes that only split or join the batch, and
 * a mask that is computed. */
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

/* scores = product * factors + summands + mask */
typedef struct attention_scores {
    graph_product product;
    const graph_value *scores; /* as the products have them */
    attention_term factors[ATTENTION_MOST_TERMS], summands[ATTENTION_MOST_TERMS];
    int factor_count, summand_count;
    graph_value *mask; /* no constant; [.., queries or 1, keys], which broadcasts to the scores; or NULL */
} attention_scores;

/* Reads up from the value that Softmax reads to the product; false where something else is on the way. `scores` has the
 * shape that the product must have. */
bool attention_read_scores(graph_value *softmax_input, const graph_value *scores, attention_scores *found);
/* A view that joins or splits dims in front of the last two. */
bool attention_keeps_matrices(const graph_node *node);
/* The summands fit into one constant of moderate size. */
bool attention_terms_fit(const attention_scores *s);
/* The summands and the mask as one value [.., queries or 1, keys], computed in front of `node`, and the factors as one
 * [.., 1, 1], broadcast over the batch of the scores; NULL where there are none. */
onyx_status attention_add_terms(graph *g, const attention_scores *s, graph_node *node, graph_value **bias,
                                graph_value **factors, onyx_error *error);
/* A product of known shape with nothing in it but a factor. */
bool attention_plain_product(const graph_node *node, graph_product *p);

#endif
