/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gzip of answers that are made of pages: each page is deflated once, on another thread, and its packed form stays with
 * it, so that the next answer with the same page costs nothing. A gzip body is then a header, the packed forms in a row
 * (each ends at a byte with a flush and looks back at nothing before it), an end and a checksum that is combined from
 * those of the pages. One answer at a time: those behind it find most of their pages packed already.
 */
#include <zlib.h>

#include "wire/http_connection.h"

struct rope_job {
    struct list node; /* in server->rope_jobs */
    struct http_server *server; /* NULL when it is gone */
    struct http_exchange *exchange; /* NULL when the peer has gone meanwhile */
    struct rope rope;
    bool *wanted; /* by piece: it has no packed form */
    struct page **made; /* the forms of those */
    uint32_t *checks;
    struct reply reply;
    char *type;
    bool under_way, failed;
};

static void next_job(struct http_server *server);

/* Deflates bytes so that the result can stand anywhere in a stream. */
static bool
deflate_part(const char *bytes, size_t len, struct buf *out)
{
    z_stream z = {0};
    if (len > UINT32_MAX / 2 || deflateInit2(&z, Z_BEST_SPEED, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY) != Z_OK)
        return false;
    size_t room = deflateBound(&z, len) + 16;
    z.next_in = (Bytef *)(uintptr_t)bytes;
    z.avail_in = (uInt)len;
    z.next_out = (Bytef *)buf_reserve(out, room);
    z.avail_out = (uInt)room;
    bool ok = deflate(&z, Z_FULL_FLUSH) == Z_OK && z.avail_in == 0 && z.avail_out > 0;
    if (ok)
        buf_added(out, z.total_out);
    deflateEnd(&z);
    return ok;
}

/* On another thread: only reads pages, whose bytes never change. */
static void
work(void *arg)
{
    struct rope_job *job = arg;
    for (size_t i = 0; i < job->rope.count && !job->failed; i++) {
        const struct page *page = job->rope.pieces[i].page;
        struct buf out = {0};
        if (!job->wanted[i])
            continue;
        job->failed = !deflate_part(page->bytes + page->lead, page->len - page->lead, &out);
        job->checks[i] = (uint32_t)crc32_z(0, (const Bytef *)page->bytes + page->lead, page->len - page->lead);
        job->made[i] = page_of(&out);
    }
}

static void
put_le32(struct buf *out, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        buf_putc(out, (char)(value >> (8 * i)));
}

/* Bytes as they are, in a block of their own. */
static void
put_stored(struct buf *out, const char *bytes, uint16_t len)
{
    buf_putc(out, 0);
    buf_putc(out, (char)len);
    buf_putc(out, (char)(len >> 8));
    buf_putc(out, (char)~len);
    buf_putc(out, (char)(~len >> 8));
    buf_append(out, bytes, len);
}

static void
assemble(const struct rope *plain, struct rope *out)
{
    static const char head[10] = {0x1f, (char)0x8b, 8, 0, 0, 0, 0, 0, 4, 3};
    uLong check = crc32(0, NULL, 0);
    buf_append(&out->tail, head, sizeof(head));
    for (size_t i = 0; i < plain->count; i++) {
        const struct rope_piece *piece = &plain->pieces[i];
        struct page *page = piece->page;
        if (piece->from < page->lead) {
            put_stored(&out->tail, page->bytes, (uint16_t)page->lead);
            check = crc32_z(check, (const Bytef *)page->bytes, page->lead);
        }
        rope_add(out, page->packed, true);
        check = crc32_combine(check, page->check, (z_off_t)(page->len - page->lead));
    }
    buf_append(&out->tail, "\x03\x00", 2);
    put_le32(&out->tail, (uint32_t)check);
    put_le32(&out->tail, (uint32_t)plain->bytes);
}

static void
job_free(struct rope_job *job)
{
    list_remove(&job->node);
    for (size_t i = 0; i < job->rope.count; i++)
        page_unref(job->made[i]);
    rope_fini(&job->rope);
    free(job->wanted);
    free(job->made);
    free(job->checks);
    free(job->type);
    free(job);
}

static void
answer(struct rope_job *job)
{
    struct http_exchange *exchange = job->exchange;
    auto_rope struct rope packed = {0};
    if (!exchange)
        return;
    exchange->rope_job = NULL;
    exchange->connection->waiting_bytes -= job->rope.bytes;
    job->reply.gzipped = !job->failed;
    if (!job->failed)
        assemble(&job->rope, &packed);
    http_reply_send_rope(exchange, &job->reply, job->failed ? &job->rope : &packed);
}

/* The pages take over what was made for them. */
static void
hand_out(struct rope_job *job)
{
    for (size_t i = 0; i < job->rope.count; i++) {
        struct page *page = job->rope.pieces[i].page;
        if (!job->made[i] || page->packed || job->failed)
            continue;
        page->packed = take(&job->made[i]);
        page->check = job->checks[i];
    }
}

static void
done(void *arg)
{
    struct rope_job *job = arg;
    struct http_server *server = job->server;
    hand_out(job);
    list_remove(&job->node);
    answer(job);
    job_free(job);
    if (server)
        next_job(server);
}

/* Marks what is missing; false when nothing is. */
static bool
lacks(struct rope_job *job)
{
    bool any = false;
    for (size_t i = 0; i < job->rope.count; i++) {
        job->wanted[i] = !job->rope.pieces[i].page->packed;
        any |= job->wanted[i];
    }
    return any;
}

static void
next_job(struct http_server *server)
{
    struct rope_job *job;
    while ((job = list_first(&server->rope_jobs, struct rope_job, node)) && !job->under_way) {
        job->under_way = true;
        if (job->exchange && lacks(job)) {
            loop_offload(server->loop, NULL, work, done, job);
            return;
        }
        list_remove(&job->node);
        answer(job);
        job_free(job);
    }
}

void
http_pack_rope(struct http_exchange *exchange, const struct reply *reply, struct rope *rope)
{
    struct http_server *server = exchange->connection->server;
    struct rope_job *job = xcalloc(1, sizeof(*job));
    rope_seal(rope);
    job->server = server;
    job->exchange = exchange;
    job->rope = *rope;
    *rope = (struct rope){0};
    job->wanted = xcalloc(job->rope.count + 1, sizeof(*job->wanted));
    job->made = xcalloc(job->rope.count + 1, sizeof(*job->made));
    job->checks = xcalloc(job->rope.count + 1, sizeof(*job->checks));
    job->type = reply->type ? xstrdup(reply->type) : NULL;
    job->reply = *reply;
    job->reply.type = job->type;
    exchange->rope_job = job;
    exchange->connection->waiting_bytes += job->rope.bytes;
    exchange->on_gone = NULL; /* answered, as far as the handler is concerned */
    list_push(&server->rope_jobs, &job->node);
    next_job(server);
}

void
http_pack_forget(struct rope_job *job)
{
    job->exchange = NULL;
}

void
http_pack_free(struct http_server *server)
{
    struct rope_job *job;
    while ((job = list_first(&server->rope_jobs, struct rope_job, node))) {
        list_remove(&job->node);
        job->server = NULL;
        for (size_t i = 0; i < job->rope.count; i++)
            page_forget_account(job->rope.pieces[i].page);
        if (!job->under_way)
            job_free(job);
    }
}
