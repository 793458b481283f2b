# SPDX-License-Identifier: Apache-2.0
"""What the recordings do not show of the older endpoints: names of old releases, every alias, /help, HEAD and gzip."""
import gzip
import http.client
import json
import re
import os
import tempfile
import urllib.error
import urllib.request

import pytest

from cluster import Cluster, wait_for
from scheduler import Scheduler
from shapes import FACTS

# What the daemons of 0.22 were asked for, and what a script of then looks at.
OLD_NAMES = [
    ("master", "/state.json", "activated_slaves"), ("master", "/master/state.json", "frameworks"),
    ("master", "/tasks.json", "tasks"), ("master", "/master/tasks.json", "tasks"),
    ("master", "/roles.json", "roles"), ("master", "/master/roles.json", "roles"),
    ("master", "/stats.json", "staged_tasks"), ("master", "/master/stats.json", "activated_slaves"),
    ("master", "/system/stats.json", "cpus_total"), ("master", "/registrar(1)/registry", "slaves"),
    ("master", "/files/debug.json", None), ("agent", "/state.json", "resources"),
    ("agent", "/slave(1)/state.json", "frameworks"), ("agent", "/monitor/statistics.json", None),
    ("agent", "/stats.json", "launched_tasks_gauge"), ("agent", "/slave(1)/stats.json", "registered"),
    ("agent", "/system/stats.json", "avg_load_1min"), ("agent", "/files/debug.json", None),
]


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    cluster = Cluster(tempfile.mkdtemp(prefix="cm-")).start()
    scheduler = Scheduler(cluster.address).subscribe()
    assert scheduler.run("t", "true")[0][-1] == "TASK_FINISHED"
    cluster.scheduler = scheduler
    yield cluster
    scheduler.teardown()
    cluster.stop()
    complaints = cluster.complaints()
    cluster.remove()
    assert not complaints, "\n".join(complaints)


def daemon_of(cluster, which):
    return cluster.master if which == "master" else cluster.agents[0]


def ask(daemon, method, path, headers=None, body=None):
    connection = http.client.HTTPConnection("127.0.0.1", daemon.port, timeout=10)
    connection.request(method, path, body, headers or {})
    answer = connection.getresponse()
    found = answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read()
    connection.close()
    return found


@pytest.mark.parametrize("which, path, member", OLD_NAMES)
def test_names_of_old_releases(shared, which, path, member):
    answer = daemon_of(shared, which).get(path)
    assert member is None or member in answer


def test_numbers_of_old_releases(shared):
    stats = shared.master.get("/stats.json")
    assert (stats["elected"], stats["activated_slaves"], stats["active_schedulers"]) == (1, 1, 1)
    assert (stats["staged_tasks"], stats["started_tasks"], stats["finished_tasks"], stats["failed_tasks"]) == (1, 1, 1, 0)
    assert stats["cpus_total"] == 4 and stats["mem_total"] == 4096 and stats["uptime"] > 0
    assert stats["outstanding_offers"] == int(shared.master.get("/metrics/snapshot")["master/outstanding_offers"])
    stats = shared.agents[0].get("/slave(1)/stats.json")
    assert (stats["registered"], stats["finished_tasks"], stats["staged_tasks"]) == (1, 1, 1)


def table(which):
    with open(os.path.join(FACTS, f"endpoints-{which}.tsv"), encoding="utf-8") as rows:
        names = next(rows).rstrip("\n").split("\t")
        return [dict(zip(names, row.rstrip("\n").split("\t"))) for row in rows]


@pytest.mark.parametrize("which", ["master", "agent"])
def test_every_path_of_the_tables(shared, which):
    """Each path and alias is known, with and without a slash at its end; where a method is not, 405 says which are."""
    daemon = daemon_of(shared, which)
    # The web page is built elsewhere; pages of /help have a test of their own.
    not_yet = {"/app/*", "/assets/*", "/help/<process>[/<endpoint>]"}
    wrong = []
    for row in table(which):
        if row["path"] in not_yet:
            continue
        paths = [row["path"], *filter(None, row["alias_paths"].split(", ")), *filter(None, row["removed_alias"].split(", "))]
        methods = {m for m in ("GET", "POST", "PUT", "DELETE") if m in row["methods"]} or {"GET"}
        for path in paths:
            for name in (path, path + "/"):
                for method in ("GET", "POST"):
                    status, headers, _ = ask(daemon, method, name, {"Content-Type": "application/json"}, "{}" if method == "POST" else None)
                    if status == 404 and "files/" not in name:
                        wrong.append(f"{method} {name}: 404")
                    if method in methods and status == 405:
                        wrong.append(f"{method} {name}: 405")
                    if status == 405 and not headers.get("allow"):
                        wrong.append(f"{method} {name}: 405 without Allow")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("path", ["/containers", "/monitor/statistics", "/monitor/statistics.json", "/containerizer/debug"])
def test_any_method_reads_while_there_are_no_rules(shared, path):
    got, posted = (ask(shared.agents[0], method, path) for method in ("GET", "POST"))
    assert got[0] == posted[0] == 200 and isinstance(json.loads(posted[2]), type(json.loads(got[2])))


@pytest.mark.parametrize("which", ["master", "agent"])
def test_help_of_every_endpoint(shared, which):
    daemon = daemon_of(shared, which)
    listing = daemon.get("/help?format=json")
    names = [(process["id"], endpoint["name"]) for process in listing["processes"] for endpoint in process["endpoints"]]
    assert len(names) == len(set(names)) > 20
    for actor, name in names:
        if not name.strip("/") and [a for a, _ in names].count(actor) > 1:
            continue  # its page lists the others: below
        status, headers, page = ask(daemon, "GET", f"/help/{actor}{name}")
        assert status == 200 and headers["content-type"].startswith("text/html")
        assert f"<h1>/{actor}{name}</h1>" in page.decode()
        status, headers, text = ask(daemon, "GET", f"/help/{actor}{name}", {"Accept": "text/plain"})
        assert status == 200 and headers["content-type"].startswith("text/plain")
        assert text.decode().startswith(f"/{actor}{name}\n  ") and "Methods: " in text.decode()
        assert b"<" not in re.sub(rb"<(agent )?id>", b"", text)
    status, _, text = ask(daemon, "GET", "/help?format=text")
    assert status == 200 and all(f"/{actor}{name}\n" in text.decode() for actor, name in names)
    page = ask(daemon, "GET", "/help/files")[2].decode()
    assert "/files/read" in page and "/metrics/snapshot" not in page
    text = ask(daemon, "GET", "/help/files/read?format=text")[2].decode()
    assert "    offset " in text and "    length " in text
    assert ask(daemon, "GET", "/help/nosuch")[0] == 404
    assert ask(daemon, "GET", "/help/files/nosuch")[0] == 404
    status, _, text = ask(daemon, "GET", "/help?format=pdf")
    assert status == 400 and b"'pdf': html, text and json" in text


@pytest.mark.parametrize("which, path", [("master", "/state"), ("master", "/metrics/snapshot"), ("master", "/tasks"),
                                         ("agent", "/state"), ("agent", "/containers"), ("master", "/help")])
def test_head_has_the_headers_of_get(shared, which, path):
    daemon = daemon_of(shared, which)
    status, headers, body = ask(daemon, "HEAD", path)
    assert (status, body) == (200, b"")
    full = ask(daemon, "GET", path)
    assert headers["content-type"] == full[1]["content-type"]
    assert abs(int(headers["content-length"]) - len(full[2])) < 200  # numbers grow between two requests


@pytest.mark.parametrize("which, path", [("master", "/state"), ("agent", "/state"), ("master", "/metrics/snapshot")])
def test_gzip_where_asked_for(shared, which, path):
    daemon = daemon_of(shared, which)
    status, headers, body = ask(daemon, "GET", path, {"Accept-Encoding": "gzip"})
    assert status == 200 and headers["content-encoding"] == "gzip"
    assert json.loads(gzip.decompress(body)).keys() == daemon.get(path).keys()
    for refused in ("identity", "gzip;q=0", ""):
        assert "content-encoding" not in ask(daemon, "GET", path, {"Accept-Encoding": refused})[1]


def test_the_registry_is_shown(shared):
    registry = shared.master.get("/registrar(1)/registry")
    slave = shared.master.get("/slaves")["slaves"][0]
    assert registry["master"]["info"]["id"] == shared.master.get("/state")["id"]
    assert [s["info"]["id"]["value"] for s in registry["slaves"]["slaves"]] == [slave["id"]]
    assert "unreachable" not in registry and "gone" not in registry


def test_lost_agents_in_the_registry(make_cluster):
    cluster = make_cluster(master_flags={"agent_ping_timeout": "1secs", "max_agent_ping_timeouts": 1})
    agent_id = cluster.master.get("/slaves")["slaves"][0]["id"]
    cluster.agents[0].kill()
    lost = wait_for(lambda: cluster.master.get("/registrar(1)/registry").get("unreachable"), what="the agent to be lost")
    assert [s["id"]["value"] for s in lost["slaves"]] == [agent_id]
    assert lost["slaves"][0]["timestamp"]["nanoseconds"] > 10 ** 18
    assert cluster.master.get("/registrar(1)/registry")["slaves"]["slaves"] == []


@pytest.mark.parametrize("method, path, says", [
    ("POST", "/reserve", "reservations"), ("POST", "/unreserve", "reservations"), ("POST", "/create-volumes", "volumes"),
    ("POST", "/destroy-volumes", "volumes"), ("PUT", "/weights", "--weights"), ("POST", "/quota", "quota"),
    ("DELETE", "/quota/role", "quota"),
    ("POST", "/slave(1)/api/v1/resource_provider", "resource providers")])
def test_what_is_not_built_says_so(shared, method, path, says):
    daemon = daemon_of(shared, "agent" if "slave" in path else "master")
    status, _, text = ask(daemon, method, path, body="x" * 1000)
    assert status == 501 and says in text.decode()


@pytest.mark.parametrize("which", ["master", "agent"])
def test_profilers_are_elsewhere(shared, which):
    status, _, text = ask(daemon_of(shared, which), "GET", "/profiler/start")
    assert status == 400 and b"perf record" in text
    assert ask(daemon_of(shared, which), "GET", "/memory-profiler/state")[0] == 400


def test_what_containerizers_owe(shared):
    assert shared.agents[0].get("/containerizer/debug") == {"pending": []}
    name = "slow"
    offer = shared.scheduler.offer()
    fifo = os.path.join(shared.directory, "never")
    os.mkfifo(fifo)
    shared.scheduler.accept(offer, [{"name": name, "task_id": {"value": name}, "agent_id": offer["agent_id"],
                                     "command": {"value": "true", "uris": [{"value": f"{fifo}"}]},
                                     "resources": [{"name": "cpus", "type": "SCALAR", "scalar": {"value": 0.1}},
                                                   {"name": "mem", "type": "SCALAR", "scalar": {"value": 32}}]}])
    assert shared.scheduler.until(name, {"TASK_FAILED"})[-1]["state"] == "TASK_FAILED"  # a pipe is no file to fetch
    with pytest.raises(urllib.error.HTTPError):
        urllib.request.urlopen(shared.agents[0].url + "/containerizer/nosuch", timeout=5)
