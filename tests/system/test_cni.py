# SPDX-License-Identifier: Apache-2.0
"""Containers in networks of CNI plugins: what they see from inside, who reaches them, what is left of them."""
import json
import os
import signal
import socket
import subprocess
import tempfile
import time

import pytest

import cgroups
from agent_api import AgentApi
from cluster import Cluster, wait_for
from images import Image, archive, busybox_layer, link, member
from netbox import NetBox, run
from scheduler import Scheduler, command_task, group_operation

PLUGINS = "/usr/lib/cni"
pytestmark = pytest.mark.skipif(os.geteuid() != 0 or not os.path.exists(PLUGINS + "/bridge"),
                                reason="needs root and containernetworking-plugins")
BROKEN = """#!/bin/sh
echo 'iptables is on holiday' >&2
echo '{"cniVersion": "0.1.0", "code": 7, "msg": "no more addresses in the pool"}'
[ "$CNI_COMMAND" = DEL ] || exit 1
"""
HUNG = """#!/bin/sh
[ "$CNI_COMMAND" = DEL ] && exit 0
sleep 4711 &
sleep 4711
"""
LIAR = """#!/bin/sh
[ "$CNI_COMMAND" = DEL ] || head -c 5000000 /dev/zero | tr '\\0' x
"""
SERVER = ("python3 -c 'import socket; s=socket.create_server((\"0.0.0.0\", %d)); print(\"listens\", flush=True)\n"
          "while True:\n c, a = s.accept(); c.sendall(b\"%s\"); c.close()'")


def script(directory, name, text):
    path = os.path.join(directory, name)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    os.chmod(path, 0o755)


class Box:
    def __init__(self, directory):
        os.chmod(directory, 0o755)
        self.directory = directory
        self.net = NetBox().enter()
        self.configs = os.path.join(directory, "cni.conf")
        self.leases = os.path.join(directory, "leases")
        own = os.path.join(directory, "plugins")
        os.makedirs(self.configs)
        os.makedirs(own)
        script(own, "broken", BROKEN)
        script(own, "hung", HUNG)
        script(own, "liar", LIAR)
        self.network("one", self.bridge("br-one", "10.77.1.0/24"))
        self.network("two", self.bridge("br-two", "10.77.2.0/24"))
        self.network("bad", {"type": "broken"})
        self.network("slow", {"type": "hung"})
        self.network("lies", {"type": "liar"})
        self.network("loop", {"type": "loopback"})
        self.network("newest", {"cniVersion": "1.0.0", "plugins": [self.bridge("br-new", "10.77.8.0/24"),
                                                                   {"type": "loopback"}]})
        self.network("six", {"cniVersion": "1.0.0", "type": "bridge", "bridge": "br-six", "isGateway": True, "ipam": {
            "type": "host-local", "dataDir": self.leases, "ranges": [[{"subnet": "fd00:77::/64"}]]}})
        self.network("mapped", {"cniVersion": "0.4.0", "plugins": [
            self.bridge("br-map", "10.77.3.0/24"),
            {"type": "portmap", "capabilities": {"portMappings": True}, "snat": True}]})
        self.network("mapper", {"type": "mesos-cni-port-mapper", "chain": "MESOS-TEST", "excludeDevices": ["br-mapper"],
                                "delegate": self.bridge("br-mapper", "10.77.4.0/24")})
        self.images()
        self.groups = cgroups.Run("cni")
        module = os.path.join(Cluster(directory).tree.module_path, "isolator_network_cni.so")
        self.cluster = Cluster(directory)
        self.flags = {
            "launcher": "linux", "cgroups_root": self.groups.root,
            "isolation": "filesystem/linux,docker/runtime,network/cni",
            "image_providers": "docker", "docker_registry": os.path.join(directory, "images"),
            "docker_store_dir": os.path.join(directory, "store"), "image_provisioner_backend": "overlay",
            "network_cni_plugins_dir": own + ":" + PLUGINS, "network_cni_config_dir": self.configs,
            "default_container_dns": json.dumps({"mesos": [
                {"network_mode": "CNI", "network_name": "one",
                 "dns": {"nameservers": ["10.77.1.53"], "domain": "one.test", "search": ["a.test", "b.test"],
                         "options": ["ndots:3"]}},
                {"network_mode": "CNI", "dns": {"nameservers": ["10.77.0.53"]}}]}),
            "modules": json.dumps({"libraries": [{"file": module, "modules": [
                {"name": "network/cni", "parameters": [{"key": "plugin_timeout", "value": "3secs"}]}]}]})}
        self.cluster.start(1, self.flags)
        self.agent = self.cluster.agents[0]
        self.root = os.path.join(directory, "agent1.run/isolators/network/cni")
        self.scheduler = Scheduler(self.cluster.address, checkpoint=True, failover_timeout=1000).subscribe()
        self.api = AgentApi(self.agent)

    def images(self):
        """A good one; one whose files in /etc are links that lead out of it; one whose /etc is."""
        good = busybox_layer()
        links = archive(link("etc/hosts", self.directory + "/victim"), link("etc/resolv.conf", "../run/none"),
                        link("etc/hostname", "/nowhere/at/all"))
        etc = archive(member(".wh.etc"), link("etc", self.directory))
        with open(os.path.join(self.directory, "victim"), "w", encoding="utf-8") as file:
            file.write("untouched\n")
        for name, layers in (("good", [good]), ("links", [good, links]), ("etc", [good, etc])):
            Image(layers).save(os.path.join(self.directory, "images", name + ":latest.tar"), name + ":latest")

    def bridge(self, name, subnet):
        return {"type": "bridge", "bridge": name, "isGateway": True, "ipMasq": False,
                "ipam": {"type": "host-local", "subnet": subnet, "dataDir": self.leases,
                         "routes": [{"dst": "0.0.0.0/0"}]}}

    def network(self, name, config):
        with open(os.path.join(self.configs, name + ".conf"), "w", encoding="utf-8") as file:
            json.dump({"name": name, **config}, file)

    def offer(self):
        """One with room; small ones go back to become part of a larger."""
        while True:
            offer = self.scheduler.offer()
            cpus = sum(r["scalar"]["value"] for r in offer["resources"] if r["name"] == "cpus")
            if cpus >= 2:
                return offer
            self.scheduler.decline(offer)

    def agent_returns(self):
        while not self.scheduler.offers.empty():
            self.scheduler.offers.get()  # they went with the agent
        self.agent.start()
        wait_for(lambda: self.agent.get("/metrics/snapshot").get("slave/registered") == 1, 20, "the agent")

    def start(self, task_id, command, *networks, states=("TASK_RUNNING",), **more):
        """Launches and waits for one of the states; the last status."""
        infos = [{"name": n} if isinstance(n, str) else n for n in networks]
        offer = self.offer()
        self.scheduler.accept(offer, [command_task(task_id, command, offer, container={
            "type": "MESOS", "network_infos": infos, **more})])
        return self.scheduler.until(task_id, list(states) + ["TASK_FAILED", "TASK_ERROR", "TASK_LOST"])[-1]

    def stdout(self, task_id, until=None):
        path = os.path.join(self.cluster.sandbox(self.scheduler.framework_id, task_id), "stdout")

        def read():
            with open(path, encoding="utf-8") as file:
                text = file.read()
            return text if until is None or until in text else None
        return wait_for(read, 15, f"'{until}' from {task_id}")

    def kill(self, task_id):
        self.scheduler.kill(task_id)
        self.scheduler.until(task_id, ["TASK_KILLED"])

    def addresses_in_use(self):
        found = []
        for root, _, files in os.walk(self.leases):
            found += [os.path.join(root, f) for f in files if f[0].isdigit() or f.startswith("fd00")]
        return found

    def bridge_ports(self):
        return [line for line in run("ip", "-o", "link").splitlines() if "veth" in line and "master" in line]

    def nothing_left(self):
        def clean():
            return not (os.listdir(self.root) or self.addresses_in_use() or self.bridge_ports() or
                        self.root in open("/proc/self/mountinfo", encoding="utf-8").read() or
                        "10.77." in run("iptables", "-t", "nat", "-S"))
        wait_for(clean, 15, "nothing to be left of containers' networks")

    def close(self):
        self.scheduler.teardown()
        try:
            self.nothing_left()
        finally:
            self.cluster.stop()
            self.groups.end()
            self.net.leave()
        assert not self.cluster.complaints()
        self.cluster.remove()


@pytest.fixture(scope="module")
def box():
    made = Box(tempfile.mkdtemp(prefix="cm-cni-"))
    yield made
    made.close()


def infos_of(status):
    return status["container_status"]["network_infos"]


def test_seen_from_inside(box):
    before = open("/etc/hosts", encoding="utf-8").read()
    status = box.start(
        "in", "hostname; echo hn=$(cat /etc/hostname); cat /etc/hosts /etc/resolv.conf; ip -o address; ip route; "
        "env | grep LIBPROCESS_IP; ping -c1 -W2 $(hostname) && ping -c1 -W2 127.0.0.1 && ping -c3 -i0.2 -W2 10.77.1.1 && "
        "echo pinged; touch /etc/hosts && echo writable; sleep 1000",
        {"name": "one", "labels": {"labels": [{"key": "app", "value": "x"}]}}, hostname="inside.example")
    text = box.stdout("in", "writable")
    info = infos_of(status)
    assert len(info) == 1 and info[0]["name"] == "one"
    address = info[0]["ip_addresses"][0]["ip_address"]
    assert info[0]["ip_addresses"] == [{"protocol": "IPv4", "ip_address": address}] and address.startswith("10.77.1.")
    assert info[0]["labels"] == {"labels": [{"key": "app", "value": "x"}]}
    lines = text.splitlines()
    assert lines[0] == "inside.example" and lines[1] == "hn=inside.example"
    assert "127.0.0.1 localhost" in lines and f"{address} inside.example" in lines
    assert lines[lines.index("domain one.test"):][:4] == [
        "domain one.test", "search a.test b.test", "options ndots:3", "nameserver 10.77.1.53"]
    assert f"inet {address}/24" in text and "LIBPROCESS_IP=0.0.0.0" in lines and "default via 10.77.1.1" in text
    assert "pinged" in lines
    assert not [line for line in lines if "br-one" in line]  # the host's interfaces are not there
    assert open("/etc/hosts", encoding="utf-8").read() == before
    assert socket.gethostname() != "inside.example"
    # What the next agent needs, and what operators look for.
    container = status["container_status"]["container_id"]["value"]
    assert sorted(os.listdir(os.path.join(box.root, container))) == ["hostname", "hosts", "ns", "one", "resolv.conf"]
    with open(os.path.join(box.root, container, "one/network.conf"), encoding="utf-8") as file:
        conf = json.load(file)
    assert conf["args"]["org.apache.mesos"]["network_info"]["labels"]["labels"] == [{"key": "app", "value": "x"}]
    with open(os.path.join(box.root, container, "one/eth0/network.info"), encoding="utf-8") as file:
        assert json.load(file)["ip4"]["ip"] == address + "/24"
    handle = os.path.join(box.root, container, "ns")
    assert f"inet {address}/24" in run("nsenter", "--net=" + handle, "ip", "-o", "address")
    # Statistics.
    figures = [c["statistics"] for c in box.agent.get("/monitor/statistics") if c["executor_id"] == "in"][0]
    assert figures["net_rx_packets"] >= 3 and figures["net_tx_packets"] >= 3
    assert figures["net_rx_bytes"] > 200 and figures["net_tx_bytes"] > 200
    assert figures["net_rx_errors"] == figures["net_tx_errors"] == 0 and "net_rx_dropped" in figures
    # A neighbour reaches it, and both are reached from the host; each has its own hosts file.
    near = box.start("near", f"ping -c1 -W2 {address} && echo reached; hostname; sleep 1000", "one")
    assert "reached" in box.stdout("near", "reached")
    run("ping", "-c1", "-W2", address)
    # A container that began later does not keep the namespace of one that has ended.
    mounts = f"/proc/{near['container_status']['executor_pid']}/mountinfo"
    assert handle in open(mounts, encoding="utf-8").read()
    box.kill("in")
    wait_for(lambda: handle not in open(mounts, encoding="utf-8").read(), 10, "the namespace to be let go")
    box.kill("near")
    box.nothing_left()


def test_several_networks_and_wanted_address(box):
    status = box.start("both", "ip -o -4 address; cat /etc/resolv.conf; sleep 1000",
                       {"name": "two", "ip_addresses": [{"ip_address": "10.77.2.77"}]}, "one")
    first, second = infos_of(status)
    assert (first["name"], second["name"]) == ("two", "one")
    assert first["ip_addresses"][0]["ip_address"] == "10.77.2.77"
    text = box.stdout("both", "nameserver 10.77.1.53")
    assert "eth0    inet 10.77.2.77/24" in text and "eth1    inet " + second["ip_addresses"][0]["ip_address"] in text
    assert "nameserver 10.77.0.53" in text  # the default for networks without an entry of their own
    box.kill("both")
    box.nothing_left()


@pytest.mark.parametrize("network,address", [("newest", "10.77.8."), ("six", "fd00:77::"), ("loop", "127.0.0.1")])
def test_versions_and_families(box, network, address):
    """CNI 1.0.0, several plugins in a row, IPv6, a plugin without an interface of its own."""
    status = box.start(network, "ip -o address; cat /etc/hosts; echo end; sleep 1000", network, hostname="me")
    first = infos_of(status)[0]["ip_addresses"][0]
    assert first["ip_address"].startswith(address) and first["protocol"] == ("IPv6" if ":" in address else "IPv4")
    text = box.stdout(network, "end")
    assert first["ip_address"] + "/" in text and first["ip_address"] + " me" in text.splitlines()
    box.kill(network)
    box.nothing_left()


@pytest.mark.parametrize("network,port", [("mapped", 18080), ("mapper", 18081)])
def test_port_mappings(box, network, port):
    outside = box.net.other_host("out" + network, f"192.0.2.{1 + 64 * (network == 'mapper')}",
                                 f"192.0.2.{2 + 64 * (network == 'mapper')}", 26)
    ours = f"192.0.2.{1 + 64 * (network == 'mapper')}"
    run("sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward")
    status = box.start("web" + network, SERVER % (80, network), {
        "name": network, "port_mappings": [{"host_port": port, "container_port": 80, "protocol": "TCP"}]})
    assert infos_of(status)[0]["port_mappings"] == [{"host_port": port, "container_port": 80, "protocol": "TCP"}]
    box.stdout("web" + network, "listens")
    read = f"import socket; print(socket.create_connection(('{ours}', {port}), 5).recv(100))"
    assert network in run(*outside, "python3", "-c", read)
    box.kill("web" + network)
    box.nothing_left()
    assert "rror" in run(*outside, "python3", "-c", read, check=False)


def test_agent_crash_with_running_container(box):
    status = box.start("stays", "sleep 1000", "one", hostname="stays")
    address = infos_of(status)[0]["ip_addresses"][0]["ip_address"]
    gone = box.start("goes", "sleep 1000", "one")
    box.agent.kill()
    run("ping", "-c1", "-W2", address)
    os.kill(gone["container_status"]["executor_pid"], signal.SIGKILL)
    os.killpg(gone["container_status"]["executor_pid"], signal.SIGKILL)
    assert len(box.addresses_in_use()) == 2
    box.agent_returns()
    wait_for(lambda: len(box.addresses_in_use()) == 1, 20, "the lost container to be detached")
    run("ping", "-c1", "-W2", address)
    figures = [c["statistics"] for c in box.agent.get("/monitor/statistics") if c["executor_id"] == "stays"][0]
    assert figures["net_rx_packets"] >= 1
    container = status["container_status"]["container_id"]
    found = [c for c in box.api.containers() if c["container_id"] == container][0]
    assert found["container_status"]["network_infos"][0]["ip_addresses"][0]["ip_address"] == address
    box.kill("stays")
    box.nothing_left()


def test_left_by_an_agent_whose_containers_are_unknown(box):
    """The directory alone is enough: as after a reboot, when no namespace and no container is left."""
    box.start("lost", "sleep 1000", "one")
    box.agent.kill()
    for pid in box.cluster.leftovers():
        os.kill(pid, signal.SIGKILL)
    container = os.listdir(box.root)[0]
    run("umount", os.path.join(box.root, container, "ns"))
    box.agent_returns()
    box.nothing_left()


def test_networks_come_and_go(box):
    box.network("late", box.bridge("br-late", "10.77.9.0/24"))
    status = box.start("late", "sleep 1000", "late")
    assert infos_of(status)[0]["ip_addresses"][0]["ip_address"].startswith("10.77.9.")
    os.unlink(os.path.join(box.configs, "late.conf"))
    box.kill("late")  # with the configuration as it was
    box.nothing_left()
    assert "Unknown CNI network 'late'" in box.start("again", "true", "late")["message"]


def test_failures_are_told(box):
    status = box.start("bad", "true", "one", "bad")
    assert status["state"] == "TASK_FAILED"
    for words in ("'broken' failed to attach container", "to CNI network 'bad'", "no more addresses in the pool",
                  "iptables is on holiday"):
        assert words in status["message"]
    began = time.monotonic()
    status = box.start("slow", "true", "slow")
    assert "did not end within 3000 ms and was killed" in status["message"] and time.monotonic() - began < 60
    assert not subprocess.run(["pgrep", "-f", "sleep 4711"], stdout=subprocess.PIPE, check=False).stdout
    for networks, more, why in (
            (["lies"], {}, "Failed to parse the output of the CNI plugin 'liar' for CNI network 'lies': JSON parse failed"),
            (["one", "one"], {}, "Attempted to join CNI network 'one' multiple times"),
            (["../x"], {}, "Unknown CNI network '../x'"),
            ([{"name": "mapped", "port_mappings": [{"host_port": 70000, "container_port": 1}]}], {},
             "port_mappings[0].host_port is 70000"),
            (["one"], {"hostname": "a b\n6.6.6.6 evil"}, "ContainerInfo.hostname"),
            (["one"], {"hostname": "x" * 65}, "ContainerInfo.hostname")):
        status = box.start("no" + str(abs(hash(why)) % 1000) + str(len(more)) + str(len(str(more))), "true", *networks, **more)
        assert status["state"] in ("TASK_FAILED", "TASK_ERROR") and why in status["message"], status
    box.nothing_left()


def test_pod_shares_one_network(box):
    """Both tasks of a pod are in the executor's network: the second reaches the first by loopback."""
    offer = box.offer()
    tasks = [command_task("server", SERVER % (8000, "pod"), offer),
             command_task("client", "hostname; cat /etc/hosts; ip -o -4 address; for i in $(seq 50); do python3 -c \"import "
                          "socket; print(socket.create_connection(('127.0.0.1', 8000)).recv(9))\" && break; sleep 0.1; done; "
                          "sleep 1000", offer)]
    executor = {"container": {"type": "MESOS", "network_infos": [{"name": "one"}], "hostname": "pod"}}
    box.scheduler.accept(offer, None, operations=[group_operation(box.scheduler.framework_id, "pod", tasks, **executor)])
    running = {}
    while len(running) < 2:
        status = box.scheduler.update()
        assert status["state"] in ("TASK_STARTING", "TASK_RUNNING"), status
        if status["state"] == "TASK_RUNNING":
            running[status["task_id"]["value"]] = status
    addresses = {infos_of(s)[0]["ip_addresses"][0]["ip_address"] for s in running.values()}
    assert len(addresses) == 1 and addresses.pop().startswith("10.77.1.")
    sandbox = box.cluster.sandbox(box.scheduler.framework_id, "pod")
    inside = running["client"]["container_status"]["container_id"]["value"]

    def said():
        with open(f"{sandbox}/containers/{inside}/stdout", encoding="utf-8") as file:
            text = file.read()
        return text if "b'pod'" in text else None
    text = wait_for(said, 15, "the client")
    assert text.startswith("pod\n") and " pod\n" in text and "eth0" in text
    # A session in the task's container is in the same network.
    root = running["client"]["container_status"]["container_id"]["parent"]["value"]
    session = box.api.session((root, inside, "look"), "ip -o -4 address; hostname; cat /etc/hostname")
    wait_for(lambda: b"pod" in session.out, 10, "the session")
    assert b"eth0" in session.out
    box.scheduler.kill("server")
    box.scheduler.kill("client")
    for _ in range(2):
        while box.scheduler.update()["state"] != "TASK_KILLED":
            pass
    box.nothing_left()


def image(name):
    return {"mesos": {"image": {"type": "DOCKER", "docker": {"name": name}}}}


LOOK = ("hostname; cat /etc/hosts /etc/resolv.conf; echo hn=$(cat /etc/hostname); grep /etc/ /proc/self/mountinfo; "
        "echo x >> /etc/hosts || echo kept; echo end; sleep 1000")


@pytest.mark.parametrize("name", ["good", "links"])
def test_own_root_in_a_network(box, name):
    status = box.start("root" + name, LOOK, "one", hostname="rooted", **image(name))
    address = infos_of(status)[0]["ip_addresses"][0]["ip_address"]
    lines = box.stdout("root" + name, "end").splitlines()
    assert lines[0] == "rooted" and f"{address} rooted" in lines and "nameserver 10.77.1.53" in lines
    assert "hn=rooted" in lines
    assert open(os.path.join(box.directory, "victim"), encoding="utf-8").read() == "untouched\n"
    box.kill("root" + name)
    box.nothing_left()


def test_own_root_in_the_hosts_network(box):
    """The host's files, which it cannot change."""
    before = open("/etc/hosts", encoding="utf-8").read()
    status = box.start("hosts", LOOK, **image("links"))
    assert status["state"] == "TASK_RUNNING"
    lines = box.stdout("hosts", "end").splitlines()
    assert set(before.splitlines()) <= set(lines) and "kept" in lines and lines[0] == socket.gethostname()
    assert set(open("/etc/resolv.conf", encoding="utf-8").read().splitlines()) <= set(lines)
    assert open("/etc/hosts", encoding="utf-8").read() == before
    assert open(os.path.join(box.directory, "victim"), encoding="utf-8").read() == "untouched\n"
    box.kill("hosts")


def test_root_whose_etc_leads_out_of_it(box):
    """Refused or kept inside, never followed."""
    listing = sorted(os.listdir(box.directory))
    status = box.start("etc", LOOK, "one", **image("etc"))
    assert sorted(os.listdir(box.directory)) == listing
    if status["state"] == "TASK_RUNNING":
        box.kill("etc")
    else:
        assert "Failed to setup hostname and network files" in status["message"]
    box.nothing_left()


def test_standalone_and_nested_with_their_own(box):
    """A standalone container in a network; one nested in it joins it, and one that names a network gets its own."""
    name = "alone" + str(os.getpid())
    shell = {"value": "ip -o -4 address; hostname; sleep 1000"}
    infos = {"type": "MESOS", "network_infos": [{"name": "one"}], "hostname": "alone"}
    resources = [{"name": "cpus", "type": "SCALAR", "scalar": {"value": 0.1}},
                 {"name": "mem", "type": "SCALAR", "scalar": {"value": 32}}]
    box.api.launch((name,), shell, container=infos, resources=resources)
    box.api.launch((name, "joins"), shell)
    box.api.launch((name, "own"), shell, container={"type": "MESOS", "network_infos": [{"name": "two"}]})

    def networks(*names):
        found = [c for c in box.api.containers(show_nested=True, show_standalone=True)
                 if c["container_id"]["value"] == names[-1]]
        return [(i["name"], i["ip_addresses"][0]["ip_address"]) for i in found[0]["container_status"]["network_infos"]]
    root = networks(name)
    assert root[0][0] == "one" and networks(name, "joins") == root
    own = networks(name, "own")
    assert own[0][0] == "two" and own[0][1].startswith("10.77.2.")
    base = os.path.join(box.cluster.agents[0].work_dir, "containers", name)

    def said(path, *words):
        def all_there():
            with open(path + "/stdout", encoding="utf-8") as file:
                text = file.read()
            return all(word in text for word in words)
        wait_for(all_there, 10, str(words) + " in " + path)
    said(base, root[0][1], "alone")
    said(base + "/containers/joins", root[0][1], "alone")
    said(base + "/containers/own", own[0][1], "own")
    box.api.kill((name,), 9)
    box.api.wait((name,))
    box.api.remove((name,))
    box.nothing_left()


def test_others_stay_in_the_hosts_network(box):
    box.start("host", "readlink /proc/self/ns/net; readlink /proc/self/ns/uts; echo done; sleep 1000")
    text = box.stdout("host", "done")
    assert text.splitlines()[:2] == [os.readlink("/proc/self/ns/net"), os.readlink("/proc/self/ns/uts")]
    box.kill("host")


@pytest.mark.parametrize("flags,why", [
    ({"network_cni_config_dir": "/tmp"}, "Missing required '--network_cni_plugins_dir' flag"),
    ({"network_cni_plugins_dir": PLUGINS}, "Missing required '--network_cni_config_dir' flag"),
    ({"network_cni_plugins_dir": PLUGINS, "network_cni_config_dir": "/no/such"}, "'/no/such' does not exist"),
])
def test_refused_at_start(box, flags, why):
    agent = box.cluster.add_agent({"isolation": "posix/cpu,posix/mem,network/cni", **flags}, start=False)
    agent.start(wait=False)
    assert agent.process.wait(60) != 0
    assert why in agent.log()


def test_state_that_outlives_a_reboot(box):
    """--network_cni_root_dir_persist keeps it below work_dir; --no-network_cni_metrics says nothing of traffic."""
    flags = {**box.flags, "network_cni_root_dir_persist": True, "network_cni_metrics": False, "attributes": "second:yes",
             "default_container_dns": "{}"}
    agent = box.cluster.add_agent(flags)
    try:
        while True:
            offer = box.scheduler.offer()
            if offer.get("attributes"):
                break
            box.scheduler.decline(offer, 0.1)
        box.scheduler.accept(offer, [command_task("kept", "cat /etc/resolv.conf; echo end; sleep 1000", offer, container={
            "type": "MESOS", "network_infos": [{"name": "one"}]})])
        status = box.scheduler.until("kept", ["TASK_RUNNING", "TASK_FAILED"])[-1]
        container = status["container_status"]["container_id"]["value"]
        root = os.path.join(agent.work_dir, "isolators/network/cni")
        assert os.listdir(root) == [container]
        figures = [c["statistics"] for c in agent.get("/monitor/statistics") if c["executor_id"] == "kept"][0]
        assert not [key for key in figures if key.startswith("net_")]
        path = os.path.join(box.cluster.sandbox(box.scheduler.framework_id, "kept", box.cluster.agents.index(agent)), "stdout")
        wait_for(lambda: "end" in open(path, encoding="utf-8").read(), 10, "the task")
        text = open(path, encoding="utf-8").read()
        assert text.replace("end\n", "") == open("/etc/resolv.conf", encoding="utf-8").read()  # the host's, for want of any
        box.kill("kept")
        wait_for(lambda: not os.listdir(root), 10, "its end")
    finally:
        agent.stop()


def test_named_without_configuration(tmp_path):
    """The isolator is there without being asked for: a task that names a network is told, and not put into the host's."""
    cluster = Cluster(str(tmp_path)).start(1)
    scheduler = Scheduler(cluster.address).subscribe()
    try:
        offer = scheduler.offer()
        scheduler.accept(offer, [command_task("named", "true", offer, container={
            "type": "MESOS", "network_infos": [{"name": "some"}]})])
        status = scheduler.until("named", ["TASK_FAILED"])[-1]
        assert "Unknown CNI network 'some': no networks are configured" in status["message"]
        states, _ = scheduler.run("plain", "true")
        assert states[-1] == "TASK_FINISHED"
        agent = cluster.add_agent({"isolation": "network/cni,network/port_mapping"}, start=False).start(wait=False)
        assert agent.process.wait(60) != 0 and "names several isolators of networks" in agent.log()
    finally:
        scheduler.teardown()
        cluster.stop()
