/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Checks of the operator table itself, then all sweeps. */
#include "own.h"

#include <string.h>

#include "ops/params.h"

/* ---- the table ---- */

static void check_table(void)
{
    int count;
    const op_row *rows = op_rows(&count);
    for (int i = 0; i < count; i++) {
        const op_row *row = &rows[i];
        own_check(row->shape && (row->run || row->flags & (OP_CONTROL | OP_CONTAINER)), "%s has no functions", row->name);
        own_check((row->params_size > 0) == (row->parse != NULL) || row->params_size == 0, "%s: params without parse",
                  row->name);
        own_check(row->types != 0 && row->min_inputs <= row->max_inputs && row->min_outputs <= row->max_outputs,
                  "%s: types or counts", row->name);
        own_check(op_find(row->domain, row->name, row->first_version) == row, "%s is not found at its first version",
                  row->name);
        own_check(op_find(row->domain, row->name, row->first_version - 1) != row, "%s is found before it began",
                  row->name);
        if (i == 0)
            continue;
        const op_row *before = &rows[i - 1];
        int order = strcmp(before->domain, row->domain);
        order = order ? order : strcmp(before->name, row->name);
        own_check(order < 0 || (order == 0 && before->last_version < row->first_version && before->last_version > 0),
                  "%s stands out of order behind %s", row->name, before->name);
    }
    own_check(op_find("ai.onnx", "Relu", 14) == op_find("", "Relu", 14), "ai.onnx is not the default domain");
    own_check(!op_find("", "NoSuchOperator", 14), "an operator that does not exist was found");
}

/* Every act has a name that is found again. */
static void check_acts(void)
{
    for (int i = 0; i < OP_ACT_COUNT; i++) {
        op_act act = OP_ACT_COUNT;
        own_check(op_act_find(op_act_name((op_act)i), &act) && act == (op_act)i, "act %d", i);
    }
}

int main(void)
{
    check_table();
    check_acts();
    own_windows();
    own_resize();
    own_grid();
    own_elements();
    own_fused();
    own_quantised();
    own_products();
    own_regions();
    return own_done();
}
