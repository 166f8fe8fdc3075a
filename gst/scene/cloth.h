/* SPDX-License-Identifier: BSD-2-Clause
 *
 * What a person's surface looks like: skin, faces, hair, fabric with folds and patterns. */
#ifndef ONYX_SCENE_CLOTH_H
#define ONYX_SCENE_CLOTH_H

#include "figure.h"
#include "light.h"

/* Linear light from a point of a part; point and normal in the part's own space, view points from the eye. */
vec3 cloth_shade(const light *lamps, const figure *f, const part *p, vec3 point, vec3 normal, vec3 view);

#endif
