/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Weights in the form that a kernel wants. The programs of a model, one per set of input shapes, share what they have
 * in common: the same constant in the same form exists once, as long as some program uses it. */
#ifndef ONYX_PLAN_PACKED_H
#define ONYX_PLAN_PACKED_H

#include "base/status.h"
#include "base/workers.h"
#include "graph/graph.h"

/* Of one model. Not locked: one compilation at a time, and no program is freed meanwhile. */
typedef struct packed_store packed_store;
packed_store *packed_store_new(void);
void packed_store_free(packed_store *store); /* after the last program; NULL is allowed */
/* Bytes of all blocks that some program uses. */
size_t packed_store_bytes(const packed_store *store);

/* What one program uses. */
typedef struct packed_set packed_set;
packed_set *packed_set_new(packed_store *store);
void packed_set_free(packed_set *set); /* frees what no other program uses; NULL is allowed */

/* Writes the packed form of `source`, a constant's data at any alignment. */
typedef void packed_function(const void *form, const void *source, void *packed);

/* Where the packed form of a constant is, or will be after packed_set_write. Another program shares it if the constant,
 * the function and all bytes of `form` are the same, so form holds all that the result depends on, and its padding is
 * zero. The constant's data, of which a reference is held, and the copy of `form` are read in packed_set_write at the
 * latest. NULL when memory is out.
 */
const void *packed_set_add(packed_set *set, const graph_value *constant, packed_function *function, const void *form,
                           size_t form_bytes, size_t bytes);
/* The form of what steps read as it is: a copy. form: its size_t bytes. Constants up to PACKED_COPY_BYTES are copied
 * from the model's file, which somebody may cut or overwrite while it is mapped; not large tables, such as a language's
 * words, of which a run reads few rows. */
void packed_copy(const void *form, const void *source, void *packed);
#define PACKED_COPY_BYTES ((size_t)16 << 20)
/* Packs what no earlier program had, on the threads of the pool (or NULL). What has been packed goes from memory, be it
 * a constant that nobody else holds or pages of `file`: else all weights would be there twice. */
onyx_status packed_set_write(packed_set *set, const model_file *file, workers *pool, size_t limit_bytes,
                             onyx_error *error);

#endif
