/* SPDX-License-Identifier: BSD-2-Clause
 *
 * libonyx: runs ONNX models. This header is the whole public interface.
 *
 * A model (onyx_model) is read once, checked and compiled; it is immutable, reference counted and may be used from
 * any thread. A session (onyx_session) owns the memory of one run at a time: make one per stream or thread.
 *
 *     onyx_error error;
 *     onyx_model *model = NULL;
 *     onyx_session *session = NULL;
 *     onyx_tensor input;
 *     onyx_outputs *outputs = NULL;
 *     onyx_options options = ONYX_OPTIONS(.threads = 2);
 *
 *     if (onyx_model_open("yolo11n.onnx", &options, &model, &error) ||
 *         onyx_session_new(model, NULL, &session, &error) ||
 *         onyx_session_input(session, 0, &input, &error))
 *         puts(error.message);
 *     ... write input.data, input.size_bytes bytes ...
 *     if (onyx_session_run(session, &outputs, &error) == ONYX_OK) {
 *         onyx_tensor out;
 *         onyx_outputs_get(outputs, 0, &out);
 *         ...
 *         onyx_outputs_unref(outputs);
 *     }
 *
 * Errors: every fallible call returns an onyx_status (0 is success) and takes an optional onyx_error, which is filled
 * on failure with a message that names the file, the node and the operator. Nothing is printed, no call exits, and
 * there is no global state. On failure, out-parameters are left untouched unless said otherwise.
 */
#ifndef ONYX_H
#define ONYX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define ONYX_API __attribute__((visibility("default")))
#else
#define ONYX_API
#endif

/* ---------------------------------------------------------------------------------------------- errors and types */

typedef enum onyx_status {
    ONYX_OK = 0,
    ONYX_ERROR_ARGUMENT,    /* the call is wrong: NULL, index out of range, size mismatch */
    ONYX_ERROR_IO,          /* a file cannot be opened or read */
    ONYX_ERROR_FORMAT,      /* the bytes are no valid ONNX model (or tensor) */
    ONYX_ERROR_LIMIT,       /* a budget of onyx_options was exceeded */
    ONYX_ERROR_UNSUPPORTED, /* an operator, version, type or option that this build does not have */
    ONYX_ERROR_SHAPE,       /* shapes do not fit together */
    ONYX_ERROR_TYPE,        /* element types do not fit together */
    ONYX_ERROR_MEMORY,      /* allocation failed */
    ONYX_ERROR_DEVICE,      /* the wished device cannot be used */
    ONYX_ERROR_INTERNAL     /* a bug in Onyx */
} onyx_status;

#define ONYX_ERROR_MESSAGE_SIZE 2048

typedef struct onyx_error {
    onyx_status status;
    char message[ONYX_ERROR_MESSAGE_SIZE]; /* UTF-8, one or more lines, always terminated */
} onyx_error;

/* A short English name of a status, never NULL. */
ONYX_API const char *onyx_status_name(onyx_status status);

/* Element types; the numbers are ONNX's TensorProto.DataType. */
typedef enum onyx_type {
    ONYX_TYPE_UNDEFINED = 0,
    ONYX_TYPE_FLOAT32 = 1,
    ONYX_TYPE_UINT8 = 2,
    ONYX_TYPE_INT8 = 3,
    ONYX_TYPE_UINT16 = 4,
    ONYX_TYPE_INT16 = 5,
    ONYX_TYPE_INT32 = 6,
    ONYX_TYPE_INT64 = 7,
    ONYX_TYPE_STRING = 8,
    ONYX_TYPE_BOOL = 9,
    ONYX_TYPE_FLOAT16 = 10,
    ONYX_TYPE_FLOAT64 = 11,
    ONYX_TYPE_UINT32 = 12,
    ONYX_TYPE_UINT64 = 13,
    ONYX_TYPE_COMPLEX64 = 14,
    ONYX_TYPE_COMPLEX128 = 15,
    ONYX_TYPE_BFLOAT16 = 16,
    ONYX_TYPE_FLOAT8E4M3FN = 17,
    ONYX_TYPE_FLOAT8E4M3FNUZ = 18,
    ONYX_TYPE_FLOAT8E5M2 = 19,
    ONYX_TYPE_FLOAT8E5M2FNUZ = 20,
    ONYX_TYPE_UINT4 = 21,
    ONYX_TYPE_INT4 = 22,
    ONYX_TYPE_FLOAT4E2M1 = 23,
    ONYX_TYPE_FLOAT8E8M0 = 24,
    ONYX_TYPE_UINT2 = 25,
    ONYX_TYPE_INT2 = 26
} onyx_type;

/* ONNX's lower-case name ("float32", "uint8", ...), never NULL. */
ONYX_API const char *onyx_type_name(onyx_type type);

/* Bits of one element: 32 for float32, 4 for int4; 0 for strings and unknown types. */
ONYX_API unsigned onyx_type_bits(onyx_type type);

#define ONYX_MAX_RANK 12

/* A dense tensor, row-major (the last dimension is contiguous). Who owns `data` is said by the call that gives it. */
typedef struct onyx_tensor {
    onyx_type type;
    int rank;
    int64_t dims[ONYX_MAX_RANK];
    void *data;
    size_t size_bytes;
} onyx_tensor;

/* ------------------------------------------------------------------------------------------------------- options */

typedef enum onyx_precision {
    ONYX_PRECISION_AUTO = 0, /* fp32, and what the model's own types ask for */
    ONYX_PRECISION_FP32,
    ONYX_PRECISION_STRICT, /* fp32 without Winograd and Strassen, no reordered sums beyond blocking */
    ONYX_PRECISION_BF16, /* bfloat16 factors of float32 sums, where the processor has AMX; else fp32 */
    ONYX_PRECISION_FP16 /* float16 arithmetic and storage, where the processor has it (ARMv8.2); else fp32 */
} onyx_precision;

typedef enum onyx_log_level { ONYX_LOG_WARNING, ONYX_LOG_INFO, ONYX_LOG_DEBUG } onyx_log_level;

typedef void onyx_log_function(onyx_log_level level, const char *message, void *user);

/* `size` comes first so that the struct can grow; use ONYX_OPTIONS(...). Zero means the default everywhere. */
typedef struct onyx_options {
    size_t size;
    int threads;              /* threads of one run, the caller's included; 0: cores this process may use */
    onyx_precision precision; /* default ONYX_PRECISION_AUTO */
    const char *device;       /* ordered wish, such as "cuda,cpu"; NULL: "cpu" */
    bool unoptimised;         /* run every node by its reference kernel: slow, for comparing */
    const char *disable_pass; /* comma-separated names of passes to leave out, for debugging */
    bool pin_threads;         /* each worker to one core from the start; else only off its caller's */
    size_t max_model_bytes;   /* default 64 GiB */
    size_t max_memory_bytes;  /* budget of what loading and planning may allocate; default 16 GiB */
    size_t max_nodes;         /* nodes of all graphs and inlined functions; default 1,000,000 */
    onyx_log_function *log;
    void *log_user;
} onyx_options;

#define ONYX_OPTIONS(...) ((onyx_options){.size = sizeof(onyx_options), __VA_ARGS__})

/* -------------------------------------------------------------------------------------------------------- models */

typedef struct onyx_model onyx_model;

/* What an input or output may hold: dims[i] is -1 where it is free; dim_names[i] is its name then, or NULL. */
typedef struct onyx_value_info {
    const char *name;
    onyx_type type;
    int rank; /* -1: unknown */
    int64_t dims[ONYX_MAX_RANK];
    const char *dim_names[ONYX_MAX_RANK];
} onyx_value_info;

/* Reads, checks and compiles a model. External data must lie beneath the model's folder. The caller owns *model and
 * gives it back with onyx_model_unref. `options` may be NULL.
 * Errors: IO, FORMAT, LIMIT, UNSUPPORTED (every unknown operator is listed), SHAPE, TYPE, MEMORY, DEVICE. */
ONYX_API onyx_status onyx_model_open(const char *path, const onyx_options *options, onyx_model **model,
                                     onyx_error *error);

/* The same from memory, which must stay valid and unchanged until the model is freed. `name` is used in messages;
 * models with external data are refused. */
ONYX_API onyx_status onyx_model_open_memory(const void *bytes, size_t size_bytes, const char *name,
                                            const onyx_options *options, onyx_model **model, onyx_error *error);

ONYX_API onyx_model *onyx_model_ref(onyx_model *model);
/* NULL is allowed. */
ONYX_API void onyx_model_unref(onyx_model *model);

ONYX_API int onyx_model_input_count(const onyx_model *model);
ONYX_API int onyx_model_output_count(const onyx_model *model);
/* Valid as long as the model. Index out of range: ARGUMENT. */
ONYX_API onyx_status onyx_model_input_info(const onyx_model *model, int index, onyx_value_info *info);
ONYX_API onyx_status onyx_model_output_info(const onyx_model *model, int index, onyx_value_info *info);

/* metadata_props: the value of a key, or NULL; and all pairs by index (false past the end). */
ONYX_API const char *onyx_model_metadata(const onyx_model *model, const char *key);
ONYX_API bool onyx_model_metadata_at(const onyx_model *model, int index, const char **key, const char **value);

/* "producer version", the graph's name; "" where the file has none. */
ONYX_API const char *onyx_model_producer(const onyx_model *model);
ONYX_API const char *onyx_model_graph_name(const onyx_model *model);

/* Whether the graph itself scales what it is given as pixels of 0..255: behind casts and transposes the input is
 * multiplied by 0.02 or less, divided by 50 or more, or something of 2 or more is added or subtracted, as in Keras'
 * Rescaling and in models that subtract a mean. False where the index is out of range. */
ONYX_API bool onyx_model_scales_pixels(const onyx_model *model, int input);

/* ------------------------------------------------------------------------------------------------------ sessions */

typedef struct onyx_session onyx_session;
typedef struct onyx_outputs onyx_outputs;

/* Makes a session. `inputs`, if not NULL, holds one tensor per model input whose type, rank and dims fix the input
 * shapes (data is ignored); NULL: free dimensions become 1, free heights and widths of images 640 or what the
 * model's imgsz metadata says. The session keeps the model alive. Sessions with equal shapes share one program. */
ONYX_API onyx_status onyx_session_new(onyx_model *model, const onyx_tensor *inputs, onyx_session **session,
                                      onyx_error *error);
ONYX_API void onyx_session_free(onyx_session *session);

/* Changes the input shapes. Programs for earlier shapes are kept in a small cache. On failure the old ones stay.
 * Input memory handed out before is no longer valid. */
ONYX_API onyx_status onyx_session_reshape(onyx_session *session, const onyx_tensor *inputs, onyx_error *error);

/* The engine's memory for an input, to be written before a run; valid until reshape or free, kept between runs. */
ONYX_API onyx_status onyx_session_input(onyx_session *session, int index, onyx_tensor *tensor, onyx_error *error);

/* Uses the caller's memory as an input from the next run on, without a copy; type, dims and size must equal the
 * session's. It must be aligned to 64 bytes and stay valid during runs. tensor NULL: back to the engine's memory. */
ONYX_API onyx_status onyx_session_bind_input(onyx_session *session, int index, const onyx_tensor *tensor,
                                             onyx_error *error);

/* Runs once. *outputs is a new reference to what came out: the caller gives it back with onyx_outputs_unref, also
 * from another thread and after later runs. The memory behind is reused once given back, so steady state allocates
 * nothing as long as a bounded number is held. `outputs` may be NULL. One run at a time per session. */
ONYX_API onyx_status onyx_session_run(onyx_session *session, onyx_outputs **outputs, onyx_error *error);

ONYX_API onyx_outputs *onyx_outputs_ref(onyx_outputs *outputs);
ONYX_API void onyx_outputs_unref(onyx_outputs *outputs);
ONYX_API int onyx_outputs_count(const onyx_outputs *outputs);
/* The memory belongs to `outputs` and must not be written. */
ONYX_API onyx_status onyx_outputs_get(const onyx_outputs *outputs, int index, onyx_tensor *tensor);

/* --------------------------------------------------------------------------------------------------- inspection */

/* What a program costs, for `onyx info`. Zero where unknown. */
typedef struct onyx_session_info {
    size_t size;               /* sizeof(onyx_session_info), set by the caller */
    int64_t parameters;        /* elements of all weights */
    int64_t operations;        /* floating-point (or integer) operations of one run: 2 per multiply-add */
    int nodes;                 /* nodes in the file */
    int steps;                 /* steps after optimisation */
    size_t arena_bytes;        /* activations */
    size_t packed_weight_bytes;
    size_t scratch_bytes;
} onyx_session_info;
ONYX_API onyx_status onyx_session_describe(const onyx_session *session, onyx_session_info *info);

/* One step of the program, with the times of the profiled runs. */
typedef struct onyx_step_info {
    const char *name;     /* the node's name in the file */
    const char *operator_; /* such as "Conv+SiLU" */
    const char *kernel;   /* such as "conv_winograd43_f32_avx512" */
    char shapes[128];     /* "1x64x80x80 -> 1x64x80x80" */
    int64_t operations;
    int64_t moved_bytes;  /* inputs, outputs and weights, each once */
    int64_t runs;
    int64_t total_ns;
    int64_t last_start_ns; /* since the start of the run */
    int64_t last_ns;
} onyx_step_info;
ONYX_API int onyx_session_step_count(const onyx_session *session);
ONYX_API onyx_status onyx_session_step(const onyx_session *session, int index, onyx_step_info *info);
/* Times every step from now on (costs two clock reads a step); false also clears the counts. */
ONYX_API void onyx_session_set_profiling(onyx_session *session, bool on);

/* The operators of a file, supported or not; needs no compiling, so it also serves files that do not open.
 * Calls `each` once per distinct operator, in order of first use. */
typedef void onyx_operator_function(const char *domain, const char *name, int version, int count, bool supported,
                                    void *user);
ONYX_API onyx_status onyx_model_list_operators(const char *path, const onyx_options *options,
                                               onyx_operator_function *each, void *user, onyx_error *error);

/* The library's version, "0.1.0". */
ONYX_API const char *onyx_version(void);
/* The instruction set that is used ("avx512+vnni", ...), after ONYX_CPU. */
ONYX_API const char *onyx_cpu_name(void);

/* -------------------------------------------------------------------------------------------- pictures and boxes */

typedef enum onyx_pixel_format {
    ONYX_PIXEL_NV12 = 1,
    ONYX_PIXEL_NV21,
    ONYX_PIXEL_I420,
    ONYX_PIXEL_YV12,
    ONYX_PIXEL_YUY2,
    ONYX_PIXEL_UYVY,
    ONYX_PIXEL_RGB,
    ONYX_PIXEL_BGR,
    ONYX_PIXEL_RGBX, /* also RGBA: alpha is ignored */
    ONYX_PIXEL_BGRX, /* also BGRA */
    ONYX_PIXEL_XRGB, /* also ARGB */
    ONYX_PIXEL_XBGR, /* also ABGR */
    ONYX_PIXEL_GRAY8,
    ONYX_PIXEL_Y42B, /* 4:2:2 as planes y, u, v */
    ONYX_PIXEL_NV16, /* 4:2:2 as y, uv */
    ONYX_PIXEL_NV61, /* 4:2:2 as y, vu */
    ONYX_PIXEL_Y444, /* chroma for every pixel: planes y, u, v */
    ONYX_PIXEL_NV24, /* the same as y, uv */
    ONYX_PIXEL_Y41B, /* 4:1:1: planes y, u, v */
    ONYX_PIXEL_AYUV, /* chroma for every pixel, in groups of 4 bytes; alpha is ignored */
    ONYX_PIXEL_VUYA,
    ONYX_PIXEL_GBR, /* planes g, b, r */
    /* Samples of 16 bits, little-endian, at any address. */
    ONYX_PIXEL_I420_10LE, /* the lower 10 bits count */
    ONYX_PIXEL_P010_10LE, /* as NV12; the upper 10 bits */
    ONYX_PIXEL_I422_10LE,
    ONYX_PIXEL_Y444_10LE,
    ONYX_PIXEL_I420_12LE,
    ONYX_PIXEL_I422_12LE,
    ONYX_PIXEL_Y444_12LE,
    ONYX_PIXEL_GRAY16_LE /* 0..65535 is black to white */
} onyx_pixel_format;

typedef enum onyx_colour_matrix { ONYX_MATRIX_BT601 = 0, ONYX_MATRIX_BT709, ONYX_MATRIX_BT2020 } onyx_colour_matrix;

/* Where a subsampled chroma sample lies among the luma samples that it belongs to. */
typedef enum onyx_chroma_site {
    ONYX_CHROMA_LEFT = 0, /* MPEG-2, H.264: at the left, midway between two rows */
    ONYX_CHROMA_CENTRE,   /* JPEG, MPEG-1, and what GStreamer's converters write when caps name no site */
    ONYX_CHROMA_TOP_LEFT  /* BT.2020 */
} onyx_chroma_site;

/* A picture in the caller's memory, only read. planes and strides (in bytes) as the format has them, in the order of
 * the format's name: I420 y, u, v; YV12 y, v, u; NV12 y, uv. */
typedef struct onyx_image {
    onyx_pixel_format format;
    int width, height;
    const uint8_t *planes[3];
    ptrdiff_t strides[3];
    onyx_colour_matrix matrix;
    bool full_range; /* YUV: 0..255 instead of 16..235; 0..1023 instead of 64..940 */
    onyx_chroma_site chroma_site;
    int pixel_aspect_x, pixel_aspect_y; /* how wide a pixel is for its height, such as 16:11; 0:0 is square, as 1:1 */
} onyx_image;

typedef enum onyx_scaling {
    ONYX_SCALING_AUTO = 0,
    ONYX_SCALING_LETTERBOX,          /* keep aspect, centred */
    ONYX_SCALING_LETTERBOX_TOP_LEFT, /* keep aspect, at 0,0 */
    ONYX_SCALING_STRETCH
} onyx_scaling;

/* How a picture becomes a network's input: x = pixel * scale - mean per channel in the network's order, with pixel in
 * 0..255 (rounded after the resize). A uint8 input takes the pixels as they are. */
typedef struct onyx_preprocess {
    onyx_scaling scaling; /* AUTO is taken as LETTERBOX */
    bool bgr;             /* the network's order is blue, green, red */
    int channels;         /* 3 or 1 (luma) */
    double mean[3];       /* subtracted after scaling */
    double scale[3];      /* 1.0 / 255 gives the very floats that dividing by 255 does */
    uint8_t pad;          /* the padding's pixel value, such as 114 */
} onyx_preprocess;

/* input = picture * scale + offset, in pixels. The picture's content fills a rectangle of the input, the rest of which
 * is padding. With pixels that are not square the two scales of a letterbox differ, so that the network sees shapes
 * undistorted; boxes are in pixels of the picture all the same. */
typedef struct onyx_geometry {
    float scale_x, scale_y, offset_x, offset_y;
    int picture_width, picture_height, input_width, input_height;
    int content_x, content_y, content_width, content_height;
} onyx_geometry;

/* One detection, box in pixels of the picture, clipped to it. */
typedef struct onyx_detection {
    float x0, y0, x1, y1;
    float score;
    int label_id;
} onyx_detection;

/* What was recognised in a model: how to feed it and how to read it. */
typedef struct onyx_recipe onyx_recipe;

/* Looks at the metadata and shapes of a model. What is not recognised gets plain defaults (letterbox, RGB, 0..1) and a
 * description that says so. The caller frees it. A recipe serves one thread at a time. */
ONYX_API onyx_status onyx_recipe_new(const onyx_model *model, onyx_recipe **recipe, onyx_error *error);
ONYX_API void onyx_recipe_free(onyx_recipe *recipe);
ONYX_API onyx_preprocess *onyx_recipe_preprocess(onyx_recipe *recipe); /* may be changed */
/* One line: what was recognised, and from where. */
ONYX_API const char *onyx_recipe_description(const onyx_recipe *recipe);
ONYX_API int onyx_recipe_label_count(const onyx_recipe *recipe);
ONYX_API const char *onyx_recipe_label(const onyx_recipe *recipe, int label_id); /* NULL out of range */

/* Writes `image` into input 0 of the session (float32, float16, uint8, or int8: 0..255 less 128; NCHW or NHWC, batch 1)
 * in one pass. */
ONYX_API onyx_status onyx_session_set_image(onyx_session *session, const onyx_image *image,
                                            const onyx_preprocess *preprocess, onyx_geometry *geometry,
                                            onyx_error *error);

/* Decodes the outputs of a detector (batch item 0). Writes at most `capacity` detections, by falling score, and their
 * number. 0.25 and 0.45 are usual thresholds. Errors: UNSUPPORTED (the outputs are no known head: the message says what
 * was seen and what is understood), ARGUMENT, MEMORY. */
ONYX_API onyx_status onyx_recipe_decode(onyx_recipe *recipe, const onyx_outputs *outputs,
                                        const onyx_geometry *geometry, float confidence_threshold,
                                        float iou_threshold, onyx_detection *detections, int capacity, int *count,
                                        onyx_error *error);

#ifdef __cplusplus
}
#endif

#endif
