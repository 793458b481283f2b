# SPDX-License-Identifier: Apache-2.0
"""The access control lists that users of Mesos know, with frameworks that run tasks; and `mesos acl check`, which must say
beforehand what the cluster then does."""
import json
import os
import signal
import urllib.error
import urllib.request

import pytest
from agent_api import AgentApi
from cluster import wait_for
from replay import FACTS
from scheduler import CallFailed, Scheduler


def entity(*values):
    """ANY and NONE are types, all else are values."""
    return {"type": values[0]} if values in (("ANY",), ("NONE",)) else {"values": list(values)}


def rule(member, principals, objects):
    return {"principals": entity(*principals), member: entity(*objects)}


def run_tasks(*pairs):
    return [rule("users", *pair) for pair in pairs]


def register(*pairs):
    return [rule("roles", *pair) for pair in pairs]


@pytest.fixture
def ruled(make_cluster, tmp_path):
    """ruled(lists, agents=1): a cluster with these lists in a file. Tasks run as the agent's user whatever they name, so that
    nobody needs a jenkins on this machine."""
    def make(lists, agents=1):
        path = tmp_path / "acls.json"
        path.write_text(json.dumps(lists, indent=1))
        cluster = make_cluster(agents, {"acls": f"file://{path}", "audit_log": str(tmp_path / "audit")},
                               {"switch_user": False})
        cluster.acls, cluster.audit = path, tmp_path / "audit"
        cluster.tool("config", "set", "module_path", cluster.tree.module_path)
        return cluster
    return make


def framework(cluster, principal, user="root", roles=("*",)):
    return Scheduler(cluster.address, principal=principal, user=user, roles=list(roles)).subscribe()


def refusal(cluster, principal, roles):
    """What a framework is told that may not register."""
    try:
        framework(cluster, principal, roles=roles).teardown()
    except CallFailed as told:
        return str(told)
    return None


def ends_as(cluster, principal, user, task_user=None):
    """The last status of a task that a framework of that user runs, under the task's own user where one is given."""
    scheduler = framework(cluster, principal, user)
    try:
        command = {"value": "true", **({"user": task_user} if task_user else {})}
        return scheduler.run("t", command, timeout=60)[1]
    finally:
        scheduler.teardown()


def may(cluster, principal, action, value):
    """What `mesos acl check` says: yes or no, and why."""
    who = ["--as", principal] if principal else []
    done = cluster.tool("acl", "check", f"--acls={cluster.acls}", *who, action, value, check=False)
    assert done.returncode in (0, 1), done.stderr
    assert done.stdout.startswith("refused: " if done.returncode else "allowed: ")
    return done.returncode == 0, done.stdout


def refused_in(cluster):
    with open(cluster.audit, encoding="utf-8") as f:
        return [entry for entry in map(json.loads, f) if entry["event"] == "refused"]


def test_rules_are_actions_by_their_names(make_cluster, tmp_path):
    """`mesos acl check` takes what stands in the file for an action, in the words of Mesos 0.22, too."""
    path = tmp_path / "acls"
    path.write_text('{"permissive": false}')
    cluster = make_cluster(0)
    cluster.tool("config", "set", "module_path", cluster.tree.module_path)
    with open(os.path.join(os.path.dirname(FACTS), "acls.tsv"), encoding="utf-8") as f:
        fields = [line.split("\t")[0] for line in f.read().splitlines()[1:]]
    fields = [field for field in fields if not field.startswith("ACL")] + ["shutdown_frameworks"]
    assert len(fields) > 40
    for field in fields:
        done = cluster.tool("acl", "check", f"--acls={path}", field, check=False)
        assert done.returncode == 1 and done.stdout.startswith("refused: "), (field, done.stderr)


def test_jenkins_may_run_as_jenkins(ruled):
    """The first rule that matches decides, and what no rule is for is allowed."""
    cluster = ruled({"run_tasks": run_tasks((["jenkins"], ["jenkins"]), (["jenkins"], ["NONE"]))})
    assert ends_as(cluster, "jenkins", "jenkins")["state"] == "TASK_FINISHED"
    assert ends_as(cluster, "marathon", "root")["state"] == "TASK_FINISHED"
    assert ends_as(cluster, None, "root")["state"] == "TASK_FINISHED"
    for user, task_user in (("root", None), ("jenkins", "root")):
        status = ends_as(cluster, "jenkins", user, task_user)
        assert (status["state"], status["reason"]) == ("TASK_ERROR", "REASON_TASK_UNAUTHORIZED"), status
        assert "Principal 'jenkins'" in status["message"] and "under user 'root'" in status["message"], status
    assert [(entry["principal"], entry["action"], entry["object"]) for entry in refused_in(cluster)] == [
        ("jenkins", "RUN_TASK", "root")] * 2
    assert os.stat(cluster.audit).st_mode & 0o777 == 0o600
    assert may(cluster, "jenkins", "run_task", "jenkins")[0]
    yes, why = may(cluster, "jenkins", "RUN_TASK", "root")
    assert not yes and "rule 2 of run_tasks (jenkins -> NONE) says no" in why and f"{cluster.acls}:" in why
    assert may(cluster, "marathon", "run-task", "root")[0]


def test_nobody_as_root(ruled):
    cluster = ruled({"run_tasks": run_tasks((["NONE"], ["root"]))})
    for principal in ("jenkins", None):
        assert ends_as(cluster, principal, "root")["state"] == "TASK_ERROR"
        assert ends_as(cluster, principal, "www")["state"] == "TASK_FINISHED"
        assert not may(cluster, principal, "run_task", "root")[0] and may(cluster, principal, "run_task", "www")[0]


def test_marathon_and_nobody_else_in_prod(ruled):
    cluster = ruled({"register_frameworks": register((["marathon"], ["prod"]), (["NONE"], ["prod"]))}, agents=0)
    assert refusal(cluster, "marathon", ["prod"]) is None
    for principal in ("chronos", None):
        assert "Not authorized to register framework  with roles { prod }" in refusal(cluster, principal, ["prod"])
        assert "Not authorized" in refusal(cluster, principal, ["batch", "prod"])
        assert refusal(cluster, principal, ["batch"]) is None
        assert not may(cluster, principal, "register_framework", "prod")[0]
    assert may(cluster, "marathon", "register_framework", "prod")[0]


def test_chronos_in_batch_and_nothing_else(ruled):
    cluster = ruled({"permissive": False, "register_frameworks": register((["chronos"], ["batch"]))}, agents=0)
    scheduler = framework(cluster, "chronos", roles=["batch"])
    for principal, roles in (("chronos", ["prod"]), ("chronos", ["batch", "prod"]), ("marathon", ["batch"]), (None, ["batch"])):
        assert "Not authorized to register framework" in refusal(cluster, principal, roles)
    seen = cluster.master.get("/state")  # nor may anybody look
    assert (seen["frameworks"], seen["completed_frameworks"]) == ([], [])
    for path in ("/flags", "/metrics/snapshot"):
        with pytest.raises(urllib.error.HTTPError) as told:
            cluster.master.get(path)
        assert told.value.code == 403
    body = f"frameworkId={scheduler.framework_id}".encode()
    with pytest.raises(urllib.error.HTTPError) as told:
        urllib.request.urlopen(cluster.master.url + "/teardown", body, timeout=30)
    assert told.value.code == 403
    assert not scheduler.ended.is_set()
    agent = cluster.add_agent({"switch_user": False}, start=False).start()
    wait_for(lambda: any(entry["action"] == "REGISTER_AGENT" for entry in refused_in(cluster)), 60, "the agent to be refused")
    agent.stop()
    assert {"TEARDOWN_FRAMEWORK", "VIEW_FLAGS", "REGISTER_FRAMEWORK"} <= {entry["action"] for entry in refused_in(cluster)}
    scheduler.teardown()


def test_lists_change_while_the_master_runs(ruled):
    """A framework that is refused today may tomorrow, without a restart; a wrong file changes nothing."""
    cluster = ruled({"register_frameworks": register((["ANY"], ["NONE"]))}, agents=0)

    def rewrite(text):
        beside = cluster.acls.with_suffix(".new")
        beside.write_text(text)
        os.rename(beside, cluster.acls)
        cluster.master.process.send_signal(signal.SIGHUP)

    assert refusal(cluster, "marathon", ["prod"])
    rewrite('{\n "register_frameworks": [\n  {"principals": {"type": "ALL"}}\n ]\n}')
    wait_for(lambda: f"{cluster.acls}:3: unknown type 'ALL'" in cluster.master.log(), 60, "the file to be refused")
    assert refusal(cluster, "marathon", ["prod"])
    rewrite(json.dumps({"register_frameworks": register((["marathon"], ["prod"]), (["ANY"], ["NONE"]))}))
    wait_for(lambda: refusal(cluster, "marathon", ["prod"]) is None, 60, "the new list")
    assert refusal(cluster, "chronos", ["prod"])


def test_hidden_roles_and_maintenance_stand_nowhere(ruled):
    """What is reserved for a role, on agents and where agents are listed; and the schedule in the registry."""
    nobody = {"principals": entity("NONE")}
    cluster = ruled({"view_roles": [{**nobody, "roles": entity("closed")}], "view_flags": [{**nobody, "flags": entity("ANY")}],
                     "get_maintenance_schedules": [{**nobody, "machines": entity("ANY")}],
                     "get_maintenance_statuses": [{**nobody, "machines": entity("ANY")}]}, agents=0)
    agent = cluster.add_agent({"acls": f"file://{cluster.acls}", "resources": "bananas(closed):3;pears(open):3"})
    cluster.wait_agents(1)
    machine = {"hostname": "elsewhere", "ip": "10.1.2.3"}
    schedule = {"windows": [{"machine_ids": [machine], "unavailability": {"start": {"nanoseconds": 1 << 62}}}]}
    urllib.request.urlopen(cluster.master.url + "/maintenance/schedule", json.dumps(schedule).encode(), timeout=30).close()
    views = {}
    for daemon, paths in ((cluster.master, ("/registrar(1)/registry", "/slaves", "/state", "/roles", "/maintenance/schedule")),
                          (agent, ("/state",))):
        for path in paths:
            views[daemon.url + path] = daemon.get(path, raw=True).decode()
    for daemon, kind in ((cluster.master, "GET_AGENTS"), (agent, "GET_AGENT")):
        views[daemon.url + kind] = json.dumps(AgentApi(daemon).call(kind))
    assert [view for view, text in views.items() if "closed" in text or "elsewhere" in text] == []
    assert "open" in views[agent.url + "/state"] and "open" in views[cluster.master.url + "/registrar(1)/registry"]


def test_lists_in_the_ini(make_cluster):
    """The section [acls] of master.ini."""
    cluster = make_cluster(agents=0)
    directory = os.path.join(cluster.directory, "etc", "mesos")
    os.makedirs(directory)
    with open(os.path.join(directory, "master.ini"), "w", encoding="utf-8") as out:
        out.write("[acls]\npermissive = true\nregister_frameworks = marathon, metronome -> prod, eng/% | NONE -> prod, eng/%\n")
    cluster.master.stop()
    cluster.master.start()
    for principal, role, yes in (("marathon", "prod", True), ("metronome", "eng/web", True), ("chronos", "prod", False),
                                 ("chronos", "eng/web", False), ("chronos", "eng", True), (None, "prod", False)):
        assert (refusal(cluster, principal, [role]) is None) == yes, (principal, role)


def test_what_is_wrong_with_a_list_is_said_at_the_start(make_cluster):
    cluster = make_cluster(agents=0)
    path = os.path.join(cluster.directory, "acls.json")
    with open(path, "w", encoding="utf-8") as out:
        out.write('{\n "run_task": []\n}')
    cluster.tool("config", "set", "module_path", cluster.tree.module_path)
    done = cluster.tool("acl", "check", f"--acls=file://{path}", "run_task", "root", check=False)
    assert done.returncode == 1 and f"{path}:2: unknown action 'run_task': the nearest is 'run_tasks'" in done.stderr, done.stderr
    done = cluster.tool("acl", "check", "--acls={}", "run_tsk", "root", check=False)
    assert done.returncode == 2 and "did you mean 'RUN_TASK'?" in done.stderr, done.stderr
    answer = json.loads(cluster.tool("acl", "check", "--acls={}", "--json", "view_flags").stdout)
    assert answer["allowed"] and answer["action"] == "VIEW_FLAGS" and answer["principal"] is None
    # An old name of an endpoint does not lead around the rules about it, neither here nor at a daemon.
    closed = '{"get_endpoints": [{"principals": {"type": "NONE"}, "paths": {"values": ["/containers"]}}]}'
    for name in "/containers", "/containers.json":
        done = cluster.tool("acl", "check", f"--acls={closed}", "get_endpoints", name, check=False)
        assert done.returncode == 1 and "(NONE -> /containers) says no" in done.stdout, done.stdout
    daemon = cluster._daemon("mesos-master", "second", {"registry": "in_memory", "acls": f"file://{path}"})
    daemon.start(wait=False)
    assert daemon.process.wait(60) == 1
    assert f"{path}:2: unknown action 'run_task': the nearest is 'run_tasks'" in daemon.log()
