/* SPDX-License-Identifier: BSD-2-Clause
 *
 * A picture into a session's input, with the threads that the session's runs have. Apart from the rest of the room,
 * which knows no session: whoever links the room alone does without this file. */
#include "base/status.h"
#include "run/run.h"
#include "vision/vision.h"

/* Pixels of the network's input below which waking the other threads costs more than they save: some 40 us of work. */
enum { ALONE_PIXELS = 256 * 256 };

onyx_status onyx_session_set_image(onyx_session *session, const onyx_image *image, const onyx_preprocess *preprocess,
                                   onyx_geometry *geometry, onyx_error *error)
{
    onyx_tensor input;
    if (!session || !image || !preprocess)
        return status_fail(error, ONYX_ERROR_ARGUMENT, "session, picture and preprocess must be given");
    STATUS_TRY(onyx_session_input(session, 0, &input, error));
    /* The shape tells the layout: channels stand in the second place unless they only can in the last. */
    bool last = input.rank == 4 && input.dims[1] != preprocess->channels && input.dims[3] == preprocess->channels;
    int64_t width = input.rank >= 3 ? input.dims[input.rank - 1 - last] : 0;
    int64_t height = input.rank >= 3 ? input.dims[input.rank - 2 - last] : 0;
    workers *pool = width * height > ALONE_PIXELS ? session->model->pool : NULL;
    workers_enter(pool);
    onyx_status status = vision_image_to_tensor(image, NULL, preprocess, last ? VISION_NHWC : VISION_NCHW, &input, pool,
                                                geometry, error);
    workers_leave(pool);
    return status;
}
