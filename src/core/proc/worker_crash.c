/* worker_crash.c: the log lines of a process that ends by a fault.
 *
 *   fault -> handler, on the thread's alternate stack -> crash line -> backtrace, a line a frame -> default action
 *
 * Any part of the process may be broken by then, and any lock taken: this file neither allocates nor locks nor uses
 * stdio, each line is one write(), and the most important line comes first. After the handler the signal is raised
 * again with its default action, so core dump and exit status are as without the handler. A fault in the handler ends
 * the process at once: the signals are blocked meanwhile, and the kernel kills a process for a blocked fault. */
#include "core/proc/worker_crash.h"

#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#include "core/base/assert.h"
#include "core/base/clock.h"
#include "core/base/lines.h"
#include "core/base/defs.h"
#include "core/rpc/call_private.h"
#include "core/rpc/dispatch.h"

#define STACK_SIZE (64 * GEE_KIB) /* backtrace() takes some 10 KiB of it */
#define FRAMES     48             /* at most; a recursion without end has more */
#define PATIENCE   5u             /* seconds; then an alarm ends a handler that hangs */

static struct {
    gee_log_t *log;
    char name[32];
    atomic_flag talking; /* a thread is in the handler */
} crash = { .talking = ATOMIC_FLAG_INIT };

/* The thread's alternate stack, if made here; null: none. */
static _Thread_local void *own_stack;

/* ---- a line, made by hand ---- */

typedef struct line {
    size_t length;
    char bytes[1024];
} line_t;

static void put_byte(line_t *line, char byte) {
    if (line->length < sizeof line->bytes - 1) /* room for the newline */
        line->bytes[line->length++] = byte;
}

/* Methods of upstreams are named by configurations: a name with control characters must not forge a line. */
static void put_bytes(line_t *line, const char *bytes, size_t length) {
    for (size_t i = 0; i < length; i++)
        put_byte(line, bytes[i] >= ' ' && bytes[i] <= '~' ? bytes[i] : '?');
}

static void put_text(line_t *line, const char *text) {
    put_bytes(line, text, strlen(text));
}

static void put_number(line_t *line, uint64_t number, unsigned base) {
    char digits[24];
    size_t first = sizeof digits;
    do {
        digits[--first] = "0123456789abcdef"[number % base];
        number /= base;
    } while (number > 0);
    put_text(line, base == 16 ? "0x" : "");
    put_bytes(line, digits + first, sizeof digits - first);
}

/* The beginning of a line as in log.c. */
static void start_line(line_t *line) {
    char timestamp[GEE_TIMESTAMP_TEXT];
    line->length = 0;
    put_text(line, gee_format_timestamp(timestamp, gee_clock_wall()));
    put_text(line, " [alert] ");
    put_number(line, (uint64_t)getpid(), 10);
    put_text(line, ": ");
}

static void end_line(line_t *line) {
    line->bytes[line->length++] = '\n';
    (void)gee_write_lines(gee_log_descriptor(crash.log), line->bytes, line->length);
}

/* ---- what is said ---- */

static void put_signal(line_t *line, int number, const siginfo_t *info) {
    const char *name = sigabbrev_np(number);
    put_text(line, "SIG");
    put_text(line, name ? name : "?");
    if (info->si_code > 0) {
        put_text(line, " at address ");
        put_number(line, (uint64_t)(uintptr_t)info->si_addr, 16);
    } else if (info->si_pid != getpid()) {
        put_text(line, " from process ");
        put_number(line, (uint64_t)info->si_pid, 10);
    }
}

static void put_call(line_t *line, const gee_call_t *call) {
    if (!call) {
        put_text(line, ", in no call");
        return;
    }
    put_text(line, ", in ");
    put_bytes(line, call->method_name.data, call->method_name.length);
    put_text(line, ", called by ");
    put_text(line, call->peer ? call->peer->peer.address : "itself");
}

static void say_crash(int number, const siginfo_t *info) {
    line_t line;
    start_line(&line);
    put_text(&line, crash.name);
    put_text(&line, " crashed: ");
    put_signal(&line, number, info);
    put_call(&line, gee_dispatch_running);
    put_text(&line, gettid() == getpid() ? ", on the loop's thread" : ", on a thread of the pool");
    end_line(&line);
}

/* "#3 /usr/sbin/geerpc+0x1234": for addr2line -fie FILE 0x1234. */
static void say_frame(unsigned number, uintptr_t address) {
    line_t line;
    Dl_info object;
    start_line(&line);
    put_text(&line, "#");
    put_number(&line, number, 10);
    put_text(&line, " ");
    if (dladdr((const void *)address, &object) != 0 && object.dli_fname) {
        put_text(&line, object.dli_fname);
        put_text(&line, "+");
        address -= (uintptr_t)object.dli_fbase;
    }
    put_number(&line, address, 16);
    end_line(&line);
}

/* The address of the faulting instruction; 0: not known on this machine. */
static uintptr_t faulting_instruction(const ucontext_t *context) {
#if defined(__x86_64__)
    return (uintptr_t)context->uc_mcontext.gregs[REG_RIP];
#elif defined(__aarch64__)
    return (uintptr_t)context->uc_mcontext.pc;
#else
    (void)context;
    return 0;
#endif
}

static void say_backtrace(const ucontext_t *context) {
    void *frames[FRAMES];
    uintptr_t fault = faulting_instruction(context);
    int count = backtrace(frames, FRAMES), first = 0;
    for (int i = 0; i < count && first == 0; i++)
        if ((uintptr_t)frames[i] == fault)
            first = i; /* the frames before are the handler's */
    for (int i = first; i < count; i++) {
        /* Other frames are return addresses: the call is on the line of the byte before. */
        uintptr_t address = (uintptr_t)frames[i];
        say_frame((unsigned)(i - first), i == first && first > 0 ? address : address - 1);
    }
}

/* ---- the signal ---- */

static void restore_default(int number) {
    struct sigaction action = { .sa_handler = SIG_DFL };
    (void)sigaction(number, &action, NULL);
}

static void set_alarm(void) {
    sigset_t alarms;
    (void)sigemptyset(&alarms);
    (void)sigaddset(&alarms, SIGALRM);
    restore_default(SIGALRM);
    (void)pthread_sigmask(SIG_UNBLOCK, &alarms, NULL);
    (void)alarm(PATIENCE);
}

static void on_fault(int number, siginfo_t *info, void *context) {
    /* Another thread is in the handler and ends the process: the lines of two threads are not mixed. */
    if (atomic_flag_test_and_set(&crash.talking))
        for (;;)
            pause();
    set_alarm();
    say_crash(number, info);
    say_backtrace(context);
    restore_default(number);
    (void)raise(number); /* delivered when the handler returns */
}

/* ---- stacks ---- */

void gee_worker_crash_enter_thread(void) {
    stack_t stack;
    if (sigaltstack(NULL, &stack) != 0 || !(stack.ss_flags & SS_DISABLE))
        return; /* a sanitizer has made a stack, and frees it */
    void *memory = mmap(NULL, STACK_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
    if (memory == MAP_FAILED)
        return; /* only stack overflows of this thread get no line */
    stack = (stack_t){ .ss_sp = memory, .ss_size = STACK_SIZE };
    if (sigaltstack(&stack, NULL) == 0)
        own_stack = memory;
    else
        (void)munmap(memory, STACK_SIZE);
}

void gee_worker_crash_leave_thread(void) {
    stack_t none = { .ss_flags = SS_DISABLE };
    if (!own_stack || sigaltstack(&none, NULL) != 0)
        return;
    (void)munmap(own_stack, STACK_SIZE);
    own_stack = NULL;
}

/* ---- being ready ---- */

/* A signal that a sanitizer has taken already is left alone. */
static int take_signal(int number) {
    struct sigaction action = { .sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_ONSTACK }, before;
    (void)sigfillset(&action.sa_mask);
    if (sigaction(number, NULL, &before) != 0)
        return -1;
    if (before.sa_handler != SIG_DFL)
        return 0;
    return sigaction(number, &action, NULL);
}

int gee_worker_crash_arm(const char *name, gee_log_t *log, gee_error_t *error) {
    static const int signals[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT };
    void *frame;
    GEE_ASSERT(gettid() == getpid());
    (void)backtrace(&frame, 1); /* the first call loads a library */
    crash.log = log;
    (void)strncpy(crash.name, name, sizeof crash.name - 1);
    gee_worker_crash_enter_thread();
    for (size_t i = 0; i < GEE_LENGTH(signals); i++)
        if (take_signal(signals[i]) != 0)
            return gee_error_set(error, GEE_INTERNAL, "sigaction: %s", strerror(errno));
    return 0;
}
