# SPDX-License-Identifier: Apache-2.0
bin_PROGRAMS += core/cli/mesos
core_cli_mesos_SOURCES = core/cli/cmd_acl_check.c core/cli/agent_order.c core/cli/agent_order.h core/cli/cmd_agent_deactivate.c \
  core/cli/cmd_agent_drain.c core/cli/cmd_agent_gone.c core/cli/cmd_agent_reactivate.c \
  core/cli/arguments.c core/cli/arguments.h core/cli/cluster.c core/cli/cluster.h \
  core/cli/cmd_agent_inspect.c core/cli/cmd_agent_list.c core/cli/cmd_cat.c core/cli/cmd_completion.c \
  core/cli/cmd_config.c core/cli/cmd_events.c core/cli/cmd_execute.c core/cli/cmd_find.c \
  core/cli/cmd_framework_explain.c core/cli/cmd_framework_inspect.c core/cli/cmd_framework_list.c \
  core/cli/cmd_framework_teardown.c core/cli/cmd_head.c core/cli/cmd_help.c core/cli/cmd_ls.c core/cli/cmd_maintenance_cancel.c \
  core/cli/cmd_maintenance_schedule.c core/cli/cmd_maintenance_show.c core/cli/cmd_maintenance_start.c \
  core/cli/cmd_maintenance_stop.c core/cli/machines.c core/cli/machines.h \
  core/cli/cmd_ps.c core/cli/cmd_resolve.c core/cli/cmd_scp.c core/cli/cmd_ssh.c core/cli/cmd_state.c \
  core/cli/cmd_tail.c core/cli/cmd_task_attach.c core/cli/cmd_task_exec.c core/cli/cmd_task_inspect.c \
  core/cli/cmd_task_list.c core/cli/command.h core/cli/commands.def core/cli/complete.c core/cli/complete.h \
  core/cli/config.c core/cli/config.h core/cli/detect.c core/cli/detect.h core/cli/execute.h core/cli/execute_calls.c core/cli/execute_choose.c \
  core/cli/execute_container.c core/cli/execute_follow.c core/cli/execute_session.c core/cli/execute_task.c \
  core/cli/execute_upload.c core/cli/fetch.c core/cli/fetch.h core/cli/find.c core/cli/help.c core/cli/login.c core/cli/login.h core/cli/man.c \
  core/cli/mesos.c core/cli/sandbox.c core/cli/sandbox.h core/cli/session.c core/cli/session.h \
  core/cli/session_input.c core/cli/ssh.c core/cli/ssh.h core/cli/tasks.c core/cli/tasks.h core/cli/tls.c core/cli/tls.h core/cli/term.c \
  core/cli/term.h core/cli/term_json.c
core_cli_mesos_LDADD = core/host/libhost.a core/wire/libwire.a core/model/libmodel.a core/conf/libconf.a core/loop/libloop.a \
  module-api/proto/libproto.a core/base/libbase.a $(PROTOBUF_C_LIBS) $(LIBEVENT_LIBS) $(JANSSON_LIBS) $(INIH_LIBS) \
  $(ZLIB_LIBS) $(LTDL_LIBS) -lm -lpthread

# The names that people know from Mesos are links to the one program.
CLI_NAMES = mesos-execute mesos-ps mesos-cat mesos-head mesos-tail mesos-ls mesos-find mesos-state mesos-resolve \
  mesos-events mesos-ssh mesos-scp mesos-config mesos-completion mesos-help
install-exec-hook: install-cli-links
install-cli-links:
	for name in $(CLI_NAMES); do $(LN_S) -f mesos $(DESTDIR)$(bindir)/$$name || exit 1; done
uninstall-hook: uninstall-cli-links
uninstall-cli-links:
	for name in $(CLI_NAMES); do rm -f $(DESTDIR)$(bindir)/$$name; done

# Where the shells look for completions by themselves. Generated (make samples).
bash_completiondir = $(datadir)/bash-completion/completions
dist_bash_completion_DATA = contrib/completion/mesos
zsh_completiondir = $(datadir)/zsh/site-functions
dist_zsh_completion_DATA = contrib/completion/_mesos
fish_completiondir = $(datadir)/fish/vendor_completions.d
dist_fish_completion_DATA = contrib/completion/mesos.fish
