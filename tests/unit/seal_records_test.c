/* seal_records_test: the records of the sealed channel: packing, changing keys, the end, and whatever a peer or
 * somebody on the way may do to them. Nothing is released of what is not genuine. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "seal_fixture.h"

static gee_seal_setup_t *server_setup, *client_setup;
static uint8_t frames[WIRE_MOST];

static int open_all(void **state) {
    if (open_buffers(state) != 0 || open_keys(state) != 0)
        return -1;
    server_setup = listening(true);
    client_setup = dialling(keys.server, "client.key");
    return 0;
}
static int close_all(void **state) {
    seal->close(&server_setup);
    seal->close(&client_setup);
    return close_keys(state) != 0 ? -1 : close_buffers(state);
}

static void open_pair(end_t *client, end_t *server) {
    end_open(client, GEE_CALLING, client_setup);
    end_open(server, GEE_SERVING, server_setup);
    while (client->down.length + server->down.length > 0) {
        assert_int_equal(end_hear(server, wire, end_take(client)), 0);
        assert_int_equal(end_hear(client, wire, end_take(server)), 0);
    }
    assert_true(end_is_open(client) && end_is_open(server));
}

static void open_raw(raw_t *raw, end_t *server) {
    end_open(server, GEE_SERVING, server_setup);
    raw_client(raw, keys.server, "client.key");
    raw_shake_hands(raw, server);
}

static void expect_up(end_t *end, const void *bytes, size_t length) {
    assert_int_equal(gee_inbox_length(&end->up), length);
    if (length > 0)
        assert_memory_equal(gee_inbox_bytes(&end->up), bytes, length);
    gee_inbox_clear(&end->up);
}

static void expect_refused(end_t *end, const char *reason) {
    assert_int_equal(end->error.code, GEE_DATA_LOSS);
    if (strstr(end->error.text, reason) == NULL)
        fail_msg("\"%s\" is not in \"%s\"", reason, end->error.text);
    assert_int_equal(gee_inbox_length(&end->up), 0);
    assert_int_equal(end_hear(end, "x", 1), -1);
}

/* ---- packing ---- */

static void test_small_messages_share_a_record(void **state) {
    (void)state;
    end_t client, server;
    open_pair(&client, &server);
    for (int i = 0; i < 16; i++)
        assert_int_equal(gee_chain_append(&server.above, "0123456789", 10), 0);
    end_say(&server, "x", 1);
    size_t length = end_take(&server);
    assert_int_equal(length, 2 + 161 + GEE_NOISE_TAG);
    assert_int_equal(end_hear(&client, wire, length), 0);
    assert_int_equal(gee_inbox_length(&client.up), 161);
    end_close(&client);
    end_close(&server);
}

static uint8_t *random_bytes(size_t length) {
    uint8_t *bytes = malloc(length ? length : 1);
    assert_non_null(bytes);
    randombytes_buf(bytes, length);
    return bytes;
}

/* In `pieces` appends; heard in cuts of at most `most` bytes. */
static void check_spanning(size_t size, size_t pieces, size_t most) {
    end_t client, server;
    uint8_t *bytes = random_bytes(size);
    open_pair(&client, &server);
    for (size_t i = 0; i < pieces; i++) {
        size_t from = size * i / pieces, to = size * (i + 1) / pieces;
        uint8_t *place = gee_chain_reserve(&client.above, to - from);
        assert_non_null(place);
        memcpy(place, bytes + from, to - from);
        gee_chain_commit(&client.above, to - from);
    }
    assert_int_equal(seal->layer->send(client.state, &client.above, &client.down, &client.error), 0);
    assert_int_equal(client.above.length, 0);
    size_t length = end_take(&client), records = 0;
    for (size_t at = 0; at < length; records++)
        at += 2 + ((size_t)wire[at] << 8 | wire[at + 1]);
    assert_true(records >= size / 65519 && records <= size / 16384 + 2);
    assert_int_equal(length, size + records * (2 + GEE_NOISE_TAG));
    for (size_t at = 0, part; at < length; at += part) {
        part = length - at < most ? length - at : most;
        assert_int_equal(end_hear(&server, wire + at, part), 0);
    }
    assert_int_equal(gee_inbox_length(&server.wire), 0);
    expect_up(&server, bytes, size);
    free(bytes);
    end_close(&client);
    end_close(&server);
}

static void test_large_messages_span_records(void **state) {
    (void)state;
    static const size_t sizes[] = { 1, 16383, 65478, 65479, 65519, 65520, 131072, GEE_MIB, 3 * GEE_MIB };
    for (size_t i = 0; i < GEE_LENGTH(sizes); i++) {
        check_spanning(sizes[i], 1, SIZE_MAX);
        check_spanning(sizes[i], 1, 16 * GEE_KIB);
        check_spanning(sizes[i], 1 + sizes[i] / 4000, 50000);
        check_spanning(sizes[i], 1 + sizes[i] / 40000, 777);
    }
    check_spanning(70000, 3, 1);
}

/* The longest that a peer may send is longer than what we send. */
static void test_the_longest_record(void **state) {
    (void)state;
    end_t server;
    raw_t raw;
    uint8_t *bytes = random_bytes(65519);
    open_raw(&raw, &server);
    size_t length = raw_record(&raw, bytes, 65519, frames);
    assert_int_equal(length, 2 + 65535);
    assert_int_equal(end_hear(&server, frames, length - 1), 0);
    assert_int_equal(gee_inbox_length(&server.up), 0); /* not before its tag */
    assert_int_equal(end_hear(&server, frames + length - 1, 1), 0);
    expect_up(&server, bytes, 65519);
    length = raw_record(&raw, bytes, 65519, frames);
    frames[length - 1] ^= 1;
    assert_int_equal(end_hear(&server, frames, length), -1);
    expect_refused(&server, "record 1 is not genuine");
    free(bytes);
    end_close(&server);
}

/* ---- changing keys ---- */

/* A peer that changes its key after `after` records, of which it sends `count`; how many are taken. */
static size_t taken_when_rekeyed_after(size_t after, size_t count) {
    end_t server;
    raw_t raw;
    uint8_t frame[64];
    size_t taken = 0;
    open_raw(&raw, &server);
    for (; taken < count; taken++) {
        if (taken > 0 && taken % after == 0)
            gee_noise_rekey(&raw.sending);
        if (end_hear(&server, frame, raw_record(&raw, "x", 1, frame)) != 0)
            break;
        expect_up(&server, "x", 1);
    }
    end_close(&server);
    return taken;
}

static void test_the_key_changes_after_1024_records(void **state) {
    (void)state;
    assert_int_equal(taken_when_rekeyed_after(1024, 5000), 5000);
    assert_int_equal(taken_when_rekeyed_after(1023, 5000), 1023);
    assert_int_equal(taken_when_rekeyed_after(1025, 5000), 1024);
    assert_int_equal(taken_when_rekeyed_after(SIZE_MAX, 5000), 1024); /* never */
}

/* Our own records are what such a peer expects; the other direction counts by itself. */
static void test_our_keys_change_too(void **state) {
    (void)state;
    end_t server;
    raw_t raw;
    uint8_t plain[64];
    open_raw(&raw, &server);
    for (size_t i = 0; i < 3000; i++) {
        if (i > 0 && i % 1024 == 0)
            gee_noise_rekey(&raw.receiving);
        end_say(&server, "reply", 5);
        size_t length = end_take(&server);
        assert_int_equal(length, 2 + 5 + GEE_NOISE_TAG);
        assert_int_equal(gee_noise_decrypt(&raw.receiving, NULL, 0, wire + 2, length - 2, plain), 0);
        assert_memory_equal(plain, "reply", 5);
    }
    assert_int_equal(end_hear(&server, plain, raw_record(&raw, "first", 5, plain)), 0);
    expect_up(&server, "first", 5);
    end_close(&server);
}

/* ---- the end ---- */

static void test_the_end_record(void **state) {
    (void)state;
    end_t client, server;
    open_pair(&client, &server);
    end_say(&client, "last words", 10);
    assert_int_equal(seal->layer->finish(client.state, &client.down, &client.error), 0);
    size_t length = end_take(&client);
    assert_int_equal(length, 2 + 10 + GEE_NOISE_TAG + 2 + GEE_NOISE_TAG);
    assert_int_equal(end_hear(&server, wire, length), 0);
    expect_up(&server, "last words", 10);
    assert_int_equal(end_sees_eof(&server), 0);
    end_say(&server, "the other direction is open", 27);
    assert_int_equal(end_hear(&client, wire, end_take(&server)), 0);
    expect_up(&client, "the other direction is open", 27);
    assert_int_equal(end_sees_eof(&client), -1);
    assert_non_null(strstr(client.error.text, "truncated"));
    end_close(&client);
    end_close(&server);
}

static void test_an_end_without_its_record_is_a_truncation(void **state) {
    (void)state;
    end_t server;
    raw_t raw;
    uint8_t frame[64];
    for (size_t cut = 0; cut <= 2 + 4 + GEE_NOISE_TAG; cut++) {
        open_raw(&raw, &server);
        raw_record(&raw, "text", 4, frame);
        assert_int_equal(end_hear(&server, frame, cut), 0);
        expect_up(&server, "text", cut == 2 + 4 + GEE_NOISE_TAG ? 4 : 0);
        assert_int_equal(end_sees_eof(&server), -1);
        assert_int_equal(server.error.code, GEE_DATA_LOSS);
        end_close(&server);
    }
}

static void test_nothing_comes_behind_the_end(void **state) {
    (void)state;
    end_t server;
    raw_t raw;
    uint8_t frame[64];
    for (int together = 0; together < 2; together++) {
        open_raw(&raw, &server);
        size_t length = raw_record(&raw, "", 0, frame);
        if (!together)
            assert_int_equal(end_hear(&server, frame, length), 0);
        size_t more = raw_record(&raw, "more", 4, frame + length);
        assert_int_equal(end_hear(&server, frame + (together ? 0 : length), more + (together ? length : 0)), -1);
        expect_refused(&server, "behind the end");
        end_close(&server);
    }
}

static void test_an_end_that_is_forged(void **state) {
    (void)state;
    end_t server;
    raw_t raw;
    uint8_t frame[18] = { 0, 16 };
    open_raw(&raw, &server);
    assert_int_equal(end_hear(&server, frame, sizeof(frame)), -1);
    expect_refused(&server, "not genuine");
    assert_int_equal(end_sees_eof(&server), -1);
    end_close(&server);
}

/* ---- tampering ---- */

static void test_lengths_that_hold_no_tag(void **state) {
    (void)state;
    end_t server;
    raw_t raw;
    for (uint8_t length = 0; length < GEE_NOISE_TAG; length++) {
        uint8_t frame[2 + GEE_NOISE_TAG] = { 0, length };
        open_raw(&raw, &server);
        assert_int_equal(end_hear(&server, frame, 2), -1); /* the length alone says it */
        expect_refused(&server, "not even a tag");
        end_close(&server);
    }
}

static void test_every_bit_of_a_record(void **state) {
    (void)state;
    end_t server;
    raw_t raw;
    uint8_t frame[256];
    for (size_t bit = 0; bit < 8 * (2 + 4 + GEE_NOISE_TAG); bit++) {
        open_raw(&raw, &server);
        size_t length = raw_record(&raw, "text", 4, frame);
        frame[bit / 8] ^= (uint8_t)(1u << bit % 8);
        int result = end_hear(&server, frame, length);
        for (int i = 0; result == 0 && i < 4000; i++) /* it says it is longer: let it come */
            result = end_hear(&server, frame, sizeof(frame));
        assert_int_equal(result, -1);
        expect_refused(&server, "seal: ");
        end_close(&server);
    }
}

/* Five records, and in which order they are heard. */
static void check_order(const char *order, size_t good) {
    end_t server;
    raw_t raw;
    uint8_t five[5][64];
    size_t lengths[5], taken = 0;
    open_raw(&raw, &server);
    for (size_t i = 0; i < 5; i++)
        lengths[i] = raw_record(&raw, &"01234"[i], 1, five[i]);
    for (const char *at = order; *at != '\0'; at++) {
        size_t n = (size_t)(*at - '0');
        if (end_hear(&server, five[n], lengths[n]) != 0)
            break;
        expect_up(&server, &"01234"[n], 1);
        taken++;
    }
    assert_int_equal(taken, good);
    if (order[good] != '\0')
        expect_refused(&server, "not genuine");
    end_close(&server);
}

static void test_dropped_doubled_swapped(void **state) {
    (void)state;
    check_order("01234", 5);
    check_order("1234", 0);
    check_order("0234", 1);
    check_order("0012", 1);
    check_order("01123", 2);
    check_order("021", 1);
    check_order("01243", 3);
}

static void test_reflected(void **state) {
    (void)state;
    end_t client, server;
    open_pair(&client, &server);
    end_say(&server, "mine", 4);
    size_t length = end_take(&server);
    assert_int_equal(end_hear(&server, wire, length), -1);
    expect_refused(&server, "not genuine");
    end_close(&client);
    end_close(&server);
}

static void test_records_of_another_session(void **state) {
    (void)state;
    end_t clients[2], servers[2];
    for (size_t i = 0; i < 2; i++)
        open_pair(&clients[i], &servers[i]);
    end_say(&clients[0], "for the first", 13);
    size_t length = end_take(&clients[0]);
    assert_int_equal(end_hear(&servers[1], wire, length), -1);
    expect_refused(&servers[1], "not genuine");
    assert_int_equal(end_hear(&servers[0], wire, length), 0);
    expect_up(&servers[0], "for the first", 13);
    for (size_t i = 0; i < 2; i++) {
        end_close(&clients[i]);
        end_close(&servers[i]);
    }
}

/* Records before the forged record are released; the forged record and the bytes behind are not. */
static void test_a_forged_record_among_others(void **state) {
    (void)state;
    end_t server;
    raw_t raw;
    open_raw(&raw, &server);
    size_t length = raw_record(&raw, "good", 4, frames);
    size_t second = length;
    length += raw_record(&raw, "evil", 4, frames + length);
    length += raw_record(&raw, "late", 4, frames + length);
    frames[second + 3] ^= 0x20;
    assert_int_equal(end_hear(&server, frames, length), -1);
    expect_up(&server, "good", 4);
    expect_refused(&server, "record 1 is not genuine");
    end_close(&server);
}

/* ---- memory ---- */

/* Session keys are in pages that a core dump leaves out ("dd" in /proc/self/smaps), and are gone with the session. */
static void test_where_session_keys_are(void **state) {
    (void)state;
    end_t server;
    raw_t raw;
    char line[512];
    unsigned long from = 0, to = 0, found = 0;
    bool among_them = false;
    open_raw(&raw, &server);
    FILE *maps = fopen("/proc/self/smaps", "r");
    FILE *memory = fopen("/proc/self/mem", "r");
    assert_non_null(maps);
    assert_non_null(memory);
    const uint8_t *page = NULL;
    while (fgets(line, sizeof(line), maps) != NULL) {
        unsigned long first, behind;
        if (sscanf(line, "%lx-%lx ", &first, &behind) == 2) {
            from = first;
            to = behind;
        }
        if (strncmp(line, "VmFlags:", 8) != 0 || strstr(line, " dd") == NULL || to - from > 64 * GEE_KIB)
            continue;
        static uint8_t copy[64 * GEE_KIB];
        if (fseek(memory, (long)from, SEEK_SET) != 0 || fread(copy, 1, to - from, memory) != to - from)
            continue; /* guard pages */
        const uint8_t *at = memmem(copy, to - from, raw.sending.key, GEE_NOISE_KEY);
        found++;
        if (at != NULL) {
            among_them = true;
            page = (const uint8_t *)(uintptr_t)(from + (unsigned long)(at - copy));
        }
    }
    fclose(maps);
    fclose(memory);
    assert_true(found > 0);
    assert_true(among_them);
    assert_memory_equal(page, raw.sending.key, GEE_NOISE_KEY);
    end_close(&server);
    assert_true(sodium_is_zero(page + 8, GEE_NOISE_KEY - 8)); /* a free slot's first word is a pointer */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_small_messages_share_a_record),
        cmocka_unit_test(test_large_messages_span_records),
        cmocka_unit_test(test_the_longest_record),
        cmocka_unit_test(test_the_key_changes_after_1024_records),
        cmocka_unit_test(test_our_keys_change_too),
        cmocka_unit_test(test_the_end_record),
        cmocka_unit_test(test_an_end_without_its_record_is_a_truncation),
        cmocka_unit_test(test_nothing_comes_behind_the_end),
        cmocka_unit_test(test_an_end_that_is_forged),
        cmocka_unit_test(test_lengths_that_hold_no_tag),
        cmocka_unit_test(test_every_bit_of_a_record),
        cmocka_unit_test(test_dropped_doubled_swapped),
        cmocka_unit_test(test_reflected),
        cmocka_unit_test(test_records_of_another_session),
        cmocka_unit_test(test_a_forged_record_among_others),
        cmocka_unit_test(test_where_session_keys_are),
    };
    return cmocka_run_group_tests(tests, open_all, close_all);
}
