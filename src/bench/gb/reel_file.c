/* bench/gb/reel_file.c - a film from a file, for whoever shows one. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "bench/gb/reel.h"

enum { READ_BYTES = 65536 };

static hf_err refuse(hf_err err, const char *path, char error[HF_CAM_REEL_ERROR_BYTES])
{
    if (err == HF_ERR_MALFORMED)
        (void)snprintf(error, HF_CAM_REEL_ERROR_BYTES,
                       "'%.140s' is no program stream with a key frame of H.264 or H.265 (see --help)", path);
    else
        (void)snprintf(error, HF_CAM_REEL_ERROR_BYTES, "cannot take '%.140s': %s", path, hf_err_text(err));
    return err;
}

hf_err hf_cam_reel_read(const char *path, struct hf_cam_reel **ret_reel, char error[HF_CAM_REEL_ERROR_BYTES])
{
    FILE *file = fopen(path, "rbe");
    struct hf_cam_reel *reel = NULL;
    uint8_t bytes[READ_BYTES];
    size_t count;

    if (file == NULL) {
        (void)snprintf(error, HF_CAM_REEL_ERROR_BYTES, "cannot read '%.140s': %s", path, strerror(errno));
        return HF_ERR_IO;
    }
    hf_err err = hf_cam_reel_new(&reel);

    while (err == HF_OK && (count = fread(bytes, 1, sizeof(bytes), file)) > 0)
        err = hf_cam_reel_feed(reel, bytes, count);
    if (err == HF_OK && ferror(file))
        err = HF_ERR_IO;
    (void)fclose(file);
    if (err == HF_OK)
        err = hf_cam_reel_end(reel);
    if (err == HF_OK) {
        *ret_reel = reel;
        return HF_OK;
    }
    hf_cam_reel_free(reel);
    return refuse(err, path, error);
}
