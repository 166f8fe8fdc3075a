/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Times of day. */
#include "light.h"

void light_make(light *l, scene_light kind)
{
    static const light lights[] = {
        [LIGHT_DAY] = { .sky = { 0.50f, 0.51f, 0.53f },
                        .bounce = { 0.19f, 0.18f, 0.17f },
                        .key_way = { 0.35f, -0.55f, 0.76f },
                        .key = { 0.50f, 0.49f, 0.47f },
                        .fill_way = { -0.6f, 0.45f, 0.66f },
                        .fill = { 0.16f, 0.17f, 0.19f },
                        .outside = { 1.5f, 1.6f, 1.75f },
                        .exposure = 1.2f,
                        .shadow = 0.55f },
        [LIGHT_EVENING] = { .sky = { 0.50f, 0.44f, 0.36f },
                            .bounce = { 0.17f, 0.14f, 0.11f },
                            .key_way = { -0.3f, 0.3f, 0.9f },
                            .key = { 0.50f, 0.43f, 0.33f },
                            .fill_way = { 0.6f, -0.5f, 0.62f },
                            .fill = { 0.14f, 0.12f, 0.09f },
                            .outside = { 0.05f, 0.06f, 0.10f },
                            .exposure = 1.2f,
                            .shadow = 0.5f },
        [LIGHT_DIM] = { .sky = { 0.22f, 0.22f, 0.24f },
                        .bounce = { 0.07f, 0.07f, 0.07f },
                        .key_way = { 0.2f, 0.5f, 0.84f },
                        .key = { 0.20f, 0.20f, 0.21f },
                        .fill_way = { -0.7f, -0.3f, 0.65f },
                        .fill = { 0.06f, 0.06f, 0.08f },
                        .outside = { 0.10f, 0.11f, 0.14f },
                        .exposure = 1.1f,
                        .shadow = 0.4f },
        [LIGHT_HARSH] = { .sky = { 0.30f, 0.31f, 0.33f },
                          .bounce = { 0.10f, 0.10f, 0.09f },
                          .key_way = { 0.55f, -0.62f, 0.56f },
                          .key = { 0.95f, 0.90f, 0.80f },
                          .fill_way = { -0.6f, 0.45f, 0.66f },
                          .fill = { 0.08f, 0.09f, 0.11f },
                          .outside = { 2.2f, 2.2f, 2.2f },
                          .exposure = 1.2f,
                          .shadow = 0.7f },
    };
    *l = lights[kind];
    l->key_way = vec_unit(l->key_way);
    l->fill_way = vec_unit(l->fill_way);
}
