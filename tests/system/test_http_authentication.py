# SPDX-License-Identifier: Apache-2.0
"""Logins over HTTP on a real cluster: what Apache's daemons answer to nobody, to wrong secrets and to strange schemes; frameworks
bound to their principals, executors to their tokens; and tokens that nobody but the executor sees."""
import base64
import hashlib
import hmac
import http.client
import json
import os
import pwd
import re
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

import pytest
from cluster import Cluster, basic, wait_for
from replay import recorded
from scheduler import CallFailed, Scheduler, command_task, group_operation

FOLDER = "11-authorization-authentication"
KEY = b"a key that signs tokens\n"
SECRETS = {"ops": "o1", "alice": "a1", "bob": "b1"}
TOKEN = re.compile(rb"eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9\.([\w-]*)")


@pytest.fixture(scope="module")
def secured():
    directory = tempfile.mkdtemp(prefix="ca-")
    credentials, key = os.path.join(directory, "credentials"), os.path.join(directory, "key")
    for path, content in (credentials, "\n".join(f"{p} {s}" for p, s in SECRETS.items()).encode()), (key, KEY):
        with open(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "wb") as f:
            f.write(content)
    both = {"authenticate_http_readonly": True, "authenticate_http_readwrite": True}
    cluster = Cluster(directory, {**both, "credentials": credentials, "authenticate_http_frameworks": True,
                                  "http_framework_authenticators": "basic"})
    cluster.audit, cluster.audit_of_agent = os.path.join(directory, "audit"), os.path.join(directory, "audit-agent")
    cluster.master.argv.append("--audit_log=" + cluster.audit)
    cluster.master.login = "ops:o1"
    cluster.master.start()
    agent = cluster.add_agent({**both, "http_credentials": credentials, "authenticate_http_executors": True,
                               "jwt_secret_key": key, "audit_log": os.path.join(directory, "audit-agent"),
                               "executor_environment_variables": json.dumps({"PATH": os.environ["PATH"]})})
    agent.login = "ops:o1"
    # As the recorded one was: without tokens. It has no master, so that nobody is offered what it has.
    cluster.plain = cluster.add_agent({**both, "master": "127.0.0.1:1", "http_credentials": credentials}, start=False).start()
    yield cluster
    cluster.stop()
    complaints = cluster.complaints()
    cluster.remove()
    assert not complaints, complaints


@pytest.fixture
def scheduler(secured):
    """scheduler(name=...): one of alice's, which leaves with its test and the agent to the next one."""
    made = []

    def subscribe(**info):
        made.append(Scheduler(secured.address, login="alice:" + SECRETS["alice"], **info).subscribe())
        return made[-1]
    yield subscribe
    for client in made:
        client.teardown()


def exchange(daemon, request):
    """The whole answer to one request as it stands, its date made the recording's."""
    with socket.create_connection((daemon.host, daemon.port), timeout=60) as s:
        s.sendall(request)
        answer = b""
        while True:
            head, blank, body = answer.partition(b"\r\n\r\n")
            length = re.search(rb"Content-Length: (\d+)", head)
            if blank and length and len(body) >= int(length.group(1)):
                return undated(answer)
            more = s.recv(65536)
            assert more, answer
            answer += more


def undated(answer):
    return re.sub(rb"Date: [^\r]*", b"Date: D", answer)


# Those of a framework that has subscribed are test_master_access_traces.py's.
REFUSALS = [(daemon, name) for daemon in ("master", "agent1") for name, request, answer in recorded(FOLDER, daemon)
            if answer and b"Mesos-Stream-Id" not in request and (b" 401 " in answer[:16] or b"does not match principal" in answer)]


@pytest.mark.parametrize("daemon,name", REFUSALS, ids=[name for _, name in REFUSALS])
def test_refusals_are_those_of_mesos(secured, daemon, name):
    at = secured.master if daemon == "master" else secured.plain
    request, answer = next((r, a) for n, r, a in recorded(FOLDER, daemon) if n == name)
    if b"\r\n\r\n" not in request:
        request = request.rstrip(b"\r\n") + b"\r\n\r\n"
    assert exchange(at, request) == undated(answer)


def test_there_are_enough_of_them():
    assert len(REFUSALS) >= 17


def test_what_is_open_stays_open(secured):
    for daemon in secured.master, secured.agents[0]:
        for path in "/health", "/version", "/system/stats.json":
            assert b" 200 OK" in exchange(daemon, f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())[:20]


def status(daemon, method, path, headers=None, body=None):
    connection = http.client.HTTPConnection(daemon.host, daemon.port, timeout=60)
    connection.request(method, path, body, headers or {})
    answer = connection.getresponse()
    text = answer.read()
    connection.close()
    return answer.status, text


def test_nothing_is_said_before_the_login(secured):
    """Neither methods nor bodies are looked at; odd spellings of a path are the same path."""
    master, agent = secured.master, secured.agents[0]
    for daemon, method, path in ((master, "GET", "/teardown"), (master, "PUT", "/api/v1"), (master, "HEAD", "/state"),
                                 (master, "GET", "//master///state"), (master, "GET", "/%6daster/state"),
                                 (master, "GET", "/state/extra"), (master, "DELETE", "/quota/role"), (agent, "GET", "/api/v1"),
                                 (agent, "GET", "/slave%281%29/state"), (agent, "POST", "/api/v1/executor"),
                                 (master, "OPTIONS", "/state")):
        assert status(daemon, method, path)[0] == 401, path
    ops = {"Authorization": basic("ops:o1")}
    assert status(master, "GET", "/teardown", ops)[0] == 405
    assert status(master, "GET", "/state", ops)[0] == 200
    assert status(master, "GET", "/nosuch")[0] == 404


def test_requests_of_one_connection_keep_their_order(secured):
    one = b"GET /state HTTP/1.1\r\nHost: x\r\n%s\r\n"
    login = b"Authorization: " + basic("ops:o1").encode() + b"\r\n"
    requests = [(one % (login if i % 2 else b""), 200 if i % 2 else 401) for i in range(16)]
    with socket.create_connection((secured.master.host, secured.master.port), timeout=60) as s:
        s.sendall(b"".join(r for r, _ in requests))
        reader = s.makefile("rb")
        for _, wanted in requests:
            assert int(reader.readline().split()[1]) == wanted
            length = 0
            for line in iter(reader.readline, b"\r\n"):
                if line.lower().startswith(b"content-length:"):
                    length = int(line.split(b":")[1])
            reader.read(length)


LARGE = 5 << 20


@pytest.mark.parametrize("options", [[], ["-HExpect:"], ["-HExpect:", "-HTransfer-Encoding: chunked"]], ids=["expect", "length", "chunked"])
def test_curl_reads_why_a_large_body_is_refused(secured, options, tmp_path):
    body = tmp_path / "body"
    body.write_bytes(b"x" * LARGE)
    ask = ["curl", "-sS", "--noproxy", "*", "-o", "/dev/null", "-w", "%{http_code}", "--data-binary", f"@{body}", *options]
    for path, wanted in ("/api/v1", "401"), ("/nosuch", "404"):
        told = subprocess.run([*ask, secured.master.url + path], capture_output=True, text=True, timeout=120)
        assert (told.returncode, told.stdout) == (0, wanted), told
    told = subprocess.run([*ask, "-u", "ops:o1", secured.master.url + "/teardown"], capture_output=True, text=True, timeout=120)
    assert (told.returncode, told.stdout) == (0, "400"), told


def test_python_reads_why_a_large_body_is_refused(secured):
    for daemon in secured.master, secured.agents[0]:
        assert status(daemon, "POST", "/api/v1", {}, b"x" * LARGE)[0] == 401
        assert status(daemon, "POST", "/api/v1", {}, (b"x" * 65536 for _ in range(LARGE // 65536)))[0] == 401
        with pytest.raises(urllib.error.HTTPError) as told:
            urllib.request.urlopen(daemon.url + "/api/v1", b"x" * LARGE, timeout=60)
        assert told.value.code == 401


def test_a_peer_that_ends_its_side_early_is_answered(secured):
    """All of it is there, with the end, before anybody could say who it is."""
    body = b"x" * 40000
    for login, wanted in (b"", b"401"), (b"Authorization: " + basic("ops:o1").encode() + b"\r\n", b"400"):
        for _ in range(20):
            with socket.create_connection((secured.master.host, secured.master.port), timeout=60) as s:
                s.sendall(b"POST /teardown HTTP/1.1\r\nHost: x\r\n%sContent-Length: %d\r\n\r\n%s" % (login, len(body), body))
                s.shutdown(socket.SHUT_WR)
                assert s.recv(12) == b"HTTP/1.1 " + wanted


def test_bodies_of_strangers_are_not_held(secured):
    """What forty of them send without an end would be more than a gigabyte."""
    def most_kib():
        with open(f"/proc/{secured.master.process.pid}/status") as f:
            return next(int(line.split()[1]) for line in f if line.startswith("VmHWM"))
    head = b"POST /api/v1 HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % (32 << 20)
    before = most_kib()
    for _ in range(40):
        with socket.create_connection((secured.master.host, secured.master.port), timeout=60) as s:
            s.sendall(head)
            s.sendall(b"x" * (1 << 20))
            assert s.recv(12) == b"HTTP/1.1 401"
    assert most_kib() - before < 8192


def test_a_framework_is_its_principal(secured, scheduler):
    client = scheduler(name="adopts")
    seen = next(f for f in secured.master.get("/state")["frameworks"] if f["id"] == client.framework_id)
    assert seen["principal"] == "alice"
    with pytest.raises(CallFailed) as told:
        client.raw({"type": "REVIVE", "framework_id": {"value": client.framework_id}}, 202,
                   {"Authorization": basic("bob:b1")})
    assert told.value.status == 400
    assert told.value.body == "Authenticated principal 'bob' does not match principal 'alice' set in `FrameworkInfo`"
    with pytest.raises(CallFailed) as told:
        client.raw({"type": "REVIVE", "framework_id": {"value": client.framework_id}}, 202, {"Authorization": "Basic x"})
    assert told.value.status == 401
    client.call("REVIVE")
    with open(secured.audit, encoding="utf-8") as f:
        assert any((line.get("principal"), line.get("claimed")) == ("bob", "alice") for line in map(json.loads, f))


def test_failed_logins_stand_in_the_audit_log(secured):
    assert status(secured.master, "GET", "/state", {"Authorization": basic("mallory:hunter2")})[0] == 401
    for header in ("Negotiate hunter2", "hunter2"):
        assert status(secured.master, "GET", "/state", {"Authorization": header})[0] == 401
    with open(secured.audit, encoding="utf-8") as f:
        lines = [json.loads(line) for line in f]
    failed = [line for line in lines if line["event"] == "login-failed"]
    assert any(line.get("claimed") == "mallory" for line in failed), lines
    assert sum(line.get("reason") == "no authenticator takes the Authorization header that was sent" for line in failed) >= 2, failed
    assert "hunter2" not in json.dumps(lines) + secured.master.log()


# ---- executors ----

SEARCH = r"""
{ env; cat /proc/self/environ
  for p in /proc/[0-9]*; do
    tr '\0' ' ' < $p/cmdline; echo
    cat $p/environ
  done; } > looked 2>/dev/null
mv looked found
exec sleep 1000
"""


def wait_state(client, task_id, wanted):
    def seen():
        states = [s["state"] for s in client.history if s["task_id"]["value"] == task_id]
        assert not set(states) & ({"TASK_FAILED", "TASK_LOST", "TASK_DROPPED", "TASK_ERROR"} - {wanted}), client.history
        return wanted in states
    wait_for(seen, 60, f"{task_id} to be {wanted}")


def is_of(claims, framework_id):
    try:
        return json.loads(base64.urlsafe_b64decode(claims + b"=" * (-len(claims) % 4))).get("fid") == framework_id
    except ValueError:  # a part of a token is too much as well
        return True


def tokens_seen(sandbox, framework_id):
    """Whether each task below the sandbox that has looked around has found a token. Executors that other tests start on this
    machine at this moment have one, too, until they have read it: theirs do not count."""
    found = []
    for root, _, files in os.walk(sandbox):
        if "found" in files:
            with open(os.path.join(root, "found"), "rb") as f:
                content = f.read()
            assert b"MESOS_EXECUTOR_ID" in content or b"MESOS_SANDBOX" in content
            found.append(any(is_of(claims, framework_id) for claims in TOKEN.findall(content)))
    return found


def test_tasks_and_pods_run_with_tokens_that_they_do_not_see(secured, scheduler):
    """A command, a pod with a check that the agent runs in its container, and both again after the agent was away."""
    client = scheduler(name="tokens", failover_timeout=600, checkpoint=True)

    def look(executor_id):
        """An executor has its token in its environment until it has read it: nobody looks while another one starts."""
        box = secured.sandbox(client.framework_id, executor_id)
        wait_for(lambda: tokens_seen(box, client.framework_id), 60, f"tasks in {box} to look around")
        assert not any(tokens_seen(box, client.framework_id))
    offer = client.offer()
    command = command_task("command", SEARCH, offer)
    client.accept(offer, [command])
    wait_state(client, "command", "TASK_RUNNING")
    look("command")
    offer = client.offer()
    pod = command_task("pod", SEARCH, offer)
    pod["health_check"] = {"type": "COMMAND", "command": {"value": "true"}, "delay_seconds": 0,
                           "interval_seconds": 1, "grace_period_seconds": 60}
    client.accept(offer, None, operations=[group_operation(client.framework_id, "pods", [pod])])
    wait_state(client, "pod", "TASK_RUNNING")
    wait_for(lambda: any(s["task_id"]["value"] == "pod" and s.get("healthy") for s in client.history), 60, "a healthy pod")
    look("pods")
    agent = secured.agents[0]
    agent.kill()
    agent.start()
    secured.wait_agents(1)
    for task in "command", "pod":
        client.call("KILL", kill={"task_id": {"value": task}})
        wait_state(client, task, "TASK_KILLED")
    meta = os.path.join(agent.work_dir, "meta")
    for root, _, files in os.walk(meta):
        for name in files:
            with open(os.path.join(root, name), "rb") as f:
                assert not TOKEN.search(f.read()), name
    assert not TOKEN.search(agent.log().encode())


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may become another user")
def test_checks_run_as_whom_they_name(secured, scheduler):
    """Also after a restart of the agent, which then knows the task from its checkpoint alone."""
    client = scheduler(name="checked", checkpoint=True)
    offer = client.offer()
    pod = command_task("checked", "sleep 1000", offer)
    with tempfile.NamedTemporaryFile(prefix="cm-checks-") as runs:
        os.chmod(runs.name, 0o666)
        pod["check"] = {"type": "COMMAND", "delay_seconds": 0, "interval_seconds": 1,
                        "command": {"command": {"value": f"[ $(id -un) = daemon ] && echo >> {runs.name}", "user": "daemon"}}}
        client.accept(offer, None, operations=[group_operation(client.framework_id, "pods", [pod])])
        wait_for(lambda: any(s.get("check_status", {}).get("command", {}).get("exit_code") == 0 for s in client.history), 60,
                 "a check that ran as daemon")
        secured.agents[0].kill()
        before = os.path.getsize(runs.name)
        secured.agents[0].start()
        wait_for(lambda: os.path.getsize(runs.name) > before + 1, 60, "checks after the restart")


def encoded(data):
    data = data if isinstance(data, bytes) else json.dumps(data).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def token(claims, key=KEY, algorithm="HS256"):
    signed = encoded({"alg": algorithm, "typ": "JWT"}) + b"." + encoded(claims)
    mac = b"" if algorithm == "none" else encoded(hmac.new(key, signed, hashlib.sha256).digest())
    return "Bearer " + (signed + b"." + mac).decode()


@pytest.fixture(scope="module")
def running(secured):
    """A task that runs, and the claims of its executor's token."""
    client = Scheduler(secured.address, login="alice:" + SECRETS["alice"], name="bound").subscribe()
    offer = client.offer()
    client.call("SUPPRESS")  # the rest of the agent is not offered to this one again, but to whoever comes
    client.accept(offer, [command_task("bound", "sleep 1000", offer)])
    wait_state(client, "bound", "TASK_RUNNING")
    frameworks = secured.agents[0].get("/state")["frameworks"]
    executor = next(e for f in frameworks if f["id"] == client.framework_id for e in f["executors"])
    yield {"fid": client.framework_id, "eid": executor["id"], "cid": executor["container"]}
    client.teardown()


def executor_call(secured, claims, authorization):
    call = {"type": "MESSAGE", "framework_id": {"value": claims["fid"]}, "executor_id": {"value": claims["eid"]},
            "message": {"data": ""}}
    return status(secured.agents[0], "POST", "/api/v1/executor",
                  {"Content-Type": "application/json", "Authorization": authorization}, json.dumps(call))[0]


def test_a_token_is_good_for_one_executor(secured, running):
    assert executor_call(secured, running, token(running)) == 202
    for name in running:
        assert executor_call(secured, running, token({**running, name: "other"})) == 403, name
        assert executor_call(secured, running, token({k: v for k, v in running.items() if k != name})) == 403, name
    assert executor_call(secured, {**running, "eid": "nosuch"}, token(running)) == 403
    assert executor_call(secured, running, basic("ops:o1")) == 401  # an operator is no executor


def nested_call(secured, claims, kind, name, user):
    """Starts `true` inside of the executor's container, as what its token proves. The status."""
    command = {"value": "true", **({"user": user} if user else {})}
    call = {"type": kind, kind.lower(): {"container_id": {"value": name, "parent": {"value": claims["cid"]}}, "command": command}}
    return status(secured.agents[0], "POST", "/api/v1", {"Content-Type": "application/json", "Accept": "application/json",
                                                         "Authorization": token(claims)}, json.dumps(call))[0]


def test_a_token_makes_nobody_another_user(secured, running):
    """Inside of its own container an executor starts what it likes, as whom it runs as or its tasks name: the master was asked
    about those alone."""
    own, other = ("root", "daemon") if os.geteuid() == 0 else (pwd.getpwuid(os.geteuid()).pw_name, "root")
    for kind in "LAUNCH_NESTED_CONTAINER", "LAUNCH_CONTAINER", "LAUNCH_NESTED_CONTAINER_SESSION":
        assert nested_call(secured, running, kind, "o" + kind, other) == 403
    assert nested_call(secured, running, "LAUNCH_NESTED_CONTAINER", "unnamed", None) == 200
    assert nested_call(secured, running, "LAUNCH_NESTED_CONTAINER", "named", own) == 200
    with open(secured.audit_of_agent, encoding="utf-8") as audit:
        refused = [line for line in map(json.loads, audit) if line["event"] == "refused" and line.get("object") == other]
    assert {line["action"] for line in refused} == {"LAUNCH_NESTED_CONTAINER", "LAUNCH_NESTED_CONTAINER_SESSION"}
    assert all(line["container"].startswith(running["cid"]) for line in refused), refused


@pytest.mark.parametrize("bad", ["none", "None", "RS256", "key", "expired", "early", "cut", "huge", "twice", "text", "empty",
                                 "float", "padded"])
def test_bad_tokens_are_refused(secured, running, bad):
    now = time.time()
    good = token({**running, "exp": now + 600, "nbf": now - 600})
    assert executor_call(secured, running, good) == 202
    head, claims, mac = good.split(" ")[1].split(".")
    twice = encoded(b'{"fid":"x",' + json.dumps(running).encode()[1:])
    wrong = {
        "none": token(running, algorithm="none"), "None": token(running, algorithm="None"),
        "RS256": token(running, algorithm="RS256"), "key": token(running, key=KEY[:-1]),
        "expired": token({**running, "exp": now - 1}), "early": token({**running, "nbf": now + 3600}),
        "cut": good[:-1], "huge": token({**running, "pad": "x" * 9000}),
        "twice": f"Bearer {head}.{twice.decode()}." + encoded(hmac.new(KEY, head.encode() + b"." + twice,
                                                                       hashlib.sha256).digest()).decode(),
        "text": token(b"no object"), "empty": "Bearer ..", "float": token({**running, "exp": str(now + 600)}),
        "padded": f"Bearer {head}.{claims}.{mac}=",
    }
    assert executor_call(secured, running, wrong[bad]) == 401


# ---- the command line ----

@pytest.fixture
def secret_file(secured):
    path = os.path.join(secured.directory, "secret")
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as f:
        f.write(SECRETS["ops"] + "\n")
    os.chmod(path, 0o600)
    return path


def test_commands_log_in(secured, running, secret_file):
    """Readers, writers, a session with its streams, the stream of events, and a framework; by ~/.mesos and a file for the secret."""
    assert running["fid"]
    before = secured.tool("agent", "list", check=False)
    assert before.returncode == 1 and "mesos --principal=NAME --secret_file=FILE" in before.stderr, before
    wrong = secured.tool("--principal=nobody", "--secret_file=" + secret_file, "agent", "list", check=False)
    assert wrong.returncode == 1 and "401" in wrong.stderr and "does not know our principal with that secret" in wrong.stderr, wrong
    login = ("--principal=ops", "--secret_file=" + secret_file)
    assert "localhost" in secured.tool(*login, "agent", "list").stdout
    secured.tool("config", "set", "principal", "ops")
    secured.tool("config", "set", "secret_file", secret_file)
    try:
        assert "bound" in secured.tool("task", "list").stdout
        assert secured.tool("task", "exec", "bound", "echo", "inside").stdout == "inside\n"
        assert secured.tool("ls", "bound").stdout
        assert secured.tool("maintenance", "show").returncode == 0
        done = secured.tool("execute", "--name=by-hand", "--resources=cpus:0.1;mem:32", "--command=echo done")
        assert "TASK_FINISHED" in done.stdout + done.stderr
        os.chmod(secret_file, 0o644)
        refused = secured.tool("agent", "list", check=False)
        assert refused.returncode == 1 and "chmod 600" in refused.stderr and SECRETS["ops"] not in refused.stderr
    finally:
        secured.tool("config", "unset", "principal", check=False)
    assert secured.tool("agent", "list", check=False).returncode == 1
