# SPDX-License-Identifier: Apache-2.0
"""Agents taken out of service by real operators' calls and the command line: deactivated, drained of real tasks that do not
want to go, marked gone; with daemons that die in every state of it."""
import http.client
import json
import os
import signal
import time

import pytest

from cluster import wait_for
from scheduler import Scheduler, command_task, group_operation
from terminal import Terminal

STUBBORN = "trap '' TERM; echo up > up; while :; do sleep 1; done"
AWARE = [{"type": "MULTI_ROLE"}, {"type": "PARTITION_AWARE"}]
DURABLE = {"registry": "local", "allocation_interval": "100ms"}  # the registry outlives the master


def operate(cluster, kind, **body):
    """One operator's call: status and text of the answer."""
    address = getattr(cluster, "address", None) or f"{cluster.host}:{cluster.port}"  # a cluster's master, or a daemon
    connection = http.client.HTTPConnection(address, timeout=30)
    text = body.pop("raw", None) or json.dumps({"type": kind, kind.lower(): body})
    connection.request("POST", "/api/v1", text, {"Content-Type": "application/json", "Accept": "application/json"})
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    return answer.status, text


def order(cluster, kind, agent_id, **body):
    assert operate(cluster, kind, agent_id={"value": agent_id}, **body) == (200, "")


def shown(cluster, agent_id=None):
    found = [a for a in cluster.master.get("/slaves")["slaves"] if agent_id in (None, a["id"])]
    return found[0] if found else None


def drain_state(cluster, agent_id):
    return (shown(cluster, agent_id) or {}).get("drain_info", {}).get("state")


def wait_state(cluster, agent_id, state):
    wait_for(lambda: drain_state(cluster, agent_id) == state, 40, f"{agent_id} to be {state}")


def registry_entry(cluster, agent_id, table="slaves"):
    registry = cluster.master.get("/registrar(1)/registry")
    for entry in registry.get(table, {}).get("slaves", []):
        if (entry.get("id") or entry["info"]["id"])["value"] == agent_id:
            return entry
    return None


def config_path(cluster, agent_id, agent=0):
    return os.path.join(cluster.agents[agent].work_dir, "meta", "slaves", agent_id, "drain.config")


def subscribed(cluster, **info):
    info = {"capabilities": AWARE, "checkpoint": True, "failover_timeout": 600.0, **info}
    return Scheduler(cluster.address, **info).subscribe()


def told(scheduler, task_id, state, timeout=40):
    """The status of that state, now or when it comes."""
    def find():
        return [s for s in list(scheduler.history) if s["task_id"]["value"] == task_id and s["state"] == state]
    return wait_for(find, timeout, f"{task_id} to be {state}")[-1]


def launch(scheduler, *tasks, operations=None):
    """(id, command, members) each, on the next offer; all of them run afterwards. Nothing else is wanted."""
    offer = scheduler.offer()
    infos = [command_task(task_id, command, offer, **more) for task_id, command, more in tasks]
    scheduler.accept(offer, infos, operations=operations(offer, infos) if operations else None)
    for task_id, _, _ in tasks:
        told(scheduler, task_id, "TASK_RUNNING")
    scheduler.call("SUPPRESS")
    return offer["agent_id"]["value"]


def restart_master(cluster, *schedulers):
    cluster.master.kill()
    cluster.master.start()
    for scheduler in schedulers:
        scheduler.subscribe()


def stubborn(task_id, grace_secs=1000):
    return task_id, STUBBORN, {"kill_policy": {"grace_period": {"nanoseconds": grace_secs * 10**9}}}


def last_state(scheduler, task_id):
    return [s for s in list(scheduler.history) if s["task_id"]["value"] == task_id][-1]["state"]


def test_drain_with_the_command_line(make_cluster):
    """Tasks that will not go, a pod and a task that does go; progress, the end, and being offered again."""
    cluster = make_cluster(master_flags={"allocation_interval": "100ms"}, agent_flags={"hostname": "localhost"})
    scheduler = subscribed(cluster)

    def operations(offer, infos):
        return [{"type": "LAUNCH", "launch": {"task_infos": infos[:2]}},
                group_operation(scheduler.framework_id, "pod", infos[2:])]
    agent_id = launch(scheduler, stubborn("stubborn"), ("polite", "sleep 1000", {}), stubborn("in-pod"), ("with-it", "sleep 1000", {}),
                      operations=operations)
    wait_for(lambda: len(cluster.leftovers()) >= 4, 20, "the tasks' processes")
    entry = cluster.tool("agent", "list").stdout
    assert " active " in entry
    refused = cluster.tool("agent", "reactivate", "localhost", check=False)
    assert refused.returncode == 1 and "Agent is not deactivated" in refused.stderr
    done = cluster.tool("agent", "drain", "--max-grace-period", "1s", "--wait", "--json", agent_id[:-1])
    assert json.loads(done.stdout) == {"agent_id": agent_id, "state": "DRAINED"} and done.stderr == ""
    for task_id in ("stubborn", "polite", "in-pod", "with-it"):
        status = [s for s in list(scheduler.history) if s["task_id"]["value"] == task_id][-1]
        assert (status["state"], status["reason"]) == ("TASK_KILLED", "REASON_AGENT_DRAINING"), status
    agent = shown(cluster, agent_id)
    assert agent["active"] is False and agent["deactivated"] is True
    assert agent["drain_info"] == {"state": "DRAINED", "config": {"max_grace_period": {"nanoseconds": 10**9}, "mark_gone": False}}
    assert abs(agent["estimated_drain_start_time_seconds"] - time.time()) < 600
    assert "drained" in cluster.tool("agent", "list").stdout
    wait_for(lambda: not os.path.exists(config_path(cluster, agent_id)), 20, "the agent to forget")
    assert "drain_config" not in cluster.agents[0].get("/state")
    # Nothing is offered, and whoever asks hears why.
    while not scheduler.offers.empty():
        scheduler.offers.get()
    scheduler.call("REVIVE")
    explained = json.loads(cluster.tool("framework", "explain", "--json", scheduler.framework_id).stdout)
    assert [e["reason"] for e in explained["explanations"]] == ["AGENT_DRAINING"]
    assert scheduler.offers.empty()
    assert cluster.tool("agent", "reactivate", "localhost").stdout == f"Agent {agent_id} (localhost) is offered again\n"
    scheduler.offer()
    assert "drain_info" not in shown(cluster, agent_id) and shown(cluster, agent_id)["active"] is True
    scheduler.teardown()


def test_deactivate_and_interrupted_waiting(make_cluster):
    cluster = make_cluster(master_flags={"allocation_interval": "100ms"})
    scheduler = subscribed(cluster)
    agent_id = launch(scheduler, stubborn("stubborn"))
    scheduler.call("REVIVE")
    offer = scheduler.offer()
    done = cluster.tool("agent", "deactivate", "--json", agent_id)
    assert json.loads(done.stdout) == {"deactivated": agent_id}
    wait_for(lambda: [e for e in list(scheduler.others.queue) if e["type"] == "RESCIND"], 20, "the offer to be taken back")
    # What was offered before is no good any more; what runs goes on.
    scheduler.accept(offer, [command_task("late", "true", offer)])
    late = told(scheduler, "late", "TASK_DROPPED")
    assert late["reason"] == "REASON_INVALID_OFFERS"
    assert last_state(scheduler, "stubborn") == "TASK_RUNNING" and len(cluster.leftovers()) > 0
    explained = json.loads(cluster.tool("framework", "explain", "--json", scheduler.framework_id).stdout)
    assert [e["reason"] for e in explained["explanations"]] == ["AGENT_DEACTIVATED"]
    assert "deactivated" in cluster.tool("agent", "list").stdout
    terminal = Terminal([cluster.tree.program("mesos"), "agent", "drain", "--wait", "localhost"],
                        {"MESOS_MASTER": cluster.address, "HOME": cluster.directory})
    terminal.wait_for("draining localhost: ", 30)  # how many tasks, or what they hold when the agent is slow
    os.kill(terminal.pid, signal.SIGINT)
    terminal.wait_for(f"agent {agent_id} goes on draining", 30)
    terminal.end()
    assert terminal.code == 130 and drain_state(cluster, agent_id) == "DRAINING"
    agent = cluster.agents[0]
    assert agent.get("/state")["drain_config"] == {"mark_gone": False}
    assert abs(agent.get("/state")["estimated_drain_start_time_seconds"] - time.time()) < 600
    status, text = operate(agent, "GET_AGENT")
    shown_there = json.loads(text)["get_agent"]
    assert status == 200 and shown_there["drain_config"] == {"mark_gone": False}
    assert abs(shown_there["estimated_drain_start_time"]["nanoseconds"] / 1e9 - time.time()) < 600
    status, text = operate(cluster, "REACTIVATE_AGENT", agent_id={"value": agent_id})
    assert (status, text) == (400, "Agent is still in the DRAINING state")
    # Told again with less patience.
    cluster.tool("agent", "drain", "--max-grace-period=0secs", "--wait", agent_id)
    assert told(scheduler, "stubborn", "TASK_KILLED")["reason"] == "REASON_AGENT_DRAINING"
    scheduler.teardown()


def test_unacknowledged_updates_hold_the_draining(make_cluster):
    cluster = make_cluster()
    scheduler = subscribed(cluster)
    agent_id = launch(scheduler, ("t", "sleep 1000", {}))
    scheduler.acknowledge = False
    order(cluster, "DRAIN_AGENT", agent_id)
    status = told(scheduler, "t", "TASK_KILLED")
    # The executor is gone and so are its resources, but the framework has not said that it knows.
    wait_for(lambda: not shown(cluster, agent_id)["used_resources"]["cpus"], 20, "the resources to be free")
    assert drain_state(cluster, agent_id) == "DRAINING"
    restarted = cluster.agents[0]
    restarted.kill()
    restarted.start()
    wait_for(lambda: "reregistered_time" in shown(cluster, agent_id), 30, "the agent to be back")
    assert drain_state(cluster, agent_id) == "DRAINING"
    scheduler.ack(status)
    wait_state(cluster, agent_id, "DRAINED")
    scheduler.teardown()


def test_agent_killed_while_draining(make_cluster):
    """Between writing the order down and obeying: it goes on by itself, with no master to tell it again."""
    cluster = make_cluster(master_flags=DURABLE)
    agent = cluster.agents[0]
    scheduler = subscribed(cluster)
    agent_id = launch(scheduler, ("t", "sleep 1000", {}), stubborn("stubborn"))
    agent.kill()
    agent.env["MESOS_FAULT"] = "agent/drain=kill"
    agent.start()
    wait_for(lambda: "reregistered_time" in shown(cluster, agent_id), 30, "the agent to be back")
    order(cluster, "DRAIN_AGENT", agent_id, max_grace_period={"seconds": 1})
    agent.process.wait(60)
    assert os.path.getsize(config_path(cluster, agent_id)) > 4 and len(cluster.leftovers()) > 0
    cluster.master.kill()
    del agent.env["MESOS_FAULT"]
    agent.start()
    wait_for(lambda: not cluster.leftovers(), 40, "the tasks to be killed without a master")
    cluster.master.start()
    scheduler.subscribe()
    wait_state(cluster, agent_id, "DRAINED")
    for task_id in ("t", "stubborn"):
        status = [s for s in list(scheduler.history) if s["task_id"]["value"] == task_id][-1]
        assert (status["state"], status["reason"]) == ("TASK_KILLED", "REASON_AGENT_DRAINING")
    wait_for(lambda: not os.path.exists(config_path(cluster, agent_id)), 20, "the agent to forget")
    scheduler.teardown()


@pytest.mark.parametrize("content", [b"", b"\x0c\x00", b"\x02\x00\x00\x00\x0a\x7f", b"\xff\xff\xff\xff",
                                     b"\x0d\x00\x00\x00\x0a\x0b\x08" + b"\xff" * 9 + b"\x01"])
def test_a_damaged_order_on_disk(make_cluster, content):
    """Named by path; --no-strict goes on without it, and the master tells it again where it is still meant."""
    cluster = make_cluster()
    agent, agent_id = cluster.agents[0], shown(cluster)["id"]
    wait_for(lambda: agent.get("/state").get("id") == agent_id, 30, "the agent to know its id")
    agent.kill()
    with open(config_path(cluster, agent_id), "wb") as file:
        file.write(content)
    agent.start(wait=False)
    assert agent.process.wait(60) != 0 and config_path(cluster, agent_id) in agent.log()
    agent.argv.append("--no-strict")
    agent.start()
    wait_for(lambda: "reregistered_time" in shown(cluster, agent_id), 30, "the agent to be back")
    assert "drain_config" not in agent.get("/state")
    order(cluster, "DRAIN_AGENT", agent_id)
    wait_state(cluster, agent_id, "DRAINED")


def test_master_killed_in_each_state(make_cluster):
    cluster = make_cluster(master_flags=DURABLE)
    scheduler = subscribed(cluster)
    agent_id = launch(scheduler, stubborn("stubborn"))

    def back():
        wait_for(lambda: shown(cluster, agent_id), 40, "the agent to be back")

    order(cluster, "DEACTIVATE_AGENT", agent_id)
    restart_master(cluster, scheduler)
    assert registry_entry(cluster, agent_id)["deactivated"] is True
    back()
    assert shown(cluster, agent_id)["deactivated"] is True and shown(cluster, agent_id)["active"] is False
    order(cluster, "DRAIN_AGENT", agent_id)
    restart_master(cluster, scheduler)
    assert registry_entry(cluster, agent_id)["drain_info"] == {"state": "DRAINING", "config": {"mark_gone": False}}
    back()
    assert drain_state(cluster, agent_id) == "DRAINING"
    order(cluster, "DRAIN_AGENT", agent_id, max_grace_period={"seconds": 0, "nanos": 5 * 10**8})
    wait_state(cluster, agent_id, "DRAINED")
    restart_master(cluster, scheduler)
    back()
    assert drain_state(cluster, agent_id) == "DRAINED" and shown(cluster, agent_id)["active"] is False
    scheduler.call("REVIVE")
    order(cluster, "REACTIVATE_AGENT", agent_id)
    restart_master(cluster, scheduler)
    back()
    assert shown(cluster, agent_id)["active"] is True and registry_entry(cluster, agent_id)["deactivated"] is False
    # Gone while it was away; it wants to come back and may not.
    cluster.agents[0].kill()
    order(cluster, "MARK_AGENT_GONE", agent_id)
    restart_master(cluster, scheduler)
    assert registry_entry(cluster, agent_id, "gone") and not registry_entry(cluster, agent_id)
    cluster.agents[0].start()
    wait_for(lambda: cluster.agents[0].process.poll() is not None, 30, "the agent to be refused")
    assert "Agent has been marked gone" in cluster.agents[0].log()
    order(cluster, "MARK_AGENT_GONE", agent_id)  # nothing new
    cluster.agents[0].start()
    assert cluster.wait_agents(1)[0]["id"] != agent_id
    scheduler.teardown()


def test_an_unreachable_agent_is_told_when_it_returns(make_cluster):
    cluster = make_cluster(master_flags=DURABLE | {"agent_ping_timeout": "1secs", "max_agent_ping_timeouts": "5"})
    agent = cluster.agents[0]
    scheduler = subscribed(cluster)
    agent_id = launch(scheduler, ("t", "sleep 1000", {}))
    os.kill(agent.process.pid, signal.SIGSTOP)
    told(scheduler, "t", "TASK_UNREACHABLE")
    assert shown(cluster, agent_id) is None
    order(cluster, "DRAIN_AGENT", agent_id)
    entry = registry_entry(cluster, agent_id, "unreachable")
    assert entry["deactivated"] is True and entry["drain_info"]["state"] == "DRAINING"
    os.kill(agent.process.pid, signal.SIGCONT)
    status = told(scheduler, "t", "TASK_KILLED")
    assert status["reason"] == "REASON_AGENT_DRAINING"
    wait_state(cluster, agent_id, "DRAINED")
    assert registry_entry(cluster, agent_id)["drain_info"]["state"] == "DRAINED"
    assert registry_entry(cluster, agent_id, "unreachable") is None
    # And once more away: what it is stays known, and ends when it is gone.
    os.kill(agent.process.pid, signal.SIGSTOP)
    wait_for(lambda: registry_entry(cluster, agent_id, "unreachable"), 60, "the agent to be unreachable")
    assert registry_entry(cluster, agent_id, "unreachable")["drain_info"]["state"] == "DRAINED"
    done = cluster.tool("agent", "gone", agent_id)
    assert done.stdout == f"Agent {agent_id} ({agent_id}) is gone\n"
    assert registry_entry(cluster, agent_id, "gone") and not registry_entry(cluster, agent_id, "unreachable")
    os.kill(agent.process.pid, signal.SIGCONT)
    wait_for(lambda: agent.process.poll() is not None, 60, "the agent to be refused")
    scheduler.teardown()


def test_gone(make_cluster):
    """Drained for good, and gone at once: what frameworks of both kinds are told."""
    cluster = make_cluster(agents=2, master_flags={"allocation_interval": "100ms"})
    aware, old = subscribed(cluster), subscribed(cluster, capabilities=[{"type": "MULTI_ROLE"}])
    mine = {}
    for agent in range(2):
        offers = {}
        for scheduler in (aware, old):
            name = f"{'aware' if scheduler is aware else 'old'}{agent}"
            scheduler.call("REVIVE")
            offer = None
            while not offer or offer["agent_id"]["value"] in mine.values() or \
                    offers and offer["agent_id"]["value"] not in offers.values():
                offer and scheduler.decline(offer, 5)
                offer = scheduler.offer()
            scheduler.accept(offer, [command_task(name, "sleep 1000", offer)])
            told(scheduler, name, "TASK_RUNNING")
            offers[name] = offer["agent_id"]["value"]
            scheduler.call("SUPPRESS")
            while not scheduler.offers.empty():
                scheduler.decline(scheduler.offers.get(), 0)
        mine[agent] = next(iter(offers.values()))
    first, second = mine[0], mine[1]
    # Only a whole id, a yes, or a person.
    done = cluster.tool("agent", "gone", first[:-1], check=False)
    assert done.returncode == 1
    terminal = Terminal([cluster.tree.program("mesos"), "agent", "gone", first],
                        {"MESOS_MASTER": cluster.address, "HOME": cluster.directory})
    terminal.wait_for("and its 2 tasks with it? [y/N]", 30)
    terminal.type("n\n")
    terminal.end()
    assert terminal.code == 1 and shown(cluster, first)
    done = cluster.tool("agent", "gone", "--yes", "--json", first)
    assert json.loads(done.stdout) == {"gone": first} and shown(cluster, first) is None
    status = told(aware, "aware0", "TASK_GONE_BY_OPERATOR")
    assert (status["reason"], status["message"]) == ("REASON_AGENT_REMOVED_BY_OPERATOR", "Agent has been marked gone")
    assert told(old, "old0", "TASK_LOST")["reason"] == "REASON_AGENT_REMOVED_BY_OPERATOR"
    for scheduler in (aware, old):
        failure = wait_for(lambda s=scheduler: [e for e in list(s.others.queue) if e["type"] == "FAILURE"], 20, "FAILURE")[0]
        assert failure["failure"]["agent_id"]["value"] == first
    # Drained, then gone: the tasks end by themselves, and whoever can hear it hears that it is for good.
    done = cluster.tool("agent", "drain", "--mark-gone", "--wait", second)
    assert done.stdout.endswith("is drained and gone\n") and shown(cluster, second) is None
    status = told(aware, "aware1", "TASK_GONE_BY_OPERATOR")
    assert (status["reason"], status["source"]) == ("REASON_AGENT_DRAINING", "SOURCE_EXECUTOR")
    assert told(old, "old1", "TASK_KILLED")["reason"] == "REASON_AGENT_DRAINING"
    for agent in cluster.agents:
        wait_for(lambda a=agent: a.process.poll() is not None, 40, "the agent to end")
    assert not cluster.leftovers()
    metrics = cluster.master.get("/metrics/snapshot")
    assert metrics["master/slave_removals"] == 2 and metrics["master/tasks_gone_by_operator"] == 2
    for scheduler, state in ((aware, "TASK_GONE_BY_OPERATOR"), (old, "TASK_LOST")):
        scheduler.call("RECONCILE", reconcile={"tasks": [{"task_id": {"value": "never-was"}, "agent_id": {"value": second}}]})
        assert scheduler.update("never-was")["state"] == state
        scheduler.teardown()


@pytest.mark.parametrize("raw, status, text", [
    ('{"type":"DRAIN_AGENT"}', 400, "Failed to validate master::Call: Expecting 'drain_agent' to be present"),
    ('{"type":"DRAIN_AGENT","drain_agent":{}}', 400, "agent_id"),
    ('{"type":"DRAIN_AGENT","drain_agent":{"agent_id":{"value":""}}}', 400, "Unknown agent"),
    ('{"type":"DRAIN_AGENT","drain_agent":{"agent_id":{"value":"../../x"}}}', 400, "Unknown agent"),
    ('{"type":"DRAIN_AGENT","drain_agent":{"agent_id":{"value":"%s"},"max_grace_period":{"seconds":-1}}}', 400,
     "'drain_agent.max_grace_period' is -1.000000000s: expecting zero or more"),
    ('{"type":"DRAIN_AGENT","drain_agent":{"agent_id":{"value":"%s"},"max_grace_period":{"nanos":-1}}}', 400, "zero or more"),
    ('{"type":"DRAIN_AGENT","drain_agent":{"agent_id":{"value":"%s"},"max_grace_period":{"nanos":1000000000}}}', 400,
     "less than a second"),
    ('{"type":"DRAIN_AGENT","drain_agent":{"agent_id":{"value":"%s"},"max_grace_period":{"seconds":9223372036854775807}}}', 400,
     "expecting at most 9223372035s"),
    ('{"type":"DRAIN_AGENT","drain_agent":{"agent_id":{"value":"%s"},"max_grace_period":{"seconds":1,"nanos":-5}}}', 400,
     "the sign of 'seconds'"),
    ('{"type":"DRAIN_AGENT","drain_agent":{"agent_id":{"value":"%s"},"mark_gone":"perhaps"}}', 400, "mark_gone"),
    ('{"type":"DEACTIVATE_AGENT","deactivate_agent":{"agent_id":7}}', 400, "agent_id"),
    ('{"type":"REACTIVATE_AGENT","reactivate_agent":{"agent_id":{"value":"%s"}}}', 400, "Agent is not deactivated"),
    ('{"type":"MARK_AGENT_GONE","mark_agent_gone":{"agent_id":{"value":"%s0"}}}', 404, "not found"),
    ('{"type":"MARK_AGENT_GONE","mark_agent_gone":{"agent_id":{"value":"' + "x" * 100000 + '"}}}', 404, "not found"),
])
def test_bad_orders(patient, raw, status, text):
    agent_id = shown(patient)["id"]
    got, answer = operate(patient, "", raw=raw.replace("%s", agent_id))
    assert got == status and text in answer, (got, answer[:300])
    assert shown(patient)["active"] is True and registry_entry(patient, agent_id)["deactivated"] is False


@pytest.fixture(scope="module")
def patient():
    import tempfile
    from cluster import Cluster
    cluster = Cluster(tempfile.mkdtemp(prefix="cm-"))
    try:
        yield cluster.start()
    finally:
        cluster.stop()
        cluster.remove()


@pytest.mark.parametrize("words, code, text", [
    (("drain",), 2, "AGENT"), (("drain", "nosuch"), 1, "Unknown agent; the master shows no agent 'nosuch'"),
    (("drain", "--max-grace-period=-1secs", "localhost"), 2, "no time from zero on"),
    (("drain", "--max-grace-period=soon", "localhost"), 2, "'soon' is no time"),
    (("gone", "nosuch"), 1, "Agent 'nosuch' not found"), (("gone", "localhost"), 1, "give the whole id"),
    (("deactivate", "nosuch"), 1, "Unknown agent"), (("reactivate", "localhost"), 1, "Agent is not deactivated"),
    (("reactivate", "localhost", "more"), 2, "too many arguments"),
])
def test_bad_words(patient, words, code, text):
    done = patient.tool("agent", *words, check=False)
    assert done.returncode == code and text in done.stderr, done.stderr
    assert shown(patient)["active"] is True


def test_draining_nothing_is_quick(patient):
    """An agent without tasks is drained at once, again and again, with this order and with that."""
    agent_id = shown(patient)["id"]
    for body in ({}, {"max_grace_period": {"seconds": 5}}, {"max_grace_period": {"nanos": 1}}):
        order(patient, "DRAIN_AGENT", agent_id, **body)
        wait_state(patient, agent_id, "DRAINED")
    order(patient, "DEACTIVATE_AGENT", agent_id)
    assert drain_state(patient, agent_id) == "DRAINED"
    order(patient, "REACTIVATE_AGENT", agent_id)
    assert shown(patient)["active"] is True
