# SPDX-License-Identifier: Apache-2.0
"""Every metric that Mesos names is on a real daemon, or its absence has a reason; Prometheus is shown the same values."""
import csv
import fnmatch
import os
import re
import shutil
import signal
import tempfile
import urllib.request

import pytest

from cluster import Cluster, wait_for
from libprocess import Peer, make
from scheduler import Scheduler, command_task

FACTS = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "facts")
PERCENTILES = ["count", "max", "min", "p50", "p90", "p95", "p99", "p999", "p9999"]


def table(name):
    with open(os.path.join(FACTS, name), encoding="utf-8", newline="") as f:
        return list(csv.DictReader(f, delimiter="\t", quoting=csv.QUOTE_NONE))


def pattern(name):
    """<role> may hold slashes; the other words of the table may not."""
    if name == "master/<task state>/<source>/<reason>":
        return re.compile(r"master/task_\w+/source_\w+/reason_\w+")
    text = re.escape(name).replace(r"\ ", " ")
    text = re.sub(r"<(role|principal)>", r".+", text)
    return re.compile(re.sub(r"<[^>]*>", r"[^/]+", text))


@pytest.fixture(scope="module")
def busy():
    """A cluster in which everything that makes a metric has happened once."""
    cluster = Cluster(tempfile.mkdtemp(prefix="cm-"), {"allocation_interval": "50ms"}).start(1)
    scheduler = Scheduler(cluster.address, name="my framework/x", roles=["web", "ops/x"], principal="p/q",
                          capabilities=[{"type": "MULTI_ROLE"}]).subscribe()
    scheduler.run("good", "true")
    offer = scheduler.offer()
    scheduler.accept(offer, [command_task("bad", "exit 3", offer)])
    scheduler.until("bad", {"TASK_FAILED"})
    offer = scheduler.offer()
    scheduler.accept(offer, [command_task("huge", "true", offer, cpus=10000)])
    scheduler.until("huge", {"TASK_ERROR"})
    offer = scheduler.offer()
    scheduler.decline(offer, refuse_seconds=100)
    wait_for(lambda: any(v and k.endswith("/active") for k, v in cluster.master.get("/metrics/snapshot").items()),
             what="a filter")
    yield cluster, scheduler
    scheduler.teardown()
    cluster.stop()
    complaints = cluster.complaints()
    cluster.remove()
    assert not complaints, "\n".join(complaints)


@pytest.mark.parametrize("component", ["master", "agent"])
def test_every_name(busy, component):
    cluster, _ = busy
    have = (cluster.master if component == "master" else cluster.agents[0]).get("/metrics/snapshot")
    excused = [row["metric"] for row in table("metrics-exceptions.tsv") if row["component"] == component]
    missing, idle = [], set(excused)
    for row in table("metrics.tsv"):
        name = row["metric"]
        if row["component"] != component:
            continue
        excuse = [e for e in excused if fnmatch.fnmatchcase(name, e)]
        wanted = [name]
        if row["type"] == "timer":
            wanted += [f"{name}/{p}" for p in PERCENTILES]
        found = [w for w in wanted if any(pattern(w).fullmatch(h) for h in have)]
        if excuse:
            idle -= set(excuse)
            assert not found, f"{name} is there: no reason for an exception"
        elif found != wanted:
            missing += sorted(set(wanted) - set(found))
    assert not missing
    assert not idle, "exceptions for what the table does not have"
    assert all(isinstance(v, float) for v in have.values())


def test_launches_are_counted_by_operation(make_cluster):
    """Not by ACCEPT: it may hold several launches, or none; and a launch of no task is a decline."""
    cluster = make_cluster(1, {"allocation_interval": "50ms"})
    scheduler = Scheduler(cluster.address).subscribe()

    def accept(*launches):
        offer = scheduler.offer()
        operations = [{"type": "LAUNCH", "launch": {"task_infos": [command_task(name, "true", offer) for name in names]}}
                      for names in launches]
        scheduler.call("ACCEPT", accept={"offer_ids": [offer["id"]], "operations": operations,
                                         "filters": {"refuse_seconds": 0}})
        snapshot = cluster.master.get("/metrics/snapshot")
        return [snapshot["master/messages_" + name] for name in ("launch_tasks", "decline_offers")]

    try:
        assert accept() == [0, 0]
        assert accept([]) == [0, 1]
        assert accept(["a", "b"]) == [1, 1]
        assert accept(["c"], [], ["d"]) == [3, 2]
    finally:
        scheduler.teardown()


def parse(text):
    """{family: type}, {series: value}; every line of the page must be understood."""
    types, series = {}, {}
    for line in text.splitlines():
        if line.startswith("# TYPE "):
            _, _, family, kind = line.split(" ")
            assert family not in types, family
            types[family] = kind
        elif not line.startswith("# "):
            match = re.fullmatch(r'([a-zA-Z_:][\w:]*)(\{(?:\w+="(?:[^"\\]|\\.)*",?)*\})? (\S+)', line)
            assert match, line
            assert match[1] + (match[2] or "") not in series, line
            series[match[1] + (match[2] or "")] = float(match[3])
    return types, series


def fetch(daemon, accept=None):
    request = urllib.request.Request(daemon.url + "/metrics", headers={"Accept": accept} if accept else {})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return answer.headers["Content-Type"], answer.read().decode()


def test_prometheus_text(busy):
    cluster, scheduler = busy
    kind, text = fetch(cluster.master)
    assert kind == "text/plain; version=0.0.4; charset=utf-8"
    types, series = parse(text)
    assert types["mesos_master_tasks"] == "gauge" and types["mesos_master_tasks_ended_total"] == "counter"
    assert types["mesos_allocator_allocation_run_seconds"] == "summary"
    assert series['mesos_master_tasks_ended_total{state="finished"}'] == 1
    assert series['mesos_master_tasks_ended_total{state="failed"}'] == 1
    labels = f'framework="my framework/x",framework_id="{scheduler.framework_id}"'
    assert series[f'mesos_framework_calls_total{{{labels},call="subscribe"}}'] == 1
    assert series[f'mesos_framework_role_suppressed{{{labels},role="ops/x"}}'] == 0
    assert 'mesos_master_task_reasons_total{state="error",source="master",reason="task_invalid"}' in series
    assert series['mesos_master_principal_messages_received_total{principal="p/q"}'] == 0  # as in Mesos: v0 alone, without limits
    memory = cluster.master.get("/metrics/snapshot")["master/mem_total"]
    assert series['mesos_master_memory_capacity_bytes{revocable="false"}'] == memory * 1048576
    assert series["process_resident_memory_bytes"] > 0
    assert not [name for name in series if name.startswith("mesos_module_metric")], "a metric without a row in the table"
    types, series = parse(fetch(cluster.agents[0])[1])
    assert series['mesos_agent_tasks_ended_total{state="finished"}'] == 1 and series["mesos_agent_registered"] == 1
    assert not [name for name in series if name.startswith("mesos_module_metric")]


def test_openmetrics(busy):
    cluster, _ = busy
    kind, text = fetch(cluster.master, "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.2")
    assert kind.startswith("application/openmetrics-text; version=1.0.0")
    assert text.endswith("# EOF\n")
    assert "# TYPE mesos_master_tasks_ended counter\n" in text and "mesos_master_tasks_ended_total{" in text
    for accept in ("text/plain", "*/*", "application/openmetrics-text;q=0", "application/openmetrics-text;q=x", ";;,,;q="):
        assert fetch(cluster.master, accept)[0].startswith("text/plain"), accept


def test_snapshot_forms(busy):
    cluster, _ = busy
    raw = cluster.master.get("/metrics/snapshot", raw=True)
    raw = raw if isinstance(raw, str) else raw.decode()
    assert '"master/elected":1' in raw and ", " not in raw and ": " not in raw
    wrapped = cluster.master.get("/metrics/snapshot?jsonp=f&timeout=1secs", raw=True)
    wrapped = wrapped if isinstance(wrapped, str) else wrapped.decode()
    assert wrapped.startswith("f({") and wrapped.endswith("})")


def test_metrics_of_frameworks_go_with_them(busy):
    cluster, _ = busy
    other = Scheduler(cluster.address, name="other", principal="someone").subscribe()
    names = cluster.master.get("/metrics/snapshot")
    assert any(other.framework_id in n for n in names) and "frameworks/someone/messages_received" in names
    other.teardown()
    wait_for(lambda: not any(other.framework_id in n or n.startswith("frameworks/someone/")
                             for n in cluster.master.get("/metrics/snapshot")))


def test_an_idle_master_has_what_exporters_wait_for(make_cluster):
    """mesos_exporter stops for ever at a name that is not there, so these may not wait for the first agent."""
    cluster = make_cluster(agents=0, master_flags={"allocation_interval": "50ms"})
    wanted = [f"allocator/mesos/{t}{p}" for t in ("allocation_run_ms", "allocation_run_latency_ms")
              for p in ("", "/min", "/max", "/p50", "/p90", "/p95", "/p99", "/p999", "/p9999")]
    wanted += [f"allocator/mesos/resources/{r}/{w}" for r in ("cpus", "mem", "disk") for w in ("total", "offered_or_allocated")]
    wanted += ["allocator/mesos/allocation_runs", "allocator/mesos/event_queue_dispatches", "registrar/state_store_ms"]
    wait_for(lambda: not set(wanted) - set(cluster.master.get("/metrics/snapshot")), timeout=5, what=str(wanted))


def test_messages_by_principal(make_cluster):
    """Only what drivers send over libprocess counts, and the figures go with the principal's last framework."""
    cluster = make_cluster(agents=0)
    driver = Peer("scheduler(1)")
    try:
        info = {"user": "root", "name": "old", "principal": "slow"}
        driver.send("master@" + cluster.address, make("RegisterFrameworkMessage", framework=info))
        framework_id = driver.value("FrameworkRegisteredMessage").framework_id
        for _ in range(3):
            driver.send("master@" + cluster.address, make("ReviveOffersMessage", framework_id=framework_id))

        def counted():
            metrics = cluster.master.get("/metrics/snapshot")
            return [metrics.get(f"frameworks/slow/messages_{what}") for what in ("received", "processed")]
        wait_for(lambda: counted() == [3, 3], what=f"the messages, not {counted()}")
        driver.send("master@" + cluster.address, make("UnregisterFrameworkMessage", framework_id=framework_id))
        wait_for(lambda: counted() == [None, None], what="their end")
    finally:
        driver.close()


def test_losing_agents_is_counted(make_cluster):
    """One agent is marked unreachable, one comes back while it waits for its turn, one is replaced at its address."""
    cluster = make_cluster(agents=2, master_flags={"agent_ping_timeout": "1secs", "max_agent_ping_timeouts": 1,
                                                   "agent_removal_rate_limit": "1/10mins"})
    cluster.wait_agents(2)

    def counted(*names):
        metrics = cluster.master.get("/metrics/snapshot")
        return [int(metrics["master/" + name]) for name in names]
    steps = [f"slave_unreachable_{step}" for step in ("scheduled", "completed", "canceled")]
    for agent in cluster.agents:
        os.kill(agent.process.pid, signal.SIGSTOP)
    try:
        wait_for(lambda: counted(*steps) == [2, 1, 0], what="one marked, one waiting")
    finally:
        for agent in cluster.agents:
            os.kill(agent.process.pid, signal.SIGCONT)
    wait_for(lambda: counted(*steps)[2] == 1, what="the other back")
    wait_for(lambda: counted("slaves_active") == [2], what="both back")
    agent = cluster.agents[0]
    agent.kill()
    for flag in agent.argv:
        if flag.startswith("--work_dir="):
            shutil.rmtree(flag.partition("=")[2])
    agent.start()
    wait_for(lambda: counted("slave_removals/reason_registered") == [1], what="a replaced agent")
    assert counted("slave_removals/reason_unhealthy", "slave_removals/reason_unregistered") == [1, 0]
