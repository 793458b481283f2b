# SPDX-License-Identifier: Apache-2.0
"""Many look at everything while tasks come, run and end: each answer is whole, adds up, and no task is lost."""
import gzip
import http.client
import json
import threading
import time

import pytest

from cluster import wait_for
from scheduler import TERMINAL, Scheduler, command_task

TASKS, POLLERS = 60, 20


def fetch(address, path, method="GET", body=None, **headers):
    connection = http.client.HTTPConnection(address, timeout=30)
    try:
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        text = answer.read()
        assert answer.status == 200, (answer.status, text[:200])
        if method != "HEAD":
            assert len(text) == int(answer.getheader("Content-Length"))
        if answer.getheader("Content-Encoding") == "gzip":
            text = gzip.decompress(text)
        return answer, text
    finally:
        connection.close()


def check_state(state):
    """What must hold at any instant."""
    shown = {}
    for framework in state["frameworks"]:
        running = {"cpus": 0.0, "mem": 0.0}
        for part in ("tasks", "unreachable_tasks", "completed_tasks"):
            for task in framework[part]:
                assert task["id"] not in shown, f"{task['id']} is shown twice"
                shown[task["id"]] = part
                assert task["framework_id"] == framework["id"]
                if part == "tasks" and task["state"] not in TERMINAL:
                    for name in running:
                        running[name] += task["resources"][name]
        for name, amount in running.items():
            assert framework["used_resources"][name] == pytest.approx(amount), (name, amount)
    used = sum(f["used_resources"]["cpus"] for f in state["frameworks"])
    assert sum(a["used_resources"]["cpus"] for a in state["slaves"]) == pytest.approx(used)
    return shown


class Poller(threading.Thread):
    def __init__(self, address, number):
        super().__init__(daemon=True)
        self.address, self.number = address, number
        self.answers, self.wrong, self.stop, self.last = 0, None, False, {}

    def run(self):
        headers = {"Accept-Encoding": "gzip"} if self.number % 4 == 1 else {}
        try:
            while not self.stop:
                if self.number % 4 == 3:
                    self.look_v1()
                else:
                    shown = check_state(json.loads(fetch(self.address, "/state", **headers)[1]))
                    # A task that was seen never vanishes while its framework is there and the history has room.
                    assert not self.last.keys() - shown.keys(), self.last.keys() - shown.keys()
                    self.last = shown
                self.answers += 1
        except Exception as e:  # shown by the test
            self.wrong = f"poller {self.number}: {type(e).__name__}: {e}"

    def look_v1(self):
        state = json.loads(fetch(self.address, "/api/v1", "POST", '{"type":"GET_STATE"}',
                                 **{"Content-Type": "application/json", "Accept": "application/json"})[1])
        tasks = state["get_state"]["get_tasks"]
        ids = [t["task_id"]["value"] for part in tasks.values() for t in part]
        assert len(ids) == len(set(ids))


def test_pollers_while_tasks_run_to_their_end(make_cluster):
    cluster = make_cluster(master_flags={"allocation_interval": "50ms"})
    scheduler = Scheduler(cluster.address, failover_timeout=60.0).subscribe()
    pollers = [Poller(cluster.address, i) for i in range(POLLERS)]
    for poller in pollers:
        poller.start()
    launched = 0
    while launched < TASKS:
        offer = scheduler.offer()
        holds = {r["name"]: r["scalar"]["value"] for r in offer["resources"] if r["type"] == "SCALAR"}
        count = min(15, TASKS - launched, int(holds.get("cpus", 0) / 0.02), int(holds.get("mem", 0) / 8))
        if count == 0:  # what others have left over
            scheduler.decline(offer)
            continue
        scheduler.accept(offer, [command_task(f"t{launched + i}", "true" if i % 2 else "sleep 0.3", offer, cpus=0.02,
                                              mem=8) for i in range(count)])
        launched += count
    names = {f"t{i}" for i in range(TASKS)}

    def all_ended():
        return {u["task_id"]["value"] for u in list(scheduler.history) if u["state"] in TERMINAL} == names
    wait_for(all_ended, timeout=60)
    time.sleep(0.3)
    for poller in pollers:
        poller.stop = True
    for poller in pollers:
        poller.join(60)
    assert not [p.wrong for p in pollers if p.wrong]
    assert all(p.answers > 2 for p in pollers), [p.answers for p in pollers]
    assert {u["state"] for u in scheduler.history if u["state"] in TERMINAL} == {"TASK_FINISHED"}

    def by_id(task):
        return task["id"]

    def all_in_history():
        shown = check_state(cluster.master.get("/state"))
        return set(shown) == names and set(shown.values()) == {"completed_tasks"}
    wait_for(all_in_history)
    state = cluster.master.get("/state")
    listed = cluster.master.get("/tasks?limit=1000")["tasks"]
    began = [task["statuses"][0]["timestamp"] for task in listed]
    assert began == sorted(began, reverse=True)
    assert sorted(listed, key=by_id) == sorted(state["frameworks"][0]["completed_tasks"], key=by_id)
    assert cluster.master.get("/tasks?limit=1000&order=asc")["tasks"] == listed[::-1]
    assert cluster.master.get("/tasks?limit=7&offset=11")["tasks"] == listed[11:18]
    assert cluster.master.get("/frameworks")["frameworks"] == state["frameworks"]
    head, nothing = fetch(cluster.address, "/state", "HEAD")
    whole, text = fetch(cluster.address, "/state")
    assert nothing == b"" and head.getheader("Content-Length") == whole.getheader("Content-Length") == str(len(text))
    assert gzip.decompress(fetch_packed(cluster.address)) == text
    jsonp = fetch(cluster.address, "/state?jsonp=f")
    assert jsonp[1] == b"f(" + text + b")" and jsonp[0].getheader("Content-Type") == "text/javascript"
    scheduler.teardown()


def fetch_packed(address):
    connection = http.client.HTTPConnection(address, timeout=30)
    connection.request("GET", "/state", headers={"Accept-Encoding": "gzip"})
    answer = connection.getresponse()
    assert answer.getheader("Content-Encoding") == "gzip"
    return answer.read()
