# SPDX-License-Identifier: Apache-2.0
"""The agent dies at the very instants at which it writes: whatever it was about, the next one knows how to go on."""
import subprocess

import pytest

from cluster import wait_for
from scheduler import TERMINAL, Scheduler, command_task

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
        agent.process.wait(20)
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
    last = wait_for(settled, 40, "every task to run or to be reported")
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
