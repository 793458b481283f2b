# SPDX-License-Identifier: Apache-2.0
"""Messages (libprocess) of somebody who has no credentials to a cluster on which authentication is on: every one that master and
agent know, and every call of v0 schedulers. None changes anything, and none is answered with what one could learn from."""
import errno
import os
import re

import pytest
from cluster import REPOSITORY, wait_for
from libprocess import Peer, make
from scheduler import TERMINAL, scalar
from test_scan import assert_same, calls, closed, sights  # pylint: disable=unused-import # noqa: F401
from test_v0_executor_tokens import Stranger

UUID = b"0123456789abcdef"
# Whoever asks so is told that it may not, or what anybody may know; there is no other answer.
ANSWERS = {
    "RegisterFrameworkMessage": ["FrameworkErrorMessage"], "ReregisterFrameworkMessage": ["FrameworkErrorMessage"],
    "SUBSCRIBE": ["FrameworkErrorMessage"], "AuthenticateMessage": ["AuthenticationMechanismsMessage"],
    "SubmitSchedulerRequest": ["SubmitSchedulerResponse"],
    "RegisterExecutorMessage": ["ShutdownExecutorMessage"], "ReregisterExecutorMessage": ["ShutdownExecutorMessage"],
    "PingSlaveMessage": ["PongSlaveMessage"],
}


def messages(path):
    """The names of a table of messages in the source."""
    with open(os.path.join(REPOSITORY, path), encoding="utf-8") as f:
        found = re.findall(r'^MESSAGE\("?([\w.]+)', f.read(), re.M)
    assert len(found) > 10, path
    return found


def parts(cluster):
    """What bodies are made of: ids that are good, and what would do harm."""
    agent, framework = {"value": cluster.agent_id}, {"value": cluster.framework}
    task, executor = {"value": "canary-task"}, {"value": "canary-task"}
    resources = [scalar("cpus", 0.1), scalar("mem", 32)]
    info = {"user": "root", "name": "scan", "principal": "ops"}
    return {
        "agent": agent, "framework": framework, "task": task, "executor": executor, "resources": resources, "info": info,
        "known": {**info, "id": framework}, "slave": {"hostname": "scan", "resources": resources},
        "status": {"task_id": task, "state": "TASK_FAILED", "agent_id": agent, "uuid": UUID},
        "launched": {"name": "scan", "task_id": {"value": "scan"}, "agent_id": agent, "resources": resources,
                     "command": {"value": "sleep 1000"}},
        "custom": {"executor_id": {"value": "scan"}, "framework_id": framework, "type": "DEFAULT", "resources": resources},
    }


def updates(p, **more):
    return {"framework_id": p["framework"], "executor_id": p["executor"], "slave_id": p["agent"], "status": p["status"],
            "timestamp": 1, "uuid": UUID, **more}


def of_both(p):
    """Messages that master and agent know."""
    of_executor = {"framework_id": p["framework"], "executor_id": p["executor"]}
    return {
        "KillTaskMessage": {"framework_id": p["framework"], "task_id": p["task"]},
        "StatusUpdateAcknowledgementMessage": {"slave_id": p["agent"], "framework_id": p["framework"], "task_id": p["task"],
                                               "uuid": UUID},
        "FrameworkToExecutorMessage": {**of_executor, "slave_id": p["agent"], "data": b"scan"},
        "ExecutorToFrameworkMessage": {**of_executor, "slave_id": p["agent"], "data": b"scan"},
    }


def to_master(cluster, sender):
    """Of every message something that would do harm."""
    p = parts(cluster)
    return {
        **of_both(p),
        "StatusUpdateMessage": {"update": updates(p), "pid": sender},
        "RegisterSlaveMessage": {"slave": p["slave"], "version": "1.11.0"},
        "ReregisterSlaveMessage": {"slave": {**p["slave"], "id": p["agent"]}, "version": "1.11.0"},
        "UpdateSlaveMessage": {"slave_id": p["agent"], "update_oversubscribed_resources": True,
                               "oversubscribed_resources": [scalar("cpus", 100, revocable={})]},
        "UnregisterSlaveMessage": {"slave_id": p["agent"]},
        "ExitedExecutorMessage": {"slave_id": p["agent"], "framework_id": p["framework"], "executor_id": p["executor"], "status": 0},
        "mesos.scheduler.Call": {"framework_id": p["framework"], "type": "TEARDOWN"},  # the others: test_v0_calls
        "LaunchTasksMessage": {"framework_id": p["framework"], "offer_ids": [{"value": "scan"}], "tasks": [p["launched"]],
                               "filters": {}},
        "ReconcileTasksMessage": {"framework_id": p["framework"], "statuses": [p["status"]]},
        "ReviveOffersMessage": {"framework_id": p["framework"]},
        "ResourceRequestMessage": {"framework_id": p["framework"], "requests": [{"agent_id": p["agent"], "resources": p["resources"]}]},
        "RegisterFrameworkMessage": {"framework": p["info"]},
        "ReregisterFrameworkMessage": {"framework": p["known"], "failover": True},
        "UnregisterFrameworkMessage": {"framework_id": p["framework"]},
        "DeactivateFrameworkMessage": {"framework_id": p["framework"]},
        "SubmitSchedulerRequest": {"name": "scan"},
        "AuthenticateMessage": {"pid": sender},
    }


def to_agent(cluster, _):
    p = parts(cluster)
    of_executor = {"framework_id": p["framework"], "executor_id": p["executor"]}
    return {
        **of_both(p),
        "SlaveRegisteredMessage": {"slave_id": {"value": "scan-S0"}},
        "SlaveReregisteredMessage": {"slave_id": p["agent"], "reconciliations": [
            {"framework_id": p["framework"], "statuses": [{**p["status"], "task_id": {"value": "scan"}}]}]},
        "PingSlaveMessage": {"connected": False},
        "RunTaskMessage": {"framework": p["known"], "task": p["launched"], "pid": "@0.0.0.0:0"},
        "RunTaskGroupMessage": {"framework": p["known"], "executor": p["custom"], "task_group": {"tasks": [p["launched"]]}},
        "ShutdownExecutorMessage": of_executor,
        "ShutdownFrameworkMessage": {"framework_id": p["framework"]},
        "UpdateFrameworkMessage": {"framework_id": p["framework"], "pid": "scan@127.0.0.1:1", "framework_info": p["known"]},
        "CheckpointResourcesMessage": {"resources": [scalar("disk", 16, reservations=[{"type": "DYNAMIC", "role": "scan"}])]},
        "DrainSlaveMessage": {"config": {"mark_gone": True}},
        "ShutdownMessage": {"message": "scan"},
        "StatusUpdateMessage": {"update": updates(p)},
        "RegisterExecutorMessage": of_executor,
        "ReregisterExecutorMessage": {**of_executor, "updates": [updates(p)]},
    }


# (who, its table, bodies, the message that it always answers)
MASTER = "core/master/messages.def", to_master, "SubmitSchedulerRequest"
AGENT = "core/agent/messages.def", to_agent, "PingSlaveMessage"


def places(cluster):
    """(address, names, bodies of a sender, the message that is always answered) of master and agent."""
    for address, (path, bodies, last) in ((f"master@{cluster.address}", MASTER),
                                          (f"slave(1)@127.0.0.1:{cluster.agents[0].port}", AGENT)):
        names = messages(path)
        assert sorted(names) == sorted(bodies(cluster, "x@127.0.0.1:1")), path
        yield address, names, bodies, last


def tell(cluster, address, last, key, made):
    """One message, as made(pid) gives it, of a peer that is new; what it is answered, up to the answer to the last."""
    peer = Peer("scan(1)")
    try:
        assert peer.send(address, made(peer.pid)) == 202, key
        # Handled in this order, and what is said to one peer goes over one connection: nothing comes after this answer.
        assert peer.send(address, last) == 202
        end, wanted = ANSWERS[last.DESCRIPTOR.name], ANSWERS.get(key, [])
        for kind in wanted + end:
            message = peer.get(kind)
            for word in cluster.secrets:
                assert word not in message.body, (address, key, message.value)
            if kind == "FrameworkErrorMessage":
                assert message.value.message == f"Framework at {peer.pid} is not authenticated"
        assert not peer.later, (address, key, peer.later)
    finally:
        peer.close()


def assert_untouched(cluster, before):
    """The task was left alone and its framework was told nothing: what is heard next is that it ends because its gate opens."""
    assert_same(before, sights(cluster))
    gate = os.path.join(cluster.sandbox(cluster.framework, "canary-task"), "gate")

    def opened():
        try:
            os.close(os.open(gate, os.O_WRONLY | os.O_NONBLOCK))
        except OSError as e:
            assert e.errno in (errno.ENXIO, errno.ENOENT), e  # nobody reads (yet)
            return False
        return True
    scheduler = cluster.scheduler
    wait_for(opened, what="the task at its gate")
    states = {status["state"] for status in scheduler.until("canary-task", TERMINAL)}
    assert states - {"TASK_RUNNING"} == {"TASK_FINISHED"}  # the former may be repeated
    assert scheduler.others.empty() and not scheduler.ended.is_set()


def test_messages(closed):
    before = sights(closed)
    for address, names, bodies, last in places(closed):
        for name in names:
            tell(closed, address, make(last, **bodies(closed, "")[last]), name,
                 lambda pid, n=name, b=bodies: make(n, **b(closed, pid)[n]))
    assert_untouched(closed, before)


def call_bodies(cluster):
    """Of every call of a v0 scheduler that has a body."""
    p = parts(cluster)
    launch = {"type": "LAUNCH", "launch": {"task_infos": [p["launched"]]}}
    operation = {"operation_id": {"value": "scan"}, "agent_id": p["agent"]}
    offers, inverse = {"offer_ids": [{"value": "scan"}]}, {"inverse_offer_ids": [{"value": "scan"}]}
    return {
        "ACCEPT": {**offers, "operations": [launch]}, "DECLINE": offers, "ACCEPT_INVERSE_OFFERS": inverse,
        "DECLINE_INVERSE_OFFERS": inverse, "KILL": {"task_id": p["task"]}, "REVIVE": {}, "SUPPRESS": {}, "TEARDOWN": None,
        "ACKNOWLEDGE": {"agent_id": p["agent"], "task_id": p["task"], "uuid": UUID}, "RECONCILE": {"tasks": [{"task_id": p["task"]}]},
        "SHUTDOWN": {"executor_id": p["executor"], "agent_id": p["agent"]}, "REQUEST": {"requests": [{"agent_id": p["agent"]}]},
        "MESSAGE": {"agent_id": p["agent"], "executor_id": p["executor"], "data": b"scan"},
        "UPDATE_FRAMEWORK": {"framework_info": p["known"]}, "RECONCILE_OPERATIONS": {"operations": [operation]},
        "ACKNOWLEDGE_OPERATION_STATUS": {**operation, "uuid": UUID}, "SUBSCRIBE": {"framework_info": p["known"], "force": True},
    }


def test_v0_calls(closed):
    before = sights(closed)
    found, names = call_bodies(closed), calls("core/master/calls.def") + ["SUBSCRIBE"]
    assert sorted(names) == sorted(found)
    for name in names:
        body = {} if found[name] is None else {name.lower(): found[name]}
        call = make("mesos.scheduler.Call", type=name, framework_id={"value": closed.framework}, **body)
        tell(closed, f"master@{closed.address}", make(MASTER[2], name="scan"), name, lambda _, c=call: c)
    assert_untouched(closed, before)


@pytest.mark.parametrize("closed", [{"require_peer_address_ip_match": True}], indirect=True)
def test_in_the_name_of_master_and_agent(closed):
    """Mesos believes whoever says that it is the agent's master, or the master's agent, unless addresses are to match."""
    before = sights(closed)
    stranger = Stranger("scan(1)")
    try:
        (master, *told), (agent, *asked) = places(closed)
        for to, sender, (names, bodies, _) in ((master, agent, told), (agent, master, asked)):
            for name in names:
                message = make(name, **bodies(closed, sender)[name])
                assert stranger.send(to, message, sender=sender) == 400, (to, name)
                assert stranger.send(to, message) == 400, (to, name)  # its own name has another address, too
        assert stranger.messages.empty()
    finally:
        stranger.close()
    assert_untouched(closed, before)
