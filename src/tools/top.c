/* top.c: geectl top: the status page again and again, as numbers a second. */
#include <stdlib.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "tools/page.h"

#define LINES_UNKNOWN 24 /* of a terminal whose size is unknown */
#define SCREEN_BUFFER 65536

/* ---- the terminal ---- */

typedef struct screen {
    struct termios before;
    bool keys; /* standard input is a terminal, too: keys are read */
} screen_t;

/* Switches to the alternate screen, without cursor and without wrapping of long lines. Keys are read at once and not
 * echoed, Ctrl-C and Ctrl-Z too, so that close_screen() restores the terminal whichever key ends the program. */
static void open_screen(screen_t *screen) {
    (void)setvbuf(stdout, NULL, _IOFBF, SCREEN_BUFFER); /* one write for each picture, against flicker */
    screen->keys = tcgetattr(STDIN_FILENO, &screen->before) == 0;
    if (screen->keys) {
        struct termios raw = screen->before;
        raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO | ISIG);
        raw.c_cc[VMIN] = 0;
        raw.c_cc[VTIME] = 0;
        (void)tcsetattr(STDIN_FILENO, TCSANOW, &raw);
    }
    fputs("\033[?1049h\033[?25l\033[?7l", stdout);
}

static void close_screen(const screen_t *screen) {
    fputs("\033[?7h\033[?25h\033[?1049l", stdout);
    fflush(stdout);
    if (screen->keys)
        (void)tcsetattr(STDIN_FILENO, TCSANOW, &screen->before);
}

static size_t screen_lines(void) {
    struct winsize size;
    return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 0 ? size.ws_row : LINES_UNKNOWN;
}

/* True: q, Ctrl-C, Ctrl-D, or the end of input. */
static bool wants_to_quit(void) {
    char keys[64];
    ssize_t count = read(STDIN_FILENO, keys, sizeof(keys));
    for (ssize_t i = 0; i < count; i++)
        if (keys[i] == 'q' || keys[i] == 'Q' || keys[i] == 3 || keys[i] == 4)
            return true;
    return count <= 0;
}

/* ---- the command ---- */

/* Shows the page, and leaves the last line free; `page` null: shows the error. */
static void show(const arguments_t *arguments, const page_t *page, const page_t *before, const gee_error_t *error) {
    fputs("\033[H\033[2J", stdout);
    if (page != NULL) {
        gee_page_print(arguments, page, before, screen_lines() - 1);
    } else {
        gee_print_text(stdout, STYLE_ERROR, error->text);
        fputs("\n(q quits)", stdout);
    }
    fflush(stdout);
}

/* Waits until the next picture is due. False: the person quits. */
static bool wait_for_next(const screen_t *screen, int64_t next, int interrupt) {
    for (;;) {
        waited_t waited = gee_interrupt_wait(interrupt, next, screen->keys ? STDIN_FILENO : -1);
        if (waited != WAITED_INPUT)
            return waited == WAITED_TIME;
        if (wants_to_quit())
            return false;
    }
}

/* *before: the page shown last. */
static void refresh(const arguments_t *arguments, page_t *before, int interrupt) {
    screen_t screen;
    page_t page;
    gee_error_t error;
    int status;
    open_screen(&screen);
    show(arguments, before, NULL, NULL);
    while (wait_for_next(&screen, gee_later(gee_now(), arguments->interval), interrupt)) {
        if (gee_page_fetch(arguments, &page, &status, &error) != 0) {
            show(arguments, NULL, NULL, &error);
            continue;
        }
        show(arguments, &page, before, NULL);
        gee_page_clear(before);
        *before = page;
    }
    close_screen(&screen);
}

/* Fetches a second page and prints the difference once. */
static int print_once(const arguments_t *arguments, page_t *before, int interrupt) {
    page_t page;
    gee_error_t error;
    int status;
    if (gee_interrupt_wait(interrupt, gee_later(gee_now(), arguments->interval), -1) != WAITED_TIME)
        return EXIT_REPLY;
    if (gee_page_fetch(arguments, &page, &status, &error) != 0) {
        gee_complain("%s", error.text);
        return status;
    }
    gee_page_print(arguments, &page, before, SIZE_MAX);
    gee_page_clear(&page);
    return EXIT_REPLY;
}

static int run_top(const arguments_t *arguments) {
    page_t before;
    gee_error_t error;
    int status;
    if (gee_page_fetch(arguments, &before, &status, &error) != 0) {
        gee_complain("%s", error.text);
        return status;
    }
    int interrupt = gee_interrupt_open();
    if (interrupt < 0) {
        status = EXIT_USAGE;
    } else if (isatty(STDOUT_FILENO)) {
        refresh(arguments, &before, interrupt);
        status = EXIT_REPLY;
    } else {
        status = print_once(arguments, &before, interrupt);
    }
    gee_page_clear(&before);
    if (interrupt >= 0)
        close(interrupt);
    return status;
}

const command_t gee_top_command = {
    .bit = ON_TOP,
    .name = "top",
    .synopsis = "ADDRESS|URL",
    .summary = "the same, live, as numbers a second",
    .text = "Shows what geectl status prints, with calls and errors as numbers a second, anew each second until\n"
            "q is pressed; the busiest methods first. When standard output is no terminal it measures for one\n"
            "interval and prints that once.\n"
            "\n"
            "  geectl top --interval 5s tcp@127.0.0.1:9999",
    .least = 1,
    .most = 1,
    .run = run_top,
};
