# SPDX-License-Identifier: Apache-2.0
"""Access control lists and pymesos 0.3.15, unmodified: the four lists that users of Mesos know."""
import json
import os
import subprocess
import textwrap

import pytest

import clients


@pytest.fixture(scope="session")
def python():
    return clients.pymesos()


# One framework, one task; prints what became of them.
PROGRAM = """
    import sys, threading
    from addict import Dict
    from pymesos import MesosSchedulerDriver, Scheduler

    address, principal, user, role = sys.argv[1:5]

    class One(Scheduler):
        launched = False

        def registered(self, driver, framework_id, master_info):
            print("registered", flush=True)
            if not user:
                driver.stop()

        def resourceOffers(self, driver, offers):
            for offer in offers:
                if self.launched or not user:
                    driver.declineOffer(offer.id, {"refuse_seconds": 0})
                    continue
                self.launched = True
                task = Dict()
                task.task_id.value = task.name = "t"
                task.agent_id.value = offer.agent_id.value
                task.command.value = "true"
                task.resources = [dict(name="cpus", type="SCALAR", scalar=dict(value=0.1)),
                                  dict(name="mem", type="SCALAR", scalar=dict(value=32))]
                driver.launchTasks(offer.id, [task], {"refuse_seconds": 0})

        def statusUpdate(self, driver, update):
            if update.state in ("TASK_FINISHED", "TASK_FAILED", "TASK_ERROR", "TASK_LOST"):
                print(update.state, update.get("reason"), flush=True)
                driver.stop()

        def error(self, driver, message):
            print("error", message, flush=True)
            driver.stop()

    framework = Dict(user=user or "root", name="one", hostname="here", role=role)
    if principal:
        framework.principal = principal
    driver = MesosSchedulerDriver(One(), framework, address, use_addict=True)
    thread = threading.Thread(target=driver.run, daemon=True)
    thread.start()
    thread.join(80)
    assert not thread.is_alive(), "the driver did not stop"
    """


@pytest.fixture
def outcome(python, make_cluster):
    """outcome(lists, agents)(principal, user, role): the last line of what a framework saw."""
    def make(lists, agents):
        cluster = make_cluster(agents, {"acls": json.dumps(lists)}, {"switch_user": False})

        def run(principal, user, role="*"):
            env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
            done = subprocess.run([python, "-c", textwrap.dedent(PROGRAM), cluster.address, principal, user, role], env=env,
                                  timeout=120, text=True, check=False, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE)
            assert done.returncode == 0, done.stdout + done.stderr
            return done.stdout.strip().splitlines()[-1]
        return run
    return make


def rule(member, principals, objects):
    return {"principals": principals, member: objects}


ANYBODY, NOBODY = {"type": "ANY"}, {"type": "NONE"}


def only(*values):
    return {"values": list(values)}


def test_jenkins_runs_as_jenkins(outcome):
    seen = outcome({"run_tasks": [rule("users", only("jenkins"), only("jenkins")), rule("users", only("jenkins"), NOBODY)]}, 1)
    assert seen("jenkins", "jenkins").startswith("TASK_FINISHED")
    assert seen("jenkins", "root") == "TASK_ERROR REASON_TASK_UNAUTHORIZED"
    assert seen("marathon", "root").startswith("TASK_FINISHED")


def test_nobody_runs_as_root(outcome):
    seen = outcome({"run_tasks": [rule("users", NOBODY, only("root"))]}, 1)
    assert seen("jenkins", "root") == "TASK_ERROR REASON_TASK_UNAUTHORIZED"
    assert seen("", "www").startswith("TASK_FINISHED")


def test_roles(outcome):
    """marathon and nobody else in prod; chronos in batch and nothing else where permissive is false."""
    prod = outcome({"register_frameworks": [rule("roles", only("marathon"), only("prod")), rule("roles", NOBODY, only("prod"))]}, 0)
    assert prod("marathon", "", "prod") == prod("chronos", "", "batch") == "registered"
    assert prod("chronos", "", "prod") == "error Not authorized to register framework  with roles { prod }"
    batch = outcome({"permissive": False, "register_frameworks": [rule("roles", only("chronos"), only("batch"))]}, 0)
    assert batch("chronos", "", "batch") == "registered"
    for principal, role in (("chronos", "prod"), ("marathon", "batch"), ("", "batch")):
        assert batch(principal, "", role).startswith("error Not authorized to register framework")
