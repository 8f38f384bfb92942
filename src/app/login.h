/* app/login.h - a login code: good once, for a short time, for the API key that was laid behind it. `holdfast dev` prints one with the console's address, so that nobody has to paste a key.
 * Any thread. */
#ifndef HF_APP_LOGIN_H
#define HF_APP_LOGIN_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "adapter/api/console.h"
#include "base/slice.h"
#include "codec/jwt/api_key.h"

enum { HF_LOGIN_LIFE_MS = 15 * 60000 };

struct hf_login {
    pthread_mutex_t mutex;
    bool open;
    uint64_t until_ms; /* monotonic */
    char code[HF_CONSOLE_CODE_CHARS + 1];
    char key[HF_API_KEY_TEXT_BYTES_MAX];
};

void hf_login_init(struct hf_login *login);
void hf_login_deinit(struct hf_login *login);
/* Lays the key behind a new code made of `random`; the one before is good for nothing any more. */
void hf_login_offer(struct hf_login *login, const char *key, const uint8_t random[HF_CONSOLE_CODE_BYTES],
                    uint64_t now_ms, char ret_code[HF_CONSOLE_CODE_CHARS + 1]);
/* False for any code but the one that is open, and for that one after its time; compares in constant time. */
bool hf_login_take(struct hf_login *login, struct hf_slice code, uint64_t now_ms,
                   char ret_key[HF_API_KEY_TEXT_BYTES_MAX]);

#endif
