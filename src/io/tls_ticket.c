/* io/tls_ticket.c - the keys that seal stateless tickets: AES-256-CBC with HMAC-SHA-256 (RFC 5077 4). A key seals for
 * HF_TLS_TICKET_ROTATE_S and opens for as long again; a ticket thus lives at most 24 h whatever its session says. */
#include <stdlib.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/params.h>
#include <openssl/rand.h>

#include "base/assert.h"
#include "io/tls_internal.h"

enum { IV_BYTES = 16, NAME_BYTES = 16, SECRET_BYTES = 32 };

struct ticket_key {
    uint8_t name[NAME_BYTES], aes[SECRET_BYTES], hmac[SECRET_BYTES];
    uint64_t made_us; /* monotonic */
    bool valid;
};

struct tls_tickets {
    pthread_mutex_t lock;
    struct hf_tls_clock clock;
    struct ticket_key current, previous;
    uint32_t rotations_total;
    EVP_CIPHER *cipher; /* fetched once */
};

static bool key_draw(struct ticket_key *key, uint64_t now_us)
{
    key->valid = RAND_bytes(key->name, sizeof(key->name)) == 1 &&
                 RAND_priv_bytes(key->aes, sizeof(key->aes)) == 1 &&
                 RAND_priv_bytes(key->hmac, sizeof(key->hmac)) == 1;
    key->made_us = now_us;
    return key->valid;
}

struct tls_tickets *hf_tls_tickets_new(struct hf_tls_clock clock)
{
    struct tls_tickets *tickets = calloc(1, sizeof(*tickets));

    if (tickets == NULL)
        return NULL;
    tickets->clock = clock;
    tickets->cipher = EVP_CIPHER_fetch(NULL, "AES-256-CBC", NULL);
    if (tickets->cipher == NULL || pthread_mutex_init(&tickets->lock, NULL) != 0) {
        EVP_CIPHER_free(tickets->cipher);
        free(tickets);
        return NULL;
    }
    return tickets;
}

void hf_tls_tickets_free(struct tls_tickets *tickets)
{
    if (tickets == NULL)
        return;
    pthread_mutex_destroy(&tickets->lock);
    EVP_CIPHER_free(tickets->cipher);
    OPENSSL_cleanse(tickets, sizeof(*tickets));
    free(tickets);
}

uint32_t hf_tls_tickets_rotations(struct tls_tickets *tickets)
{
    uint32_t rotations = 0;

    pthread_mutex_lock(&tickets->lock);
    rotations = tickets->rotations_total;
    pthread_mutex_unlock(&tickets->lock);
    return rotations;
}

static uint64_t age_s(const struct ticket_key *key, uint64_t now_us)
{
    return now_us > key->made_us ? (now_us - key->made_us) / 1000000 : 0;
}

/* Lazily, at use: a listener without handshakes needs no key. */
static void rotate(struct tls_tickets *tickets, uint64_t now_us)
{
    struct ticket_key *current = &tickets->current, *previous = &tickets->previous;

    if (previous->valid && age_s(previous, now_us) >= 2 * HF_TLS_TICKET_ROTATE_S)
        OPENSSL_cleanse(previous, sizeof(*previous));
    if (current->valid && age_s(current, now_us) < HF_TLS_TICKET_ROTATE_S)
        return;
    if (current->valid) {
        if (age_s(current, now_us) < 2 * HF_TLS_TICKET_ROTATE_S)
            *previous = *current;
        tickets->rotations_total++;
    }
    OPENSSL_cleanse(current, sizeof(*current));
    key_draw(current, now_us);
}

int hf_tls_tickets_callback(struct tls_tickets *tickets, uint8_t key_name[16], uint8_t *iv,
                            EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac, int encrypt)
{
    uint64_t now_us = tickets->clock.monotonic_us(tickets->clock.user);
    struct ticket_key key = {0};
    int result = 0; /* 0 = no such key: a full handshake */

    pthread_mutex_lock(&tickets->lock);
    rotate(tickets, now_us);
    if (encrypt)
        key = tickets->current;
    else if (tickets->current.valid && memcmp(key_name, tickets->current.name, NAME_BYTES) == 0)
        key = tickets->current;
    else if (tickets->previous.valid && memcmp(key_name, tickets->previous.name, NAME_BYTES) == 0)
        key = tickets->previous;
    pthread_mutex_unlock(&tickets->lock);
    if (!key.valid)
        return encrypt ? -1 : 0;
    if (encrypt) {
        memcpy(key_name, key.name, NAME_BYTES);
        if (RAND_bytes(iv, IV_BYTES) != 1) {
            result = -1;
            goto out;
        }
    }
    OSSL_PARAM params[] = {OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, key.hmac, sizeof(key.hmac)),
                           OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char *)"SHA256", 0),
                           OSSL_PARAM_construct_end()};

    if (EVP_MAC_CTX_set_params(mac, params) != 1 ||
        EVP_CipherInit_ex2(cipher, tickets->cipher, key.aes, iv, encrypt, NULL) != 1)
        result = -1;
    else
        result = encrypt ? 1 : 2; /* 2 = good, and give a new one: tickets are for one use (RFC 8446 C.4) */
out:
    OPENSSL_cleanse(&key, sizeof(key));
    return result;
}
