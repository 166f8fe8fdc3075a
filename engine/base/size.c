/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Checked products of dimensions. */
#include "base/size.h"

bool size_count(const int64_t *dims, int rank, size_t *count)
{
    size_t product = 1;
    bool empty = false;
    for (int i = 0; i < rank; i++) {
        if (dims[i] < 0 || (uint64_t)dims[i] > SIZE_MAX)
            return false;
        empty |= dims[i] == 0;
    }
    /* A tensor with a zero dimension is empty, however large the others are. */
    for (int i = 0; i < rank && !empty; i++)
        if (!size_mul(product, (size_t)dims[i], &product))
            return false;
    *count = empty ? 0 : product;
    return true;
}
