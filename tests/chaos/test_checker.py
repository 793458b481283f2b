# SPDX-License-Identifier: Apache-2.0
"""The checker proven: a good history passes, and each of these bad ones is found by the guarantee that it breaks."""
import copy

import pytest

import checker

ONE = {"id": "f1-1", "cpus": 1.0, "mem": 64, "seconds": 2, "code": 0, "long": False}


def line(t, who, kind, **more):
    return {"t": float(t), "who": who, "kind": kind, **more}


def update(t, state, uuid=None, task="f1-1", who="f1", **more):
    return line(t, who, "update", task=task, state=state, uuid=uuid, **more)


def elected(t, what, pid, is_elected=1, asked=None):
    return line(t, "run", "master", what=what, pid=pid, elected=is_elected, asked=t - 0.01 if asked is None else asked)


def written(zxid, session, what, epoch=None):
    return line(zxid, "zookeeper", "registry", zxid=zxid, session=session, path="/mesos/registry/" + what, epoch=epoch)


def ran(t, what, task="f1-1"):
    return line(t, "task", "ran", task=task, what=what)


def fault(begun, t, what="Kill", targets=("m1",)):
    return line(t, "run", "fault", what=what, begun=float(begun), targets=list(targets))


def good():
    """One task from its offer to its end, one that stays until it is killed; a master that dies and is followed by another."""
    two = {**ONE, "id": "f2-1", "long": True, "seconds": 3600}
    return [
        line(0, "run", "total", agents={"cpus": 4.0, "mem": 1024.0}, count=1),
        line(0, "f1", "start", aware=True), line(0, "f2", "start", aware=False),
        line(1, "f1", "offer", offer="o1", agent="A", resources={"cpus": 4.0, "mem": 1024.0}),
        line(2, "f1", "launch", offer="o1", agent="A", tasks=[ONE]),
        line(2.2, "f2", "offer", offer="o2", agent="A", resources={"cpus": 3.0, "mem": 900.0}),
        ran(2.5, "start"), update(2.6, "TASK_STARTING", "u1"), line(2.6, "f1", "acked", uuid="u1", task="f1-1"),
        update(2.7, "TASK_RUNNING", "u2"), line(2.7, "f1", "acked", uuid="u2", task="f1-1", agent="A"),
        line(3, "f2", "launch", offer="o2", agent="A", tasks=[two]), ran(3.2, "start", "f2-1"),
        update(3.3, "TASK_RUNNING", "v1", "f2-1", "f2"), line(3.4, "f2", "acked", uuid="v1", task="f2-1"),
        line(3.5, "run", "books", what="m1", agents={"A": {"total": 4.0, "tasks": 2.0, "offers": 1.0}}),
        ran(4.5, "end"), update(4.6, "TASK_FINISHED", "u3"), line(4.7, "f1", "acked", uuid="u3", task="f1-1"),
        elected(4, "m1", 10), elected(5, "m1", 10), elected(6, "m1", 10), line(6.5, "run", "exit", what="m1", code=-9, held=1, tail=[]),
        fault(6.4, 9), elected(8, "m2", 20), elected(9, "m2", 20), written(1, 100, "epoch", 1), written(2, 100, "p1"),
        written(3, 200, "epoch", 2), written(4, 200, "p1"),
        update(15, "TASK_LOST", None, "f2-1", "f2", reason="REASON_AGENT_REMOVED"),
        update(20, "TASK_RUNNING", None, "f2-1", "f2", reason="REASON_AGENT_REREGISTERED"),
        line(30, "run", "quiet", equal=True, why=[]),
        line(31, "f2", "kill", task="f2-1"), ran(31.1, "killed", "f2-1"), update(31.2, "TASK_KILLED", "v2", "f2-1", "f2"),
        line(33, "run", "ended", drained=True),
    ]


def without(history, *, kind=None, **wanted):
    return [item for item in history if not ((kind is None or item["kind"] == kind) and all(item.get(k) == v for k, v in wanted.items()))]


def test_a_good_history():
    assert checker.check(good()) == []
    assert checker.figures(good())["leaders"] == 2


BAD = {
    "run twice": ("run_once", lambda h: h + [ran(10, "start")]),
    "ran unasked": ("run_once", lambda h: h + [ran(10, "start", "f1-9")]),
    "two ends": ("final_is_final", lambda h: h + [update(12, "TASK_FAILED", "u9")]),
    "gone, then running": ("final_is_final", lambda h: h + [update(2.1, "TASK_GONE", reason="REASON_RECONCILIATION")]),
    "finished and dropped": ("final_is_final", lambda h: h + [update(12, "TASK_DROPPED", "u9")]),
    "gone and dropped, and it had run": ("final_is_final", lambda h: without(h, state="TASK_FINISHED") + [
        update(12, "TASK_GONE"), update(13, "TASK_DROPPED", "u9")]),
    "backwards": ("final_is_final", lambda h: h + [update(13, "TASK_STARTING", "u9")]),
    "an end never told": ("ends_are_told", lambda h: without(h, kind="update", state="TASK_FINISHED")),
    "a false end": ("ends_are_told", lambda h: without(h, kind="ran", what="end")),
    "finished without a run": ("ends_are_told", lambda h: without(h, kind="ran", task="f1-1")),
    "killed unasked": ("ends_are_told", lambda h: without(h, kind="kill")),
    "lost that should live": ("ends_are_told", lambda h: without(without(h, kind="kill"), state="TASK_KILLED") +
                              [update(31.2, "TASK_FAILED", "v2", "f2-1", "f2")]),
    "lost for ever": ("ends_are_told", lambda h: without(without(h, kind="kill"), state="TASK_KILLED") +
                      [update(31.2, "TASK_LOST", None, "f2-1", "f2")]),
    "no end at all": ("ends_are_told", lambda h: without(h, state="TASK_KILLED")),
    "running, nobody told": ("ends_are_told", lambda h: without(h, kind="update", task="f2-1")),
    "acknowledged, sent again": ("acknowledged_is_done", lambda h: h + [update(40, "TASK_RUNNING", "u2")]),
    "sent again much after a fault": ("acknowledged_is_done", lambda h: h + [update(60, "TASK_RUNNING", "u2"), fault(20, 25)]),
    "sent again though other machines had faults": ("acknowledged_is_done", lambda h: h + [
        line(30, "run", "agent", what="a1", id="A"), fault(2, 40, targets=["a2", "f2"]), update(40, "TASK_RUNNING", "u2", agent="A")]),
    "sent again though another master had faults": ("acknowledged_is_done", lambda h: h + [
        line(0, "run", "machine", what="m2", ip="10.0.0.2"), line(0.5, "f1", "subscribed", master="10.0.0.2:5050"),
        line(30, "run", "agent", what="a1", id="A"), fault(2, 40, targets=["m1", "z1"]), update(40, "TASK_RUNNING", "u2", agent="A")]),
    "sent again though the next one had come": ("acknowledged_is_done", lambda h: h + [
        fault(2.5, 3.5, targets=["a1", "f1", "m1"]), fault(4, 5, targets=["a1", "f1", "m1"]), update(40, "TASK_STARTING", "u1")]),
    "sent again to the next process": ("acknowledged_is_done", lambda h: h + [
        fault(2.5, 3, targets=["f1"]), line(20, "f1", "start", aware=True), update(40, "TASK_RUNNING", "u2")]),
    "two leaders": ("one_leader", lambda h: h + [elected(7.5, "m1", 10), elected(8.7, "m1", 10)]),
    "a leader that slept": ("one_leader", lambda h: without(h, kind="exit") + [elected(12, "m1", 10, asked=11)]),
    "the epoch stays": ("one_writer", lambda h: h + [written(5, 300, "epoch", 2)]),
    "a former leader writes": ("one_writer", lambda h: h + [written(5, 100, "p1")]),
    "a stranger writes": ("one_writer", lambda h: h + [written(5, 300, "manifest")]),
    "offered twice": ("nothing_twice", lambda h: [{**i, "resources": {"cpus": 4.0, "mem": 900.0}} if i.get("offer") == "o2" and
                                                  i["kind"] == "offer" else i for i in h]),
    "memory offered twice": ("nothing_twice", lambda h: [{**i, "resources": {"cpus": 3.0, "mem": 1000.0}} if i.get("offer") == "o2" and
                                                         i["kind"] == "offer" else i for i in h]),
    "books beyond the total": ("nothing_twice", lambda h: h + [line(4, "run", "books", what="m1", agents={
        "A": {"total": 4.0, "tasks": 2.0, "offers": 2.5}})]),
    "unequal books": ("books_are_equal", lambda h: h + [line(30.5, "run", "quiet", equal=False, why=["task f1-1"])]),
    "not to be ended": ("books_are_equal", lambda h: h + [line(34, "run", "ended", drained=False)]),
    "an agent crashes": ("nobody_falls", lambda h: h + [line(9, "run", "exit", what="a1", code=-11, held=0, tail=[])]),
    "an agent gives up": ("nobody_falls", lambda h: h + [line(9, "run", "exit", what="a1", code=1, held=0, tail=[])]),
    "a master crashes": ("nobody_falls", lambda h: h + [line(9, "run", "exit", what="m2", code=-6, held=0, tail=[])]),
    "a crash on a full disk": ("nobody_falls", lambda h: h + [fault(8, 10, "FullDisk", ["a1"]),
                                                              line(9, "run", "exit", what="a1", code=-6, held=0, tail=[])]),
    "TASK_LOST to who knows better": ("each_is_told_what_it_knows", lambda h: h + [update(2.3, "TASK_LOST")]),
    "TASK_UNREACHABLE to who does not": ("each_is_told_what_it_knows", lambda h: h + [update(16, "TASK_UNREACHABLE", None, "f2-1", "f2")]),
    "an error": ("each_is_told_what_it_knows", lambda h: h + [line(9, "f1", "error", message="Framework has been removed")]),
    "failed over though every subscription was answered": ("each_is_told_what_it_knows", lambda h: h + [
        line(9, "f1", "ask", master="m1"), line(9.1, "f1", "answered", master="m1"),
        line(20, "f1", "error", message="Framework failed over")]),
    "failed over twice after one late subscription": ("each_is_told_what_it_knows", lambda h: h + [
        line(9, "f1", "ask", master="m1"), line(20, "f1", "error", message="Framework failed over"),
        line(30, "f1", "error", message="Framework failed over")]),
    "failed over by the subscription of another": ("each_is_told_what_it_knows", lambda h: h + [
        line(9, "f2", "ask", master="m1"), line(20, "f1", "error", message="Framework failed over")]),
    "refused": ("each_is_told_what_it_knows", lambda h: h + [line(9, "f1", "refused", status=403, text="no")]),
    "an agent's new name": ("agents_keep_their_names", lambda h: h + [line(9, "run", "books", what="m1", agents={
        "B": {"total": 4.0, "tasks": 0, "offers": 0}})]),
}


@pytest.mark.parametrize("name", BAD)
def test_a_broken_guarantee(name):
    guarantee, breaks = BAD[name]
    found = checker.check(breaks(copy.deepcopy(good())))
    assert any(sentence.startswith(guarantee + ": ") for sentence in found), found


EXCUSED = {
    "an acknowledgement that a fault may have swallowed": lambda h: h + [fault(4.5, 5.5), update(16, "TASK_FINISHED", "u3")],
    "an agent that an acknowledgement may not have reached": lambda h: h + [
        line(30, "run", "agent", what="a1", id="A"), fault(4, 5, targets=["a1"]), update(40, "TASK_FINISHED", "u3", agent="A")],
    "a copy of what was followed, under way": lambda h: h + [update(8, "TASK_STARTING", "u1")],
    "a copy of what was followed, held up by a fault": lambda h: h + [fault(3, 25), update(30, "TASK_STARTING", "u1")],
    "a subscription that comes when it was given up": lambda h: h + [
        line(9, "f1", "ask", master="m1"), line(19, "f1", "ask", master="m2"), line(19.1, "f1", "answered", master="m2"),
        line(30, "f1", "error", message="Framework failed over")],
    "a copy that was under way": lambda h: h + [update(8, "TASK_RUNNING", "u2")],
    "an executor that was killed": lambda h: without(without(h, kind="kill"), state="TASK_KILLED") + [
        line(30.9, "run", "victim", task="f2-1"), update(31.2, "TASK_FAILED", "v2", "f2-1", "f2")],
    "a launch that never arrived": lambda h: h + [
        line(20, "f1", "launch", offer="o9", agent="A", tasks=[{**ONE, "id": "f1-2"}]), update(22, "TASK_GONE", task="f1-2")],
    "a launch that never arrived, as two tell it": lambda h: h + [
        line(20, "f1", "launch", offer="o9", agent="A", tasks=[{**ONE, "id": "f1-2"}]), update(22, "TASK_GONE", task="f1-2"),
        update(23, "TASK_DROPPED", "w1", task="f1-2")],
    "a launch that was refused as the framework asked after it": lambda h: h + [
        line(20, "f1", "launch", offer="o9", agent="A", tasks=[{**ONE, "id": "f1-2"}]),
        update(22, "TASK_DROPPED", task="f1-2", reason="REASON_INVALID_OFFERS"), update(22.1, "TASK_GONE", task="f1-2")],
    "reconciliation that is ahead of the agent's stream": lambda h: without(h, uuid="u2") + [
        update(4.55, "TASK_FINISHED", reason="REASON_RECONCILIATION"), update(4.58, "TASK_RUNNING", "u2")],
    "a master that may lead no more": lambda h: h + [line(9, "run", "exit", what="m2", code=1, held=0, tail=[])],
    "a ZooKeeper server that leaves": lambda h: h + [line(9, "run", "exit", what="z1", code=1, held=0, tail=[])],
    "an offer that was rescinded": lambda h: h + [line(3.1, "f1", "offer", offer="o3", agent="A", resources={"cpus": 4.0, "mem": 1.0}),
                                                  line(3.2, "f1", "rescind", offer="o3")],
    "a leader that comes after": lambda h: h + [elected(6.2, "m1", 10), elected(6.3, "m1", 10, 0), elected(20, "m1", 10, 0)],
}


@pytest.mark.parametrize("name", EXCUSED)
def test_what_is_no_violation(name):
    assert checker.check(EXCUSED[name](copy.deepcopy(good()))) == []
