/* status.c: geectl status: workers, methods and upstreams of a server, from the server's page. */
#include "tools/page.h"

static int run_status(const arguments_t *arguments) {
    page_t page;
    gee_error_t error;
    int status;
    if (gee_page_fetch(arguments, &page, &status, &error) != 0) {
        gee_complain("%s", error.text);
        return status;
    }
    if (arguments->json) {
        gee_print_json(page.text);
    } else {
        gee_page_print(arguments, &page, NULL, SIZE_MAX);
    }
    gee_page_clear(&page);
    return EXIT_REPLY;
}

const command_t gee_status_command = {
    .bit = ON_STATUS,
    .name = "status",
    .synopsis = "ADDRESS|URL",
    .summary = "workers, methods, upstreams of a server",
    .text = "Prints what the server's page /debug/geerpc says: its workers, the methods with their calls, errors\n"
            "and times since the start, the upstreams with their peers. The page is shown on loopback addresses\n"
            "and Unix sockets, elsewhere where the listener says pages = \"on\".\n"
            "\n"
            "  geectl status tcp@127.0.0.1:9999\n"
            "  geectl status --json tcp@127.0.0.1:9999 | jq .upstreams\n"
            "  geectl status http://127.0.0.1:9999/debug/geerpc",
    .least = 1,
    .most = 1,
    .run = run_status,
};
