/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Logins that fail, as fast as the master refuses them: over HTTP (basic), over SASL to the last step (CRAM-MD5), and over SASL up
 * to the step that costs the master most and no further (SCRAM-SHA-256). Meanwhile a probe asks for /health, which the same
 * probe asked for before, when nothing happened.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <netinet/in.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "cluster.h"
#include "figures.h"
#include "mesos/internal/authentication.pb-c.h"
#include "poll.h"
#include "wire/libprocess.h"
#include "wire/message.h"

enum { MOST_ADDRESSES = 100, SETTLE_US = 300000 };

static const char health[] = "GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n";
/* "guesser:wrong" */
static const char basic[] = "GET /state HTTP/1.1\r\nHost: localhost\r\nAuthorization: Basic Z3Vlc3Nlcjp3cm9uZw==\r\n\r\n";

static long secs = 3, addresses = 20, window = 64, rate = 10000;
static long first_address;

/* ---- liars: each a process at an address of its own, with many authenticatees ---- */

struct flood { /* shared with the children */
    uint64_t sent, failed, told_to_wait, abandoned;
};

struct liar {
    const char *mechanism;
    const char *first; /* what is said with the mechanism */
    bool abandon; /* nothing after the first answer */
    struct flood *flood;
    struct loop *loop;
    struct loop_timer pace;
    int64_t began_ms;
    double rate; /* AuthenticateMessages a second */
    uint64_t sent;
    struct upid master;
    struct buf out;
    struct http_server *server;
    struct libprocess *libprocess;
    char self[128];
};

static struct sockaddr_in source; /* of this process's connections; 0 = any */

/* In the place of the C library's, for this program: the master counts by the address that a connection comes from. */
int
connect(int fd, const struct sockaddr *to, socklen_t len)
{
    if (source.sin_family && to->sa_family == AF_INET && bind(fd, (const struct sockaddr *)&source, sizeof(source)) < 0)
        return -1;
    return (int)syscall(SYS_connect, fd, to, len);
}

static void
count(uint64_t *what)
{
    __atomic_fetch_add(what, 1, __ATOMIC_RELAXED);
}

static void
tell(struct liar *liar, const char *actor, const struct upid *to, const char *name, const void *message)
{
    buf_clear(&liar->out);
    message_pack(&liar->out, message);
    libprocess_send(liar->libprocess, actor, to, name, buf_str(&liar->out));
}

static void
begin(struct liar *liar, const char *actor)
{
    Mesos__Internal__AuthenticateMessage message = MESOS__INTERNAL__AUTHENTICATE_MESSAGE__INIT;
    char pid[256];
    snprintf(pid, sizeof(pid), "%s@%s", actor, liar->self);
    message.pid = pid;
    tell(liar, actor, &liar->master, "mesos.internal.AuthenticateMessage", &message);
}

static void
start(struct liar *liar, const char *actor, const struct upid *session)
{
    Mesos__Internal__AuthenticationStartMessage message = MESOS__INTERNAL__AUTHENTICATION_START_MESSAGE__INIT;
    message.mechanism = (char *)(uintptr_t)liar->mechanism;
    if (liar->first) {
        message.has_data = true;
        message.data.data = (uint8_t *)(uintptr_t)liar->first;
        message.data.len = strlen(liar->first);
    }
    tell(liar, actor, session, "mesos.internal.AuthenticationStartMessage", &message);
}

static void
lie(struct liar *liar, const char *actor, const struct upid *session)
{
    static const char wrong[] = "guesser 00112233445566778899aabbccddeeff";
    Mesos__Internal__AuthenticationStepMessage message = MESOS__INTERNAL__AUTHENTICATION_STEP_MESSAGE__INIT;
    message.data.data = (uint8_t *)(uintptr_t)wrong;
    message.data.len = strlen(wrong);
    tell(liar, actor, session, "mesos.internal.AuthenticationStepMessage", &message);
}

static void
on_message(const struct upid *from, struct str to_id, struct str name, struct str body, void *arg)
{
    struct liar *liar = arg;
    char actor[32];
    snprintf(actor, sizeof(actor), "%.*s", STR_ARG(to_id));
    if (str_is(name, "mesos.internal.AuthenticationMechanismsMessage")) {
        start(liar, actor, from);
        return;
    }
    if (str_is(name, "mesos.internal.AuthenticationStepMessage") && !liar->abandon)
        lie(liar, actor, from);
    else if (str_is(name, "mesos.internal.AuthenticationStepMessage"))
        count(&liar->flood->abandoned);
    else if (str_is(name, "mesos.internal.AuthenticationFailedMessage"))
        count(&liar->flood->failed);
    else if (str_is(name, "mesos.internal.AuthenticationErrorMessage"))
        count(&liar->flood->told_to_wait);
}

static void
on_exited(const struct upid *from, void *arg)
{
}

static void
on_exchange(struct http_exchange *exchange, void *arg)
{
    struct liar *liar = arg;
    if (!libprocess_try(liar->libprocess, exchange))
        http_reply_text(exchange, 404, "only libprocess messages are served here");
}

static void
on_pace(void *arg)
{
    struct liar *liar = arg;
    char actor[32];
    double due = (double)(loop_exact_ms(liar->loop) - liar->began_ms) / 1000 * liar->rate;
    for (; (double)liar->sent < due; liar->sent++) {
        snprintf(actor, sizeof(actor), "liar(%ld)", (long)(liar->sent % (uint64_t)window) + 1);
        begin(liar, actor);
        count(&liar->flood->sent);
    }
    loop_timer_start(&liar->pace, 1);
}

static void lie_for_ever(struct liar *liar, uint16_t port, long number) __attribute__((noreturn));

static void
lie_for_ever(struct liar *liar, uint16_t port, long number)
{
    struct address at, bound;
    struct err err = {0};
    char text[64];
    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    snprintf(text, sizeof(text), "127.0.1.%ld:0", number + 1);
    source.sin_family = AF_INET;
    source.sin_addr.s_addr = htonl(0x7f000100u + (uint32_t)number + 1);
    liar->loop = loop_new(NULL, NULL);
    liar->server = http_server_new(liar->loop, on_exchange, liar);
    if (address_parse(str_of(text), &at, &err) || http_server_listen(liar->server, &at, &bound, &err)) {
        fprintf(stderr, "cannot listen: %s\n", err.text);
        _exit(1);
    }
    address_format(&bound, liar->self);
    snprintf(text, sizeof(text), "master@127.0.0.1:%u", port);
    if (upid_parse(str_of(text), &liar->master, NULL))
        _exit(1);
    liar->libprocess = libprocess_new(liar->loop, &bound, on_message, on_exited, liar);
    libprocess_link(liar->libprocess, &liar->master);
    for (long i = 0; i < window; i++) {
        snprintf(text, sizeof(text), "liar(%ld)", i + 1);
        libprocess_spawn(liar->libprocess, text);
    }
    liar->began_ms = loop_exact_ms(liar->loop);
    loop_timer_init(&liar->pace, liar->loop, on_pace, liar);
    loop_timer_start(&liar->pace, 1);
    loop_run(liar->loop);
    _exit(0);
}

/* ---- figures ---- */

static double
probe_for(uint16_t port, double idle_p99, const char *what)
{
    struct probe probe = {.request = health, .status = 200};
    probe_run(port, &probe, 1, (double)secs);
    printf("  %-34s /health p50 %7.3f ms, p99 %7.3f ms, worst %7.3f ms", what, probe.p50_ms, probe.p99_ms, probe.worst_ms);
    if (idle_p99 > 0)
        printf(", p99 %.2f times the idle one", probe.p99_ms / idle_p99);
    printf("\n");
    double p99 = probe.p99_ms;
    probe_fini(&probe, 1);
    return p99;
}

static void
measure_basic(uint16_t port, double idle_p99)
{
    struct pollers pollers;
    pollers_start(&pollers, port, basic, 8);
    usleep(SETTLE_US);
    probe_for(port, idle_p99, "HTTP basic, 8 connections:");
    struct poll_sum sum = pollers_stop(&pollers);
    printf("  %-34s %.0f refused a second\n", "", (double)sum.failed / sum.secs);
}

static void
measure_sasl(uint16_t port, double idle_p99, const struct liar *kind, long count)
{
    struct flood *flood = mmap(NULL, sizeof(*flood), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    auto_free char *what = xasprintf("%s, %ld address%s:", kind->mechanism, count, count == 1 ? "" : "es");
    auto_free pid_t *children = xcalloc((size_t)count, sizeof(*children));
    struct liar liar = *kind;
    liar.flood = flood;
    liar.rate = (double)rate / (double)count;
    fflush(stdout);
    double began_ms = now_ms();
    for (long i = 0; i < count; i++)
        if ((children[i] = fork()) == 0)
            lie_for_ever(&liar, port, first_address + i);
    first_address += count; /* those have been seen now */
    usleep(SETTLE_US);
    probe_for(port, idle_p99, what);
    double took = (now_ms() - began_ms) / 1e3;
    for (long i = 0; i < count; i++) {
        kill(children[i], SIGKILL);
        waitpid(children[i], NULL, 0);
    }
    printf("  %-34s of %.0f begun a second %.0f failed, %.0f were given up half-way, %.0f told to wait\n", "",
           (double)flood->sent / took, (double)flood->failed / took, (double)flood->abandoned / took,
           (double)flood->told_to_wait / took);
    munmap(flood, sizeof(*flood));
}

static void
run(struct bench_cluster *cluster)
{
    struct err err = {0};
    auto_free char *path = xasprintf("%s/credentials", cluster->directory);
    auto_free char *flag = xasprintf("--credentials=%s", path);
    auto_free char *audit = xasprintf("--audit_log=%s/audit", cluster->directory);
    static const char words[] = "guesser right-and-secret\n";
    const char *const flags[] = {flag, audit, "--authenticate_http_readonly", "--authenticate_frameworks",
                                 "--authenticators=crammd5,scram_sha256", NULL};
    static const struct liar cram = {.mechanism = "CRAM-MD5"},
                             scram = {.mechanism = "SCRAM-SHA-256", .first = "n,,n=guesser,r=0123456789abcdef0123", .abandon = true};
    if (file_replace(path, words, strlen(words), 0600, false, &err))
        bench_die("%s", err.text);
    cluster_start_master(cluster, flags);
    uint16_t port = cluster->master.port;
    double idle = probe_for(port, 0, "idle:");
    measure_basic(port, idle);
    measure_sasl(port, idle, &cram, 1);
    measure_sasl(port, idle, &scram, 1);
    measure_sasl(port, idle, &cram, addresses);
    measure_sasl(port, idle, &scram, addresses);
}

int
main(int argc, char **argv)
{
    static const char help[] =
        "Usage: tests/bench/logins [--secs=3] [--rate=10000] [--addresses=20] [--window=64]\n"
        "Prints how many failing logins a second a master of this build tree refuses, and what that does to others' requests:\n"
        "(over SASL: of `rate` that are begun a second, by one address and by so many)\n"
        "p50 and p99 of /health meanwhile, and the ratio to the p99 of the same probe before. Asserts nothing.\n";
    const struct bench_option options[] = {{"secs", &secs}, {"addresses", &addresses}, {"window", &window}, {"rate", &rate}, {NULL, NULL}};
    struct bench_cluster cluster;
    bench_arguments(argc, argv, help, options);
    if (addresses > MOST_ADDRESSES)
        bench_die("--addresses: at most %d", MOST_ADDRESSES);
    cluster_init(&cluster);
    run(&cluster);
    cluster_fini(&cluster);
    return 0;
}
