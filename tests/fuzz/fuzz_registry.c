/* fuzz_registry.c: lists of servers from outside: what a registry answers, in a header and as JSON, and the lines of
 * a file. Whatever comes, a list is bounded and whole, and what was read is read back the same when it is written as
 * a file.
 *
 * First byte: 0 a header, 1 a body with a version, 2 the same for one service, else a file. */
#include "fuzz.h"

#include "modules/registry_file/file.h"
#include "modules/registry_http/http.h"
#include "core/rpc/engine_private.h"

#define NO_FILE "file@/f"

static void check_list(const gee_snapshot_t *snapshot) {
    FUZZ_CHECK(snapshot->count <= GEE_SNAPSHOT_SERVERS, "%zu servers", snapshot->count);
    for (size_t i = 0; i < snapshot->count; i++)
        FUZZ_CHECK(snapshot->servers[i].address != NULL, "server %zu has no address", i);
}

/* ---- answers ---- */

static int read_answer(uint8_t kind, gee_str_t text, gee_pool_t *pool, gee_http_list_t *list, gee_error_t *error) {
    gee_engine_t engine = { .modules = gee_modules }; /* nothing else is looked at */
    gee_http_header_t headers[] = { { GEE_STR("X-Geerpc-Version"), GEE_STR("7") },
                                    { GEE_STR("Content-Type"), GEE_STR("application/json") } };
    gee_http_message_t answer = { .status = 200, .headers = headers, .header_count = GEE_LENGTH(headers) };
    if (kind == 0) {
        headers[0] = (gee_http_header_t){ GEE_STR("X-Geerpc-Servers"), text };
        answer.header_count = 1;
    } else {
        answer.body = (gee_bytes_t){ (const uint8_t *)text.data, text.length };
    }
    return gee_http_list_read(&engine, &answer, kind == 2 ? "Arith" : NULL, pool, list, error);
}

/* ---- files ---- */

static bool fits_a_file(const char *address) {
    gee_addr_t addr;
    return strpbrk(address, " \t#\n\r") == NULL && gee_addr_parse(address, &addr, NULL) == 0;
}

static void check_trip(const gee_snapshot_t *snapshot) {
    char *text = NULL;
    size_t length = 0, count = 0;
    gee_snapshot_t again = { 0 };
    gee_error_t error;
    gee_pool_t *pool = fuzz_pool();
    FILE *file = open_memstream(&text, &length);
    FUZZ_CHECK(file != NULL, "out of memory");
    for (size_t i = 0; i < snapshot->count; i++)
        if (fits_a_file(snapshot->servers[i].address) && ++count > 0)
            fprintf(file, "%s 7\n", snapshot->servers[i].address);
    fclose(file);
    int result = gee_file_read_lines(NO_FILE, (gee_str_t){ text, length }, pool, &again, &error);
    FUZZ_CHECK(result == 0, "%s", error.text);
    FUZZ_CHECK(again.count == count, "%zu of %zu", again.count, count);
    for (size_t i = 0, j = 0; i < snapshot->count; i++)
        if (fits_a_file(snapshot->servers[i].address))
            FUZZ_CHECK(strcmp(again.servers[j++].address, snapshot->servers[i].address) == 0, "server %zu", i);
    gee_pool_destroy(&pool);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    gee_http_list_t list = { .versioned = false };
    gee_error_t error = { .code = GEE_OK };
    if (size < 1)
        return 0;
    char *bytes = (char *)fuzz_copy(data + 1, size - 1);
    gee_str_t text = { bytes, size - 1 };
    gee_pool_t *pool = fuzz_pool();
    int result = data[0] <= 2 ? read_answer(data[0], text, pool, &list, &error)
                              : gee_file_read_lines(NO_FILE, text, pool, &list.snapshot, &error);
    if (result == 0) {
        check_list(&list.snapshot);
        check_trip(&list.snapshot);
    } else {
        FUZZ_CHECK(error.code != GEE_OK && error.text[0] != '\0', "failed, and does not say why");
    }
    gee_pool_destroy(&pool);
    free(bytes);
    return 0;
}
