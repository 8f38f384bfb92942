/* A device that renews its certificate over its session. Certificate and key lie in one file, PAIR.pem, so that one rename exchanges both and a power cut leaves the old pair or the new one. Each line of stdin
 * is a prefix: PREFIX.csr is asked with, and PREFIX.key belongs to it; a real program makes both itself, once `offer` says that it is time:
 *
 *     openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=x -keyout next.key -out next.csr
 *
 *     device_certificate URL CA.pem PAIR.pem */
#include <fcntl.h>
#include <holdfast/holdfast.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { PATH_BYTES = 1024 };

struct device {
    const char *pair;
    char prefix[PATH_BYTES]; /* of the request under way */
};

static size_t read_file(const char *prefix, const char *suffix, char *out, size_t out_bytes)
{
    char path[PATH_BYTES + 8];
    FILE *file;
    size_t bytes;

    (void)snprintf(path, sizeof(path), "%s%s", prefix, suffix);
    file = fopen(path, "r");
    if (file == NULL)
        return 0;
    bytes = fread(out, 1, out_bytes - 1, file);
    (void)fclose(file);
    out[bytes] = '\0';
    return bytes;
}

static bool write_all(int fd, const char *text)
{
    return write(fd, text, strlen(text)) == (ssize_t)strlen(text);
}

static bool store(const struct device *device, const char *chain)
{
    char key[8192], path[PATH_BYTES + 8];
    int fd;

    (void)snprintf(path, sizeof(path), "%s.new", device->pair);
    fd = read_file(device->prefix, ".key", key, sizeof(key)) > 0
             ? open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600)
             : -1;
    if (fd < 0)
        return false;
    bool stored = write_all(fd, chain) && write_all(fd, key) && fsync(fd) == 0;

    return close(fd) == 0 && stored && rename(path, device->pair) == 0;
}

static int on_certificate(void *user, const struct hf_client_certificate *certificate)
{
    struct device *device = user;
    int err = HOLDFAST_OK;

    if (certificate->request == 0) {
        printf("offer %llu\n", (unsigned long long)certificate->renew_from_ms);
    } else if (certificate->chain == NULL) {
        printf("refused %s %s: %s\n", certificate->reason, certificate->result, certificate->detail);
    } else {
        err = store(device, certificate->chain) ? HOLDFAST_OK : HOLDFAST_ERR_IO;
        printf("%s until %llu\n", err == HOLDFAST_OK ? "stored" : "lost",
               (unsigned long long)certificate->not_after_ms);
    }
    (void)fflush(stdout);
    return err;
}

static void on_open(void *user, const struct hf_client_open *open)
{
    (void)user;
    printf("open %s\n", open->connection);
    (void)fflush(stdout);
}

/* True at the end of the file. */
static bool read_line(struct hf_client *client, struct device *device)
{
    char csr[HOLDFAST_CSR_BYTES_MAX + 1];

    if (fgets(device->prefix, sizeof(device->prefix), stdin) == NULL)
        return true;
    device->prefix[strcspn(device->prefix, "\n")] = '\0';
    if (read_file(device->prefix, ".csr", csr, sizeof(csr)) == 0 ||
        hf_client_request_certificate(client, csr, NULL) != HOLDFAST_OK)
        fprintf(stderr, "%s.csr is not there, or no request\n", device->prefix);
    return false;
}

int main(int argc, char **argv)
{
    struct hf_client_options options = HOLDFAST_OPTIONS_INIT;
    struct device device = {.pair = argc > 3 ? argv[3] : ""};
    struct hf_client *client;
    struct pollfd fds[2];
    char error[256];

    if (argc != 4) {
        fprintf(stderr, "usage: %s URL CA.pem PAIR.pem\n", argv[0]);
        return 2;
    }
    options.url = argv[1];
    options.ca_file = argv[2];
    options.cert_file = options.key_file = device.pair;
    options.user = &device;
    options.on_open = on_open;
    options.on_certificate = on_certificate;
    if (hf_client_new(&options, &client, error, sizeof(error)) != HOLDFAST_OK) {
        fprintf(stderr, "%s\n", error);
        return 1;
    }
    (void)setvbuf(stdin, NULL, _IONBF, 0); /* or poll would not see what stdio has read ahead */
    fds[0] = (struct pollfd){.fd = hf_client_fd(client), .events = POLLIN};
    fds[1] = (struct pollfd){.fd = STDIN_FILENO, .events = POLLIN};
    while (hf_client_step(client) == HOLDFAST_OK)
        if (poll(fds, 2, hf_client_timeout_ms(client)) > 0 && fds[1].revents != 0 &&
            read_line(client, &device))
            hf_client_stop(client);
    hf_client_free(client);
    return 0;
}
