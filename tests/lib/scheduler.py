# SPDX-License-Identifier: Apache-2.0
"""A small v1 scheduler in JSON, for tests: one thread reads the stream of events, calls go over connections of their own."""
import base64
import http.client
import json
import queue
import threading
import time

from cluster import PATIENCE

TERMINAL = {"TASK_FINISHED", "TASK_FAILED", "TASK_KILLED", "TASK_ERROR", "TASK_LOST", "TASK_DROPPED", "TASK_GONE"}


def scalar(name, value, **more):
    return {"name": name, "type": "SCALAR", "scalar": {"value": value}, **more}


def command_task(task_id, command, offer, cpus=0.1, mem=32, **more):
    value = {"value": command} if isinstance(command, str) else command
    return {"name": task_id, "task_id": {"value": task_id}, "agent_id": offer["agent_id"], "command": value,
            "resources": [scalar("cpus", cpus), scalar("mem", mem)], **more}


def group_operation(framework_id, executor_id, tasks, **more):
    """LAUNCH_GROUP of tasks (as command_task makes them) under a default executor."""
    executor = {"type": "DEFAULT", "executor_id": {"value": executor_id}, "framework_id": {"value": framework_id},
                "resources": [scalar("cpus", 0.1), scalar("mem", 32), scalar("disk", 16)], **more}
    return {"type": "LAUNCH_GROUP", "launch_group": {"executor": executor, "task_group": {"tasks": tasks}}}


class CallFailed(Exception):
    def __init__(self, status, body):
        super().__init__(f"{status}: {body}")
        self.status, self.body = status, body


class Scheduler:
    patience = PATIENCE  # seconds for the answer to a call
    context = None  # of ssl, for a master that speaks TLS

    def __init__(self, address, acknowledge=True, **info):
        self.address = address
        self.acknowledge = acknowledge
        login = info.pop("login", None)  # "principal:secret"
        self.login = {"Authorization": "Basic " + base64.b64encode(login.encode()).decode()} if login else {}
        self.info = {"user": "root", "name": "test", "roles": ["*"], "capabilities": [{"type": "MULTI_ROLE"}],
                     **info}
        self.info = {key: value for key, value in self.info.items() if value is not None}
        self.framework_id = None
        self.stream_id = None
        self.offers = queue.Queue()
        self.updates = queue.Queue()
        self.others = queue.Queue()
        self.history = []  # every update, in order of arrival; "received" says when
        self.connection = None
        self.thread = None
        self.ended = threading.Event()

    def subscribe(self, **more):
        if self.framework_id:
            self.info["id"] = {"value": self.framework_id}
        body = {"type": "SUBSCRIBE", "subscribe": {"framework_info": self.info, **more}}
        if self.framework_id:
            body["framework_id"] = {"value": self.framework_id}
        self.ended = threading.Event()
        end = time.monotonic() + PATIENCE
        while True:
            self.connection = self._connect(120)
            self.connection.request("POST", "/api/v1/scheduler", json.dumps(body),
                                    {"Content-Type": "application/json", "Accept": "application/json", **self.login})
            answer = self.connection.getresponse()
            if answer.status != 503 or time.monotonic() > end:
                break
            answer.read()  # a master that does not lead yet: later
            time.sleep(0.05)
        if answer.status != 200:
            raise CallFailed(answer.status, answer.read().decode())
        self.stream_id = answer.getheader("Mesos-Stream-Id")
        first = self._record(answer)
        if first["type"] == "ERROR":
            raise CallFailed(200, first["error"]["message"])
        assert first["type"] == "SUBSCRIBED", first
        self.framework_id = first["subscribed"]["framework_id"]["value"]
        self.subscribed = first["subscribed"]
        self.thread = threading.Thread(target=self._read, args=(answer, self.ended), daemon=True)
        self.thread.start()
        return self

    def _connect(self, timeout):
        if self.context:
            return http.client.HTTPSConnection(self.address, timeout=timeout, context=self.context)
        return http.client.HTTPConnection(self.address, timeout=timeout)

    @staticmethod
    def _record(answer):
        length = b""
        while True:
            byte = answer.read(1)
            if not byte:
                raise EOFError
            if byte == b"\n":
                break
            length += byte
        wanted, body = int(length), b""
        while len(body) < wanted:
            more = answer.read(wanted - len(body))
            if not more:
                raise EOFError
            body += more
        return json.loads(body)

    def _read(self, answer, ended):
        try:
            while True:
                self._take(self._record(answer))
        except (EOFError, OSError, ValueError, AttributeError, http.client.HTTPException):
            ended.set()
        except CallFailed as e:  # the framework was torn down between an update and its acknowledgement
            ended.set()
            if "Framework cannot be found" not in str(e):
                raise

    def _take(self, event):
        kind = event["type"]
        if kind == "OFFERS":
            for offer in event["offers"]["offers"]:
                self.offers.put(offer)
        elif kind == "UPDATE":
            status = event["update"]["status"]
            status["received"] = time.monotonic()
            self.history.append(status)
            if self.acknowledge and "uuid" in status:
                self.ack(status)
            self.updates.put(status)
        elif kind != "HEARTBEAT":
            self.others.put(event)

    def call(self, kind, expect=202, **body):
        message = {"type": kind, "framework_id": {"value": self.framework_id}, **body}
        return self.raw(message, expect)

    def raw(self, message, expect=202, headers=None):
        connection = self._connect(self.patience)
        body = message if isinstance(message, (bytes, str)) else json.dumps(message)
        connection.request("POST", "/api/v1/scheduler", body,
                           {"Content-Type": "application/json", "Mesos-Stream-Id": self.stream_id or "", **self.login,
                            **(headers or {})})
        answer = connection.getresponse()
        text = answer.read().decode(errors="replace")
        connection.close()
        if expect is not None and answer.status != expect:
            raise CallFailed(answer.status, text)
        return answer.status, text

    def ack(self, status):
        self.call("ACKNOWLEDGE", acknowledge={"agent_id": status["agent_id"], "task_id": status["task_id"],
                                              "uuid": status["uuid"]})

    def offer(self, timeout=PATIENCE, cpus=0):
        """The next offer with at least so many cpus; smaller ones, of what a task has just left, are declined and come back as
        parts of larger ones."""
        while True:
            offer = self.offers.get(timeout=timeout)
            if sum(r["scalar"]["value"] for r in offer["resources"] if r["name"] == "cpus") >= cpus:
                return offer
            self.decline(offer)

    def accept(self, offer, tasks, refuse_seconds=0, operations=None):
        self.call("ACCEPT", accept={
            "offer_ids": [offer["id"]], "filters": {"refuse_seconds": refuse_seconds},
            "operations": operations or [{"type": "LAUNCH", "launch": {"task_infos": tasks}}]})

    def decline(self, offer, refuse_seconds=0):
        self.call("DECLINE", decline={"offer_ids": [offer["id"]], "filters": {"refuse_seconds": refuse_seconds}})

    def kill(self, task_id, **more):
        self.call("KILL", kill={"task_id": {"value": task_id}, **more})

    def message(self, agent_id, executor_id, data):
        self.call("MESSAGE", message={"agent_id": {"value": agent_id}, "executor_id": {"value": executor_id},
                                      "data": base64.b64encode(data).decode()})

    def update(self, task_id=None, timeout=PATIENCE):
        """The next update (of that task; those of others are dropped)."""
        end = time.monotonic() + timeout
        while True:
            status = self.updates.get(timeout=max(0.01, end - time.monotonic()))
            if task_id is None or status["task_id"]["value"] == task_id:
                return status

    def until(self, task_id, states, timeout=PATIENCE):
        """Updates of the task up to one of the states."""
        seen = []
        while True:
            status = self.update(task_id, timeout)
            seen.append(status)
            if status["state"] in states:
                return seen

    def run(self, task_id, command, timeout=PATIENCE, **more):
        """Launches one task on the next offer and follows it to its end; returns its states and the last status."""
        offer = self.offer(timeout)
        self.accept(offer, [command_task(task_id, command, offer, **more)])
        seen = self.until(task_id, TERMINAL, timeout)
        return [s["state"] for s in seen], seen[-1]

    def disconnect(self):
        """Drops the stream without a word."""
        if self.connection and self.connection.sock:
            try:
                self.connection.sock.shutdown(2)
            except OSError:
                pass
        if self.thread:
            self.thread.join(60)

    def teardown(self):
        try:
            self.call("TEARDOWN")
        except (CallFailed, OSError):
            pass
        self.disconnect()
