# SPDX-License-Identifier: Apache-2.0
# pytest against daemons; contrib/check runs it.
EXTRA_DIST += tests/lib/isolated.py tests/lib/seals.py tests/system/test_filesystem.py tests/system/test_linux_security.py tests/system/test_persistent_volumes.py
EXTRA_DIST += tests/system/test_hardening.py tests/lib/docker_engine.py tests/lib/docker_executor.py tests/system/test_docker.py \
  tests/system/test_docker_secrets.py tests/system/test_v0_executor_tokens.py
EXTRA_DIST += tests/lib/netbox.py tests/system/test_cni.py tests/system/test_network_ports.py
EXTRA_DIST += tests/lib/leftovers.py tests/system/test_container_logger.py tests/system/test_disk.py tests/system/test_hostile_tasks.py
EXTRA_DIST += tests/system/test_daemons.py tests/system/test_failure_table.py tests/system/test_helper_sight.py
EXTRA_DIST += tests/system/test_maintenance.py tests/system/test_agent_access_traces.py tests/system/test_master_access_traces.py
EXTRA_DIST += tests/system/test_drain.py tests/system/test_installed_samples.py tests/system/test_secure_it.py
EXTRA_DIST += tests/conftest.py tests/lib/cluster.py tests/lib/scheduler.py tests/system/test_agent.py tests/system/test_authentication.py tests/system/test_agent_faults.py \
  tests/system/test_agent_recovery.py tests/system/test_agent_restart.py tests/lib/agent_api.py tests/system/test_containers.py tests/system/test_sessions.py \
  tests/system/test_bad_input.py tests/system/test_configuration.py tests/system/test_cli.py tests/system/test_main_job.py
EXTRA_DIST += tests/system/test_failover.py tests/system/test_master_agent_loss.py tests/system/test_master_traces.py tests/system/test_master_views.py
EXTRA_DIST += tests/system/test_open_on_purpose.py tests/system/test_rate_limits.py tests/system/test_reload.py tests/system/test_master_options.py tests/system/test_port_mapping.py
EXTRA_DIST += tests/system/test_connections.py tests/system/test_v0_cluster.py tests/lib/libprocess.py tests/system/test_v0_executor_traces.py tests/system/test_v0_traces.py
EXTRA_DIST += tests/system/test_fetcher.py tests/system/test_legacy_endpoints.py tests/system/test_legacy_traces.py \
  tests/facts/endpoints-agent.tsv tests/facts/endpoints-master.tsv
EXTRA_DIST += tests/lib/replay.py tests/lib/shapes.py tests/facts/differences.tsv tests/system/test_operator.py tests/system/test_operator_traces.py
EXTRA_DIST += tests/system/test_explain.py tests/system/test_metrics.py tests/facts/metrics.tsv tests/facts/metrics-exceptions.tsv
EXTRA_DIST += tests/lib/odd_server.py tests/lib/terminal.py tests/system/test_cli_bad_peers.py tests/system/test_cli_completion.py \
  tests/system/test_cli_execute.py tests/system/test_cli_inside.py tests/system/test_cli_ssh.py \
  tests/system/test_cli_views.py
EXTRA_DIST += tests/system/test_scheduler_traces.py
EXTRA_DIST += tests/system/test_late_messages.py
EXTRA_DIST += tests/system/test_views_under_change.py
EXTRA_DIST += tests/system/test_checks.py tests/system/test_pod_traces.py tests/system/test_pods.py
EXTRA_DIST += tests/system/test_telemetry.py
EXTRA_DIST += tests/lib/cgroups.py tests/system/test_cgroups.py
EXTRA_DIST += tests/system/test_oversubscription.py
EXTRA_DIST += tests/lib/tls.py tests/system/test_tls.py
EXTRA_DIST += tests/lib/guest.py tests/system/test_cgroup2.py
EXTRA_DIST += tests/lib/external_program.py tests/system/test_external_containerizer.py
EXTRA_DIST += tests/lib/images.py tests/system/test_images.py
EXTRA_DIST += tests/system/test_launcher.py
EXTRA_DIST += tests/system/test_namespaces.py
EXTRA_DIST += tests/lib/asker.c tests/system/test_launch_info.py
EXTRA_DIST += tests/lib/masters.py tests/lib/zookeeper.py tests/system/test_upgrade.py tests/system/test_zookeeper.py tests/facts/zookeeper.json
EXTRA_DIST += tests/system/test_registry.py tests/facts/states/registry-1/registry.sqlite \
  tests/facts/states/registry-1/registry.sqlite-wal tests/facts/states/registry-2/registry.json \
  tests/facts/states/registry-2/registry.sqlite tests/facts/states/registry-mesos-1.12.json
EXTRA_DIST += tests/system/test_acl_examples.py
EXTRA_DIST += tests/system/test_scan.py tests/system/test_scan_messages.py
EXTRA_DIST += tests/system/test_agent_access.py
EXTRA_DIST += tests/system/test_http_authentication.py
