# SPDX-License-Identifier: Apache-2.0
"""mesos-go v0.0.11, unmodified: msh, example-scheduler with example-executor, both codecs."""
import json
import os
import subprocess
import urllib.request

import pytest

import clients
from cluster import free_port, wait_for
from tls import Authority, TlsCluster


@pytest.fixture(scope="session")
def programs():
    return clients.mesos_go()


def run(argv, cluster, timeout=90):
    done = subprocess.run(argv, timeout=timeout, text=True, check=False, cwd=cluster.directory,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    return done.returncode, done.stdout


def ended_framework(cluster):
    """The latest one that has ended: a client's exit may be seen before the master has heard of it."""
    return wait_for(lambda: cluster.master.get("/frameworks")["completed_frameworks"], what="the framework's end")[-1]


def test_msh(programs, make_cluster):
    cluster = make_cluster()
    code, out = run([programs + "/msh", "-master", cluster.address, "--", "echo", "hello"], cluster)
    assert code == 0, out
    ended = ended_framework(cluster)
    task = ended["completed_tasks"][-1]
    assert task["state"] == "TASK_FINISHED"
    with open(cluster.sandbox(ended["id"], task["executor_id"] or task["id"]) + "/stdout", encoding="utf-8") as f:
        assert "hello" in f.read()


def test_msh_tells_failure(programs, make_cluster):
    cluster = make_cluster()
    code, out = run([programs + "/msh", "-master", cluster.address, "--", "sh", "-c", "exit 3"], cluster)
    assert code != 0, out


def test_msh_pod(programs, make_cluster):
    """The same commands as task groups under the default executor."""
    cluster = make_cluster()
    code, out = run([programs + "/msh", "-master", cluster.address, "-pod", "--", "echo", "hello"], cluster)
    assert code == 0, out
    ended = ended_framework(cluster)
    task = ended["completed_tasks"][-1]
    assert task["state"] == "TASK_FINISHED" and task["executor_id"], task
    with open(os.path.join(cluster.sandbox(ended["id"], task["executor_id"]), "tasks", task["id"], "stdout"),
              encoding="utf-8") as f:
        assert "hello" in f.read()
    code, out = run([programs + "/msh", "-master", cluster.address, "-pod", "--", "sh", "-c", "exit 3"], cluster)
    assert code != 0, out


@pytest.mark.parametrize("codec", ["protobuf", "json"])
def test_example_scheduler(programs, make_cluster, codec):
    """Five tasks through a custom executor that the agent fetches from the scheduler's own HTTP server."""
    cluster = make_cluster()
    code, out = run([programs + "/example-scheduler", "-url", f"{cluster.master.url}/api/v1/scheduler", "-codec", codec,
                     "-executor", programs + "/example-executor", "-server.address", "127.0.0.1", "-verbose",
                     "-metrics.port", str(free_port()), "-cpu", "0.1", "-memory", "32", "-tasks", "5"], cluster)
    # It ends by cancelling its own context, which it then reports as its exit: 1 is its success.
    assert code in (0, 1) and "mission accomplished" in out, out
    tasks = cluster.master.get("/tasks")["tasks"]
    assert [t["state"] for t in tasks] == ["TASK_FINISHED"] * 5, out
    assert len({t["executor_id"] for t in tasks}) == 1
    assert os.path.exists(cluster.sandbox(tasks[0]["framework_id"], tasks[0]["executor_id"]) + "/example-executor")


def test_example_scheduler_with_login(programs, make_cluster, tmp_path):
    """HTTP basic authentication, as mesos-go does it by itself; with a wrong secret it is nobody."""
    secrets, password, audit = tmp_path / "secrets", tmp_path / "password", tmp_path / "audit"
    secrets.write_text("gopher burrow\n")
    cluster = make_cluster(master_flags={"authenticate_http_frameworks": True, "http_framework_authenticators": "basic",
                                         "credentials": str(secrets), "audit_log": str(audit)})
    argv = [programs + "/example-scheduler", "-url", f"{cluster.master.url}/api/v1/scheduler", "-server.address", "127.0.0.1",
            "-executor", programs + "/example-executor", "-verbose", "-cpu", "0.1", "-memory", "32", "-tasks", "5",
            "-principal", "gopher", "-authmode", "basic", "-credentials.username", "gopher",
            "-credentials.passwordFile", str(password)]
    password.write_text("hole")
    wrong = subprocess.Popen(argv + ["-metrics.port", str(free_port())], cwd=cluster.directory, stdin=subprocess.DEVNULL,
                             stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for(lambda: audit.exists() and '"gopher"' in audit.read_text(), 60, "a failed login")
    finally:
        wrong.kill()
        wrong.wait()
    assert "burrow" not in audit.read_text() and "hole" not in audit.read_text()
    password.write_text("burrow")
    code, out = run(argv + ["-metrics.port", str(free_port())], cluster)
    assert code in (0, 1) and "mission accomplished" in out, out
    assert [t["state"] for t in cluster.master.get("/tasks")["tasks"]] == ["TASK_FINISHED"] * 5, out
    known = cluster.master.get("/frameworks")
    assert [f["principal"] for f in known["frameworks"] + known["completed_frameworks"]] == ["gopher"]


def test_example_scheduler_over_tls(programs, tmp_path):
    """Go's own TLS, which trusts whom SSL_CERT_FILE names; its executor speaks plainly to the agent, which takes both."""
    cluster = TlsCluster(tmp_path / "c", support_downgrade="true")
    other = Authority(str(tmp_path / "other"), "elsewhere").cert
    argv = [programs + "/example-scheduler", "-url", f"https://{cluster.address}/api/v1/scheduler", "-server.address", "127.0.0.1",
            "-executor", programs + "/example-executor", "-verbose", "-cpu", "0.1", "-memory", "32", "-tasks", "5"]
    said = tmp_path / "said"
    try:
        cluster.start(agents=1)
        with open(said, "wb") as out:
            wrong = subprocess.Popen(argv + ["-metrics.port", str(free_port())], cwd=cluster.directory, stdin=subprocess.DEVNULL,
                                     stdout=out, stderr=subprocess.STDOUT, env={**os.environ, "SSL_CERT_FILE": other})
        try:
            wait_for(lambda: "x509" in said.read_text(), 60, "a certificate that is not trusted")
        finally:
            wrong.kill()
            wrong.wait()
        assert not cluster.master.get("/frameworks")["frameworks"]
        done = subprocess.run(argv + ["-metrics.port", str(free_port())], timeout=90, text=True, check=False, cwd=cluster.directory,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              env={**os.environ, "SSL_CERT_FILE": cluster.authority.cert})
        assert done.returncode in (0, 1) and "mission accomplished" in done.stdout, done.stdout
        assert [t["state"] for t in cluster.master.get("/tasks")["tasks"]] == ["TASK_FINISHED"] * 5, done.stdout
        assert not cluster.complaints()
    finally:
        cluster.stop()
        cluster.remove()


def plan(cluster, start_ns):
    """The machine of the cluster's agents will be away from then on."""
    machine = {"hostname": "localhost", "ip": "127.0.0.1"}
    body = {"windows": [{"machine_ids": [machine], "unavailability": {"start": {"nanoseconds": start_ns}}}]}
    with urllib.request.urlopen(cluster.master.url + "/maintenance/schedule", json.dumps(body).encode(), timeout=20) as answer:
        assert answer.status == 200


@pytest.mark.parametrize("codec", ["protobuf", "json"])
def test_while_machines_will_be_away(programs, make_cluster, codec):
    """Offers that say so, inverse offers, and rescinded ones: schedulers that know nothing of them go on working."""
    cluster = make_cluster(master_flags={"allocation_interval": "100ms", "offer_timeout": "2secs"})
    plan(cluster, 1)
    msh = subprocess.Popen([programs + "/msh", "-master", cluster.address, "--", "sh", "-c", "sleep 4"],
                           stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        wait_for(lambda: any(t["state"] == "TASK_RUNNING" for t in cluster.master.get("/tasks")["tasks"]), 30, "the task to run")
        plan(cluster, 2)
        out = msh.communicate(timeout=60)[0]
    finally:
        msh.kill()
    assert msh.returncode == 0, out
    assert [t["state"] for t in cluster.master.get("/tasks")["tasks"]] == ["TASK_FINISHED"], out
    framework = ended_framework(cluster)["id"]
    assert cluster.master.log().count(f"inverse offer framework={framework}") >= 2
    code, out = run([programs + "/example-scheduler", "-url", f"{cluster.master.url}/api/v1/scheduler", "-codec", codec,
                     "-executor", programs + "/example-executor", "-server.address", "127.0.0.1", "-verbose",
                     "-metrics.port", str(free_port()), "-cpu", "0.1", "-memory", "32", "-tasks", "5"], cluster)
    assert code in (0, 1) and "mission accomplished" in out, out
    framework = next(t["framework_id"] for t in cluster.master.get("/tasks")["tasks"] if t["framework_id"] != framework)
    assert f"inverse offer framework={framework}" in cluster.master.log()


def test_mwatch(programs, make_cluster):
    """The operators' event stream, in mesos-go's own encoding: the life of a framework, its task, and of agents."""
    cluster = make_cluster(master_flags={"agent_ping_timeout": "1secs", "max_agent_ping_timeouts": "1"})
    with open(os.path.join(cluster.directory, "mwatch"), "wb") as out:
        watcher = subprocess.Popen([programs + "/mwatch", "-port", str(cluster.master.port)], stdin=subprocess.DEVNULL,
                                   stdout=out, stderr=subprocess.STDOUT, cwd=cluster.directory)

    def lines():
        with open(os.path.join(cluster.directory, "mwatch"), encoding="utf-8") as told:
            return told.read().splitlines()
    try:
        wait_for(lambda: "operator subscribed" in cluster.master.log(), what="the subscription")
        code, out = run([programs + "/msh", "-master", cluster.address, "--", "echo", "hello"], cluster)
        assert code == 0, out
        agent = cluster.add_agent({"hostname": "another"})
        agent.kill()
        wait_for(lambda: any(line.startswith("AGENT_REMOVED") for line in lines()), 30, "the agent's end")
        assert watcher.poll() is None
    finally:
        watcher.kill()
        watcher.wait()
    found = [line for line in lines() if line]
    kinds = [line.split()[0].rstrip(":") for line in found]
    wanted = ["FRAMEWORK_ADDED", "TASK_ADDED", "TASK_UPDATED", "FRAMEWORK_REMOVED", "AGENT_ADDED", "AGENT_REMOVED"]
    assert [k for k in dict.fromkeys(kinds) if k in wanted] == wanted, found
    assert any("TASK_UPDATED" in line and "TASK_FINISHED" in line for line in found), found
