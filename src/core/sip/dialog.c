/* core/sip/dialog.c - the texts of a dialog lie end to end in one kept copy, made anew when one of them changes. */
#include "core/sip/dialog.h"

#include "base/assert.h"

enum { CALL_ID, LOCAL_TAG, REMOTE_TAG, LOCAL_URI, REMOTE_URI, TARGET, ROUTE };

_Static_assert(ROUTE + HF_SIP_DIALOG_ROUTES_MAX == HF_SIP_DIALOG_PARTS, "each route is a part");

struct parts {
    struct hf_slice at[HF_SIP_DIALOG_PARTS];
    unsigned routes;
};

static struct hf_slice part(const struct hf_sip_dialog *dialog, unsigned i)
{
    unsigned begin = i > 0 ? dialog->ends[i - 1] : 0;

    if (dialog->text == NULL)
        return (struct hf_slice){0};
    return (struct hf_slice){dialog->text + begin, dialog->ends[i] - begin};
}

static void free_text(struct hf_sip_dialog *dialog)
{
    if (dialog->text != NULL)
        hf_sip_keep_give(dialog->keep, dialog->text, dialog->ends[ROUTE - 1 + dialog->routes]);
    dialog->text = NULL;
}

/* The parts may lie in the dialog itself. */
static hf_err store(struct hf_sip_dialog *dialog, struct hf_sip_keep *keep, const struct parts *parts)
{
    char text[HF_SIP_DIALOG_BYTES_MAX], *copy;
    uint16_t ends[HF_SIP_DIALOG_PARTS];
    size_t bytes = 0;

    for (unsigned i = 0; i < ROUTE + parts->routes; i++) {
        if (parts->at[i].bytes > sizeof(text) - bytes)
            return HF_ERR_LIMIT;
        if (parts->at[i].bytes > 0)
            memcpy(text + bytes, parts->at[i].at, parts->at[i].bytes);
        bytes += parts->at[i].bytes;
        ends[i] = (uint16_t)bytes;
    }
    copy = hf_sip_keep_copy(keep, (struct hf_slice){text, bytes});
    if (copy == NULL)
        return HF_ERR_NOMEM;
    free_text(dialog);
    dialog->keep = keep;
    dialog->text = copy;
    dialog->routes = (uint8_t)parts->routes;
    memcpy(dialog->ends, ends, sizeof(ends[0]) * (ROUTE + parts->routes));
    return HF_OK;
}

/* HF_ERR_NOT_FOUND: there is none. */
static hf_err contact_of(const struct hf_sip_msg *msg, struct hf_slice *ret_uri)
{
    struct hf_sip_values contacts = hf_sip_values(msg, HF_SIP_CONTACT);
    struct hf_sip_contact contact;
    uint32_t tolerated = 0;
    hf_err err = hf_sip_contact_next(&contacts, hf_sip_tolerances_default(), &contact, &tolerated);

    if (err == HF_OK && contact.address.star)
        return HF_ERR_MALFORMED;
    if (err == HF_OK)
        *ret_uri = contact.address.uri.text;
    return err == HF_ERR_LIMIT ? HF_ERR_MALFORMED : err;
}

/* 12.1.1, 12.1.2: in order for who was asked, in reverse for who asked. */
static hf_err routes_of(const struct hf_sip_msg *msg, bool reverse, struct parts *parts)
{
    struct hf_sip_values values = hf_sip_values(msg, HF_SIP_RECORD_ROUTE);
    struct hf_sip_address address;
    struct hf_slice value;

    parts->routes = 0;
    while (hf_sip_values_next(&values, &value)) {
        if (parts->routes == HF_SIP_DIALOG_ROUTES_MAX)
            return HF_ERR_LIMIT;
        if (hf_sip_parse_address(value, hf_sip_tolerances_default(), &address, NULL) != HF_OK)
            return HF_ERR_MALFORMED;
        parts->at[ROUTE + parts->routes++] = value;
    }
    for (unsigned i = 0; reverse && i < parts->routes / 2; i++) {
        struct hf_slice swap = parts->at[ROUTE + i];

        parts->at[ROUTE + i] = parts->at[ROUTE + parts->routes - 1 - i];
        parts->at[ROUTE + parts->routes - 1 - i] = swap;
    }
    return HF_OK;
}

/* The side that asked. parts: with target and routes. */
static hf_err from_response(struct hf_sip_dialog *dialog, struct hf_sip_keep *keep,
                            const struct hf_sip_msg *response, struct parts *parts)
{
    parts->at[CALL_ID] = response->call_id;
    parts->at[LOCAL_TAG] = response->from.tag;
    parts->at[REMOTE_TAG] = response->to.tag;
    parts->at[LOCAL_URI] = response->from.uri.text;
    parts->at[REMOTE_URI] = response->to.uri.text;
    hf_err err = store(dialog, keep, parts);
    if (err != HF_OK)
        return err;
    if (dialog->state == HF_SIP_DIALOG_NONE)
        dialog->local_cseq = dialog->invite_cseq = response->cseq.number;
    if (dialog->state != HF_SIP_DIALOG_CONFIRMED)
        dialog->state = response->status >= 200 ? HF_SIP_DIALOG_CONFIRMED : HF_SIP_DIALOG_EARLY;
    return HF_OK;
}

hf_err hf_sip_dialog_uac(struct hf_sip_dialog *dialog, struct hf_sip_keep *keep,
                         const struct hf_sip_msg *request, const struct hf_sip_msg *response)
{
    struct parts parts = {0};
    uint8_t tolerated = 0;
    hf_err err;

    if (response->status <= 100 || response->status >= 300 ||
        (response->status < 200 && response->to.tag.bytes == 0))
        return HF_ERR_NOT_FOUND;
    if (dialog->state != HF_SIP_DIALOG_NONE && !hf_slice_eq(part(dialog, REMOTE_TAG), response->to.tag))
        return HF_ERR_CONFLICT;
    if (dialog->state == HF_SIP_DIALOG_CONFIRMED)
        return HF_OK; /* a repeat; the target may have moved since */
    if (response->to.tag.bytes == 0)
        tolerated |= HF_SIP_DIALOG_NO_TAG;
    err = contact_of(response, &parts.at[TARGET]);
    if (err == HF_ERR_NOT_FOUND) {
        /* A provisional answer may leave it out; a 2xx must not, but some devices' do. */
        parts.at[TARGET] = request != NULL ? request->uri.text : response->to.uri.text;
        if (response->status >= 200)
            tolerated |= HF_SIP_DIALOG_NO_CONTACT;
        err = HF_OK;
    }
    if (err == HF_OK)
        err = routes_of(response, true, &parts);
    if (err != HF_OK)
        return err;
    err = from_response(dialog, keep, response, &parts);
    if (err == HF_OK)
        dialog->tolerated |= tolerated;
    return err;
}

hf_err hf_sip_dialog_uac_bare(struct hf_sip_dialog *dialog, struct hf_sip_keep *keep,
                              const struct hf_sip_msg *response)
{
    struct parts parts = {.at = {[TARGET] = response->to.uri.text}};

    HF_ASSERT(dialog->state != HF_SIP_DIALOG_CONFIRMED && response->status / 100 == 2);
    return from_response(dialog, keep, response, &parts);
}

/* The side that is asked: everything mirrored. */
static hf_err from_request(struct hf_sip_dialog *dialog, struct hf_sip_keep *keep,
                           const struct hf_sip_msg *request, struct hf_slice local_tag)
{
    struct parts parts = {0};
    hf_err err = contact_of(request, &parts.at[TARGET]);

    if (err == HF_OK)
        err = routes_of(request, false, &parts);
    if (err != HF_OK)
        return err == HF_ERR_NOT_FOUND ? HF_ERR_MALFORMED : err;
    parts.at[CALL_ID] = request->call_id;
    parts.at[LOCAL_TAG] = local_tag;
    parts.at[REMOTE_TAG] = request->from.tag;
    parts.at[LOCAL_URI] = request->to.uri.text;
    parts.at[REMOTE_URI] = request->from.uri.text;
    err = store(dialog, keep, &parts);
    if (err != HF_OK)
        return err;
    dialog->remote_cseq = request->cseq.number;
    dialog->has_remote_cseq = true;
    return HF_OK;
}

hf_err hf_sip_dialog_notified(struct hf_sip_dialog *dialog, struct hf_sip_keep *keep,
                              const struct hf_sip_msg *subscribe, const struct hf_sip_msg *notify)
{
    hf_err err;

    if (notify->method != HF_SIP_NOTIFY || !hf_slice_eq(notify->call_id, subscribe->call_id) ||
        !hf_slice_eq(notify->to.tag, subscribe->from.tag))
        return HF_ERR_NOT_FOUND;
    if (dialog->state != HF_SIP_DIALOG_NONE)
        return hf_slice_eq(part(dialog, REMOTE_TAG), notify->from.tag) ? HF_OK : HF_ERR_CONFLICT;
    err = from_request(dialog, keep, notify, subscribe->from.tag);
    if (err != HF_OK)
        return err;
    dialog->local_cseq = subscribe->cseq.number;
    dialog->state = HF_SIP_DIALOG_CONFIRMED;
    return HF_OK;
}

hf_err hf_sip_dialog_uas(struct hf_sip_dialog *dialog, struct hf_sip_keep *keep,
                         const struct hf_sip_msg *request, struct hf_slice local_tag, bool confirmed)
{
    hf_err err;

    HF_ASSERT(dialog->state == HF_SIP_DIALOG_NONE && local_tag.bytes > 0);
    err = from_request(dialog, keep, request, local_tag);
    if (err == HF_OK)
        dialog->state = confirmed ? HF_SIP_DIALOG_CONFIRMED : HF_SIP_DIALOG_EARLY;
    return err;
}

void hf_sip_dialog_confirm(struct hf_sip_dialog *dialog)
{
    HF_ASSERT(dialog->state != HF_SIP_DIALOG_NONE);
    dialog->state = HF_SIP_DIALOG_CONFIRMED;
}

void hf_sip_dialog_save(const struct hf_sip_dialog *dialog, struct hf_sip_dialog_saved *ret_saved)
{
    HF_ASSERT(dialog->state == HF_SIP_DIALOG_CONFIRMED);
    *ret_saved = (struct hf_sip_dialog_saved){.call_id = part(dialog, CALL_ID),
                                              .local_tag = part(dialog, LOCAL_TAG),
                                              .remote_tag = part(dialog, REMOTE_TAG),
                                              .local_uri = part(dialog, LOCAL_URI),
                                              .remote_uri = part(dialog, REMOTE_URI),
                                              .target = part(dialog, TARGET),
                                              .route_count = dialog->routes,
                                              .local_cseq = dialog->local_cseq,
                                              .invite_cseq = dialog->invite_cseq,
                                              .remote_cseq = dialog->remote_cseq,
                                              .has_remote_cseq = dialog->has_remote_cseq};
    for (unsigned i = 0; i < dialog->routes; i++)
        ret_saved->routes[i] = part(dialog, ROUTE + i);
}

/* What was written down may be damaged: nothing of it may end a line of ours, or be what writing a request asserts. */
static bool may_be_written(const struct parts *parts)
{
    struct hf_sip_address route;

    for (unsigned i = 0; i < (unsigned)ROUTE + parts->routes; i++) {
        for (size_t at = 0; at < parts->at[i].bytes; at++)
            if ((unsigned char)parts->at[i].at[at] < ' ' || parts->at[i].at[at] == 0x7f)
                return false;
        if (i != REMOTE_TAG && parts->at[i].bytes == 0) /* peers of RFC 2543 have none */
            return false;
        if (i >= ROUTE &&
            hf_sip_parse_address(parts->at[i], hf_sip_tolerances_default(), &route, NULL) != HF_OK)
            return false;
    }
    return true;
}

hf_err hf_sip_dialog_restore(struct hf_sip_dialog *dialog, struct hf_sip_keep *keep,
                             const struct hf_sip_dialog_saved *saved)
{
    struct parts parts = {.routes = saved->route_count};

    HF_ASSERT(dialog->state == HF_SIP_DIALOG_NONE);
    if (saved->route_count > HF_SIP_DIALOG_ROUTES_MAX || saved->local_cseq > INT32_MAX ||
        saved->invite_cseq > saved->local_cseq)
        return HF_ERR_MALFORMED;
    parts.at[CALL_ID] = saved->call_id;
    parts.at[LOCAL_TAG] = saved->local_tag;
    parts.at[REMOTE_TAG] = saved->remote_tag;
    parts.at[LOCAL_URI] = saved->local_uri;
    parts.at[REMOTE_URI] = saved->remote_uri;
    parts.at[TARGET] = saved->target;
    for (unsigned i = 0; i < saved->route_count; i++)
        parts.at[ROUTE + i] = saved->routes[i];
    if (!may_be_written(&parts))
        return HF_ERR_MALFORMED;
    hf_err err = store(dialog, keep, &parts);
    if (err != HF_OK)
        return err;
    dialog->local_cseq = saved->local_cseq;
    dialog->invite_cseq = saved->invite_cseq;
    dialog->remote_cseq = saved->remote_cseq;
    dialog->has_remote_cseq = saved->has_remote_cseq;
    dialog->state = HF_SIP_DIALOG_CONFIRMED;
    return HF_OK;
}

void hf_sip_dialog_end(struct hf_sip_dialog *dialog)
{
    free_text(dialog);
    *dialog = (struct hf_sip_dialog){.state = HF_SIP_DIALOG_NONE};
}

bool hf_sip_dialog_is(const struct hf_sip_dialog *dialog, const struct hf_sip_msg *msg)
{
    bool request = msg->kind == HF_SIP_REQUEST;
    struct hf_slice ours = request ? msg->to.tag : msg->from.tag;
    struct hf_slice theirs = request ? msg->from.tag : msg->to.tag;

    return dialog->state != HF_SIP_DIALOG_NONE && hf_slice_eq(part(dialog, CALL_ID), msg->call_id) &&
           hf_slice_eq(part(dialog, LOCAL_TAG), ours) && hf_slice_eq(part(dialog, REMOTE_TAG), theirs);
}

static hf_err retarget(struct hf_sip_dialog *dialog, const struct hf_sip_msg *msg)
{
    struct parts parts = {.routes = dialog->routes};
    struct hf_slice target;
    hf_err err = contact_of(msg, &target);

    if (err == HF_ERR_NOT_FOUND || (err == HF_OK && hf_slice_eq(target, part(dialog, TARGET))))
        return HF_OK;
    if (err != HF_OK)
        return err;
    for (unsigned i = 0; i < (unsigned)ROUTE + dialog->routes; i++)
        parts.at[i] = part(dialog, i);
    parts.at[TARGET] = target;
    return store(dialog, dialog->keep, &parts);
}

static bool refreshes_target(enum hf_sip_method method)
{
    return method == HF_SIP_INVITE || method == HF_SIP_UPDATE || method == HF_SIP_SUBSCRIBE ||
           method == HF_SIP_NOTIFY;
}

hf_err hf_sip_dialog_receive(struct hf_sip_dialog *dialog, const struct hf_sip_msg *request)
{
    hf_err err = HF_OK;

    if (!hf_sip_dialog_is(dialog, request))
        return HF_ERR_NOT_FOUND;
    if (request->method == HF_SIP_ACK || request->method == HF_SIP_CANCEL)
        return HF_OK;
    if (dialog->has_remote_cseq && request->cseq.number < dialog->remote_cseq)
        return HF_ERR_CONFLICT;
    if (refreshes_target((enum hf_sip_method)request->method))
        err = retarget(dialog, request);
    if (err != HF_OK)
        return err;
    dialog->remote_cseq = request->cseq.number;
    dialog->has_remote_cseq = true;
    return HF_OK;
}

hf_err hf_sip_dialog_refreshed(struct hf_sip_dialog *dialog, const struct hf_sip_msg *response)
{
    if (!hf_sip_dialog_is(dialog, response))
        return HF_ERR_NOT_FOUND;
    return refreshes_target((enum hf_sip_method)response->cseq.method) ? retarget(dialog, response) : HF_OK;
}

/* Takes the next number for the method, in *ret_cseq; HF_ERR_CONFLICT, HF_ERR_LIMIT. */
static hf_err number(const struct hf_sip_dialog *dialog, enum hf_sip_method method, uint32_t *ret_cseq)
{
    if (dialog->state == HF_SIP_DIALOG_NONE || method == HF_SIP_CANCEL || method == HF_SIP_REGISTER ||
        method == HF_SIP_METHOD_OTHER)
        return HF_ERR_CONFLICT;
    if (method == HF_SIP_ACK) {
        *ret_cseq = dialog->invite_cseq;
        return dialog->state == HF_SIP_DIALOG_CONFIRMED && dialog->invite_cseq > 0 ? HF_OK : HF_ERR_CONFLICT;
    }
    *ret_cseq = dialog->local_cseq + 1;
    return dialog->local_cseq < INT32_MAX ? HF_OK : HF_ERR_LIMIT; /* 8.1.1.5: below 2^31 */
}

static hf_err write_start(const struct hf_sip_dialog *dialog, struct hf_sb *sb, enum hf_sip_method method,
                          const struct hf_sip_via_out *via)
{
    struct hf_slice name = hf_slice_of(hf_sip_method_name(method)), uri = part(dialog, TARGET);
    struct hf_sip_address first;
    bool strict = false, loose = false;
    hf_err err;

    if (dialog->routes > 0) {
        err = hf_sip_parse_address(part(dialog, ROUTE), hf_sip_tolerances_default(), &first, NULL);
        HF_ASSERT(err == HF_OK); /* it was read before it was kept */
        (void)hf_sip_param(first.uri.params, "lr", &loose);
        strict = !loose;
        if (strict)
            uri = first.uri.text;
    }
    err = hf_sip_write_request(sb, name, uri);
    if (err == HF_OK)
        err = hf_sip_write_via(sb, via);
    if (err == HF_OK)
        err = hf_sip_write_u64(sb, HF_SIP_MAX_FORWARDS, HF_SIP_MAX_FORWARDS_DEFAULT);
    for (unsigned i = strict ? 1 : 0; err == HF_OK && i < dialog->routes; i++)
        err = hf_sip_write_id(sb, HF_SIP_ROUTE, part(dialog, ROUTE + i));
    if (err == HF_OK && strict) /* 12.2.1.1: the target goes last in the list */
        err = hf_sip_write_address(sb, HF_SIP_ROUTE, part(dialog, TARGET), (struct hf_slice){0});
    return err;
}

hf_err hf_sip_dialog_write(struct hf_sip_dialog *dialog, struct hf_sb *sb, enum hf_sip_method method,
                           const struct hf_sip_via_out *via, struct hf_slice contact_uri)
{
    struct hf_slice none = {0}, tag = part(dialog, REMOTE_TAG);
    uint32_t cseq = 0;
    hf_err err = number(dialog, method, &cseq);

    if (err == HF_OK)
        err = write_start(dialog, sb, method, via);
    if (err == HF_OK)
        err = hf_sip_write_address(sb, HF_SIP_FROM, part(dialog, LOCAL_URI), part(dialog, LOCAL_TAG));
    if (err == HF_OK)
        err = hf_sip_write_address(sb, HF_SIP_TO, part(dialog, REMOTE_URI), tag.bytes > 0 ? tag : none);
    if (err == HF_OK)
        err = hf_sip_write_id(sb, HF_SIP_CALL_ID, part(dialog, CALL_ID));
    if (err == HF_OK)
        err = hf_sip_write_cseq(sb, cseq, hf_slice_of(hf_sip_method_name(method)));
    if (err == HF_OK && contact_uri.at != NULL)
        err = hf_sip_write_address(sb, HF_SIP_CONTACT, contact_uri, none);
    if (err != HF_OK || method == HF_SIP_ACK)
        return err;
    dialog->local_cseq = cseq;
    if (method == HF_SIP_INVITE)
        dialog->invite_cseq = cseq;
    return HF_OK;
}

struct hf_slice hf_sip_dialog_call_id(const struct hf_sip_dialog *dialog)
{
    return part(dialog, CALL_ID);
}

struct hf_slice hf_sip_dialog_local_tag(const struct hf_sip_dialog *dialog)
{
    return part(dialog, LOCAL_TAG);
}

struct hf_slice hf_sip_dialog_remote_tag(const struct hf_sip_dialog *dialog)
{
    return part(dialog, REMOTE_TAG);
}

struct hf_slice hf_sip_dialog_target(const struct hf_sip_dialog *dialog)
{
    return part(dialog, TARGET);
}
