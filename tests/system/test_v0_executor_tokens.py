# SPDX-License-Identifier: Apache-2.0
"""Executors over libprocess, which has no tokens, on agents that demand them; and messages that name another as their sender."""
import socket

import pytest

from cluster import wait_for
from libprocess import Peer, _Reader, make
from scheduler import Scheduler, command_task, scalar
from test_v0_cluster import Executor

RUNNING = 1


def tokens(tmp_path, **more):
    key = tmp_path / "key"
    key.write_text("k" * 32)
    key.chmod(0o600)
    return {"authenticate_http_executors": True, "jwt_secret_key": str(key), **more}


@pytest.fixture
def closing():
    made = []
    yield lambda thing: made.append(thing) or thing
    for thing in made:
        thing.close()


def custom_task(offer, framework_id):
    return {"name": "t", "task_id": {"value": "t"}, "agent_id": offer["agent_id"],
            "resources": [scalar("cpus", 0.1), scalar("mem", 32)],
            "executor": {"executor_id": {"value": "e"}, "command": {"value": "exec sleep 100"}, "type": "CUSTOM",
                         "framework_id": {"value": framework_id},
                         "resources": [scalar("cpus", 0.1), scalar("mem", 32), scalar("disk", 32)]}}


def test_a_custom_one_goes_on_working_and_keeps_its_address(make_cluster, closing, tmp_path):
    cluster = make_cluster(agent_flags=tokens(tmp_path, executor_reregistration_timeout="15secs"))
    scheduler = Scheduler(cluster.address, checkpoint=True, failover_timeout=1000).subscribe()
    offer = scheduler.offer()
    scheduler.accept(offer, [custom_task(offer, scheduler.framework_id)])
    executor = Executor(cluster, scheduler.framework_id)
    closing(executor.peer)
    executor.register()
    executor.acknowledged(executor.says("t", RUNNING))
    assert scheduler.update("t")["state"] == "TASK_RUNNING"
    agent = cluster.agents[0]
    agent.kill()
    agent.start(wait=False)
    executor.peer.value("ReconnectExecutorMessage")
    # Who knows its ids is not it.
    stranger = closing(Peer("executor(1)"))
    again = make("ReregisterExecutorMessage", **executor.ids)
    stranger.send(executor.agent, again)
    stranger.value("ShutdownExecutorMessage")
    executor.peer.send(executor.agent, again)
    executor.peer.value("ExecutorReregisteredMessage")
    assert "it has come another way before" in agent.log()
    scheduler.teardown()


def test_it_is_refused_where_logins_are_required(make_cluster, closing, tmp_path):
    cluster = make_cluster(agent_flags=tokens(tmp_path, require_authentication=True))
    scheduler = Scheduler(cluster.address).subscribe()
    offer = scheduler.offer()
    scheduler.accept(offer, [custom_task(offer, scheduler.framework_id)])
    executor = Executor(cluster, scheduler.framework_id)
    closing(executor.peer)
    wait_for(executor._process, 60, "the executor's process")
    executor.peer.send(executor.agent, make("RegisterExecutorMessage", **executor.ids))
    executor.peer.value("ShutdownExecutorMessage")
    assert "libprocess has no tokens" in cluster.agents[0].log()
    scheduler.teardown()


def test_nobody_takes_the_place_of_one_that_has_a_token(make_cluster, closing, tmp_path):
    """While its URI is being fetched, which takes for ever, everybody may try to be the executor of a command."""
    cluster = make_cluster(agent_flags=tokens(tmp_path))
    mute = closing(socket.create_server(("127.0.0.1", 0)))
    scheduler = Scheduler(cluster.address).subscribe()
    offer = scheduler.offer()
    uri = f"http://127.0.0.1:{mute.getsockname()[1]}/never"
    scheduler.accept(offer, [command_task("slow", {"value": "true", "uris": [{"value": uri, "extract": False}]}, offer)])
    agent = cluster.agents[0]

    def executors():
        return [e["id"] for f in agent.get("/state")["frameworks"] for e in f["executors"]]
    wait_for(lambda: executors() == ["slow"], 60, "the executor")
    stranger = closing(Peer("executor(1)"))
    ids = {"framework_id": {"value": scheduler.framework_id}, "executor_id": {"value": "slow"}}
    for name in "RegisterExecutorMessage", "ReregisterExecutorMessage":
        stranger.send(f"slave(1)@127.0.0.1:{agent.port}", make(name, **ids))
        stranger.value("ShutdownExecutorMessage")
    assert executors() == ["slow"]
    assert "executors of its kind come over HTTP and show a token" in agent.log()
    scheduler.teardown()


# ---- who sends in another's name ----

class Stranger(Peer):
    """Sends from 127.0.0.2, whoever it says that it is."""

    def connect(self, address):
        if address not in self.out:
            connection = socket.create_connection(address, timeout=self.patience, source_address=("127.0.0.2", 0))
            self.out[address] = connection, _Reader(connection)


@pytest.mark.parametrize("matching", [False, True])
def test_orders_in_the_name_of_the_master(make_cluster, closing, tmp_path, matching):
    """Mesos believes them, logins or not; who sets require_peer_address_ip_match does not."""
    credentials = tmp_path / "credentials"
    credentials.write_text("agent a1\n")
    credentials.chmod(0o600)
    match = {"require_peer_address_ip_match": True} if matching else {}
    cluster = make_cluster(master_flags={"authenticate_agents": True, "credentials": str(credentials), **match},
                           agent_flags={"credential": str(credentials), **match})
    agent = cluster.agents[0]
    stranger = closing(Stranger("x"))
    master, slave = f"master@{cluster.address}", f"slave(1)@127.0.0.1:{agent.port}"
    order = make("RunTaskMessage", framework={"user": "root", "name": "nobody's", "id": {"value": "F"}}, pid="@0.0.0.0:0",
                 task={"name": "stolen", "task_id": {"value": "stolen"}, "command": {"value": "sleep 100"},
                       "agent_id": {"value": cluster.wait_agents(1)[0]["id"]}})
    for resource, value in ("cpus", 0.1), ("mem", 32):
        order.task.resources.add(name=resource, type=0, role="*").scalar.value = value
    assert stranger.send(slave, order, sender=master) == (400 if matching else 202)

    def frameworks():
        return [f["id"] for f in agent.get("/state")["frameworks"]]
    if matching:
        assert frameworks() == []
    else:
        wait_for(lambda: frameworks() == ["F"], 60, "the stolen task")
        assert stranger.send(slave, make("ShutdownFrameworkMessage", framework_id={"value": "F"}), sender=master) == 202
        wait_for(lambda: frameworks() == [], 60, "its end")
