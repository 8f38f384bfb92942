/* codec/sip/sip_hasher_fail_test.c - the one allocation of this folder may fail; after it there is none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/assert.h"
#include "codec/sip/nonce.h"
#include "support/alloc_fail.h"

static hf_err use_hasher(void *context)
{
    static const uint8_t key[HF_SIP_NONCE_KEY_BYTES], drawn[HF_SIP_NONCE_RANDOM_BYTES];
    struct hf_sip_hasher *hasher = hf_sip_hasher_new();
    char nonce[HF_SIP_NONCE_TEXT_BYTES];
    struct hf_sip_nonce ret;
    struct hf_slice none = {NULL, 0};

    (void)context;
    if (hasher == NULL)
        return HF_ERR_NOMEM;
    hf_sip_nonce_make(hasher, key, 1, drawn, none, none, nonce);
    HF_ASSERT(hf_sip_nonce_check(hasher, key, 1, 1, none, none, (struct hf_slice){nonce, sizeof(nonce)},
                                 &ret) == HF_OK);
    hf_sip_hasher_free(hasher);
    return HF_OK;
}

static void a_hasher_is_made_whole_or_not_at_all(void **state)
{
    (void)state;
    assert_int_equal(hf_alloc_fail_each(use_hasher, NULL, 10), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_hasher_is_made_whole_or_not_at_all)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
