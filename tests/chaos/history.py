# SPDX-License-Identifier: Apache-2.0
"""What happened in a run, as lines of JSON: {"t": seconds, "who": ..., "kind": ..., ...}. Each line is one write, so that a
killed writer leaves whole lines, and a framework that comes back reads from its own what it was doing.

Kinds, by who writes them. Frameworks: start (pid, aware, speaks), ask (before a subscription: master), answered, subscribed
(master, reign, framework_id), disconnected, offer (offer, agent, resources, reign), rescind, launch (offer, agent, tasks; before the call), launched (status of the call), decline, update
(task, state, uuid, agent, reason, source), ack (before the call), acked, kill, error, failure, heartbeat, drained. The run:
fault (what, targets, begun), master (elected, pid, asked), books (agents), exit (code), victim (task),
quiet, agent (what, id), machine (what, ip), total, ended.
ZooKeeper's logs: registry (zxid, session, path, epoch). What really ran, from the tasks' own files: ran (task, what = start|end|killed)."""
import json
import os
import threading
import time


class Recorder:
    def __init__(self, path, who):
        self.fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        self.who, self.lock = who, threading.Lock()

    def __call__(self, kind, **more):
        line = {"t": time.time(), "who": self.who, "kind": kind, **more}
        with self.lock:
            os.write(self.fd, (json.dumps(line) + "\n").encode())
        return line


def read(path):
    with open(path, encoding="utf-8") as f:
        return [json.loads(line) for line in f if line.endswith("\n")]


def really_ran(directory):
    """What tasks wrote about themselves."""
    found = []
    for task in sorted(os.listdir(directory)):
        with open(os.path.join(directory, task), encoding="utf-8") as f:
            for line in f:
                words = line.split()
                if len(words) >= 2:
                    found.append({"t": float(words[1]), "who": "task", "kind": "ran", "task": task, "what": words[0]})
    return found


def whole(directory):
    """The history of a run's directory, in order of time."""
    lines = really_ran(os.path.join(directory, "ran"))
    for name in sorted(os.listdir(directory)):
        if name.endswith(".jsonl"):
            lines += read(os.path.join(directory, name))
    return sorted(lines, key=lambda line: line["t"])
