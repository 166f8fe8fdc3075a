/* SPDX-License-Identifier: BSD-2-Clause
 *
 * In place of upgrade.c while the tree has none. */
#include "model/model.h"

onyx_status model_upgrade(model_file *file, onyx_error *error)
{
    (void)file;
    (void)error;
    return ONYX_OK;
}
