# SPDX-License-Identifier: Apache-2.0
"""The README's chapter on security: its commands, as they stand there, below a directory of the test's own; then a cluster
that reads what they wrote."""
import os
import ssl
import subprocess
import tempfile
import urllib.request

import pytest

from cluster import REPOSITORY, Cluster
from libprocess import make
from test_authentication import Client

EVERYWHERE = {"ip": "0.0.0.0", "advertise_ip": "127.0.0.1"}


@pytest.fixture
def chapter():
    """Its blocks of commands, in their order."""
    with open(os.path.join(REPOSITORY, "README.md"), encoding="utf-8") as readme:
        part = readme.read().split("## Secure it", 1)[1].split("\n## ", 1)[0]
    blocks, block = [], []
    for line in part.splitlines() + [""]:
        if line.startswith("    "):
            block.append(line[4:])
        elif block:
            blocks.append("\n".join(block) + "\n")
            block = []
    assert len(blocks) == 4
    return blocks


@pytest.fixture
def place():
    """Its daemons listen as they do by themselves; what they call each other by stays on loopback."""
    cluster = Cluster(tempfile.mkdtemp(prefix="cm-"), EVERYWHERE)
    yield cluster
    cluster.stop()
    cluster.remove()


@pytest.fixture
def shell(place):
    """shell(commands): what they print. /etc is the cluster's, and so are the programs and who is at home."""
    programs = os.path.join(place.directory, "bin")
    os.mkdir(programs)
    flags = f'--etc_dir={place.directory}/etc --module_path={place.tree.module_path} --work_dir={place.directory}/w'
    for name, more in (("mesos", ""), ("mesos-master", flags), ("mesos-agent", flags + " --master=" + place.address)):
        path = os.path.join(programs, name)
        with open(path, "w", encoding="utf-8") as f:
            f.write(f'#!/bin/sh\nexec {place.tree.program(name)} {more} "$@"\n')
        os.chmod(path, 0o755)

    def run(commands):
        commands = commands.replace("/etc/", place.directory + "/etc/")
        done = subprocess.run(["bash", "-eu", "-o", "pipefail", "-c", commands], capture_output=True, text=True,
                              stdin=subprocess.DEVNULL, timeout=60, check=False, cwd=place.directory,
                              env={"HOME": place.directory, "PATH": f"{programs}:{os.environ['PATH']}",
                                   "MESOS_MASTER": place.address})
        assert done.returncode == 0, (commands, done)
        return done.stdout
    run(f"mesos config set module_path {place.tree.module_path}")
    return run


def speak_tls(place, daemon):
    """Who calls believes the chapter's certificate and no other."""
    context = ssl.create_default_context(cafile=os.path.join(place.directory, "etc", "mesos", "cert.pem"))
    daemon.scheme, daemon.host = "https", "127.0.0.1"
    daemon.opener = urllib.request.build_opener(urllib.request.HTTPSHandler(context=context))


def play_agent(place, principal):
    """A framework's login is good for no agent: others' tasks would be given to it, with their secrets."""
    with open(os.path.join(place.directory, "etc", "mesos", "credentials"), encoding="utf-8") as f:
        secret = dict(line.split() for line in f)[principal]
    client = Client(place, "slave(1)")
    try:
        client.authenticate(secret, principal)
        client.peer.send(client.master, make("RegisterSlaveMessage", slave={"hostname": "x", "resources": []}, version="1.11.0"))
        assert client.peer.value("ShutdownMessage").message == "Not authorized to register as agent"
    finally:
        client.close()


def test_what_the_readme_does_secures_a_cluster(chapter, place, shell):
    logins, rules, terminal, tls = chapter
    shell(logins)
    said = shell(rules).splitlines()
    assert [line.split(":")[0] for line in said[:2]] == ["allowed", "allowed"] and "rule 1" in said[1]
    assert said[2:] == ["mesos-master: the modules are sound", "mesos-agent: the modules are sound"]
    with open(os.path.join(place.directory, "etc", "mesos", "credentials"), encoding="utf-8") as f:
        place.master.login = next(line for line in f if line.startswith("ops ")).strip().replace(" ", ":")
    place.master.start()
    agent = place.add_agent(EVERYWHERE, start=False)
    agent.login = place.master.login
    agent.start()
    place.wait_agents(1)
    for daemon in (place.master, agent):
        line = next(line for line in daemon.log().splitlines() if "in force: " in line)
        assert f"listen=0.0.0.0:{daemon.port}" in line, line
        assert "=open" not in line and "=none" not in line.split(";", maxsplit=1)[0], line
    assert "authorizer=local" in place.master.log() and "rate_limiter=token_bucket" in place.master.log()
    assert "5 rules" in place.master.log()
    play_agent(place, "marathon")
    refused = place.tool("agent", "list", check=False)
    assert refused.returncode == 1 and "401" in refused.stderr
    assert "localhost" in shell(terminal)
    place.stop()
    assert shell(tls).splitlines() == said[2:]
    for daemon in (place.master, agent):
        speak_tls(place, daemon)
        daemon.start()
    place.wait_agents(1)
