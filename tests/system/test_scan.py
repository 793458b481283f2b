# SPDX-License-Identifier: Apache-2.0
"""A scan of a cluster on which authentication is on, by somebody who has no credentials: every endpoint that /help lists, by every
method and spelling, and every call of every API (messages: test_scan_messages.py). Nothing tells anything of the cluster, and
nothing changes it."""
import csv
import http.client
import json
import os
import re
import socket

import pytest
from cluster import REPOSITORY, basic, wait_for
from scheduler import Scheduler, command_task

OPS = basic("ops:o1")
# What anybody may ask, as in Mesos: it says nothing of frameworks, tasks, agents or settings.
# Resource providers have no authenticator there: what they may do has a test of its own.
OPEN = {"/master/", "/health", "/version", "/system/stats.json", "/redirect", "/api/v1/resource_provider"}
OPEN_ACTORS = {"help", "__processes__", "version"}
METHODS = ("GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH")
STRANGERS = (None, basic("ops:wrong"), basic("nobody:o1"),
             "Basic !!", "Basic", "Bearer eyJhbGciOiJub25lIn0.eyJjaWQiOiJ4In0.", "Bearer x", "Digest ops", "")


def ask(daemon, method, path, body=None, authorization=None, kind="application/json", headers=None):
    connection = http.client.HTTPConnection("127.0.0.1", daemon.port, timeout=60)
    try:
        given = {"Content-Type": kind, **(headers or {})} if body is not None else dict(headers or {})
        if authorization is not None:
            given["Authorization"] = authorization
        connection.request(method, path, body, given)
        answer = connection.getresponse()
        stream = answer.status == 200 and answer.getheader("Transfer-Encoding") == "chunked" and not answer.getheader("Content-Length")
        return answer.status, answer.read(65536) if not stream else answer.read1(65536), dict(answer.getheaders())
    finally:
        connection.close()


@pytest.fixture
def closed(make_cluster, tmp_path, request):
    """A cluster with authentication on everywhere, one framework and one task that runs until it is let go; and what must never be
    told. A test may be parametrized with more flags for both daemons."""
    more = {"telemetry": "dcos", **getattr(request, "param", {})}
    credentials, credential, key = tmp_path / "credentials", tmp_path / "credential", tmp_path / "key"
    credentials.write_text(json.dumps({"credentials": [{"principal": "ops", "secret": "o1"}]}))
    credential.write_text(json.dumps({"principal": "ops", "secret": "o1"}))
    key.write_text("a key of thirty-two bytes or more, for tokens")
    for path in (credentials, credential, key):
        path.chmod(0o600)
    https = {"authenticate_http_readonly": True, "authenticate_http_readwrite": True}
    cluster = make_cluster(0, {**https, "authenticate_http_frameworks": True, "http_framework_authenticators": "basic",
                               "authenticate_frameworks": True, "authenticate_agents": True, "credentials": str(credentials), **more})
    cluster.add_agent({**https, "http_credentials": str(credentials), "authenticate_http_executors": True,
                       "jwt_secret_key": str(key), "credential": str(credential), **more}, start=False).start()
    agents = lambda: json.loads(ask(cluster.master, "GET", "/slaves", authorization=OPS)[1])["slaves"]
    wait_for(agents, 60, "the agent")
    scheduler = Scheduler(cluster.address, name="canary-framework", principal="ops", login="ops:o1").subscribe()
    offer = scheduler.offer(60)
    scheduler.accept(offer, [command_task("canary-task", "mkfifo gate && exec cat gate", offer)], refuse_seconds=10**6)  # no further offers
    scheduler.until("canary-task", {"TASK_RUNNING"}, 60)
    container = json.loads(ask(cluster.agents[0], "GET", "/containers", authorization=OPS)[1])[0]["container_id"]
    cluster.scheduler = scheduler
    cluster.framework, cluster.agent_id, cluster.container = scheduler.framework_id, offer["agent_id"]["value"], container
    cluster.secrets = [word.encode() for word in (scheduler.framework_id, cluster.agent_id, "canary", container, str(credentials),
                                                  cluster.directory + "/master")]
    yield cluster
    scheduler.teardown()


def sights(cluster):
    """What there is, as ops sees it: must be the same after the scan."""
    found = []
    for daemon, paths in ((cluster.master, ("/state", "/roles", "/weights", "/quota", "/maintenance/schedule", "/maintenance/status",
                                            "/flags", "/logging/toggle")),
                          (cluster.agents[0], ("/state", "/flags", "/logging/toggle"))):
        for path in paths:
            status, body, _ = ask(daemon, "GET", path, authorization=OPS)
            assert status == 200, (path, status, body)
            found.append((daemon.name, path, json.loads(body)))
    return found


def assert_same(before, after):
    for (name, path, was), (_, _, now) in zip(before, after):
        changed = [key for key in was if was[key] != now.get(key)] if isinstance(was, dict) else was != now
        assert not changed and was == now, (name, path, changed, now)


def endpoints(daemon):
    """(actor, path below it) of everything that /help lists."""
    listed = json.loads(ask(daemon, "GET", "/help?format=json")[1])
    found = [(group["id"], endpoint["name"]) for group in listed["processes"] for endpoint in group["endpoints"]]
    assert len(found) > 30
    return found


def is_open(actor, name):
    return name in OPEN or "/" + actor + name in OPEN or actor in OPEN_ACTORS


def spellings(actor, name):
    """Paths that mean the endpoint, or that a careless router might take for it."""
    path = f"/{actor}{'' if name == '/' else name}"
    alone = name if actor in ("master", "slave(1)") and name != "/" else path
    return {path, alone, path + "/", "/" + path, path.replace("(", "%28").replace(")", "%29"),
            path[:-1] + f"%{ord(path[-1]):02x}", path + "?jsonp=f", path.upper(), path + "/x", path + ";a", f"/x/..{path}", path + "%00"}


def look(cluster, daemon, what, answer):
    """Nobody's answer: refused, or nothing that is secret."""
    status, body, headers = answer
    for word in cluster.secrets:
        assert word not in body and word not in repr(headers).encode(), (daemon.name, what, status, word, body[:300])
    return status


# What Mesos does not have (any more): its realm without the daemon's kind.
OWN = {"/master/api/v1/operator": "readwrite", "/master/explain": "readonly", "/master/stats.json": "readonly",
       "/slave(1)/stats.json": "readonly", "/metrics": "readonly", "/system/v1/metrics/v0": "readonly", "/system/v1/agent": "readonly"}


def realms(kind):
    """The realm of each endpoint by its path and other names: as real daemons of that kind have it, and of what is ours alone."""
    found = {path: f"mesos-{kind}-{realm}" for path, realm in OWN.items()}
    with open(os.path.join(REPOSITORY, "tests", "facts", f"endpoints-{kind}.tsv"), encoding="utf-8") as f:
        for row in csv.DictReader(f, delimiter="\t"):
            for path in re.findall(r"/\S*", " ".join((row["path"], row["alias_paths"] or "", row["removed_alias"] or ""))):
                assert path not in found or found[path] == row["auth_realm"], path
                found[path] = row["auth_realm"]
    return found


def assert_refused(daemon, realm, what, answer):
    status, _, headers = answer
    assert status == 401, (daemon.name, what, status)
    named = set(re.findall(r'realm="([^"]*)"', headers.get("WWW-Authenticate", "")))
    assert named == {realm}, (daemon.name, what, headers, realm)


def test_endpoints(closed):
    before = sights(closed)
    for daemon, kind in ((closed.master, "master"), (closed.agents[0], "agent")):
        realm_of = realms(kind)
        for actor, name in endpoints(daemon):
            realm = None if is_open(actor, name) else realm_of[f"/{actor}{name}"]
            for path in sorted(spellings(actor, name)):
                plain = path in (f"/{actor}{name}", name)
                for method in METHODS if plain else ("GET", "POST"):
                    body = f"frameworkId={closed.framework}&slaveId={closed.agent_id}&path=/&level=3&duration=1mins" if method == "POST" else None
                    answer = ask(daemon, method, path, body)
                    look(closed, daemon, (method, path), answer)
                    if plain and realm:
                        assert_refused(daemon, realm, (method, path), answer)
            for stranger in STRANGERS if realm else ():
                answer = ask(daemon, "GET", f"/{actor}{name}", authorization=stranger)
                look(closed, daemon, (stranger, name), answer)
                assert_refused(daemon, realm, (actor, name, stranger), answer)
    assert_same(before, sights(closed))


def test_telemetry(closed):
    """What --telemetry=dcos shows, of the agent and through the master: there is an answer, and it is not for strangers."""
    before, paths = sights(closed), ["/node", "/ping"]
    own = ["/containers", f"/containers/{closed.container}", f"/node/container/{closed.container}"]
    asked = [(closed.master, "master", "/system/v1/metrics/v0", paths), (closed.agents[0], "agent", "/system/v1/metrics/v0", paths + own),
             (closed.master, "master", f"/system/v1/agent/{closed.agent_id}/metrics/v0", paths + own)]
    for daemon, kind, prefix, found in asked:
        for path in [prefix + path for path in found]:
            if daemon is closed.agents[0] or "/agent/" not in path:
                assert ask(daemon, "GET", path, authorization=OPS)[0] == 200, (daemon.name, path)
            for method in METHODS:
                for stranger in STRANGERS:
                    answer = ask(daemon, method, path, authorization=stranger)
                    look(closed, daemon, (method, path), answer)
                    assert_refused(daemon, f"mesos-{kind}-readonly", (method, path, stranger), answer)
        for path in (prefix + "/containers/", prefix + f"/containers/{closed.container}/app", prefix + "//containers", "/" + prefix + "/node",
                     prefix.upper() + "/node", prefix + "/node?x=1", prefix + "/../v0/containers", prefix + "/%63ontainers"):
            look(closed, daemon, path, ask(daemon, "GET", path))
    assert_same(before, sights(closed))


def test_files_outside_of_endpoints(closed):
    """Sandboxes and logs by their paths."""
    sandbox = closed.sandbox(closed.framework, "canary-task")
    for path in ("/files/browse?path=", "/files/read?offset=0&path=", "/files/download?path=", "/files/download.json?path="):
        for target in (sandbox, "/slave/log", "/agent/log", "/master/log", "/"):
            for daemon in (closed.master, closed.agents[0]):
                status = look(closed, daemon, path, ask(daemon, "GET", path + target))
                assert status == 401, (daemon.name, path, target, status)


def calls(path):
    """The names of a table of calls in the source."""
    with open(os.path.join(REPOSITORY, path), encoding="utf-8") as f:
        found = re.findall(r"^(?:CALL|LATER)\((\w+)", f.read(), re.M)
    assert len(found) > 3, path
    return found


def bodies(cluster):
    """Of every call something that would do harm; members that a call does not have are ignored."""
    framework, agent = {"value": cluster.framework}, {"value": cluster.agent_id}
    container = {"value": "x", "parent": {"value": cluster.container}}
    of_agent = {"agent_id": agent}
    return {
        "framework_id": framework, "executor_id": {"value": "canary-task"}, "get_metrics": {}, "list_files": {"path": "/"},
        "read_file": {"path": "/slave/log", "offset": 0}, "set_logging_level": {"level": 3, "duration": {"nanoseconds": 10**12}},
        "teardown": {"framework_id": framework}, "drain_agent": of_agent, "deactivate_agent": of_agent, "reactivate_agent": of_agent,
        "mark_agent_gone": of_agent, "start_maintenance": {"machines": [{"hostname": "localhost", "ip": "127.0.0.1"}]},
        "stop_maintenance": {"machines": [{"hostname": "localhost", "ip": "127.0.0.1"}]},
        "update_maintenance_schedule": {"schedule": {"windows": []}}, "explain_offers": {"framework_id": framework},
        "kill": {"task_id": {"value": "canary-task"}}, "shutdown": {"executor_id": {"value": "canary-task"}, "agent_id": agent},
        "kill_container": {"container_id": {"value": cluster.container}}, "wait_container": {"container_id": {"value": cluster.container}},
        "remove_container": {"container_id": {"value": cluster.container}},
        "launch_container": {"container_id": {"value": "scan"}, "command": {"value": "touch /tmp/x"}},
        "launch_nested_container": {"container_id": container, "command": {"value": "touch /tmp/x"}},
        "launch_nested_container_session": {"container_id": container, "command": {"value": "id"}},
        "kill_nested_container": {"container_id": {"value": cluster.container}},
        "wait_nested_container": {"container_id": {"value": cluster.container}},
        "attach_container_output": {"container_id": {"value": cluster.container}},
        "subscribe": {"framework_info": {"user": "root", "name": "scan", "id": framework}, "unacknowledged_tasks": [],
                      "unacknowledged_updates": []},
    }


def test_calls(closed):
    before = sights(closed)
    tables = ((closed.master, "/api/v1", calls("core/master/operator_calls.def")),
              (closed.master, "/api/v1/scheduler", calls("core/master/calls.def") + ["SUBSCRIBE"]),
              (closed.agents[0], "/api/v1", calls("core/agent/operator_calls.def")),
              (closed.agents[0], "/api/v1/executor", calls("core/agent/calls.def") + ["SUBSCRIBE"]))
    for daemon, path, names in tables:
        for name in names:
            body = json.dumps({"type": name, **bodies(closed)})
            for stranger in STRANGERS[:2]:
                status = look(closed, daemon, name, ask(daemon, "POST", path, body, stranger, headers={"Accept": "application/json"}))
                assert status == 401, (daemon.name, path, name, status)
            status = look(closed, daemon, name, ask(daemon, "POST", path, b"\x08\x01", kind="application/x-protobuf"))
            assert status == 401, (daemon.name, path, name, status)
    assert_same(before, sights(closed))


def test_resource_providers(closed):
    """Their endpoint asks for no login, as in Mesos; nothing comes of it."""
    before = sights(closed)
    for body in (b"{}", b"", json.dumps({"type": "SUBSCRIBE", "subscribe": {"resource_provider_info": {"type": "a.b", "name": "x"}}})):
        status = look(closed, closed.agents[0], body, ask(closed.agents[0], "POST", "/api/v1/resource_provider", body))
        assert status in (400, 401, 403, 415, 501, 503), status
    assert_same(before, sights(closed))


def test_credentials_of_one_realm_are_none_of_another(closed):
    """ops may log in everywhere but as an executor, whose realm wants a token."""
    body = json.dumps({"type": "SUBSCRIBE", **bodies(closed)})
    assert ask(closed.agents[0], "POST", "/api/v1/executor", body, OPS)[0] == 401


def test_streams_are_refused_before_their_bodies(closed):
    """A request whose body is a stream is answered without waiting for it."""
    with socket.create_connection(("127.0.0.1", closed.agents[0].port), 60) as s:
        s.sendall(b"POST /api/v1 HTTP/1.1\r\nHost: x\r\nContent-Type: application/recordio\r\nMessage-Content-Type: application/json\r\n"
                  b"Transfer-Encoding: chunked\r\n\r\n1\r\n1\r\n")
        assert s.recv(65536).startswith(b"HTTP/1.1 401 ")
