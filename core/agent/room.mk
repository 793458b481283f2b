# SPDX-License-Identifier: Apache-2.0
# The agent. Its option table is in libmain.a with the programs.
noinst_LIBRARIES += core/agent/libagent.a
core_agent_libagent_a_SOURCES = \
  core/agent/access.c core/agent/access.h core/agent/agent.c core/agent/agent.h core/agent/call_heartbeat.c core/agent/call_message.c \
  core/agent/call_subscribe.c core/agent/call_update.c core/agent/calls.def core/agent/checkpoint.c core/agent/checkpoint_resources.c core/agent/checkpoint_version.c \
  core/agent/command_executor.c core/agent/container_figures.c core/agent/containers.c core/agent/containers.h core/agent/containers_inside.h core/agent/default_executor.c core/agent/detect.c core/agent/drain.c core/agent/drain.h core/agent/environment.c core/agent/environment_json.c core/agent/environment_json.h \
  core/agent/executor_attach.c core/agent/executor_driver.c core/agent/executor_stream.c \
  core/agent/executors.c core/agent/fetcher.c core/agent/fetcher.h core/agent/fetcher_claim.c \
  core/agent/fetcher_inside.h core/agent/fetcher_order.c core/agent/fetcher_cache.c \
  core/agent/fetcher_cache.h core/agent/files_sandbox.c core/agent/find_master.c core/agent/find_master.h core/agent/frameworks.c core/agent/gc.c core/agent/history.c \
  core/agent/http_api_v1.c core/agent/http_api_v1_executor.c core/agent/http_containers.c \
  core/agent/http_state.c core/agent/http_resource_provider.c core/agent/http_stats.c core/agent/http_containerizer_debug.c core/agent/journal.c core/agent/journal.h core/agent/launch.c core/agent/limits.c \
  core/agent/message_checkpoint_resources.c core/agent/message_drain_slave.c core/agent/message_executor_to_framework.c \
  core/agent/message_framework_to_executor.c core/agent/message_register_executor.c \
  core/agent/message_reregister_executor.c core/agent/message_status_update.c \
  core/agent/message_kill_task.c core/agent/message_ping_slave.c core/agent/message_run_task.c core/agent/message_run_task_group.c \
  core/agent/message_shutdown.c core/agent/message_shutdown_executor.c \
  core/agent/message_shutdown_framework.c core/agent/message_slave_registered.c \
  core/agent/message_slave_reregistered.c core/agent/message_status_update_acknowledgement.c \
  core/agent/message_update_framework.c core/agent/messages.def core/agent/metrics.c core/agent/operator.h core/agent/operator_calls.def core/agent/operator_containers.c core/agent/operator_launch.c core/agent/operator_local.c core/agent/operator_daemon.c core/agent/operator_get_agent.c core/agent/operator_get_state.c \
  core/agent/operator_resource_provider.c core/agent/orders.c core/agent/orders.h core/agent/oversubscription.c core/agent/pb.h \
  core/agent/operator_attach_input.c core/agent/operator_attach_output.c \
  core/agent/reconfigure.c core/agent/recover.c core/agent/recover_agent.c core/agent/recover_inside.h core/agent/recover_read.c core/agent/recover_task.c core/agent/login.c core/agent/login.h core/agent/registration.c core/agent/routes.c core/agent/state.h \
  core/agent/status_updates.c core/agent/status_updates.h core/agent/status_updates_inside.h core/agent/status_updates_recover.c core/agent/switchboard.c core/agent/switchboard.h core/agent/tasks.c core/agent/telemetry.c core/agent/updates.c \
  core/agent/usage.c core/agent/volumes.c
