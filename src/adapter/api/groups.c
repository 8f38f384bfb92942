/* adapter/api/groups.c - which groups there are. What is done with one: pushes.c, contexts.c. */
#include "core/fleet/groups.h"
#include "adapter/api/page.h"

enum { GROUP_JSON_BYTES = 64 };

struct list {
    struct hf_api_page page;
    struct hf_slice prefix;
    char prefix_storage[HF_FLEET_TEXT_BYTES_MAX];
    struct hf_kv_txn *txn;
};

static void write_rows(struct hf_api_request *request, struct hf_json_out *out, struct list *list,
                       struct hf_fleet_groups *groups)
{
    struct hf_slice group;
    uint64_t members;
    hf_err err = HF_OK;

    hf_api_page_begin(&list->page, out, "groups");
    while (hf_api_page_open(&list->page) && (err = hf_fleet_groups_next(groups, &group, &members)) == HF_OK) {
        hf_api_page_row(&list->page, group);
        list->page.items++;
        hf_json_out_object(out, NULL);
        hf_json_out_text(out, "group", group);
        hf_json_out_u64(out, "members", members);
        hf_json_out_end(out);
    }
    hf_api_page_end(request, &list->page, out, err);
}

static void write_list(struct hf_api_request *request, struct hf_json_out *out, void *context)
{
    struct list *list = context;
    struct hf_fleet_groups groups;

    request->write_err =
        hf_fleet_groups_begin(&groups, list->txn, request->tenant, list->prefix, list->page.after);
    hf_json_out_object(out, NULL);
    if (request->write_err == HF_OK) {
        write_rows(request, out, list, &groups);
        hf_fleet_groups_end(&groups);
    }
    hf_json_out_end(out);
}

void hf_api_groups_list(struct hf_api_request *request)
{
    struct list list = {.txn = NULL};

    if (!hf_api_page_take(request, HF_FLEET_TEXT_BYTES_MAX, &list.page) ||
        !hf_api_param(request, "prefix", list.prefix_storage, sizeof(list.prefix_storage), &list.prefix))
        return;
    hf_err err = hf_kv_read(request->api->backend->kv, &list.txn);
    if (err == HF_OK)
        hf_api_reply_json(
            request, &(struct hf_api_reply){.status = 200, .bytes_hint = list.page.limit * GROUP_JSON_BYTES},
            write_list, &list);
    else
        hf_api_fail_err(request, err);
    hf_kv_end(list.txn);
}
