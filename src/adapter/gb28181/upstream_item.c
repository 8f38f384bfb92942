/* adapter/gb28181/upstream_item.c - a device or channel as an upper platform's catalogue has it. */
#include "adapter/gb28181/upstream_tree.h"

#include "base/assert.h"
#include "codec/json/array.h"
#include "core/presence.h"

bool hf_gb_up_device_online(struct hf_kv_txn *txn, struct hf_slice tenant, struct hf_slice device)
{
    struct hf_device_row row;
    struct hf_kvkey key;
    struct hf_slice value;

    return hf_kvkey_device(&key, tenant, device) == HF_OK &&
           hf_kv_get(txn, HF_KV_DEVICES, hf_kvkey_slice(&key), &value) == HF_OK &&
           hf_device_row_decode(value, &row) == HF_OK && row.presence == HF_ONLINE;
}

/* Several parents have "/" between them; the device's own id is one of them mostly. */
static void parents_out(struct hf_json_out *out, struct hf_slice device, struct hf_slice device_shown,
                        struct hf_slice parents, const struct hf_gb_up_shown *shown)
{
    char text[256];
    struct hf_sb sb;

    hf_sb_init(&sb, text, sizeof(text));
    while (parents.bytes > 0) {
        const char *slash = memchr(parents.at, '/', parents.bytes);
        struct hf_slice one = {parents.at, slash != NULL ? (size_t)(slash - parents.at) : parents.bytes};

        if (sb.bytes > 0)
            hf_sb_char(&sb, '/');
        hf_sb_slice(&sb, one.bytes == 0 || hf_slice_eq(one, device) ? device_shown
                                                                    : hf_gb_up_shown_id(shown, device, one));
        parents.at += one.bytes + (slash != NULL);
        parents.bytes -= one.bytes + (slash != NULL);
    }
    if (sb.bytes == 0 || sb.overflow)
        hf_json_out_text(out, "parent_id", device_shown);
    else
        hf_json_out_text(out, "parent_id", hf_sb_done(&sb));
}

/* What else the device said of it, but for what is said here, and for what only it understands. */
static void more_out(struct hf_json_out *out, struct hf_slice device, struct hf_slice more,
                     const struct hf_gb_up_shown *shown, char *scratch, size_t scratch_bytes)
{
    static const char *const own[] = {"device_id", "name", "status", "parent_id", "event", "extra"};
    struct hf_json_out packed;
    struct hf_json_field member;
    struct hf_slice rest, text;
    char storage[64];
    struct hf_sb sb;

    hf_sb_init(&sb, scratch, scratch_bytes);
    hf_json_out_init(&packed, &sb);
    hf_json_out_object(&packed, NULL);
    hf_channel_more_out(more, &packed);
    hf_json_out_end(&packed);
    if (!hf_json_out_complete(&packed))
        return;
    rest = hf_sb_done(&sb);
    while (hf_json_object_next(&rest, &member)) {
        bool known = false;

        for (size_t i = 0; i < HF_COUNT_OF(own); i++)
            known = known || hf_slice_is(member.name, own[i]);
        if (known)
            continue;
        hf_json_out_key(out, member.name);
        if (hf_slice_is(member.name, "business_group_id") &&
            hf_json_to_text(&member, storage, sizeof(storage), &text) == HF_OK)
            hf_json_out_text(out, NULL, hf_gb_up_shown_id(shown, device, text));
        else
            hf_json_out_raw(out, NULL, member.raw);
    }
}

bool hf_gb_up_tree_item(const struct hf_gb_up_tree *tree, const struct hf_gb_up_node *node,
                        struct hf_kv_txn *txn, struct hf_slice tenant, struct hf_slice root,
                        const struct hf_gb_up_shown *shown, char *scratch, size_t scratch_bytes,
                        struct hf_sb *sb)
{
    const struct hf_gb_up_tree_device *owner = &tree->devices[node->device];
    struct hf_slice device = {owner->id, owner->bytes}, device_shown = {owner->shown, owner->shown_bytes};
    struct hf_slice id = hf_gb_up_node_channel(node);
    struct hf_catalog_row catalog;
    struct hf_channel_row row = {0};
    struct hf_json_out out;
    size_t before = sb->bytes;

    bool there = hf_catalog_get(txn, tenant, device, &catalog) == HF_OK &&
                 hf_channel_get(txn, tenant, device, catalog.generation, id, &row) == HF_OK;
    bool on = hf_gb_up_device_online(txn, tenant, device) && (there || node->own) &&
              (row.status == HF_CHANNEL_SILENT || row.status == HF_CHANNEL_ON);
    if (!there)
        row = (struct hf_channel_row){0};
    hf_json_out_init(&out, sb);
    hf_json_out_object(&out, NULL);
    hf_json_out_text(&out, "device_id", hf_gb_up_node_shown(node));
    hf_json_out_text(&out, "name", row.name.bytes > 0 ? row.name : id);
    hf_json_out_cstr(&out, "status", on ? "ON" : "OFF");
    if (node->own) {
        hf_json_out_text(&out, "parent_id", root);
        if (!there)
            hf_json_out_u64(&out, "parental", owner->count > 1);
    } else {
        parents_out(&out, device, device_shown, row.parent, shown);
    }
    if (there)
        more_out(&out, device, row.more, shown, scratch, scratch_bytes);
    hf_json_out_end(&out);
    if (hf_json_out_complete(&out) && !sb->overflow)
        return true;
    sb->bytes = before;
    sb->overflow = false;
    return false;
}
