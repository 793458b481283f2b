# SPDX-License-Identifier: Apache-2.0
"""The cluster of a chaos run: daemons on machines of their own (network.py), watched and started again as an init system
would, and observers that write down who leads, what the leader's books say and how daemons end (history.py)."""
import http.client
import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.request

import libprocess
import sweep
from cluster import Cluster, Daemon, wait_for
from history import Recorder
from network import HERE, Network
from scheduler import TERMINAL

AGENT_RESOURCES = "cpus:4;mem:1024;disk:1000;ports:[31000-31100]"
# Everything that can be made quicker is, so that minutes hold what days hold otherwise.
MASTER_FLAGS = {"agent_ping_timeout": "1secs", "max_agent_ping_timeouts": 3, "allocation_interval": "200ms", "offer_timeout": "8secs",
                "allocator_recovery_timeout": "5secs", "cluster": "chaos", "registry_store_timeout": "10secs",
                "registry_fetch_timeout": "10secs"}
AGENT_FLAGS = {"registration_backoff_factor": "200ms", "executor_reregistration_timeout": "15secs", "executor_reregistration_retry_interval": "1secs",
               "recovery_timeout": "10mins", "executor_registration_timeout": "60secs", "disk_watch_interval": "10secs"}
DISK = "24m"  # of an agent's work_dir: small enough to be filled at once
SESSION = "5secs"
ZNODE = "/mesos"


class Program(Daemon):
    """A daemon on one of the machines, which comes back when it ends unless a fault holds it down."""

    def __init__(self, name, daemon, host, record):
        super().__init__(name, host.inside + daemon.argv, daemon.port, daemon.directory, daemon.env)
        self.host, self.machine, self.record = host.ip, host, record
        self.log_path = daemon.log_path
        self.work_dir = os.path.join(daemon.directory, daemon.name)
        self.held, self.ending, self.struck, self.since = 0, None, None, 0.0

    @property
    def running(self):
        return self.process is not None and self.process.poll() is None

    def signal(self, number):
        if self.running:
            self.struck = self.process.pid if number in (signal.SIGKILL, signal.SIGTERM) else self.struck
            os.kill(self.process.pid, number)

    def watch(self, now):
        """Called again and again: notes an end, and starts it once nothing holds it down."""
        if self.running:
            return
        if self.process is not None and self.ending != self.process.pid:
            self.ending, self.since = self.process.pid, now
            self.record("exit", what=self.name, pid=self.process.pid, code=self.process.returncode,
                        held=int(self.held > 0 or self.struck == self.process.pid),
                        tail=self.log()[-1500:].splitlines()[-6:])
        if not self.held and now - self.since > 0.7:
            self.start(wait=False)
            self.record("started", what=self.name, pid=self.process.pid)


class Server(Program):
    """A ZooKeeper server, likewise."""

    def __init__(self, name, node, host, record):
        self.node = node
        super().__init__(name, Daemon(name, [], node.port, node.directory, {}), host, record)
        self.log_path = node.log_path

    process = property(lambda self: self.node.process, lambda self, process: None)

    def start(self, wait=True):
        if not self.node.running:
            self.node.start()
        return self

    def stop(self, timeout=10):
        self.node.stop()


class World:
    """masters, agents, zookeepers: how many of each. start(), then faults, then heal() and stop()."""

    def __init__(self, directory, seed, masters=1, agents=5, zookeepers=0, program_prefix=()):
        self.directory, self.seed, self.prefix = directory, seed, list(program_prefix)
        self.counts = {"m": masters, "z": zookeepers, "a": agents, "f": 2}
        for name in ("ran", "control", "proto"):
            os.makedirs(os.path.join(directory, name))
        libprocess.compile_protos(os.path.join(directory, "proto"))  # once, for a framework that is killed again and again
        self.record = Recorder(os.path.join(directory, "run.jsonl"), "run")
        self.network, self.programs, self.threads = Network().enter(), {}, []
        self.stopping = threading.Event()
        self.zookeeper, self.led, self.ids = None, "m1", set()

    def names(self, letter):
        return [f"{letter}{i + 1}" for i in range(self.counts[letter])]

    # --- what it is made of

    def start(self):
        self.record("total", agents={"cpus": 4.0, "mem": 1024.0}, count=self.counts["a"])
        for letter in "mzaf":
            for name in self.names(letter):
                self.record("machine", what=name, ip=self.network.add(name).ip)
        self.network.relay([name for letter in "maf" for name in self.names(letter)[-2:]])
        if self.counts["z"]:
            self._add_zookeeper()
        self._add_daemons()
        for program in self.programs.values():
            program.start(wait=False)
        self.threads = [threading.Thread(target=target, args=args, daemon=True) for target, args in
                        [(self._supervise, ()), (self._read_books, ())] + [(self._watch_master, (m,)) for m in self.names("m")]]
        for thread in self.threads:
            thread.start()
        wait_for(lambda: self.registered() == self.counts["a"], 90, "all agents to be registered")
        return self

    def _add_zookeeper(self):
        from zookeeper import ZooKeeper
        hosts = [self.network.machines[name] for name in self.names("z")]
        self.zookeeper = ZooKeeper(os.path.join(self.directory, "zookeeper"), nodes=len(hosts), hosts=[h.ip for h in hosts],
                                   prefixes=[h.inside for h in hosts])
        for name, node, host in zip(self.names("z"), self.zookeeper.nodes, hosts):
            self.programs[name] = Server(name, node, host, self.record)

    def _add_daemons(self):
        machines = self.network.machines
        common = {"ip": machines["m1"].ip, "port": 5050, "hostname": machines["m1"].ip, **MASTER_FLAGS}
        self.cluster = Cluster(self.directory, {**common, **self._master_flags("m1")})
        daemons = {"m1": self.cluster.master}
        for name in self.names("m")[1:]:
            daemons[name] = self.cluster._daemon("mesos-master", name, {
                **common, **self._master_flags(name), "ip": machines[name].ip, "hostname": machines[name].ip})
        for name in self.names("a"):
            daemons[name] = self.cluster.add_agent(
                {"ip": machines[name].ip, "port": 5051, "hostname": machines[name].ip, "resources": AGENT_RESOURCES,
                 "master": self._master_url(), **AGENT_FLAGS, **self._session()}, start=False)
        for name, daemon in daemons.items():
            daemon.argv = self.prefix + daemon.argv
            self.programs[name] = Program(name, daemon, machines[name], self.record)
            self._mount(self.programs[name].work_dir)
        for name in self.names("f"):
            script = "framework_v0.py" if name == "f2" and self.seed % 2 == 0 else "framework.py"
            daemon = Daemon(name, [sys.executable, os.path.join(HERE, script), name, "--seed", str(self.seed),
                                   "--history", os.path.join(self.directory, name + ".jsonl"), "--ran", self.path("ran"),
                                   "--control", self.path("control"), "--masters", self._master_addresses()] +
                            (["--aware"] if name == "f1" else []), 0, self.directory,
                            {**self.cluster._environment(), "CMESOS_PROTO_PYTHON": self.path("proto")})
            self.programs[name] = Program(name, daemon, machines[name], self.record)

    def _master_addresses(self):
        return ",".join(f"{self.network.machines[m].ip}:5050" for m in self.names("m"))

    def _master_url(self):
        return self.zookeeper.url(ZNODE) if self.zookeeper else self._master_addresses()

    def _session(self):
        return {"zk_session_timeout": SESSION} if self.zookeeper else {}

    def _master_flags(self, name):
        return {"zk": self._master_url(), "registry": "zookeeper", **self._session()} if self.zookeeper else {"registry": "local"}

    def _mount(self, directory):
        os.makedirs(directory, exist_ok=True)
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK}", "cm-chaos", directory], check=True)

    def path(self, *names):
        return os.path.join(self.directory, *names)

    # --- what observes it

    def _supervise(self):
        while not self.stopping.wait(0.1):
            for program in list(self.programs.values()):
                program.watch(time.monotonic())

    def _watch_master(self, name):
        """From the master's own machine, so that no fault of the network blinds it."""
        program = self.programs[name]
        with program.machine.entered():
            while not self.stopping.wait(0.25):
                began = time.time()
                try:
                    connection = http.client.HTTPConnection(program.host, program.port, timeout=20)
                    connection.request("GET", "/metrics/snapshot")
                    elected = json.loads(connection.getresponse().read()).get("master/elected")
                    connection.close()
                except (OSError, ValueError, http.client.HTTPException):
                    continue
                if elected:
                    self.led = name
                self.record("master", what=name, elected=int(elected or 0), pid=program.process.pid, asked=began)

    def leading(self):
        """Who said so last."""
        return self.led

    def leader(self, timeout=3):
        """The name and the /state of the master that says of itself that it leads."""
        for name in self.names("m"):
            program = self.programs[name]
            if not program.running:
                continue
            try:
                with urllib.request.urlopen(program.url + "/metrics/snapshot", timeout=timeout) as answer:
                    if not json.loads(answer.read()).get("master/elected"):
                        continue
                with urllib.request.urlopen(program.url + "/state", timeout=timeout) as answer:
                    return name, json.loads(answer.read())
            except (OSError, ValueError, http.client.HTTPException):
                continue
        return None, None

    def _read_books(self):
        while not self.stopping.wait(1.0):
            name, state = self.leader()
            if state:
                self.record("books", what=name, reign=state["id"], agents=books(state))

    def registered(self):
        return sum(agent["active"] for agent in (self.leader()[1] or {"slaves": []})["slaves"])

    # --- its end

    def quiet(self, timeout):
        """Waits until the books of master and agents are equal; the last comparison, equal or not."""
        end = time.monotonic() + timeout
        while True:
            compared = self._compare()
            if compared["equal"] or time.monotonic() > end:
                self.record("quiet", **compared)
                return compared
            time.sleep(0.5)

    def _compare(self):
        name, state = self.leader(10)
        if not state:
            return {"equal": False, "why": ["no master leads"]}
        masters = {task["id"]: [task["slave_id"], task["state"]] for framework in state["frameworks"] for task in framework["tasks"]}
        agents, ids = {}, set()
        why = [f"{program.name} does not run" for program in self.programs.values() if not program.running]
        for agent in self.names("a"):
            try:
                theirs = self.programs[agent].get("/state")
            except (OSError, ValueError, http.client.HTTPException):
                why.append(f"{agent} does not answer")
                continue
            ids.add(theirs["id"])
            if theirs["id"] not in self.ids:
                self.ids.add(theirs["id"])
                self.record("agent", what=agent, id=theirs["id"])
            for framework in theirs["frameworks"]:
                for executor in framework["executors"]:
                    for task in executor["tasks"] + executor["queued_tasks"]:
                        agents[task["id"]] = [theirs["id"], task.get("state", "TASK_STAGING")]  # queued ones have none
        known = {agent["id"] for agent in state["slaves"] if agent["active"]}
        if known != ids:
            why.append(f"agents: the master knows {sorted(known)}, there are {sorted(ids)}")
        why += [f"task {task}: master {masters.get(task)}, agents {agents.get(task)}"
                for task in sorted(masters.keys() | agents.keys()) if masters.get(task) != agents.get(task)]
        for agent in state["slaves"]:
            used = sum(task["resources"]["cpus"] for framework in state["frameworks"] for task in framework["tasks"]
                       if task["slave_id"] == agent["id"] and task["state"] not in TERMINAL)
            if abs(used - agent["used_resources"]["cpus"]) > 0.0005:
                why.append(f"agent {agent['id']}: {agent['used_resources']['cpus']} cpus used, its tasks have {used}")
        return {"equal": not why, "why": why, "leader": name, "tasks": len(masters)}

    def say(self, word):
        with open(self.path("control", word), "w", encoding="ascii"):
            pass

    def drained(self, timeout):
        """Both frameworks have ended all their tasks and themselves."""
        for name in self.names("f"):
            self.programs[name].held += 1
        end = time.monotonic() + timeout
        while any(self.programs[name].running for name in self.names("f")) and time.monotonic() < end:
            time.sleep(0.1)
        return not any(self.programs[name].running for name in self.names("f"))

    def stop(self):
        self.stopping.set()
        for thread in self.threads:
            thread.join(25)
        for program in reversed(list(self.programs.values())):
            program.signal(signal.SIGCONT)
            program.stop()
        if self.zookeeper:
            self.zookeeper.stop()
        if hasattr(self, "cluster"):
            self.cluster.stop()
        sweep.kill_all(self.directory)
        sweep.unmount(self.directory)
        self.network.leave()


def books(state):
    """What the leader says of each agent, and the same added up from its tasks and offers."""
    found = {agent["id"]: {"total": agent["resources"]["cpus"], "tasks": 0.0, "offers": 0.0} for agent in state["slaves"]}
    for framework in state["frameworks"]:
        for what in ("tasks", "offers"):
            for item in framework[what]:
                if item["slave_id"] in found and item.get("state") not in TERMINAL:  # an update may still be on its way
                    found[item["slave_id"]][what] += item["resources"].get("cpus", 0)
    return found
