/* SPDX-License-Identifier: Apache-2.0 */
/* The armed fault points of tests. Compiled to nothing in builds without MESOS_FAULTS. */
#include "base/fault.h"

#ifdef MESOS_FAULTS

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <time.h>

#include "base/str.h"

enum { POINTS_MAX = 16 };

struct point {
    char name[64];
    int code; /* negative errno to return, 0 = none */
    bool kill;
    int crash; /* the signal to die of, by doing what raises it; SIGSTKFLT = the stack overflows */
    int sleep_ms;
    uint64_t nth; /* 0 = every time */
    uint64_t passed;
};

/* Points are passed on offload threads too. */
static struct {
    pthread_mutex_t lock;
    _Atomic bool read; /* the environment has been looked at */
    _Atomic bool any; /* some point is armed: what hot paths look at */
    size_t count;
    struct point points[POINTS_MAX];
} armed = {.lock = PTHREAD_MUTEX_INITIALIZER};

static int
errno_by_name(struct str name)
{
    for (int code = 1; code < 200; code++) {
        const char *known = strerrorname_np(code);
        if (known && str_is(name, known))
            return -code;
    }
    return 0;
}

static int
crash_by_name(struct str name)
{
    static const struct {
        const char *name;
        int signo;
    } known[] = {{"crash:segv", SIGSEGV}, {"crash:bus", SIGBUS}, {"crash:fpe", SIGFPE}, {"crash:abort", SIGABRT},
                 {"crash:overflow", SIGSTKFLT}};

    for (size_t i = 0; i < ARRAY_LEN(known); i++)
        if (str_is(name, known[i].name))
            return known[i].signo;
    return 0;
}

/* Each call needs room of its own, also after the next one has come back. */
static int __attribute__((noinline))
overflow(int calls)
{
    volatile char room[4096];

    room[0] = (char)calls;
    return calls > 0 ? overflow(calls - 1) + room[0] : 0;
}

static void __attribute__((noinline))
crash(int signo)
{
    volatile int zero = 0;

    if (signo == SIGSEGV) {
        *(volatile int *)(uintptr_t)zero = 1;
    } else if (signo == SIGBUS) { /* a page behind the end of its file */
        FILE *empty = tmpfile();
        volatile char *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fileno(empty), 0);

        *page = 1;
    } else if (signo == SIGFPE) {
        zero = 7777 / zero;
    } else if (signo == SIGSTKFLT) {
        overflow(1 << 30);
    }
    abort();
}

/* A spec that cannot be read must not pass for a test that saw no failure: it ends the process. */
static void
arm_one(struct str text)
{
    struct str whole = text, name = str_cut(&text, '=');
    struct str action = str_cut(&text, '@');
    struct point *p = &armed.points[armed.count];
    uint64_t ms = 0;
    *p = (struct point){0};
    snprintf(p->name, sizeof(p->name), "%.*s", STR_ARG(name));
    if (str_is(action, "kill")) {
        p->kill = true;
    } else if ((p->crash = crash_by_name(action)) != 0) {
    } else if (str_starts(action, STR_LIT("sleep:")) &&
               str_to_u64(str_n(action.ptr + 6, action.len - 6), &ms) == 0 && ms < 1000000) {
        p->sleep_ms = (int)ms;
    } else {
        p->code = errno_by_name(action);
    }
    bool known = p->kill || p->crash || p->code || str_starts(action, STR_LIT("sleep:"));
    if (!known || armed.count + 1 == POINTS_MAX || (text.len && str_to_u64(text, &p->nth))) {
        fprintf(stderr,
                "MESOS_FAULT: cannot read '%.*s': want point=ERRNO|kill|sleep:MS|crash:segv|bus|fpe|abort|overflow[@n]\n",
                STR_ARG(whole));
        _exit(2);
    }
    armed.count++;
}

static void
arm(const char *spec)
{
    struct str rest = str_of(spec);
    armed.count = 0;
    armed.read = true;
    while (rest.len) {
        struct str one = str_cut(&rest, ',');
        if (one.len)
            arm_one(one);
    }
    armed.any = armed.count > 0;
}

void
fault_arm(const char *spec)
{
    pthread_mutex_lock(&armed.lock);
    arm(spec);
    pthread_mutex_unlock(&armed.lock);
}

uint64_t
fault_passed(const char *point)
{
    uint64_t passed = 0;
    pthread_mutex_lock(&armed.lock);
    for (size_t i = 0; i < armed.count; i++)
        if (strcmp(armed.points[i].name, point) == 0 && armed.points[i].passed > passed)
            passed = armed.points[i].passed;
    pthread_mutex_unlock(&armed.lock);
    return passed;
}

/* Loops' threads alone look at these. */
static struct {
    fault_message_fn *fn;
    void *arg;
} messages;

void
fault_messages(fault_message_fn *fn, void *arg)
{
    messages.fn = fn;
    messages.arg = arg;
}

int
fault_message(const char *name, size_t len, int64_t ret_delay_ms[FAULT_COPIES])
{
    ret_delay_ms[0] = 0;
    return messages.fn ? messages.fn(messages.arg, name, len, ret_delay_ms) : 1;
}

int
fault(const char *point)
{
    int code = 0, sleep_ms = 0;
    if (armed.read && !armed.any)
        return 0;
    pthread_mutex_lock(&armed.lock);
    if (!armed.read)
        arm(getenv("MESOS_FAULT"));
    for (size_t i = 0; i < armed.count; i++) {
        struct point *p = &armed.points[i];
        if (strcmp(p->name, point) != 0 || (++p->passed != p->nth && p->nth))
            continue;
        if (p->kill)
            kill(getpid(), SIGKILL);
        if (p->crash)
            crash(p->crash);
        code = p->code;
        sleep_ms = p->sleep_ms;
    }
    pthread_mutex_unlock(&armed.lock);
    if (sleep_ms) {
        struct timespec ts = {sleep_ms / 1000, (long)(sleep_ms % 1000) * 1000000};
        nanosleep(&ts, NULL);
    }
    if (code)
        errno = -code;
    return code;
}

#else
typedef int fault_is_compiled_out; /* ISO C wants something in a file */
#endif
