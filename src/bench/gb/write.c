/* bench/gb/write.c - SIP texts of a camera. */
#include "bench/gb/camera_parts.h"

#include "base/hash.h"

enum { AGENT_BYTES = 1024 };

static struct hf_slice uri(struct hf_sb *sb, struct hf_slice user, struct hf_slice host, uint16_t port)
{
    bool ipv6 = memchr(host.at, ':', host.bytes) != NULL;

    hf_sb_text(sb, "sip:");
    hf_sb_slice(sb, user);
    hf_sb_text(sb, ipv6 ? "@[" : "@");
    hf_sb_slice(sb, host);
    hf_sb_text(sb, ipv6 ? "]" : "");
    if (port != 0)
        hf_sb_printf(sb, ":%u", port);
    return hf_sb_done(sb);
}

uint64_t hf_cam_fresh(struct hf_cam *cam)
{
    return hf_rng_u64(&cam->world->rng);
}

struct hf_slice hf_cam_hex(uint64_t number, char ret_text[HF_CAM_TAG_BYTES])
{
    static const char digits[] = "0123456789abcdef";

    for (int i = 15; i >= 0; i--, number >>= 4)
        ret_text[i] = digits[number & 15];
    ret_text[16] = '\0';
    return (struct hf_slice){ret_text, 16};
}

struct hf_slice hf_cam_tag(const struct hf_cam *cam, struct hf_slice call_id, char ret_text[HF_CAM_TAG_BYTES])
{
    static const uint8_t key[HF_HASH_KEY_BYTES] = "camera's own tag"; /* no secret: it need only differ */

    return hf_cam_hex(hf_hash(key, call_id.at, call_id.bytes) ^ hf_hash(key, cam->id, HF_GBID_DIGITS),
                      ret_text);
}

void hf_cam_write_contact(struct hf_cam *cam, struct hf_sb *sb)
{
    char text[128];
    struct hf_sb contact;

    hf_sb_init(&contact, text, sizeof(text));
    (void)hf_sip_write_address(sb, HF_SIP_CONTACT,
                               uri(&contact, hf_cam_id(cam), hf_slice_of(cam->host), cam->port),
                               (struct hf_slice){NULL, 0});
}

static void write_agent(struct hf_cam *cam, struct hf_sb *sb)
{
    struct hf_slice agent = cam->world->profile->user_agent;

    char text[AGENT_BYTES];
    struct hf_sb all;

    if (agent.at == NULL)
        agent = HF_SLICE("Holdfast camera");
    if (cam->quirks != 0) {
        hf_sb_init(&all, text, sizeof(text));
        hf_sb_slice(&all, agent);
        hf_sb_text(&all, " (");
        hf_cam_quirks_write(cam->quirks, &all);
        hf_sb_char(&all, ')');
        agent = hf_sb_done(&all);
    }
    (void)hf_sip_write_id(sb, HF_SIP_USER_AGENT, agent);
}

void hf_cam_write_head(struct hf_cam *cam, const struct hf_cam_head *head, struct hf_sb *sb)
{
    const struct hf_cam_profile *profile = cam->world->profile;
    char server_text[160], own_text[160], branch[HF_CAM_BRANCH_BYTES], tag[HF_CAM_TAG_BYTES],
        call_id[HF_CAM_TAG_BYTES];
    struct hf_sb server_sb, own_sb;

    hf_sb_init(&server_sb, server_text, sizeof(server_text));
    hf_sb_init(&own_sb, own_text, sizeof(own_text));
    struct hf_slice server = uri(&server_sb, profile->server_id, profile->realm, 0);
    struct hf_slice own = uri(&own_sb, hf_cam_id(cam), profile->realm, 0);
    struct hf_slice method = hf_slice_of(hf_sip_method_name(head->method));

    memcpy(branch, "z9hG4bK", 8);
    (void)hf_cam_hex(head->branch, branch + 7);
    hf_sb_init(sb, cam->world->sip, HF_CAM_SIP_BYTES_MAX);
    (void)hf_sip_write_request(sb, method, head->uri.at != NULL ? head->uri : server);
    (void)hf_sip_write_via(sb, &(struct hf_sip_via_out){.transport = profile->transport,
                                                        .host = hf_slice_of(cam->host),
                                                        .port = cam->port,
                                                        .branch = {branch, HF_CAM_BRANCH_BYTES - 1},
                                                        .rport = true});
    (void)hf_sip_write_address(sb, HF_SIP_FROM, head->from.at != NULL ? head->from : own,
                               head->from_tag.at != NULL ? head->from_tag
                                                         : hf_cam_hex(hf_cam_fresh(cam), tag));
    (void)hf_sip_write_address(sb, HF_SIP_TO,
                               head->to.at != NULL               ? head->to
                               : head->method == HF_SIP_REGISTER ? own
                                                                 : server,
                               head->to_tag);
    (void)hf_sip_write_id(sb, HF_SIP_CALL_ID,
                          head->call_id.at != NULL ? head->call_id : hf_cam_hex(hf_cam_fresh(cam), call_id));
    (void)hf_sip_write_cseq(sb, head->cseq, method);
    (void)hf_sip_write_u64(sb, HF_SIP_MAX_FORWARDS, HF_SIP_MAX_FORWARDS_DEFAULT);
    hf_cam_write_contact(cam, sb);
    write_agent(cam, sb);
}

void hf_cam_write_reply(struct hf_cam *cam, const struct hf_sip_msg *request, unsigned status,
                        struct hf_sb *sb)
{
    char tag[HF_CAM_TAG_BYTES];
    struct hf_sip_reply reply = {.status = status, .to_tag = hf_cam_tag(cam, request->call_id, tag)};

    hf_sb_init(sb, cam->world->sip, HF_CAM_SIP_BYTES_MAX);
    if (hf_sip_write_reply(sb, request, &reply) != HF_OK)
        sb->overflow = true;
    write_agent(cam, sb);
}

bool hf_cam_write_end(struct hf_sb *sb, struct hf_slice type, struct hf_slice body, struct hf_slice *ret_text)
{
    (void)hf_sip_write_end(sb, type, body);
    *ret_text = hf_sb_done(sb);
    return !sb->overflow;
}

void hf_cam_send(struct hf_cam *cam, struct hf_slice text)
{
    struct hf_cam_world *world = cam->world;
    struct hf_sb odd = {0};

    if (cam->quirks != 0) {
        hf_sb_init(&odd, world->odd, HF_CAM_SIP_BYTES_MAX);
        hf_cam_quirk_sip(cam->quirks, hf_cam_is_stream(cam), text, &odd);
        text = hf_sb_done(&odd);
    }
    if (!odd.overflow && (hf_cam_is_stream(cam) || text.bytes <= HF_CAM_UDP_BYTES_MAX) &&
        world->ops->send(world->context, cam, text))
        world->stats.sent++;
    else
        world->stats.not_sent++;
}
