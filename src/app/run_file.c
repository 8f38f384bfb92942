/* app/run_file.c - run.json: who runs here, and what listens where. */
#include <stdio.h>
#include <unistd.h>

#include "app/gateway.h"
#include "codec/json/out.h"

hf_err hf_gateway_write_run_file(const struct hf_gateway *gateway)
{
    char path[1100], temporary[1110], text[8192];
    struct hf_json_out out;
    struct hf_sb sb;

    hf_sb_init(&sb, text, sizeof(text));
    hf_json_out_init(&out, &sb);
    hf_json_out_object(&out, NULL);
    hf_json_out_u64(&out, "pid", (uint64_t)getpid());
    hf_json_out_cstr(&out, "version", HF_VERSION);
    hf_json_out_array(&out, "listeners");
    for (unsigned l = 0; l < gateway->listener_count; l++) {
        const struct hf_gateway_listener *listener = &gateway->listeners[l];
        char address[HF_SOCKET_TEXT_MAX];

        hf_address_text(&listener->address, address);
        hf_json_out_object(&out, NULL);
        hf_json_out_cstr(&out, "name", listener->name);
        hf_json_out_cstr(&out, "address", address);
        hf_json_out_u64(&out, "port", hf_address_port(&listener->address));
        hf_json_out_bool(&out, "tls", listener->tls != NULL);
        hf_json_out_end(&out);
    }
    hf_json_out_end(&out);
    hf_gateway_gb_print(gateway, &out);
    hf_json_out_end(&out);
    hf_sb_char(&sb, '\n');
    snprintf(path, sizeof(path), "%s/run.json", gateway->data_dir);
    snprintf(temporary, sizeof(temporary), "%s.new", path);
    FILE *file = fopen(temporary, "w");
    if (file == NULL)
        return HF_ERR_IO;
    bool ok = fwrite(sb.at, 1, sb.bytes, file) == sb.bytes;
    ok = fclose(file) == 0 && ok && rename(temporary, path) == 0;
    return ok ? HF_OK : HF_ERR_IO;
}
