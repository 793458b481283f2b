# SPDX-License-Identifier: Apache-2.0
"""mesos-go's msh -interactive, with a terminal of its own (-tty) and with pipes, unmodified."""
import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import termios
import time

import pytest

import clients

AGENT = "127.0.51.1"  # msh looks for agents at port 5051 of the host that the offer names


@pytest.fixture(scope="module")
def programs():
    return clients.mesos_go()


@pytest.fixture
def interactive(make_cluster):
    cluster = make_cluster(agents=0)
    cluster.add_agent({"ip": AGENT, "port": 5051, "hostname": AGENT})
    return cluster


class Person:
    """Somebody at a terminal in front of msh."""

    def __init__(self, argv, cwd, rows=33, columns=101):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.chdir(cwd)
            os.execv(argv[0], argv)
        self.resize(rows, columns)
        self.seen = b""

    def resize(self, rows, columns):
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def types(self, data):
        os.write(self.fd, data)

    def sees(self, pattern, timeout=60):
        end = time.monotonic() + timeout
        while not re.search(pattern, self.seen):
            ready, _, _ = select.select([self.fd], [], [], max(0, end - time.monotonic()))
            assert ready, (pattern, self.seen)
            try:
                data = os.read(self.fd, 65536)
            except OSError:
                data = b""
            assert data, (pattern, self.seen)
            self.seen += data

    def sees_prompt(self):
        """What a shell said before anybody was attached is not said again: it is asked for another prompt."""
        self.sees(rb"attaching for interactive")
        time.sleep(0.5)
        self.types(b"\r")
        self.sees(rb"[#$] ")

    def status(self, timeout=60):
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            try:  # what it still says must be read, or it would wait
                if select.select([self.fd], [], [], 0.05)[0]:
                    self.seen += os.read(self.fd, 65536)
            except OSError:
                pass
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                return os.waitstatus_to_exitcode(status)
        raise AssertionError(self.seen)


def test_interactive_shell_on_a_terminal(programs, interactive):
    person = Person([programs + "/msh", "-master", interactive.address, "-interactive", "-tty", "--",
                     "bash", "--norc", "--noprofile", "-i"], interactive.directory)
    person.sees_prompt()
    person.types(b"stty size; echo a-$((40+2))-b\r")
    person.sees(rb"33 101")
    person.sees(rb"a-42-b")
    person.resize(44, 111)
    person.types(b"until [ \"$(stty size)\" = '44 111' ]; do sleep 0.1; done; echo now-$((3+4))\r")  # the news takes its time
    person.sees(rb"now-7")
    person.types(b"sleep 1000\r")
    time.sleep(0.5)
    person.types(b"\x03")  # ^C ends the sleep, not the shell
    person.types(b"echo still-$((1+1))\r")
    person.sees(rb"still-2")
    person.types(b"exit 0\r")
    assert person.status() == 0, person.seen


def test_interactive_without_a_terminal(programs, interactive):
    """What comes through a pipe reaches the task, and its output comes back."""
    msh = subprocess.Popen([programs + "/msh", "-master", interactive.address, "-interactive", "-silent", "--", "cat"],
                           stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                           cwd=interactive.directory)
    try:
        msh.stdin.write(b"through the pipe\n")
        msh.stdin.flush()
        seen = b""
        end = time.monotonic() + 60
        while seen.count(b"through the pipe") < 2 and time.monotonic() < end:  # echo of the terminal, then cat
            if select.select([msh.stdout], [], [], 1)[0]:
                seen += os.read(msh.stdout.fileno(), 65536)
        assert seen.count(b"through the pipe") == 2, seen
        msh.stdin.write(b"\x04")
        msh.stdin.flush()
        assert msh.wait(60) == 0, seen
    finally:
        msh.kill()
        msh.wait()


def test_person_that_leaves(programs, interactive):
    """^P^Q ends the attached input; the task goes on, and ends with its framework."""
    person = Person([programs + "/msh", "-master", interactive.address, "-interactive", "-tty", "--", "sh"],
                    interactive.directory)
    person.sees_prompt()
    person.types(b"\x10\x11")
    time.sleep(0.5)
    tasks = interactive.master.get("/tasks")["tasks"]
    assert [t["state"] for t in tasks] == ["TASK_RUNNING"]
    person.resize(30, 100)
    os.kill(person.pid, 9)
    os.waitpid(person.pid, 0)
