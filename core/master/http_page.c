/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GET /: what a person sees who points a browser at a master: which master it is, who leads, whether everybody may come in,
 * and where to go on. Open to everybody as in Mesos, so it shows nothing of what runs in the cluster; needs no script.
 */
#include "daemon/html.h"
#include "master/http.h"

static const struct {
    const char *path, *meaning;
} ways[] = {
    {"/state", "Everything that the master knows, as JSON"},
    {"/frameworks", "Frameworks, as JSON"},
    {"/slaves", "Agents, as JSON"},
    {"/tasks", "Tasks, as JSON"},
    {"/metrics/snapshot", "What is counted, as JSON"},
    {"/metrics/prometheus", "The same for Prometheus"},
    {"/help", "All endpoints"},
};

static void
put_row(struct buf *out, const char *name, const char *value)
{
    buf_printf(out, "<tr><th>%s</th><td>", name);
    html_text(out, str_of(value));
    buf_puts(out, "</td></tr>\n");
}

/* The leader's name is what another master wrote into ZooKeeper: a text like any other. */
static void
put_leader(struct buf *out, const struct master *master)
{
    if (master->elected || !master->leader_hostname) {
        put_row(out, "Leader", master->leading ? "this master" : master->elected ? "this master, which still recovers" : "none");
        return;
    }
    auto_free char *leader = xasprintf("%s:%u", master->leader_hostname, master->leader_port);
    buf_puts(out, "<tr><th>Leader</th><td><a href=\"//");
    html_text(out, str_of(leader));
    buf_puts(out, "/\">");
    html_text(out, str_of(leader));
    buf_puts(out, "</a></td></tr>\n");
}

static void
put_page(struct buf *out, const struct master *master)
{
    const char *cluster = master->options->cluster, *open = openness_sentence(master->daemon->openness);
    buf_puts(out, "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>");
    html_text(out, str_of(cluster ? cluster : "Mesos"));
    buf_puts(out, "</title>\n<style>body{font-family:sans-serif;margin:2em}th{text-align:left;padding-right:1em}"
                  "[role=alert]{border:2px solid #b00;padding:.5em 1em;max-width:60em}</style></head><body>\n<h1>Mesos master</h1>\n");
    if (open) {
        buf_puts(out, "<p role=\"alert\">Everybody may come in: ");
        html_text(out, str_of(open));
        buf_puts(out, ".</p>\n");
    }
    buf_puts(out, "<table>\n");
    if (cluster)
        put_row(out, "Cluster", cluster);
    put_row(out, "Version", MESOS_PROTOCOL_VERSION " (cmesos " CMESOS_VERSION ")");
    put_row(out, "Master", master->id);
    put_leader(out, master);
    buf_puts(out, "</table>\n<ul>\n");
    for (size_t i = 0; i < ARRAY_LEN(ways); i++)
        buf_printf(out, "<li><a href=\"%s\">%s</a>: %s</li>\n", ways[i].path, ways[i].path, ways[i].meaning);
    buf_puts(out, "</ul>\n</body></html>\n");
}

void
http_page(struct http_exchange *exchange, void *arg)
{
    static const struct http_header headers[] = {
        {STR_LIT("Content-Security-Policy"), STR_LIT("default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'")},
        {STR_LIT("X-Content-Type-Options"), STR_LIT("nosniff")},
        {STR_LIT("Cache-Control"), STR_LIT("no-store")},
    };
    auto_buf struct buf out = {0};
    put_page(&out, arg);
    http_reply_headers(exchange, 200, headers, ARRAY_LEN(headers), "text/html; charset=utf-8", buf_str(&out));
}
