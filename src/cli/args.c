#include "cli/args.h"

#include <getopt.h>
#include <inttypes.h>
#include <time.h>

#include "app/config_value.h"
#include "base/assert.h"
#include "cli/cli.h"
#include "codec/ws/utf8.h"

int hf_cli_ms(const char *argv0, const char *option, const char *text, uint64_t *ret_ms)
{
    if (hf_config_number(HF_CONFIG_KIND_MS, hf_slice_of(text), ret_ms))
        return HF_CLI_OK;
    return hf_cli_usage_error(argv0, "%s is '%s'; write 500ms, 5s, 2m, 24h or 7d", option, text);
}

int hf_cli_number(const char *argv0, const char *option, const char *text, uint64_t min, uint64_t max,
                  uint64_t *ret_value)
{
    if (hf_slice_to_u64(hf_slice_of(text), ret_value) && *ret_value >= min && *ret_value <= max)
        return HF_CLI_OK;
    return hf_cli_usage_error(argv0, "%s is '%s'; it must be %" PRIu64 " to %" PRIu64, option, text, min,
                              max);
}

int hf_cli_device_args(int argc, char **argv, const struct hf_cli_credentials *credentials, const char **url)
{
    if (optind < argc)
        *url = argv[optind++];
    if (optind < argc)
        return hf_cli_usage_error(argv[0], "'%s' is too many; it takes one URL", argv[optind]);
    if (credentials->token != NULL && credentials->token_file != NULL)
        return hf_cli_usage_error(argv[0], "--token and --token-file are two answers to one question");
    if ((credentials->cert_file == NULL) != (credentials->key_file == NULL))
        return hf_cli_usage_error(argv[0], "--cert and --key belong together");
    return HF_CLI_OK;
}

/* C0, DEL and, as UTF-8, C1: 0xc2 0x80..0x9f. */
static size_t control_bytes(struct hf_slice text)
{
    unsigned char c = (unsigned char)text.at[0];

    if (c < ' ' || c == 0x7f)
        return 1;
    return c == 0xc2 && text.bytes > 1 && (unsigned char)text.at[1] < 0xa0 ? 2 : 0;
}

void hf_cli_print_text(FILE *out, struct hf_slice text)
{
    while (text.bytes > 0) {
        size_t good = 0;

        for (size_t bytes = HF_MIN(text.bytes, (size_t)4); bytes > 0 && good == 0; bytes--)
            if (control_bytes(text) == 0 && hf_ws_utf8_prefix(text, bytes) == bytes)
                good = bytes;
        for (size_t i = 1; i < good; i++) /* a control character may stand second */
            if (control_bytes((struct hf_slice){text.at + i, good - i}) != 0)
                good = i;
        if (good > 0)
            (void)fwrite(text.at, 1, good, out);
        else
            (void)fprintf(out, "\\x%02x", (unsigned char)text.at[0]);
        text.at += good > 0 ? good : 1;
        text.bytes -= good > 0 ? good : 1;
    }
}

void hf_cli_print_time(FILE *out, uint64_t utc_ms)
{
    time_t seconds = (time_t)(utc_ms / 1000);
    struct tm local;
    char text[16];

    if (localtime_r(&seconds, &local) == NULL || strftime(text, sizeof(text), "%H:%M:%S", &local) == 0)
        text[0] = '\0';
    (void)fprintf(out, "%s.%03u", text, (unsigned)(utc_ms % 1000));
}

const char *hf_cli_bytes_text(double bytes, char out[HF_CLI_SHORT_BYTES])
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    size_t unit = 0;

    while (bytes >= 1024 && unit + 1 < HF_COUNT_OF(units)) {
        bytes /= 1024;
        unit++;
    }
    (void)snprintf(out, HF_CLI_SHORT_BYTES, unit == 0 || bytes >= 100 ? "%.0f %s" : "%.1f %s", bytes,
                   units[unit]);
    return out;
}

const char *hf_cli_duration_text(uint64_t ms, char out[HF_CLI_SHORT_BYTES])
{
    static const struct {
        uint64_t ms;
        const char *unit;
    } units[] = {{86400000, "d"}, {3600000, "h"}, {60000, "min"}, {1000, "s"}};

    for (size_t i = 0; i < HF_COUNT_OF(units); i++) {
        if (ms < 2 * units[i].ms)
            continue;
        (void)snprintf(out, HF_CLI_SHORT_BYTES, "%" PRIu64 " %s", ms / units[i].ms, units[i].unit);
        return out;
    }
    (void)snprintf(out, HF_CLI_SHORT_BYTES, "%" PRIu64 " ms", ms);
    return out;
}
