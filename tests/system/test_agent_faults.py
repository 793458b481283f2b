# SPDX-License-Identifier: Apache-2.0
"""The agent dies at the very instants at which it writes: whatever it was about, the next one knows how to go on."""
import os
import random
import subprocess
import time

import pytest

from cluster import wait_for
from scheduler import TERMINAL, Scheduler, command_task, group_operation

TASKS = 12

# The name of a fault point and the pass at which the process kills itself there.
INSTANTS = ["checkpoint/record=kill@2", "launch/checkpoint=kill@1", "launch/checkpoint=kill@7", "journal/write=kill@1",
            "journal/write=kill@5", "journal/write=kill@20", "journal/write=kill@33", "journal/sync=kill@1",
            "journal/sync=kill@9", "journal/sync=kill@21"]


@pytest.mark.parametrize("instant", INSTANTS)
def test_killed_at(make_cluster, instant):
    cluster = make_cluster(agents=0)
    agent = cluster.add_agent({"resources": "cpus:100;mem:100000;disk:10000"}, start=False)
    agent.env = {**agent.env, "MESOS_FAULT": instant}
    agent.start()
    agent_id = cluster.wait_agents(1)[0]["id"]
    scheduler = Scheduler(cluster.address, failover_timeout=60.0, checkpoint=True).subscribe()
    offer = scheduler.offer()
    scheduler.accept(offer, [command_task(f"w{i}", "sleep 1000" if i % 2 else "sleep 0.2", offer, cpus=0.01)
                             for i in range(TASKS)])
    try:
        agent.process.wait(60)
    except subprocess.TimeoutExpired:
        pytest.fail(f"the agent never came by {instant}")
    agent.env = {name: value for name, value in agent.env.items() if name != "MESOS_FAULT"}
    agent.start()

    def back():
        return [a for a in cluster.master.get("/slaves")["slaves"] if a["active"]]
    assert wait_for(back, 40, "the agent to be back")[0]["id"] == agent_id

    def settled():
        last = {s["task_id"]["value"]: s["state"] for s in list(scheduler.history)}
        return len(last) == TASKS and all(state in TERMINAL or (state == "TASK_RUNNING" and int(name[1:]) % 2)
                                          for name, state in last.items()) and last
    last = wait_for(settled, 90, "every task to run or to be reported")
    uuids = [s["uuid"] for s in scheduler.history if "uuid" in s]
    assert len(uuids) == len(set(uuids)), "an acknowledged update came again"
    for name, state in last.items():
        if state not in TERMINAL:
            scheduler.kill(name)
    wait_for(lambda: all(s["state"] in TERMINAL for s in {
        s["task_id"]["value"]: s for s in list(scheduler.history)}.values()), 40, "all to end")
    # No task tells two ends.
    ends = [s["task_id"]["value"] for s in scheduler.history if s["state"] in TERMINAL]
    assert len(ends) == len(set(ends))
    scheduler.teardown()


# ---- every checkpoint that a restart may need, of commands and pods ----

# Renames: version, boot id, agent info; framework, its pid; then executors' and tasks' files, and pids. Links: of the agent
# and its sandboxes, then two of each executor.
WRITES = ["file_rename=kill@4", "file_rename=kill@5", "file_rename=kill@6", "file_rename=kill@8", "file_rename=kill@11",
          "file_write=kill@7", "checkpoint/link=kill@3", "checkpoint/link=kill@4", "checkpoint/link=kill@6",
          "checkpoint/touch=kill@1", "checkpoint/touch=kill@2"]


def runs(directory, name):
    """How often a task began: each of its runs leaves a line."""
    try:
        with open(os.path.join(directory, name), encoding="utf-8") as f:
            return len(f.readlines())
    except OSError:
        return 0


def work(directory, name, seconds):
    return f"echo {name} >> {directory}/{name}; sleep {seconds}"


def operations(scheduler, offer, directory, round_=""):
    """Two commands and a pod of two, of each kind one that stays."""
    tasks = [command_task(f"c{round_}-{kind}", work(directory, f"c{round_}-{kind}", seconds), offer, cpus=0.01)
             for kind, seconds in (("stays", 1000), ("ends", 0.3))]
    pod = [command_task(f"p{round_}-{kind}", work(directory, f"p{round_}-{kind}", seconds), offer, cpus=0.01)
           for kind, seconds in (("stays", 1000), ("stays2", 1000))]
    return [{"type": "LAUNCH", "launch": {"task_infos": tasks}},
            group_operation(scheduler.framework_id, f"pod{round_}", pod)], [t["name"] for t in tasks + pod]


def settled(scheduler, names):
    last = {s["task_id"]["value"]: s["state"] for s in list(scheduler.history)}
    return all(last.get(name) in TERMINAL or (last.get(name) == "TASK_RUNNING" and "stays" in name) for name in names) and last


def finish(scheduler, names, directory):
    last = wait_for(lambda: settled(scheduler, names), 90, f"every task of {names} to run or to be reported")
    for name in names:
        if last[name] == "TASK_RUNNING":
            assert runs(directory, name) == 1, name
            scheduler.kill(name)
    wait_for(lambda: all(name in ended(scheduler) for name in names), 60, "all to end")
    ends = [name for _, name in {(s.get("uuid"), s["task_id"]["value"]) for s in scheduler.history if s["state"] in TERMINAL}]
    assert len(ends) == len(set(ends)), "a task told two ends"
    assert all(runs(directory, name) <= 1 for name in names), "a task ran twice"


def ended(scheduler):
    return {s["task_id"]["value"] for s in list(scheduler.history) if s["state"] in TERMINAL}


@pytest.mark.parametrize("instant", WRITES)
def test_killed_when_it_writes(make_cluster, instant):
    cluster = make_cluster(agents=0)
    agent = cluster.add_agent({"resources": "cpus:100;mem:100000;disk:10000"}, start=False)
    agent.env = {**agent.env, "MESOS_FAULT": instant}
    agent.start()
    agent_id = cluster.wait_agents(1)[0]["id"]
    scheduler = Scheduler(cluster.address, failover_timeout=60.0, checkpoint=True).subscribe()
    offer = scheduler.offer()
    wanted, names = operations(scheduler, offer, cluster.directory)
    scheduler.accept(offer, [], operations=wanted)
    try:
        agent.process.wait(60)
    except subprocess.TimeoutExpired:
        pytest.fail(f"the agent never came by {instant}")
    agent.env = {name: value for name, value in agent.env.items() if name != "MESOS_FAULT"}
    agent.start()
    assert wait_for(lambda: [a for a in cluster.master.get("/slaves")["slaves"] if a["active"]], 40,
                    "the agent to be back")[0]["id"] == agent_id
    finish(scheduler, names, cluster.directory)
    scheduler.teardown()


def standing_offer(scheduler, rescinded):
    """One that was not taken back when the agent went."""
    while True:
        offer = scheduler.offer()
        time.sleep(0.2)
        while not scheduler.others.empty():
            event = scheduler.others.get()
            if event["type"] == "RESCIND":
                rescinded.add(event["rescind"]["offer_id"]["value"])
        if offer["id"]["value"] not in rescinded:
            return offer


def test_killed_at_any_time(make_cluster):
    cluster = make_cluster(agents=0)
    agent = cluster.add_agent({"resources": "cpus:100;mem:100000;disk:10000"})
    agent_id = cluster.wait_agents(1)[0]["id"]
    scheduler = Scheduler(cluster.address, failover_timeout=60.0, checkpoint=True).subscribe()
    seed = int(os.environ.get("CMESOS_SEED", time.time_ns() % 1000000))
    print("CMESOS_SEED =", seed)
    dice = random.Random(seed)
    names, crashes, rescinded = [], [], set()
    for round_ in range(5):
        offer = standing_offer(scheduler, rescinded)
        wanted, more = operations(scheduler, offer, cluster.directory, round_)
        names += more
        scheduler.accept(offer, [], operations=wanted)
        time.sleep(dice.uniform(0, 0.6))
        agent.kill()
        crashes.append(time.monotonic())
        agent.start()
        assert wait_for(lambda: [a for a in cluster.master.get("/slaves")["slaves"] if a["active"]], 40,
                        "the agent to be back")[0]["id"] == agent_id
    finish(scheduler, names, cluster.directory)
    told = {}
    for status in list(scheduler.history):
        if "uuid" in status:
            told.setdefault(status["uuid"], []).append(status["received"])
    # An acknowledgement that was on its way when the agent died is lost with it; none that had arrived is.
    for times in told.values():
        for crash in crashes:
            assert not (len(times) > 1 and times[0] < crash - 5 and times[1] > crash)
    scheduler.teardown()
