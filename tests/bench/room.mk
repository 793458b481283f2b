# SPDX-License-Identifier: Apache-2.0
# Figures, printed and never asserted. Built by `make check`, run by hand; one of them runs there on a small scale.
check_PROGRAMS += tests/bench/failover tests/bench/codec tests/bench/containers tests/bench/launch tests/bench/master tests/bench/recovery tests/bench/idle tests/bench/state
BENCH_LIBS = core/wire/libwire.a module-api/proto/libproto.a $(LOOP_LIBS) $(PROTOBUF_C_LIBS) $(ZLIB_LIBS) -lm
BENCH_CLUSTER = tests/bench/cluster.c tests/bench/cluster.h tests/bench/figures.c tests/bench/figures.h \
  tests/bench/scheduler.c tests/bench/scheduler.h
tests_bench_codec_SOURCES = tests/bench/codec.c
tests_bench_codec_LDADD = core/wire/libwire.a module-api/proto/libproto.a core/base/libbase.a $(PROTOBUF_C_LIBS) -lm
tests_bench_containers_SOURCES = tests/bench/containers.c tests/bench/poll.c tests/bench/poll.h $(BENCH_CLUSTER)
tests_bench_containers_LDADD = $(BENCH_LIBS)
tests_bench_launch_SOURCES = tests/bench/launch.c $(BENCH_CLUSTER)
tests_bench_launch_LDADD = $(BENCH_LIBS)
tests_bench_master_SOURCES = tests/bench/master.c tests/bench/peer.c tests/bench/peer.h $(BENCH_CLUSTER)
tests_bench_master_LDADD = $(BENCH_LIBS)
tests_bench_failover_SOURCES = tests/bench/failover.c tests/bench/storm.c tests/bench/storm.h tests/bench/peer.c \
  tests/bench/peer.h $(BENCH_CLUSTER)
tests_bench_failover_LDADD = $(BENCH_LIBS)
tests_bench_recovery_SOURCES = tests/bench/recovery.c $(BENCH_CLUSTER)
tests_bench_recovery_LDADD = $(BENCH_LIBS)
tests_bench_idle_SOURCES = tests/bench/idle.c $(BENCH_CLUSTER)
tests_bench_idle_LDADD = $(BENCH_LIBS)
tests_bench_state_SOURCES = tests/bench/state.c tests/bench/poll.c tests/bench/poll.h tests/bench/peer.c \
  tests/bench/peer.h $(BENCH_CLUSTER)
tests_bench_state_LDADD = $(BENCH_LIBS)
check_PROGRAMS += tests/bench/logins
tests_bench_logins_SOURCES = tests/bench/logins.c tests/bench/poll.c tests/bench/poll.h $(BENCH_CLUSTER)
tests_bench_logins_LDADD = $(BENCH_LIBS)
check_PROGRAMS += tests/bench/acl
tests_bench_acl_SOURCES = tests/bench/acl.c tests/bench/figures.c tests/bench/figures.h
tests_bench_acl_LDADD = $(DAEMON_LIBS)
check_PROGRAMS += tests/bench/registry
tests_bench_registry_SOURCES = tests/bench/registry.c tests/bench/figures.c tests/bench/figures.h
tests_bench_registry_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/modules
tests_bench_registry_LDADD = modules/common/libcommon.a core/host/libhost.a $(LOOP_LIBS) $(LTDL_LIBS) $(ZOOKEEPER_LIBS) -lm
check_PROGRAMS += tests/bench/throttle
tests_bench_throttle_SOURCES = tests/bench/throttle.c tests/bench/poll.c tests/bench/poll.h $(BENCH_CLUSTER)
tests_bench_throttle_LDADD = $(BENCH_LIBS)
check_PROGRAMS += tests/bench/tls
tests_bench_tls_SOURCES = tests/bench/tls.c tests/unit/loop/certificates.c tests/unit/loop/certificates.h
tests_bench_tls_CPPFLAGS = $(AM_CPPFLAGS) $(LIBCRYPTO_CFLAGS) -I$(top_srcdir)/tests/unit/loop
tests_bench_tls_LDADD = $(LOOP_LIBS) $(LIBCRYPTO_LIBS)
TESTS += tests/bench/smoke.sh
EXTRA_DIST += tests/bench/smoke.sh
