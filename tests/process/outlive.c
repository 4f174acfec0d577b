/* outlive.c: calls in flight on a server that is killed. Usage: outlive ADDRESS CODEC
 *
 * Prints "calling" once calls are in flight; then, when the connection is lost, how each of them has ended; then the
 * reply that a client of many servers gets from the one that comes after. */
#include <geerpc.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define SLEEPING 8

static int ends[SLEEPING]; /* written on the library's thread, read when all have been waited for */

static void count(gee_pending_t *pending, void *data) {
    (void)pending;
    ++*(int *)data;
}

static int fail(const char *what, const gee_error_t *error) {
    fprintf(stderr, "%s: %s\n", what, error->text);
    return 1;
}

static void print_error(const gee_error_t *error) {
    printf("%s, %s: %s\n", gee_code_name(error->code), gee_phase_name(error->phase), error->text);
}

/* The sleeping calls were sent before, on the same connection: when the first reply comes, the server has them. */
static void call_until_it_fails(gee_client_t *client) {
    gee_error_t error;
    char *reply;
    for (int first = 1; gee_client_call(client, "Arith.Multiply", "{\"A\":7,\"B\":8}", &reply, NULL, &error) == 0;
         first = 0) {
        gee_free(reply);
        if (first) {
            puts("calling");
            fflush(stdout);
        }
    }
    printf("awake: ");
    print_error(&error);
}

static int call_again(const char *address, const gee_dial_options_t *dial) {
    gee_error_t error;
    gee_server_t server = { .address = address };
    gee_xclient_options_t options = { .size = sizeof(options), .dial = dial };
    gee_xclient_t *xclient = gee_xclient_create(&server, 1, &options, &error);
    char *reply = NULL;
    if (xclient == NULL)
        return fail("xclient", &error);
    /* Until there is a new one. */
    for (time_t give_up = time(NULL) + 20; reply == NULL && time(NULL) < give_up;) {
        if (gee_xclient_call(xclient, "Arith.Multiply", "{\"A\":7,\"B\":8}", &reply, NULL, &error) != 0) {
            struct timespec pause = { .tv_nsec = 10 * 1000 * 1000 };
            nanosleep(&pause, NULL);
        }
    }
    gee_xclient_close(&xclient);
    if (reply == NULL)
        return fail("again", &error);
    printf("again: %s\n", reply);
    gee_free(reply);
    return 0;
}

int main(int argc, char **argv) {
    gee_error_t error;
    gee_pending_t *asleep[SLEEPING];
    gee_dial_options_t dial = { .size = sizeof(dial), .codec = argc == 3 ? argv[2] : NULL };
    gee_client_t *client = argc == 3 ? gee_dial(argv[1], &dial, &error) : NULL;
    if (client == NULL)
        return argc == 3 ? fail("dial", &error) : 2;
    for (int i = 0; i < SLEEPING; i++) {
        asleep[i] = gee_client_go(client, "Foo.Sleep", "{\"Num1\":600,\"Num2\":0}", NULL, count, &ends[i], &error);
        if (asleep[i] == NULL)
            return fail("sleep", &error);
    }
    call_until_it_fails(client);
    for (int i = 0; i < SLEEPING; i++) {
        gee_pending_wait(asleep[i], -1);
        printf("asleep: %s, ", ends[i] == 1 ? "once" : "NOT ONCE");
        if (gee_pending_error(asleep[i]) != NULL)
            print_error(gee_pending_error(asleep[i]));
        gee_pending_release(&asleep[i]);
    }
    gee_client_close(&client);
    return call_again(argv[1], &dial);
}
