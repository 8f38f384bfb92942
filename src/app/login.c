#include "app/login.h"

#include <string.h>

#include "base/sb.h"

void hf_login_init(struct hf_login *login)
{
    *login = (struct hf_login){0};
    pthread_mutex_init(&login->mutex, NULL);
}

static void forget(struct hf_login *login)
{
    login->open = false;
    explicit_bzero(login->code, sizeof(login->code));
    explicit_bzero(login->key, sizeof(login->key));
}

void hf_login_deinit(struct hf_login *login)
{
    forget(login);
    pthread_mutex_destroy(&login->mutex);
}

void hf_login_offer(struct hf_login *login, const char *key, const uint8_t random[HF_CONSOLE_CODE_BYTES],
                    uint64_t now_ms, char ret_code[HF_CONSOLE_CODE_CHARS + 1])
{
    struct hf_sb sb;

    pthread_mutex_lock(&login->mutex);
    forget(login);
    hf_sb_init(&sb, login->code, sizeof(login->code));
    hf_sb_hex(&sb, random, HF_CONSOLE_CODE_BYTES);
    strncpy(login->key, key, sizeof(login->key) - 1);
    login->until_ms = now_ms + HF_LOGIN_LIFE_MS;
    login->open = true;
    memcpy(ret_code, login->code, sizeof(login->code));
    pthread_mutex_unlock(&login->mutex);
}

static bool same(const char *code, struct hf_slice shown)
{
    uint8_t difference = 0;

    if (shown.bytes != HF_CONSOLE_CODE_CHARS)
        return false;
    for (size_t i = 0; i < HF_CONSOLE_CODE_CHARS; i++)
        difference |= (uint8_t)(code[i] ^ shown.at[i]);
    return difference == 0;
}

bool hf_login_take(struct hf_login *login, struct hf_slice code, uint64_t now_ms,
                   char ret_key[HF_API_KEY_TEXT_BYTES_MAX])
{
    bool taken = false;

    pthread_mutex_lock(&login->mutex);
    if (login->open && now_ms >= login->until_ms)
        forget(login);
    if (login->open && same(login->code, code)) {
        memcpy(ret_key, login->key, sizeof(login->key));
        forget(login);
        taken = true;
    }
    pthread_mutex_unlock(&login->mutex);
    return taken;
}
