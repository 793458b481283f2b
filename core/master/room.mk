# SPDX-License-Identifier: Apache-2.0
# The master. Its option table is in libmain.a with the programs.
noinst_LIBRARIES += core/master/libmaster.a
core_master_libmaster_a_SOURCES = \
  core/master/admission.c core/master/agents.c core/master/call_accept.c core/master/call_acknowledge.c \
  core/master/call_decline.c core/master/call_kill.c core/master/call_message.c core/master/call_operations.c \
  core/master/call_reconcile.c core/master/call_request.c core/master/call_revive.c \
  core/master/call_shutdown.c core/master/call_suppress.c core/master/call_teardown.c \
  core/master/call_update_framework.c core/master/calls.c core/master/calls.def core/master/calls.h \
  core/master/contact.c core/master/contact.h core/master/driver.c \
  core/master/login.c core/master/login.h core/master/login_inside.h core/master/login_session.c \
  core/master/event_agent_lost.c core/master/event_agent_lost.h core/master/event_agent_drained.c core/master/executors.c core/master/explain.c core/master/explain.h \
  core/master/http_explain.c core/master/operator_explain_offers.c core/master/frameworks.c core/master/http.c \
  core/master/http.h core/master/http_operator.c core/master/http_roles.c core/master/http_scheduler.c \
  core/master/operator.h core/master/operator_calls.def core/master/operator_daemon.c \
  core/master/operator_get_agents.c core/master/operator_get_executors.c core/master/operator_get_frameworks.c \
  core/master/operator_get_quota.c core/master/operator_maintenance.c core/master/operator_get_master.c core/master/operator_get_roles.c \
  core/master/operator_get_state.c core/master/operator_marks.c core/master/marks.c core/master/marks.h core/master/operator_get_tasks.c core/master/operator_subscribe.c core/master/operator_later.c \
  core/master/operator_teardown.c core/master/subscribers.c core/master/subscribers.h \
  core/master/http_maintenance.c core/master/http_page.c core/master/http_quota.c core/master/http_registry.c core/master/http_reserve.c \
  core/master/http_stats.c core/master/http_weights.c core/master/http_state.c core/master/http_state_summary.c core/master/http_tasks.c \
  core/master/http_teardown.c core/master/json_resources.c core/master/json_state.c core/master/launch.c core/master/master.c \
  core/master/master.h core/master/message_executor_to_framework.c core/master/message_exited_executor.c \
  core/master/message_register_slave.c core/master/message_reregister_slave.c \
  core/master/message_scheduler_call.c core/master/messages_driver.c core/master/subscribe.c core/master/authorize.c core/master/authorize.h core/master/sight.c core/master/sight.h core/master/orderer.c core/master/orderer.h \
  core/master/message_status_update.c core/master/message_unregister_slave.c \
  core/master/message_update_slave.c core/master/messages.c core/master/messages.def core/master/messages.h \
  core/master/call_inverse_offers.c core/master/inverse_offers.c core/master/inverse_offers.h \
  core/master/maintenance.c core/master/maintenance.h core/master/maintenance_store.c core/master/maintenance_validate.c \
  core/master/metrics.c core/master/metrics.h core/master/offers.c core/master/records.c core/master/records.h core/master/registrar.c \
  core/master/registrar.h core/master/registry_import.c core/master/registry_json.c core/master/registry_json.h \
  core/master/registry_transfer.c core/master/registry_transfer.h core/master/state.h core/master/stream.c core/master/task_packed.c core/master/task_packed.h core/master/tasks.c core/master/telemetry.c core/master/telemetry.h \
  core/master/text_format.c core/master/validate_framework.c core/master/throttle.c core/master/throttle.h core/master/weights.c core/master/whitelist.c \
  core/master/parts.c core/master/sheets.c core/master/views.c core/master/views.h core/master/views_internal.h
# What was split off: following another leader, reading the registry, machines beside what is done to them.
core_master_libmaster_a_SOURCES += core/master/leader.c core/master/leader.h core/master/machines.c \
  core/master/maintenance_inside.h core/master/recover.c
