/* app/gb_gateway.c - what all workers share of the cameras: the listeners of the configuration, bound for each worker, and how they are shown. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "app/gb_config.h"
#include "app/worker.h"
#include "base/assert.h"
#include "codec/json/out.h"
#include "io/entropy.h"

hf_err hf_gateway_gb_init(struct hf_gateway *gateway, const struct hf_config *config, char *error,
                          size_t error_bytes)
{
    const struct hf_config_gb28181 *options = &config->gb28181;
    struct hf_gateway_gb *gb = &gateway->gb;

    hf_gateway_upstreams_init(gateway);
    if (!options->enabled)
        return HF_OK;
    hf_entropy(gb->secret, sizeof(gb->secret));
    (void)snprintf(gb->realm, sizeof(gb->realm), "%.*s", (int)hf_gb_realm(config).bytes,
                   hf_gb_realm(config).at);
    gb->tenant = hf_tenants_find(gateway->tenants, hf_gb_tenant(config));
    HF_ASSERT(gb->tenant != NULL && options->listeners.count <= HF_GBW_DOORS_MAX); /* config_check_gb.c */
    for (size_t i = 0; i < options->listeners.count; i++) {
        const struct hf_config_gb_listener *listener = &options->listeners.at[i];
        struct hf_gbw_door *door = &gb->doors[gb->door_count++];

        (void)snprintf(door->name, sizeof(door->name), "%s", listener->name);
        door->udp = listener->transport != HF_CONFIG_GB_TCP;
        door->tcp = listener->transport != HF_CONFIG_GB_UDP;
        if (hf_address_parse_host(listener->address, (uint16_t)listener->port, &door->address) != HF_OK) {
            (void)snprintf(error, error_bytes, "gb28181.listeners.%s.address '%s' is not a numeric address",
                           listener->name, listener->address);
            return HF_ERR_INVALID;
        }
    }
    return HF_OK;
}

static void close_door(struct hf_gbw *gb, unsigned door)
{
    hf_udp_close(gb->udp[door]);
    hf_listener_close(gb->listeners[door]);
    gb->udp[door] = NULL;
    gb->listeners[door] = NULL;
}

/* The kernel chooses a port for UDP that may be taken for TCP: then another. */
static hf_err open_first(struct hf_gbw *gb, unsigned door)
{
    struct hf_gbw_door *shared = &gb->worker->gateway->gb.doors[door];
    union hf_address wanted = shared->address;
    hf_err err = HF_ERR_EXISTS;

    for (unsigned i = 0; err == HF_ERR_EXISTS && i < HF_GBW_PORT_TRIES; i++) {
        shared->address = wanted;
        err = shared->udp ? hf_gbw_udp_open(gb, door) : HF_OK;
        if (err == HF_OK && shared->tcp)
            err = hf_gbw_tcp_open(gb, door);
        if (err != HF_OK)
            close_door(gb, door);
        if (hf_address_port(&wanted) != 0)
            break;
    }
    return err;
}

hf_err hf_gateway_gb_bind(struct hf_gateway *gateway, char *error, size_t error_bytes)
{
    hf_err err = HF_OK;

    gateway->gb.devices_max = gateway->worker_count * gateway->rules->config->gb28181.devices_max;
    for (unsigned door = 0; door < gateway->gb.door_count; door++) {
        struct hf_gbw_door *shared = &gateway->gb.doors[door];
        char text[HF_SOCKET_TEXT_MAX];

        for (unsigned i = 0; err == HF_OK && i < gateway->worker_count; i++) {
            struct hf_gbw *gb = &gateway->workers[i]->gb;

            if (i == 0)
                err = open_first(gb, door);
            else if (shared->udp)
                err = hf_gbw_udp_open(gb, door);
            if (i > 0 && err == HF_OK && shared->tcp)
                err = hf_gbw_tcp_open(gb, door);
        }
        if (err == HF_OK)
            continue;
        hf_address_text(&shared->address, text);
        if (err == HF_ERR_EXISTS)
            (void)snprintf(
                error, error_bytes,
                "cannot listen on '%s' (SIP listener %s): address in use; stop the other program or "
                "change the port (--set gb28181.listeners.%s.port=PORT)",
                text, shared->name, shared->name);
        else
            (void)snprintf(error, error_bytes, "cannot listen on '%s' (SIP listener %s): %s", text,
                           shared->name, err == HF_ERR_DENIED ? "the port is privileged" : strerror(errno));
        return err;
    }
    return HF_OK;
}

static const char *transport_of(const struct hf_gbw_door *door)
{
    return !door->tcp ? "udp" : !door->udp ? "tcp" : "both";
}

void hf_gateway_gb_log(struct hf_gateway *gateway)
{
    for (unsigned i = 0; i < gateway->gb.door_count; i++) {
        const struct hf_gbw_door *door = &gateway->gb.doors[i];
        char text[HF_SOCKET_TEXT_MAX];

        hf_address_text(&door->address, text);
        hf_log(&gateway->logger, HF_LOG_LISTENING, HF_F_STR("listener", door->name),
               HF_F_STR("protocol", "sip"), HF_F_STR("address", text),
               HF_F_STR("transport", transport_of(door)), HF_F_END);
    }
}

void hf_gateway_gb_print(const struct hf_gateway *gateway, struct hf_json_out *out)
{
    hf_json_out_array(out, "sip");
    for (unsigned i = 0; i < gateway->gb.door_count; i++) {
        const struct hf_gbw_door *door = &gateway->gb.doors[i];
        char text[HF_SOCKET_TEXT_MAX];

        hf_address_text(&door->address, text);
        hf_json_out_object(out, NULL);
        hf_json_out_cstr(out, "name", door->name);
        hf_json_out_cstr(out, "address", text);
        hf_json_out_u64(out, "port", hf_address_port(&door->address));
        hf_json_out_cstr(out, "transport", transport_of(door));
        hf_json_out_end(out);
    }
    hf_json_out_end(out);
}
