/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The calls about resource providers. This agent has none: what asks for them gets an empty answer,
 * what would change one is told so in the words that Mesos has for an agent without them.
 */
#include "agent/operator.h"

void
operator_get_resource_providers(struct operator_call *op)
{
    Mesos__V1__Agent__Response response = MESOS__V1__AGENT__RESPONSE__INIT;
    Mesos__V1__Agent__Response__GetResourceProviders body =
        MESOS__V1__AGENT__RESPONSE__GET_RESOURCE_PROVIDERS__INIT;
    response.has_type = true;
    response.type = MESOS__V1__AGENT__RESPONSE__TYPE__GET_RESOURCE_PROVIDERS;
    response.get_resource_providers = &body;
    operator_reply(op->exchange, &response, op->json);
}

static bool
may_change(struct operator_call *op)
{
    return access_admits(op->agent->daemon->access, op->exchange, MESOS_ACTION_MODIFY_RESOURCE_PROVIDER_CONFIG, NULL);
}

static void
refuse_config(struct operator_call *op, const char *what, const Mesos__V1__ResourceProviderInfo *info)
{
    if (!may_change(op))
        return;
    operator_audit(op->agent, op->exchange, what, info->name, "there are no resource providers here");
    http_reply_text(op->exchange, 400,
                    "Failed to validate resource provider config with type '%s' and name '%s': Unknown local "
                    "resource provider type '%s'",
                    info->type, info->name, info->type);
}

void
operator_add_resource_provider_config(struct operator_call *op)
{
    refuse_config(op, "ADD_RESOURCE_PROVIDER_CONFIG", op->call->add_resource_provider_config->info);
}

void
operator_update_resource_provider_config(struct operator_call *op)
{
    refuse_config(op, "UPDATE_RESOURCE_PROVIDER_CONFIG", op->call->update_resource_provider_config->info);
}

void
operator_remove_resource_provider_config(struct operator_call *op)
{
    static const char why[] = "Missing required flag --resource_provider_config_dir";
    if (!may_change(op))
        return;
    operator_audit(op->agent, op->exchange, "REMOVE_RESOURCE_PROVIDER_CONFIG", op->call->remove_resource_provider_config->name, why);
    http_reply_text(op->exchange, 500, "%s", why);
}

/* One that was never there is as gone as can be. */
void
operator_mark_resource_provider_gone(struct operator_call *op)
{
    const char *id = op->call->mark_resource_provider_gone->resource_provider_id->value;
    if (!access_admits(op->agent->daemon->access, op->exchange, MESOS_ACTION_MARK_RESOURCE_PROVIDER_GONE, NULL))
        return;
    operator_audit(op->agent, op->exchange, "MARK_RESOURCE_PROVIDER_GONE", id, NULL);
    operator_reply_done(op->exchange);
}
