#include "app/trust.h"

#include <stdlib.h>

#include "adapter/api/payload_text.h"

#include "app/worker.h"
#include "codec/json/out.h"

enum {
    RETRY_US = 100000, /* no memory even for a list of them */
    HEAD_BYTES = 4096,
    ROW_BYTES = 512, /* of a session: names have no characters that JSON escapes */
};

static const char body_name[] = "request body";

/* ---- after a reload ---- */

static void judge_listener(struct hf_trust *self, struct hf_tls *tls)
{
    struct hf_tls_session *sessions = NULL;
    size_t count = 0, refused = 0;

    if (hf_tls_sessions_take(tls, &sessions, &count) != HF_OK) {
        hf_thread_sleep_us(RETRY_US);
        atomic_store(&self->changed, true);
        return;
    }
    for (size_t i = 0; i < count && !atomic_load(&self->stopping); i++)
        refused += hf_tls_session_judge(tls, &sessions[i]) != HF_TLS_REJECT_NONE;
    hf_tls_sessions_give(sessions, count);
    if (refused > 0)
        atomic_fetch_add(&self->generation, 1);
}

static void judge(struct hf_trust *self)
{
    for (unsigned l = 0; l < self->gateway->listener_count; l++)
        if (self->gateway->listeners[l].tls != NULL)
            judge_listener(self, self->gateway->listeners[l].tls);
}

/* ---- a dry run ---- */

struct run {
    struct hf_call *call;
    struct hf_tls *tls;
    struct hf_tls_trial *trial;
    struct hf_tls_session *sessions;
    size_t count;
    uint64_t after; /* the cursor; 0: from the beginning */
    uint64_t cut, listed, last, causes[HF_TLS_REJECTS];
    bool more;
    struct hf_json_out out;
};

/* The text is the answer's detail. */
static void refuse(struct hf_call *call, enum hf_reason reason, const char *text)
{
    call->reason = (uint16_t)reason;
    call->result = strdup(text);
    call->result_bytes = call->result != NULL ? strlen(text) : 0;
}

static bool holds(struct hf_slice text, const char *what)
{
    return text.bytes > 0 && memmem(text.at, text.bytes, what, strlen(what)) != NULL;
}

/* What the body does not have is read as a reload would. */
static bool open_trial(const struct hf_trust *self, const struct hf_gateway_listener *listener,
                       struct run *run)
{
    const struct hf_config *config = self->gateway->rules->config;
    struct hf_slice body = run->call->payload;
    const struct hf_tls_input given = {body_name, body.at, body.bytes};
    struct hf_tls_input ca = given, crl = given;
    bool has_crl = holds(body, "-----BEGIN X509 CRL-----");
    char error[HF_TLS_ERROR_BYTES] = "";

    for (size_t i = 0; i < config->listeners.count; i++) {
        const struct hf_config_listener *named = &config->listeners.at[i];

        if (strcmp(named->name, listener->name) != 0)
            continue;
        if (body.bytes == 0 || (has_crl && !holds(body, "CERTIFICATE-----")))
            ca = (struct hf_tls_input){.name = named->tls.client_ca_file};
        if (!has_crl)
            crl = (struct hf_tls_input){.name = named->tls.crl_file};
    }
    if (ca.name == NULL) {
        refuse(run->call, HF_REASON_BAD_REQUEST, "the configuration has no client_ca_file for it any more");
        return false;
    }
    hf_err err = hf_tls_trial_new(run->tls, &ca, 1, &crl, crl.name != NULL && !run->call->trust_without_crl,
                                  &run->trial, error, sizeof(error));
    if (err != HF_OK)
        refuse(run->call, err == HF_ERR_NOMEM ? HF_REASON_MEMORY_LIMIT : HF_REASON_BAD_REQUEST, error);
    return err == HF_OK;
}

static void write_session(struct run *run, const struct hf_tls_session *session, enum hf_tls_reject reject)
{
    const struct hf_tls_identity *identity = hf_tls_session_identity(session);

    hf_json_out_object(&run->out, NULL);
    hf_json_out_cstr(&run->out, "tenant", identity->tenant);
    hf_json_out_cstr(&run->out, "device", identity->device);
    hf_conn_out(&run->out, "connection", session->conn_id);
    hf_json_out_hex(&run->out, "fingerprint", identity->fingerprint, sizeof(identity->fingerprint));
    hf_json_out_cstr(&run->out, "cause", hf_tls_reject_name(reject));
    hf_json_out_end(&run->out);
}

/* False: the page is full, and no later session matters to it. */
static bool look_at(struct run *run, const struct hf_tls_session *session, enum hf_tls_reject reject)
{
    if (reject == HF_TLS_REJECT_NONE)
        return true;
    run->cut++;
    run->causes[reject]++;
    if (run->listed < run->call->targets) {
        run->listed++;
        run->last = session->conn_id;
        write_session(run, session, reject);
        return true;
    }
    run->more = true;
    return run->after == 0; /* the first page counts them all */
}

static bool look_at_all(struct hf_trust *self, struct run *run)
{
    bool wanted = true;

    for (size_t i = 0; wanted && i < run->count; i++) {
        enum hf_tls_reject reject = HF_TLS_REJECT_NONE;

        if (atomic_load(&self->stopping) || atomic_load(&self->gateway->draining)) {
            refuse(run->call, HF_REASON_DRAIN, "the gateway is ending");
            return false;
        }
        if (atomic_exchange(&self->changed, false)) /* who must be closed does not wait for a question */
            judge(self);
        if (run->sessions[i].conn_id <= run->after)
            continue;
        if (hf_tls_trial_session(run->trial, &run->sessions[i], &reject) != HF_OK) {
            refuse(run->call, HF_REASON_MEMORY_LIMIT, "there is not enough memory to verify certificates");
            return false;
        }
        wanted = look_at(run, &run->sessions[i], reject);
    }
    return true;
}

static void write_counts(struct run *run)
{
    struct hf_json_out *out = &run->out;

    if (run->more)
        hf_conn_out(out, "next_cursor", run->last);
    if (run->after != 0)
        return;
    hf_json_out_u64(out, "looked_at", run->count);
    hf_json_out_u64(out, "cut", run->cut);
    hf_json_out_object(out, "causes");
    for (unsigned i = 0; i < HF_TLS_REJECTS; i++)
        if (run->causes[i] > 0)
            hf_json_out_u64(out, hf_tls_reject_name((enum hf_tls_reject)i), run->causes[i]);
    hf_json_out_end(out);
}

static void answer(struct hf_trust *self, struct run *run)
{
    struct hf_call *call = run->call;
    size_t room = HEAD_BYTES + (size_t)call->targets * ROW_BYTES;
    char *json = malloc(room);
    struct hf_sb sb;

    if (json == NULL || hf_tls_sessions_take(run->tls, &run->sessions, &run->count) != HF_OK) {
        refuse(call, HF_REASON_MEMORY_LIMIT, "there is not enough memory to look at the sessions");
        free(json);
        return;
    }
    hf_sb_init(&sb, json, room);
    hf_json_out_init(&run->out, &sb);
    hf_json_out_object(&run->out, NULL);
    hf_json_out_text(&run->out, "listener", call->topic);
    hf_json_out_array(&run->out, "sessions");
    if (look_at_all(self, run)) {
        hf_json_out_end(&run->out);
        write_counts(run);
        hf_json_out_end(&run->out);
        HF_ASSERT(hf_json_out_complete(&run->out));
        call->result = json;
        call->result_bytes = sb.bytes;
        json = NULL;
    }
    hf_tls_sessions_give(run->sessions, run->count);
    free(json);
}

static const struct hf_gateway_listener *listener_of(const struct hf_gateway *gateway, struct hf_slice name)
{
    for (unsigned l = 0; l < gateway->listener_count; l++)
        if (hf_slice_is(name, gateway->listeners[l].name))
            return &gateway->listeners[l];
    return NULL;
}

static void dry_run(struct hf_trust *self, struct hf_call *call)
{
    const struct hf_gateway_listener *listener = listener_of(self->gateway, call->topic);
    struct run run = {.call = call, .tls = listener->tls, .after = call->offset};

    if (open_trial(self, listener, &run))
        answer(self, &run);
    hf_tls_trial_free(run.trial);
}

/* ---- the thread, and who talks to it ---- */

static void run_thread(void *context)
{
    struct hf_trust *self = context;

    while (!atomic_load(&self->stopping)) {
        struct hf_call *call;

        pthread_mutex_lock(&self->mutex);
        while (!atomic_load(&self->stopping) && !atomic_load(&self->changed) && self->asked == NULL)
            (void)pthread_cond_wait(&self->wake, &self->mutex);
        call = self->asked;
        self->asked = NULL;
        pthread_mutex_unlock(&self->mutex);
        if (atomic_exchange(&self->changed, false))
            judge(self);
        if (call == NULL)
            continue;
        dry_run(self, call);
        unsigned origin = call->origin;
        atomic_store(&self->ready, call);
        hf_loop_wake(self->gateway->workers[origin]->loop);
    }
}

void hf_trust_init(struct hf_trust *self, struct hf_gateway *gateway)
{
    self->gateway = gateway;
    pthread_mutex_init(&self->mutex, NULL);
    pthread_cond_init(&self->wake, NULL);
}

void hf_trust_deinit(struct hf_trust *self)
{
    pthread_mutex_destroy(&self->mutex);
    pthread_cond_destroy(&self->wake);
}

hf_err hf_trust_start(struct hf_trust *self)
{
    bool any = false;

    for (unsigned l = 0; l < self->gateway->listener_count; l++)
        any |= self->gateway->listeners[l].tls != NULL;
    return any ? hf_thread_start(&self->thread, "hf-trust", HF_THREAD_ANY_CPU, run_thread, self) : HF_OK;
}

static void say(struct hf_trust *self, _Atomic bool *flag)
{
    pthread_mutex_lock(&self->mutex);
    atomic_store(flag, true);
    pthread_cond_signal(&self->wake);
    pthread_mutex_unlock(&self->mutex);
}

void hf_trust_stop(struct hf_trust *self)
{
    say(self, &self->stopping);
    hf_thread_join(&self->thread);
}

void hf_trust_finish(struct hf_trust *self)
{
    struct hf_call *call = atomic_exchange(&self->ready, NULL);

    if (call == NULL && (call = self->asked) != NULL)
        refuse(call, HF_REASON_DRAIN, "the gateway is ending");
    self->asked = NULL;
    if (call != NULL)
        call->on_done(call);
}

void hf_trust_reloaded(struct hf_trust *self)
{
    say(self, &self->changed);
}

hf_err hf_trust_ask(struct hf_trust *self, struct hf_call *call)
{
    const struct hf_gateway_listener *listener = listener_of(self->gateway, call->topic);

    if (listener == NULL || listener->tls == NULL) {
        if (listener == NULL)
            refuse(call, HF_REASON_NOT_FOUND, "there is no listener of this name");
        else
            refuse(call, HF_REASON_BAD_REQUEST, "this listener has no TLS: it asks nobody for a certificate");
        call->on_done(call);
        return HF_OK;
    }
    if (atomic_exchange(&self->busy, true))
        return HF_ERR_BUSY;
    pthread_mutex_lock(&self->mutex);
    self->asked = call;
    pthread_cond_signal(&self->wake);
    pthread_mutex_unlock(&self->mutex);
    return HF_OK;
}

void hf_trust_fetch(struct hf_worker *worker)
{
    struct hf_trust *self = &worker->gateway->trust;
    struct hf_call *call = atomic_load_explicit(&self->ready, memory_order_acquire);

    if (call == NULL || call->origin != worker->index)
        return;
    atomic_store(&self->ready, NULL);
    atomic_store(&self->busy, false);
    call->on_done(call);
}
