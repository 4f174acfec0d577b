/* table.c: the entries in the helper's own memory, sorted; published as a whole. */
#include "registry.h"

#include <stdlib.h>

static gee_str_t address_of(const registry_entry_t *entry) {
    return (gee_str_t){ .data = registry_address(entry), .length = entry->address_length };
}

static gee_str_t service_of(const registry_entry_t *entry) {
    return (gee_str_t){ .data = registry_service(entry), .length = entry->service_length };
}

/* The index of the first entry that is not before the key; *found: the entry has this key. */
static size_t find(const registry_table_t *table, const registry_key_t *key, bool *found) {
    size_t low = 0, high = table->count;
    *found = false;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = gee_str_compare(address_of(table->items[middle]), key->address);
        if (order == 0)
            order = gee_str_compare(service_of(table->items[middle]), key->service);
        if (order == 0)
            *found = true;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static size_t bytes_of(const registry_entry_t *entry) {
    return registry_entry_json(entry->address_length, entry->service_length);
}

static registry_entry_t *make_entry(const registry_key_t *key) {
    registry_entry_t *entry = calloc(1, registry_entry_size(key->address.length, key->service.length));
    if (entry == NULL)
        return NULL;
    entry->address_length = (uint16_t)key->address.length;
    entry->service_length = (uint16_t)key->service.length;
    memcpy(entry->texts, key->address.data, key->address.length);
    if (key->service.length > 0)
        memcpy(entry->texts + key->address.length + 1, key->service.data, key->service.length);
    return entry;
}

static int make_room(registry_table_t *table) {
    if (table->count < table->room)
        return 0;
    size_t room = table->room ? 2 * table->room : 64;
    registry_entry_t **items = realloc(table->items, room * sizeof(*items));
    if (items == NULL)
        return -1;
    table->items = items;
    table->room = room;
    return 0;
}

static registry_entry_t *insert(registry_table_t *table, size_t at, const registry_key_t *key) {
    registry_entry_t *entry = make_room(table) == 0 ? make_entry(key) : NULL;
    if (entry == NULL)
        return NULL;
    memmove(table->items + at + 1, table->items + at, (table->count - at) * sizeof(*table->items));
    table->items[at] = entry;
    table->count++;
    table->bytes += bytes_of(entry);
    table->changed = true;
    return entry;
}

registry_outcome_t registry_table_put(registry_table_t *table, const registry_key_t *key, uint32_t weight,
                                      int64_t ttl_ns, int64_t expires_ns, size_t most) {
    bool found;
    size_t at = find(table, key, &found);
    if (!found && (table->count >= most ||
                   table->bytes + registry_entry_json(key->address.length, key->service.length) + REGISTRY_LIST_JSON >
                       REGISTRY_BYTES))
        return REGISTRY_FULL;
    registry_entry_t *entry = found ? table->items[at] : insert(table, at, key);
    if (entry == NULL)
        return REGISTRY_NO_MEMORY;
    table->changed |= entry->weight != weight;
    entry->weight = weight;
    entry->ttl_ns = ttl_ns;
    entry->expires_ns = expires_ns;
    return REGISTRY_DONE;
}

bool registry_table_remove(registry_table_t *table, const registry_key_t *key) {
    bool found;
    size_t at = find(table, key, &found);
    if (!found)
        return false;
    table->bytes -= bytes_of(table->items[at]);
    free(table->items[at]);
    table->count--;
    memmove(table->items + at, table->items + at + 1, (table->count - at) * sizeof(*table->items));
    table->changed = true;
    return true;
}

int64_t registry_table_expire(registry_table_t *table, int64_t now_ns) {
    int64_t next = INT64_MAX;
    size_t kept = 0;
    for (size_t i = 0; i < table->count; i++) {
        registry_entry_t *entry = table->items[i];
        if (entry->expires_ns <= now_ns) {
            table->bytes -= bytes_of(entry);
            free(entry);
            continue;
        }
        next = entry->expires_ns < next ? entry->expires_ns : next;
        table->items[kept++] = entry;
    }
    table->changed |= kept < table->count;
    table->count = kept;
    return next;
}

void registry_table_clear(registry_table_t *table) {
    for (size_t i = 0; i < table->count; i++)
        free(table->items[i]);
    free(table->items);
    *table = (registry_table_t){ 0 };
}

/* ---- publishing ---- */

/* No entry is longer here than as JSON, whose bytes are bounded. */
size_t registry_list_capacity(void) {
    return sizeof(registry_list_t) + REGISTRY_BYTES;
}

/* At least the time of day, so that a registry that begins anew never gives the same number twice. */
static uint64_t next_version(uint64_t version) {
    uint64_t now = (uint64_t)gee_clock_wall() / GEE_MILLISECOND;
    return version < now ? now : version + 1;
}

void registry_table_publish(registry_table_t *table, const gee_double_buffer_t *buffer) {
    registry_list_t *list = gee_double_buffer_begin(buffer);
    if (table->changed || table->version == 0)
        table->version = next_version(table->version);
    table->changed = false;
    *list = (registry_list_t){ .version = table->version, .count = table->count };
    char *at = (char *)(list + 1);
    for (size_t i = 0; i < table->count; i++) {
        const registry_entry_t *entry = table->items[i];
        size_t size = registry_entry_size(entry->address_length, entry->service_length);
        memcpy(at, entry, size);
        at += size;
    }
    gee_double_buffer_publish(buffer, (size_t)(at - (char *)list));
}

int registry_table_take(registry_table_t *table, const gee_double_buffer_t *buffer, int64_t more_ns) {
    gee_double_copy_t copy = { 0 };
    int result = gee_double_buffer_read(buffer, &copy);
    const registry_list_t *list = copy.bytes;
    const registry_entry_t *entry = result == 0 ? registry_first(list) : NULL;
    for (uint64_t i = 0; result == 0 && i < list->count; i++, entry = registry_next(entry)) {
        registry_key_t key = { .address = address_of(entry), .service = service_of(entry) };
        if (registry_table_put(table, &key, entry->weight, entry->ttl_ns, gee_time_add(entry->expires_ns, more_ns),
                               REGISTRY_ENTRIES) != REGISTRY_DONE)
            result = -1;
    }
    if (result == 0)
        table->version = list->version;
    table->changed = false;
    gee_double_copy_free(&copy);
    return result;
}
