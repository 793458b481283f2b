# SPDX-License-Identifier: Apache-2.0
"""A whole cluster gets other programs while it works: masters and agents one at a time, the old files removed at the end. No
framework notices more than a new leader."""
import glob
import os
import shutil
import tempfile

import pytest

from cluster import wait_for
from masters import PATIENCE, Masters
from scheduler import TERMINAL, Scheduler, command_task, group_operation
from zookeeper import ZooKeeper

COUNT = "i=0; while :; do i=$((i+1)); echo $i > next; mv next count; sleep 0.1; done"


def copy_of(tree, directory):
    """The programs, helpers and modules of a tree as a release of their own: (program -> path, flags that name the rest)."""
    modules, helpers, programs = (os.path.join(directory, name) for name in ("modules", "libexec", "sbin"))
    for place in (modules, helpers, programs):
        os.makedirs(place)
    for path in glob.glob(os.path.join(tree.module_path, "*.so")):
        shutil.copy(path, modules)
    for name in os.listdir(tree.launcher_dir):
        shutil.copy(os.path.join(tree.launcher_dir, name), helpers)
    return ({name: shutil.copy(tree.program(name), programs) for name in ("mesos-master", "mesos-agent")},
            {"module_path": modules, "launcher_dir": helpers})


def give(daemon, release):
    """What the daemon runs from its next start on."""
    programs, places = release
    program = programs[os.path.basename(daemon.argv[0])]
    daemon.argv = [program] + [f"--{key}={places[key]}" if (key := a.split("=")[0][2:]) in places else a
                               for a in daemon.argv[1:]]


@pytest.fixture
def cluster():
    with tempfile.TemporaryDirectory(prefix="zk-") as directory, ZooKeeper(directory) as server:
        server.start()
        made = Masters(server)
        old = copy_of(made.cluster.tree, os.path.join(made.cluster.directory, "old"))
        for _ in range(3):
            give(made.add(start=False, registry="replicated_log"), old)
            made.masters[-1].start()
        for _ in range(2):
            agent = made.agent(executor_reregistration_timeout="15secs")
            agent.stop()
            give(agent, old)
            agent.start()
        yield made
        assert made.close() == []


def follow(masters, scheduler):
    """What a framework's library does when there is another leader."""
    leader = masters.leader()
    masters.cluster.master = leader
    masters.cluster.wait_agents(2)
    if scheduler.address != f"127.0.0.1:{leader.port}":
        scheduler.disconnect()
        scheduler.address = f"127.0.0.1:{leader.port}"
        scheduler.subscribe()
    return leader


def launch(scheduler, agents):
    """A command task and a pod on each agent: the ids of their tasks."""
    names = []
    for number in range(agents):
        offer = scheduler.offer()
        scheduler.accept(offer, [], operations=[
            {"type": "LAUNCH", "launch": {"task_infos": [command_task(f"alone{number}", COUNT, offer)]}},
            group_operation(scheduler.framework_id, f"pod{number}", [command_task(f"inside{number}", COUNT, offer)])])
        names += [f"alone{number}", f"inside{number}"]
    wait_for(lambda: all(any(s["task_id"]["value"] == name and s["state"] == "TASK_RUNNING" for s in scheduler.history)
                         for name in names), PATIENCE, "four tasks to run")
    return names


def counts(masters):
    """sandbox's file -> how far that task has counted."""
    found = {}
    for agent in masters.cluster.agents:
        for root, _, files in os.walk(agent.work_dir):
            if "count" in files and "latest" not in root:
                with open(os.path.join(root, "count"), encoding="ascii") as file:
                    found[os.path.join(root, "count")] = int(file.read())
    return found


def work(scheduler):
    """One more task; offers that went with an earlier leader or connection of an agent are still in the queue."""
    for attempt in range(20):
        states, last = scheduler.run(f"next{attempt}", "true", timeout=PATIENCE)
        if last.get("reason") != "REASON_INVALID_OFFERS":
            return states[-1]
    return "no offer holds"


def agent_ids(masters):
    return {a["id"]: a["pid"] for a in masters.cluster.master.get("/slaves")["slaves"]}


def test_every_program_is_exchanged_while_tasks_run(cluster):
    leader = cluster.leader()
    cluster.cluster.master = leader
    cluster.cluster.wait_agents(2)
    agents = agent_ids(cluster)
    scheduler = Scheduler(f"127.0.0.1:{leader.port}", name="stays", failover_timeout=600, checkpoint=True).subscribe()
    framework = scheduler.framework_id
    names = launch(scheduler, 2)
    wait_for(lambda: len(counts(cluster)) == 4, PATIENCE, "four tasks to count")
    before = counts(cluster)

    new = copy_of(cluster.cluster.tree, os.path.join(cluster.cluster.directory, "new"))
    for master in cluster.others(leader) + [leader]:  # the leader last: one change of leaders
        master.stop()
        give(master, new)
        master.start()
        follow(cluster, scheduler)
    for agent in cluster.cluster.agents:
        agent.stop()
        give(agent, new)
        agent.start()
        wait_for(lambda agent=agent: agent.get("/metrics/snapshot")["slave/registered"] == 1, PATIENCE, "the agent's return")
        follow(cluster, scheduler)
    shutil.rmtree(os.path.join(cluster.cluster.directory, "old"))

    assert scheduler.framework_id == framework and agent_ids(cluster) == agents
    assert not [s for s in scheduler.history if s["state"] in TERMINAL]
    after = counts(cluster)
    assert set(after) == set(before), "a task was started again"
    wait_for(lambda: all(n > after[path] for path, n in counts(cluster).items()), PATIENCE, "every task to count on")
    assert all(n > before[path] for path, n in after.items())
    # Executors of the old release, whose files are gone, still do what they are told; new work runs beside them.
    assert work(scheduler) == "TASK_FINISHED"
    for name in names:
        scheduler.kill(name)
    for name in names:
        wait_for(lambda name=name: [s for s in scheduler.history if s["task_id"]["value"] == name and s["state"] in TERMINAL],
                 PATIENCE, f"the end of {name}")
    assert {s["state"] for s in scheduler.history if s["task_id"]["value"] in names and s["state"] in TERMINAL} == {"TASK_KILLED"}
    scheduler.teardown()
