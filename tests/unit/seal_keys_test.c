/* seal_keys_test: key files and lists of clients: what is read, what is refused and how that is said, what is never
 * shown. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <sys/wait.h>

#include "seal_fixture.h"

static char secret_text[128]; /* of server.key, with its line end */

static int open_all(void **state) {
    if (open_keys(state) != 0)
        return -1;
    int descriptor = open(key_path("server.key"), O_RDONLY);
    assert_int_equal(read(descriptor, secret_text, sizeof(secret_text)), 53);
    close(descriptor);
    return 0;
}

static void expect_text(const gee_error_t *error, const char *wanted) {
    if (strstr(error->text, wanted) == NULL)
        fail_msg("\"%s\" is not in \"%s\"", wanted, error->text);
    for (size_t i = 8; i + 6 < strlen(secret_text); i++) { /* not even six characters of the secret */
        char piece[7] = { 0 };
        memcpy(piece, secret_text + i, 6);
        assert_null(strstr(error->text, piece));
    }
}

static void refused(const char *name, const char *wanted) {
    gee_error_t error;
    char public_key[GEE_KEY_TEXT];
    gee_seal_listen_t options = { .key = key_path(name), .anonymous = true };
    assert_int_equal(seal->read_key(key_path(name), public_key, &error), -1);
    expect_text(&error, wanted);
    expect_text(&error, key_path(name));
    assert_null(seal->listen(&options, &error));
    expect_text(&error, wanted);
}

/* ---- making and reading ---- */

static void test_a_new_key(void **state) {
    (void)state;
    gee_error_t error;
    struct stat status;
    char public_key[GEE_KEY_TEXT];
    assert_int_equal(stat(key_path("server.key"), &status), 0);
    assert_int_equal(status.st_mode & 07777, 0600);
    assert_memory_equal(secret_text, "gee-sec:", 8);
    assert_int_equal(secret_text[52], '\n');
    assert_memory_equal(keys.server, "gee-pub:", 8);
    assert_int_equal(strlen(keys.server), 52);
    assert_string_not_equal(keys.server, keys.old_server);
    assert_int_equal(seal->read_key(key_path("server.key"), public_key, &error), 0);
    assert_string_equal(public_key, keys.server);
}

static void test_a_file_is_never_overwritten(void **state) {
    (void)state;
    gee_error_t error;
    char public_key[GEE_KEY_TEXT] = "";
    write_file("other", 0644, "precious");
    assert_int_equal(seal->make_key(key_path("other"), public_key, &error), -1);
    assert_int_equal(error.code, GEE_ALREADY_EXISTS);
    assert_string_equal(public_key, "");
    unlink(key_path("other"));
    assert_int_equal(symlink("/tmp/seal-nowhere", key_path("other")), 0);
    assert_int_equal(seal->make_key(key_path("other"), public_key, &error), -1);
    assert_int_not_equal(access("/tmp/seal-nowhere", F_OK), 0);
    unlink(key_path("other"));
    assert_int_equal(seal->make_key("/nowhere/at/all", public_key, &error), -1);
    expect_text(&error, "/nowhere/at/all: No such file");
}

static void test_the_umask_does_not_matter(void **state) {
    (void)state;
    gee_error_t error;
    struct stat status;
    char public_key[GEE_KEY_TEXT];
    mode_t before = umask(0777);
    int result = seal->make_key(key_path("other"), public_key, &error);
    umask(before);
    assert_int_equal(result, 0);
    assert_int_equal(stat(key_path("other"), &status), 0);
    assert_int_equal(status.st_mode & 07777, 0600);
    unlink(key_path("other"));
}

static void test_files_that_others_can_use(void **state) {
    (void)state;
    static const mode_t modes[] = { 0644, 0640, 0620, 0610, 0604, 0602, 0601, 0660 };
    for (size_t i = 0; i < GEE_LENGTH(modes); i++) {
        char mode[16];
        snprintf(mode, sizeof(mode), "mode is %04o", (unsigned)modes[i]);
        write_file("other", modes[i], secret_text);
        refused("other", mode);
        refused("other", "chmod 600");
    }
    write_file("other", 0400, secret_text);
    char public_key[GEE_KEY_TEXT];
    assert_int_equal(seal->read_key(key_path("other"), public_key, NULL), 0);
    unlink(key_path("other"));
}

static void test_files_of_another_kind(void **state) {
    (void)state;
    assert_int_equal(symlink(key_path("server.key"), key_path("other")), 0);
    refused("other", "symbolic link");
    unlink(key_path("other"));
    assert_int_equal(mkfifo(key_path("other"), 0600), 0);
    refused("other", "not a regular file"); /* and nothing waits for a writer */
    unlink(key_path("other"));
    assert_int_equal(mkdir(key_path("other"), 0700), 0);
    refused("other", "not a regular file");
    rmdir(key_path("other"));
    refused("other", "No such file or directory: geectl keygen makes it");
}

static void test_files_of_another_owner(void **state) {
    (void)state;
    if (geteuid() != 0) {
        print_message("only root can give files away: not tried\n");
        return;
    }
    write_file("other", 0600, secret_text);
    assert_int_equal(chown(key_path("other"), 12345, 0), 0);
    refused("other", "belongs to user 12345");
    unlink(key_path("other"));
}

static void test_contents_that_are_no_secret_key(void **state) {
    (void)state;
    char text[256];
    write_file("other", 0600, "");
    refused("other", "not a secret key");
    write_file("other", 0600, keys.server);
    refused("other", "this is a public key");
    snprintf(text, sizeof(text), "%.51s\n", secret_text);
    write_file("other", 0600, text);
    refused("other", "not a secret key");
    snprintf(text, sizeof(text), "%.52sA\n", secret_text);
    write_file("other", 0600, text);
    refused("other", "not a secret key");
    snprintf(text, sizeof(text), "%.52s\n%.52s\n", secret_text, secret_text);
    write_file("other", 0600, text);
    refused("other", "not a secret key");
    snprintf(text, sizeof(text), "%s", secret_text);
    text[20] = '*';
    write_file("other", 0600, text);
    refused("other", "not a secret key");
    snprintf(text, sizeof(text), "%.52s\r\n \n", secret_text); /* an editor's line ends do no harm */
    write_file("other", 0600, text);
    assert_int_equal(seal->read_key(key_path("other"), text, NULL), 0);
    unlink(key_path("other"));
}

static void test_the_key_of_a_server(void **state) {
    (void)state;
    gee_error_t error;
    gee_seal_dial_t options = { .server_key = "gee-pub:" };
    assert_null(seal->dial(&options, &error));
    expect_text(&error, "the server's key: not a public key");
    char text[64];
    snprintf(text, sizeof(text), "%.52s", secret_text);
    options.server_key = text;
    assert_null(seal->dial(&options, &error));
    expect_text(&error, "this is a secret key");
    options = (gee_seal_dial_t){ .server_key = keys.server, .key = key_path("clients") };
    assert_null(seal->dial(&options, &error));
    expect_text(&error, "mode is 0644");
    snprintf(text, sizeof(text), "%s", keys.server); /* another text for the same bytes */
    text[50] = (char)(text[50] + 1);
    options = (gee_seal_dial_t){ .server_key = text };
    assert_null(seal->dial(&options, &error));
}

/* ---- the list of clients ---- */

static gee_seal_setup_t *listen_with(const char *list, gee_error_t *error) {
    write_file("clients", 0644, list);
    gee_seal_listen_t options = { .key = key_path("server.key"), .clients = key_path("clients") };
    return seal->listen(&options, error);
}

static void list_refused(const char *wanted, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void list_refused(const char *wanted, const char *format, ...) {
    gee_error_t error;
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    gee_seal_setup_t *setup = listen_with(text, &error);
    assert_null(setup);
    expect_text(&error, wanted);
    expect_text(&error, "clients");
}

static void test_lists_that_are_refused(void **state) {
    (void)state;
    gee_error_t error;
    list_refused("clients:1: behind the key stands the client's name", "%s\n", keys.client);
    list_refused("clients:3: behind the client's name", "\n# two\n%s a b\n", keys.client);
    list_refused("clients:1: behind the client's name", "%s a services=X services=Y\n", keys.client);
    list_refused("clients:1: behind the key", "%s services=X\n", keys.client);
    list_refused("clients:1: services= is a list", "%s a services=\n", keys.client);
    list_refused("clients:1: services= is a list", "%s a services=X,,Y\n", keys.client);
    list_refused("clients:2: this key stands in line 1 already", "%s a\n%s b\n", keys.client, keys.client);
    list_refused("clients:1: not a public key", "gee-pub:AAAA a\n");
    list_refused("clients:1: behind the key", "%s \xc3\xa4rger\n", keys.client);
    char text[256];
    snprintf(text, sizeof(text), "%.52s", secret_text);
    list_refused("clients:1: this is a secret key", "%s me\n", text);
    write_file("clients", 0666, "");
    gee_seal_listen_t options = { .key = key_path("server.key"), .clients = key_path("clients") };
    assert_null(seal->listen(&options, &error));
    expect_text(&error, "chmod go-w");
    options.clients = "/nowhere/clients";
    assert_null(seal->listen(&options, &error));
    expect_text(&error, "/nowhere/clients: No such file");
}

static gee_seal_setup_t *listed(const char *format, ...) __attribute__((format(printf, 1, 2)));
static gee_seal_setup_t *listed(const char *format, ...) {
    char text[1024];
    gee_error_t error;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    gee_seal_setup_t *setup = listen_with(text, &error);
    if (setup == NULL)
        fail_msg("%s", error.text);
    return setup;
}

/* The identity of a client, as a handshake gives it. */
static const gee_identity_t *identity_of(gee_seal_setup_t *setup, const char *key) {
    end_t server;
    raw_t raw;
    end_open(&server, GEE_SERVING, setup);
    raw_client(&raw, keys.server, key);
    raw_shake_hands(&raw, &server);
    const gee_identity_t *identity = seal->layer->identity(server.state);
    end_close(&server);
    assert_non_null(identity);
    return identity;
}

static bool revoked_by(const char *before, const char *after) {
    gee_seal_setup_t *old = listed("%s %s\n", keys.client, before);
    gee_seal_setup_t *next = after ? listed("%s other\n%s\t%s\n", keys.stranger, keys.client, after) : NULL;
    const gee_identity_t *identity = identity_of(old, "client.key");
    assert_false(atomic_load(identity->revoked));
    seal->replace(old, next);
    bool revoked = atomic_load(identity->revoked);
    if (next != NULL)
        assert_false(atomic_load(identity_of(next, "client.key")->revoked));
    seal->close(&old);
    seal->close(&next);
    return revoked;
}

static void test_what_a_new_list_revokes(void **state) {
    open_buffers(state);
    assert_false(revoked_by("a", "a"));
    assert_false(revoked_by("a services=X,Y", "a services=X,Y"));
    assert_true(revoked_by("a", "b"));
    assert_true(revoked_by("a", "a services=X"));
    assert_true(revoked_by("a services=X,Y", "a services=X"));
    assert_true(revoked_by("a services=X", "a services=X,Y"));
    assert_true(revoked_by("a services=X", "a"));
    assert_true(revoked_by("a", NULL));
    gee_seal_setup_t *old = listed("%s a\n%s b\n", keys.client, keys.stranger);
    gee_seal_setup_t *next = listed("%s b\n", keys.stranger);
    seal->replace(old, next);
    assert_true(atomic_load(identity_of(old, "client.key")->revoked));
    assert_false(atomic_load(identity_of(old, "stranger.key")->revoked));
    seal->close(&old);
    seal->close(&next);
    close_buffers(state);
}

static void test_anonymous_clients_are_revoked_too(void **state) {
    open_buffers(state);
    gee_error_t error;
    gee_seal_listen_t options = { .key = key_path("server.key"), .anonymous = true };
    gee_seal_setup_t *open = seal->listen(&options, &error), *closed = listed("%s a\n", keys.client);
    const gee_identity_t *identity = identity_of(open, NULL);
    seal->replace(open, open);
    assert_false(atomic_load(identity->revoked));
    seal->replace(open, closed);
    assert_true(atomic_load(identity->revoked));
    seal->close(&open);
    seal->close(&closed);
    close_buffers(state);
}

/* The master replaces, a worker that was forked before sees it. */
static void test_a_forked_process_sees_it(void **state) {
    open_buffers(state);
    int pipes[2], status;
    gee_seal_setup_t *setup = listed("%s a\n", keys.client);
    const gee_identity_t *identity = identity_of(setup, "client.key");
    assert_int_equal(pipe(pipes), 0);
    assert_false(atomic_load(identity->revoked));
    pid_t child = fork();
    if (child == 0) {
        char byte;
        ssize_t count = read(pipes[0], &byte, 1);
        _exit(count == 1 && atomic_load(identity->revoked) ? 0 : 1);
    }
    seal->replace(setup, NULL);
    assert_int_equal(write(pipes[1], "x", 1), 1);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    close(pipes[0]);
    close(pipes[1]);
    seal->close(&setup);
    close_buffers(state);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_new_key),
        cmocka_unit_test(test_a_file_is_never_overwritten),
        cmocka_unit_test(test_the_umask_does_not_matter),
        cmocka_unit_test(test_files_that_others_can_use),
        cmocka_unit_test(test_files_of_another_kind),
        cmocka_unit_test(test_files_of_another_owner),
        cmocka_unit_test(test_contents_that_are_no_secret_key),
        cmocka_unit_test(test_the_key_of_a_server),
        cmocka_unit_test(test_lists_that_are_refused),
        cmocka_unit_test(test_what_a_new_list_revokes),
        cmocka_unit_test(test_anonymous_clients_are_revoked_too),
        cmocka_unit_test(test_a_forked_process_sees_it),
    };
    return cmocka_run_group_tests(tests, open_all, close_keys);
}
