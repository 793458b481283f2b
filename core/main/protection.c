/* SPDX-License-Identifier: Apache-2.0 */
/* One line of a starting daemon's log: who has to say who it is, who decides, and what else keeps others out. For operators who
 * have set something, and want to see that it is in force. Called by both programs; decides nothing. */
#include <unistd.h>

#include "base/log.h"
#include "main/process.h"
#include "main/realms.h"

static void
put_realm(const struct daemon_realm *realm, struct buf *out)
{
    for (size_t i = 0; i < realm->count; i++)
        buf_printf(out, "%s%s", i ? "," : "", module_name(realm->authenticators[i]));
}

void
process_put_realm(const struct realms *realms, const char *realm, const char *as, struct buf *out)
{
    buf_printf(out, " %s=", as);
    for (size_t i = 0; i < realms->count; i++)
        if (strcmp(realms->list[i].name, realm) == 0) {
            put_realm(&realms->list[i], out);
            return;
        }
    buf_puts(out, "open");
}

static const char *
tls_of(const struct daemon_tls_options *tls)
{
    if (!tls->enabled)
        return "off";
    if (tls->support_downgrade)
        return "on,plain_too";
    return tls->require_client_cert ? "on,client_certificates" : "on";
}

void
process_tell_protection(const struct process *process, struct buf *logins, struct buf *more)
{
    const struct daemon_options *common = process->common;
    char listen[128];

    log_info("in force: logins:%s; authorizer=%s tls=%s listen=%s uid=%u audit_log=%s%s", buf_cstr(logins),
             common->authorizer ? common->authorizer : "none", tls_of(&common->tls), address_format(&process->listen, listen),
             (unsigned)geteuid(), common->audit_log ? common->audit_log : common->log_dir ? common->log_dir : "none",
             buf_cstr(more));
}
