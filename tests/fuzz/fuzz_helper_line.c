/* fuzz_helper_line.c: messages from workers to the helper, as the socket between them carries them, and what the
 * registry does with those that are its own. Whatever comes, the list that is published stays sorted, bounded and of
 * sound texts, and every message that was applied has one result.
 *
 * First byte: 0 a datagram as it is, 1 a message of the registry's, else several of them, a byte for the length in
 * front of each. */
#include "fuzz.h"

#include <sys/socket.h>

#include "core/proc/helper_line.h"
#include "core/rpc/engine_private.h"
#include "modules/registry/registry.h"

#define ENTRIES 5
#define WORKERS 2

static gee_server_state_t server;
static gee_helper_wires_t *wires;
static gee_engine_t *engine;
static const gee_module_t *module;
static size_t module_index;
static registry_conf_t conf = {
    .path = "/r", .timeout = 300 * GEE_SECOND, .entries = ENTRIES, .file = "", .file_path = NULL
};

/* ---- from beginning to end ---- */

static void open_all(void) {
    static gee_pool_t *lasting;
    gee_error_t error;
    if (engine != NULL)
        return;
    lasting = gee_pool_create(4096);
    FUZZ_CHECK(lasting != NULL && gee_server_init(&server, gee_modules, "/", NULL, &error) == 0, "no server");
    wires = gee_helper_line_open(&server, WORKERS, lasting, &error);
    FUZZ_CHECK(wires != NULL, "%s", error.text);
    gee_engine_options_t options = { .modules = gee_modules, .helper = &wires->line };
    options.loop = gee_loop_create(NULL, &error);
    engine = options.loop ? gee_engine_create(&options, &error) : NULL;
    FUZZ_CHECK(engine != NULL, "%s", error.text);
    while ((module = gee_modules[module_index].module) != NULL && strcmp(module->name, REGISTRY_MODULE) != 0)
        module_index++;
    FUZZ_CHECK(module != NULL, "there is no registry");
    conf.buffer.capacity = registry_list_capacity();
    conf.buffer.memory = aligned_alloc(16, gee_double_buffer_size(conf.buffer.capacity));
    conf.zone = malloc(sizeof(*conf.zone));
    FUZZ_CHECK(conf.buffer.memory != NULL && conf.zone != NULL, "out of memory");
}

static void begin(void) {
    gee_error_t error;
    memset(conf.buffer.memory, 0, 4096); /* what counts; the rest is published before it is read */
    memset(conf.zone, 0, sizeof(*conf.zone));
    FUZZ_CHECK(module->helper_start(&conf, engine, &error) == 0, "%s", error.text);
}

/* ---- what must hold ---- */

static void check_entry(const registry_entry_t *entry) {
    gee_addr_t addr;
    const char *address = registry_address(entry), *service = registry_service(entry);
    FUZZ_CHECK(entry->address_length == strlen(address) && registry_address_parse(gee_str(address), &addr, NULL) == 0,
               "address \"%s\"", address);
    FUZZ_CHECK(entry->service_length == strlen(service) && (*service == '\0' || registry_text_valid(gee_str(service))),
               "service \"%s\"", service);
    FUZZ_CHECK(entry->weight <= UINT16_MAX && entry->ttl_ns >= REGISTRY_SHORTEST_TTL &&
                   entry->ttl_ns <= REGISTRY_LONGEST_TTL,
               "%s", address);
}

static void check_published(void) {
    gee_double_copy_t copy = { 0 };
    FUZZ_CHECK(gee_double_buffer_read(&conf.buffer, &copy) == 0, "out of memory");
    const registry_list_t *list = copy.bytes;
    const registry_entry_t *entry = registry_first(list), *before = NULL;
    FUZZ_CHECK(list->count <= ENTRIES && list->version > 0, "%llu entries", (unsigned long long)list->count);
    for (uint64_t i = 0; i < list->count; i++, before = entry, entry = registry_next(entry)) {
        check_entry(entry);
        int order = before ? strcmp(registry_address(before), registry_address(entry)) : -1;
        FUZZ_CHECK(order < 0 || (order == 0 && strcmp(registry_service(before), registry_service(entry)) < 0),
                   "entry %llu is not behind the one before", (unsigned long long)i);
    }
    FUZZ_CHECK((const char *)entry == (const char *)copy.bytes + copy.length, "the list does not end with its entries");
    gee_double_copy_free(&copy);
}

static void check_results(uint64_t most) {
    uint64_t count = atomic_load(&conf.zone->result_count);
    FUZZ_CHECK(count <= most, "%llu results", (unsigned long long)count);
    for (uint64_t i = 0; i < count; i++) {
        uint32_t status = atomic_load(&conf.zone->results[i].status);
        FUZZ_CHECK(status == 200 || status == 404 || status == 503, "status %u", status);
    }
}

/* ---- there and back ---- */

/* Ends where it ends, as the helper's own does not. */
static void hand_over(const gee_helper_message_t *message) {
    FUZZ_CHECK(message->length <= GEE_HELPER_MESSAGE, "%zu bytes", message->length);
    FUZZ_CHECK(message->module_index < 1000 && gee_modules[message->module_index].module == message->module,
               "another module");
    if (message->module != module)
        return;
    uint8_t *bytes = fuzz_copy(message->bytes, message->length);
    module->helper_message(&conf, engine, message->worker, bytes, message->length);
    free(bytes);
}

static uint64_t receive(void) {
    static gee_helper_message_t message;
    uint64_t count = 0;
    for (; gee_helper_line_read(wires, &message) == 0; count++)
        if (message.module != NULL)
            hand_over(&message);
    return count;
}

static uint64_t tell(const uint8_t *bytes, size_t length) {
    bool fits = length <= GEE_HELPER_MESSAGE;
    int result = wires->line.tell(&wires->line, REGISTRY_MODULE, bytes, length);
    FUZZ_CHECK((result == 0) == fits, "%zu bytes: %d", length, result);
    uint64_t count = receive();
    FUZZ_CHECK(count == (fits ? 1 : 0), "%llu messages", (unsigned long long)count);
    return count;
}

static uint64_t send_all(uint8_t kind, const uint8_t *bytes, size_t length) {
    uint64_t count = 0;
    if (kind == 0)
        return send(server.helper_requests[1], bytes, length, MSG_NOSIGNAL) >= 0 ? receive() : 0;
    if (kind == 1)
        return tell(bytes, length);
    while (length > 0) {
        size_t one = bytes[0] < length - 1 ? bytes[0] : length - 1;
        count += tell(bytes + 1, one);
        bytes += 1 + one;
        length -= 1 + one;
    }
    return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 1)
        return 0;
    open_all();
    begin();
    uint64_t sent = send_all(data[0], data + 1, size - 1);
    FUZZ_CHECK(gee_loop_once(engine->loop, 0) == 0, "the loop");
    check_published();
    check_results(sent);
    module->helper_stop(&conf, engine);
    return 0;
}
