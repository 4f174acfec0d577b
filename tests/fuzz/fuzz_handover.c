/* fuzz_handover.c: records of conversations, true, changed and made up, as another process might offer them: refused
 * with a reason, or a connection that can be talked to, closed, and passed on again. A true one is taken, and its
 * calls are answered as if nothing had been.
 *
 * First byte: the listener, and where the record comes from.
 *   MADE_UP   the rest is the record, behind its version
 *   else      second byte: the wire, and whether it is sealed; third: how the bytes are cut; fourth: after how many
 *             passes of the loop it is frozen. Then changes of the record, four bytes each: what, where (2, big
 *             endian), byte. */
#include "conversation.h"
#include "seal.h"

#include "core/rpc/handover.h"
#include "core/rpc/session_private.h"

#define MADE_UP     0x80
#define ANOTHER     0x40 /* another version */
#define SEALED      0x80
#define RECORD_MOST (64u * 1024)
#define CALLS       3

static char room[PEER_ROOM];

/* ---- listeners ---- */

static void choose_listener(unsigned choice, gee_door_options_t *options, gee_door_layer_t layers[2]) {
    static const char *const some[] = { "geerpc", "netrpc", NULL };
    const seal_world_t *world = seal_world();
    *options = (gee_door_options_t){ .pages = (choice & 8) != 0, .protocols = choice & 16 ? some : NULL };
    layers[1].layer = NULL;
    layers[0] = (gee_door_layer_t){ .layer = world->seal->layer,
                                    .setup = choice & 1 ? world->keyed : world->anonymous,
                                    .required = (choice & 4) != 0,
                                    .max_age_ns = 3600 * GEE_SECOND };
    if (choice & 2)
        options->layers = layers;
}

static void open_world(world_t *world) {
    world_open(world);
    world->engine->timeouts =
        (gee_timeouts_t){ .handshake = 3600 * GEE_SECOND, .read = 3600 * GEE_SECOND, .idle = 3600 * GEE_SECOND };
}

/* ---- what is on its way ---- */

typedef struct leaver {
    gee_session_t *session;
    gee_door_t *door;
} leaver_t;

/* The newest serving session, or door. */
static leaver_t find_leaver(const world_t *world) {
    leaver_t leaver = { 0 };
    GEE_LIST_EACH(&world->engine->doors, link)
        leaver.door = gee_door_of_link(link);
    GEE_LIST_EACH(&world->engine->sessions, link) {
        gee_session_t *session = GEE_CONTAINER(link, gee_session_t, link);
        if (session->role == GEE_SERVING && !gee_session_is_paused(session, GEE_PAUSE_MOVING))
            leaver = (leaver_t){ .session = session };
    }
    return leaver;
}

static bool can_leave(const leaver_t *leaver) {
    if (leaver->session)
        return gee_session_can_leave(leaver->session);
    return leaver->door && gee_door_can_leave(leaver->door);
}

static void export(const leaver_t *leaver, gee_record_t *record) {
    if (leaver->session) {
        gee_session_freeze(leaver->session);
        gee_handover_export_session(leaver->session, record);
    } else {
        gee_door_freeze(leaver->door);
        gee_handover_export_door(leaver->door, record);
    }
    FUZZ_CHECK(!record->failed, "out of memory");
}

static void thaw(const leaver_t *leaver) {
    if (leaver->session)
        gee_session_thaw(leaver->session);
    else
        gee_door_thaw(leaver->door);
}

static void leave(leaver_t *leaver) {
    if (leaver->session)
        gee_session_leave(&leaver->session);
    else
        gee_door_leave(&leaver->door);
}

static int import(const world_t *world, int descriptor, const gee_door_options_t *options, const gee_record_t *record,
                  gee_error_t *error) {
    uint8_t *bytes = fuzz_copy(record->bytes, record->length);
    gee_record_reader_t in = gee_record_reader(bytes, record->length);
    gee_stream_options_t stream_options = { .high_water = (size_t)world->engine->limits.output };
    gee_stream_t *stream = gee_stream_create(world->loop, &fuzz_transport, descriptor, NULL, &stream_options, error);
    FUZZ_CHECK(stream != NULL, "%s", error->text);
    error->text[0] = '\0';
    int result = gee_handover_import(world->engine, &stream, options, &in, error);
    FUZZ_CHECK(result == 0 || error->text[0] != '\0', "refused without a reason");
    free(bytes);
    return result;
}

/* A connection that was taken can be passed on, and its record comes out unchanged. */
static void pass_on(const world_t *world, const gee_door_options_t *options) {
    gee_record_t first = { 0 }, second = { 0 };
    gee_error_t error;
    peer_t peer;
    int ends[2];
    leaver_t leaver = find_leaver(world), again;
    if (!can_leave(&leaver))
        return;
    export(&leaver, &first);
    FUZZ_CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) == 0, "%s", strerror(errno));
    FUZZ_CHECK(import(world, ends[0], options, &first, &error) == 0, "not taken again: %s", error.text);
    again = find_leaver(world);
    FUZZ_CHECK(can_leave(&again), "it cannot leave any more");
    export(&again, &second);
    FUZZ_CHECK(first.length == second.length, "%zu bytes have become %zu", first.length, second.length);
    leave(&again);
    peer = (peer_t){ .descriptor = ends[1] };
    close(peer.descriptor);
    thaw(&leaver);
    gee_record_clear(&first);
    gee_record_clear(&second);
}

/* ---- made up ---- */

static void take_made_up(unsigned choice, const uint8_t *data, size_t size) {
    static const char call[] = "{\"method\":\"Test.Multiply\",\"params\":[{\"A\":7,\"B\":8}],\"id\":0}";
    gee_record_t record = { 0 };
    gee_door_options_t options;
    gee_door_layer_t layers[2];
    gee_error_t error;
    world_t world;
    peer_t peer = { .got = room };
    int ends[2];
    choose_listener(choice, &options, layers);
    open_world(&world);
    gee_record_put_u64(&record, GEE_HANDOVER_VERSION + (choice & ANOTHER ? 1 : 0));
    gee_record_put(&record, data, size);
    cuts = fuzz_cuts(0);
    FUZZ_CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) == 0, "%s", strerror(errno));
    peer.descriptor = ends[1];
    if (import(&world, ends[0], &options, &record, &error) == 0) {
        pass_on(&world, &options);
        peer_write(&world, &peer, (const uint8_t *)call, strlen(call), true);
        peer_finish(&world, &peer);
    }
    close(peer.descriptor);
    gee_record_clear(&record);
    world_close(&world);
}

/* ---- a true conversation ---- */

typedef struct client {
    gee_session_t *session;
    size_t answered; /* with what was asked for */
    size_t ended;
} client_t;

typedef struct question {
    gee_outgoing_t outgoing;
    client_t *client;
} question_t;

static void on_done(gee_outgoing_t *outgoing, const gee_event_t *reply) {
    const gee_status_t *status = &reply->status;
    question_t *question = GEE_CONTAINER(outgoing, question_t, outgoing);
    question->client->ended++;
    question->client->answered += status->code == GEE_OK;
    free(question);
}

static void on_closed(gee_session_t *session GEE_UNUSED, void *owner, const gee_error_t *reason GEE_UNUSED) {
    client_t *client = owner;
    client->session = NULL;
}
static const gee_session_events_t client_events = { .closed = on_closed };

static void dial(const world_t *world, client_t *client, unsigned wire, bool sealed, int descriptor) {
    static const char *const names[][2] = {
        { "geerpc", "json" }, { "geerpc", "bin" }, { "geerpc", "gob" }, { "netrpc", "gob" }, { "jsonrpc", "json" }
    };
    const char *const *name = names[wire % GEE_LENGTH(names)];
    gee_error_t error;
    gee_stream_options_t options = { .high_water = 65536, .read_while_congested = true };
    gee_session_setup_t setup = { .codec = gee_module_find(gee_modules, GEE_MODULE_CODEC, gee_str(name[1])) };
    gee_stream_t *stream = gee_stream_create(world->loop, &fuzz_transport, descriptor, NULL, &options, &error);
    FUZZ_CHECK(stream != NULL, "%s", error.text);
    chance = 0;
    if (sealed)
        FUZZ_CHECK(gee_stream_push(stream, seal_world()->seal->layer, GEE_CALLING, seal_world()->calling, &error) == 0,
                   "%s", error.text);
    client->session =
        gee_session_create(world->engine, &stream, gee_module_find(gee_modules, GEE_MODULE_PROTOCOL, gee_str(name[0])),
                           GEE_CALLING, &setup, gee_loop_now(world->loop), &client_events, client, &error);
    FUZZ_CHECK(client->session != NULL, "%s", error.text);
}

static void ask(client_t *client, size_t n) {
    static const pair_t pair = { 7, 8 };
    static const text_t text = { GEE_STR("hello") };
    gee_error_t error;
    gee_payload_t payload = { .kind = GEE_PAYLOAD_TYPED,
                              .type = n == 1 ? GEE_TYPE_OF(text_t) : GEE_TYPE_OF(pair_t),
                              .typed = n == 1 ? (const void *)&text : (const void *)&pair };
    question_t *question = client->session ? calloc(1, sizeof(*question)) : NULL;
    if (question == NULL)
        return;
    gee_event_t request = { .method = n == 1 ? GEE_STR("Test.Echo") : GEE_STR("Test.Multiply"),
                            .codec = client->session->codec,
                            .payload = payload };
    *question = (question_t){ .outgoing = { .done = on_done }, .client = client };
    if (gee_session_call(client->session, &question->outgoing, &request, &error) != 0)
        free(question);
}

/* False: it is what it was. */
static bool change(gee_record_t *record, const uint8_t *data, size_t size) {
    bool changed = false;
    for (; size >= 4 && record->length > 0; data += 4, size -= 4) {
        size_t at = (size_t)(data[1] << 8 | data[2]) % record->length;
        changed = true;
        switch (data[0] % 5) {
        case 0:
            record->bytes[at] = data[3];
            break;
        case 1:
            record->bytes[at] ^= (uint8_t)(1u << data[3] % 8);
            break;
        case 2:
            record->length = at;
            break;
        case 3: /* without a byte */
            memmove(record->bytes + at, record->bytes + at + 1, record->length - at - 1);
            record->length--;
            break;
        default: /* with one more */
            gee_record_put_u8(record, 0);
            memmove(record->bytes + at + 1, record->bytes + at, record->length - at - 1);
            record->bytes[at] = data[3];
            break;
        }
    }
    return changed;
}

static void converse(world_t *world, client_t *client, unsigned passes) {
    ask(client, 0);
    if (passes & 0x80) /* later on in the conversation */
        world_settle(world);
    ask(client, 1);
    ask(client, 2);
    for (unsigned i = 0; i < (passes & 0x7f); i++)
        world_turn(world);
}

/* Null: it could not leave just then. */
static bool move(const world_t *world, const gee_door_options_t *options, const uint8_t *data, size_t size) {
    gee_record_t record = { 0 };
    gee_error_t error;
    bool changed, taken;
    leaver_t leaver = find_leaver(world);
    if (!can_leave(&leaver))
        return true;
    export(&leaver, &record);
    int descriptor = dup(gee_stream_descriptor(leaver.session ? leaver.session->stream : gee_door_stream(leaver.door)));
    FUZZ_CHECK(descriptor >= 0, "%s", strerror(errno));
    changed = change(&record, data, size);
    FUZZ_CHECK(!record.failed && record.length < RECORD_MOST, "%zu bytes", record.length);
    taken = import(world, descriptor, options, &record, &error) == 0;
    FUZZ_CHECK(taken || changed, "a true record was refused: %s", error.text);
    if (taken)
        leave(&leaver);
    else
        thaw(&leaver);
    if (taken)
        pass_on(world, options);
    gee_record_clear(&record);
    return !taken || !changed;
}

static void take_true(unsigned choice, const uint8_t *data, size_t size) {
    gee_door_options_t options;
    gee_door_layer_t layers[2];
    world_t world;
    peer_t unused;
    client_t client = { 0 };
    bool sealed = (data[0] & SEALED) != 0;
    choose_listener(sealed ? choice | 2 : choice & ~2u, &options, layers);
    options.protocols = NULL;
    open_world(&world);
    cuts = fuzz_cuts(data[1] & 0x3f);
    peer_open(&world, &unused, room, &options);
    dial(&world, &client, data[0] & 0x7f, sealed, unused.descriptor);
    converse(&world, &client, data[2]);
    bool intact = move(&world, &options, data + 3, size - 3);
    world_settle(&world);
    FUZZ_CHECK(!intact || client.answered == CALLS, "%zu calls of %d were answered", client.answered, CALLS);
    if (client.session)
        gee_session_close(client.session, NULL);
    world_settle(&world);
    world_close(&world);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size > 0 && data[0] & MADE_UP)
        take_made_up(data[0], data + 1, size - 1);
    else if (size >= 4)
        take_true(data[0], data + 1, size - 1);
    return 0;
}
