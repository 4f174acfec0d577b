/* fuzz_registry_file.c: the registry's file. Whatever it holds, it is taken whole or not at all; what was taken is
 * written and read back the same, and what was written is refused wherever it is cut off.
 *
 * First byte: where. The rest: the file. */
#include "fuzz.h"

#include "modules/registry/registry.h"

#define PATH "f"
#define NOW  1000

static int read_text(const char *bytes, size_t length, registry_table_t *table) {
    gee_error_t error = { .code = GEE_OK };
    char *copy = (char *)fuzz_copy(bytes, length);
    *table = (registry_table_t){ 0 };
    int result = registry_file_read(PATH, (gee_str_t){ copy, length }, table, NOW, &error);
    free(copy);
    if (result == 0)
        return 0;
    FUZZ_CHECK(strncmp(error.text, PATH ":", 2) == 0 && error.code != GEE_OK, "\"%s\"", error.text);
    FUZZ_CHECK(table->count == 0 && table->bytes == 0, "%zu entries of a file that was refused", table->count);
    return -1;
}

static int order(const registry_entry_t *a, const registry_entry_t *b) {
    int by_address = strcmp(registry_address(a), registry_address(b));
    return by_address != 0 ? by_address : strcmp(registry_service(a), registry_service(b));
}

static void check_table(const registry_table_t *table) {
    size_t bytes = 0;
    for (size_t i = 0; i < table->count; i++) {
        const registry_entry_t *entry = table->items[i];
        gee_addr_t addr;
        bytes += registry_entry_json(entry->address_length, entry->service_length);
        FUZZ_CHECK(i == 0 || order(table->items[i - 1], entry) < 0, "entry %zu is not behind the one before", i);
        FUZZ_CHECK(registry_address_parse(gee_str(registry_address(entry)), &addr, NULL) == 0, "entry %zu", i);
        FUZZ_CHECK(entry->expires_ns == NOW + entry->ttl_ns && entry->ttl_ns <= REGISTRY_LONGEST_TTL, "entry %zu", i);
    }
    FUZZ_CHECK(bytes == table->bytes && bytes <= REGISTRY_BYTES && table->count <= REGISTRY_ENTRIES, "%zu", bytes);
    FUZZ_CHECK(table->version < UINT64_MAX / 2, "a version that could wrap");
}

static void check_same(const registry_table_t *a, const registry_table_t *b) {
    FUZZ_CHECK(a->count == b->count && a->version == b->version, "%zu and %zu entries", a->count, b->count);
    for (size_t i = 0; i < a->count; i++)
        FUZZ_CHECK(order(a->items[i], b->items[i]) == 0 && a->items[i]->weight == b->items[i]->weight &&
                       a->items[i]->ttl_ns == b->items[i]->ttl_ns,
                   "entry %zu", i);
}

static void check_trip(const registry_table_t *table, uint8_t where) {
    registry_table_t again;
    size_t length;
    char *text = registry_file_format(table, &length);
    FUZZ_CHECK(text != NULL, "out of memory");
    FUZZ_CHECK(read_text(text, length, &again) == 0, "it does not read what it writes");
    check_same(table, &again);
    registry_table_clear(&again);
    size_t cut = where % length;
    FUZZ_CHECK(read_text(text, cut, &again) != 0, "taken, though cut off at %zu", cut);
    FUZZ_CHECK(read_text(text, length - 1 - cut, &again) != 0, "taken, though cut off at %zu", length - 1 - cut);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    registry_table_t table;
    if (size < 1)
        return 0;
    if (read_text((const char *)data + 1, size - 1, &table) == 0) {
        check_table(&table);
        check_trip(&table, data[0]);
    }
    registry_table_clear(&table);
    return 0;
}
