/* protocol_jsonrpc_test.c: JSON-RPC byte by byte: 1.0 as Go speaks it, 2.0 with its error codes, notifications and
 * batches, and the calling role. */
#include "calling_fixture.h"
#include "core/rpc/session_private.h"

#define CALL_1  "{\"method\":\"Test.Multiply\",\"params\":[{\"A\":7,\"B\":8}],\"id\":0}"
#define REPLY_1 "{\"id\":0,\"result\":56,\"error\":null}\n"
#define CALL_2  "{\"jsonrpc\":\"2.0\",\"method\":\"Test.Multiply\",\"params\":{\"A\":7,\"B\":8},\"id\":\"x\"}"
#define REPLY_2 "{\"jsonrpc\":\"2.0\",\"id\":\"x\",\"result\":56}\n"

/* The peer's bytes, and the bytes that it gets. */
static void converse(fixture_t *fixture, int peer, const char *text, const char *wanted) {
    fixture->got_length = 0;
    fixture->got[0] = '\0';
    peer_says(fixture, peer, text);
    if (strcmp(fixture->got, wanted) != 0)
        fail_msg("%s\n gave %s\n not  %s", text, fixture->got, wanted);
}

/* The same, where only a part of the answer is laid down; it is one line. */
static void find(fixture_t *fixture, int peer, const char *text, const char *wanted) {
    fixture->got_length = 0;
    fixture->got[0] = '\0';
    peer_says(fixture, peer, text);
    const char *line = strchr(fixture->got, '\n');
    if (strstr(fixture->got, wanted) == NULL || line == NULL || line[1] != '\0')
        fail_msg("%s\n gave %s\n without %s", text, fixture->got, wanted);
}

/* ---- cuts ---- */

static void cut_anywhere(const char *text, const char *wanted) {
    for (size_t cut = 0; cut <= strlen(text); cut++) {
        fixture_t *fixture = fixture_create(NULL, NULL);
        int peer = fixture_connect(fixture);
        peer_write(fixture, peer, text, cut);
        pump(fixture);
        peer_write(fixture, peer, text + cut, strlen(text) - cut);
        pump(fixture);
        peer_read(fixture, peer);
        assert_string_equal(fixture->got, wanted);
        finish(fixture, peer);
    }
}

static void test_cut_anywhere(void **state GEE_UNUSED) {
    cut_anywhere(CALL_1 "\n" CALL_1, REPLY_1 REPLY_1);
    cut_anywhere(" \t" CALL_2 CALL_2 "\r\n", REPLY_2 REPLY_2);
    cut_anywhere("[" CALL_2 " ," CALL_1 "]\n",
                 "[{\"jsonrpc\":\"2.0\",\"id\":\"x\",\"result\":56},{\"id\":0,\"result\":56,\"error\":null}]\n");
}

static void test_a_byte_at_a_time(void **state GEE_UNUSED) {
    fixture_t *fixture = fixture_create(NULL, NULL);
    int peer = fixture_connect(fixture);
    receive_at_most = 1;
    peer_write(fixture, peer, CALL_1 CALL_2, strlen(CALL_1 CALL_2));
    wait_for(fixture, peer, strlen(REPLY_1 REPLY_2));
    assert_string_equal(fixture->got, REPLY_1 REPLY_2);
    finish(fixture, peer);
}

static void test_pipelined_leave_in_one_write(void **state GEE_UNUSED) {
    fixture_t *fixture = fixture_create(NULL, NULL);
    int peer = fixture_connect(fixture);
    converse(fixture, peer, CALL_1 CALL_1 CALL_2, REPLY_1 REPLY_1 REPLY_2);
    assert_int_equal(sends, 1);
    finish(fixture, peer);
}

/* ---- 1.0 ---- */

static void test_one(void **state GEE_UNUSED) {
    static const struct {
        const char *text, *wanted;
    } rows[] = {
        /* Members in any order, unknown ones, duplicates: the last wins. */
        { "{\"id\":1,\"extra\":{\"id\":[\"}\"]},\"params\":[{\"B\":8,\"A\":7}],\"method\":\"Test.Multiply\"}",
          "{\"id\":1,\"result\":56,\"error\":null}\n" },
        { "{\"method\":\"No.No\",\"id\":1,\"params\":[],\"id\":2,\"method\":\"Test.Multiply\",\"params\":[{\"A\":2,"
          "\"B\":3}]}",
          "{\"id\":2,\"result\":6,\"error\":null}\n" },
        { "{ \"m\\u0065thod\" : \"Test\\u002eMultiply\" , \"params\" : [ { \"A\" : 2 , \"B\" : 3 } ] , \"id\" : 1 }",
          "{\"id\":1,\"result\":6,\"error\":null}\n" },
        /* An id is any value, given back as it came; none is null, and answered (as Go does). */
        { "{\"method\":\"Test.Multiply\",\"params\":[{}],\"id\":{\"a\": [1, \"]}\\\"\"]}}",
          "{\"id\":{\"a\": [1, \"]}\\\"\"]},\"result\":0,\"error\":null}\n" },
        { "{\"method\":\"Test.Multiply\",\"params\":[{}],\"id\":-1.50e3}",
          "{\"id\":-1.50e3,\"result\":0,\"error\":null}\n" },
        { "{\"method\":\"Test.Multiply\",\"params\":[{}],\"id\":123456789012345678901234567890}",
          "{\"id\":123456789012345678901234567890,\"result\":0,\"error\":null}\n" },
        { "{\"method\":\"Test.Multiply\",\"params\":[{}],\"id\":null}", "{\"id\":null,\"result\":0,\"error\":null}\n" },
        { "{\"method\":\"Test.Multiply\",\"params\":[{}]}", "{\"id\":null,\"result\":0,\"error\":null}\n" },
        { "{\"jsonrpc\":\"1.0\",\"method\":\"Test.Multiply\",\"params\":[{}],\"id\":1}",
          "{\"id\":1,\"result\":0,\"error\":null}\n" },
        /* Of several arguments the first; of none, zero. */
        { "{\"method\":\"Test.Multiply\",\"params\":[{\"A\":3,\"B\":3},{\"A\":1}],\"id\":1}",
          "{\"id\":1,\"result\":9,\"error\":null}\n" },
        { "{\"method\":\"Test.Multiply\",\"params\":[ ],\"id\":1}", "{\"id\":1,\"result\":0,\"error\":null}\n" },
        { "{\"method\":\"Test.Multiply\",\"params\":{\"A\":3,\"B\":3},\"id\":1}",
          "{\"id\":1,\"result\":9,\"error\":null}\n" },
        { "{\"method\":\"Test.Multiply\",\"id\":1}",
          "{\"id\":1,\"result\":null,\"error\":\"jsonrpc: request body missing params\"}\n" },
        { "{\"method\":\"Test.Multiply\",\"params\":null,\"id\":1}",
          "{\"id\":1,\"result\":null,\"error\":\"jsonrpc: request body missing params\"}\n" },
        { "{\"method\":\"Test.Multiply\",\"params\":7,\"id\":1}",
          "{\"id\":1,\"result\":null,\"error\":\"jsonrpc: params is not a list\"}\n" },
        { "{\"method\":7,\"params\":[],\"id\":1}",
          "{\"id\":1,\"result\":null,\"error\":\"jsonrpc: method is not a string\"}\n" },
        { "{\"params\":[],\"id\":1}",
          "{\"id\":1,\"result\":null,\"error\":\"rpc: service/method request ill-formed: \"}\n" },
        { "{\"method\":\"No.Way\",\"params\":[1],\"id\":1}",
          "{\"id\":1,\"result\":null,\"error\":\"rpc: can't find service No.Way\"}\n" },
        { "{\"method\":\"Test.Fail\",\"params\":[{\"Text\":\"%s \\\"n\\\"\"}],\"id\":1}",
          "{\"id\":1,\"result\":null,\"error\":\"%s \\\"n\\\"\"}\n" },
        { "{\"method\":\"Test.Echo\",\"params\":[{\"Text\":\"a\\u0000b\"}],\"id\":1}",
          "{\"id\":1,\"result\":{\"Text\":\"a\\u0000b\"},\"error\":null}\n" },
    };
    fixture_t *fixture = fixture_create(NULL, NULL);
    int peer = fixture_connect(fixture);
    peer_says(fixture, peer, CALL_1);
    for (size_t i = 0; i < GEE_LENGTH(rows); i++)
        converse(fixture, peer, rows[i].text, rows[i].wanted);
    find(fixture, peer, "{\"method\":\"Test.Multiply\",\"params\":[{\"A\":9223372036854775808}],\"id\":1}",
         "\"error\":\"rpc server: Test.Multiply: A: 9223372036854775808");
    find(fixture, peer, "{\"method\":\"Test.NaN\",\"params\":[{}],\"id\":1}",
         "\"result\":null,\"error\":\"rpc server: ");
    converse(fixture, peer, CALL_1, REPLY_1);
    finish(fixture, peer);
}

/* ---- 2.0 ---- */

static void test_two(void **state GEE_UNUSED) {
    static const struct {
        const char *text, *wanted;
    } rows[] = {
        { "{\"jsonrpc\":\"2.0\",\"method\":\"Test.Multiply\",\"params\":[{\"A\":7,\"B\":8}],\"id\":1}",
          "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":56}\n" },
        { "{\"id\":null,\"params\":{},\"method\":\"Test.Multiply\",\"jsonrpc\":\"2.0\"}",
          "{\"jsonrpc\":\"2.0\",\"id\":null,\"result\":0}\n" },
        { "{\"jsonrpc\":\"2.0\",\"method\":\"Test.Multiply\",\"id\":\"\\ud83d\\ude00\"}",
          "{\"jsonrpc\":\"2.0\",\"id\":\"\\ud83d\\ude00\",\"result\":0}\n" },
        /* Notifications. */
        { "{\"jsonrpc\":\"2.0\",\"method\":\"Test.Multiply\",\"params\":{}}", "" },
        { "{\"jsonrpc\":\"2.0\",\"method\":\"No.No\"}", "" },
        { "{\"jsonrpc\":\"2.0\",\"method\":\"Test.Multiply\",\"params\":[1,2]}", "" },
        { "{\"jsonrpc\":\"2.0\",\"method\":\"Test.Fail\",\"params\":{\"Text\":\"x\"}}", "" },
        { "{\"jsonrpc\":\"2.0\",\"method\":\"Test.NaN\"}", "" },
    };
    static const struct {
        const char *text, *id;
        int code;
    } errors[] = {
        { "{\"jsonrpc\":\"2.0\",\"method\":\"Test.No\",\"id\":5}", "5", -32601 },
        { "{\"jsonrpc\":\"2.0\",\"method\":\"No.No\",\"id\":5}", "5", -32601 },
        { "{\"jsonrpc\":\"2.0\",\"method\":\"multiply\",\"id\":5}", "5", -32601 },
        { "{\"jsonrpc\":\"2.0\",\"method\":\"Test.Multiply\",\"params\":[1,2],\"id\":5}", "5", -32602 },
        { "{\"jsonrpc\":\"2.0\",\"method\":\"Test.Multiply\",\"params\":[\"x\"],\"id\":5}", "5", -32602 },
        { "{\"jsonrpc\":\"2.0\",\"method\":\"Test.Multiply\",\"params\":{\"A\":9223372036854775808},\"id\":5}", "5",
          -32602 },
        { "{\"jsonrpc\":\"2.0\",\"method\":\"Test.NaN\",\"id\":5}", "5", -32603 },
        { "{\"jsonrpc\":\"2.0\",\"method\":\"Test.Multiply\",\"params\":\"bar\",\"id\":5}", "5", -32600 },
        { "{\"jsonrpc\":\"2.0\",\"method\":\"Test.Multiply\",\"params\":\"bar\"}", "null", -32600 },
        { "{\"jsonrpc\":\"2.0\",\"method\":1,\"id\":\"5\"}", "\"5\"", -32600 },
        { "{\"jsonrpc\":\"2.0\",\"method\":1}", "null", -32600 },
        { "{\"jsonrpc\":\"2.0\",\"id\":5}", "5", -32600 },
        { "{\"jsonrpc\":\"2.0\",\"method\":\"Test.Multiply\",\"id\":true}", "null", -32600 },
        { "{\"jsonrpc\":\"2.0\",\"method\":\"Test.Multiply\",\"id\":{}}", "null", -32600 },
        { "{\"jsonrpc\":\"3.0\",\"method\":\"Test.Multiply\",\"id\":5}", "5", -32600 },
        { "{\"jsonrpc\":2.0,\"method\":\"Test.Multiply\",\"id\":5}", "5", -32600 },
        { "7 ", "null", -32600 },
        { "\"text\"", "null", -32600 },
        { "[]", "null", -32600 },
        { " [ ] ", "null", -32600 },
        /* The service's own error: its status code is in the data, too. */
        { "{\"jsonrpc\":\"2.0\",\"method\":\"Test.Fail\",\"params\":{\"Text\":\"x\"},\"id\":5}", "5", -32009 },
    };
    char wanted[200];
    fixture_t *fixture = fixture_create(NULL, NULL);
    int peer = fixture_connect(fixture);
    peer_says(fixture, peer, CALL_1);
    for (size_t i = 0; i < GEE_LENGTH(rows); i++)
        converse(fixture, peer, rows[i].text, rows[i].wanted);
    for (size_t i = 0; i < GEE_LENGTH(errors); i++) {
        snprintf(wanted, sizeof(wanted), "{\"jsonrpc\":\"2.0\",\"id\":%s,\"error\":{\"code\":%d,\"message\":\"",
                 errors[i].id, errors[i].code);
        find(fixture, peer, errors[i].text, wanted);
        assert_null(strstr(fixture->got, "\"result\""));
    }
    converse(fixture, peer, "{\"jsonrpc\":\"2.0\",\"method\":\"Test.Fail\",\"params\":{\"Text\":\"x\\ny\"},\"id\":5}",
             "{\"jsonrpc\":\"2.0\",\"id\":5,\"error\":{\"code\":-32009,\"message\":\"x\\ny\",\"data\":{\"code\":9,"
             "\"status\":\"failed precondition\"}}}\n");
    converse(fixture, peer, CALL_2, REPLY_2);
    assert_int_equal(fixture->engine->live_calls, 0);
    finish(fixture, peer);
}

/* As Go reads it: a first message of no request, names in any case, what is wrong with the method before the
 * argument. */
static void test_as_go_reads_it(void **state GEE_UNUSED) {
    static const struct {
        const char *text, *wanted;
    } rows[] = {
        { "{}", "{\"id\":null,\"result\":null,\"error\":\"rpc: service/method request ill-formed: \"}\n" },
        { "{\"a\":[{}]}", "{\"id\":null,\"result\":null,\"error\":\"rpc: service/method request ill-formed: \"}\n" },
        { "{\"method\":null,\"id\":1}",
          "{\"id\":1,\"result\":null,\"error\":\"rpc: service/method request ill-formed: \"}\n" },
        { "{\"method\":\"No.Way\",\"id\":\"123\"}",
          "{\"id\":\"123\",\"result\":null,\"error\":\"rpc: can't find service No.Way\"}\n" },
        { "{\"method\":\"Test.Multiply\",\"id\":\"123\"}",
          "{\"id\":\"123\",\"result\":null,\"error\":\"jsonrpc: request body missing params\"}\n" },
        { "{\"Method\":\"Test.Multiply\",\"PARAMS\":[{\"A\":7,\"B\":8}],\"Id\":0}", REPLY_1 },
        { "{\"Method\":\"No.No\",\"method\":\"Test.Multiply\",\"Params\":[],\"params\":[{\"A\":7,\"B\":8}],\"ID\":0}",
          REPLY_1 },
        /* The last member counts, in whatever case, also behind one in lower case, and with escapes in its name. */
        { "{\"method\":\"No.No\",\"params\":[],\"id\":1,\"METHOD\":\"Test.Multiply\",\"Params\":[{\"A\":7,\"B\":8}],"
          "\"Id\":0}",
          REPLY_1 },
        { "{\"method\":\"No.No\",\"\\u004dethod\":\"Test.Multiply\",\"params\":[{\"A\":7,\"B\":8}],\"i\\u0064\":0}",
          REPLY_1 },
        { "{\"jsonrpc\":\"\\u0032.0\",\"method\":\"Test.Multiply\",\"params\":{\"A\":7,\"B\":8},\"id\":\"x\"}",
          REPLY_2 },
        { "{\"jsonrpc\":\"2\\u002e0\",\"method\":\"Test.Multiply\",\"params\":{\"A\":7,\"B\":8}}" CALL_2, REPLY_2 },
        { "{\"jsonrpc\":\"2.0\",\"method\":\"Test.Multiply\",\"Method\":\"No.No\",\"params\":{\"A\":7,\"B\":8},"
          "\"PARAMS\":[],\"id\":\"x\",\"ID\":1}",
          REPLY_2 },
        { "{\"jsonrpc\":\"1.\\u0030\",\"method\":\"Test.Multiply\",\"params\":[{\"A\":7,\"B\":8}],\"id\":0}", REPLY_1 },
    };
    for (size_t i = 0; i < GEE_LENGTH(rows); i++) {
        fixture_t *fixture = fixture_create(NULL, NULL);
        int peer = fixture_connect(fixture);
        converse(fixture, peer, rows[i].text, rows[i].wanted);
        converse(fixture, peer, rows[i].text, rows[i].wanted);
        assert_false(fixture->got_end);
        finish(fixture, peer);
    }
    /* In 2.0 a name in another case is another name. */
    fixture_t *fixture = fixture_create(NULL, NULL);
    int peer = fixture_connect(fixture);
    find(fixture, peer, "{\"jsonrpc\":\"2.0\",\"Method\":\"Test.Multiply\",\"id\":5}",
         "\"id\":5,\"error\":{\"code\":-32600,");
    finish(fixture, peer);
}

/* Input that is not JSON: a last answer, and the end. */
static void test_parse_errors(void **state GEE_UNUSED) {
    static const struct {
        const char *text;
        int code;
    } rows[] = {
        { "{\"method\":\"Test.Multiply\",\"params\":[{\"A\":}],\"id\":1}", -32700 },
        { "{\"method\":\"Test.Multiply\",}", -32700 },
        { "{\"method\" \"Test.Multiply\"}", -32700 },
        { "{\"method\":\"Test.Multiply\"]", -32700 },
        { "{\"method\":\"\\x\"}", -32700 },
        { "{\"method\":\"a\nb\"}", -32700 },
        { "{\"method\":tru}", -32700 },
        { "{\"id\":01}", -32700 },
        { "{\"id\":1.}", -32700 },
        { "{\"id\":-}", -32700 },
        { "{\"id\":1e}", -32700 },
        { "{\"id\":\"\\u12g4\"}", -32700 },
        { "{\"id\":[1 2]}", -32700 },
        { "{\"id\":[1,]}", -32700 },
        { "{\"id\":1,,\"method\":\"x\"}", -32700 },
        { "[" CALL_2 ",{\"jsonrpc\":\"2.0\",\"method\"]", -32700 },
        { "[" CALL_2 ",]", -32700 },
        { CALL_1 ",", -32700 },
        { CALL_1 "]", -32700 },
        { CALL_1 "GET / HTTP/1.1\r\n", -32700 },
    };
    char wanted[200];
    for (size_t i = 0; i < GEE_LENGTH(rows); i++) {
        gee_limits_t limits = {
            .message = 4 << 20, .call_memory = 1 << 20, .nesting = 40, .calls = 10, .output = 65536
        };
        fixture_t *fixture = fixture_create(&limits, NULL);
        int peer = fixture_connect(fixture);
        peer_says(fixture, peer, rows[i].text);
        wait_for(fixture, peer, sizeof(fixture->got));
        assert_true(fixture->got_end);
        const char *answer =
            strstr(rows[i].text, CALL_1) == rows[i].text ? fixture->got + strlen(REPLY_1) : fixture->got;
        snprintf(wanted, sizeof(wanted), "{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":%d,", rows[i].code);
        if (strstr(answer, wanted) != answer)
            fail_msg("%s\n gave %s\n not %s", rows[i].text, fixture->got, wanted);
        assert_non_null(strstr(fixture->log_text, "Parse error"));
        assert_int_equal(fixture->engine->session_count, 0);
        finish(fixture, peer);
    }
}

static void test_message_limit(void **state GEE_UNUSED) {
    gee_limits_t limits = { .message = 2000, .call_memory = 1 << 20, .nesting = 5, .calls = 10, .output = 65536 };
    char text[8192];
    fixture_t *fixture = fixture_create(&limits, NULL);
    int peer = fixture_connect(fixture);
    snprintf(text, sizeof(text), "{\"method\":\"Test.Echo\",\"params\":[{\"Text\":\"%0*d\"}],\"id\":1}", 1900, 0);
    find(fixture, peer, text, "\"error\":null");
    snprintf(text, sizeof(text), "{\"method\":\"Test.Echo\",\"params\":[{\"Text\":\"%0*d\"}],\"id\":1}", 2000, 0);
    find(fixture, peer, text,
         "{\"id\":1,\"result\":null,\"error\":\"rpc server: Test.Echo: over 2000 bytes (limits.message)\"}");
    finish(fixture, peer);
}

/* Of a message over the limit only what is short in its outermost object is kept, wherever it stands; the next
 * message is read. LONG stands for a text of 3000 bytes. */
static void test_envelopes_of_what_is_not_taken(void **state GEE_UNUSED) {
#define TOO_LONG "over 2000 bytes (limits.message)"
#define TOO_DEEP "the JSON value nests deeper than 5 levels (limits.nesting)"
#define TWO(id, text)                                                                                                  \
    "{\"jsonrpc\":\"2.0\",\"id\":" id ",\"error\":{\"code\":-32008,\"message\":\"" text                                \
    "\",\"data\":{\"code\":8,\"status\":\"resource exhausted\"}}}\n"
    static const struct {
        const char *text, *reply;
    } rows[] = {
        { "{\"id\":[1,2],\"method\":\"Test.Echo\",\"params\":[LONG]}",
          "{\"id\":null,\"result\":null,\"error\":\"rpc server: Test.Echo: " TOO_LONG "\"}\n" },
        { "{\"ID\" : \"a\\\"}\" , \"params\":[{\"id\":9,\"x\":LONG}], \"method\":\"Test.Echo\" }",
          "{\"id\":\"a\\\"}\",\"result\":null,\"error\":\"rpc server: Test.Echo: " TOO_LONG "\"}\n" },
        { "{\"params\":LONG,\"method\":\"Test.Echo\",\"\\u0069d\":7}",
          "{\"id\":7,\"result\":null,\"error\":\"rpc server: Test.Echo: " TOO_LONG "\"}\n" },
        { "{\"params\":[[[[[1]]]]],\"method\":\"Test.Echo\",\"id\":7}",
          "{\"id\":7,\"result\":null,\"error\":\"rpc server: Test.Echo: " TOO_DEEP "\"}\n" },
        { "{\"jsonrpc\":\"2.0\",\"params\":{\"x\":LONG},\"method\":\"Test.Echo\",\"id\":\"x\"}",
          TWO("\"x\"", "rpc server: Test.Echo: " TOO_LONG) },
        { "{\"jsonrpc\":\"2.0\",\"params\":{\"x\":LONG},\"method\":\"Test.Echo\"}", "" }, /* a notification */
        { "{\"jsonrpc\":\"2.0\",\"id\":3,\"method\":\"Test.Echo\",LONG:1}",
          TWO("3", "rpc server: Test.Echo: " TOO_LONG) },
        { "[{\"jsonrpc\":\"2.0\",\"id\":3,\"method\":\"Test.Echo\"},LONG]", TWO("null", TOO_LONG) },
        { "{\"method\":\"Test.Multiply\",\"params\":[{\"A\":1,\"B\":1}],\"id\":9}LONG",
          "{\"id\":9,\"result\":1,\"error\":null}\n" TWO("null", TOO_LONG) },
    };
    gee_limits_t limits = { .message = 2000, .call_memory = 1 << 20, .nesting = 5, .calls = 10, .output = 65536 };
    for (size_t i = 0; i < GEE_LENGTH(rows); i++) {
        char text[8192], wanted[2048], shown[3003];
        const char *at = strstr(rows[i].text, "LONG");
        memset(shown, 'y', sizeof(shown));
        shown[0] = shown[3001] = '"';
        int before = at ? (int)(at - rows[i].text) : (int)strlen(rows[i].text);
        int length = snprintf(text, sizeof(text),
                              "%.*s%.*s%s{\"method\":\"Test.Multiply\",\"params\":[{\"A\":7,\"B\":8}],\"id\":0}",
                              before, rows[i].text, at ? 3002 : 0, shown, at ? at + 4 : "");
        snprintf(wanted, sizeof(wanted), "%s{\"id\":0,\"result\":56,\"error\":null}\n", rows[i].reply);
        fixture_t *fixture = fixture_create(&limits, NULL);
        for (int cut = 0; cut <= length; cut += i < 2 ? 1 : 7) {
            int peer = fixture_connect(fixture);
            peer_write(fixture, peer, text, (size_t)cut);
            pump(fixture);
            peer_write(fixture, peer, text + cut, (size_t)(length - cut));
            pump(fixture);
            peer_read(fixture, peer);
            if (strcmp(fixture->got, wanted) != 0)
                fail_msg("%s, cut at %d\n gave %s\n not  %s", rows[i].text, cut, fixture->got, wanted);
            close(peer);
            pump(fixture);
        }
        fixture_destroy(fixture);
    }
}

/* Its end is looked for in 16 times limits.message; then there is a last word. */
static void test_no_end_is_looked_for_without_end(void **state GEE_UNUSED) {
    gee_limits_t limits = { .message = 2000, .call_memory = 1 << 20, .nesting = 5, .calls = 10, .output = 65536 };
    static char text[40000];
    for (size_t length = 31990; length < 32010; length++) {
        fixture_t *fixture = fixture_create(&limits, NULL);
        int peer = fixture_connect(fixture);
        memset(text, ' ', sizeof(text));
        memcpy(text, "{\"id\":5,", 8);
        text[length - 1] = '}';
        text[length] = '\0';
        strcpy(text + 8, "\"x\":[");
        text[13] = ' ';
        text[length - 2] = ']';
        peer_says(fixture, peer, text);
        assert_int_equal(fixture->got_end, length > 32000);
        assert_int_equal(strstr(fixture->got, "over 32000 bytes, 16 times limits.message") != NULL, length > 32000);
        assert_int_equal(strstr(fixture->got, "{\"id\":5,\"result\":null,") != NULL, length <= 32000);
        finish(fixture, peer);
    }
}

/* ---- batches ---- */

static void test_batch(void **state GEE_UNUSED) {
    fixture_t *fixture = fixture_create(NULL, NULL);
    int peer = fixture_connect(fixture);
    /* The specification's own mixture. */
    converse(fixture, peer,
             "[{\"jsonrpc\":\"2.0\",\"method\":\"Test.Multiply\",\"params\":[{\"A\":2,\"B\":3}],\"id\":\"1\"},"
             "{\"jsonrpc\":\"2.0\",\"method\":\"Test.Multiply\",\"params\":[{}]},{\"foo\":\"boo\"},"
             "{\"jsonrpc\":\"2.0\",\"method\":\"No.Way\",\"id\":\"5\"},1]",
             "[{\"jsonrpc\":\"2.0\",\"id\":\"1\",\"result\":6},"
             "{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-32600,\"message\":\"Invalid Request: no method\","
             "\"data\":{\"code\":3,\"status\":\"invalid argument\"}}},"
             "{\"jsonrpc\":\"2.0\",\"id\":\"5\",\"error\":{\"code\":-32601,\"message\":\"rpc: can't find service "
             "No.Way\",\"data\":{\"code\":12,\"status\":\"unimplemented\"}}},"
             "{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-32600,\"message\":\"Invalid Request: not an "
             "object\",\"data\":{\"code\":3,\"status\":\"invalid argument\"}}}]\n");
    converse(fixture, peer,
             "[{\"jsonrpc\":\"2.0\",\"method\":\"Test.Multiply\"},{\"jsonrpc\":\"2.0\",\"method\":\"No.No\"}]", "");
    /* A reply that cannot be written becomes an error in its place. */
    find(fixture, peer, "[" CALL_2 ",{\"jsonrpc\":\"2.0\",\"method\":\"Test.NaN\",\"id\":1}," CALL_2 "]",
         "[{\"jsonrpc\":\"2.0\",\"id\":\"x\",\"result\":56},{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{\"code\":-32603,");
    assert_non_null(strstr(fixture->got, "}}},{\"jsonrpc\":\"2.0\",\"id\":\"x\",\"result\":56}]\n"));
    converse(fixture, peer, CALL_2, REPLY_2);
    finish(fixture, peer);
}

static void test_batch_waits_for_its_last(void **state GEE_UNUSED) {
    fixture_t *fixture = fixture_create(NULL, NULL);
    int peer = fixture_connect(fixture);
    converse(fixture, peer,
             "[{\"jsonrpc\":\"2.0\",\"method\":\"Test.Keep\",\"params\":{\"A\":1,\"B\":2},\"id\":1}," CALL_2 "]" CALL_1,
             REPLY_1); /* another message is not held up */
    gee_call_t *first = kept_call;
    converse(fixture, peer, "[{\"jsonrpc\":\"2.0\",\"method\":\"Test.Keep\",\"params\":{\"A\":2,\"B\":2},\"id\":2}]",
             "");
    gee_reply(kept_call);
    wait_for(fixture, peer, 1);
    assert_string_equal(fixture->got, "[{\"jsonrpc\":\"2.0\",\"id\":2,\"result\":4}]\n");
    fixture->got_length = 0;
    gee_reply(first);
    wait_for(fixture, peer, 1);
    assert_string_equal(
        fixture->got,
        "[{\"jsonrpc\":\"2.0\",\"id\":\"x\",\"result\":56},{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":3}]\n");

    /* The peer leaves with a batch half answered; its call ends later. */
    converse(fixture, peer, "[" CALL_2 ",{\"jsonrpc\":\"2.0\",\"method\":\"Test.Keep\",\"id\":1}]", "");
    shutdown(peer, SHUT_RDWR);
    pump(fixture);
    gee_reply(kept_call);
    finish(fixture, peer);
}

static void test_session_ends_with_a_batch_open(void **state GEE_UNUSED) {
    fixture_t *fixture = fixture_create(NULL, NULL);
    int peer = fixture_connect(fixture);
    converse(fixture, peer, "[" CALL_2 ",{\"jsonrpc\":\"2.0\",\"method\":\"Test.Keep\",\"id\":1}]", "");
    peer_says(fixture, peer, "]");
    wait_for(fixture, peer, sizeof(fixture->got));
    assert_true(fixture->got_end);
    assert_int_equal(fixture->engine->session_count, 0);
    gee_reply(kept_call);
    finish(fixture, peer);
}

static void test_batch_limits(void **state GEE_UNUSED) {
    gee_limits_t limits = { .message = 1000, .call_memory = 1 << 20, .nesting = 5, .calls = 3, .output = 65536 };
    fixture_t *fixture = fixture_create(&limits, NULL);
    int peer = fixture_connect(fixture);
    find(fixture, peer, "[1,2,3,4]",
         "\"code\":-32600,\"message\":\"Invalid Request: a batch of over 3 (limits.calls)\"");
    find(fixture, peer, "[1,2,3]", "not an object\",\"data\":{\"code\":3,\"status\":\"invalid argument\"}}}]\n");
    /* Replies that together are longer than a message may be become errors, once the limit is reached. */
    char text[1000];
    snprintf(text, sizeof(text),
             "[{\"jsonrpc\":\"2.0\",\"method\":\"Test.Echo\",\"params\":{\"Text\":\"%0*d\"},\"id\":1},"
             "{\"jsonrpc\":\"2.0\",\"method\":\"Test.Keep\",\"id\":3}]",
             700, 0);
    converse(fixture, peer, text, "");
    gee_call_t *kept = kept_call;
    snprintf(text, sizeof(text),
             "[{\"jsonrpc\":\"2.0\",\"method\":\"Test.Echo\",\"params\":{\"Text\":\"%0*d\"},\"id\":2}]", 700, 0);
    find(fixture, peer, text, "[{\"jsonrpc\":\"2.0\",\"id\":2,\"error\":{\"code\":-32008,");
    fixture->got_length = 0;
    gee_reply(kept);
    wait_for(fixture, peer, 1);
    assert_non_null(strstr(fixture->got, "000\"}},{\"jsonrpc\":\"2.0\",\"id\":3,\"result\":0}]\n"));
    find(fixture, peer, text, "[{\"jsonrpc\":\"2.0\",\"id\":2,\"result\":{\"Text\":\"0000");
    finish(fixture, peer);
}

/* ---- the calling role ---- */

static void test_calling(void **state GEE_UNUSED) {
    static const struct {
        const char *reply, *text;
        gee_code_t code;
    } rows[] = {
        { "{\"id\":1,\"result\":56,\"error\":null}\n", "56", GEE_OK },
        { "{\"error\":null, \"result\": {\"A\": [1]} ,\"id\":1}\n", "{\"A\": [1]}", GEE_OK },
        { "{\"jsonrpc\":\"2.0\",\"result\":null,\"id\":1}\n", "null", GEE_OK },
        { "{\"id\":1,\"result\":null,\"error\":\"divide by zero\"}\n", "divide by zero", GEE_UNKNOWN },
        { "{\"id\":1,\"result\":null,\"error\":\"\"}\n", "unspecified error", GEE_UNKNOWN },
        { "{\"id\":1,\"result\":null,\"error\":\"a\\nb\"}\n", "a\nb", GEE_UNKNOWN },
        { "{\"id\":1,\"result\":null,\"error\":[7]}\n", "[7]", GEE_UNKNOWN },
        { "{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{\"code\":-32601,\"message\":\"no\"}}\n", "no", GEE_UNIMPLEMENTED },
        { "{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{\"code\":-32009,\"message\":\"no\"}}\n", "no",
          GEE_FAILED_PRECONDITION },
        { "{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{\"code\":17,\"message\":\"no\"}}\n", "no", GEE_UNKNOWN },
        /* A failure of the session fails the call. */
        { "{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-32700,\"message\":\"no\"}}\n", "the peer says: no",
          GEE_UNAVAILABLE },
        { "{\"id\":-1,\"result\":1}\n", "reply: its id is none of ours", GEE_UNAVAILABLE },
        { "[]\n", "reply: not a JSON object", GEE_UNAVAILABLE },
        /* An id is a number, however that is written. */
        { "{\"id\":1.0,\"result\":56,\"error\":null}\n", "56", GEE_OK },
        { "{\"id\":0.1e1,\"result\":56,\"error\":null}\n", "56", GEE_OK },
        { "{\"id\":1.5,\"result\":56,\"error\":null}\n", "reply: its id is none of ours", GEE_UNAVAILABLE },
        { "{\"id\":\"1\",\"result\":56,\"error\":null}\n", "reply: its id is none of ours", GEE_UNAVAILABLE },
        /* Names in any case, as in Go; in 2.0 as they are. */
        { "{\"ID\":1,\"Result\":56,\"ERROR\":null}\n", "56", GEE_OK },
        { "{\"jsonrpc\":\"\\u0032.0\",\"id\":1,\"Result\":57,\"result\":56,\"ID\":7}\n", "56", GEE_OK },
        /* Neither, or both, is no answer to take for a success. Null is a result, where it is there. */
        { "{\"id\":1,\"result\":null,\"error\":null}\n", "null", GEE_OK },
        { "{\"id\":1}\n", "jsonrpc: the reply has neither a result nor an error", GEE_INTERNAL },
        { "{\"id\":1,\"error\":null}\n", "jsonrpc: the reply has neither a result nor an error", GEE_INTERNAL },
        { "{\"jsonrpc\":\"2.0\",\"id\":1,\"Result\":56}\n", "jsonrpc: the reply has neither a result nor an error",
          GEE_INTERNAL },
        { "{\"id\":1,\"result\":56,\"error\":\"no\"}\n", "jsonrpc: the reply has a result and an error: no",
          GEE_INTERNAL },
        { "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":0,\"error\":{\"code\":-32009,\"message\":\"no\"}}\n",
          "jsonrpc: the reply has a result and an error: no", GEE_INTERNAL },
        { "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":null,\"error\":{\"code\":-32009,\"message\":\"no\"}}\n", "no",
          GEE_FAILED_PRECONDITION },
        /* A request in the place of a reply. */
        { "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"Arith.Multiply\",\"params\":{}}\n",
          "jsonrpc: the server sent a request in the place of the reply", GEE_INTERNAL },
        { "{\"id\":7,\"method\":\"Arith.Multiply\",\"params\":[]}\n",
          "the server sent a request, and here is none who serves it", GEE_UNAVAILABLE },
        /* Texts that are not UTF-8. */
        { "{\"id\":1,\"result\":null,\"error\":\"a\xff\"}\n", "a\xef\xbf\xbd", GEE_UNKNOWN },
        { "{\"id\":1,\"result\":null,\"error\":\"a\\ud800\"}\n", "a\xef\xbf\xbd", GEE_UNKNOWN },
        { "{\"id\":1,\"result\":null,\"error\":[\"\xff\"]}\n", "[\"\xef\xbf\xbd\"]", GEE_UNKNOWN },
        /* Numbers are not looked at. */
        { "{\"id\":1,\"result\":[123456789012345678901234567890,1e999],\"error\":null}\n",
          "[123456789012345678901234567890,1e999]", GEE_OK },
    };
    static const char request[] = "{\"method\":\"Arith.Multiply\",\"params\":[{\"A\":7,\"B\":8}],\"id\":1}\n";
    for (size_t i = 0; i < GEE_LENGTH(rows); i++) {
        for (size_t cut = 0; cut + 1 < strlen(rows[i].reply); cut++) { /* the line feed is not waited for */
            outcome_t outcome = { 0 };
            int peer;
            fixture_t *fixture = fixture_create(NULL, NULL);
            gee_session_t *session = dial(fixture, "jsonrpc", "json", &peer);
            begin(session, "Arith.Multiply", GEE_TYPE_OF(pair_t), &(pair_t){ .a = 7, .b = 8 }, &outcome);
            pump(fixture);
            peer_read(fixture, peer);
            assert_string_equal(fixture->got, request);
            peer_write(fixture, peer, rows[i].reply, cut);
            pump(fixture);
            assert_int_equal(outcome.count, 0);
            peer_says(fixture, peer, rows[i].reply + cut);
            assert_int_equal(outcome.count, 1);
            assert_string_equal(outcome.text, rows[i].text);
            assert_int_equal(outcome.code, rows[i].code);
            assert_int_equal(outcome.answered, rows[i].code != GEE_UNAVAILABLE);
            finish(fixture, peer);
        }
    }
}

/* Messages that a server sends unasked concern no call. */
static void test_notifications_of_a_server(void **state GEE_UNUSED) {
    static const char *const rows[] = {
        "{\"jsonrpc\":\"2.0\",\"method\":\"changed\",\"params\":{\"id\":1}}\n",
        "{\"method\":\"changed\",\"params\":[1],\"id\":null}\n",
        "{\"Method\":\"changed\"}\n",
        "{\"jsonrpc\":\"2.0\",\"method\":7}\n",
    };
    outcome_t outcome = { 0 };
    int peer;
    fixture_t *fixture = fixture_create(NULL, NULL);
    gee_session_t *session = dial(fixture, "jsonrpc", "json", &peer);
    begin(session, "Arith.Multiply", GEE_TYPE_OF(pair_t), &(pair_t){ .a = 7, .b = 8 }, &outcome);
    for (size_t i = 0; i < GEE_LENGTH(rows); i++)
        peer_says(fixture, peer, rows[i]);
    assert_int_equal(outcome.count, 0);
    assert_false(gee_session_is_ending(session));
    peer_says(fixture, peer, "{\"id\":1,\"result\":56,\"error\":null}");
    assert_string_equal(outcome.text, "56");
    finish(fixture, peer);
}

static void test_replies_in_any_order(void **state GEE_UNUSED) {
    outcome_t first = { 0 }, second = { 0 };
    int peer;
    fixture_t *fixture = fixture_create(NULL, NULL);
    gee_session_t *session = dial(fixture, "jsonrpc", "json", &peer);
    begin(session, "Arith.Multiply", GEE_TYPE_OF(pair_t), &(pair_t){ .a = 7, .b = 8 }, &first);
    begin(session, "Arith.\"Add\"", GEE_TYPE_OF(pair_t), &(pair_t){ .a = 1, .b = 2 }, &second);
    pump(fixture);
    peer_read(fixture, peer);
    assert_non_null(
        strstr(fixture->got, "{\"method\":\"Arith.\\\"Add\\\"\",\"params\":[{\"A\":1,\"B\":2}],\"id\":2}\n"));
    peer_says(fixture, peer, "{\"id\":7,\"result\":0,\"error\":null}{\"id\":2,\"result\":3,\"error\":null}");
    assert_int_equal(first.count, 0);
    assert_string_equal(second.text, "3");
    peer_says(fixture, peer, "{\"id\":1,\"result\":56,\"error\":null}");
    assert_string_equal(first.text, "56");
    finish(fixture, peer);
}

static void test_a_call_that_cannot_be_sent(void **state GEE_UNUSED) {
    number_t number = { .number = __builtin_nan("") };
    gee_payload_t payload = { .kind = GEE_PAYLOAD_TYPED, .type = GEE_TYPE_OF(number_t), .typed = &number };
    gee_error_t error = { 0 };
    outcome_t outcome = { 0 };
    int peer;
    fixture_t *fixture = fixture_create(NULL, NULL);
    gee_session_t *session = dial(fixture, "jsonrpc", "json", &peer);
    gee_event_t request = { .method = GEE_STR("Test.Number"), .payload = payload };
    assert_null(try_to_ask(session, request, NULL, &error));
    assert_non_null(strstr(error.text, "Number: JSON cannot express NaN"));
    begin(session, "Arith.Multiply", GEE_TYPE_OF(pair_t), &(pair_t){ .a = 7, .b = 8 }, &outcome);
    pump(fixture);
    peer_read(fixture, peer);
    assert_string_equal(fixture->got, "{\"method\":\"Arith.Multiply\",\"params\":[{\"A\":7,\"B\":8}],\"id\":1}\n");
    gee_session_close(session, NULL);
    finish(fixture, peer);
}

/* Random bytes behind a call: nothing but answers, an error or the end come of them (sanitizers look on). */
static void test_random_texts(void **state GEE_UNUSED) {
    static const char alphabet[] = "{}[]\",:\\ \n0123456789-+.eEtrufalsn\"\"{}[],:";
    unsigned seed = 20261123;
    for (int round = 0; round < 400; round++) {
        char text[300];
        size_t length = 0;
        fixture_t *fixture = fixture_create(NULL, NULL);
        int peer = fixture_connect(fixture);
        peer_write(fixture, peer, CALL_1, strlen(CALL_1));
        while (length < sizeof(text)) {
            unsigned choice = (unsigned)rand_r(&seed);
            text[length++] = choice % 97 == 0 ? (char)(choice >> 8) : alphabet[(choice >> 8) % (sizeof(alphabet) - 1)];
        }
        peer_write(fixture, peer, text, length);
        shutdown(peer, SHUT_WR);
        wait_for(fixture, peer, sizeof(fixture->got));
        assert_true(fixture->got_end);
        assert_memory_equal(fixture->got, REPLY_1, strlen(REPLY_1));
        finish(fixture, peer);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cut_anywhere),
        cmocka_unit_test(test_a_byte_at_a_time),
        cmocka_unit_test(test_pipelined_leave_in_one_write),
        cmocka_unit_test(test_one),
        cmocka_unit_test(test_two),
        cmocka_unit_test(test_as_go_reads_it),
        cmocka_unit_test(test_parse_errors),
        cmocka_unit_test(test_message_limit),
        cmocka_unit_test(test_envelopes_of_what_is_not_taken),
        cmocka_unit_test(test_no_end_is_looked_for_without_end),
        cmocka_unit_test(test_batch),
        cmocka_unit_test(test_batch_waits_for_its_last),
        cmocka_unit_test(test_session_ends_with_a_batch_open),
        cmocka_unit_test(test_batch_limits),
        cmocka_unit_test(test_calling),
        cmocka_unit_test(test_notifications_of_a_server),
        cmocka_unit_test(test_replies_in_any_order),
        cmocka_unit_test(test_a_call_that_cannot_be_sent),
        cmocka_unit_test(test_random_texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
