# SPDX-License-Identifier: Apache-2.0
# The two daemons' programs. libmain: option tables and what both programs share; it stands first on link lines.
noinst_LIBRARIES += core/main/libmain.a
core_main_libmain_a_CPPFLAGS = $(AM_CPPFLAGS) -DMESOS_HAVE_LIBNL=$(LIBNL_IS_THERE)
core_main_libmain_a_SOURCES = core/agent/isolation.c core/agent/isolation.h core/agent/launcher.c core/agent/launcher.h core/agent/options.c core/agent/options.h core/agent/options_check.c core/agent/options_check.h core/daemon/options.c core/daemon/options.h core/daemon/tls.c core/daemon/tls.h \
  core/main/handover.c core/main/harden.c core/main/identity.c core/main/limits.c core/main/memory.c core/main/notify.c core/main/protection.c core/main/process.c core/main/process.h \
  core/main/realms.c core/main/realms.h \
  core/master/options.c core/master/options.h
DAEMON_LIBS = core/daemon/libdaemon.a core/host/libhost.a core/wire/libwire.a core/model/libmodel.a \
  module-api/proto/libproto.a core/conf/libconf.a core/loop/libloop.a core/base/libbase.a \
  $(LIBEVENT_LIBS) $(PROTOBUF_C_LIBS) $(LTDL_LIBS) $(ZLIB_LIBS) $(CONF_LIBS) $(SECCOMP_LIBS) -lpthread -lm

sbin_PROGRAMS += core/main/mesos-master core/main/mesos-agent
core_main_mesos_master_SOURCES = core/main/mesos_master.c core/master/master.h
core_main_mesos_master_LDADD = core/main/libmain.a core/master/libmaster.a $(DAEMON_LIBS)
core_main_mesos_agent_SOURCES = core/main/mesos_agent.c core/agent/agent.h
core_main_mesos_agent_LDADD = core/main/libmain.a core/agent/libagent.a $(DAEMON_LIBS)

# The agent's name of old.
INSTALL_EXEC_HOOKS += install-mesos-slave
install-mesos-slave:
	$(MKDIR_P) "$(DESTDIR)$(sbindir)" && ln -sf mesos-agent "$(DESTDIR)$(sbindir)/mesos-slave"
UNINSTALL_HOOKS += uninstall-mesos-slave
uninstall-mesos-slave:
	rm -f "$(DESTDIR)$(sbindir)/mesos-slave"
