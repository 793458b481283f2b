# SPDX-License-Identifier: Apache-2.0
# Samples, units and manual pages. Configuration that is there already is never overwritten by `make install`, and none is made
# that says anything: the samples of etc/mesos, which do, are installed under names that no daemon reads.
ETC_SAMPLES = etc/mesos/master.ini etc/mesos/agent.ini
ETC_DEFAULTS = etc/default/mesos etc/default/mesos-master etc/default/mesos-slave
ETC_UNITS = etc/systemd/mesos-master.service etc/systemd/mesos-agent.service
ETC_SOCKETS = etc/systemd/mesos-master.socket etc/systemd/mesos-agent.socket
EXTRA_DIST += $(ETC_SAMPLES) $(ETC_DEFAULTS) etc/systemd/mesos-master.service.in etc/systemd/mesos-agent.service.in
dist_man_MANS = etc/man/mesos-agent.8 etc/man/mesos-cat.1 etc/man/mesos-completion.1 etc/man/mesos-config.1 \
  etc/man/mesos-containerizer.8 etc/man/mesos-default-executor.8 etc/man/mesos-docker-executor.8 etc/man/mesos-events.1 \
  etc/man/mesos-execute.1 etc/man/mesos-executor.8 etc/man/mesos-fetcher.8 etc/man/mesos-find.1 \
  etc/man/mesos-head.1 etc/man/mesos-help.1 etc/man/mesos-http-check.8 etc/man/mesos-ls.1 etc/man/mesos-master.8 \
  etc/man/mesos-ps.1 \
  etc/man/mesos-resolve.1 etc/man/mesos-scp.1 etc/man/mesos-ssh.1 etc/man/mesos-state.1 etc/man/mesos-tail.1 \
  etc/man/mesos.1
systemdunitdir = $(prefix)/lib/systemd/system
nodist_systemdunit_DATA = $(ETC_UNITS)
dist_systemdunit_DATA = $(ETC_SOCKETS)
CLEANFILES += $(ETC_UNITS)

etc/systemd/%.service: etc/systemd/%.service.in Makefile
	$(AM_V_GEN)$(MKDIR_P) etc/systemd && $(SED) 's|@sbindir@|$(sbindir)|g' '$(srcdir)/$@.in' > $@

INSTALL_DATA_HOOKS += install-etc
install-etc:
	@$(MKDIR_P) "$(DESTDIR)$(sysconfdir)/mesos" "$(DESTDIR)$(sysconfdir)/default"
	@for file in $(ETC_SAMPLES); do \
	  $(INSTALL_DATA) "$(srcdir)/$$file" "$(DESTDIR)$(sysconfdir)/$${file#etc/}.sample" || exit 1; \
	done
	@for file in $(ETC_DEFAULTS); do \
	  to="$(DESTDIR)$(sysconfdir)/$${file#etc/}"; \
	  test -e "$$to" || $(INSTALL_DATA) "$(srcdir)/$$file" "$$to" || exit 1; \
	done

UNINSTALL_HOOKS += uninstall-etc
uninstall-etc:
	@for file in $(ETC_SAMPLES); do rm -f "$(DESTDIR)$(sysconfdir)/$${file#etc/}.sample"; done
	@for file in $(ETC_DEFAULTS); do \
	  to="$(DESTDIR)$(sysconfdir)/$${file#etc/}"; \
	  if cmp -s "$(srcdir)/$$file" "$$to"; then rm -f "$$to"; fi; \
	done
