# SPDX-License-Identifier: Apache-2.0
"""What containers can reach through those who start them: the helper, on its way into a container, and the init that stays above
its program, are seen in the container's /proc and must not be doors to the host; and who prepares nested containers must not be
led out of the parent's sandbox."""
import os
import platform
import shutil
import tempfile
import time

import pytest

from cluster import wait_for
from images import Image, busybox_layer
from isolated import Isolated

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="root file systems need root")
CAPABILITIES = {"capabilities": ["DAC_OVERRIDE", "CHOWN"]}
# Root without the right to trace: what it sees of processes with more rights is nothing.
FEW = {"linux_info": {"effective_capabilities": CAPABILITIES, "bounding_capabilities": CAPABILITIES}}
IMAGE = {"type": "MESOS", "mesos": {"image": {"type": "DOCKER", "docker": {"name": "busy"}}}}
LOOK = ("for p in /proc/[0-9]*; do for d in root cwd cwd/.. cwd/../.. cwd/../../..; do "
        "[ ! -e $p/$d/{mark} ] || echo out by $p/$d; done; done; echo looked")


# A parent whose user exchanges the directory of its nested containers for a link, all the time.
EXCHANGE = """
import ctypes, os
libc = ctypes.CDLL(None)
os.makedirs('containers', exist_ok=True)
os.symlink('{target}', 'other')
open('ready', 'w')
while True:
    libc.syscall(316, -100, b'containers', -100, b'other', 2)
"""


@pytest.fixture(scope="module")
def box():
    store = tempfile.mkdtemp(prefix="cm-images-")
    Image([busybox_layer()]).save(os.path.join(store, "busy.tar"), "busy:latest")
    made = Isolated("filesystem/linux,docker/runtime,namespaces/pid,linux/capabilities", image_providers="docker",
                    docker_registry=store, docker_store_dir=os.path.join(store, "layers"))
    made.look = LOOK.format(mark=made.directory.lstrip("/"))
    yield made
    for one in made.api.containers(show_standalone=True):  # of a test that failed
        made.api.kill([one["container_id"]["value"]])
    made.close()
    shutil.rmtree(store)


def standalone(box, name, command, **more):
    box.api.call("LAUNCH_CONTAINER", container_id={"value": name}, command={"value": command}, **more)
    return os.path.join(box.directory, "agent1", "containers", name)


def stdout(sandbox):
    with open(os.path.join(sandbox, "stdout"), encoding="utf-8", errors="replace") as file:
        return file.read()


def test_init_is_no_way_out(box):
    sandbox = standalone(box, "inits", box.look, container=IMAGE)
    assert box.api.wait(["inits"]) == {"exit_status": 0}
    assert stdout(sandbox) == "looked\n"


def test_the_init_of_a_session_is_no_way_out(box):
    standalone(box, "held", "sleep 1000", container=IMAGE)
    session = box.api.session(["held", "session"], box.look)
    assert session.ended.wait(60)
    box.api.kill(["held"])
    box.api.wait(["held"])
    assert session.out == b"looked\n", (session.out, session.err, session.whole)


def test_the_helper_cannot_be_looked_into_on_its_way(box):
    """Its search for a program takes long, and meanwhile who is its equal looks for descriptors of the host's directories."""
    sandbox = standalone(box, "watcher", "echo watching; while :; do for f in /proc/[0-9]*/fd/*; do "
                         "[ ! -d $f/../../meta/slaves ] || echo out by $f; done; done", container={**IMAGE, **FEW})
    path = ":".join(f"/{'x' * 60}/{i}" for i in range(1500))
    for i in range(5):
        names = ["watcher", f"late{i}"]
        box.api.launch(names, {"value": "nowhere", "shell": False, "environment": {"variables": [
            {"name": "PATH", "value": path}]}}, container={**IMAGE, **FEW})
        assert box.api.wait(names)["exit_status"] != 0
    time.sleep(0.2)
    box.api.kill(["watcher"])
    box.api.wait(["watcher"])
    assert stdout(sandbox) == "watching\n"


@pytest.mark.skipif(platform.machine() != "x86_64", reason="renameat2 is called by its number")
def test_outputs_stay_in_the_sandbox(box, tmp_path):
    """Files of the user's in directories of root's would let it add to what root runs."""
    os.chmod(tmp_path, 0o755)
    box.api.call("LAUNCH_CONTAINER", container_id={"value": "p"}, command={
        "value": "exec python3 -c \"" + EXCHANGE.format(target=tmp_path) + "\"", "user": "nobody"})
    sandbox = os.path.join(box.directory, "agent1", "containers", "p")
    wait_for(lambda: os.path.exists(os.path.join(sandbox, "ready")), 10, "the parent")
    for i in range(60):
        os.mkdir(tmp_path / f"v{i}", 0o755)
        box.api.launch(["p", f"v{i}"], {"value": "true", "user": "nobody"}, None)
    box.api.kill(["p"])
    box.api.wait(["p"])
    assert [found for i in range(60) for found in os.listdir(tmp_path / f"v{i}")] == []
