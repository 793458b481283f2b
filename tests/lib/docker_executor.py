# SPDX-License-Identifier: Apache-2.0
"""A custom executor for tests, over the agent's Unix socket: each task's data is a shell command that it runs at once and
whose end it reports. Runs inside of a docker container that has the host's /usr."""
import http.client
import json
import os
import socket
import subprocess
import sys
import threading
import time
import uuid

PATH = "/" + os.environ["MESOS_SLAVE_PID"].split("@")[0] + "/api/v1/executor"
IDS = {"framework_id": {"value": os.environ["MESOS_FRAMEWORK_ID"]},
       "executor_id": {"value": os.environ["MESOS_EXECUTOR_ID"]}}
UNACKNOWLEDGED = {}
TOKEN = os.environ.get("MESOS_EXECUTOR_AUTHENTICATION_TOKEN")
LOGIN = {"Authorization": "Bearer " + TOKEN} if TOKEN else {}


class Connection(http.client.HTTPConnection):
    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(os.environ["MESOS_DOMAIN_SOCKET"])


def call(kind, **body):
    connection = Connection("agent", timeout=60)
    connection.request("POST", PATH, json.dumps({"type": kind, **IDS, **body}),
                       {"Content-Type": "application/json", "Accept": "application/json", **LOGIN})
    return connection.getresponse()


def update(task_id, state):
    status = {"task_id": task_id, "state": state, "source": "SOURCE_EXECUTOR", "executor_id": IDS["executor_id"],
              "timestamp": time.time(), "uuid": __import__("base64").b64encode(uuid.uuid4().bytes).decode()}
    UNACKNOWLEDGED[status["uuid"]] = {"status": status}
    try:
        call("UPDATE", update={"status": status}).read()
    except OSError:
        pass  # said again when the agent is back


def run(task):
    command = __import__("base64").b64decode(task["data"]).decode()
    update(task["task_id"], "TASK_RUNNING")
    done = subprocess.run(["sh", "-c", command], check=False)
    update(task["task_id"], "TASK_FAILED" if done.returncode else "TASK_FINISHED")


def record(answer):
    length = b""
    while not length.endswith(b"\n"):
        byte = answer.read(1)
        if not byte:
            raise EOFError
        length += byte
    return json.loads(answer.read(int(length)))


def follow():
    answer = call("SUBSCRIBE", subscribe={"unacknowledged_tasks": [], "unacknowledged_updates":
                                          list(UNACKNOWLEDGED.values())})
    while True:
        event = record(answer)
        if event["type"] == "SUBSCRIBED":
            print("subscribed", flush=True)
        elif event["type"] == "LAUNCH":
            threading.Thread(target=run, args=(event["launch"]["task"],), daemon=True).start()
        elif event["type"] == "ACKNOWLEDGED":
            UNACKNOWLEDGED.pop(event["acknowledged"]["uuid"], None)
        elif event["type"] == "SHUTDOWN":
            sys.exit(7)


while True:
    try:
        follow()
    except (EOFError, OSError, ValueError, http.client.HTTPException):
        time.sleep(0.1)
