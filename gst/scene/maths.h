/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Arithmetic of the scene. Only + - * / and sqrt, which IEEE 754 rounds alike everywhere (the folder is built without
 * contraction), and our own sine and random numbers: a seed gives the same world and the same pixels on any machine. */
#ifndef ONYX_SCENE_MATHS_H
#define ONYX_SCENE_MATHS_H

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SCENE_PI 3.14159265358979323846

typedef struct vec3 {
    float x, y, z;
} vec3;

static inline vec3 vec(float x, float y, float z)
{
    return (vec3){ x, y, z };
}

static inline vec3 vec_add(vec3 a, vec3 b)
{
    return vec(a.x + b.x, a.y + b.y, a.z + b.z);
}

static inline vec3 vec_sub(vec3 a, vec3 b)
{
    return vec(a.x - b.x, a.y - b.y, a.z - b.z);
}

static inline vec3 vec_scale(vec3 a, float s)
{
    return vec(a.x * s, a.y * s, a.z * s);
}

/* a + b * s */
static inline vec3 vec_along(vec3 a, vec3 b, float s)
{
    return vec(a.x + b.x * s, a.y + b.y * s, a.z + b.z * s);
}

static inline vec3 vec_times(vec3 a, vec3 b)
{
    return vec(a.x * b.x, a.y * b.y, a.z * b.z);
}

static inline vec3 vec_mix(vec3 a, vec3 b, float t)
{
    return vec(a.x + (b.x - a.x) * t, a.y + (b.y - a.y) * t, a.z + (b.z - a.z) * t);
}

static inline float vec_dot(vec3 a, vec3 b)
{
    return a.x * b.x + a.y * b.y + a.z * b.z;
}

static inline vec3 vec_cross(vec3 a, vec3 b)
{
    return vec(a.y * b.z - a.z * b.y, a.z * b.x - a.x * b.z, a.x * b.y - a.y * b.x);
}

static inline float vec_length(vec3 a)
{
    return sqrtf(vec_dot(a, a));
}

static inline vec3 vec_unit(vec3 a)
{
    float length = vec_length(a);
    return length > 1e-12f ? vec_scale(a, 1.0f / length) : vec(0, 0, 1);
}

static inline float clampf(float x, float low, float high)
{
    return x < low ? low : x > high ? high : x;
}

/* 0 below `low`, 1 above `high`, smooth between. */
static inline float smooth(float low, float high, float x)
{
    float t = clampf((x - low) / (high - low), 0, 1);
    return t * t * (3 - 2 * t);
}

/* Error below 1e-9 over +-1e6. */
static inline double scene_sin(double x)
{
    double turns = x * (1.0 / (2.0 * SCENE_PI));
    double r = (turns - floor(turns + 0.5)) * 2.0 * SCENE_PI; /* -pi..pi */
    if (r > SCENE_PI / 2)
        r = SCENE_PI - r;
    else if (r < -SCENE_PI / 2)
        r = -SCENE_PI - r;
    double s = r * r;
    return r * (1.0 +
                s * (-1.0 / 6 + s * (1.0 / 120 + s * (-1.0 / 5040 +
                                                      s * (1.0 / 362880 + s * (-1.0 / 39916800 + s / 6227020800.0))))));
}

static inline double scene_cos(double x)
{
    return scene_sin(x + SCENE_PI / 2);
}

/* ---- random numbers: splitmix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014) ---- */

typedef struct scene_rng {
    uint64_t state;
} scene_rng;

static inline uint64_t scene_hash64(uint64_t z)
{
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static inline uint64_t scene_next(scene_rng *rng)
{
    rng->state += UINT64_C(0x9e3779b97f4a7c15);
    return scene_hash64(rng->state);
}

/* 0 <= x < 1 */
static inline double scene_uniform(scene_rng *rng)
{
    return (double)(scene_next(rng) >> 11) * (1.0 / 9007199254740992.0);
}

static inline double scene_between(scene_rng *rng, double low, double high)
{
    return low + (high - low) * scene_uniform(rng);
}

/* 0 <= x < n */
static inline int scene_pick(scene_rng *rng, int n)
{
    return (int)((scene_next(rng) >> 32) * (uint64_t)n >> 32);
}

static inline bool scene_chance(scene_rng *rng, double probability)
{
    return scene_uniform(rng) < probability;
}

/* A number of 0..1 that belongs to a cell of a grid. */
static inline float scene_cell(int32_t x, int32_t y, uint32_t salt)
{
    uint32_t h = (uint32_t)x * 0x8da6b343u ^ (uint32_t)y * 0xd8163841u ^ salt * 0xcb1ab31fu;
    h = (h ^ (h >> 15)) * 0x2c1b3c6du;
    h = (h ^ (h >> 12)) * 0x297a2d39u;
    h ^= h >> 15;
    return (float)(h >> 8) * (1.0f / 16777216.0f);
}

/* Smooth noise of 0..1, a cell per unit. */
static inline float scene_noise(float x, float y, uint32_t salt)
{
    float fx = floorf(x), fy = floorf(y);
    int32_t ix = (int32_t)fx, iy = (int32_t)fy;
    float u = x - fx, v = y - fy;
    u = u * u * (3 - 2 * u);
    v = v * v * (3 - 2 * v);
    float a = scene_cell(ix, iy, salt), b = scene_cell(ix + 1, iy, salt);
    float c = scene_cell(ix, iy + 1, salt), d = scene_cell(ix + 1, iy + 1, salt);
    return (a + (b - a) * u) * (1 - v) + (c + (d - c) * u) * v;
}

/* The slope of the same noise. */
static inline void scene_noise_slope(float x, float y, uint32_t salt, float *dx, float *dy)
{
    float fx = floorf(x), fy = floorf(y);
    int32_t ix = (int32_t)fx, iy = (int32_t)fy;
    float u = x - fx, v = y - fy;
    float du = 6 * u * (1 - u), dv = 6 * v * (1 - v);
    u = u * u * (3 - 2 * u);
    v = v * v * (3 - 2 * v);
    float a = scene_cell(ix, iy, salt), b = scene_cell(ix + 1, iy, salt);
    float c = scene_cell(ix, iy + 1, salt), d = scene_cell(ix + 1, iy + 1, salt);
    *dx = du * ((b - a) * (1 - v) + (d - c) * v);
    *dy = dv * ((c - a) * (1 - u) + (d - b) * u);
}

#endif
