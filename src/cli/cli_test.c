#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/assert.h"
#include "cli/cli.h"

/* Runs the program in this process with both streams in a file each. */
struct result {
    int status;
    char out[65536], err[8192];
};

static void read_back(FILE *file, char *text, size_t text_bytes)
{
    rewind(file);
    text[fread(text, 1, text_bytes - 1, file)] = '\0';
    (void)fclose(file);
}

static void run(const char *line, struct result *result)
{
    FILE *out = tmpfile(), *err = tmpfile();
    int real_out = dup(STDOUT_FILENO), real_err = dup(STDERR_FILENO), argc = 0;
    char copy[1024], *argv[32], *rest = NULL;

    assert_true(out != NULL && err != NULL && real_out >= 0 && real_err >= 0);
    (void)snprintf(copy, sizeof(copy), "%s", line);
    for (char *word = strtok_r(copy, " ", &rest); word != NULL; word = strtok_r(NULL, " ", &rest))
        argv[argc++] = word;
    argv[argc] = NULL;
    (void)fflush(stdout);
    (void)dup2(fileno(out), STDOUT_FILENO);
    (void)dup2(fileno(err), STDERR_FILENO);
    result->status = hf_cli_main(argc, argv);
    (void)fflush(stdout);
    (void)dup2(real_out, STDOUT_FILENO);
    (void)dup2(real_err, STDERR_FILENO);
    (void)close(real_out);
    (void)close(real_err);
    read_back(out, result->out, sizeof(result->out));
    read_back(err, result->err, sizeof(result->err));
}

static void answers_and_exit_statuses(void **state)
{
    static const struct {
        const char *line;
        int status;
        const char *out, *err; /* what must be in the streams */
    } rows[] = {
        {"holdfast", HF_CLI_USAGE, "", "usage: holdfast COMMAND"},
        {"holdfast --help", HF_CLI_OK, "check-config", ""},
        {"holdfast help", HF_CLI_OK, "doctor", ""},
        {"holdfast help doctor", HF_CLI_OK, "usage: holdfast doctor", ""},
        {"holdfast doctor --help", HF_CLI_OK, "usage: holdfast doctor", ""},
        {"holdfast help docter", HF_CLI_USAGE, "", "did you mean 'doctor'?"},
        {"holdfast chek-config", HF_CLI_USAGE, "", "did you mean 'check-config'?"},
        {"holdfast zzz", HF_CLI_USAGE, "", "holdfast: there is no command 'zzz'\n"},
        {"holdfast version", HF_CLI_OK, "holdfast " HF_VERSION, ""},
        {"holdfast --version", HF_CLI_OK, "holdfast " HF_VERSION, ""},
        {"holdfast version now", HF_CLI_USAGE, "", "holdfast version: it takes no argument"},
        {"holdfast gen", HF_CLI_USAGE, "", "what shall it make?"},
        {"holdfast gen --help", HF_CLI_OK, "usage: holdfast gen ca|cert|key|token", ""},
        {"holdfast gen cert --help", HF_CLI_OK, "usage: holdfast gen cert", ""},
        {"holdfast help gen cert", HF_CLI_OK, "usage: holdfast gen cert", ""},
        {"holdfast gen cart", HF_CLI_USAGE, "", "did you mean 'cert'?"},
        {"holdfast gen ca --days 0", HF_CLI_USAGE, "", "--days is '0'; it must be 1 to 7300"},
        {"holdfast gen cert --device bike", HF_CLI_USAGE, "", "write TENANT/DEVICE"},
        {"holdfast gen cert", HF_CLI_USAGE, "", "--device TENANT/DEVICE, or --server NAME"},
        {"holdfast gen key des", HF_CLI_USAGE, "", "there is no kind 'des'"},
        {"holdfast gen key api --tenant acme", HF_CLI_OK, "hfk_", "tenant: \"acme\""},
        {"holdfast gen token --key k", HF_CLI_USAGE, "", "--key, --tenant and --device are needed"},
        {"holdfast gen token --key /none --tenant a --device b", HF_CLI_FAILED, "", "cannot read /none"},
        {"holdfast gen token --key k --tenant a --device b --life 3y", HF_CLI_USAGE, "", "--life is '3y'"},
        {"holdfast check token", HF_CLI_USAGE, "", "one token is needed"},
        {"holdfast check-config /does/not/exist", HF_CLI_FAILED, "", "error: cannot read /does/not/exist"},
        {"holdfast check-config a b", HF_CLI_USAGE, "", "'b' is too many"},
        {"holdfast check-config --set tenants.0.name=acme", HF_CLI_OK, "1 listener, 1 tenant", "warning: "},
        {"holdfast check-config --set tenants.0.nam=acme", HF_CLI_FAILED, "",
         "did you mean 'tenants.0.name'?"},
        {"holdfast check-config --print --set tenants.0.name=acme", HF_CLI_OK, "connections_max: 100000", ""},
        {"holdfast default-config", HF_CLI_OK, "connections_max: 100000", ""},
        {"holdfast default-config x", HF_CLI_USAGE, "", "it takes no argument"},
        {"holdfast reasons", HF_CLI_OK, "heartbeat_timeout", ""},
        {"holdfast chaos", HF_CLI_USAGE, "", "--to HOST:PORT is needed"},
        {"holdfast chaos --list-profiles", HF_CLI_OK, "set rtt=200ms loss=5%", ""},
        {"holdfast chaos --to h:1 --loss-up 5", HF_CLI_USAGE, "", "--loss-up is '5'; write a share"},
        {"holdfast chaos proces", HF_CLI_USAGE, "", "did you mean 'process'?"},
        {"holdfast help chaos process", HF_CLI_OK, "usage: holdfast chaos process", ""},
        {"holdfast reasons --mrkdown", HF_CLI_USAGE, "", "`holdfast help reasons` shows how it is used."},
    };
    static struct result result;

    (void)state;
    assert_int_equal(unsetenv("HOLDFAST_CONFIG"), 0);
    for (size_t i = 0; i < HF_COUNT_OF(rows); i++) {
        run(rows[i].line, &result);
        if (result.status != rows[i].status || strstr(result.out, rows[i].out) == NULL ||
            strstr(result.err, rows[i].err) == NULL)
            fail_msg("%s: status %d, out: %.300s, err: %s", rows[i].line, result.status, result.out,
                     result.err);
    }
}

static void a_token_that_was_made_is_taken(void **state)
{
    static struct result result;
    char folder[] = "/tmp/holdfast_cli_test_XXXXXX", line[1024], token[4096];

    (void)state;
    assert_non_null(mkdtemp(folder));
    (void)snprintf(line, sizeof(line), "holdfast gen key hs256 --out %s/k", folder);
    run(line, &result);
    assert_int_equal(result.status, HF_CLI_OK);
    (void)snprintf(line, sizeof(line),
                   "holdfast gen token --key %s/k.secret --kid 1 --tenant acme --device bike-1", folder);
    run(line, &result);
    assert_int_equal(result.status, HF_CLI_OK);
    (void)snprintf(token, sizeof(token), "%.*s", (int)strcspn(result.out, "\n"), result.out);
    (void)snprintf(line, sizeof(line),
                   "holdfast check token %.300s -s tenants.0.name=acme -s tenants.0.jwt_keys.0.kid=1 "
                   "-s tenants.0.jwt_keys.0.alg=HS256 -s tenants.0.jwt_keys.0.secret_file=%s/k.secret",
                   token, folder);
    run(line, &result);
    assert_int_equal(result.status, HF_CLI_OK);
    assert_non_null(strstr(result.out, "bike-1"));
    line[40] ^= 1; /* one character of the token */
    run(line, &result);
    assert_int_equal(result.status, HF_CLI_FAILED);
    assert_non_null(strstr(result.err, "refused ("));
    (void)snprintf(line, sizeof(line), "%s/k.secret", folder);
    assert_int_equal(unlink(line), 0);
    assert_int_equal(rmdir(folder), 0);
}

/* `holdfast reasons --markdown > doc/reasons.md` mends. */
static void the_page_of_reasons_is_up_to_date(void **state)
{
    static struct result result;
    static char have[sizeof(result.out)];
    FILE *file;

    (void)state;
    run("holdfast reasons --markdown", &result);
    file = fopen(HF_SOURCE_DIR "/doc/reasons.md", "re");
    assert_non_null(file);
    read_back(file, have, sizeof(have));
    assert_string_equal(have, result.out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_and_exit_statuses),
        cmocka_unit_test(a_token_that_was_made_is_taken),
        cmocka_unit_test(the_page_of_reasons_is_up_to_date),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
