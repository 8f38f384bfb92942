/* `holdfast dev`: a gateway for one person's machine. Makes its own CA, server certificate, tenant and keys on the first start and reuses
 * them on every later one, then serves like `holdfast serve` with the configuration it has written, which may be edited. */
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/gateway.h"
#include "app/jwt_files.h"
#include "app/serve.h"
#include "app/tenants.h"
#include "cli/args.h"
#include "cli/config_args.h"
#include "cli/dev_fleet.h"
#include "codec/json/out.h"
#include "codec/jwt/api_key.h"
#include "codec/jwt/jwt.h"
#include "io/clock.h"
#include "io/entropy.h"
#include "io/pki.h"

extern char **environ;

enum {
    PATH_BYTES = 1200,
    TOKEN_LIFE_S = 30 * 24 * 3600,
    ERROR_BYTES = 4096,
    FLEET_WAIT_MS = 5000,
    FLEET_ASK_MS = 100,
    DEV_GB_PASSWORD_BYTES = 12, /* what the fields of cameras take, 48 random bits */
};
#define DEV_TENANT  "default"
#define DEV_DEVICE  "demo-1"
#define DEV_KID     "dev"
#define DEV_CAMERA  "34020000001320000001"
#define DEV_CHANNEL "34020000001310000001" /* the simulated camera's only one */
#define DEV_GB_ID   "34020000002000000001" /* our SIP server id; its first 10 digits are the domain */

struct dev {
    const char *argv0;
    char data[PATH_MAX]; /* absolute: a pasted line works from anywhere */
    unsigned port, tls_port, admin_port;
    char error[ERROR_BYTES];
    char api_key[HF_API_KEY_TEXT_BYTES_MAX];
    char token[HF_JWT_TOKEN_BYTES_MAX + 1];
    char gb_password[DEV_GB_PASSWORD_BYTES + 1]; /* of all cameras */
    bool first;
    uint64_t bicycles;
    struct hf_dev_fleet *fleet; /* owns */
};

static void path_of(const struct dev *dev, const char *name, char out[PATH_BYTES])
{
    (void)snprintf(out, PATH_BYTES, "%.1000s/%s", dev->data, name);
}

static bool there(const struct dev *dev, const char *name)
{
    char path[PATH_BYTES];

    path_of(dev, name, path);
    return access(path, R_OK) == 0;
}

static hf_err make_dir(struct dev *dev, const char *data)
{
    char path[PATH_BYTES];

    if ((mkdir(data, 0750) != 0 && errno != EEXIST) || realpath(data, dev->data) == NULL) {
        (void)snprintf(dev->error, sizeof(dev->error), "cannot create '%s': %s; name another one with --data",
                       data, strerror(errno));
        return HF_ERR_IO;
    }
    path_of(dev, "dev", path);
    if (strlen(dev->data) > 900 || (mkdir(path, 0700) != 0 && errno != EEXIST)) {
        (void)snprintf(dev->error, sizeof(dev->error), "cannot create '%s': %s", path, strerror(errno));
        return HF_ERR_IO;
    }
    return HF_OK;
}

static hf_err make_certificates(struct dev *dev)
{
    static const char *const names[] = {"localhost", "127.0.0.1", "::1"};
    const struct hf_pki_server_request request = {
        .common_name = "holdfast dev", .names = names, .name_count = HF_COUNT_OF(names)};
    const struct hf_pki_file_options overwrite = {.overwrite = true};
    char ca_cert[PATH_BYTES], ca_key[PATH_BYTES], cert[PATH_BYTES], key[PATH_BYTES];
    struct hf_pki_ca *ca = NULL;
    struct hf_pki_pair pair;

    if (there(dev, "dev/ca.pem") && there(dev, "dev/server.pem"))
        return HF_OK;
    path_of(dev, "dev/ca.pem", ca_cert);
    path_of(dev, "dev/ca.key", ca_key);
    path_of(dev, "dev/server.pem", cert);
    path_of(dev, "dev/server.key", key);
    hf_err err =
        hf_pki_ca_new("Holdfast development CA", 0, hf_clock_utc_ms(), &ca, dev->error, sizeof(dev->error));
    if (err == HF_OK)
        err = hf_pki_server(ca, &request, hf_clock_utc_ms(), &pair, dev->error, sizeof(dev->error));
    if (err == HF_OK)
        err = hf_pki_ca_save(ca, ca_cert, ca_key, overwrite, dev->error, sizeof(dev->error));
    if (err == HF_OK) {
        err = hf_pki_pair_save(&pair, cert, key, overwrite, dev->error, sizeof(dev->error));
        hf_pki_pair_wipe(&pair);
    }
    hf_pki_ca_free(ca);
    return err;
}

static hf_err make_secret(struct dev *dev)
{
    char path[PATH_BYTES];

    path_of(dev, "dev/jwt.secret", path);
    if (there(dev, "dev/jwt.secret"))
        return HF_OK;
    return hf_pki_jwt_hs256(path, (struct hf_pki_file_options){0}, dev->error, sizeof(dev->error));
}

static hf_err make_api_key(struct dev *dev)
{
    uint8_t random[HF_API_KEY_RANDOM_BYTES], hash[HF_API_KEY_HASH_BYTES];
    char path[PATH_BYTES];

    path_of(dev, "dev/api.key", path);
    if (there(dev, "dev/api.key")) {
        FILE *file = fopen(path, "re");
        bool read = file != NULL && fgets(dev->api_key, sizeof(dev->api_key), file) != NULL;

        if (file != NULL)
            (void)fclose(file);
        dev->api_key[strcspn(dev->api_key, "\r\n")] = '\0';
        struct hf_slice id;
        if (read && hf_api_key_parse(hf_slice_of(dev->api_key), &id) == HF_OK)
            return HF_OK;
        (void)snprintf(dev->error, sizeof(dev->error),
                       "'%.1200s' holds no API key; delete it and %.900s/dev/holdfast.yaml to get new ones",
                       path, dev->data);
        return HF_ERR_INVALID;
    }
    hf_entropy(random, sizeof(random));
    hf_api_key_generate(random, dev->api_key, hash);
    return hf_pki_write_file(path, dev->api_key, strlen(dev->api_key), 0600, (struct hf_pki_file_options){0},
                             dev->error, sizeof(dev->error));
}

static hf_err make_gb_password(struct dev *dev)
{
    uint8_t random[DEV_GB_PASSWORD_BYTES / 2];
    char path[PATH_BYTES];
    struct hf_sb sb;

    path_of(dev, "dev/gb.password", path);
    if (there(dev, "dev/gb.password")) {
        FILE *file = fopen(path, "re");
        bool read = file != NULL && fgets(dev->gb_password, sizeof(dev->gb_password), file) != NULL;

        if (file != NULL)
            (void)fclose(file);
        dev->gb_password[strcspn(dev->gb_password, "\r\n")] = '\0';
        if (read && dev->gb_password[0] != '\0')
            return HF_OK;
        (void)snprintf(dev->error, sizeof(dev->error),
                       "'%.1200s' holds no password; delete it to get a new one", path);
        return HF_ERR_INVALID;
    }
    hf_entropy(random, sizeof(random));
    hf_sb_init(&sb, dev->gb_password, sizeof(dev->gb_password));
    hf_sb_hex(&sb, random, sizeof(random));
    return hf_pki_write_file(path, dev->gb_password, strlen(dev->gb_password), 0600,
                             (struct hf_pki_file_options){0}, dev->error, sizeof(dev->error));
}

static hf_err make_token(struct dev *dev)
{
    struct hf_jwt_keys *keys = hf_jwt_keys_new();
    struct hf_jwt_claims claims = {
        .tenant = HF_SLICE(DEV_TENANT),
        .device = HF_SLICE(DEV_DEVICE),
        .issued_s = hf_clock_utc_ms() / 1000,
        .expires_s = hf_clock_utc_ms() / 1000 + TOKEN_LIFE_S,
    };
    char path[PATH_BYTES];
    size_t bytes = 0;

    path_of(dev, "dev/jwt.secret", path);
    hf_err err = keys ? hf_jwt_files_add(keys, HF_JWT_HS256, HF_SLICE(DEV_KID), HF_SLICE(DEV_TENANT), path,
                                         dev->error, sizeof(dev->error))
                      : HF_ERR_NOMEM;
    if (err == HF_OK)
        err = hf_jwt_sign(keys, HF_SLICE(DEV_KID), &claims, (struct hf_slice){NULL, 0}, dev->token,
                          sizeof(dev->token), &bytes);
    hf_jwt_keys_free(keys);
    return err;
}

/* Written once; whoever edits it keeps the edits. */
static hf_err make_config(struct dev *dev)
{
    uint8_t hash[HF_API_KEY_HASH_BYTES];
    char path[PATH_BYTES], text[8192];
    struct hf_slice id;
    struct hf_sb sb;

    if (there(dev, "dev/holdfast.yaml"))
        return HF_OK;
    dev->first = true;
    hf_api_key_hash(hf_slice_of(dev->api_key), hash);
    hf_err err = hf_api_key_parse(hf_slice_of(dev->api_key), &id);
    if (err != HF_OK)
        return err;
    hf_sb_init(&sb, text, sizeof(text));
    hf_sb_printf(
        &sb,
        "# Made by `holdfast dev` and reused by its next start; edit it freely (HUP takes changes over).\n"
        "# `holdfast default-config` shows every option with its default.\n"
        "node: {name: dev, data_dir: \"%s\"}\n"
        "listeners:\n"
        "  - {name: plain, address: 127.0.0.1, port: 8080}\n"
        "  - name: tls\n"
        "    address: 127.0.0.1\n"
        "    port: 8443\n"
        "    tls: {cert_file: \"%s/dev/server.pem\", key_file: \"%s/dev/server.key\",\n"
        "          client_ca_file: \"%s/dev/ca.pem\", verify: optional}\n"
        "admin: {port: 6060}\n"
        "websocket: {origins: [\"*\"], deflate: {enabled: true}}\n"
        "api:\n"
        "  cors_origins: [\"*\"]\n"
        "  api_keys:\n"
        "    - {id: %.*s, tenant: " DEV_TENANT ", scopes: [admin],\n"
        "       sha256: ",
        dev->data, dev->data, dev->data, dev->data, (int)id.bytes, id.at);
    hf_sb_hex(&sb, hash, sizeof(hash));
    hf_sb_printf(&sb,
                 "}\n"
                 "console: {mode: on}\n"
                 "tenants:\n"
                 "  - name: " DEV_TENANT "\n"
                 "    jwt_keys:\n"
                 "      - {kid: " DEV_KID ", alg: HS256, secret_file: \"%s/dev/jwt.secret\"}\n"
                 "gb28181:\n"
                 "  enabled: true\n"
                 "  server_id: \"" DEV_GB_ID "\"\n"
                 "  password_file: \"%s/dev/gb.password\"\n"
                 "  listeners: [{name: sip, address: 127.0.0.1, port: 5060}]  # 0.0.0.0 lets in what is on "
                 "the network\n"
                 "drain: {window_ms: 1s}\n"
                 "logging: {level: info}\n",
                 dev->data, dev->data);
    path_of(dev, "dev/holdfast.yaml", path);
    return sb.overflow ? HF_ERR_LIMIT
                       : hf_pki_write_file(path, sb.at, sb.bytes, 0600, (struct hf_pki_file_options){0},
                                           dev->error, sizeof(dev->error));
}

/* data/dev.json: where the other commands find this gateway and its keys. */
static void write_dev_file(struct dev *dev, const struct hf_gateway *gateway, const char *url,
                           const char *tls_url)
{
    char path[PATH_BYTES], ca[PATH_BYTES], text[8192];
    struct hf_json_out out;
    struct hf_sb sb;

    path_of(dev, "dev/ca.pem", ca);
    hf_sb_init(&sb, text, sizeof(text));
    hf_json_out_init(&out, &sb);
    hf_json_out_object(&out, NULL);
    hf_json_out_cstr(&out, "url", url);
    hf_json_out_cstr(&out, "tls_url", tls_url);
    hf_json_out_cstr(&out, "api_key", dev->api_key);
    hf_json_out_cstr(&out, "device_token", dev->token);
    hf_json_out_cstr(&out, "device", DEV_DEVICE);
    hf_json_out_cstr(&out, "tenant", DEV_TENANT);
    hf_json_out_cstr(&out, "ca", ca);
    if (gateway->gb.door_count > 0) {
        char sip[HF_SOCKET_TEXT_MAX];

        hf_address_text(&gateway->gb.doors[0].address, sip);
        hf_json_out_object(&out, "sip");
        hf_json_out_cstr(&out, "address", sip);
        hf_json_out_cstr(&out, "server_id", gateway->rules->config->gb28181.server_id);
        hf_json_out_cstr(&out, "domain", gateway->gb.realm);
        hf_json_out_cstr(&out, "password", dev->gb_password);
        hf_json_out_end(&out);
    }
    hf_json_out_end(&out);
    hf_sb_char(&sb, '\n');
    path_of(dev, "dev.json", path);
    if (hf_pki_write_file(path, sb.at, sb.bytes, 0600, (struct hf_pki_file_options){.overwrite = true},
                          dev->error, sizeof(dev->error)) != HF_OK)
        (void)fprintf(stderr, "holdfast dev: %s\n", dev->error);
}

static unsigned port_of(const struct hf_gateway *gateway, const char *name)
{
    for (unsigned l = 0; l < gateway->listener_count; l++)
        if (strcmp(gateway->listeners[l].name, name) == 0)
            return hf_address_port(&gateway->listeners[l].address);
    return 0;
}

/* A gateway without its fleet is a gateway: trouble is told, and no reason to end. */
static void start_fleet(struct dev *dev, const struct hf_gateway *gateway, unsigned port)
{
    char url[64], sip[HF_SOCKET_TEXT_MAX], error[HF_DEV_FLEET_ERROR_BYTES];
    bool cameras = gateway->gb.door_count > 0;
    struct hf_dev_fleet_options options = {.data = dev->data,
                                           .kid = DEV_KID,
                                           .tenant = DEV_TENANT,
                                           .url = url,
                                           .sip = cameras ? sip : NULL,
                                           .bicycles = (unsigned)dev->bicycles};

    if (dev->bicycles == 0)
        return;
    (void)snprintf(url, sizeof(url), "ws://127.0.0.1:%u", port);
    if (cameras)
        hf_address_text(&gateway->gb.doors[0].address, sip);
    if (hf_dev_fleet_start(&options, &dev->fleet, error) != HF_OK) {
        (void)fprintf(stderr, "holdfast dev: there is no fleet: %s\n", error);
        return;
    }
    (void)printf("  fleet     %u simulated bicycles, " HF_DEV_FLEET_DEVICE
                 "001 to %03u%s; --fleet 0 turns it off (log: "
                 "%s/dev/fleet.log)\n",
                 options.bicycles, options.bicycles, cameras ? ", and 2 cameras" : "", dev->data);
}

/* The log of a fleet that connects would push what is said last off the screen. */
static void wait_for_fleet(const struct dev *dev, const struct hf_gateway *gateway)
{
    struct hf_tenant *tenant = hf_tenants_find(gateway->tenants, HF_SLICE(DEV_TENANT));
    uint64_t until_ms = hf_clock_ms() + FLEET_WAIT_MS;
    bool there = dev->fleet == NULL || tenant == NULL;

    (void)fflush(stdout);
    while (!there && hf_clock_ms() < until_ms) {
        there = atomic_load(&tenant->connections) >= dev->bicycles;
        (void)usleep(FLEET_ASK_MS * 1000); /* also when they are there: their lines are on the way */
    }
}

/* The last line, where who just started it looks. */
static void say_console(const struct dev *dev, struct hf_gateway *gateway, const char *url)
{
    char code[HF_CONSOLE_CODE_CHARS + 1];
    uint8_t random[HF_CONSOLE_CODE_BYTES];

    hf_entropy(random, sizeof(random));
    hf_login_offer(&gateway->login, dev->api_key, random, hf_clock_ms(), code);
    (void)printf("All of it in a browser (logs in once, within %d minutes; then with the API key):\n\n"
                 "  console   %s/console/#login=%s\n\n",
                 HF_LOGIN_LIFE_MS / 60000, url, code);
    explicit_bzero(code, sizeof(code));
}

static void on_ready(void *context, struct hf_gateway *gateway)
{
    struct dev *dev = context;
    unsigned port = port_of(gateway, "plain"), tls_port = port_of(gateway, "tls"),
             admin_port = port_of(gateway, "admin");
    char url[64], tls_url[64], self[PATH_MAX] = "holdfast", cwd[PATH_MAX] = "";
    ssize_t bytes = readlink("/proc/self/exe", self, sizeof(self) - 1);

    if (bytes > 0)
        self[bytes] = '\0';
    /* As "./..." where that is right: shorter to read, the same to paste. */
    if (getcwd(cwd, sizeof(cwd)) == NULL)
        cwd[0] = '\0';
    if (cwd[0] != '\0' && strncmp(self, cwd, strlen(cwd)) == 0 && self[strlen(cwd)] == '/') {
        self[0] = '.';
        memmove(self + 1, self + strlen(cwd), strlen(self) - strlen(cwd) + 1);
    }
    char from[PATH_BYTES + 16] = ""; /* the other commands look at ./data/dev.json by themselves */
    if (strncmp(dev->data, cwd, strlen(cwd)) != 0 || strcmp(dev->data + strlen(cwd), "/data") != 0)
        (void)snprintf(from, sizeof(from), " --dev-file %.1000s/dev.json", dev->data);
    (void)snprintf(url, sizeof(url), "http://127.0.0.1:%u", port);
    (void)snprintf(tls_url, sizeof(tls_url), "https://127.0.0.1:%u", tls_port);
    write_dev_file(dev, gateway, url, tls_url);
    (void)printf("\nholdfast " HF_VERSION " is ready%s\n\n",
                 dev->first ? " (made new keys)" : " (keys of the last start)");
    (void)printf("  devices   ws://127.0.0.1:%u/v1/connect        TLS: wss://127.0.0.1:%u/v1/connect  (CA: "
                 "%s/dev/ca.pem)\n",
                 port, tls_port, dev->data);
    (void)printf("  API       %s/v1                  metrics: http://127.0.0.1:%u/metrics\n", url,
                 admin_port);
    if (gateway->gb.door_count > 0) {
        char sip[HF_SOCKET_TEXT_MAX];

        hf_address_text(&gateway->gb.doors[0].address, sip);
        (void)printf("  cameras   GB/T 28181 at %s, UDP and TCP: server id %s, domain %s, password %s\n", sip,
                     gateway->rules->config->gb28181.server_id, gateway->gb.realm, dev->gb_password);
    }
    start_fleet(dev, gateway, port);
    (void)printf("  data      %s      configuration: %s/dev/holdfast.yaml\n\n", dev->data, dev->data);
    (void)printf("  API key       %s\n  device token  %s   (device %s, 30 days)\n\n", dev->api_key,
                 dev->token, DEV_DEVICE);
    (void)printf("Paste these, each in a terminal of its own:\n\n");
    (void)printf("  # a device: type a line, it becomes a durable event; what is sent to it is printed\n"
                 "  %s connect%s --auto-result '{\"ok\":true}'\n\n",
                 self, from);
    (void)printf("  # its events, as they become durable (or open it in a browser: "
                 "%s/v1/events?follow=true&from=earliest&device=%s&key=%s)\n"
                 "  curl -sN -H 'Authorization: Bearer %s' "
                 "'%s/v1/events?follow=true&from=earliest&device=%s'\n\n",
                 url, DEV_DEVICE, dev->api_key, dev->api_key, url, DEV_DEVICE);
    (void)printf(
        "  # a message to the device; a command that waits for its answer; why it is or is not online\n"
        "  curl -s -H 'Authorization: Bearer %s' --json '{\"payload\":{\"hello\":\"world\"}}' "
        "%s/v1/devices/%s/messages\n"
        "  %s send%s %s --command reboot '{\"delay_s\":1}' --wait 10s\n"
        "  %s explain%s %s\n\n",
        dev->api_key, url, DEV_DEVICE, self, from, DEV_DEVICE, self, from, DEV_DEVICE);
    if (gateway->gb.door_count > 0) {
        char sip[HF_SOCKET_TEXT_MAX];

        hf_address_text(&gateway->gb.doors[0].address, sip);
        (void)printf(
            "  # a camera: a film for it to show, made once; then it: type alarm, and it becomes an event; a "
            "question to it\n"
            "  ffmpeg -v error -y -f lavfi -i testsrc2=size=640x360:rate=25 -c:v libx264 -g 25 -bf 0 -t 10 "
            "-f "
            "vob %s/dev/film.mpg\n"
            "  %s gb-device --server %s --id " DEV_CAMERA
            " --password-file %s/dev/gb.password --media %s/dev/film.mpg\n"
            "  %s send%s " DEV_CAMERA " --command DeviceStatus --wait 10s\n"
            "  # its picture, live (or open it in a browser)\n"
            "  ffplay '%s/v1/cameras/" DEV_CAMERA "/" DEV_CHANNEL "/live.mp4?key=%s'\n\n",
            dev->data, self, sip, dev->data, dev->data, self, from, url, dev->api_key);
    }
    wait_for_fleet(dev, gateway);
    if (gateway->rules->config->console.mode != HF_CONFIG_CONSOLE_OFF)
        say_console(dev, gateway, url);
    (void)fflush(stdout);
}

static int run(int argc, char **argv)
{
    static const struct option options[] = {
        {"data", required_argument, NULL, 'd'},
        {"fleet", required_argument, NULL, 'f'},
        HF_CLI_CONFIG_OPTIONS,
        {0},
    };
    struct hf_cli_config_args args = {0};
    struct hf_config *config = NULL;
    struct dev dev = {.argv0 = argv[0], .bicycles = HF_DEV_FLEET_BICYCLES};
    const char *data = "./data";
    char path[PATH_BYTES];
    int option;

    while ((option = getopt_long(argc, argv, "d:c:s:", options, NULL)) != -1) {
        int status = HF_CLI_OK;

        if (option == 'd')
            data = optarg;
        else if (option == 'f')
            status = hf_cli_number(argv[0], "--fleet", optarg, 0, HF_DEV_FLEET_BICYCLES_MAX, &dev.bicycles);
        else if (option == 'c' || !hf_cli_config_option(&args, option, optarg))
            return hf_cli_usage_error(
                argv[0], option == 'c'
                             ? "dev uses the configuration in its data directory; see `holdfast serve`"
                             : "wrong option");
        if (status != HF_CLI_OK)
            return status;
    }
    if (optind < argc)
        return hf_cli_usage_error(argv[0], "takes no '%s'", argv[optind]);
    (void)snprintf(dev.error, sizeof(dev.error), "out of memory");
    hf_err err = make_dir(&dev, data);
    if (err == HF_OK)
        err = make_certificates(&dev);
    if (err == HF_OK)
        err = make_secret(&dev);
    if (err == HF_OK)
        err = make_api_key(&dev);
    if (err == HF_OK)
        err = make_gb_password(&dev);
    if (err == HF_OK)
        err = make_config(&dev);
    if (err == HF_OK)
        err = make_token(&dev);
    if (err != HF_OK)
        return hf_cli_failed(argv[0], "%s", dev.error);
    path_of(&dev, "dev/holdfast.yaml", path);
    args.path = path;
    int status = hf_cli_config_load(argv[0], &args, &config);
    if (status != HF_CLI_OK)
        return status;
    struct hf_serve_options serve = {
        .config_path = path,
        .settings = {args.settings, args.setting_count},
        .env = environ,
        .on_ready = on_ready,
        .context = &dev,
    };
    status = hf_serve(config, &serve) == 0 ? HF_CLI_OK : HF_CLI_FAILED;
    hf_dev_fleet_stop(dev.fleet);
    return status;
}

const struct hf_cli_command hf_cli_dev = {
    .name = "dev",
    .summary = "run a gateway for yourself: makes its own keys, prints lines to paste",
    .usage = "dev [--data DIR] [--fleet N] [--set KEY=VALUE]...",
    .details =
        "  -d, --data DIR       everything is kept here; default ./data\n"
        "      --fleet N        simulated bicycles, and two cameras, that live as long as the gateway\n"
        "                       does (25); 0 = none\n"
        "  -s, --set KEY=VALUE  one option, such as listeners.plain.port=9000; may be repeated\n"
        "\n"
        "Examples:\n"
        "  holdfast dev\n"
        "  holdfast dev --data /tmp/try --set listeners.plain.port=0 --set listeners.tls.port=0 --set "
        "admin.port=0 --set gb28181.listeners.sip.port=0\n",
    .run = run,
};
