# SPDX-License-Identifier: Apache-2.0
"""Oversubscription end to end: what an estimator lends out is offered to whom may have it, tasks run on it, and a controller
takes it back; through restarts of agent and master."""
import json
import os
import queue
import subprocess
import time

import pytest

from cluster import wait_for
from scheduler import CallFailed, Scheduler, TERMINAL, command_task, scalar

REVOCABLE = [{"type": "MULTI_ROLE"}, {"type": "REVOCABLE_RESOURCES"}]
FIXED = json.dumps({"libraries": [{"file": "/usr/lib/libfixed_resource_estimator.so", "modules": [
    {"name": "org_apache_mesos_FixedResourceEstimator",
     "parameters": [{"key": "resources", "value": "cpus:3;mem:512"}]}]}]})


def settings(directory, text):
    path = os.path.join(directory, "modules.ini")
    with open(path, "w", encoding="utf-8") as ini:
        ini.write(text)
    return path


def estimator(resources):
    return f"resource_estimator = fixed\noversubscribed_resources_interval = 100ms\n[fixed]\nresources = {resources}\n"


@pytest.fixture
def lending(make_cluster):
    """A cluster whose agent has 2 cpus of its own and lends 3 more, as its file says."""
    cluster = make_cluster(agents=0, master_flags={"allocation_interval": "50ms"})
    path = settings(cluster.directory, estimator("cpus:3;mem:512"))
    cluster.add_agent({"resources": "cpus:2;mem:1024;disk:1000;ports:[31000-31010]", "config": path})
    wait_for(lambda: "cpus_revocable" in cluster.master.get("/slaves")["slaves"][0]["resources"], what="an estimate")
    return cluster


def revocable(offer):
    return {r["name"]: r["scalar"]["value"] for r in offer["resources"] if "revocable" in r}


def firm(offer):
    return {r["name"]: r["scalar"]["value"] for r in offer["resources"] if "revocable" not in r and "scalar" in r}


def best_effort(task_id, command, offer, cpus=1, mem=64):
    task = command_task(task_id, command, offer)
    task["resources"] = [scalar("cpus", cpus, revocable={}), scalar("mem", mem, revocable={})]
    return task


def revocable_offer(scheduler, cpus=None):
    """The next offer with revocable cpus (that many); others are declined."""
    end = time.monotonic() + 15
    while True:
        offer = scheduler.offer(timeout=max(0.01, end - time.monotonic()))
        if "cpus" in revocable(offer) and cpus in (None, revocable(offer)["cpus"]):
            return offer
        try:
            scheduler.decline(offer)
        except CallFailed:
            pass


def metric(daemon, name):
    return daemon.get("/metrics/snapshot")[name]


def test_offers_and_tasks(lending):
    """Only who may have revocable resources sees them; a task runs on them, and views and metrics show it."""
    plain = Scheduler(lending.address, name="plain").subscribe()
    offer = plain.offer()
    assert not revocable(offer) and firm(offer)["cpus"] == 2
    # All that is firm is on offer: what is free is revocable, and the reason that is given says so.
    reason, = lending.master.get("/master/explain?framework_id=" + plain.framework_id)["explanations"]
    assert reason["free"] == "cpus{REV}:3; mem{REV}:512" and "revocable" in json.dumps(reason)
    plain.accept(offer, [command_task("firm", "sleep 1000", offer, cpus=2, mem=1024)])
    plain.until("firm", ["TASK_RUNNING"])

    taker = Scheduler(lending.address, name="taker", capabilities=REVOCABLE).subscribe()
    offer = revocable_offer(taker)
    assert revocable(offer) == {"cpus": 3, "mem": 512}
    agent, = lending.master.get("/slaves")["slaves"]
    assert (agent["resources"]["cpus"], agent["resources"]["cpus_revocable"]) == (2, 3)
    assert agent["offered_resources"]["cpus_revocable"] == 3
    assert [r for r in agent["unreserved_resources_full"] if "revocable" in r]

    # Firm and revocable cpus do not mix in one task.
    mixed = best_effort("mixed", "true", offer)
    mixed["resources"].append(scalar("cpus", 0.001))
    taker.accept(offer, [mixed])
    status = taker.until("mixed", TERMINAL)[-1]
    assert status["state"] == "TASK_ERROR", status

    offer = revocable_offer(taker, 3)
    taker.accept(offer, [best_effort("idle", "sleep 1000", offer, cpus=2, mem=100)])
    taker.until("idle", ["TASK_RUNNING"])
    rest = revocable_offer(taker, 1)
    assert revocable(rest) == {"cpus": 1, "mem": 412}
    agent, = lending.master.get("/slaves")["slaves"]
    assert (agent["resources"]["cpus_revocable"], agent["used_resources"]["cpus_revocable"]) == (3, 2)
    framework, = [f for f in lending.master.get("/state")["frameworks"] if f["id"] == taker.framework_id]
    assert framework["used_resources"]["cpus_revocable"] == 2
    assert framework["tasks"][0]["resources"]["mem_revocable"] == 100
    for daemon, prefix in ((lending.master, "master/"), (lending.agents[0], "slave/")):
        assert metric(daemon, prefix + "cpus_revocable_total") == 3
        assert metric(daemon, prefix + "cpus_revocable_used") == 2
        assert metric(daemon, prefix + "cpus_revocable_percent") == pytest.approx(2 / 3)
        assert metric(daemon, prefix + "mem_revocable_used") == 100
        assert metric(daemon, prefix + "cpus_total") == 2
    assert metric(lending.master, "master/cpus_used") == 2

    # The task ends: all of it is offered again.
    taker.decline(rest, refuse_seconds=0.2)
    taker.kill("idle")
    taker.until("idle", TERMINAL)
    assert revocable(revocable_offer(taker, 3)) == {"cpus": 3, "mem": 512}
    plain.teardown()
    taker.teardown()


def test_estimates_change_over_restarts(lending):
    """An agent that comes back with less, and a new master: offers of what is gone are rescinded, tasks run on."""
    taker = Scheduler(lending.address, name="taker", capabilities=REVOCABLE, failover_timeout=600.0,
                      checkpoint=True).subscribe()
    offer = revocable_offer(taker, 3)
    taker.accept(offer, [best_effort("idle", "sleep 1000", offer, cpus=1, mem=100)])
    taker.until("idle", ["TASK_RUNNING"])
    outstanding = revocable_offer(taker, 2)
    agent = lending.agents[0]
    agent.kill()
    settings(lending.directory, estimator("cpus:1.5;mem:512"))
    agent.start()
    end = time.monotonic() + 15
    while True:
        event = taker.others.get(timeout=max(0.01, end - time.monotonic()))
        if event["type"] == "RESCIND" and event["rescind"]["offer_id"] == outstanding["id"]:
            break
    assert revocable(revocable_offer(taker, 0.5)) == {"cpus": 0.5, "mem": 412}

    # Less than what runs: nothing more is offered, and nothing is killed for it.
    agent.kill()
    settings(lending.directory, estimator("cpus:0.25;mem:512"))
    agent.start()
    wait_for(lambda: lending.master.get("/slaves")["slaves"][0]["resources"].get("cpus_revocable") == 1,
             what="the smaller estimate")
    # A new master learns of it from the agent.
    lending.master.kill()
    lending.master.start()
    taker.thread.join(60)
    taker.subscribe()
    wait_for(lambda: [s for s in lending.master.get("/slaves")["slaves"]
                      if s["resources"].get("cpus_revocable") == 1 and s["used_resources"].get("cpus_revocable") == 1],
             20, "the agent's estimate in the new master")
    assert not [s for s in taker.history if s["state"] in TERMINAL]
    taker.kill("idle")
    assert taker.until("idle", TERMINAL)[-1]["state"] == "TASK_KILLED"
    taker.teardown()


def test_preemption(make_cluster):
    """Load above the threshold: executors with revocable resources go, the others stay. Mesos's own names of modules."""
    cluster = make_cluster(agents=0, master_flags={"allocation_interval": "50ms"})
    flags = {"resources": "cpus:2;mem:1024;disk:1000", "modules": FIXED, "oversubscribed_resources_interval": "100ms",
             "resource_estimator": "org_apache_mesos_FixedResourceEstimator", "config": settings(cluster.directory, "")}
    agent = cluster.add_agent(flags)
    aware = Scheduler(cluster.address, name="aware", failover_timeout=600.0, checkpoint=True,
                      capabilities=REVOCABLE + [{"type": "PARTITION_AWARE"}]).subscribe()
    offer = revocable_offer(aware)
    aware.accept(offer, [best_effort("idle", "sleep 1000", offer, cpus=1)])
    aware.until("idle", ["TASK_RUNNING"])
    old = Scheduler(cluster.address, name="old", failover_timeout=600.0, checkpoint=True,
                    capabilities=REVOCABLE).subscribe()
    while True:  # whatever the other holds is given back
        try:
            aware.decline(aware.offer(timeout=0.3), refuse_seconds=600)
        except queue.Empty:
            break
    offer = revocable_offer(old)
    if firm(offer).get("cpus", 0) < 0.5:
        old.decline(offer)
        offer = old.offer()
    old.accept(offer, [best_effort("old-idle", "sleep 1000", offer, cpus=1),
                       command_task("firm", "sleep 1000", offer, cpus=0.5, mem=64)])
    wait_for(lambda: {s["task_id"]["value"] for s in old.history if s["state"] == "TASK_RUNNING"} == {"old-idle", "firm"},
             what="both tasks")
    agent.kill()
    # Every machine's load is above this.
    settings(cluster.directory, "qos_controller = org_apache_mesos_LoadQoSController\n"
                                "[org_apache_mesos_LoadQoSController]\nload_threshold_15min = -1\n")
    agent.start()
    status = aware.until("idle", TERMINAL)[-1]
    assert (status["state"], status["reason"], status["source"]) == (
        "TASK_GONE", "REASON_CONTAINER_PREEMPTED", "SOURCE_AGENT"), status
    assert "Container preempted by QoS correction" in status["message"]
    status = old.until("old-idle", TERMINAL)[-1]
    assert (status["state"], status["reason"]) == ("TASK_LOST", "REASON_CONTAINER_PREEMPTED"), status
    time.sleep(0.5)
    assert not [s for s in old.history if s["task_id"]["value"] == "firm" and s["state"] in TERMINAL]
    assert metric(agent, "slave/executors_preempted") == 2
    assert [line for line in agent.log().splitlines() if "above the threshold" in line]
    aware.teardown()
    old.teardown()


@pytest.mark.parametrize("text, parts", [
    ("resource_estimator = nosuch", ["nosuch", "resource_estimator"]),
    ("qos_controller = nosuch", ["nosuch", "qos_controller"]),
    ("qos_controller = fixed", ["fixed", "qos_controller"]),
    ("resource_estimator = fixed", ["parameter 'resources' is required"]),
    ("resource_estimator = fixed\n[fixed]\nresources = cpus:many", ["resources", "cpus:many"]),
    ("resource_estimator = fixed\n[fixed]\nresources = cpus(web):1", ["cpus(web):1", "plain"]),
    ("resource_estimator = fixed\n[fixed]\nresource = cpus:1", ["resource", "did you mean 'resources'"]),
    ("qos_controller = load", ["no threshold is set", "load_threshold_5min"]),
    ("qos_controller = load\n[load]\nload_threshold_5min = much", ["load_threshold_5min", "'much'", "number"]),
    ("oversubscribed_resources_interval = 0ns", ["oversubscribed_resources_interval", "0ns"]),
    ("qos_correction_interval_min = soon", ["qos_correction_interval_min", "soon"]),
])
def test_refusals(tmp_path, make_cluster, text, parts):
    """A wrong name or parameter: one clear line, and the agent does not start."""
    cluster = make_cluster(agents=0)
    agent = cluster.add_agent({"config": settings(str(tmp_path), text + "\n")}, start=False)
    done = subprocess.run(agent.argv, env=agent.env, cwd=cluster.directory, timeout=20, text=True, check=False,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert done.returncode not in (0, -6, -11), done.stdout
    for part in parts:
        assert part in done.stdout, done.stdout


def test_noop(make_cluster):
    """The names of those that do nothing."""
    cluster = make_cluster(agent_flags={"resource_estimator": "noop", "qos_controller": "noop",
                                        "oversubscribed_resources_interval": "50ms"})
    time.sleep(0.3)
    assert metric(cluster.agents[0], "slave/cpus_revocable_total") == 0
    cluster.agents[0].stop()
    assert cluster.agents[0].process.returncode in (0, -15)
