# SPDX-License-Identifier: Apache-2.0
"""Agents and v0 schedulers prove who they are by CRAM-MD5: what is said is what Apache Mesos says, byte by byte where it can
be, and nobody else gets in."""
import base64
import contextlib
import glob
import hashlib
import hmac
import json
import os
import re
import signal
import subprocess

import pytest

from cluster import wait_for
from libprocess import Peer, make, recorded_message, split_pid
from replay import FACTS

RECORDED = os.path.join(FACTS, "08b-cram-md5-authentication")
MECHANISMS, STEP, START = ("mesos.internal.Authentication" + w + "Message" for w in ("Mechanisms", "Step", "Start"))
COMPLETED, FAILED, ERROR = ("mesos.internal.Authentication" + w + "Message" for w in ("Completed", "Failed", "Error"))


def recorded(number):
    return recorded_message(glob.glob(f"{RECORDED}/{number:03}-*.req")[0])


def shape(message):
    """The head with every pid's address and every number of a conversation as one."""
    head = re.sub(r"127\.0\.0\.1:\d+", "ADDRESS", message.head)
    return re.sub(r"(authenticat\w+(?:-session)?)\(\d+\)", r"\1(N)", head)


def same(ours, number):
    """The recorded message, but for what varies from run to run."""
    theirs = recorded(number)
    assert shape(ours) == shape(theirs)
    if theirs.kind != "AuthenticationStepMessage" and "127.0.0.1:" not in theirs.body.decode("latin1"):
        assert ours.body == theirs.body


def write(cluster, name, text, mode=0o600):
    path = os.path.join(cluster, name)
    with open(path, "w", encoding="utf-8", newline="") as f:
        f.write(text)
    os.chmod(path, mode)
    return path


@pytest.fixture
def secured(make_cluster, tmp_path):
    """A cluster whose frameworks and agents must prove who they are; flags of its master and agents may be added."""
    def made(agents=1, agent_flags=None, **flags):
        os.chmod(tmp_path, 0o755)
        credentials = write(tmp_path, "credentials", "test s3cret\nagent a3cret")
        credential = write(tmp_path, "credential", json.dumps({"principal": "agent", "secret": "a3cret"}))
        return make_cluster(agents=agents, master_flags={
            "authenticate_frameworks": True, "authenticate_agents": True, "credentials": credentials, **flags},
            agent_flags={"credential": credential, **(agent_flags or {})})
    return made


def answer_to(challenge, principal="test", secret="s3cret"):
    digest = hmac.new(secret.encode(), challenge, hashlib.md5).hexdigest()
    return f"{principal} {digest}".encode()


class Client:
    """A v0 scheduler and its authenticatee, which are two actors at one port."""

    tries = 0

    def __init__(self, cluster, name="scheduler", host="127.0.0.1"):
        self.peer = Peer(name, host=host)
        self.master = "master@" + cluster.address

    def begin(self, pid=None):
        """The conversation's pid on the other side."""
        Client.tries += 1
        self.authenticatee = f"crammd5-authenticatee({Client.tries})@{self.peer.host}:{self.peer.port}"
        self.send(self.master, make("AuthenticateMessage", pid=pid or self.peer.pid))

    def send(self, to, message):
        assert self.peer.send(to, message, sender=self.authenticatee) == 202

    def offered(self):
        message = self.peer.get("AuthenticationMechanismsMessage", 60)
        self.session = message.sender
        return message

    def start(self, mechanism="CRAM-MD5", data=b""):
        self.send(self.session, make(START, mechanism=mechanism, data=data))

    def challenge(self):
        return self.peer.get("AuthenticationStepMessage", 60)

    def step(self, data):
        self.send(self.session, make(STEP, data=data))

    def outcome(self, kind):
        return self.peer.get(kind.rpartition(".")[2], 60)

    def authenticate(self, secret="s3cret", principal="test", kind=COMPLETED):
        self.begin()
        self.offered()
        self.start()
        self.step(answer_to(self.challenge().value.data, principal, secret))
        return self.outcome(kind)

    def subscribe(self, principal="test", force=False, **info):
        call = make("mesos.scheduler.Call", type=1, subscribe={"force": force, "framework_info": {
            "user": "root", "name": "here", **({"principal": principal} if principal else {}), **info}})
        if "id" in info:
            call.framework_id.CopyFrom(info["id"])
        assert self.peer.send(self.master, call) == 202

    def close(self):
        self.peer.close()


@pytest.fixture
def client():
    made = []

    def new(*args, **more):
        made.append(Client(*args, **more))
        return made[-1]
    yield new
    for each in made:
        each.close()


def registered(client):
    return client.peer.value("FrameworkRegisteredMessage", 60)


def test_master_says_what_was_recorded(secured, client):
    cluster = secured()
    cluster.wait_agents(1)  # has proved who it is
    one = client(cluster)
    one.begin()
    same(one.offered(), 24)
    one.start()
    challenge = one.challenge()
    same(challenge, 26)
    assert re.fullmatch(rb"<\d+\.\d+@[^<>@ ]+>", challenge.value.data)
    one.step(answer_to(challenge.value.data))
    same(one.outcome(COMPLETED), 28)
    one.subscribe()
    assert registered(one).framework_id.value
    one.peer.value("ResourceOffersMessage", 60)
    same(client(cluster, "other").authenticate("nope", kind=FAILED), 43)
    third = client(cluster, "scheduler-447f3dfc-9275-4414-92eb-23ac5dde2a2e")
    third.subscribe()
    error = third.peer.get("FrameworkErrorMessage", 60)
    assert shape(error) == shape(recorded(45))
    assert error.value.message == recorded(45).value.message.replace("127.0.0.1:44649", f"127.0.0.1:{third.peer.port}")
    snapshot = cluster.master.get("/metrics/snapshot")
    assert snapshot["master/messages_authenticate"] >= 3


def scripted_master(cluster, tmp_path, credential, **flags):
    master = Peer("master")
    path = write(tmp_path, "agent-credential", credential)
    agent = cluster.add_agent({"master": f"127.0.0.1:{master.port}", "credential": path,
                               "registration_backoff_factor": "10ms", **flags}, start=False).start()
    return master, agent


def converse(master, number, challenge=None):
    """A master of Apache's talks to our agent, with the recorded messages from `number` on; returns the session's pid."""
    message = master.get("AuthenticateMessage", 60)
    same(message, number)
    assert message.value.pid.startswith("slave(1)@")
    session = f"crammd5-authenticator-session(7)@127.0.0.1:{master.port}"
    master.send(message.sender, MECHANISMS, recorded(number + 1).body, sender=session)
    start = master.get("AuthenticationStartMessage", 60)
    same(start, number + 2)
    assert start.target == split_pid(session)[0]
    master.send(message.sender, STEP, challenge or recorded(number + 3).body, sender=session)
    step = master.get("AuthenticationStepMessage", 60)
    same(step, number + 4)
    assert step.body == recorded(number + 4).body  # the digest of the same challenge
    return message.sender, session


def test_agent_says_what_was_recorded_and_ends_when_refused(make_cluster, tmp_path):
    cluster = make_cluster(agents=0)
    master, agent = scripted_master(cluster, tmp_path, "agent wrong\n")
    try:
        authenticatee, session = converse(master, 1)
        master.quiet("RegisterSlaveMessage")
        with contextlib.suppress(EOFError, OSError):  # it ends at once, with or without its 202
            master.send(authenticatee, FAILED, sender=session)
        assert agent.process.wait(60) == 1
        assert "refused authentication" in agent.log()
    finally:
        master.close()


def test_agent_authenticates_then_registers(make_cluster, tmp_path):
    cluster = make_cluster(agents=0)
    master, agent = scripted_master(cluster, tmp_path, "agent a3cret", authentication_timeout_min="300ms",
                                    authentication_timeout_max="500ms")
    try:
        first = master.get("AuthenticateMessage", 60)  # nothing is answered: it tries again
        again = master.get("AuthenticateMessage", 60)
        assert first.sender != again.sender
        session = f"crammd5-authenticator-session(1)@127.0.0.1:{master.port}"
        master.send(again.sender, ERROR, b"\n\x03why", sender=session)
        message = master.get("AuthenticateMessage", 60)
        master.send(message.sender, COMPLETED, sender=session)  # too soon: not believed
        converse(master, 15)  # may have been retried meanwhile: each try is a whole one
    finally:
        master.close()
        agent.kill()


def test_agent_of_ours_authenticates_again(secured):
    cluster = secured()
    cluster.wait_agents(1)
    log = cluster.master.log()
    assert 'authenticated principal="agent"' in log and "a3cret" not in log + cluster.agents[0].log()
    cluster.master.kill()
    cluster.master.start()
    cluster.wait_agents(1)
    cluster.agents[0].kill()
    cluster.agents[0].start()
    wait_for(lambda: cluster.master.log().count('authenticated principal="agent"') >= 3, 60, "a third login")
    cluster.wait_agents(1)


def test_agents_that_are_refused(secured, tmp_path):
    cluster = secured(agents=0)
    path = write(tmp_path, "empty", "nobody x")
    silent = cluster.add_agent({"credential": path}, start=False).start()
    assert silent.process.wait(60) == 1
    assert f"another secret for the principal of --credential={path}, or none" in silent.log()
    assert re.search(r'refuse to authenticate pid=\S+ principal="nobody"', cluster.master.log())
    bare = cluster.add_agent({"registration_backoff_factor": "50ms"}, start=False)
    bare.argv = [a for a in bare.argv if not a.startswith("--credential=")]
    bare.start()
    wait_for(lambda: "it is not authenticated" in cluster.master.log(), 60, "the refusal")
    assert cluster.master.get("/slaves")["slaves"] == []
    wait_for(lambda: "it may want agents to log in (authenticate_agents), and this one has no --credential" in bare.log(), 60,
             "the agent's own guess")


def test_who_proved_to_be_somebody_may_still_be_no_agent(secured, tmp_path):
    """The rules decide about the principal that was proved, first when it comes and again when it comes back."""
    rules = {"permissive": True, "register_agents": [{"principals": {"values": ["agent"]}, "agents": {"type": "ANY"}},
                                                     {"principals": {"type": "ANY"}, "agents": {"type": "NONE"}}]}
    audit = tmp_path / "audit"
    cluster = secured(acls=json.dumps(rules), audit_log=str(audit))
    known = [agent["id"] for agent in cluster.wait_agents(1)]
    credential = write(tmp_path, "other", json.dumps({"principal": "test", "secret": "s3cret"}))
    other = cluster.add_agent({"credential": credential}, start=False).start()
    assert other.process.wait(60) is not None  # it is told to shut down
    assert 'authenticated principal="test"' in cluster.master.log()
    refused = [entry for entry in map(json.loads, audit.read_text().splitlines()) if entry["event"] == "refused"]
    assert refused and all((entry["action"], entry["principal"]) == ("REGISTER_AGENT", "test") for entry in refused)
    assert all(entry["peer"].endswith(f":{other.port}") for entry in refused)
    cluster.master.kill()
    cluster.master.start()
    assert [agent["id"] for agent in cluster.wait_agents(1)] == known


def test_scram_sha256_between_ours(secured):
    cluster = secured(agent_flags={"authenticatee": "scram_sha256"}, authenticators="crammd5,scram_sha256")
    cluster.wait_agents(1)
    assert 'authenticated principal="agent"' in cluster.master.log()
    assert "SCRAM-SHA-256 as 'agent'" in cluster.agents[0].log()


def scram(one, principal, secret, acts_for):
    """Of a client that knows a secret; acts_for: whom it wants to be taken for. The answer of the master to its proof."""
    prefix = f"n,a={acts_for}," if acts_for else "n,,"
    bare = f"n={principal},r=abcdefghijkl"
    one.begin()
    one.offered()
    one.start("SCRAM-SHA-256", (prefix + bare).encode())
    first = one.challenge().value.data.decode()
    given = dict(part.split("=", 1) for part in first.split(","))
    salted = hashlib.pbkdf2_hmac("sha256", secret.encode(), base64.b64decode(given["s"]), int(given["i"]))
    key = hmac.new(salted, b"Client Key", hashlib.sha256).digest()
    final = f"c={base64.b64encode(prefix.encode()).decode()},r={given['r']}"
    mark = hmac.new(hashlib.sha256(key).digest(), f"{bare},{first},{final}".encode(), hashlib.sha256).digest()
    proof = base64.b64encode(bytes(a ^ b for a, b in zip(key, mark))).decode()
    one.step(f"{final},p={proof}".encode())
    return one.peer.messages.get(timeout=60).kind


def test_nobody_is_taken_for_another_by_scram(secured, client):
    cluster = secured(agents=0, authenticators="crammd5,scram_sha256")
    one = client(cluster)
    assert scram(one, "test", "s3cret", None) == "AuthenticationStepMessage"
    one.step(b"")
    one.outcome(COMPLETED)
    for principal, secret, other in (("test", "s3cret", "agent"), ("test", "a3cret", "agent"), ("agent", "s3cret", "test"),
                                     ("agent", "a3cret", "test"), ("test", "a3cret", None)):
        assert scram(one, principal, secret, other) in ("AuthenticationFailedMessage", "AuthenticationErrorMessage")


@pytest.mark.parametrize("secret", ["n\u00e4he", "right"])
def test_scram_sha256_by_files_that_change(secured, tmp_path, secret):
    """Its keys are made of the secret once, and anew when the file is; of a secret that is not ASCII the library makes them."""
    cluster = secured(agents=0, authenticators="scram_sha256")
    credential = write(tmp_path, "mine", json.dumps({"principal": "agent", "secret": secret}))
    agent = cluster.add_agent({"credential": credential, "authenticatee": "scram_sha256"}, start=False)
    agent.start(wait=False)
    wait_for(lambda: "refuse to authenticate" in cluster.master.log(), 60, "the refusal of another secret")
    wait_for(lambda: agent.process.poll() is not None, 60, "the end of the agent")
    write(tmp_path, "credentials", f"test s3cret\nagent {secret}\n")
    os.kill(cluster.master.process.pid, signal.SIGHUP)
    wait_for(lambda: "2 credentials now" in cluster.master.log(), 60, "the new file")
    agent.start()
    cluster.wait_agents(1)


def test_steps_that_are_refused(secured, client):
    cluster = secured(agents=0)
    one = client(cluster)
    one.begin()
    one.offered()
    one.start("PLAIN", b"\0test\0s3cret")
    assert one.outcome(ERROR).value.error == "no mechanism available"

    one.begin()
    one.offered()
    one.step(b"test 00")
    assert one.outcome(ERROR).value.error == "Unexpected authentication 'step' received"

    one.begin()
    one.offered()
    one.start()
    one.challenge()
    one.start()
    assert one.outcome(ERROR).value.error == "Unexpected authentication 'start' received"

    one.begin()  # truncated
    one.offered()
    one.start()
    right = answer_to(one.challenge().value.data)
    one.step(right[:-1])
    one.outcome(FAILED)

    one.begin()  # replayed
    one.offered()
    one.start()
    one.challenge()
    one.step(right)
    one.outcome(FAILED)

    other = client(cluster, "other")  # somebody else's step in a conversation that is under way
    one.begin()
    one.offered()
    one.start()
    right = answer_to(one.challenge().value.data)
    other.authenticatee, other.session = f"crammd5-authenticatee(1)@127.0.0.1:{other.peer.port}", one.session
    other.step(right)
    one.peer.quiet("AuthenticationCompletedMessage")
    one.step(right)
    one.outcome(COMPLETED)
    assert other.peer.send(one.session, make(STEP, data=right)) == 404  # it is over

    one.authenticate("s3cret", "nobody", FAILED)
    one.authenticate("", "test", FAILED)
    one.subscribe()  # what was proved before counts no more
    assert one.peer.value("FrameworkErrorMessage", 60).message == f"Framework at {one.peer.pid} is not authenticated"


def test_whom_a_login_counts_for(secured, client):
    cluster = secured(agents=0)
    one, other = client(cluster), client(cluster, "other")
    one.authenticate()
    other.subscribe()  # not for another pid
    assert "is not authenticated" in other.peer.value("FrameworkErrorMessage", 60).message
    one.subscribe(principal="agent")  # not for another principal
    assert one.peer.value("FrameworkErrorMessage", 60).message == (
        "Framework principal 'agent' does not match authenticated principal 'test'")
    one.subscribe()
    framework = registered(one).framework_id
    # A framework of another's id is neither taken over nor spoken for by somebody with a login of his own.
    other.authenticate("a3cret", "agent")
    other.subscribe(principal="agent", id=framework)
    assert other.peer.value("FrameworkErrorMessage", 60).message
    other.peer.send(other.master, make("UnregisterFrameworkMessage", framework_id=framework))
    other.peer.send(other.master, make("DeactivateFrameworkMessage", framework_id=framework))
    state = cluster.master.get("/frameworks")["frameworks"]
    assert [(f["id"], f["active"]) for f in state] == [(framework.value, True)]
    # The pid of somebody at another address cannot be proved.
    other.begin("victim@127.0.0.2:5051")
    assert "another address" in other.outcome(ERROR).value.error
    # It ends with the one that had it.
    one.peer.hang_up()
    wait_for(lambda: "disconnected framework" in cluster.master.log(), 60, "the exit")
    one.subscribe(id=framework)
    wait_for(lambda: "is not authenticated" in one.peer.value("FrameworkErrorMessage", 60).message, 60, "the refusal")


def test_who_names_no_principal_is_who_logged_in(secured, client):
    """Leaving it out evades no rule, and lets nobody take over the framework of another who left it out."""
    cluster = secured(agents=0)
    one, other = client(cluster), client(cluster, "other")
    one.authenticate()
    one.subscribe(principal=None)
    framework = registered(one).framework_id
    assert [f["principal"] for f in cluster.master.get("/frameworks")["frameworks"]] == ["test"]
    other.authenticate("a3cret", "agent")
    other.subscribe(principal=None, force=True, id=framework)
    assert other.peer.value("FrameworkErrorMessage", 60).message == "Changing framework's principal is not allowed."
    update = make("mesos.scheduler.Call", type=17, framework_id={"value": framework.value}, update_framework={
        "framework_info": {"user": "root", "name": "new", "id": {"value": framework.value}}})
    assert one.peer.send(one.master, update) == 202
    wait_for(lambda: cluster.master.get("/frameworks")["frameworks"][0]["name"] == "new", 60, "the update")
    assert [f["principal"] for f in cluster.master.get("/frameworks")["frameworks"]] == ["test"]


def test_registration_waits_for_the_end_of_a_login(secured, client):
    cluster = secured(agents=0)
    one = client(cluster)
    one.begin()
    one.offered()
    one.subscribe()
    one.peer.quiet("FrameworkErrorMessage")
    one.start()
    one.step(answer_to(one.challenge().value.data))
    one.outcome(COMPLETED)
    assert registered(one).framework_id.value


def test_a_new_request_cancels_the_one_in_progress(secured, client):
    cluster = secured(agents=0)
    one = client(cluster)
    one.begin()
    one.offered()
    former = one.session
    one.authenticate()
    assert one.session != former
    assert one.peer.send(former, make(START, mechanism="CRAM-MD5", data=b"")) == 404
    one.subscribe()
    registered(one)


def test_stalls_end(secured, client):
    cluster = secured(agents=0, authentication_v0_timeout="300ms")
    one = client(cluster)
    one.begin()
    one.offered()
    wait_for(lambda: "took too long" in cluster.master.log(), 60, "the time-out")
    assert one.peer.send(one.session, make(START, mechanism="CRAM-MD5", data=b"")) == 404
    one.authenticate()


def test_many_failures(secured, client):
    """Beyond a hundred failures in a row, an address is told to wait; the master serves others meanwhile."""
    cluster = secured(agents=0)
    one = client(cluster)
    for _ in range(100):
        one.authenticate("guess", kind=FAILED)
    one.begin()
    assert "Too many" in one.outcome(ERROR).value.error
    for _ in range(2000):
        one.begin()
    assert cluster.master.get("/health", raw=True) is not None
    assert cluster.master.log().count("refuse to authenticate") <= 101


def test_failures_count_for_whence_they_came(secured, client):
    """Not for the address that the sender's name claims: nobody locks others out, or has as many tries as there are names."""
    cluster = secured(agents=0)
    several = [client(cluster, host=f"127.0.0.{n}") for n in (2, 3, 4, 5)]
    for _ in range(25):
        for one in several:
            one.authenticate("guess", kind=FAILED)
    for one in several:
        one.begin()
        assert "Too many" in one.outcome(ERROR).value.error


def test_files_are_read_again(secured, client, tmp_path):
    cluster = secured(agents=0)
    one = client(cluster)
    one.authenticate()
    write(tmp_path, "credentials", "test new\n")
    os.kill(cluster.master.process.pid, signal.SIGHUP)
    wait_for(lambda: "1 credentials now" in cluster.master.log(), 60, "the new file")
    one.authenticate("s3cret", kind=FAILED)
    one.authenticate("new")
    write(tmp_path, "credentials", "test new\nbroken\n")
    os.kill(cluster.master.process.pid, signal.SIGHUP)
    wait_for(lambda: "credentials, line 2: expected a principal and a secret" in cluster.master.log(), 60, "the refusal")
    one.authenticate("new")


def refused_start(cluster, program, *flags):
    done = subprocess.run([cluster.master.argv[0] if program == "master" else program, *flags], timeout=60, check=False,
                          text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert done.returncode == 1
    return done.stdout


def test_bad_files_end_the_start(make_cluster, tmp_path):
    cluster = make_cluster(agents=0)
    rest = ["--registry=in_memory", "--ip=127.0.0.1", "--port=0",
            next(a for a in cluster.master.argv if a.startswith("--module_path="))]
    assert "--credentials=FILE" in refused_start(cluster, "master", "--authenticate", *rest)
    path = write(tmp_path, "twice", "test hidden\ntest hidden\n")
    out = refused_start(cluster, "master", f"--credentials={path}", *rest)
    assert f"{path}, line 2: principal 'test' is named twice" in out and "hidden" not in out
    out = refused_start(cluster, "master", f"--credentials={path}", "--authenticators=nosuch", *rest)
    assert "nosuch" in out


def test_login_is_optional_without_the_flags(secured, client):
    cluster = secured(agents=0, authenticate_frameworks="false", authenticate_agents="false")
    one, other = client(cluster), client(cluster, "other")
    one.authenticate()
    one.subscribe()
    registered(one)
    other.subscribe()
    registered(other)
