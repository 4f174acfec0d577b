/* lines.c: the text of a file as a list: an address a line, optionally with a weight. */
#include "file.h"

#include <string.h>

static gee_str_t cut_word(gee_str_t *line) {
    size_t length = 0;
    while (length < line->length && line->data[length] != ' ' && line->data[length] != '\t')
        length++;
    gee_str_t word = { line->data, length };
    *line = gee_str_trim((gee_str_t){ line->data + length, line->length - length });
    return word;
}

/* Reads "tcp@10.0.0.1:9999 3"; leaves *server empty for a line without an address. */
static int read_line(gee_str_t line, gee_pool_t *pool, gee_server_t *server, gee_error_t *error) {
    gee_addr_t addr;
    uint64_t weight = 1;
    char shown[80];
    ptrdiff_t comment = gee_str_find(line, '#');
    if (comment >= 0)
        line.length = (size_t)comment;
    if (line.length > 0 && line.data[line.length - 1] == '\r')
        line.length--;
    line = gee_str_trim(line);
    *server = (gee_server_t){ 0 };
    if (line.length == 0)
        return 0;
    if (memchr(line.data, '\0', line.length) != NULL)
        return gee_error_set(error, GEE_INVALID_ARGUMENT, "there is a zero byte in the line");
    gee_str_t address = cut_word(&line);
    if (line.length > 0 && (gee_parse_uint64(line, &weight) != 0 || weight < 1 || weight > UINT16_MAX))
        return gee_error_set(error, GEE_INVALID_ARGUMENT, "\"%s\" is no weight: expected a number from 1 to 65535",
                             gee_str_escape(shown, sizeof(shown), line.data, line.length));
    server->address = gee_pool_strndup(pool, address.data, address.length);
    if (server->address == NULL)
        return gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "out of memory");
    server->weight = (uint32_t)weight;
    return gee_addr_parse(server->address, &addr, error);
}

int gee_file_read_lines(const char *source, gee_str_t text, gee_pool_t *pool, gee_snapshot_t *snapshot,
                        gee_error_t *error) {
    gee_server_t *servers = gee_pool_array(pool, GEE_SNAPSHOT_SERVERS, sizeof(*servers));
    size_t number = 0;
    if (servers == NULL)
        return gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "%s: out of memory", source);
    snapshot->servers = servers;
    while (text.length > 0) {
        gee_server_t server;
        number++;
        if (read_line(gee_str_cut(&text, '\n'), pool, &server, error) != 0)
            return gee_error_prefix(error, "%s:%zu: ", source, number);
        if (server.address == NULL)
            continue;
        if (snapshot->count == GEE_SNAPSHOT_SERVERS)
            return gee_error_set(error, GEE_RESOURCE_EXHAUSTED, "%s:%zu: a list has at most %d servers", source, number,
                                 GEE_SNAPSHOT_SERVERS);
        servers[snapshot->count++] = server;
    }
    return 0;
}
