# SPDX-License-Identifier: Apache-2.0
"""pymesos 0.3.15, unmodified: its subprocess look-alike, and a scheduler and an executor of its own API."""
import os
import subprocess
import textwrap

import pytest

import clients


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


def run(python, cluster, program, timeout=90):
    env = {**os.environ, "MESOS_MASTER": cluster.address, "USER": "root"}
    env.pop("PYTHONPATH", None)
    done = subprocess.run([python, "-c", TOLERANT + textwrap.dedent(program)], env=env, timeout=timeout, text=True, check=False,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
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
    thread.join(60)
    assert not thread.is_alive()
    print(sorted(mine.states.items()))
    """


def test_scheduler(python, make_cluster):
    cluster = make_cluster()
    out = run(python, cluster, SCHEDULER.replace("ADDRESS", repr(cluster.address)))
    assert "registered" in out
    assert ("[('t1', 'TASK_FINISHED'), ('t2', 'TASK_FAILED'), ('t3', 'TASK_FAILED'), ('t4', 'TASK_FAILED'), "
            "('t5', 'TASK_FAILED')]") in out


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
