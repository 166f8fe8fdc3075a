/* SPDX-License-Identifier: BSD-2-Clause
 *
 * An RTSP camera for tests, on the loopback: serves one raw RGB picture as MJPEG, 10 frames a second.
 *
 * usage: rtsp_server PICTURE.rgb WIDTH HEIGHT. Prints its address on the first line and runs until standard input is
 * closed, so that it cannot outlive the test. */
#include <gst/gst.h>
#include <gst/rtsp-server/rtsp-server.h>

#include <stdio.h>

static gboolean on_input(GIOChannel *channel, GIOCondition condition, gpointer user)
{
    (void)channel;
    (void)condition;
    g_main_loop_quit(user);
    return G_SOURCE_REMOVE;
}

int main(int argc, char **argv)
{
    gst_init(&argc, &argv);
    if (argc != 4)
        return 2;
    GMainLoop *loop = g_main_loop_new(NULL, FALSE);
    GstRTSPServer *server = gst_rtsp_server_new();
    gst_rtsp_server_set_address(server, "127.0.0.1");
    gst_rtsp_server_set_service(server, "0"); /* any free port */

    char *launch = g_strdup_printf("( filesrc location=\"%s\" ! rawvideoparse format=rgb width=%s height=%s ! "
                                   "imagefreeze is-live=true ! video/x-raw,framerate=10/1 ! videoconvert ! "
                                   "video/x-raw,format=I420 ! jpegenc quality=98 ! rtpjpegpay name=pay0 pt=26 )",
                                   argv[1], argv[2], argv[3]);
    GstRTSPMediaFactory *factory = gst_rtsp_media_factory_new();
    gst_rtsp_media_factory_set_launch(factory, launch);
    gst_rtsp_media_factory_set_shared(factory, TRUE);
    g_free(launch);
    GstRTSPMountPoints *mounts = gst_rtsp_server_get_mount_points(server);
    gst_rtsp_mount_points_add_factory(mounts, "/camera", factory);
    g_object_unref(mounts);

    guint id = gst_rtsp_server_attach(server, NULL);
    if (!id) {
        fprintf(stderr, "no port on the loopback\n");
        return 1;
    }
    printf("rtsp://127.0.0.1:%d/camera\n", gst_rtsp_server_get_bound_port(server));
    fflush(stdout);
    GIOChannel *input = g_io_channel_unix_new(0);
    g_io_add_watch(input, G_IO_IN | G_IO_HUP | G_IO_ERR, on_input, loop);
    g_main_loop_run(loop);
    g_io_channel_unref(input);
    g_source_remove(id);
    g_object_unref(server);
    g_main_loop_unref(loop);
    return 0;
}
