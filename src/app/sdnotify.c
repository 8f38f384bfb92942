#include "app/sdnotify.h"

#include "app/env.h"
#include "base/sb.h"
#include "io/notify.h"

enum { STATUS_BYTES_MAX = 200, STATE_BYTES_MAX = 320, STOP_RESERVE_MS = 5000 };

void hf_sdnotify_init(struct hf_sdnotify *notify, char *const *env, uint64_t pid)
{
    const char *usec = hf_env_value(env, "WATCHDOG_USEC"), *watched = hf_env_value(env, "WATCHDOG_PID");
    uint64_t number;

    *notify = (struct hf_sdnotify){.socket = hf_env_value(env, "NOTIFY_SOCKET")};
    if (notify->socket == NULL || !hf_slice_to_u64(hf_slice_of(usec), &number))
        return;
    notify->beat_ms = number / 1000 / 2;
    if (watched != NULL && (!hf_slice_to_u64(hf_slice_of(watched), &number) || number != pid))
        notify->beat_ms = 0; /* meant for another process, whose child we are */
}

static hf_err tell(const struct hf_sdnotify *notify, const char *state, const char *status)
{
    char storage[STATE_BYTES_MAX];
    struct hf_sb sb;

    if (notify->socket == NULL)
        return HF_OK;
    hf_sb_init(&sb, storage, sizeof(storage));
    hf_sb_text(&sb, state);
    if (status != NULL) {
        hf_sb_text(&sb, "STATUS=");
        for (size_t i = 0; i < STATUS_BYTES_MAX && status[i] != '\0'; i++)
            hf_sb_char(&sb,
                       status[i] == '\n' ? ' ' : status[i]); /* a line end would begin another variable */
        hf_sb_char(&sb, '\n');
    }
    return hf_notify_send(notify->socket, hf_sb_done(&sb));
}

hf_err hf_sdnotify_ready(const struct hf_sdnotify *notify, const char *status)
{
    return tell(notify, "READY=1\n", status);
}

hf_err hf_sdnotify_watchdog(const struct hf_sdnotify *notify)
{
    return tell(notify, "WATCHDOG=1\n", NULL);
}

hf_err hf_sdnotify_reloading(const struct hf_sdnotify *notify, uint64_t now_us)
{
    char state[64];
    struct hf_sb sb;

    hf_sb_init(&sb, state, sizeof(state));
    hf_sb_text(&sb, "RELOADING=1\nMONOTONIC_USEC=");
    hf_sb_u64(&sb, now_us);
    hf_sb_char(&sb, '\n');
    return tell(notify, state, NULL);
}

hf_err hf_sdnotify_stopping(const struct hf_sdnotify *notify, uint64_t drain_ms)
{
    char state[64];
    struct hf_sb sb;

    hf_sb_init(&sb, state, sizeof(state));
    hf_sb_text(&sb, "STOPPING=1\nEXTEND_TIMEOUT_USEC=");
    hf_sb_u64(&sb, (drain_ms + STOP_RESERVE_MS) * 1000);
    hf_sb_char(&sb, '\n');
    return tell(notify, state, NULL);
}
