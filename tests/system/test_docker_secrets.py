# SPDX-License-Identifier: Apache-2.0
"""Secrets of docker containers: variables of type SECRET reach tasks, sessions and custom executors, and no command line."""
import base64
import json
import os
import re
import tempfile

import pytest

from cluster import wait_for
from docker_engine import DockerEngine, reason_against
from scheduler import TERMINAL, scalar
from test_docker import EXECUTOR, HOST, Box

pytestmark = pytest.mark.skipif(reason_against() is not None, reason=str(reason_against()))
VALUE, REFERRED = "val-3b1f-s3cr3t", "ref-77aa-s3cr3t"
LINES = "-----BEGIN-----\nlines-90cd-s3cr3t\n-----END-----"
TOKEN = re.compile(rb"eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9\.")
RECORDER = """#!/bin/sh
printf '%s\\n' "$@" >> {log}
exec {docker} "$@"
"""


@pytest.fixture(scope="module")
def box():
    engine = DockerEngine()
    directory = tempfile.mkdtemp(prefix="cm-")
    made = None
    try:
        engine.start()
        engine.image("box:1")
        made = Box(engine, flags(directory, engine), directory)
        yield made
    finally:
        if made:
            made.close()
        engine.stop()
    assert engine.leftovers() == []


def flags(directory, engine):
    """References are files, executors have tokens, and the client's words are written down."""
    files = {"docker": (RECORDER.format(log=directory + "/words", docker=engine.docker), 0o755),
             "key": ("k" * 32, 0o600), "secrets/db": (REFERRED, 0o600)}
    os.mkdir(directory + "/secrets", 0o700)
    for name, (text, mode) in files.items():
        with open(os.path.join(directory, name), "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(os.path.join(directory, name), mode)
    module = {"name": "file", "parameters": [{"key": "dir", "value": directory + "/secrets"}]}
    return {"docker": directory + "/docker", "authenticate_http_executors": True, "jwt_secret_key": directory + "/key",
            "secret_resolver": "file", "modules": json.dumps({"libraries": [{"name": "secret_resolver_file", "modules": [module]}]})}


def secret(name, value=None, reference=None):
    if reference:
        return {"name": name, "type": "SECRET", "secret": {"type": "REFERENCE", "reference": {"name": reference}}}
    return {"name": name, "type": "SECRET",
            "secret": {"type": "VALUE", "value": {"data": base64.b64encode(value.encode()).decode()}}}


def variables():
    return {"variables": [{"name": "PLAIN", "value": "plain"}, secret("V", VALUE), secret("R", reference="db"),
                          secret("LINES", LINES)]}


def unseen(box):
    """Nobody who lists processes has seen a secret or a token, nor does anything remember what a reference stood for."""
    with open(box.directory + "/words", "rb") as file:
        words = [file.read()]
    assert b"run\n" in words[0] and b"--env-file\n" in words[0]
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                text = file.read()
        except OSError:
            continue
        if any(place.encode() in text for place in (box.directory, box.engine.directory)):
            words.append(text)
    for text in words + [box.agent.log().encode(), box.cluster.master.log().encode()]:
        assert b"s3cr3t" not in text, text
        assert not TOKEN.search(text), text
    for root, _, files in os.walk(box.directory):
        for name in files:
            path = os.path.join(root, name)
            if name == "stdout" or path == box.directory + "/secrets/db" or not os.path.isfile(path):
                continue
            try:
                with open(path, "rb") as file:
                    assert REFERRED.encode() not in file.read(), path
            except FileNotFoundError:
                pass  # it was replaced meanwhile


def test_of_a_task_and_a_session(box):
    status, _ = box.start("task", {"value": 'echo "$PLAIN $V $R $LINES" over; env | grep -c DOCKER_SECRETS; exec sleep 600',
                                   "environment": variables()}, {"network": "BRIDGE"})
    wait_for(lambda: box.read("task").endswith("0\n"), 60, "output")
    assert box.read("task") == f"plain {VALUE} {REFERRED} {LINES} over\n0\n"
    unseen(box)
    # What the framework, the master and the agent keep of docker's own words has none of it either.
    inspected = json.loads(base64.b64decode(status["data"]))[0]
    names = {item.partition("=")[0] for item in inspected["Config"]["Env"]}
    assert "PLAIN" in names and not names & {"V", "R", "LINES"}
    assert "s3cr3t" not in base64.b64decode(status["data"]).decode()
    root = status["container_status"]["container_id"]["value"]
    session = box.api.session((root, "s1"), {"value": 'echo "$PLAIN $V $R $LINES"', "environment": variables()})
    assert session.ended.wait(60) and session.out.decode() == f"plain {VALUE} {REFERRED} {LINES}\n"
    unseen(box)
    box.restart()
    assert box.kill("task")[-1]["state"] == "TASK_KILLED"


def test_of_a_custom_executor_with_a_token(box):
    offer = box.offer()
    executor = {"executor_id": {"value": "custom"}, "framework_id": {"value": box.scheduler.framework_id},
                "resources": [scalar("cpus", 0.2), scalar("mem", 64)],
                "command": {"value": 'echo "$PLAIN $V $R $LINES"; exec python3 /executor.py', "environment": variables()},
                "container": {"type": "DOCKER", "docker": {"image": "box:1"}, "volumes": HOST + [
                    {"container_path": "/executor.py", "host_path": EXECUTOR, "mode": "RO"}]}}
    box.scheduler.accept(offer, [{
        "name": "c", "task_id": {"value": "c"}, "agent_id": offer["agent_id"], "executor": executor,
        "data": base64.b64encode(b"sleep 600").decode(), "resources": [scalar("cpus", 0.5), scalar("mem", 64)]}])
    status = box.until("c", "TASK_RUNNING", *TERMINAL)[-1]
    assert status["state"] == "TASK_RUNNING", status  # so that its token was good
    wait_for(lambda: f"plain {VALUE} {REFERRED} {LINES}\n" in box.read("custom"), 60, "output of the executor")
    unseen(box)
    box.scheduler.call("SHUTDOWN", shutdown={"executor_id": {"value": "custom"}, "agent_id": status["agent_id"]})
    assert box.until("c")[-1]["state"] in TERMINAL


@pytest.mark.parametrize("case, variable, text", [
    ("absent", secret("X", reference="no-such-secret"), "is not there"),
    ("null", secret("X", "a\0b"), "null bytes"),
    ("loader", secret("LD_PRELOAD", "/a\n/b"), "cannot have a secret of several lines"),
    ("nothing", {"name": "X", "type": "SECRET", "secret": {"type": "REFERENCE"}}, "must have the 'reference' field set"),
])
def test_what_is_refused(box, case, variable, text):
    status = box.run(case, {"value": "true", "environment": {"variables": [variable]}})
    assert status["state"] in ("TASK_FAILED", "TASK_ERROR") and text in status["message"], status
