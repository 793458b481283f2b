# SPDX-License-Identifier: Apache-2.0
"""Messages that the network held up and that come after what was said since: they change nothing that is true now."""
import shutil
import tempfile

import pytest

from cluster import Cluster, wait_for
from libprocess import Peer, make

FRAMEWORK = {"user": "root", "name": "f", "id": {"value": "framework"}, "roles": ["*"], "checkpoint": True,
             "capabilities": [{"type": "MULTI_ROLE"}], "failover_timeout": 1000}


@pytest.fixture
def directory():
    made = tempfile.mkdtemp(prefix="cm-")
    yield made
    shutil.rmtree(made, ignore_errors=True)


@pytest.fixture
def agent():
    made = Peer("slave(1)")
    yield made
    made.close()


def reregister(agent, agent_id, **more):
    return make("ReregisterSlaveMessage", version="1.11.0", slave={
        "hostname": "localhost", "port": agent.port, "checkpoint": True, "id": {"value": agent_id},
        "resources": [{"name": "cpus", "type": "SCALAR", "scalar": {"value": 4}}]}, **more)


def test_a_registration_over_an_earlier_connection(make_cluster, agent):
    """The kernel still sends what a killed agent had written, after its successor has come back over a later connection."""
    cluster = make_cluster(agents=0)
    master = f"master@{cluster.address}"
    registration = make("RegisterSlaveMessage", version="1.11.0", slave={
        "hostname": "localhost", "port": agent.port, "checkpoint": True,
        "resources": [{"name": "cpus", "type": "SCALAR", "scalar": {"value": 4}}]})
    agent.send(master, registration)
    agent_id = agent.value("SlaveRegisteredMessage").slave_id.value
    earlier = agent.out.pop(("127.0.0.1", cluster.master.port))
    agent.send(master, reregister(agent, agent_id))
    agent.get("SlaveReregisteredMessage")
    later = agent.out.pop(("127.0.0.1", cluster.master.port))
    agent.out["127.0.0.1", cluster.master.port] = earlier
    agent.send(master, reregister(agent, agent_id, frameworks=[FRAMEWORK]))
    wait_for(lambda: "it came late" in cluster.master.log(), 20, "the master's refusal")
    assert cluster.master.get("/state")["frameworks"] == []
    earlier[0].close()
    # Over the one that it used last it is heard.
    agent.out["127.0.0.1", cluster.master.port] = later
    agent.send(master, reregister(agent, agent_id, frameworks=[FRAMEWORK]))
    wait_for(lambda: cluster.master.get("/state")["frameworks"], 20, "the framework to be known")


def test_a_task_that_comes_while_its_agent_re_registers(directory):
    """The master may have read already that the agent does not have it: so it must never start."""
    cluster, master = Cluster(directory), Peer("master")
    try:
        cluster.add_agent({"master": f"127.0.0.1:{master.port}", "registration_backoff_factor": "100ms"}, start=False).start()
        pid = master.get("RegisterSlaveMessage", 20).sender

        def send(name, command="sleep 1000"):
            resources = [{"name": n, "type": "SCALAR", "scalar": {"value": v}, "allocation_info": {"role": "*"}}
                         for n, v in (("cpus", 0.1), ("mem", 32))]
            master.send(pid, make("RunTaskMessage", framework=FRAMEWORK, pid="", task={
                "name": name, "task_id": {"value": name}, "agent_id": {"value": "A0"}, "command": {"value": command},
                "resources": resources}))
        connection = {"total_ping_timeout_seconds": 75}
        master.send(pid, make("SlaveRegisteredMessage", slave_id={"value": "A0"}, connection=connection))
        master.get("UpdateSlaveMessage", 20)
        master.hang_up()
        master.get("ReregisterSlaveMessage", 20)
        send("late")
        wait_for(lambda: "which came late: task late" in cluster.agents[0].log(), 20, "the agent's refusal")
        earlier = master.out.copy()
        master.out.clear()
        status = {"task_id": {"value": "late"}, "agent_id": {"value": "A0"}, "state": "TASK_STAGING"}
        master.send(pid, make("SlaveReregisteredMessage", slave_id={"value": "A0"}, connection=connection, reconciliations=[
            {"framework_id": {"value": "framework"}, "framework": FRAMEWORK, "statuses": [status]}]))
        told = master.value("StatusUpdateMessage").update.status
        assert told.task_id.value == "late" and "unknown to the agent" in told.message
        later, master.out = master.out, earlier  # which the answer did not come over
        send("later")
        wait_for(lambda: "which came late: task later" in cluster.agents[0].log(), 20, "the agent's refusal")
        master.out = later
        send("in time")
        wait_for(lambda: master.value("StatusUpdateMessage").update.status.task_id.value == "in time", 20, "the other")
        # Acknowledgements that another master passes on: this one would wait for ever for what they are about.
        former = Peer("master")
        former.send(pid, make("StatusUpdateAcknowledgementMessage", slave_id={"value": "A0"}, uuid=b"0123456789abcdef",
                              framework_id={"value": "framework"}, task_id={"value": "in time"}))
        former.close()
        wait_for(lambda: "dropping an acknowledgement for task in time" in cluster.agents[0].log(), 20, "the agent's word")
        # A kill that crosses with the end of its task: nothing more is told of that one.
        send("short", "true")

        def ended():
            update = master.value("StatusUpdateMessage").update
            master.send(pid, make("StatusUpdateAcknowledgementMessage", slave_id={"value": "A0"}, uuid=update.uuid,
                                  framework_id={"value": "framework"}, task_id=update.status.task_id))
            return update.status.task_id.value == "short" and update.status.message.startswith("Command exited")
        wait_for(ended, 30, "the end of the short task")
        wait_for(lambda: "executor short of framework framework has ended" in cluster.agents[0].log(), 20, "its executor's end")
        master.send(pid, make("KillTaskMessage", framework_id={"value": "framework"}, task_id={"value": "short"}))
        wait_for(lambda: "ignoring kill of task short: it has ended" in cluster.agents[0].log(), 20, "the agent's word")
    finally:
        cluster.stop()
        master.close()
