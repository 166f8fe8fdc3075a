/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Looking attributes up by name and type. */
#include <string.h>

#include "ops/ops.h"

const op_attribute *op_attribute_find(const op_attributes *attributes, const char *name, op_attribute_type type)
{
    for (int i = 0; i < attributes->count; i++) {
        const op_attribute *attribute = &attributes->list[i];
        if (attribute->type == type && strcmp(attribute->name, name) == 0)
            return attribute;
    }
    return NULL;
}

int64_t op_attribute_int(const op_attributes *attributes, const char *name, int64_t otherwise)
{
    const op_attribute *attribute = op_attribute_find(attributes, name, OP_ATTRIBUTE_INT);
    return attribute ? attribute->i : otherwise;
}

float op_attribute_float(const op_attributes *attributes, const char *name, float otherwise)
{
    const op_attribute *attribute = op_attribute_find(attributes, name, OP_ATTRIBUTE_FLOAT);
    return attribute ? attribute->f : otherwise;
}

const char *op_attribute_string(const op_attributes *attributes, const char *name, const char *otherwise)
{
    const op_attribute *attribute = op_attribute_find(attributes, name, OP_ATTRIBUTE_STRING);
    return attribute ? attribute->s : otherwise;
}

onyx_status op_attribute_choice(const op_parse_context *context, const char *name, const char *otherwise,
                                const char *const *names, size_t count, int *index)
{
    const char *text = op_attribute_string(&context->attributes, name, otherwise);
    for (size_t i = 0; i < count; i++)
        if (strcmp(text, names[i]) == 0) {
            *index = (int)i;
            return ONYX_OK;
        }
    return status_fail(context->error, ONYX_ERROR_UNSUPPORTED, "%s \"%s\" is unknown", name, text);
}
