# SPDX-License-Identifier: Apache-2.0
"""A framework as real ones are: it finds the leader, subscribes again whenever the stream breaks, keeps what it launched, asks
after tasks that it has heard nothing of, and when it is killed the next one goes on from what was written down.

    framework.py NAME --history FILE --ran DIRECTORY --control DIRECTORY --masters HOST:PORT,... --seed N [--aware]

It launches until the file `quiet` stands in the control directory (then only long tasks stay), and ends all tasks once `end`
stands there. Everything that it is told and does goes to its history."""
import argparse
import http.client
import json
import os
import queue
import random
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "lib"))

import history  # noqa: E402
from scheduler import CallFailed, Scheduler, command_task  # noqa: E402

FINAL = {"TASK_FINISHED", "TASK_FAILED", "TASK_KILLED", "TASK_ERROR", "TASK_DROPPED", "TASK_GONE", "TASK_GONE_BY_OPERATOR"}
AWAY = {"TASK_LOST", "TASK_UNKNOWN", "TASK_UNREACHABLE"}
MOST_TASKS, LONG_TASKS = 18, 5
# One line when it starts and one when it ends, however it ends: so that a second start would be seen.
SCRIPT = ("f='{file}'; echo \"start $(date +%s.%N) $MESOS_SANDBOX\" >>$f; "
          "trap 'echo \"killed $(date +%s.%N)\" >>$f; kill $! 2>/dev/null; exit 143' TERM; sleep {seconds} & "
          "wait $! || {{ echo \"killed $(date +%s.%N)\" >>$f; exit 143; }}; echo \"end $(date +%s.%N)\" >>$f; exit {code}")


def amounts(resources):
    found = {}
    for item in resources:
        if item["type"] == "SCALAR":
            found[item["name"]] = round(found.get(item["name"], 0) + item["scalar"]["value"], 3)
    return found


class Framework(Scheduler):
    patience = 4

    def __init__(self, options):
        capabilities = [{"type": "MULTI_ROLE"}] + ([{"type": "PARTITION_AWARE"}] if options.aware else [])
        super().__init__(None, name=options.name, failover_timeout=86400.0, checkpoint=True, capabilities=capabilities)
        self.options, self.random = options, random.Random(f"{options.seed} {options.name}")
        self.tasks, self.count = {}, 0  # id -> {"agent", "state", "long"}
        self.events, self.held, self.later = queue.Queue(), {}, []
        self.asked = self.heard = 0.0
        self.reign = None
        if os.path.exists(options.history):
            for line in history.read(options.history):
                self._remember(line)
        self.random = random.Random(f"{options.seed} {options.name} {self.count}")
        self.record = history.Recorder(options.history, options.name)
        self.record("start", pid=os.getpid(), aware=options.aware, speaks=type(self).__name__)

    def _remember(self, line):
        if line["kind"] == "subscribed":
            self.framework_id = line["framework_id"]
        elif line["kind"] == "launch":
            self.count += len(line["tasks"])
            for task in line["tasks"]:
                self.tasks[task["id"]] = {"agent": line["agent"], "state": None, "long": task["long"], "told": 0}
        elif line["kind"] == "update" and line["task"] in self.tasks:
            self.tasks[line["task"]].update(state=line["state"], told=line["t"])

    # --- the stream of events

    def subscribe(self):
        """With the leader, wherever it is now: masters that do not lead say where to go, or that nobody knows."""
        masters = self.options.masters.split(",")
        self.random.shuffle(masters)
        for master in masters:
            try:
                if self._subscribe_with(master, 2):
                    return True
            except (OSError, EOFError, ValueError, http.client.HTTPException, CallFailed):
                continue
        return False

    def _subscribe_with(self, master, hops):
        body = {"type": "SUBSCRIBE", "subscribe": {"framework_info": self.info}}
        if self.framework_id:
            self.info["id"] = body["framework_id"] = {"value": self.framework_id}
        connection = http.client.HTTPConnection(master, timeout=self.patience)
        self.record("ask", master=master)
        connection.request("POST", "/api/v1/scheduler", json.dumps(body),
                           {"Content-Type": "application/json", "Accept": "application/json"})
        answer = connection.getresponse()
        self.record("answered", master=master, status=answer.status)
        if answer.status == 307 and hops:
            answer.read()
            place = answer.getheader("Location").split("//", 1)[-1].split("/", 1)[0]
            return self._subscribe_with(place, hops - 1)
        if answer.status != 200:
            if answer.status not in (307, 503):
                self.record("refused", master=master, status=answer.status, text=answer.read(2000).decode(errors="replace"))
            connection.close()
            return False
        self.stream_id = answer.getheader("Mesos-Stream-Id")
        first = self._record(answer)
        if first["type"] == "ERROR":
            self.record("error", message=first["error"]["message"])
            return False
        self.address, self.connection = master, connection
        self.framework_id = first["subscribed"]["framework_id"]["value"]
        self.reign = first["subscribed"]["master_info"]["id"]
        self.record("subscribed", master=master, reign=self.reign, framework_id=self.framework_id)
        self.held, self.events = {}, queue.Queue()
        self.later, self.asked, self.heard = [], 0.0, time.monotonic()
        connection.sock.settimeout(40)  # two heartbeats and a bit
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self._follow, args=(answer, self.ended, self.events), daemon=True)
        self.thread.start()
        return True

    def _follow(self, answer, ended, events):
        try:
            while True:
                events.put(self._record(answer))
        except (EOFError, OSError, ValueError, AttributeError, http.client.HTTPException) as error:
            events.put({"type": "END", "why": str(error)})
            ended.set()

    def on_event(self, event):
        kind = event["type"]
        if kind == "OFFERS":
            for offer in event["offers"]["offers"]:
                self.record("offer", offer=offer["id"]["value"], agent=offer["agent_id"]["value"],
                            resources=amounts(offer["resources"]), reign=self.reign)
                self.held[offer["id"]["value"]] = offer
                self.later.append((time.monotonic() + self.random.choice((0, 0, 0, 0.3, 1, 4)), offer["id"]["value"]))
        elif kind == "RESCIND":
            self.record("rescind", offer=event["rescind"]["offer_id"]["value"])
            self.held.pop(event["rescind"]["offer_id"]["value"], None)
        elif kind == "UPDATE":
            self.on_update(event["update"]["status"])
        elif kind == "ERROR":
            self.record("error", message=event["error"]["message"])
            raise ConnectionError("error event")
        elif kind == "END":
            raise ConnectionError(event["why"])
        elif kind == "FAILURE":
            self.record("failure", **{key: value["value"] for key, value in event["failure"].items() if key.endswith("_id")})
        else:
            self.record(kind.lower())

    def on_update(self, status):
        name, state = status["task_id"]["value"], status["state"]
        line = self.record("update", task=name, state=state, uuid=status.get("uuid"), reign=self.reign,
                           agent=status.get("agent_id", {}).get("value"), reason=status.get("reason"),
                           source=status.get("source"), message=status.get("message", "")[:200])
        if name in self.tasks:
            before = self.tasks[name]["state"]
            self.tasks[name].update(state=state, told=line["t"])
            if before == "TASK_LOST" and state in ("TASK_RUNNING", "TASK_STARTING"):
                self.end(name)  # given up and replaced meanwhile, as frameworks of old do
        if "uuid" in status:
            self.record("ack", uuid=status["uuid"], task=name, agent=status["agent_id"]["value"])
            self.ack(status)
            self.record("acked", uuid=status["uuid"], task=name, agent=status["agent_id"]["value"])

    # --- what it wants

    def live(self):
        return {name: task for name, task in self.tasks.items() if task["state"] not in FINAL}

    def said(self, word):
        return os.path.exists(os.path.join(self.options.control, word))

    def end(self, name):
        self.record("kill", task=name)
        self.kill(name)

    def new_task(self, offer):
        self.count += 1
        name = f"{self.options.name}-{self.count}"
        long = sum(task["long"] for task in self.live().values()) < LONG_TASKS
        seconds = 3600 if long else self.random.choice((0.1, 0.3, 1, 2, 5, 12))
        code = 0 if long or self.random.random() < 0.8 else 3
        cpus, mem = self.random.choice(((0.1, 32), (0.5, 64), (1, 128)))
        script = SCRIPT.format(file=os.path.join(self.options.ran, name), seconds=seconds, code=code)
        task = {"id": name, "cpus": cpus, "mem": mem, "seconds": seconds, "code": code, "long": long}
        return task, command_task(name, script, offer, cpus, mem)

    def use(self, offer_id):
        offer = self.held.pop(offer_id, None)
        if not offer:
            return
        room, made = amounts(offer["resources"]), []
        while not self.said("quiet") and len(self.live()) + len(made) < MOST_TASKS and len(made) < 3:
            task, info = self.new_task(offer)
            room["cpus"], room["mem"] = room.get("cpus", 0) - task["cpus"], room.get("mem", 0) - task["mem"]
            if room["cpus"] < -1e-6 or room["mem"] < -1e-6:
                self.count -= 1
                break
            made.append((task, info))
        agent = offer["agent_id"]["value"]
        if not made:
            self.record("decline", offer=offer_id)
            self.decline(offer, self.random.choice((0.2, 1, 3)))
            return
        for task, _ in made:
            self.tasks[task["id"]] = {"agent": agent, "state": None, "long": task["long"], "told": 0}
        self.record("launch", offer=offer_id, agent=agent, tasks=[task for task, _ in made])
        self.accept(offer, [info for _, info in made], refuse_seconds=self.random.choice((0, 0.5, 2)))
        self.record("launched", offer=offer_id)

    def ask(self):
        """Explicit reconciliation, of all that is not known to be over; in between some long task may be ended."""
        live = self.live()
        if live:
            self.call("RECONCILE", reconcile={"tasks": [{"task_id": {"value": name}, "agent_id": {"value": task["agent"]}}
                                                        for name, task in live.items()]})
        ending = self.said("end")
        for name, task in live.items():
            if task["state"] == "TASK_RUNNING" and (ending or task["long"] and self.random.random() < 0.05
                                                    and not self.said("quiet")):
                self.end(name)

    def drained(self, since):
        """Whether all is over; what a whole cluster calls lost or unknown is over too."""
        return all(task["state"] in AWAY and task["told"] > since for task in self.live().values())

    def serve(self):
        quick = self.said("end") or self.said("quiet")
        if time.monotonic() - self.asked > (2 if quick else 7):
            self.asked = time.monotonic()
            self.ask()
        now = time.monotonic()
        due = [offer for at, offer in self.later if at <= now]
        self.later = [(at, offer) for at, offer in self.later if at > now]
        for offer in due:
            self.use(offer)
        try:
            self.on_event(self.events.get(timeout=0.1))
            self.heard = time.monotonic()
            while True:
                self.on_event(self.events.get_nowait())
        except queue.Empty:
            pass

    def run(self):
        ended = None
        while True:
            if not self.subscribe():
                time.sleep(0.3)
                continue
            try:
                while True:
                    self.serve()
                    ended = ended or (time.time() if self.said("end") else None)
                    if ended and self.drained(ended):
                        self.record("drained")
                        self.call("TEARDOWN")
                        return
            except (OSError, http.client.HTTPException, CallFailed) as error:
                self.record("disconnected", why=f"{type(error).__name__}: {error}"[:300])
                self.drop()
                time.sleep(0.2)

    def drop(self):
        """Closes the stream; its reader ends by itself."""
        try:
            self.connection.sock.shutdown(2)
        except (OSError, AttributeError):
            pass


def main(kind=Framework):
    parser = argparse.ArgumentParser(description="a framework of a chaos run")
    parser.add_argument("name")
    for word in ("history", "ran", "control", "masters", "seed"):
        parser.add_argument("--" + word, required=True)
    parser.add_argument("--aware", action="store_true")
    kind(parser.parse_args()).run()


if __name__ == "__main__":
    main()
