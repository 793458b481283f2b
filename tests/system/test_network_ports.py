# SPDX-License-Identifier: Apache-2.0
"""Containers that listen on TCP ports which they were not given: told, ended, or left alone."""
import os
import tempfile
import time

import pytest

import cgroups
from agent_api import AgentApi
from cluster import Cluster, wait_for
from netbox import NetBox
from scheduler import Scheduler, command_task, group_operation, scalar

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
LISTEN = ("exec python3 -c 'import socket, time; l = [socket.create_server((\"%s\", p)) for p in %s]; "
          "print(\"listens\", flush=True); time.sleep(1000)'")


def ports(*ranges):
    return {"name": "ports", "type": "RANGES", "ranges": {"range": [{"begin": a, "end": b} for a, b in ranges]}}


class Box:
    def __init__(self, **flags):
        self.net = NetBox().enter()
        directory = tempfile.mkdtemp(prefix="cm-ports-")
        os.chmod(directory, 0o755)
        self.groups = cgroups.Run("ports")
        self.cluster = Cluster(directory).start(1, {
            "cgroups_root": self.groups.root,
            "isolation": "posix/cpu,posix/mem,network/ports", "container_ports_watch_interval": "200ms", **flags})
        self.agent = self.cluster.agents[0]
        self.api = AgentApi(self.agent)
        self.scheduler = Scheduler(self.cluster.address, checkpoint=True, failover_timeout=1000).subscribe()

    def offer(self, *ranges):
        """One with room and these ports; others go back to become part of it."""
        while True:
            offer = self.scheduler.offer()
            has = [(r["begin"], r["end"]) for x in offer["resources"] if x["name"] == "ports" for r in x["ranges"]["range"]]
            if (sum(r["scalar"]["value"] for r in offer["resources"] if r["name"] == "cpus") >= 2 and
                    all(any(a >= begin and b <= end for begin, end in has) for a, b in ranges)):
                return offer
            self.scheduler.decline(offer)

    def task(self, task_id, command, *ranges, **more):
        offer = self.offer(*ranges)
        resources = [scalar("cpus", 0.1), scalar("mem", 32)] + ([ports(*ranges)] if ranges else [])
        return offer, command_task(task_id, command, offer, resources=resources, **more)

    def start(self, task_id, wanted, *ranges, address="0.0.0.0", **more):
        offer, task = self.task(task_id, LISTEN % (address, list(wanted)), *ranges, **more)
        self.scheduler.accept(offer, [task])
        return self.scheduler.until(task_id, ["TASK_RUNNING"])[-1]

    def wait_listening(self, task_id):
        path = os.path.join(self.cluster.sandbox(self.scheduler.framework_id, task_id), "stdout")
        wait_for(lambda: "listens" in open(path, encoding="utf-8").read(), 15, task_id + " to listen")

    def kill(self, task_id):
        self.scheduler.kill(task_id)
        self.scheduler.until(task_id, ["TASK_KILLED"])

    def close(self):
        self.scheduler.teardown()
        self.cluster.stop()
        self.groups.end()
        self.net.leave()
        assert not self.cluster.complaints()
        self.cluster.remove()


@pytest.fixture(scope="module", params=["linux", "posix"])
def strict(request):
    """Processes of a container are found by its control group, or by its tree."""
    made = Box(launcher=request.param, enforce_container_ports=True)
    yield made
    made.close()


@pytest.fixture(scope="module")
def lenient():
    made = Box(container_ports_isolated_range="[31000-31999]")
    yield made
    made.close()


def refused(status, *ranges):
    assert status["state"] == "TASK_FAILED" and status["reason"] == "REASON_CONTAINER_LIMITATION", status
    assert status["message"].endswith("is listening on unallocated port(s): [" +
                                      ", ".join(f"{a}-{b}" for a, b in ranges) + "]"), status["message"]
    limited = [r for r in status["limitation"]["resources"] if r["name"] == "ports"]
    assert limited[0]["ranges"]["range"] == [{"begin": a, "end": b} for a, b in ranges]


@pytest.mark.parametrize("address", ["0.0.0.0", "127.0.0.1", "::"])
def test_foreign_ports_end_it(strict, address):
    task_id = "bad" + str(len(address)) + address[:1].replace(":", "six")
    command = LISTEN % (address, [31001, 31002, 31010, 31020])
    if ":" in address:
        command = command.replace("create_server((\"::\", p))", "create_server((\"::\", p), family=socket.AF_INET6)")
    offer, task = strict.task(task_id, command, (31010, 31015))
    strict.scheduler.accept(offer, [task])
    refused(strict.scheduler.until(task_id, ["TASK_FAILED"])[-1], (31001, 31002), (31020, 31020))


def test_own_ports_and_clients_are_well(strict):
    strict.start("good", [31100, 31105], (31100, 31109))
    strict.wait_listening("good")
    offer, task = strict.task("client", "exec python3 -c 'import socket, time; s = socket.create_connection((\"127.0.0.1\", "
                              "31100)); u = socket.socket(type=socket.SOCK_DGRAM); u.bind((\"\", 31500)); time.sleep(1000)'")
    strict.scheduler.accept(offer, [task])
    strict.scheduler.until("client", ["TASK_RUNNING"])
    time.sleep(1)
    assert strict.scheduler.updates.empty()
    strict.kill("good")
    strict.kill("client")


def test_ports_of_a_pod_are_its_roots(strict):
    """A task of a pod may use its own ports; another container nested in it counts for the root too."""
    offer, task = strict.task("first", LISTEN % ("0.0.0.0", [31200]), (31200, 31209))
    strict.scheduler.accept(offer, None, operations=[group_operation(strict.scheduler.framework_id, "pod", [task])])
    status = strict.scheduler.until("first", ["TASK_RUNNING"])[-1]
    container = status["container_status"]["container_id"]
    time.sleep(0.7)
    assert strict.scheduler.updates.empty()
    root = container["parent"]["value"]
    strict.api.launch((root, "guest"), LISTEN % ("0.0.0.0", [31201]))
    time.sleep(0.7)
    assert strict.scheduler.updates.empty()
    strict.api.launch((root, "thief"), LISTEN % ("0.0.0.0", [31210]))
    status = strict.scheduler.until("first", ["TASK_FAILED"])[-1]
    assert f"Container {root}.thief is listening on unallocated port(s): [31210-31210]" in status["message"]
    assert status["reason"] == "REASON_CONTAINER_LIMITATION"


def test_agent_restart(strict):
    strict.start("stays", [31300], (31300, 31300))
    offer, task = strict.task("later", "while [ ! -e now ]; do sleep 0.1; done; " + LISTEN % ("0.0.0.0", [31400, 31401]),
                              (31400, 31400))
    strict.scheduler.accept(offer, [task])
    strict.scheduler.until("later", ["TASK_RUNNING"])
    strict.wait_listening("stays")
    strict.agent.kill()
    while not strict.scheduler.offers.empty():
        strict.scheduler.offers.get()
    strict.agent.start()
    wait_for(lambda: strict.agent.get("/metrics/snapshot").get("slave/registered") == 1, 20, "the agent")
    time.sleep(1)
    assert strict.scheduler.updates.empty()
    with open(os.path.join(strict.cluster.sandbox(strict.scheduler.framework_id, "later"), "now"), "w", encoding="utf-8"):
        pass
    refused(strict.scheduler.until("later", ["TASK_FAILED"])[-1], (31401, 31401))
    strict.kill("stays")


def test_only_told_without_enforcement(lenient):
    status = lenient.start("tells", [31001, 41001])  # the second is none of those that are looked at
    name = status["container_status"]["container_id"]["value"]
    told = f"Container {name} is listening on unallocated port(s): [31001-31001]"
    wait_for(lambda: told in lenient.agent.log(), 15, "the agent to tell")
    time.sleep(0.7)
    assert lenient.agent.log().count(told) == 1  # once
    assert lenient.scheduler.updates.empty()
    lenient.kill("tells")


def test_agents_ports_only(lenient):
    """Of the resources of the agent: what is not offered may be used by anybody."""
    box = lenient.cluster.add_agent({
        "isolation": "posix/cpu,posix/mem,network/ports", "container_ports_watch_interval": "200ms",
        "enforce_container_ports": True, "check_agent_port_range_only": True,
        "resources": "cpus:4;mem:4096;ports:[32000-32099]", "attributes": "second:yes"})
    assert box.process.poll() is None

    def offer():
        while True:
            found = lenient.scheduler.offer()
            if found.get("attributes"):
                return found
            lenient.scheduler.decline(found, 1000)
    found = offer()
    lenient.scheduler.accept(found, [command_task("free", LISTEN % ("0.0.0.0", [31050]), found)])
    lenient.scheduler.until("free", ["TASK_RUNNING"])
    found = offer()
    lenient.scheduler.accept(found, [command_task("taken", LISTEN % ("0.0.0.0", [31051, 32050]), found)])
    refused(lenient.scheduler.until("taken", ["TASK_FAILED"])[-1], (32050, 32050))
    time.sleep(0.5)
    assert lenient.scheduler.updates.empty()
    lenient.kill("free")


def test_flags_that_exclude_each_other(lenient):
    agent = lenient.cluster.add_agent({"isolation": "network/ports", "check_agent_port_range_only": True,
                                       "container_ports_isolated_range": "[1-2]"}, start=False)
    agent.start(wait=False)
    assert agent.process.wait(60) != 0
    assert "only one of 'check_agent_port_range_only' and 'container_ports_isolated_range'" in agent.log()
