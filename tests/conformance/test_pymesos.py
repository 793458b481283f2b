# SPDX-License-Identifier: Apache-2.0
"""pymesos 0.3.15, unmodified: its subprocess look-alike, a scheduler and an executor of its own API, and its operators."""
import json
import os
import queue
import re
import subprocess
import textwrap
import threading

import pytest

import clients
from cluster import wait_for
from scheduler import Scheduler, command_task


@pytest.fixture(scope="session")
def python():
    return clients.pymesos()


# pymesos.subprocess writes a str to a pipe, which Python 3 of any version refuses before anything reaches the network. The
# package stays as it is; the interpreter is made to take what Python 2 took.
TOLERANT = """
import os
write = os.write
os.write = lambda fd, data: write(fd, data.encode() if isinstance(data, str) else data)
"""


def attempt(python, cluster, program, timeout=90):
    env = {**os.environ, "MESOS_MASTER": cluster.address, "USER": "root"}
    env.pop("PYTHONPATH", None)
    return subprocess.run([python, "-c", TOLERANT + textwrap.dedent(program)], env=env, timeout=timeout, text=True, check=False,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def run(python, cluster, program):
    done = attempt(python, cluster, program)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_check_call(python, make_cluster):
    """The custom executor of pymesos.subprocess on our agent, stdout carried back by the client itself."""
    cluster = make_cluster()
    out = run(python, cluster, """
        from pymesos.subprocess import check_call, check_output, call, CalledProcessError
        assert check_call(["true"], cpus=0.1, mem=64) == 0
        assert call(["sh", "-c", "exit 3"], cpus=0.1, mem=64) == 3
        try:
            check_call(["false"], cpus=0.1, mem=64)
            raise SystemExit("false succeeded")
        except CalledProcessError as e:
            assert e.returncode == 1
        print(check_output(["echo", "from afar"], cpus=0.1, mem=64))
        """)
    assert "from afar" in out


SCHEDULER = """
    import threading, time, sys
    from addict import Dict
    from pymesos import MesosSchedulerDriver, Scheduler, encode_data

    class Mine(Scheduler):
        def __init__(self):
            self.states = {}
            self.launched = 0

        def registered(self, driver, framework_id, master_info):
            print("registered", framework_id.value if hasattr(framework_id, "value") else framework_id["value"])

        def resourceOffers(self, driver, offers):
            for offer in offers:
                tasks = []
                for _ in range(2):
                    if self.launched == WANTED:
                        break
                    self.launched += 1
                    task = Dict()
                    task.task_id.value = "t%d" % self.launched
                    task.agent_id.value = offer.agent_id.value
                    task.name = task.task_id.value
                    task.command.value = "exit %d" % (self.launched - 1)
                    task.resources = [dict(name="cpus", type="SCALAR", scalar=dict(value=0.1)),
                                      dict(name="mem", type="SCALAR", scalar=dict(value=32))]
                    tasks.append(task)
                filters = {"refuse_seconds": 0}
                if tasks:
                    driver.launchTasks(offer.id, tasks, filters)
                else:
                    driver.declineOffer(offer.id, filters)

        def statusUpdate(self, driver, update):
            self.states[update.task_id.value] = update.state
            ended = [s for s in self.states.values() if s in ("TASK_FINISHED", "TASK_FAILED")]
            if len(ended) == WANTED:
                driver.stop()

        def error(self, driver, message):
            print("error", message)
            driver.stop()

    WANTED = 5
    framework = Dict(user="root", name="mine", hostname="here", failover_timeout=60)
    mine = Mine()
    driver = MesosSchedulerDriver(mine, framework, ADDRESS, use_addict=True)
    thread = threading.Thread(target=driver.run)
    thread.start()
    thread.join(80)
    assert not thread.is_alive()
    print(sorted(mine.states.items()))
    """


ENDED = ("[('t1', 'TASK_FINISHED'), ('t2', 'TASK_FAILED'), ('t3', 'TASK_FAILED'), ('t4', 'TASK_FAILED'), "
         "('t5', 'TASK_FAILED')]")


def changed(program, changes):
    """The program with other words, each of which it has once."""
    for before, after in changes.items():
        assert program.count(before) == 1, before
        program = program.replace(before, after)
    return program


def scheduler_of(cluster, changes=None):
    return changed(SCHEDULER, {"ADDRESS": repr(cluster.address), **(changes or {})})


def test_scheduler(python, make_cluster):
    cluster = make_cluster()
    out = run(python, cluster, scheduler_of(cluster))
    assert "registered" in out and ENDED in out


def login(principal, secret):
    return {"use_addict=True": f"use_addict=True, principal={principal!r}, secret={secret!r}"}


def check_refused(python, cluster, secret):
    """The driver of "snake" is told so, and no framework comes of it."""
    done = attempt(python, cluster, scheduler_of(cluster, login("snake", secret)))
    assert "Failed with HTTP 401" in done.stderr and "registered" not in done.stdout, done.stdout + done.stderr
    state = cluster.master.get("/state")
    assert state["frameworks"] == state["completed_frameworks"] == []


def test_scheduler_with_login(python, make_cluster, tmp_path):
    """Its framework is whom it logs in as, whether it names that one or nobody; with the secret of another it is nobody."""
    secrets, audit = tmp_path / "secrets", tmp_path / "audit"
    secrets.write_text("snake hiss\nlizard basks\n")
    cluster = make_cluster(master_flags={"authenticate_http_frameworks": True, "http_framework_authenticators": "basic",
                                         "credentials": secrets, "audit_log": audit, "allocation_interval": "100ms"})
    check_refused(python, cluster, "basks")
    failed = [line for line in map(json.loads, audit.read_text().splitlines()) if line["event"] == "login-failed"]
    assert failed and all((line["method"], line["claimed"]) == ("Basic", "snake") for line in failed), failed
    assert not any(secret in audit.read_text() + cluster.master.log() for secret in ("hiss", "basks"))
    for named in {'name="mine"': 'name="mine", principal="snake"'}, {}:
        out = run(python, cluster, scheduler_of(cluster, {**login("snake", "hiss"), **named}))
        assert "registered" in out and ENDED in out
    ended = lambda: cluster.master.get("/state")["completed_frameworks"]
    wait_for(lambda: len(ended()) == 2, what="the ends of both frameworks")
    assert [(f["name"], f["principal"], len(f["completed_tasks"])) for f in ended()] == [("mine", "snake", 5)] * 2


# What SCHEDULER becomes, to know what it sends: two hundred calls first; its framework stays, and its counts with it.
BUSY = {
    'name="mine"': 'name="mine", principal="jenkins"',
    "== WANTED:\n                driver.stop()": "== WANTED:\n                driver.stop(failover=True)",
    "    WANTED = 5": """
    class Counted(MesosSchedulerDriver):
        sent = 0

        def _send(self, *args, **more):
            self.sent += 1
            return super()._send(*args, **more)

    class Busy(Mine):
        def registered(self, driver, *about):
            super().registered(driver, *about)
            begin = time.monotonic()
            for _ in range(200):
                driver.reviveOffers()
            print("took %d ms" % ((time.monotonic() - begin) * 1000))

    WANTED = 5""",
    "mine = Mine()": "mine = Busy()",
    "driver = MesosSchedulerDriver(": "driver = Counted(",
    "print(sorted(": 'print("sent", driver.sent)\n    print(sorted(',
}


def test_jenkins_within_its_limit(python, make_cluster):
    """A hundred calls a second, and 6000 may wait: its tasks run to their ends, if not as fast as it likes, and all is counted."""
    limits = {"limits": [{"principal": "jenkins", "qps": 100, "capacity": 6000}]}
    cluster = make_cluster(master_flags={"rate_limits": json.dumps(limits), "allocation_interval": "100ms"})
    out = run(python, cluster, scheduler_of(cluster, BUSY))
    assert "registered" in out and ENDED in out
    assert int(re.search(r"took (\d+) ms", out).group(1)) > 1900
    sent = int(re.search(r"sent (\d+)", out).group(1))
    assert sent > 200 + 5  # an acknowledgement for each task, at least
    metrics = cluster.master.get("/metrics/snapshot")
    assert [metrics[f"frameworks/jenkins/messages_{what}"] for what in ("received", "processed")] == [sent, sent]


def test_operator(python, make_cluster):
    """pymesos posts its operator calls to /api/v1/operator, which the longest route that exists answers."""
    cluster = make_cluster()
    out = run(python, cluster, f"""
        from pymesos import MesosOperatorMasterDriver, MesosOperatorAgentDriver
        master = MesosOperatorMasterDriver("{cluster.address}")
        agent = MesosOperatorAgentDriver("127.0.0.1:{cluster.agents[0].port}")
        for daemon in (master, agent):
            assert daemon.getHealth()["get_health"] == {{"healthy": True}}
            assert daemon.getVersion()["get_version"]["version_info"]["version"] == "1.11.0"
        assert "work_dir" in [f["name"] for f in master.getFlags()["get_flags"]["flags"]]
        assert master.getMetrics(5)["get_metrics"]["metrics"]
        print(master.getMaster()["get_master"]["master_info"]["port"])
        """)
    assert out.strip() == str(cluster.master.port)


GROUPS = """
    import threading, sys
    from addict import Dict
    from pymesos import MesosSchedulerDriver, Scheduler

    def scalars(**values):
        return [dict(name=name, type="SCALAR", scalar=dict(value=value)) for name, value in values.items()]

    class Mine(Scheduler):
        def __init__(self):
            self.states = {}
            self.launched = False

        def resourceOffers(self, driver, offers):
            for offer in offers:
                if self.launched:
                    driver.declineOffer(offer.id)
                    continue
                self.launched = True
                driver.acceptOffers(offer.id, [self.group(driver, offer, "default", dict(type="DEFAULT")),
                                               self.group(driver, offer, "custom", dict(
                                                   type="CUSTOM", command=dict(value=EXECUTOR)))])

        def group(self, driver, offer, name, executor):
            executor.update(executor_id=dict(value=name), framework_id=dict(value=driver.framework_id),
                            resources=scalars(cpus=0.1, mem=64, disk=16))
            tasks = [dict(name=name + end, task_id=dict(value=name + end), agent_id=offer.agent_id,
                          command=dict(value="true"), resources=scalars(cpus=0.1, mem=32)) for end in ("1", "2")]
            return dict(type="LAUNCH_GROUP", launch_group=dict(executor=executor, task_group=dict(tasks=tasks)))

        def statusUpdate(self, driver, update):
            self.states[update.task_id.value] = update.state
            if len([s for s in self.states.values() if s not in ("TASK_STARTING", "TASK_RUNNING")]) == 4:
                driver.stop()

    framework = Dict(user="root", name="groups", hostname="here")
    mine = Mine()
    driver = MesosSchedulerDriver(mine, framework, ADDRESS, use_addict=True)
    thread = threading.Thread(target=driver.run)
    thread.daemon = True
    thread.start()
    thread.join(60)
    print(sorted(mine.states.items()))
    """

GROUP_EXECUTOR = """
import os, time
write = os.write
os.write = lambda fd, data: write(fd, data.encode() if isinstance(data, str) else data)
from pymesos import Executor, MesosExecutorDriver

class Mine(Executor):
    def launchTaskGroup(self, driver, task_infos):
        for task in task_infos:
            for state in ("TASK_RUNNING", "TASK_FINISHED"):
                driver.sendStatusUpdate(dict(task_id=task["task_id"], state=state, timestamp=time.time()))

MesosExecutorDriver(Mine()).run()
"""


def test_task_groups(python, make_cluster):
    """A group under the default executor, and one that pymesos's own executor is handed as a group."""
    cluster = make_cluster()
    path = os.path.join(cluster.directory, "executor.py")
    with open(path, "w", encoding="utf-8") as f:
        f.write(GROUP_EXECUTOR)
    out = run(python, cluster, GROUPS.replace("ADDRESS", repr(cluster.address))
              .replace("EXECUTOR", repr(f"exec {python} {path}")))
    assert ("[('custom1', 'TASK_FINISHED'), ('custom2', 'TASK_FINISHED'), ('default1', 'TASK_FINISHED'), "
            "('default2', 'TASK_FINISHED')]") in out


EVENTS = """
    import json, queue, sys
    from pymesos import MesosOperatorMasterDriver, MesosOperatorAgentDriver, OperatorMaster
    seen = queue.Queue()

    class Mine(OperatorMaster):
        def taskAdded(self, task):
            seen.put(["task added", task["task_id"]["value"], task["state"]])
        def taskUpdated(self, event):
            seen.put(["task updated", event["status"]["task_id"]["value"], event["status"]["state"]])
        def frameworkAdded(self, framework):
            seen.put(["framework added", framework["framework_info"]["name"], framework["connected"]])
        def frameworkUpdated(self, framework):
            seen.put(["framework updated", framework["framework_info"]["name"], framework["connected"]])
        def frameworkRemoved(self, info):
            seen.put(["framework removed", info["name"]])
        def agentAdded(self, agent):
            seen.put(["agent added", agent["agent_info"]["hostname"]])
        def agentRemoved(self, agent_id):
            seen.put(["agent removed", agent_id])

    driver = MesosOperatorMasterDriver("MASTER", Mine())
    driver.start()
    print("started", flush=True)
    while True:
        event = seen.get()
        print(json.dumps(event), flush=True)
"""


def test_operator_events(python, cluster):
    """Everything that happens, as the driver's callbacks tell it."""
    driver = subprocess.Popen([python, "-c", textwrap.dedent(EVENTS).replace("MASTER", cluster.address)],
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=cluster.directory)
    told = queue.Queue()
    threading.Thread(target=lambda: [told.put(line) for line in driver.stdout], daemon=True).start()
    try:
        assert told.get(timeout=60) == "started\n"
        wait_for(lambda: "operator subscribed" in cluster.master.log(), what="the subscription")
        scheduler = Scheduler(cluster.address, name="mine", failover_timeout=60).subscribe()
        assert scheduler.run("t", "true")[0][-1] == "TASK_FINISHED"
        scheduler.disconnect()
        scheduler.subscribe()
        scheduler.teardown()
        cluster.add_agent({"hostname": "another"})
        found = []
        while not found or found[-1][0] != "agent added":
            found.append(json.loads(told.get(timeout=60)))
        assert found[:2] == [["framework added", "mine", True], ["task added", "t", "TASK_STAGING"]]
        assert [f[2] for f in found if f[0] == "task updated"] == ["TASK_STARTING", "TASK_RUNNING", "TASK_FINISHED"]
        assert found[-3:] == [["framework updated", "mine", True], ["framework removed", "mine"],
                              ["agent added", "another"]]
    finally:
        driver.kill()
        driver.wait()


def test_every_getter(python, cluster, scheduler):
    """All that its two drivers can ask for, while a task runs."""
    offer = scheduler.offer()
    scheduler.accept(offer, [command_task("t", "echo here; exec sleep 100", offer)])
    scheduler.until("t", {"TASK_RUNNING"})
    sandbox = cluster.sandbox(scheduler.framework_id, "t")
    wait_for(lambda: os.path.getsize(sandbox + "/stdout"), what="the task's output")
    out = run(python, cluster, f"""
        import base64
        from pymesos import MesosOperatorMasterDriver, MesosOperatorAgentDriver
        master = MesosOperatorMasterDriver("{cluster.address}")
        agent = MesosOperatorAgentDriver("127.0.0.1:{cluster.agents[0].port}")
        for daemon in (master, agent):
            assert daemon.setLoggingLevel(2, 60 * 10**9) == {{}}
            assert daemon.getLoggingLevel()["get_logging_level"] == {{"level": 2}}
        state = master.getState()["get_state"]
        assert [t["state"] for t in state["get_tasks"]["tasks"]] == ["TASK_RUNNING"]
        assert master.getTasks()["get_tasks"] == state["get_tasks"]
        assert master.getAgents()["get_agents"] == state["get_agents"]
        assert len(state["get_agents"]["agents"]) == 1
        assert master.getFrameworks()["get_frameworks"]["frameworks"][0]["connected"] is True
        assert master.getExecutors()["get_executors"] == {{"executors": []}}
        assert [r["name"] for r in master.getRoles()["get_roles"]["roles"]] == ["*"]
        assert "get_weights" not in master.getWeights()
        assert master.getMaintenanceStatus()["get_maintenance_status"] == {{"status": {{}}}}
        assert master.getMaintenanceSchedule()["get_maintenance_schedule"] == {{"schedule": {{}}}}
        assert master.getQuota()["get_quota"] == {{"status": {{}}}}
        state = agent.getState()["get_state"]
        assert [t["state"] for t in state["get_tasks"]["launched_tasks"]] == ["TASK_RUNNING"]
        assert agent.getTasks()["get_tasks"] == state["get_tasks"]
        assert agent.getExecutors()["get_executors"] == state["get_executors"]
        assert agent.getFrameworks()["get_frameworks"] == state["get_frameworks"]
        assert agent.getContainers()["get_containers"]["containers"][0]["executor_id"] == {{"value": "t"}}, agent.getContainers()
        files = agent.listFiles("{sandbox}")["list_files"]["file_infos"]
        assert {{f["path"].rsplit("/", 1)[1] for f in files}} >= {{"stdout", "stderr"}}, files
        said = agent.readFile("{sandbox}/stdout", 1000, 0)["read_file"]
        assert base64.b64decode(said["data"]).decode() == "here\\n" and said["size"] == 5, said
        agent.pruneImages()  # raises when it is refused
        print("all")
        """)
    assert out.strip() == "all"
