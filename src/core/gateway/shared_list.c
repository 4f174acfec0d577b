/* shared_list.c: lists of servers as bytes, and back. */
#include "core/gateway/shared_list.h"

#include <stdio.h>
#include <string.h>

#include "core/event/addr.h"

/* One server; the address follows, terminated. */
typedef struct head {
    uint32_t weight;
    uint32_t length; /* of the address, without the zero */
} head_t;

/* In front of the servers. */
typedef struct front {
    uint64_t count;
} front_t;

static size_t size_of(size_t length) {
    return (sizeof(head_t) + length + 1 + 7) & ~(size_t)7;
}

static size_t list_capacity(void) {
    return sizeof(front_t) + GEE_SNAPSHOT_SERVERS * size_of(GEE_ADDR_TEXT);
}

size_t gee_shared_list_size(void) {
    return gee_double_buffer_size(sizeof(gee_shared_report_t)) + gee_double_buffer_size(list_capacity());
}

void gee_shared_list_attach(gee_shared_list_t *list, const char *source, void *memory) {
    char *behind = (char *)memory + gee_double_buffer_size(sizeof(gee_shared_report_t));
    list->source = source;
    list->report = (gee_double_buffer_t){ .memory = memory, .capacity = sizeof(gee_shared_report_t) };
    list->servers = (gee_double_buffer_t){ .memory = (void *)behind, .capacity = list_capacity() };
}

/* ---- the writer ---- */

void gee_shared_list_write(const gee_shared_list_t *list, const gee_server_t *servers, size_t count) {
    front_t *front = gee_double_buffer_begin(&list->servers);
    char *at = (char *)(front + 1);
    *front = (front_t){ 0 };
    for (size_t i = 0; i < count && front->count < GEE_SNAPSHOT_SERVERS; i++) {
        size_t length = strlen(servers[i].address);
        head_t head = { .weight = servers[i].weight, .length = (uint32_t)length };
        if (length >= GEE_ADDR_TEXT)
            continue;
        memcpy(at, &head, sizeof(head));
        memcpy(at + sizeof(head), servers[i].address, length + 1);
        at += size_of(length);
        front->count++;
    }
    gee_double_buffer_publish(&list->servers, (size_t)(at - (char *)front));
}

size_t gee_shared_list_count(const gee_shared_list_t *list) {
    gee_double_copy_t copy = { 0 };
    size_t count = 0;
    if (gee_double_buffer_read(&list->servers, &copy) == 0 && copy.count > 0)
        count = ((const front_t *)copy.bytes)->count;
    gee_double_copy_free(&copy);
    return count;
}

void gee_shared_list_report(const gee_shared_list_t *list, const gee_discovery_report_t *report) {
    gee_shared_report_t *shared = gee_double_buffer_begin(&list->report);
    *shared = (gee_shared_report_t){ .version = gee_shared_list_version(list),
                                     .count = gee_shared_list_count(list),
                                     .confirmed_ns = report->confirmed_ns };
    (void)gee_str_format(shared->trouble, sizeof(shared->trouble), "%s", report->trouble ? report->trouble->text : "");
    gee_double_buffer_publish(&list->report, sizeof(*shared));
}

/* ---- readers ---- */

uint64_t gee_shared_list_version(const gee_shared_list_t *list) {
    return gee_double_buffer_count(&list->servers);
}

static int unpack(const gee_double_copy_t *copy, gee_pool_t *pool, gee_server_t **servers, size_t *count) {
    const front_t *front = copy->bytes;
    const char *at = (const char *)(front + 1);
    *count = copy->count > 0 ? front->count : 0;
    *servers = gee_pool_array(pool, *count, sizeof(**servers));
    if (*servers == NULL)
        return -1;
    for (size_t i = 0; i < *count; i++) {
        head_t head;
        memcpy(&head, at, sizeof(head));
        (*servers)[i].weight = head.weight;
        (*servers)[i].address = gee_pool_strndup(pool, at + sizeof(head), head.length);
        if ((*servers)[i].address == NULL)
            return -1;
        at += size_of(head.length);
    }
    return 0;
}

int gee_shared_list_read(const gee_shared_list_t *list, gee_pool_t *pool, gee_server_t **servers, size_t *count,
                         uint64_t *version) {
    gee_double_copy_t copy = { 0 };
    int result = gee_double_buffer_read(&list->servers, &copy);
    if (result == 0)
        result = unpack(&copy, pool, servers, count);
    *version = copy.count;
    gee_double_copy_free(&copy);
    return result;
}

int gee_shared_list_reported(const gee_shared_list_t *list, gee_shared_report_t *report) {
    gee_double_copy_t copy = { 0 };
    int result = gee_double_buffer_read(&list->report, &copy);
    *report = (gee_shared_report_t){ 0 };
    if (result == 0 && copy.length == sizeof(*report))
        memcpy(report, copy.bytes, sizeof(*report));
    report->trouble[sizeof(report->trouble) - 1] = '\0';
    gee_double_copy_free(&copy);
    return result;
}
