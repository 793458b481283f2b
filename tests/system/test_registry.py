# SPDX-License-Identifier: Apache-2.0
"""The master's memory: what was told is there after any end, in every store; who may write; what it says of damage; out and in
as JSON. Agents here are one scripted peer with many names; ZooKeeper is a real server."""
import base64
import json
import os
import re
import shutil
import signal
import struct
import subprocess
import threading
import urllib.error
import zlib

import pytest

from cluster import REPOSITORY, Cluster, wait_for
from libprocess import Peer, make
from zookeeper import ZooKeeper

STATES = os.path.join(REPOSITORY, "tests", "facts", "states")
FULL = os.path.join(STATES, "registry-2", "registry.json")
QUICK = {"zk_session_timeout": "3secs"}


@pytest.fixture(scope="module")
def zookeeper(tmp_path_factory):
    with ZooKeeper(tmp_path_factory.mktemp("zk")) as servers:
        yield servers.start() or servers


@pytest.fixture
def store(request, tmp_path):
    """Flags of a master that has that store, empty, for itself."""
    if request.param == "local":
        return {"registry": "replicated_log", "work_dir": str(tmp_path / "work")}
    servers = request.getfixturevalue("zookeeper")
    path = "/r" + re.sub(r"\W", "", request.node.name)
    return {"registry": "replicated_log", "work_dir": str(tmp_path / "work"), "zk": servers.url(path), **QUICK}


STORES = pytest.mark.parametrize("store", ["local", "zookeeper"], indirect=True)


@pytest.fixture
def masters(tmp_path):
    """masters(flags): one that is not started. They end with the test."""
    made = []

    def another(flags):
        place = tmp_path / f"master{len(made)}"
        place.mkdir()
        made.append(Cluster(place, flags))
        return made[-1].master

    yield another
    for cluster in made:
        for daemon in cluster.daemons:
            if daemon.process and daemon.process.poll() is None:
                daemon.process.send_signal(signal.SIGCONT)
        cluster.stop()
    complaints = [c for cluster in made for c in cluster.complaints()]
    assert not complaints, "\n".join(complaints)


def registry(master):
    """What it holds, once it leads; None before."""
    try:
        return master.get("/registrar(1)/registry")
    except (urllib.error.URLError, OSError, ValueError):
        return None


def leads(master, times):
    assert master.process.poll() is None, master.log()[-3000:]
    try:
        return master.log().count("leading id=") >= times and registry(master)
    except OSError:
        return None


def leader(master, times=1):
    """times: how often it has been started so as to lead."""
    return wait_for(lambda: leads(master, times), 40, "the master to lead")


def ids(held, part="slaves"):
    return {a["info"]["id"]["value"] if "info" in a else a["id"]["value"] for a in held.get(part, {}).get("slaves", [])}


def order(flags, *what, ok=True):
    """One of the master's orders of one moment; what it said on stderr."""
    master = Cluster(flags["work_dir"] + ".order", flags).master
    argv = [a for a in master.argv if not a.startswith("--port=")] + ["--quiet", *what]
    done = subprocess.run(argv, env=master.env, capture_output=True, timeout=60, check=False)
    assert (done.returncode == 0) == ok, done.stderr.decode()
    assert done.returncode in (0, 1), done.stderr.decode()
    return done.stderr.decode()


def exported(flags, path):
    order(flags, f"--export-registry={path}")
    with open(path, encoding="utf-8") as out:
        return json.load(out)


def document(tmp_path, content, name="in.json"):
    path = tmp_path / name
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return str(path)


class Agents:
    """Many agents at one address. `told`: name -> id, of those that were told that they are registered. They answer no ping:
    a master waits over a minute for that, and no test here does."""

    def __init__(self, master):
        self.master = f"master@127.0.0.1:{master.port}"
        self.peer = Peer("slave(0)")
        self.peer.on_message = self._on_message
        self.told, self.shut = {}, {}

    def _on_message(self, message):
        name = message.target
        if message.kind == "SlaveRegisteredMessage":
            self.told[name] = message.value.slave_id.value
        elif message.kind == "ShutdownMessage":
            self.shut[name] = message.value.message
        return True

    def pid(self, name):
        return f"{name}@127.0.0.1:{self.peer.port}"

    def info(self, slave, number, text=""):
        slave.hostname = f"agent{number}.example"
        slave.port = 5051
        slave.checkpoint = True
        cpus = slave.resources.add()
        cpus.name, cpus.type, cpus.role = "cpus", 0, "*"
        cpus.scalar.value = 4
        if text:
            attribute = slave.attributes.add()
            attribute.name, attribute.type = "text", 3
            attribute.text.value = text

    def register(self, number, text=""):
        message = make("RegisterSlaveMessage")
        message.version = "1.11.0"
        self.info(message.slave, number, text)
        return self.peer.send(self.master, message, sender=self.pid(f"slave({number})"))

    def come_back(self, number, agent_id):
        message = make("ReregisterSlaveMessage")
        message.version = "1.11.0"
        self.info(message.slave, number)
        message.slave.id.value = agent_id
        return self.peer.send(self.master, message, sender=self.pid(f"slave({number})"))

    def register_all(self, count):
        for number in range(1, count + 1):
            self.register(number)
        wait_for(lambda: len(self.told) >= count, 30, f"{count} agents to be told")

    def close(self):
        self.peer.close()


def ended(master, timeout=40):
    """Its exit status and what it said last."""
    wait_for(lambda: master.process.poll() is not None, timeout, "the master to end")
    return master.process.returncode, master.log()


# ---- what was told is there ----

@STORES
def test_what_was_told_is_there_after_kill(store, masters):
    master = masters(store).start()
    leader(master)
    agents = Agents(master)
    stop = threading.Event()

    def register():
        try:
            for number in range(1, 201):
                if stop.is_set():
                    return
                agents.register(number)
        except (OSError, EOFError):
            pass  # it was killed

    thread = threading.Thread(target=register)
    thread.start()
    wait_for(lambda: len(agents.told) >= 60, 30, "60 agents to be told")
    master.kill()
    stop.set()
    thread.join()
    told = set(agents.told.values())
    assert len(told) >= 60
    master.start()
    held = ids(leader(master, 2))
    assert told <= held, told - held
    agents.close()


def test_failover_keeps_agents_and_fences_the_old_leader(zookeeper, masters, tmp_path):
    flags = {"registry": "replicated_log", "zk": zookeeper.url("/failover"), **QUICK}
    first, second = masters(flags).start(), masters(flags)
    leader(first)
    second.start()
    agents = Agents(first)
    agents.register_all(5)
    assert "registry 'replicated_log' means 'zookeeper' here" in first.log()
    first.kill()
    assert ids(leader(second)) == set(agents.told.values())
    agents.master = f"master@127.0.0.1:{second.port}"
    agents.come_back(1, agents.told["slave(1)"])
    agents.register(6)
    wait_for(lambda: "slave(6)" in agents.told, 30, "the new agent")
    assert ids(registry(second)) == set(agents.told.values())
    # Somebody takes the registry over, without any election: the leader's next write fails and ends it.
    out = str(tmp_path / "out.json")
    flags["work_dir"] = str(tmp_path / "w")
    before = exported(flags, out)
    assert second.process.poll() is None and ids(before) == set(agents.told.values())
    assert "replaced: 6 agents" in order(flags, f"--import-registry={out}", "--overwrite-registry")
    agents.register(7)
    status, log = ended(second)
    assert status == 1
    assert re.search(r"ends: Cannot write the registry: another master has taken the registry '/failover/registry' over", log)
    assert "slave(7)" not in agents.told
    assert ids(exported(flags, out)) == set(agents.told.values())
    agents.close()


def test_nodes_have_the_users_acl(zookeeper, tmp_path):
    flags = {"registry": "zookeeper", "work_dir": str(tmp_path / "w"), "zk": zookeeper.url("/acl", "user:secret")}
    order(flags, f"--import-registry={FULL}")
    tree = zookeeper.tree(zookeeper.client(), "/acl/registry")
    assert [re.sub(r"\d+$", "N", path) for path, *_ in tree] == [
        "/acl/registry", "/acl/registry/epoch", "/acl/registry/manifest", "/acl/registry/pN"]
    for path, _, ephemeral, acl in tree:
        assert not ephemeral and len(acl) == 2, path
        assert any(a.startswith("31 digest user:") for a in acl) and "1 world anyone" in acl, (path, acl)
    wrong = {**flags, "zk": zookeeper.url("/acl", "other:secret"), "registry_fetch_timeout": "5secs"}
    said = order(wrong, f"--import-registry={FULL}", "--overwrite-registry", ok=False)
    assert "/acl/registry" in said and "secret" not in said
    assert exported(flags, str(tmp_path / "out.json"))["slaves"]


def test_it_keeps_the_contract_in_zookeeper(zookeeper, tmp_path):
    program = Cluster(tmp_path / "tree").tree.contract_program("registry")
    if not program:
        pytest.skip("the contract's program is not built: make check builds it")
    env = {**os.environ, "CONTRACT_REGISTRY": "zookeeper", "CONTRACT_ZK": zookeeper.url("/contract")}
    build = os.path.dirname(os.path.dirname(os.path.dirname(program)))
    done = subprocess.run([program], env=env, cwd=build, capture_output=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout.decode() + done.stderr.decode()
    assert b"test_a_new_leader_ends_an_old_ones_writes" in done.stderr + done.stdout


# ---- out and in ----

def test_round_trip_between_all_stores(zookeeper, tmp_path):
    local = {"registry": "local", "work_dir": str(tmp_path / "local")}
    common = {"registry": "zookeeper", "work_dir": str(tmp_path / "zk"), "zk": zookeeper.url("/trip")}
    with open(FULL, encoding="utf-8") as text:
        full = json.load(text)
    said = order(local, f"--import-registry={FULL}")
    assert "imported from" in said and "2 agents, 1 unreachable, 1 gone, 1 machines, 1 maintenance schedules" in said
    assert "quota_configs are kept, but there is no quota yet" in said
    assert exported(local, str(tmp_path / "1.json")) == full
    order(common, f"--import-registry={tmp_path}/1.json")
    assert exported(common, str(tmp_path / "2.json")) == full
    refusal = order(common, f"--import-registry={tmp_path}/2.json", ok=False)
    assert "registry 'zookeeper' is not empty: it has 2 agents" in refusal and "--overwrite-registry" in refusal
    less = document(tmp_path, {"slaves": {"slaves": full["slaves"]["slaves"][:1]}})
    assert "replaced: 2 agents" in order(common, f"--import-registry={less}", "--overwrite-registry")
    assert ids(exported(common, str(tmp_path / "3.json"))) == {"6d5b0f0e-S0"}
    order(local, f"--import-registry={tmp_path}/3.json", "--overwrite-registry")
    assert exported(local, str(tmp_path / "4.json")) == exported(common, str(tmp_path / "5.json"))
    assert order({**local, "registry": "memory"}, f"--import-registry={FULL}")  # forgotten at once, but no failure
    assert os.stat(tmp_path / "1.json").st_mode & 0o777 == 0o600


def test_what_mesos_gave_is_taken_and_led_with(masters, tmp_path):
    path = os.path.join(STATES, "registry-mesos-1.12.json")
    with open(path, encoding="utf-8") as text:
        theirs = json.load(text)
    flags = {"registry": "local", "work_dir": str(tmp_path / "work")}
    assert "1 agents" in order(flags, f"--import-registry={path}")
    master = masters(flags).start()
    held = leader(master)
    assert held["slaves"] == theirs["slaves"]
    # A running master has its file for itself; what it holds is to be had from it.
    assert "in use by another process" in order(flags, "--export-registry", ok=False)
    copy = document(tmp_path, held)
    other = {"registry": "local", "work_dir": str(tmp_path / "other")}
    order(other, f"--import-registry={copy}")
    assert exported(other, str(tmp_path / "out.json"))["slaves"] == theirs["slaves"]


def test_state_of_this_release_opens(masters, tmp_path):
    work = tmp_path / "work"
    shutil.copytree(os.path.join(STATES, "registry-2"), work)
    flags = {"registry": "local", "work_dir": str(work)}
    with open(FULL, encoding="utf-8") as text:
        full = json.load(text)
    assert exported(flags, str(tmp_path / "out.json")) == full
    master = masters(flags).start()
    held = leader(master)
    for part in ("slaves", "unreachable", "gone", "machines", "schedules"):
        assert held[part] == full[part], part


def test_state_of_the_first_layout_opens(masters, tmp_path):
    shutil.copytree(os.path.join(STATES, "registry-1"), tmp_path / "work")
    master = masters({"registry": "local", "work_dir": str(tmp_path / "work")}).start()
    assert ids(leader(master)) == {f"d93f0046-4072-44b5-bff5-a9270ed35aa2-S{i}" for i in range(3)}


AGENT = {"info": {"hostname": "h", "id": {"value": "a"}}}
BAD_DOCUMENTS = [
    ("", "syntax error"),
    ("[]", "it is no object"),
    ('{"slaves": ', "syntax error"),
    ({"slaves": 7}, "slaves: '7' is no object"),
    ({"slaves": {"slaves": {}}}, "slaves.slaves: '{}' is no array"),
    ({"slaves": {"slaves": [AGENT, {}]}}, "slaves.slaves[1]: "),
    ({"slaves": {"slaves": [{"info": {"hostname": "h"}}]}}, "slaves.slaves[0]: it has no info.id.value"),
    ({"slaves": {"slaves": [AGENT, AGENT]}}, "slaves.slaves[1]: 'a' is there already, as slaves.slaves[0]"),
    ({"slaves": {"slaves": [AGENT]}, "gone": {"slaves": [{"id": {"value": "a"}, "timestamp": {"nanoseconds": 1}}]}},
     "gone.slaves[0]: 'a' is there already, as slaves.slaves[0]"),
    ({"unreachable": {"slaves": [{"id": {"value": "a"}}]}}, "unreachable.slaves[0]: "),
    ({"machines": {"machines": [{"info": {"id": {}}}]}}, "machines.machines[0]: it has no hostname and no ip"),
    ({"schedules": [{"windows": []}, {"windows": []}]}, "schedules[1]: 'schedule' is there already"),
    ({"weights": [{"info": {"weight": 1}}]}, "weights[0]: it has no info.role"),
    ({"cmesos": {"entries": [{"table": 0, "key": "", "value": ""}]}}, "cmesos.entries[0]: its table is no number"),
    ({"cmesos": {"entries": [{"table": 9, "key": "?", "value": ""}]}}, "cmesos.entries[0]: its key is no base64"),
    ({"cmesos": {"entries": [{"table": 9}]}}, "cmesos.entries[0]: it lacks one of table, key and value"),
    ('{"slaves":' * 5000 + "{}" + "}" * 5000, ""),
]


def test_bad_documents_are_refused_by_place(tmp_path):
    flags = {"registry": "local", "work_dir": str(tmp_path / "work")}
    for content, says in BAD_DOCUMENTS:
        said = order(flags, "--import-registry=" + document(tmp_path, content), ok=False)
        assert "cannot be imported" in said and says in said, (content, said)
        assert len(said.splitlines()) == 1, said
    assert "No such file" in order(flags, f"--import-registry={tmp_path}/none", ok=False)
    assert "wants the file" in order(flags, "--import-registry", ok=False)
    assert "belongs to" in order(flags, "--overwrite-registry", ok=False)
    assert "two things" in order(flags, "--import-registry=x", "--export-registry", ok=False)
    assert "there is no registry" in order({**flags, "work_dir": str(tmp_path / "nothing")}, "--export-registry", ok=False)
    assert exported(flags, str(tmp_path / "out.json")) == {"slaves": {"slaves": []}}


def test_what_has_no_place_is_named(tmp_path):
    flags = {"registry": "local", "work_dir": str(tmp_path / "work")}
    odd = {"slaves": {"slaves": [{"info": {"hostname": "h", "id": {"value": "a"}, "mood": {"x": 1}}, "later": 1}], "n": 1},
           "resource_provider_registry": {"resource_providers": []}, "tomorrow": [1], "unset": None,
           "quotas": [{"info": {"role": "dev", "guarantee": [
               {"name": "cpus", "type": "SCALAR", "scalar": {"value": 2}}]}}]}
    said = order(flags, "--import-registry=" + document(tmp_path, odd))
    for name in ("slaves.slaves.info.mood", "slaves.slaves.later", "slaves.n", "resource_provider_registry", "tomorrow"):
        assert f"'{name}' is not imported" in said, (name, said)
    assert "unset" not in said
    held = exported(flags, str(tmp_path / "out.json"))
    assert held["quota_configs"] == [{"role": "dev", "guarantees": {"cpus": {"value": 2.0}},
                                      "limits": {"cpus": {"value": 2.0}}}]


# ---- damage ----

def test_damaged_files_end_the_master_by_name(masters, tmp_path):
    source = os.path.join(STATES, "registry-2", "registry.sqlite")
    with open(source, "rb") as file:
        sound = file.read()

    def spoilt(at, length=8):
        return sound[:at] + b"\x5a" * length + sound[at + length:]

    host = sound.index(b"agent0.example")
    cases = [(spoilt(0), "not a database"), (spoilt(host), "checksum of key '6d5b0f0e-S0'"), (sound[:4096], "damaged"),
             (b"x" * 5000, "not a database"), (sound[:60] + struct.pack(">I", 3) + sound[64:], "written by a newer one"),
             (sound[:68] + struct.pack(">I", 7) + sound[72:], "database of another program")]
    for number, (content, says) in enumerate(cases):
        work = tmp_path / f"work{number}"
        work.mkdir()
        (work / "registry.sqlite").write_bytes(content)
        master = masters({"registry": "local", "work_dir": str(work)})
        master.start(wait=False)
        status, log = ended(master)
        assert status == 1 and says in log, (says, log)
        line = next(text for text in log.splitlines() if says in text)
        assert str(work / "registry.sqlite") in line and line.startswith("E"), line
        assert "Check failed" not in log and "signal" not in log


def crc(body):
    return body + struct.pack("<I", zlib.crc32(body))


def test_damaged_znodes_end_the_master_by_path(zookeeper, masters, tmp_path):
    client = zookeeper.client()
    flags = {"registry": "zookeeper", "work_dir": str(tmp_path / "w")}
    cases = {
        "garbage": ("manifest", lambda data: b"hello", "/manifest' is damaged: its 5 bytes"),
        "empty": ("manifest", lambda data: b"", "/manifest' is damaged: its 0 bytes"),
        "bit": ("manifest", lambda data: data[:20] + bytes([data[20] ^ 1]) + data[21:], "checksum is wrong"),
        "newer": ("manifest", lambda data: crc(data[:4] + b"\x02\x00" + data[6:-4]), "has format 2, this release knows up to 1"),
        "count": ("manifest", lambda data: crc(data[:20] + struct.pack("<I", 9) + data[24:-4]), "it says 9 packs in"),
        "nomanifest": ("manifest", None, "/manifest' is missing, but the registry was made"),
        "pack": ("p", lambda data: data[:40] + b"?" + data[41:], "is damaged: its checksum is wrong"),
        "other": ("p", lambda data: crc(data[:8] + struct.pack("<I", 0)), "not the one that the manifest names"),
        "nopack": ("p", None, "is missing: the manifest names it"),
        "epoch": ("epoch", lambda data: b"my epoch\n", None),
        "noepoch": ("epoch", None, None),
    }
    for name, (node, change, says) in cases.items():
        flags["zk"] = zookeeper.url("/bad" + name)
        order(flags, f"--import-registry={FULL}")
        root = f"/bad{name}/registry"
        path = next(f"{root}/{child}" for child in client.get_children(root) if child.startswith(node))
        if change:
            client.set(path, change(client.get(path)[0]))
        else:
            client.delete(path)
        if says:
            said = order(flags, "--import-registry=" + FULL, "--overwrite-registry", ok=False)
            assert says in said and path in said, (name, said)
        else:
            assert len(exported(flags, str(tmp_path / "out.json"))["slaves"]["slaves"]) == 2
            order(flags, "--import-registry=" + FULL, "--overwrite-registry")
    # One of them as the leader that finds it.
    master = masters({"registry": "zookeeper", "zk": zookeeper.url("/badpack"), **QUICK}).start(wait=False)
    status, log = ended(master)
    assert status == 1 and re.search(r"ends: Cannot read the registry: .*/badpack/registry/p\d+' is damaged", log), log[-2000:]


def test_an_entry_that_nobody_understands_ends_the_master(masters, tmp_path):
    flags = {"registry": "local", "work_dir": str(tmp_path / "work")}
    entry = {"table": 2, "key": base64.b64encode(b"agent-x").decode(), "value": base64.b64encode(b"\xff\xff").decode()}
    order(flags, "--import-registry=" + document(tmp_path, {"cmesos": {"entries": [entry]}}))
    master = masters(flags).start(wait=False)
    status, log = ended(master)
    assert status == 1 and "The registry's entry of the admitted agent 'agent-x' cannot be read" in log
    out = exported(flags, str(tmp_path / "out.json"))
    assert out["cmesos"]["entries"] == [entry] and out["slaves"]["slaves"] == []


def test_a_full_disk_ends_the_master_and_tears_nothing(masters, tmp_path):
    if os.geteuid() != 0:
        pytest.skip("mounting needs root")
    work = tmp_path / "disk"
    work.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=192k", "cmesos-test", str(work)], check=True)
    try:
        flags = {"registry": "local", "work_dir": str(work)}
        master = masters(flags).start()
        leader(master)
        agents = Agents(master)
        for number in range(1, 200):
            try:
                agents.register(number, "x" * 4000)
            except (OSError, EOFError):
                break
        status, log = ended(master)
        assert status == 1
        assert re.search(r"E.* ends: Cannot write the registry: registry '.*registry.sqlite': database or disk is full", log)
        assert len(agents.told) > 3
        subprocess.run(["mount", "-o", "remount,size=4m", str(work)], check=True)
        master.start()
        assert set(agents.told.values()) <= ids(leader(master, 2))
        agents.close()
        master.stop()
    finally:
        subprocess.run(["umount", "-l", str(work)], check=False)


def test_a_store_that_hangs_ends_the_master(tmp_path, masters):
    with ZooKeeper(tmp_path / "zk") as servers:
        servers.start()
        flags = {"registry": "zookeeper", "election": "standalone", "zk": servers.url("/hangs"), "registry_store_timeout": "3secs"}
        master = masters(flags).start()
        leader(master)
        agents = Agents(master)
        agents.register_all(1)
        servers.nodes[0].pause()
        try:
            agents.register(2)
            status, log = ended(master)
        finally:
            servers.nodes[0].resume()
        assert status == 1 and "Cannot write the registry" in log and "slave(2)" not in agents.told
        flags["registry_fetch_timeout"] = "2secs"
        servers.nodes[0].pause()
        try:
            other = masters(flags).start(wait=False)
            status, log = ended(other)
        finally:
            servers.nodes[0].resume()
        assert status == 1 and "Cannot read the registry" in log
        agents.close()


# ---- rules ----

def test_old_entries_go_in_the_order_of_time(masters, tmp_path):
    lost = [{"id": {"value": f"lost-{name}"}, "timestamp": {"nanoseconds": 1795262971000000000 + age}}
            for name, age in (("a", 5), ("b", 1), ("c", 9), ("d", 3))]
    flags = {"registry": "local", "work_dir": str(tmp_path / "work"), "registry_gc_interval": "200ms",
             "registry_max_agent_count": 2, "registry_max_agent_age": "5200weeks"}
    order(flags, "--import-registry=" + document(tmp_path, {
        "unreachable": {"slaves": lost}, "gone": {"slaves": [{**g, "id": {"value": "gone" + g["id"]["value"]}} for g in lost]}}))
    master = masters(flags).start()
    wait_for(lambda: ids(leader(master), "unreachable") == {"lost-a", "lost-c"}, 20, "the oldest to be forgotten")
    wait_for(lambda: ids(leader(master), "gone") == {"gonelost-a", "gonelost-c"}, 20, "the oldest to be forgotten")
    master.stop()
    wait_for(lambda: master.process.poll() is not None, 20, "its end")
    held = exported(flags, str(tmp_path / "out.json"))
    assert ids(held, "unreachable") == {"lost-a", "lost-c"} and ids(held, "gone") == {"gonelost-a", "gonelost-c"}
    flags["registry_max_agent_age"] = "1secs"
    master = masters(flags).start()
    wait_for(lambda: not ids(leader(master), "unreachable") and not ids(registry(master), "gone"), 20, "the old to be forgotten")


def test_a_strict_registry_admits_nobody_unknown(masters, tmp_path):
    flags = {"registry": "local", "work_dir": str(tmp_path / "work")}
    for strict in (True, False):
        master = masters({**flags, "registry_strict": strict}).start()
        leader(master)
        agents = Agents(master)
        agents.register(1)
        wait_for(lambda: "slave(1)" in agents.told, 30, "a new agent, which is welcome")
        agents.come_back(2, "stranger-S7")
        if strict:
            wait_for(lambda: "registry_strict" in agents.shut.get("slave(2)", ""), 30, "the stranger to be sent away")
            assert "stranger-S7" not in ids(registry(master))
        else:
            wait_for(lambda: "stranger-S7" in ids(registry(master)), 30, "the stranger")
        agents.close()
        master.stop()


def test_options_are_refused_by_name(tmp_path):
    base = {"registry": "local", "work_dir": str(tmp_path / "work")}
    for flags, says in (
            ({**base, "registry_fetch_timeout": "0secs"}, "registry_fetch_timeout"),
            ({**base, "registry_store_timeout": "0ns"}, "registry_store_timeout"),
            ({**base, "registry_gc_interval": "0secs"}, "registry_gc_interval"),
            ({**base, "agent_reregister_timeout": "0secs"}, "agent_reregister_timeout"),
            ({**base, "agent_removal_rate_limit": "1/0secs"}, "agent_removal_rate_limit"),
            ({**base, "recovery_agent_removal_limit": "120%"}, "recovery_agent_removal_limit"),
            ({**base, "registry": "zookeeper"}, "option 'zk' is required for the registry 'zookeeper'"),
            ({**base, "registry": ""}, "'' is no registry")):
        assert says in order(flags, "--export-registry", ok=False)
    master = Cluster(tmp_path / "m", {**base, "registry": "replicated_log", "quorum": 2, "log_auto_initialize": True}).master
    master.start()
    log = master.log()
    master.stop()
    assert log.count("registry 'replicated_log' means 'local' here") == 1
    assert "no second quorum has to be sized" in log and "an empty registry is made by the first master" in log
