# SPDX-License-Identifier: Apache-2.0
"""Masters, agents and the command line with real ZooKeeper servers: who leads, who follows, and that nobody acts who may
not. One server serves most tests, each below a path of its own."""
import json
import os
import re
import signal
import socket
import subprocess
import tempfile

import pytest

from cluster import REPOSITORY, free_port, wait_for
from masters import PATIENCE, Masters, ask, elected
from scheduler import Scheduler, command_task
from zookeeper import ZooKeeper


@pytest.fixture(scope="module")
def zookeeper():
    with tempfile.TemporaryDirectory(prefix="zk-") as directory, ZooKeeper(directory) as made:
        yield made.start()


@pytest.fixture(scope="module")
def kazoo(zookeeper):
    return zookeeper.client("mesos:pa@ss")


@pytest.fixture
def make(zookeeper, request):
    made = []

    def make_masters(count=0, **more):
        masters = Masters(more.pop("server", zookeeper), **more)
        made.append(masters)
        request.node.clusters = [m.cluster for m in made]
        for _ in range(count):
            masters.add()
        return masters
    yield make_masters
    complaints = []
    for masters in made:
        complaints += masters.close()
    assert not complaints, "\n".join(complaints)


def pause(daemon):
    os.kill(daemon.process.pid, signal.SIGSTOP)
    daemon.paused = True


def resume(daemon):
    os.kill(daemon.process.pid, signal.SIGCONT)
    daemon.paused = False


def points_at(master, leader):
    return wait_for(lambda: ask(master, "GET", "/state")[:2] == (307, f"//localhost:{leader.port}/master/state"), PATIENCE,
                    f"{master.name} to point at {leader.name}")


def mesos(masters, *args, url=None):
    env = {"PATH": os.environ["PATH"], "HOME": masters.cluster.directory, "MESOS_MASTER": url or masters.url,
           "MESOS_MODULE_PATH": masters.cluster.tree.module_path}
    return subprocess.run([masters.cluster.tree.program("mesos"), *args], env=env, text=True, timeout=60, check=False,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def test_one_of_three_leads_and_the_next_takes_over(make, kazoo):
    # Sessions of a minute: nobody can have waited for one to expire.
    masters = make(3, session="60secs")
    leader = masters.leader()
    wait_for(lambda: len(masters.nodes(kazoo)) == 3, PATIENCE, "three contenders")
    for master in masters.others(leader):
        points_at(master, leader)
        assert ask(master, "POST", "/api/v1", "garbage")[:2] == (307, f"//localhost:{leader.port}/master/api/v1")
        assert ask(master, "GET", "/master/redirect")[:2] == (307, f"//localhost:{leader.port}")
        assert ask(master, "GET", "/master/tasks?limit=3")[1] == f"//localhost:{leader.port}/master/tasks?limit=3"
        assert ask(master, "GET", "/health")[0] == 200 and not elected(master)
    assert sum(elected(m) for m in masters.masters) == 1
    assert leader.get("/state")["elected_time"] > 0
    assert mesos(masters, "resolve").stdout == f"127.0.0.1:{leader.port}\n"
    assert mesos(masters, "agent", "list").returncode == 0
    for _ in range(2):
        leader.stop()
        assert leader.process.returncode == 0
        leader = masters.leader()
        for master in masters.others(leader):
            points_at(master, leader)
        assert mesos(masters, "resolve").stdout == f"127.0.0.1:{leader.port}\n"
    wait_for(lambda: len(masters.nodes(kazoo)) == 1, PATIENCE, "the nodes of those that were stopped to go")


def test_what_stands_in_zookeeper(make, kazoo):
    """To the byte what was recorded of Apache Mesos, but for its values."""
    with open(os.path.join(REPOSITORY, "tests", "facts", "zookeeper.json"), encoding="utf-8") as f:
        facts = json.load(f)
    for credentials, recorded in ((None, facts["open"]), ("mesos:pa@ss", facts["digest"])):
        masters = make(1, credentials=credentials, session="10secs")
        leader = masters.leader()
        (path, data, ephemeral, acl), = masters.nodes(kazoo)
        assert re.fullmatch(masters.path + r"/json\.info_\d{10}", path) and ephemeral
        assert data.decode() == json.dumps(json.loads(data), separators=(",", ":"), sort_keys=True)
        info, theirs = json.loads(data), recorded["data"]
        # QUOTA_V2 is told once there are quotas.
        assert sorted(info) == sorted(theirs) and sorted(info["address"]) == sorted(theirs["address"])
        assert {k: type(v) for k, v in info.items()} == {k: type(v) for k, v in theirs.items()}
        assert info["pid"] == f"master@127.0.0.1:{leader.port}" and info["ip"] == theirs["ip"]
        assert info["id"] == leader.get("/state")["id"] and info["address"]["hostname"] == "localhost"
        # World may read and the user may do everything, or world everything: the same but for the user and its hash.
        assert [re.sub(r"digest .*", "digest", a) for a in acl] == sorted(
            re.sub(r"digest .*", "digest", a) for a in recorded["acl"])
        assert all(" digest mesos:" in a for a in acl if "digest" in a)
        parents = {n[0]: n[3] for n in masters.zookeeper.tree(kazoo, masters.path.rsplit("/", 1)[0])}
        assert all(found == acl for found in parents.values()), parents  # on every node, the parents too


def test_a_stopped_leader_says_nothing_more(make):
    masters = make(2)
    agent = masters.agent()
    leader = masters.leader()
    masters.cluster.master = leader
    masters.cluster.wait_agents(1)
    waiting = [socket.create_connection(("127.0.0.1", leader.port)) for _ in range(3)]
    try:
        for s in waiting:  # connections that the leader has answered on before
            s.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
            assert s.recv(4096).startswith(b"HTTP/1.1 200")
        pause(leader)
        for s, path in zip(waiting, (b"/health", b"/master/state", b"/metrics/snapshot")):
            s.sendall(b"GET " + path + b" HTTP/1.1\r\nHost: x\r\n\r\n")  # lies before it when it goes on
        successor = masters.leader()
        masters.cluster.master = successor
        masters.cluster.wait_agents(1)
        resume(leader)
        assert leader.process.wait(PATIENCE) == 1
        for s in waiting:
            s.settimeout(PATIENCE)
            try:
                assert s.recv(4096) == b"", "a leader without a lease has spoken"
            except ConnectionResetError:
                pass
    finally:
        for s in waiting:
            s.close()
    assert len(re.findall("Lost leadership: ", leader.log())) == 1, leader.log()
    assert elected(successor) and agent.process.poll() is None


def test_agent_and_framework_follow_the_leader(make):
    masters = make()
    for _ in range(2):
        masters.add(registry="replicated_log")  # what belongs to --zk by default
    masters.agent(executor_reregistration_timeout="10secs")
    leader = masters.leader()
    masters.cluster.master = leader
    masters.cluster.wait_agents(1)
    scheduler = Scheduler(f"127.0.0.1:{leader.port}", name="follows", failover_timeout=120, checkpoint=True).subscribe()
    offer = scheduler.offer()
    scheduler.accept(offer, [command_task("stays", "sleep 600", offer)])
    scheduler.until("stays", {"TASK_RUNNING"})
    leader.kill()
    successor = masters.leader()
    masters.cluster.master = successor
    masters.cluster.wait_agents(1)
    scheduler.address = f"127.0.0.1:{successor.port}"
    scheduler.disconnect()
    before = scheduler.framework_id
    scheduler.subscribe()
    assert scheduler.framework_id == before
    scheduler.call("RECONCILE", reconcile={"tasks": []})
    assert scheduler.update("stays")["state"] == "TASK_RUNNING"
    scheduler.teardown()


def known_sessions(zookeeper):
    text = zookeeper.nodes[0].ask("dump")
    assert "Session" in text, text
    return re.findall("0x[0-9a-f]+", text)


def test_sessions_that_expired(make, kazoo):
    """A master that does not lead, and an agent, sleep longer than their sessions: both are back in the end."""
    masters = make(2)
    agent = masters.agent()
    leader = masters.leader()
    masters.cluster.master = leader
    masters.cluster.wait_agents(1)
    other, = masters.others(leader)
    wait_for(lambda: len(masters.nodes(kazoo)) == 2, PATIENCE, "two contenders")
    before = {n[0] for n in masters.nodes(kazoo)}
    pause(other)
    os.kill(agent.process.pid, signal.SIGSTOP)
    wait_for(lambda: len(masters.nodes(kazoo)) == 1, PATIENCE, "the end of the master's session")
    session = re.findall(r"connected to ZooKeeper .* session (0x[0-9a-f]+) ", agent.log())[-1]
    wait_for(lambda: session not in known_sessions(masters.zookeeper), PATIENCE, "the end of the agent's session")
    os.kill(agent.process.pid, signal.SIGCONT)
    resume(other)
    after = wait_for(lambda: [n[0] for n in masters.nodes(kazoo)] if len(masters.nodes(kazoo)) == 2 else None, PATIENCE,
                     "the second contender")
    assert len(before & set(after)) == 1 and elected(leader) and not elected(other)
    points_at(other, leader)
    wait_for(lambda: "the ZooKeeper session has expired" in agent.log(), PATIENCE, "the agent to hear of it")
    wait_for(lambda: agent.log().count("connected to ZooKeeper") >= 2, PATIENCE, "the agent's new session")
    masters.cluster.wait_agents(1)


def test_users_and_passwords(make, kazoo):
    masters = make(1, credentials="mesos:pa@ss")
    leader = masters.leader()
    wrong = masters.add(url=masters.zookeeper.url(masters.path, "mesos:guess"))
    wait_for(lambda: "not allowed: user and password do not suffice" in wrong.log(), PATIENCE, "the refusal")
    assert len(masters.nodes(kazoo)) == 1 and not elected(wrong)
    points_at(wrong, leader)  # everybody may read
    secret = os.path.join(masters.cluster.directory, "zk")
    with open(secret, "w", encoding="ascii") as f:
        f.write(masters.url + "\n")
    agent = masters.agent("file://" + secret)
    masters.agent(masters.zookeeper.url(masters.path))  # without a user
    masters.cluster.wait_agents(2)
    for daemon in (leader, wrong, agent):
        shown = daemon.get("/flags", raw=True) + daemon.log().encode()
        shown += daemon.get("/state", raw=True) if daemon is not wrong else b""
        assert b"pa@ss" not in shown and b"guess" not in shown
    assert leader.get("/flags")["flags"]["zk"] == masters.zookeeper.url(masters.path, "mesos:***")
    with open(f"/proc/{agent.process.pid}/cmdline", "rb") as f:
        assert b"pa@ss" not in f.read()
    assert "no TLS" in leader.log()


def test_nodes_that_were_edited(make, kazoo):
    masters = make(2)
    leader = masters.leader()
    other, = masters.others(leader)
    points_at(other, leader)
    node = masters.nodes(kazoo)[0][0]
    good = kazoo.get(node)[0]
    info = json.loads(good)
    evil = {**info, "hostname": "x\r\nSet-Cookie: a=b", "ip": 0, "address": {"ip": "1 2", "port": 5}}
    for bad in (b"", b"{", b"\0\xff" * 100, b"x" * 900_000, b"[]", b"5", b"{}", json.dumps({**info, "port": "x"}).encode(),
                json.dumps({**info, "port": 0, "address": None}).encode(), json.dumps(evil).encode()):
        kazoo.set(node, bad)
        status, _, body = wait_for(lambda: (lambda a: a if a[0] == 503 else None)(ask(other, "GET", "/state")), PATIENCE,
                                   f"no leader with {bad[:20]}")
        assert body.startswith(b"No leader elected"), body
        assert ask(other, "GET", "/health")[0] == 200 and elected(leader)
        kazoo.set(node, good)
        points_at(other, leader)
    log = other.log()
    assert "it is empty" in log and "no MasterInfo" in log and "900000 bytes" in log
    # Names that are no contenders' are passed over; a first one that nobody can read keeps everybody from leading.
    for name in ("json.info_", "json.info_x", "json.info_12", "info_abcdefghij", "other", "json.info_99999999999999999999999"):
        kazoo.create(masters.path + "/" + name, b"{}")
    assert elected(leader) and ask(other, "GET", "/state")[0] == 307
    kazoo.delete(node)
    assert leader.process.wait(PATIENCE) == 1 and "Lost leadership" in leader.log()
    assert masters.leader() is other


def test_a_leader_by_name(make, kazoo):
    """Another's node: no numbers, only a name. Agents resolve it."""
    masters = make()
    alone = masters.cluster.master.start()
    kazoo.create(masters.path + "/json.info_0000000007", json.dumps({
        "id": alone.get("/state")["id"], "ip": 0, "port": alone.port, "hostname": "localhost",
        "pid": f"master@localhost:{alone.port}"}).encode(), makepath=True)
    masters.agent()
    masters.cluster.wait_agents(1)
    assert mesos(masters, "resolve").stdout.endswith(f":{alone.port}\n")


def test_an_earlier_run_of_the_same_master(make, kazoo):
    masters = make(1, session="60secs")
    leader = masters.leader()
    leader.kill()
    leader.start()
    wait_for(lambda: b"earlier run" in ask(leader, "GET", "/state")[2], PATIENCE, "it to see its ghost")
    assert ask(leader, "GET", "/master/redirect")[0] == 503  # never to itself
    assert "two masters are told to use one address" in leader.log()
    wait_for(lambda: len(masters.nodes(kazoo)) == 2, PATIENCE, "the new contender")
    kazoo.delete(sorted(n[0] for n in masters.nodes(kazoo))[0])
    assert masters.leader() is leader


def test_a_leader_that_still_recovers(make):
    """As recorded: it shows what it has, points at itself, and takes no calls."""
    masters = make()
    master = masters.add(start=False, registry="local")
    master.env = {**master.env, "MESOS_FAULT": "registry_local_commit=sleep:7000@1"}
    master.start()
    wait_for(lambda: elected(master), PATIENCE, "it to be elected")
    headers = {"Content-Type": "application/json"}
    for path, call in (("/api/v1", {"type": "GET_HEALTH"}), ("/api/v1", {"type": "GET_AGENTS"}),
                       ("/api/v1/scheduler", {"type": "SUBSCRIBE", "subscribe": {"framework_info": {"user": "a", "name": "b"}}})):
        assert ask(master, "POST", path, json.dumps(call), headers) == (503, None, b"Master has not finished recovery")
    assert ask(master, "GET", "/state")[0] == 200 and ask(master, "GET", "/health")[0] == 200
    assert ask(master, "GET", "/redirect")[:2] == (307, f"//localhost:{master.port}")
    wait_for(lambda: ask(master, "POST", "/api/v1", '{"type": "GET_HEALTH"}', headers)[0] == 200, PATIENCE, "its recovery")


def test_log_replicas_of_apache_mesos(make, kazoo):
    masters = make()
    replica = masters.path + "/log_replicas/0000000000"
    kazoo.create(replica, b"log-replica(1)@127.0.0.1:5050", makepath=True)
    careful = masters.add()
    wait_for(lambda: "does not contend: 1 log replicas" in careful.log(), PATIENCE, "it to refuse")
    assert masters.nodes(kazoo) == [] and ask(careful, "GET", "/state")[0] == 503
    bold = masters.add(ignore_log_replicas=True)
    assert masters.leader() is bold
    points_at(careful, bold)
    kazoo.delete(replica)
    wait_for(lambda: len(masters.nodes(kazoo)) == 2, PATIENCE, "the careful one to contend")


def test_servers_that_refuse_or_hang(make):
    masters = make()
    with socket.socket() as hangs:
        hangs.bind(("127.0.0.1", 0))
        hangs.listen(16)
        port = hangs.getsockname()[1]
        stuck = masters.add(url=f"zk://127.0.0.1:{port}/mesos")
        refused = masters.add(url=f"zk://127.0.0.1:{free_port()}/mesos")
        nameless = masters.add(url="zk://nosuch.invalid:2181/mesos")
        wait_for(lambda: "Connection refused" in refused.log(), PATIENCE, "the refusal")
        wait_for(lambda: "cannot resolve ZooKeeper server 'nosuch.invalid'" in nameless.log(), PATIENCE, "the name")
        for master in (stuck, refused, nameless):
            assert ask(master, "GET", "/state") == (503, None, b"No leader elected")
            assert ask(master, "GET", "/health")[0] == 200
            master.stop()
            assert master.process.returncode == 0
        done = mesos(masters, "resolve", url=f"zk://127.0.0.1:{port}/mesos")
        assert done.returncode == 1 and "no ZooKeeper server answered" in done.stderr
    done = mesos(masters, "resolve")
    assert done.returncode == 1 and "no master leads" in done.stderr
    # One that works among many that do not is found.
    masters.url = f"zk://127.0.0.1:{free_port()},{masters.zookeeper.hosts.replace('127.0.0.1', 'localhost')}{masters.path}"
    leader = masters.add()
    assert masters.leader() is leader


def test_what_is_refused_at_start(make):
    masters = make()
    program = masters.cluster.tree.program("mesos-master")
    usual = [a for a in masters.cluster.master.argv[1:] if not a.startswith("--port=")] + ["--port=0"]
    for flags, text in (
            (["--zk=zk://me:hush@h:1"], "path is missing"), (["--zk=zk://me:hush@:1/p"], "host name"),
            (["--zk=zk://hush@h:1/p"], "user:password"), (["--zk=zks://me:hush@h/p"], "TLS"),
            (["--zk=file:///nonexistent/zk"], "/nonexistent/zk"), (["--zk=zk://h:1/p", "--zk_session_timeout=0ns"], "too small"),
            (["--election=zookeeper"], "wants to know where ZooKeeper is"), (["--zk=zk://h:1/zookeeper/x"], "keeps for itself")):
        done = subprocess.run([program, *usual, *flags], timeout=30, text=True, check=False, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        assert done.returncode == 1 and text in done.stdout and "hush" not in done.stdout, (flags, done.stdout)


def test_the_contract(make, zookeeper):
    """Any election module's, with this one and the server."""
    program = make().cluster.tree.contract_program("election")
    if program is None:
        pytest.skip("the contract programs are not built: run make check first")
    done = subprocess.run([program], timeout=120, text=True, check=False, stdin=subprocess.DEVNULL,
                          env={**os.environ, "CONTRACT_ZOOKEEPER": zookeeper.url("/contract", "u:p")},
                          cwd=os.path.dirname(os.path.dirname(os.path.dirname(program))),
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert done.returncode == 0 and "SKIPPED" not in done.stdout, done.stdout


def test_servers_come_and_go(make):
    """Three servers: one that hangs or dies is nothing, without a majority nobody leads, and with one again somebody does."""
    with tempfile.TemporaryDirectory(prefix="zk-") as directory, ZooKeeper(directory, nodes=3) as three:
        three.start()
        first = three.leader
        followers = [n for n in three.nodes if n is not first]
        masters = make(server=three, session="12secs")
        masters.url = f"zk://{','.join(n.address for n in followers)}{masters.path}"
        for _ in range(2):
            masters.add()
        leader = masters.leader()
        other, = masters.others(leader)
        points_at(other, leader)

        def talks_to():
            return re.findall(r"connected to ZooKeeper ([^,]*),", leader.log())
        hangs = next(n for n in followers if n.address == talks_to()[-1])
        hangs.pause()  # its connections stay: only silence tells
        wait_for(lambda: talks_to()[-1] != hangs.address, PATIENCE, "the leader to talk to another server")
        hangs.resume()
        assert elected(leader) and not elected(other)
        three.wait()
        first.kill()
        wait_for(lambda: three.leader, PATIENCE, "the servers' next leader")
        points_at(other, leader)
        first.start()
        three.wait()
        assert elected(leader) and leader.process.poll() is None
        for node in followers:
            node.kill()
        assert leader.process.wait(PATIENCE) == 1
        assert len(re.findall("Lost leadership: ", leader.log())) == 1
        wait_for(lambda: ask(other, "GET", "/state")[0] == 503, PATIENCE, "nobody to lead")
        for node in followers:
            node.start()
        assert masters.leader() is other
