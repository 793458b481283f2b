# SPDX-License-Identifier: Apache-2.0
"""mesos ssh and scp with the real OpenSSH: a server on loopback with keys and configuration of its own."""
import getpass
import json
import os
import shutil
import socket
import subprocess
import tempfile

import pytest

from cluster import Cluster, free_port, wait_for
from terminal import Terminal

SSHD = shutil.which("sshd", path="/usr/sbin:/usr/bin:/sbin")


class Sshd:
    def __init__(self, directory):
        self.port = free_port()
        for name in ("host", "user"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", f"{directory}/{name}"], check=True)
        shutil.copy(f"{directory}/user.pub", f"{directory}/authorized_keys")
        with open(f"{directory}/sshd_config", "w", encoding="ascii") as config:
            config.write(f"Port {self.port}\nListenAddress 127.0.0.1\nHostKey {directory}/host\n"
                         f"AuthorizedKeysFile {directory}/authorized_keys\nStrictModes no\nUsePAM no\n"
                         f"PermitRootLogin prohibit-password\nPidFile {directory}/pid\nSubsystem sftp internal-sftp\n")
        self.config = f"{directory}/ssh_config"
        with open(self.config, "w", encoding="ascii") as config:
            config.write(f"Host localhost\n HostName 127.0.0.1\n Port {self.port}\n User {getpass.getuser()}\n"
                         f" IdentityFile {directory}/user\n IdentitiesOnly yes\n StrictHostKeyChecking accept-new\n"
                         f" UserKnownHostsFile {directory}/known_hosts\n LogLevel ERROR\n")
        command = f"exec {SSHD} -D -e -f {directory}/sshd_config"
        # As root it wants an empty directory in /run: one of a mount namespace of its own, not the host's.
        argv = ["unshare", "-m", "sh", "-c", f"mount -t tmpfs none /run && mkdir /run/sshd && {command}"]
        self.log = open(f"{directory}/sshd.log", "ab")
        self.process = subprocess.Popen(argv if os.geteuid() == 0 else ["sh", "-c", command], stdin=subprocess.DEVNULL,
                                        stdout=self.log, stderr=self.log)
        wait_for(self._answers, 10, "sshd")

    def _answers(self):
        assert self.process.poll() is None, "sshd ended"
        try:
            with socket.create_connection(("127.0.0.1", self.port), 1) as connection:
                return connection.recv(4) == b"SSH-"
        except OSError:
            return False

    def stop(self):
        self.process.terminate()
        self.process.wait()
        self.log.close()


@pytest.fixture(scope="module")
def shared():
    cluster = Cluster(tempfile.mkdtemp(prefix="cm-"))
    os.mkdir(cluster.directory + "/ssh")
    cluster.sshd = None
    try:
        cluster.start()
        cluster.sshd = Sshd(cluster.directory + "/ssh")
        cluster.tool("execute", "--name=was-here", "echo content > file")
        yield cluster
    finally:
        if cluster.sshd:
            cluster.sshd.stop()
        cluster.stop()
        cluster.remove()


def test_ssh_runs_in_the_sandbox(shared):
    config = "--ssh_config=" + shared.sshd.config
    done = shared.tool("ssh", config, "was-here", "pwd; cat file; exit 7", check=False)
    assert done.returncode == 7, done
    directory, content = done.stdout.splitlines()
    assert "/executors/was-here/runs/" in directory and content == "content"
    done = shared.tool("ssh", config, "was", "ls", "-a")  # flags behind the task are the command's
    assert "file" in done.stdout.split() and "." in done.stdout.split()


def test_ssh_to_an_agent(shared):
    agent = json.loads(shared.tool("agent", "list", "--json").stdout)[0]["id"]
    assert shared.tool("ssh", "--ssh_config=" + shared.sshd.config, agent, "echo", "there").stdout == "there\n"
    done = shared.tool("ssh", "nosuch", "true", check=False)
    assert done.returncode == 1 and "no task 'nosuch'" in done.stderr


def test_a_shell_on_a_terminal(shared):
    shared.tool("config", "set", "ssh_config", shared.sshd.config)
    terminal = Terminal([shared.tree.program("mesos"), "ssh", "was-here"],
                        {"MESOS_MASTER": shared.address, "HOME": shared.directory})
    try:
        terminal.type("echo [$PWD]; test -t 0 && echo is-a-tty; exit 3\n")
        terminal.wait_for("/executors/was-here/runs/")
        terminal.end()
        assert terminal.code == 3 and "\r\nis-a-tty" in terminal.output.decode()
    finally:
        terminal.close()
        shared.tool("config", "unset", "ssh_config")


def test_scp_to_every_agent(shared, tmp_path):
    config = "--ssh_config=" + shared.sshd.config
    source, target = tmp_path / "from", tmp_path / "to"
    (source / "deep").mkdir(parents=True)
    (source / "deep" / "one").write_text("1")
    plain = tmp_path / "plain"
    plain.write_text("2")
    target.mkdir()
    done = shared.tool("scp", config, str(source), str(plain), str(target))
    assert [line.split() for line in done.stdout.splitlines()] == [["HOST", "PATH", "RESULT"],
                                                                   ["localhost", str(target), "uploaded"]]
    assert (target / "from" / "deep" / "one").read_text() == "1" and (target / "plain").read_text() == "2"
    done = shared.tool("scp", config, "--json", str(plain), "/no/such/place/at/all", check=False)
    assert done.returncode == 1 and json.loads(done.stdout) == [{"host": "localhost", "uploaded": False}]
    done = shared.tool("scp", config, "--agent=nosuch", str(plain), "/tmp", check=False)
    assert done.returncode == 1 and "no agent 'nosuch'" in done.stderr
