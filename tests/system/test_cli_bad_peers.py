# SPDX-License-Identifier: Apache-2.0
"""What answers the command line may be anything: garbage, silence, a trickle, another service. It says so, and soon."""
import json
import os
import subprocess
import tempfile
import threading
import time

import pytest

from cluster import Tree, free_port
from odd_server import Server, reply


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    return Tree(str(tmp_path_factory.mktemp("tree")))


def master_with(state):
    """A server that looks like a master whose /state is `state` (text)."""
    def answer(connection, request):
        connection.sendall(reply(state if "state" in request.split("\r\n")[0] else '{"version":"1"}'))
    return answer


def run(tree, address, *args, timeout=60):
    begun = time.monotonic()
    done = subprocess.run([tree.program("mesos"), *args], timeout=timeout, stdin=subprocess.DEVNULL, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False,
                          env={"MESOS_MASTER": address, "HOME": "/nonexistent", "PATH": os.environ["PATH"]})
    return done, time.monotonic() - begun


@pytest.fixture
def served():
    servers = []

    def serve(answer):
        servers.append(Server(answer))
        return servers[-1].address
    yield serve
    for server in servers:
        server.close()


COMMANDS = [("ps",), ("agent", "list"), ("framework", "list"), ("task", "inspect", "t"), ("cat", "t"), ("tail", "t"),
            ("state",), ("resolve",), ("events", "--for=1secs"), ("ssh", "t"), ("scp", "/etc/hostname", "/tmp"),
            ("task", "exec", "t", "true"), ("task", "attach", "t"), ("framework", "teardown", "f"), ("execute", "true")]


@pytest.mark.parametrize("args", COMMANDS)
def test_nobody_there(tree, args):
    done, took = run(tree, f"127.0.0.1:{free_port()}", *args)
    assert done.returncode == 1 and "Connection refused" in done.stderr and done.stdout == "" and took < 30
    assert len(done.stderr.splitlines()) == 1


def test_a_name_that_is_none(tree):
    done, _ = run(tree, "no-such-host.invalid:5050", "ps")
    assert done.returncode == 1 and "no-such-host.invalid" in done.stderr


def test_an_executable_that_is_no_http(tree, served):
    address = served(lambda c, r: c.sendall(b"\x00\x01SSH-2.0-hello\r\n\r\n"))
    done, took = run(tree, address, "ps")
    assert done.returncode == 1 and address in done.stderr and took < 30


@pytest.mark.parametrize("state, words", [
    ("<html>\x1b[31m no json", "no JSON"), ("", "no JSON"), ("[" * 100000, "no JSON"), ('{"slaves": [', "no JSON"),
])
def test_garbage_for_json(tree, served, state, words):
    done, took = run(tree, served(master_with(state)), "ps")
    assert done.returncode == 1 and words in done.stderr and "\x1b" not in done.stderr and took < 30


@pytest.mark.parametrize("state", [
    "[]", "7", '{"frameworks": 3, "slaves": "x"}', '{"frameworks": [1, null, {"tasks": {"a": 1}}]}',
    '{"frameworks": [{"id": 7, "tasks": [null, {"id": 3, "resources": [], "statuses": {}}]}], "slaves": [{"pid": []}]}',
])
def test_json_of_wrong_types(tree, served, state):
    address = served(master_with(state))
    for args in (("ps", "-i"), ("agent", "list"), ("framework", "list", "-a"), ("task", "inspect", "t"),
                 ("agent", "inspect", "x"), ("framework", "inspect", "x"), ("tail", "t"), ("find", "*"), ("state",)):
        done, _ = run(tree, address, *args)
        assert done.returncode in (0, 1) and "Sanitizer" not in done.stderr, done


def test_a_refusal_is_shown_and_harmless(tree, served):
    address = served(lambda c, r: c.sendall(reply("no \x1b]0;x\x07 way", "403 Forbidden")))
    done, _ = run(tree, address, "ps")
    assert done.returncode == 1 and "403 Forbidden" in done.stderr and "no \\x1b]0;x\\x07 way" in done.stderr
    assert "\x1b" not in done.stderr


def test_redirects_do_not_go_on_for_ever(tree, served):
    addresses = []  # its own place
    addresses.append(served(lambda c, r: c.sendall(reply("", "307 Temporary Redirect", f"Location: //{addresses[0]}/x\r\n"))))
    done, took = run(tree, addresses[0], "ps")
    assert done.returncode == 1 and "307" in done.stderr and took < 30


def test_silence_and_trickle(tree, served):
    """Both at once, so that the wait is paid once."""
    def trickle(connection, request):
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
        for _ in range(60):
            connection.sendall(b" ")
            time.sleep(0.5)
    results = {}

    def ask(name, address):
        results[name] = run(tree, address, "ps")
    threads = [threading.Thread(target=ask, args=(name, served(answer)))
               for name, answer in (("silence", lambda c, r: None), ("trickle", trickle))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for done, took in results.values():
        assert done.returncode == 1 and took < 25, (done, took)
    assert "too slow" in results["trickle"][0].stderr


def test_an_agent_that_is_gone(tree, served):
    """The master knows the task; its agent does not answer."""
    state = {"slaves": [{"id": "A1", "pid": f"slave(1)@127.0.0.1:{free_port()}", "hostname": "-oProxyCommand=x", "active": True}],
             "frameworks": [{"id": "F1", "tasks": [{"id": "t", "framework_id": "F1", "slave_id": "A1", "state": "TASK_RUNNING",
                                                    "statuses": [{"container_status": {"container_id": {"value": "c"}}}]}]}]}
    address = served(master_with(json.dumps(state)))
    for args in (("cat", "t"), ("tail", "t"), ("ls", "t"), ("find", "t"), ("head", "t"), ("state", "A1"),
                 ("task", "exec", "t", "true"), ("task", "attach", "t")):
        done, took = run(tree, address, *args)
        assert done.returncode == 1 and "Connection refused" in done.stderr and took < 30, (args, done)
    for args in (("ssh", "t"), ("scp", "/etc/hostname", "/tmp")):  # the agent's name is an option of ssh
        done, _ = run(tree, address, *args)
        assert done.returncode == 1 and "no host name" in done.stderr


@pytest.mark.parametrize("output, words", [
    (b"HTTP/1.1 200 OK\r\nContent-Type: application/recordio\r\nContent-Length: 9\r\n\r\nnorecord\n", "a record must begin"),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 40\r\n\r\n99999999999999999999999\n", ""),
    (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n3\n{}\r\n", ""),
    (b"HTTP/1.1 403 Forbidden\r\nContent-Length: 8\r\n\r\nno\x1b[2J!\n", "no\\x1b[2J!"),
    (b"SSH-2.0\r\n\r\n", ""),
])
def test_a_session_with_an_agent_that_is_none(tree, served, output, words):
    """What is no output ends the session with one line, at once, and with an error."""
    def agent(connection, request):
        connection.sendall(output)
        connection.close()
    state = {"slaves": [{"id": "A1", "pid": f"slave(1)@{served(agent)}", "hostname": "h", "active": True}],
             "frameworks": [{"id": "F1", "tasks": [{"id": "t", "framework_id": "F1", "slave_id": "A1", "state": "TASK_RUNNING",
                                                    "statuses": [{"container_status": {"container_id": {"value": "c"}}}]}]}]}
    address = served(master_with(json.dumps(state)))
    for args in (("task", "exec", "t", "true"), ("task", "attach", "t")):
        done, took = run(tree, address, *args)
        assert done.returncode == 1 and words in done.stderr and took < 30, done
        assert len(done.stderr.splitlines()) == 1 and "\x1b" not in done.stderr


def test_a_busy_terminal_shows_that_it_waits():
    """Progress is for terminals, and goes away again."""
    from terminal import Terminal
    server = Server(lambda c, r: (time.sleep(2.5), c.sendall(reply('{"version":"1"}'))))
    tree_ = Tree(tempfile.mkdtemp(prefix="cm-"))
    terminal = Terminal([tree_.program("mesos"), "ps"], {"MESOS_MASTER": server.address, "HOME": "/nonexistent"})
    try:
        terminal.wait_for(f"waiting for {server.address} (2 s)")
        terminal.wait_for("\r\033[K")
    finally:
        terminal.close()
        server.close()
