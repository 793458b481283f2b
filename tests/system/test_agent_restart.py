# SPDX-License-Identifier: Apache-2.0
"""An agent that is killed in the middle of its work and started again: same id, nothing lost, nothing told twice."""
import os
import signal
import time

from cluster import wait_for
from scheduler import TERMINAL, Scheduler, command_task

TASKS = 200


def test_kill_in_the_middle_of_200_tasks(make_cluster):
    cluster = make_cluster(agent_flags={"resources": "cpus:100;mem:100000;disk:10000"})
    agent = cluster.agents[0]
    agent_id = cluster.wait_agents(1)[0]["id"]
    scheduler = Scheduler(cluster.address, failover_timeout=60.0, checkpoint=True).subscribe()
    offer = scheduler.offer()
    # Half of them end by themselves, at about the time of the crash or after it; half of them stay.
    tasks = [command_task(f"w{i}", "sleep 1000" if i % 2 else f"sleep {0.2 + (i % 20) * 0.2:.1f}", offer, cpus=0.01,
                          mem=32) for i in range(TASKS)]
    scheduler.accept(offer, tasks)
    # In the middle: some are running, some have ended, some are not started yet.
    wait_for(lambda: sum(s["state"] == "TASK_RUNNING" for s in list(scheduler.history)) > TASKS // 4, 60, "a quarter to run")
    time.sleep(1.2)
    agent.kill()
    crash = time.monotonic()
    agent.start()
    assert wait_for(lambda: [a for a in cluster.master.get("/slaves")["slaves"] if a["active"]], 40,
                    "the agent to be back")[0]["id"] == agent_id

    def last_states():
        return {s["task_id"]["value"]: s["state"] for s in list(scheduler.history)}

    def settled():
        states = last_states()
        return len(states) == TASKS and all(
            states[f"w{i}"] in TERMINAL or (i % 2 and states[f"w{i}"] == "TASK_RUNNING") for i in range(TASKS))
    wait_for(settled, 90, "every task to run or to be reported")
    # What was acknowledged before the crash is not told again, but for acknowledgements that were still on their way.
    told = {}
    for status in list(scheduler.history):
        if "uuid" in status:
            told.setdefault(status["uuid"], []).append(status["received"])
    again = {uuid: times for uuid, times in told.items() if len(times) > 1}
    assert not [times for times in again.values() if times[0] < crash - 1]
    assert len([times for times in told.values() if times[0] < crash - 1]) > TASKS // 8
    # Those that stay are really there, and answer to a kill.
    running = [name for name, state in last_states().items() if state == "TASK_RUNNING"]
    assert len(cluster.leftovers()) >= len(running)
    for name in running:
        scheduler.kill(name)
    wait_for(lambda: all(state in TERMINAL for state in last_states().values()), 90, "all to end")
    scheduler.teardown()


def test_a_task_that_ends_while_the_agent_is_down(make_cluster):
    cluster = make_cluster()
    scheduler = Scheduler(cluster.address, failover_timeout=60.0, checkpoint=True).subscribe()
    offer = scheduler.offer()
    scheduler.accept(offer, [command_task("short", "sleep 1", offer), command_task("long", "sleep 1000", offer)])
    for name in ("short", "long"):
        wait_for(lambda name=name: any(s["task_id"]["value"] == name and s["state"] == "TASK_RUNNING"
                                       for s in list(scheduler.history)), 20, name + " to run")
    cluster.agents[0].kill()
    time.sleep(2)
    cluster.agents[0].start()
    ended = wait_for(lambda: [s for s in list(scheduler.history) if s["task_id"]["value"] == "short"
                              and s["state"] in TERMINAL], 40, "the end to be told")
    assert ended[0]["state"] == "TASK_FINISHED"
    assert not [s for s in scheduler.history if s["task_id"]["value"] == "long" and s["state"] in TERMINAL]
    scheduler.kill("long")
    wait_for(lambda: [s for s in list(scheduler.history) if s["task_id"]["value"] == "long"
                      and s["state"] == "TASK_KILLED"], 20, "the kill")
    scheduler.teardown()


def test_an_orderly_end_leaves_tasks_alone(make_cluster):
    """SIGTERM ends the agent, not its work; the next one takes it over."""
    cluster = make_cluster()
    scheduler = Scheduler(cluster.address, failover_timeout=60.0, checkpoint=True).subscribe()
    offer = scheduler.offer()
    scheduler.accept(offer, [command_task("stay", "sleep 1000", offer)])
    scheduler.until("stay", {"TASK_RUNNING"})
    agent = cluster.agents[0]
    agent_id = cluster.wait_agents(1)[0]["id"]
    agent.process.send_signal(signal.SIGTERM)
    agent.process.wait(60)
    assert cluster.leftovers()
    agent.start()
    assert cluster.wait_agents(1)[0]["id"] == agent_id
    scheduler.call("RECONCILE", reconcile={"tasks": []})
    assert scheduler.update("stay")["state"] == "TASK_RUNNING"
    scheduler.teardown()


def test_a_master_that_is_gone_for_a_while(make_cluster):
    """With a registry on disk the agent keeps its id; tasks go on meanwhile."""
    cluster = make_cluster(master_flags={"registry": "local", "agent_ping_timeout": "1secs"})
    scheduler = Scheduler(cluster.address, failover_timeout=600.0, checkpoint=True).subscribe()
    offer = scheduler.offer()
    scheduler.accept(offer, [command_task("stay", "sleep 1000", offer)])
    scheduler.until("stay", {"TASK_RUNNING"})
    agent_id = cluster.wait_agents(1)[0]["id"]
    cluster.master.kill()
    time.sleep(0.5)
    cluster.master.start()
    scheduler.disconnect()
    scheduler.subscribe()
    known = wait_for(lambda: [a for a in cluster.master.get("/slaves")["slaves"] if a["active"]], 90, "the agent")
    assert known[0]["id"] == agent_id
    scheduler.call("RECONCILE", reconcile={"tasks": [{"task_id": {"value": "stay"},
                                                      "agent_id": {"value": agent_id}}]})
    assert scheduler.update("stay")["state"] == "TASK_RUNNING"
    assert os.path.isdir(cluster.sandbox(scheduler.framework_id, "stay"))
    scheduler.teardown()
