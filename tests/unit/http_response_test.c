/* http_response_test.c: bytes that many responses share are referred to, not copied. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <string.h>

#include <gee.h>

#define RESPONSES 3

static void fill(gee_buf_t *buf, const char *text) {
    memcpy(buf->data, text, strlen(text));
}

static void expect_text(const gee_chain_t *chain, const char *end) {
    char text[1000] = "";
    size_t length = gee_chain_copy(chain, text, sizeof(text) - 1);
    text[length] = '\0';
    if (length < strlen(end) || strcmp(text + length - strlen(end), end) != 0)
        fail_msg("%s\ndoes not end with\n%s", text, end);
}

static void test_many_refer_to_the_same_bytes(void **state GEE_UNUSED) {
    static const char lines[] = "X-List: a,b\r\n", body[] = "{\"a\":1}";
    gee_buf_cache_t *cache = gee_buf_cache_create(GEE_MIB);
    gee_buf_t *shared_lines = gee_buf_take(cache, 100), *shared_body = gee_buf_take(cache, 100);
    gee_chain_t outs[RESPONSES];
    fill(shared_lines, lines);
    fill(shared_body, body);
    for (size_t i = 0; i < RESPONSES; i++) {
        gee_http_response_t response;
        gee_http_response_init(&response, cache);
        gee_chain_init(&outs[i], cache);
        gee_http_print(&response, "and ");
        gee_http_share_headers(&response, shared_lines, strlen(lines));
        gee_http_share_body(&response, shared_body, strlen(body));
        assert_int_equal(gee_http_response_send(&response, 1, false, &outs[i]), 0);
        gee_http_response_clear(&response);
        expect_text(&outs[i], "Content-Length: 11\r\nX-List: a,b\r\n\r\nand {\"a\":1}");
        assert_ptr_equal(outs[i].last->start, shared_body->data);
    }
    assert_int_equal(shared_lines->references, 1 + RESPONSES);
    assert_int_equal(shared_body->references, 1 + RESPONSES);
    for (size_t i = 0; i < RESPONSES; i++)
        gee_chain_clear(&outs[i]);
    assert_int_equal(shared_body->references, 1);
    gee_buf_release(&shared_lines);
    gee_buf_release(&shared_body);
    assert_int_equal(gee_buf_cache_live(cache), 0);
    gee_buf_cache_destroy(&cache);
}

static void test_a_failure_lets_go_of_them(void **state GEE_UNUSED) {
    gee_buf_cache_t *cache = gee_buf_cache_create(GEE_MIB);
    gee_buf_t *shared = gee_buf_take(cache, 100);
    gee_chain_t out;
    gee_http_response_t response;
    fill(shared, "secret");
    gee_chain_init(&out, cache);
    gee_http_response_init(&response, cache);
    gee_http_share_body(&response, shared, 6);
    gee_http_share_body(&response, shared, 6); /* the one before is let go of */
    gee_http_fail(&response, 503, "not now");
    assert_int_equal(shared->references, 1);
    assert_int_equal(gee_http_response_send(&response, 1, false, &out), 0);
    expect_text(&out, "\r\n\r\n503 Service Unavailable: not now\n");
    gee_http_response_clear(&response);
    gee_chain_clear(&out);
    gee_buf_release(&shared);
    gee_buf_cache_destroy(&cache);
}

int main(void) {
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_many_refer_to_the_same_bytes),
                                        cmocka_unit_test(test_a_failure_lets_go_of_them) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
