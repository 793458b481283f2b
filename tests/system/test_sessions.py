# SPDX-License-Identifier: Apache-2.0
"""Sessions in containers, attached input and output, terminals."""
import base64
import glob
import hashlib
import http.client
import os
import re
import signal
import socket
import tempfile
import threading
import time

import pytest

from agent_api import Input, container
from cluster import wait_for
from test_containers import THEIR_ROOT, Box, parts, recorded


@pytest.fixture(scope="module")
def box():
    made = Box(tempfile.mkdtemp(prefix="cm-"), http_heartbeat_interval="500ms")
    yield made
    made.close()


def switchboards(box, name="**"):
    """Pids of the helpers below this cluster's runtime directory, or that of one nested container."""
    found = []
    for path in glob.glob(os.path.join(box.cluster.directory, "agent1.run", "containers", "**", name, "io_switchboard",
                                       "pid"), recursive=True):
        with open(path, encoding="ascii") as file:
            found.append(int(file.read()))
    return found


def test_session_without_a_terminal(box):
    names = (box.root, "s1")
    session = box.api.session(names, "echo out; echo err >&2; pwd; echo $MESOS_SANDBOX $MESOS_TASK_ID $X; tty; exit 2")
    assert session.ended.wait(60) and session.whole
    assert session.headers["Content-Type"] == "application/recordio"
    assert session.headers["Message-Content-Type"] == "application/json"
    parent = box.sandbox()
    assert session.out.decode().splitlines() == ["out", parent, parent, "not a tty"]
    assert session.err == b"err\n"
    assert box.api.wait(names) == {"exit_status": 2 << 8}
    assert box.read("stdout", "s1").startswith("out\n") and box.read("stderr", "s1") == "err\n"  # the logger has it too
    assert not switchboards(box, "s1")
    box.api.remove(names)


def test_session_inherits_the_parents_environment(box):
    box.api.launch((box.root, "outer"), {"value": "sleep 1000", "environment": {
        "variables": [{"name": "A", "value": "outer"}, {"name": "B", "value": "outer"}]}})
    session = box.api.session((box.root, "outer", "inner"), "")
    session.ended.wait(60)
    body = {"value": "echo $A $B $MESOS_SANDBOX", "environment": {"variables": [{"name": "B", "value": "inner"}]}}
    session = box.api.session((box.root, "outer", "inner2"), body)
    assert session.ended.wait(60)
    assert session.out.decode().split() == ["outer", "inner", box.sandbox("outer")]
    session = box.api.session((box.root, "env"), "env")  # in an executor's: what the executor has
    assert session.ended.wait(60)
    assert b"MESOS_FRAMEWORK_ID=" + box.scheduler.framework_id.encode() in session.out
    box.api.kill((box.root, "outer"))


def test_stdin_through_pipes(box):
    names = (box.root, "cat")
    session = box.api.session(names, "cat; echo end")
    attached = box.api.attach_input(names)
    attached.heartbeat()
    attached.data(b"one\n")
    wait_for(lambda: session.out == b"one\n", 5)
    attached.data(b"two\n")
    attached.data(b"")  # its standard input ends
    attached.end()
    assert attached.answer() in ((200, ""), (500, "Disconnected"))
    assert session.ended.wait(60) and session.whole
    assert session.out == b"one\ntwo\nend\n"
    assert box.api.wait(names) == {"exit_status": 0}


def test_input_may_come_again(box):
    """An attached input that ends without the end of standard input leaves it open; two at a time are refused."""
    names = (box.root, "again")
    session = box.api.session(names, "read a; read b; echo $a$b")
    first = box.api.attach_input(names)
    first.data(b"x\n")
    time.sleep(0.1)
    second = box.api.attach_input(names)
    second.data(b"z\n")
    assert second.answer() == (409, "Multiple input connections are not allowed")
    first.end()
    assert first.answer() == (200, "")
    third = box.api.attach_input(names)
    third.data(b"y\n")
    assert session.ended.wait(60) and session.out == b"xy\n"
    assert third.answer() == (500, "Disconnected")


def test_terminal(box):
    names = (box.root, "tty")
    session = box.api.session(names, "test -t 0 && test -t 1 && test -t 2 && echo yes; stty size; "
                                     "trap 'echo int; stty size' INT; trap 'echo winch' WINCH; "
                                     "while :; do read line && echo got $line; test \"$line\" = quit && exit 3; done",
                              tty={"window_size": {"rows": 25, "columns": 81}})
    wait_for(lambda: b"25 81" in session.out, 5)
    assert session.out.startswith(b"yes\r\n25 81\r\n")  # the terminal makes CR LF of a line's end
    attached = box.api.attach_input(names)
    attached.data(b"hello\n")
    wait_for(lambda: b"got hello" in session.out, 5)
    attached.window(40, 120)
    wait_for(lambda: b"winch" in session.out, 5)
    attached.data(b"\x03")
    wait_for(lambda: b"int\r\n40 120" in session.out, 5)
    attached.data(b"quit\n")
    assert session.ended.wait(60) and session.whole
    assert attached.answer() == (500, "Disconnected")
    assert box.api.wait(names) == {"exit_status": 3 << 8}
    assert "got hello" in box.read("stdout", "tty") and box.read("stderr", "tty") == ""


def test_terminal_interrupts_the_program(box):
    names = (box.root, "ctrlc")
    other = box.api.session((box.root, "ctrld"), "cat", tty=True)
    typed = box.api.attach_input((box.root, "ctrld"))
    typed.data(b"x\n\x04")  # the end of the input as it is typed
    assert other.ended.wait(60) and other.whole and other.out == b"x\r\nx\r\n"
    assert typed.answer() == (500, "Disconnected")
    session = box.api.session(names, "sleep 1000", tty=True)
    attached = box.api.attach_input(names)
    time.sleep(0.3)
    attached.data(b"\x03")
    assert session.ended.wait(60)
    assert box.api.wait(names)["exit_status"] in (signal.SIGINT, (128 + signal.SIGINT) << 8)


def test_job_control(box):
    """An interactive shell finds a terminal of its own: it says so if it does not."""
    names = (box.root, "bash")
    session = box.api.session(names, "exec bash --norc --noprofile -i", tty=True)
    attached = box.api.attach_input(names)
    attached.data(b"sleep 100\n")
    time.sleep(0.5)
    attached.data(b"\x1a")
    wait_for(lambda: b"Stopped" in session.out, 5)
    attached.data(b"jobs; exit 4\nexit 4\n")
    assert session.ended.wait(60)
    assert b"no job control" not in session.out and b"cannot set terminal" not in session.out
    assert box.api.wait(names) == {"exit_status": 4 << 8}


def test_as_another_user(box):
    if os.geteuid() != 0:
        pytest.skip("needs root to become another user")
    session = box.api.session((box.root, "nobody"), {
        "value": "id -un; echo to the terminal > $(tty)", "user": "nobody"}, tty=True)
    assert session.ended.wait(60)
    assert session.out == b"nobody\r\nto the terminal\r\n", session.text


def test_client_that_leaves_takes_the_session_along(box):
    names = (box.root, "leaves")
    session = box.api.session(names, "sleep 1000")
    session.close()
    assert box.api.wait(names, 10) == {"exit_status": 9}
    assert not switchboards(box, "leaves")


def test_several_attached_outputs(box):
    names = (box.root, "many")
    session = box.api.session(names, "read x; for i in 1 2 3; do echo $i; done; echo e >&2")
    others = [box.api.attach_output(names) for _ in range(5)]
    gone = box.api.attach_output(names)
    gone.close()
    attached = box.api.attach_input(names)
    attached.data(b"\n")
    for one in others + [session]:
        assert one.ended.wait(60) and one.whole
        assert (one.out, one.err) == (b"1\n2\n3\n", b"e\n")
    box.api.wait(names)
    assert box.api.attach_output(names).text == f"Unknown container {box.root}.many"


def test_much_output_comes_whole(box):
    """More than all buffers between, to a client that begins to read late: nothing is lost and nobody buffers it all."""
    names = (box.root, "much")
    size = 30 << 20
    connection, answer = box.api.raw({"type": "LAUNCH_NESTED_CONTAINER_SESSION", "launch_nested_container_session": {
        "container_id": container(*names), "command": {"value": f"head -c {size} /dev/zero; echo end >&2"}}},
        {"Accept": "application/recordio", "Message-Accept": "application/x-protobuf"})
    assert answer.getheader("Message-Content-Type") == "application/x-protobuf"
    time.sleep(1)
    for pid in switchboards(box, "much"):
        with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
            dirty = int(re.search(r"Private_Dirty:\s+(\d+)", file.read()).group(1))
        assert dirty < 12 << 10, "the switchboard buffers what the client does not read"
    got = answer.read()
    connection.close()
    assert got.count(b"\0") >= size and got.count(b"end\n") == 1
    assert box.api.wait(names) == {"exit_status": 0}
    assert os.path.getsize(os.path.join(box.sandbox("much"), "stdout")) == size


def test_much_input_comes_whole(box):
    names = (box.root, "sum")
    session = box.api.session(names, "sleep 1; md5sum")
    attached = box.api.attach_input(names)
    data = os.urandom(500_000)
    for _ in range(12):
        attached.data(data)
    attached.data(b"")
    attached.end()
    assert attached.answer()[0] in (200, 500)
    assert session.ended.wait(60)
    assert session.out.split()[0].decode() == hashlib.md5(data * 12).hexdigest()


def test_slow_attached_output_is_cut_off(box):
    """It must not stop the container: a session does, another reader does not."""
    names = (box.root, "slow")
    connection, answer = None, None
    box.api.launch(names, "sleep 0.7; head -c 40000000 /dev/zero; exit 5",
                   container={"type": "MESOS", "tty_info": {}})
    connection, answer = box.api.raw({"type": "ATTACH_CONTAINER_OUTPUT",
                                      "attach_container_output": {"container_id": container(*names)}},
                                     {"Accept": "application/recordio", "Message-Accept": "application/json"})
    assert answer.status == 200
    assert box.api.wait(names, 20) == {"exit_status": 5 << 8}
    connection.close()


def test_restart_in_the_middle_of_a_session(box):
    """A session ends with its agent; a terminal that was not a session's goes on, and what it says is not lost."""
    session = box.api.session((box.root, "old"), "sleep 1000")
    box.api.launch((box.root, "kept"), "echo first; read x; echo got $x; read y; exit 7",
                   container={"type": "MESOS", "tty_info": {}})
    attached = box.api.attach_output((box.root, "kept"))
    assert len(switchboards(box, "old") + switchboards(box, "kept")) == 2
    box.agent.kill()
    assert session.ended.wait(60) and not session.whole
    assert attached.ended.wait(60) and not attached.whole
    box.agent.start()
    wait_for(lambda: box.agent.get("/metrics/snapshot").get("slave/registered") == 1, 20)
    assert box.api.wait((box.root, "old"), 10) == {"exit_status": 9}
    attached = box.api.attach_output((box.root, "kept"))
    typed = box.api.attach_input((box.root, "kept"))
    typed.data(b"me\n")
    wait_for(lambda: b"got me" in attached.out, 5)
    typed.data(b"\n")
    assert attached.ended.wait(60) and attached.whole
    assert box.api.wait((box.root, "kept")) == {"exit_status": 7 << 8}
    out = box.read("stdout", "kept")
    assert out.startswith("first\n") and "got me\n" in out
    assert not switchboards(box, "old") and not switchboards(box, "kept")


def test_death_of_the_switchboard(box):
    names = (box.root, "dead")
    session = box.api.session(names, "cat")
    os.kill(switchboards(box, "dead")[0], signal.SIGKILL)
    assert session.ended.wait(60) and not session.whole
    assert box.api.wait(names, 10)["exit_status"] in (0, 9)  # its input ended, or it was killed first
    assert box.agent.get("/health", raw=True) is not None


def test_top_level_task_with_a_terminal(box):
    root = box.task("shell", "tty; stty size; read x; echo got $x; sleep 1000", container={
        "type": "MESOS", "tty_info": {"window_size": {"rows": 30, "columns": 90}}})
    output = box.api.attach_output((root,))
    typed = box.api.attach_input((root,))
    typed.window(31, 91)
    typed.data(b"abc\n")
    wait_for(lambda: b"got abc\r\n" in output.out, 5)
    sandbox = os.path.realpath(box.cluster.sandbox(box.scheduler.framework_id, "shell"))
    with open(os.path.join(sandbox, "stdout"), encoding="utf-8") as file:
        text = file.read()
    assert "/dev/pts/" in text and "30 90" in text
    typed.data(b"\x03")
    assert box.scheduler.until("shell", ["TASK_FAILED"])[-1]["message"]
    assert output.ended.wait(60)


@pytest.mark.parametrize("record,text", [
    ({"type": "PROCESS_IO"}, "Expecting 'attach_container_input.process_io' to be present"),
    ({"type": "CONTAINER_ID", "container_id": {"value": "x"}}, "to be PROCESS_IO"),
    ({"type": "PROCESS_IO", "process_io": {}}, "'attach_container_input.process_io.type'"),
    ({"type": "PROCESS_IO", "process_io": {"type": "DATA"}}, "'attach_container_input.process_io.data'"),
    ({"type": "PROCESS_IO", "process_io": {"type": "DATA", "data": {"data": "eA=="}}}, "process_io.data.type"),
    ({"type": "PROCESS_IO", "process_io": {"type": "DATA", "data": {"type": "STDOUT", "data": "eA=="}}}, "to be STDIN"),
    ({"type": "PROCESS_IO", "process_io": {"type": "DATA", "data": {"type": "STDIN"}}}, "process_io.data.data"),
    ({"type": "PROCESS_IO", "process_io": {"type": "DATA", "data": {"type": "STDIN", "data": "?"}}}, "data"),
    ({"type": "PROCESS_IO", "process_io": {"type": "CONTROL"}}, "process_io.control'"),
    ({"type": "PROCESS_IO", "process_io": {"type": "CONTROL", "control": {}}}, "process_io.control.type"),
    ({"type": "PROCESS_IO", "process_io": {"type": "CONTROL", "control": {"type": "TTY_INFO"}}}, "control.tty_info"),
    ({"type": "PROCESS_IO", "process_io": {"type": "CONTROL", "control": {"type": "HEARTBEAT"}}}, "control.heartbeat"),
])
def test_bad_records(box, listener, record, text):
    attached = box.api.attach_input(listener)
    attached.record(record)
    status, got = attached.answer()
    assert status == 400 and text in got


@pytest.fixture(scope="module")
def listener(box):
    names = (box.root, "listener")
    session = box.api.session(names, "cat", tty=True)
    yield names
    session.close()
    box.api.wait(names)


@pytest.mark.parametrize("bytes_,status,text", [
    (b"no number\n{}", 400, ""), (b"-5\n{}", 400, ""), (b"99999999999999999999999999\n", 413, "bytes"),
    (b"50000000\nx", 413, "at most 1048576 bytes"), (b"3\n{x}", 400, "JSON"), (b"2\n{}", 400, ""),
    (b"11\n[[[[[[[[[[[", 400, ""), (b"0\n", 400, "")])
def test_garbage_instead_of_records(box, listener, bytes_, status, text):
    attached = box.api.attach_input(listener)
    attached.chunk(bytes_)
    got = attached.answer()
    assert got[0] == status and text in got[1], got
    first = Input(box.agent.port, listener, first=False)  # the same as the first record
    first.chunk(bytes_)
    first.end()
    assert first.answer()[0] in (400, 413)


def test_input_that_ends_in_a_record(box, listener):
    attached = box.api.attach_input(listener)
    attached.chunk(b"20\n{")
    attached.end()
    assert attached.answer() == (400, "Received EOF in the middle of a record")
    attached = box.api.attach_input(listener)  # and one whose client just goes
    attached.data(b"x")
    attached.socket.close()
    again = box.api.attach_input(listener)
    again.end()
    wait_for(lambda: again.answer() == (200, "") or True, 5)


def test_first_record(box, listener):
    attached = Input(box.agent.port, listener, first=False)
    attached.data(b"x")
    status, text = attached.answer()
    assert status == 400 and "to be CONTAINER_ID" in text
    attached = Input(box.agent.port, listener, first=False)
    attached.record({"type": "CONTAINER_ID"})
    assert "attach_container_input.container_id" in attached.answer()[1]
    for names, text in (((box.root, "nosuch"), f"Unknown container {box.root}.nosuch"),
                        (("nosuch",), "Unknown container nosuch"),
                        ((box.root,), "I/O switchboard server was disabled for this container")):
        assert box.api.attach_input(names).answer() == (500, text)
        assert box.api.attach_output(names).text == text
    for name in ("../x", "a.b", ""):
        assert box.api.attach_input((box.root, name)).answer()[0] == 400
        assert box.api.attach_output((box.root, name)).status == 400


def test_many_attached(box, listener):
    """More than the switchboard takes: some are refused, those before them go on."""
    outputs = [box.api.attach_output(listener) for _ in range(70)]
    good = [one for one in outputs if one.status == 200]
    assert 50 <= len(good) <= 64
    assert {one.status for one in outputs} == {200, 500}
    attached = box.api.attach_input(listener) if len(good) < 60 else None
    for one in good[:10]:
        one.close()
    if attached:
        attached.end()
    time.sleep(0.2)
    assert box.api.attach_output(listener).status == 200
    for one in good[10:]:
        one.close()


def test_heartbeats(box):
    session = box.api.session((box.root, "silent"), "sleep 1.7; echo said")
    assert session.ended.wait(60) and session.whole
    assert session.out == b"said\n" and 2 <= session.heartbeats <= 5


class Replayed:
    """A recorded request, sent as it was with our root container's id; its answer is read in the background."""

    def __init__(self, box, number):
        request, self.expected = recorded(number)
        self.socket = socket.create_connection(("127.0.0.1", box.agent.port), timeout=30)
        self.head, self.body = request.replace(THEIR_ROOT.encode(), box.root.encode()).split(b"\r\n\r\n", 1)
        self.got = b""
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()

    def send(self, body=None):
        self.socket.sendall(self.head + b"\r\n\r\n" + (self.body if body is None else body))
        return self

    def _read(self):
        try:
            while data := self.socket.recv(65536):
                self.got += data
                if self.got.endswith(b"\r\n0\r\n\r\n") or b"Content-Length" in self.got:
                    break
        except OSError:
            pass

    def ends(self):
        self.thread.join(60)
        assert not self.thread.is_alive()
        self.socket.close()
        return self

    def same_head(self):
        ours, theirs = parts(self.got), parts(self.expected)
        assert ours[0] == theirs[0] and set(ours[1]) == set(theirs[1]), (self.got, self.expected)

    @staticmethod
    def said(answer):
        """Bytes of all DATA records of a JSON stream."""
        return b"".join(base64.b64decode(data) for data in re.findall(rb'"data":"([^"]*)"', answer))


def split_records(body):
    """The recorded request's chunks, each with its framing."""
    chunks = []
    while body:
        size = int(body.split(b"\r\n", 1)[0], 16)
        end = body.index(b"\r\n") + 2 + size + 2
        chunks.append(body[:end])
        body = body[end:]
    return chunks


def test_recorded_terminal(box):
    """Records 76 and 77 of the trace: cat on a terminal, typed to, then the end of its input."""
    session = Replayed(box, 76).send()
    wait_for(lambda: b"\r\n\r\n" in session.got, 5)
    typed = Replayed(box, 77)
    chunks = split_records(typed.body)
    typed.send(b"".join(chunks[:4]))
    wait_for(lambda: len(session.said(session.got)) == len(session.said(session.expected)), 5)
    typed.socket.sendall(b"".join(chunks[4:5]))
    session.ends().same_head()
    assert session.said(session.got) == session.said(session.expected)
    typed.ends().same_head()
    assert typed.got.endswith(b"Disconnected")
    refused = Replayed(box, 78).send()
    refused.ends().same_head()
    assert parts(refused.got)[2] == parts(refused.expected)[2]


def test_recorded_attaching(box):
    """79 to 82: a session, typed to by a client that ends first, and two more that watch, one in protobuf."""
    session = Replayed(box, 79).send()
    wait_for(lambda: b"tick 1" in session.said(session.got), 5)
    typed = Replayed(box, 80).send()
    typed.ends().same_head()
    watching, watching_too = Replayed(box, 81).send(), Replayed(box, 82).send()
    wait_for(lambda: b"\r\n\r\n" in watching_too.got and b"\r\n\r\n" in watching.got, 5)
    for one in (session, watching, watching_too):
        one.ends().same_head()
    said = session.said(session.got)
    assert said.startswith(b"tick 1\r\n") and b"typed\r\n" in said and said.endswith(b"tick 4\r\n")
    assert watching.said(watching.got).endswith(b"tick 2\r\ntick 3\r\ntick 4\r\n")
    record = re.search(rb"16\n([^\n]*tick 4\r\n)", watching_too.expected, re.S).group(1)
    assert b"16\n" + record in watching_too.got  # the same bytes


def test_recorded_client_that_leaves(box):
    session = Replayed(box, 88).send()
    wait_for(lambda: b"\r\n\r\n" in session.got, 5)
    session.same_head()
    session.socket.shutdown(socket.SHUT_WR)
    waiting = Replayed(box, 89).send()
    waiting.ends().same_head()
    assert parts(waiting.got)[2] == parts(waiting.expected)[2]
    session.socket.close()


def test_recorded_exchanges(box):
    """The answers that the trace has for sessions and attached streams, but for those that it left open."""
    for number in (75, 83, 84, 85, 86, 87):
        request, expected = recorded(number)
        request = request.replace(THEIR_ROOT.encode(), box.root.encode())
        with socket.create_connection(("127.0.0.1", box.agent.port), timeout=30) as connection:
            connection.sendall(request)
            response = http.client.HTTPResponse(connection, method="POST")
            response.begin()
            body = response.read()
        status, headers, their_body = parts(expected.replace(THEIR_ROOT.encode(), box.root.encode()))
        assert response.status == status, (number, body)
        assert {n for n, _ in response.getheaders()} == set(headers), number
        if status == 200:
            chunks = re.findall(rb"[0-9a-f]+\r\n(\d+\n\{.*?\})\r\n", their_body, re.S)
            assert sorted(re.findall(rb"\d+\n\{.*?\}\}", body, re.S)) == sorted(
                c for chunk in chunks for c in re.findall(rb"\d+\n\{.*?\}\}", chunk, re.S)), number
        else:
            assert body == their_body, number
