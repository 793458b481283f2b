# SPDX-License-Identifier: Apache-2.0
"""The failure table of the documentation, row by row: task, executor, agent, agent host, master, scheduler, ZooKeeper. What
users are promised of each is what happens, with real daemons and real processes."""
import os
import signal
import tempfile

from cluster import wait_for
from scheduler import TERMINAL, Scheduler, command_task, group_operation
from zookeeper import ZooKeeper

FAST = {"agent_ping_timeout": "1secs", "max_agent_ping_timeouts": 10, "allocation_interval": "50ms", "registry": "local"}
PATIENCE = 60


def subscribe(cluster, failover=600.0):
    return Scheduler(cluster.address, failover_timeout=failover, checkpoint=True).subscribe()


def told(scheduler, task_id):
    return [s for s in list(scheduler.history) if s["task_id"]["value"] == task_id]


def until(scheduler, task_id, states):
    return wait_for(lambda: next((s for s in told(scheduler, task_id) if s["state"] in states), None), PATIENCE,
                    f"{states} of {task_id}")


def running(scheduler, task_id, command="sleep 1000"):
    offer = scheduler.offer(PATIENCE)
    scheduler.accept(offer, [command_task(task_id, command, offer)])
    return until(scheduler, task_id, {"TASK_RUNNING"})


def runs_again(scheduler):
    """The first offers may be of before."""
    for attempt in range(8):
        offer = scheduler.offer(PATIENCE)
        scheduler.accept(offer, [command_task(f"new{attempt}", "sleep 1000", offer)])
        if until(scheduler, f"new{attempt}", TERMINAL | {"TASK_RUNNING"})["state"] == "TASK_RUNNING":
            return True
    return False


def ends(scheduler):
    """Of every task the ends that were told: one each."""
    found = {}
    for status in list(scheduler.history):
        if status["state"] in TERMINAL:
            found.setdefault(status["task_id"]["value"], set()).add(status["state"])
    assert all(len(states) == 1 for states in found.values()), found
    return {task: states.copy().pop() for task, states in found.items()}


def used_cpus(cluster):
    return [a["used_resources"]["cpus"] for a in cluster.master.get("/slaves")["slaves"]]


def process_of(cluster, mark):
    def find():
        for pid in cluster.leftovers():
            try:
                with open(f"/proc/{pid}/cmdline", encoding="utf-8") as line:
                    if mark in line.read():
                        return pid
            except OSError:
                pass
        return None
    return wait_for(find, PATIENCE, f"the process {mark}")


def alive(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as stat:
            return stat.read().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def test_a_task_fails(make_cluster):
    """Its framework is told, its resources are free again, nothing else notices."""
    cluster = make_cluster(master_flags=FAST)
    scheduler = subscribe(cluster)
    running(scheduler, "other")
    running(scheduler, "fails", "sleep 0.2; exit 7")
    status = until(scheduler, "fails", TERMINAL)
    assert status["state"] == "TASK_FAILED" and "exited with status 7" in status["message"]
    pid = process_of(cluster, "sleep\x001000")
    running(scheduler, "killed", "sleep 1001")
    os.kill(process_of(cluster, "sleep\x001001"), signal.SIGKILL)
    assert until(scheduler, "killed", TERMINAL)["state"] == "TASK_FAILED"
    wait_for(lambda: max(used_cpus(cluster)) < 0.21, PATIENCE, "resources to be free")  # the other one's, and its executor's
    assert ends(scheduler) == {"fails": "TASK_FAILED", "killed": "TASK_FAILED"} and alive(pid)
    scheduler.teardown()


def test_an_executor_fails(make_cluster):
    """All its tasks end, its framework is told of them and of it; other executors of the agent live on."""
    cluster = make_cluster(master_flags=FAST)
    scheduler = subscribe(cluster)
    running(scheduler, "other")
    offer = scheduler.offer(PATIENCE)
    scheduler.accept(offer, [], operations=[group_operation(
        scheduler.framework_id, "pod", [command_task(name, "sleep 1002", offer) for name in ("one", "two")])])
    for name in ("one", "two"):
        until(scheduler, name, {"TASK_RUNNING"})
    os.kill(process_of(cluster, "mesos-default-executor"), signal.SIGKILL)
    for name in ("one", "two"):
        status = until(scheduler, name, TERMINAL)
        assert status["state"] in ("TASK_FAILED", "TASK_LOST") and status["reason"] == "REASON_EXECUTOR_TERMINATED", status
    failures = []
    while not failures or failures[-1].get("executor_id", {}).get("value") != "pod":
        event = scheduler.others.get(timeout=PATIENCE)
        failures += [event["failure"]] if event["type"] == "FAILURE" else []
    assert set(ends(scheduler)) == {"one", "two"} and alive(process_of(cluster, "sleep\x001000"))
    scheduler.teardown()


def test_an_agent_fails(make_cluster):
    """Executors and tasks go on; the agent that is started again finds them, and what ended meanwhile is told as it was."""
    cluster = make_cluster(master_flags=FAST)
    agent, scheduler = cluster.agents[0], subscribe(cluster)
    agent_id = cluster.wait_agents(1)[0]["id"]
    flag = os.path.join(cluster.directory, "end")
    running(scheduler, "stays")
    running(scheduler, "ends", f"while [ ! -e {flag} ]; do sleep 0.1; done; exit 9")
    pid = process_of(cluster, "sleep\x001000")
    agent.kill()
    with open(flag, "w", encoding="utf-8"):
        pass
    agent.start()
    assert cluster.wait_agents(1)[0]["id"] == agent_id
    status = until(scheduler, "ends", TERMINAL)
    assert status["state"] == "TASK_FAILED" and "exited with status 9" in status["message"]
    assert ends(scheduler) == {"ends": "TASK_FAILED"} and alive(pid)
    scheduler.kill("stays")
    assert until(scheduler, "stays", TERMINAL)["state"] == "TASK_KILLED"
    scheduler.teardown()


def test_a_host_fails_and_is_booted_again(make_cluster):
    """Its tasks are over, and their framework hears so; the agent comes back empty and takes new ones."""
    cluster = make_cluster(master_flags=FAST)
    agent, scheduler = cluster.agents[0], subscribe(cluster)
    cluster.wait_agents(1)
    running(scheduler, "lost")
    agent.kill()
    for pid in cluster.leftovers():
        os.kill(pid, signal.SIGKILL)
    with open(os.path.join(agent.work_dir, "meta", "boot_id"), "w", encoding="ascii") as boot_id:
        boot_id.write("11111111-2222-3333-4444-555555555555")
    agent.start()
    cluster.wait_agents(1)
    status = until(scheduler, "lost", TERMINAL)
    assert status["state"] in ("TASK_LOST", "TASK_FAILED"), status
    wait_for(lambda: max(used_cpus(cluster)) == 0, PATIENCE, "resources to be free")
    assert runs_again(scheduler)
    assert ends(scheduler)["lost"] == status["state"]
    scheduler.teardown()


def test_a_host_fails_for_good(make_cluster):
    """After the agent's pings have failed its tasks are lost, and an executor's agent that never comes back is no matter."""
    cluster = make_cluster(master_flags={**FAST, "max_agent_ping_timeouts": 2})
    scheduler = subscribe(cluster)
    running(scheduler, "lost")
    cluster.agents[0].kill()
    status = until(scheduler, "lost", TERMINAL)
    assert status["state"] == "TASK_LOST" and status["source"] == "SOURCE_MASTER", status
    assert cluster.master.get("/state")["unreachable_slaves"] == 1
    cluster.add_agent()
    assert runs_again(scheduler)
    assert ends(scheduler)["lost"] == "TASK_LOST"
    scheduler.teardown()


def test_a_master_fails(make_cluster):
    """Tasks go on; agents and frameworks register again with the next one, which knows all."""
    cluster = make_cluster(master_flags=FAST)
    scheduler = subscribe(cluster)
    agent_id = cluster.wait_agents(1)[0]["id"]
    flag = os.path.join(cluster.directory, "end")
    running(scheduler, "stays")
    running(scheduler, "ends", f"while [ ! -e {flag} ]; do sleep 0.1; done; exit 0")
    pid = process_of(cluster, "sleep\x001000")
    cluster.master.kill()
    with open(flag, "w", encoding="utf-8"):
        pass
    scheduler.disconnect()
    cluster.master.start()
    scheduler.subscribe()
    assert cluster.wait_agents(1)[0]["id"] == agent_id
    assert until(scheduler, "ends", TERMINAL)["state"] == "TASK_FINISHED"
    scheduler.history.clear()
    scheduler.call("RECONCILE", reconcile={"tasks": []})
    assert until(scheduler, "stays", {"TASK_RUNNING"}) and alive(pid)
    scheduler.kill("stays")
    assert until(scheduler, "stays", TERMINAL)["state"] == "TASK_KILLED"
    scheduler.teardown()


def test_a_scheduler_fails_and_another_takes_over(make_cluster):
    """Within failover_timeout its tasks go on, and what they told meanwhile waits for the next scheduler."""
    cluster = make_cluster(master_flags=FAST)
    scheduler = subscribe(cluster)
    flag = os.path.join(cluster.directory, "end")
    running(scheduler, "stays")
    running(scheduler, "ends", f"while [ ! -e {flag} ]; do sleep 0.1; done; exit 0")
    scheduler.disconnect()
    wait_for(lambda: not cluster.master.get("/frameworks")["frameworks"][0]["connected"], PATIENCE, "the loss to be seen")
    with open(flag, "w", encoding="utf-8"):
        pass
    heir = Scheduler(cluster.address, failover_timeout=600.0, checkpoint=True)
    heir.framework_id = scheduler.framework_id
    heir.subscribe()
    assert until(heir, "ends", TERMINAL)["state"] == "TASK_FINISHED"
    heir.call("RECONCILE", reconcile={"tasks": []})
    until(heir, "stays", {"TASK_RUNNING"})
    running(heir, "more")
    assert ends(heir) == {"ends": "TASK_FINISHED"}
    heir.teardown()


def test_a_scheduler_fails_for_good(make_cluster):
    """After failover_timeout the framework is over: its tasks are killed, its resources free, its id of no more use."""
    cluster = make_cluster(master_flags=FAST)
    scheduler = subscribe(cluster, failover=1.0)
    running(scheduler, "goes")
    pid = process_of(cluster, "sleep\x001000")
    scheduler.disconnect()

    def over():
        state = cluster.master.get("/state")
        return state["frameworks"] == [] and state["completed_frameworks"]
    assert wait_for(over, PATIENCE, "the framework to end")[0]["id"] == scheduler.framework_id
    wait_for(lambda: not alive(pid), PATIENCE, "the task to end")
    wait_for(lambda: max(used_cpus(cluster)) == 0, PATIENCE, "resources to be free")


def test_zookeeper_fails(make_cluster):
    """Nobody leads while it is away; tasks go on. When it is back all is as before."""
    with tempfile.TemporaryDirectory(prefix="zk-") as directory, ZooKeeper(directory) as zookeeper:
        zookeeper.start()
        url = zookeeper.url("/table")
        cluster = make_cluster(agents=0, master_flags={**FAST, "zk": url, "quorum": 1, "zk_session_timeout": "4secs"})
        agent = cluster.add_agent({"master": url, "zk_session_timeout": "4secs"}, start=False).start()

        def registered():
            try:
                return [a for a in cluster.master.get("/slaves")["slaves"] if a["active"]]
            except OSError:
                return None
        agent_id = wait_for(registered, PATIENCE, "the agent")[0]["id"]
        scheduler = subscribe(cluster)
        flag = os.path.join(cluster.directory, "end")
        running(scheduler, "stays")
        running(scheduler, "ends", f"while [ ! -e {flag} ]; do sleep 0.1; done; exit 0")
        pid = process_of(cluster, "sleep\x001000")
        zookeeper.nodes[0].kill()
        wait_for(lambda: cluster.master.process.poll() is not None, PATIENCE, "the leader to give up")
        assert cluster.master.process.returncode == 1
        with open(flag, "w", encoding="utf-8"):
            pass
        assert agent.process.poll() is None and alive(pid)
        scheduler.disconnect()
        zookeeper.nodes[0].start()
        zookeeper.wait()

        def leads():  # as a service manager: started until it stays
            if cluster.master.process.poll() is not None:
                cluster.master.start(wait=False)
            return registered()
        assert wait_for(leads, 2 * PATIENCE, "all to be back")[0]["id"] == agent_id
        scheduler.subscribe()
        assert until(scheduler, "ends", TERMINAL)["state"] == "TASK_FINISHED"
        scheduler.call("RECONCILE", reconcile={"tasks": []})
        until(scheduler, "stays", {"TASK_RUNNING"})
        assert alive(pid) and ends(scheduler) == {"ends": "TASK_FINISHED"}
        scheduler.teardown()
