/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See crash.h. Everything below on_crash runs in a signal handler, perhaps with a broken heap: system calls, own stack,
 * and two functions of the C library that say that they are fit for it (_dl_find_object, and backtrace once it has run
 * before).
 */
#include "base/crash.h"

#include <dlfcn.h>
#include <execinfo.h>
#include <link.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define SANITIZED 1
#endif
#endif

enum { STACK_BYTES = 64 << 10, FRAMES = 64, LINE_BYTES = 1024 };

/* One process crashes once: the only state, written before the handlers are there. */
static struct {
    const char *program, *version;
    char path[512]; /* of the executable */
    bool watching;
    atomic_int crashing; /* the thread that tells; 0 = none */
} state;

static const struct {
    int signo;
    const char *name, *meaning;
} signals[] = {
    {SIGSEGV, "SIGSEGV", "invalid memory reference"}, {SIGBUS, "SIGBUS", "memory that is mapped but not there"},
    {SIGFPE, "SIGFPE", "impossible arithmetic"},      {SIGILL, "SIGILL", "illegal instruction"},
    {SIGABRT, "SIGABRT", "a broken promise of our own"},
};

/* ---- text without the C library's help ---- */

struct line {
    size_t len;
    char text[LINE_BYTES];
};

static void
put_text(struct line *line, const char *text)
{
    while (*text && line->len < sizeof(line->text) - 1)
        line->text[line->len++] = *text++;
}

static void
put_number(struct line *line, uint64_t number, unsigned base)
{
    char digits[24];
    size_t at = sizeof(digits) - 1;

    digits[at] = '\0';
    do {
        digits[--at] = "0123456789abcdef"[number % base];
        number /= base;
    } while (number > 0);
    put_text(line, digits + at);
}

static void
put_hex(struct line *line, uintptr_t number)
{
    put_text(line, "0x");
    put_number(line, number, 16);
}

static void
line_end(struct line *line)
{
    line->text[line->len++] = '\n';
    log_write_raw(line->text, line->len);
    line->len = 0;
}

/* ---- what is told ---- */

/* The instruction at which it happened; 0 where this machine's registers are not known. */
static uintptr_t
instruction(const void *context)
{
    const ucontext_t *at = context;

    (void)at;
#if defined(__x86_64__)
    return (uintptr_t)at->uc_mcontext.gregs[REG_RIP];
#elif defined(__aarch64__)
    return (uintptr_t)at->uc_mcontext.pc;
#else
    return 0;
#endif
}

/* "    @ 0x7f... /usr/sbin/mesos-agent+0x1f2b1" */
static void
tell_frame(struct line *line, uintptr_t address)
{
    struct dl_find_object found;

    put_text(line, "    @ ");
    put_hex(line, address);
    if (_dl_find_object((void *)address, &found) == 0 && found.dlfo_link_map) {
        const char *name = found.dlfo_link_map->l_name;

        put_text(line, " ");
        put_text(line, name && *name ? name : state.path);
        put_text(line, "+");
        put_hex(line, address - (uintptr_t)found.dlfo_link_map->l_addr);
    }
    line_end(line);
}

/* Frames of the handler itself come first; where the interrupted instruction is among them, they are left out. */
static void
tell_frames(struct line *line, const void *context)
{
    void *frames[FRAMES];
    int count = backtrace(frames, FRAMES), first = 0;
    uintptr_t at = instruction(context);

    for (int i = 0; i < count; i++)
        if ((uintptr_t)frames[i] == at)
            first = i + 1;
    if (at)
        tell_frame(line, at);
    /* A return address is behind its call, perhaps in the next line's code: one less is in the call. */
    for (int i = first; i < count; i++)
        tell_frame(line, (uintptr_t)frames[i] - 1);
    if (count == FRAMES) {
        put_text(line, "    and more");
        line_end(line);
    }
}

static void
tell(int signo, const siginfo_t *info, const void *context)
{
    struct line line = {0};
    struct timespec now = {0};

    clock_gettime(CLOCK_REALTIME, &now);
    put_text(&line, "*** ");
    put_text(&line, state.program);
    put_text(&line, " ");
    put_text(&line, state.version);
    put_text(&line, " crashes:");
    for (size_t i = 0; i < ARRAY_LEN(signals); i++)
        if (signals[i].signo == signo) {
            put_text(&line, " ");
            put_text(&line, signals[i].name);
            put_text(&line, ", ");
            put_text(&line, signals[i].meaning);
        }
    if (info->si_code <= 0) {
        put_text(&line, ", sent by process ");
        put_number(&line, (uint64_t)info->si_pid, 10);
    } else {
        put_text(&line, ", at address ");
        put_hex(&line, (uintptr_t)info->si_addr);
    }
    put_text(&line, " (process ");
    put_number(&line, (uint64_t)getpid(), 10);
    put_text(&line, ", thread ");
    put_number(&line, (uint64_t)syscall(SYS_gettid), 10);
    put_text(&line, ", time ");
    put_number(&line, (uint64_t)now.tv_sec, 10);
    put_text(&line, ") ***");
    line_end(&line);
    tell_frames(&line, context);
    put_text(&line, "*** a line 'FILE+OFFSET' is named by: addr2line -Cfie FILE OFFSET ***");
    line_end(&line);
}

/* SA_RESETHAND: the signal has its default action again. What a fault raised comes again when we return; what somebody
 * sent has to be sent again. */
static void
on_crash(int signo, siginfo_t *info, void *context)
{
    int self = (int)syscall(SYS_gettid), nobody = 0;

    if (atomic_compare_exchange_strong(&state.crashing, &nobody, self))
        tell(signo, info, context);
    else if (nobody != self)
        for (;;)
            pause(); /* another thread is telling, and then all of us end */
    if (info->si_code <= 0)
        syscall(SYS_tgkill, getpid(), self, signo);
}

/* ---- before ---- */

void
crash_thread_begin(void)
{
    if (!state.watching)
        return;
    void *stack = mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
    const stack_t own = {.ss_sp = stack, .ss_size = STACK_BYTES};

    sigset_t told;

    sigemptyset(&told);
    for (size_t i = 0; i < ARRAY_LEN(signals); i++)
        sigaddset(&told, signals[i].signo);
    pthread_sigmask(SIG_UNBLOCK, &told, NULL); /* a fault that is blocked ends the process without a word */
    if (stack != MAP_FAILED && sigaltstack(&own, NULL) != 0)
        munmap(stack, STACK_BYTES);
}

void
crash_thread_end(void)
{
    const stack_t none = {.ss_flags = SS_DISABLE};
    stack_t own;

    if (state.watching && sigaltstack(&none, &own) == 0 && !(own.ss_flags & SS_DISABLE))
        munmap(own.ss_sp, own.ss_size);
}

void
crash_watch(const char *program, const char *version)
{
#ifdef SANITIZED
    (void)program;
    (void)version;
    (void)on_crash;
#else
    struct sigaction action = {.sa_sigaction = on_crash, .sa_flags = SA_SIGINFO | SA_ONSTACK | (int)SA_RESETHAND};
    void *frame;
    ssize_t len = readlink("/proc/self/exe", state.path, sizeof(state.path) - 1);

    if (state.watching)
        return;
    state.path[len > 0 ? len : 0] = '\0';
    state.program = program;
    state.version = version;
    state.watching = true;
    backtrace(&frame, 1); /* loads what it needs, which no handler may */
    crash_thread_begin();
    for (size_t i = 0; i < ARRAY_LEN(signals); i++)
        sigaction(signals[i].signo, &action, NULL);
#endif
}
