/* pack - turns the files of the console into C: pack OUT.c FILE... Run by the build (cmake/console.cmake), so that a gateway with its console can be built without node. Each file is there
 * twice, as it is and gzipped as well as zlib can, with the hash that becomes its ETag. The same files give the same C, byte for byte. */
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

enum { HASH_BYTES = 16 /* of 32: enough to tell files apart */, ROW_BYTES = 24, GZIP_WINDOW = 15 + 16 };

static const struct {
    const char *ending, *type;
} types[] = {
    {".html", "text/html; charset=utf-8"}, {".js", "text/javascript; charset=utf-8"},
    {".css", "text/css; charset=utf-8"},   {".svg", "image/svg+xml"},
    {".txt", "text/plain; charset=utf-8"}, {".webmanifest", "application/manifest+json"},
};

static void die(const char *what, const char *name)
{
    fprintf(stderr, "pack: %s: %s\n", name, what);
    exit(1);
}

static const char *type_of(const char *name)
{
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        size_t ending = strlen(types[i].ending), bytes = strlen(name);

        if (bytes > ending && strcmp(name + bytes - ending, types[i].ending) == 0)
            return types[i].type;
    }
    die("what type is this? add it to the table", name);
    return NULL;
}

static unsigned char *read_file(const char *path, size_t *ret_bytes)
{
    FILE *file = fopen(path, "rb");
    long bytes = 0;

    if (file == NULL || fseek(file, 0, SEEK_END) != 0 || (bytes = ftell(file)) < 0)
        die("cannot be read", path);
    rewind(file);
    unsigned char *data = malloc((size_t)bytes + 1);
    if (data == NULL || fread(data, 1, (size_t)bytes, file) != (size_t)bytes)
        die("cannot be read", path);
    fclose(file);
    *ret_bytes = (size_t)bytes;
    return data;
}

static unsigned char *gzipped(const unsigned char *data, size_t bytes, size_t *ret_bytes)
{
    z_stream stream = {0};

    if (deflateInit2(&stream, Z_BEST_COMPRESSION, Z_DEFLATED, GZIP_WINDOW, MAX_MEM_LEVEL,
                     Z_DEFAULT_STRATEGY) != Z_OK)
        die("no memory", "zlib");
    size_t room = deflateBound(&stream, (uLong)bytes);
    unsigned char *out = malloc(room);
    if (out == NULL)
        die("no memory", "gzip");
    stream.next_in = (unsigned char *)(uintptr_t)data;
    stream.avail_in = (uInt)bytes;
    stream.next_out = out;
    stream.avail_out = (uInt)room;
    if (deflate(&stream, Z_FINISH) != Z_STREAM_END)
        die("cannot be compressed", "gzip");
    *ret_bytes = stream.total_out;
    deflateEnd(&stream);
    return out;
}

static void put_bytes(FILE *out, const char *form, int number, const unsigned char *data, size_t bytes)
{
    fprintf(out, "static const uint8_t %s_%d[] = {", form, number);
    for (size_t i = 0; i < bytes; i++)
        fprintf(out, "%s%u,", i % ROW_BYTES == 0 ? "\n" : "", data[i]);
    fprintf(out, "};\n");
}

int main(int argc, char **argv)
{
    struct entry {
        const char *name;
        char etag[2 * HASH_BYTES + 1];
    } *entries = calloc((size_t)argc, sizeof(*entries));
    FILE *out = argc > 2 ? fopen(argv[1], "w") : NULL;

    if (out == NULL || entries == NULL)
        die("usage: pack OUT.c FILE...", argc > 1 ? argv[1] : "pack");
    fprintf(out,
            "/* Made by cmake/console/pack.c of console/dist. */\n#include \"adapter/api/console.h\"\n\n");
    for (int i = 2; i < argc; i++) {
        size_t bytes, gzip_bytes;
        unsigned char hash[EVP_MAX_MD_SIZE], *data = read_file(argv[i], &bytes),
                                             *gzip = gzipped(data, bytes, &gzip_bytes);
        const char *slash = strrchr(argv[i], '/');

        entries[i].name = slash != NULL ? slash + 1 : argv[i];
        if (EVP_Digest(data, bytes, hash, NULL, EVP_sha256(), NULL) != 1)
            die("no SHA-256", argv[i]);
        for (int n = 0; n < HASH_BYTES; n++)
            snprintf(entries[i].etag + 2 * n, 3, "%02x", hash[n]);
        put_bytes(out, "plain", i, data, bytes);
        put_bytes(out, "gzip", i, gzip, gzip_bytes);
        free(data);
        free(gzip);
    }
    fprintf(out, "\nconst struct hf_console_file hf_console_files[] = {\n");
    for (int i = 2; i < argc; i++)
        fprintf(out, "    {\"%s\", \"%s\", \"%s\", plain_%d, gzip_%d, sizeof(plain_%d), sizeof(gzip_%d)},\n",
                entries[i].name, type_of(entries[i].name), entries[i].etag, i, i, i, i);
    fprintf(
        out,
        "};\nconst size_t hf_console_file_count = sizeof(hf_console_files) / sizeof(hf_console_files[0]);\n");
    free(entries);
    return fclose(out) == 0 ? 0 : 1;
}
