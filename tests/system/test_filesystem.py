# SPDX-License-Identifier: Apache-2.0
"""Volumes and file systems as containers see them: filesystem/linux, filesystem/posix, filesystem/shared, volume/host_path,
volume/sandbox_path, volume/secret. Links that tasks plant, mounts that come back, agents that are killed."""
import base64
import json
import os
import subprocess
import tempfile

import pytest

import cgroups
from agent_api import AgentApi
from cluster import Cluster, wait_for
from images import Image, archive, busybox_layer, directory, link
from isolated import Isolated, host_path, mounts, sandbox_path
from scheduler import command_task, scalar

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="mounts need root")
SECRET = "the-sesame-opens-4711"


def secret_volume(value, into, mode="RW", **more):
    return {"container_path": into, "mode": mode, "source": {"type": "SECRET", "secret": more or {
        "type": "VALUE", "value": {"data": base64.b64encode(value.encode()).decode()}}}}


@pytest.fixture(scope="module")
def box(tmp_path_factory):
    allowed = tmp_path_factory.mktemp("allowed")
    made = Isolated("filesystem/linux,volume/secret", host_path_volume_force_creation=f"{allowed}:/no/such")
    made.allowed = str(allowed)
    made.pod, status = made.start("sleep 1000")
    made.root = status["container_status"]["container_id"]["value"]
    yield made
    made.close()


# ---- volume/host_path ----


def test_host_path_of_a_command_task(box, tmp_path):
    (tmp_path / "dir").mkdir()
    (tmp_path / "dir" / "file").write_text("from the host\n")
    (tmp_path / "one").write_text("one file\n")
    out = box.run("cat in/here/file single; echo back > in/here/new", [
        host_path(str(tmp_path / "dir"), "in/here"), host_path(str(tmp_path / "one"), "single")])
    assert "from the host\none file\n" in out
    assert (tmp_path / "dir" / "new").read_text() == "back\n"


def test_read_only_refuses_writes(box, tmp_path):
    (tmp_path / "file").write_text("x")
    out = box.run("cat ro/file; echo y > ro/file || echo refused; mount -o remount,bind,rw ro; cat ro/file",
                  [host_path(str(tmp_path), "ro", "RO")], expect="TASK_FINISHED")
    assert "refused" in out
    assert (tmp_path / "file").read_text() == "x"


def test_old_spelling_and_absolute_places(box, tmp_path):
    (tmp_path / "over").mkdir()
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "inside").write_text("only inside\n")
    out = box.run(f"cat {tmp_path}/over/inside", [
        {"container_path": str(tmp_path / "over"), "mode": "RW", "host_path": str(tmp_path / "src")}])
    assert "only inside\n" in out
    assert os.listdir(tmp_path / "over") == []  # nobody else sees the mount


def test_wrong_host_paths(box, tmp_path):
    assert "Path '/no/such/../thing' in HOST_PATH volume does not exist and is not whitelisted for creation" in \
        box.refused([host_path("/no/such/../thing", "x")])
    assert "Path 'relative' in HOST_PATH volume is not absolute" in box.refused([host_path("relative", "x")])
    text = box.refused([host_path(str(tmp_path), "/no/such/mount/point")])
    assert ("Mount point '/no/such/mount/point' is an absolute path. It must exist if the container shares the host "
            "filesystem") in text
    assert not os.path.exists("/no/such")
    assert "'../up'" in box.refused([host_path(str(tmp_path), "../up")])


def test_host_paths_that_may_be_made(box):
    out = box.run("touch made/mine; ls made", [host_path(box.allowed + "//a/./b", "made")])
    assert "mine" in out and os.path.exists(box.allowed + "/a/b/mine")
    assert "is not whitelisted" in box.refused([host_path(box.allowed + "/../sideways", "x")])
    assert "is not whitelisted" in box.refused([host_path(box.allowed + "else", "x")])


def test_mounts_inside_stay_inside(box, tmp_path):
    out = box.run(f"mount -t tmpfs inside {tmp_path} && touch {tmp_path}/hidden && ls {tmp_path}")
    assert "hidden" in out and os.listdir(tmp_path) == []
    assert mounts(str(tmp_path)) == []


def test_bidirectional_propagation(box, tmp_path):
    shared = tmp_path / "shared"
    shared.mkdir()
    assert "is not under a shared mount" in box.refused(
        [host_path(str(shared), "x", mount_propagation={"mode": "BIDIRECTIONAL"})])
    subprocess.run(["mount", "--bind", shared, shared], check=True)
    subprocess.run(["mount", "--make-private", shared], check=True)
    subprocess.run(["mount", "--make-shared", shared], check=True)
    try:
        (shared / "in").mkdir()
        box.run("mount -t tmpfs cm both/in && touch both/in/seen",
                [host_path(str(shared), "both", mount_propagation={"mode": "BIDIRECTIONAL"})])
        assert os.listdir(shared / "in") == ["seen"]
        assert box.run("mount -t tmpfs cm one/in && touch one/in/unseen && ls one/in",
                       [host_path(str(shared), "one")]).count("unseen") == 1
        assert os.listdir(shared / "in") == ["seen"]
    finally:
        for target in reversed(mounts(str(shared))):
            subprocess.run(["umount", "-l", target], check=True)


# ---- volume/sandbox_path ----


def test_pod_shares_its_sandbox(box):
    sandbox = box.sandbox(box.pod)
    box.nested_output((box.root, "w"), sandbox, "echo shared > vol/deep/file", [sandbox_path("common/dir", "vol/deep")])
    out = box.nested_output((box.root, "r"), sandbox, "cat other/file; touch other/x || echo refused",
                            [sandbox_path("common/dir", "other", mode="RO")])
    assert out == "shared\nrefused\n"
    with open(os.path.join(sandbox, "common", "dir", "file"), encoding="utf-8") as file:
        assert file.read() == "shared\n"


def test_own_sandbox_at_an_absolute_place(box, tmp_path):
    out = box.run(f"echo self > {tmp_path}/file; cat mine/file", [sandbox_path("mine", str(tmp_path), "SELF")])
    assert "self\n" in out and os.listdir(tmp_path) == []
    out = box.run(f"echo old > {tmp_path}/file; cat mine/file", [
        {"container_path": str(tmp_path), "mode": "RW", "host_path": "mine"}])
    assert "old\n" in out and os.listdir(tmp_path) == []


def test_wrong_sandbox_paths(box):
    assert "is relative for SANDBOX_PATH volume SELF type" in box.refused([sandbox_path("a", "b", "SELF")])
    assert "SANDBOX_PATH volume PARENT type only works for nested container" in box.refused([sandbox_path("a", "b")])
    assert "in SANDBOX_PATH volume is absolute" in box.refused([sandbox_path("/etc", "/mnt", "SELF")])
    assert "'../x'" in box.refused([sandbox_path("../x", "/mnt", "SELF")])


def test_planted_links_lead_nowhere(box, tmp_path):
    """A task of the pod puts links where volumes will be looked for and mounted: root must not go through them."""
    sandbox = box.sandbox(box.pod)
    (tmp_path / "target").mkdir()
    os.symlink(tmp_path / "target", os.path.join(sandbox, "planted"))
    for volume in (sandbox_path("planted", "vol"), sandbox_path("planted/deeper", "vol")):
        text = box.nested((box.root, "evil"), "true", [volume], 500)
        assert "symbolic link" in text
    assert os.listdir(tmp_path / "target") == []
    # The mount point in the container's own sandbox is a link: its own image could have one; here an earlier life left it.
    os.makedirs(os.path.join(sandbox, "ok"), exist_ok=True)
    names = (box.root, "again")
    box.nested(names, "rm -rf place; ln -s /etc place; sleep 1000", [])
    wait_for(lambda: os.path.islink(sandbox + "/containers/again/place"), 5)
    assert "symbolic link" in box.nested(names + ("child",), "true", [sandbox_path("place", "x")], 500)
    box.api.kill(names)


def test_a_link_between_prepare_and_mount(box, tmp_path):
    """Swaps a directory for a link as fast as it can while containers with volumes are launched: whatever they see, they see
    nothing of the link's target and mount nothing there."""
    sandbox = box.sandbox(box.pod)
    (tmp_path / "target").mkdir()
    (tmp_path / "target" / "private").write_text("private")
    script = (f"cd {sandbox}; mkdir -p swap.dir; ln -sfn {tmp_path}/target swap.link; end=$(($(date +%s) + 6)); "
              "while [ $(date +%s) -lt $end ]; do mv -T swap.dir swap 2>/dev/null; mv -T swap swap.dir 2>/dev/null; "
              "mv -T swap.link swap 2>/dev/null; mv -T swap swap.link 2>/dev/null; done")
    with subprocess.Popen(["sh", "-c", script]) as swapper:
        launched = 0
        for i in range(40):
            names = (box.root, f"race{i}")
            box.nested(names, "ls -A vol; touch vol/mine", [sandbox_path("swap", "vol")], None)
            if box.api.status == 200:
                launched += 1
                box.api.wait(names)
                path = os.path.join(sandbox, "containers", names[1], "stdout")
                with open(path, encoding="utf-8") as file:
                    assert "private" not in file.read()
        swapper.kill()
    assert os.listdir(tmp_path / "target") == ["private"]


def test_a_group_for_users_who_share():
    made = Isolated("filesystem/linux", volume_gid_range="[47120-47130]")
    try:
        pod, status = made.start({"value": "mkdir common; sleep 1000", "user": "nobody"})
        root, sandbox = status["container_status"]["container_id"]["value"], made.sandbox(pod)
        wait_for(lambda: os.path.isdir(sandbox + "/common"), 5)
        with open(sandbox + "/other", "w", encoding="utf-8"):
            os.link(sandbox + "/other", sandbox + "/common/linked")
        os.symlink("/etc/passwd", sandbox + "/common/pointer")
        before = os.stat("/etc/passwd").st_gid
        out = made.nested_output((root, "d"), sandbox, {"value": "id -G; touch vol/x && echo wrote", "user": "daemon"},
                                 [sandbox_path("common", "vol")])
        assert "47120" in out.split("\n")[0].split() and "wrote" in out
        assert (os.stat(sandbox + "/common").st_gid, os.stat(sandbox + "/common").st_mode & 0o7777) == (47120, 0o2775)
        assert os.stat(sandbox + "/common/linked").st_gid != 47120 and os.stat("/etc/passwd").st_gid == before
        made.scheduler.kill(pod)
        made.scheduler.until(pod, {"TASK_KILLED"})
        wait_for(lambda: os.stat(sandbox + "/common").st_gid != 47120, 10)  # another volume may have the group now
        assert made.agent.get("/metrics/snapshot")["volume_gid_manager/volume_gids_free"] == 11
    finally:
        made.close()


# ---- volume/secret, environment_secret ----


def holds_secret(*directories):
    found = []
    for directory in directories:
        done = subprocess.run(["grep", "-rlaF", SECRET, directory], stdout=subprocess.PIPE, text=True, check=False)
        found += done.stdout.splitlines()
    return found


def test_secret_is_in_the_container_and_nowhere_else(box):
    task_id, status = box.start("cat at/secret; cat second; stat -f -c %T at/secret; echo; sleep 1000", container={
        "type": "MESOS", "volumes": [secret_volume(SECRET, "at/secret"), secret_volume("second " + SECRET, "second", "RO")]})
    assert status["state"] == "TASK_RUNNING", status
    out = wait_for(lambda: len(box.read(task_id).split("\n")) > 2 and box.read(task_id), 5)
    assert f"{SECRET}second {SECRET}ramfs" in out
    sandbox = box.sandbox(task_id)
    assert os.path.getsize(sandbox + "/at/secret") == 0
    os.remove(sandbox + "/stdout")
    # What the agent checkpoints of the task is what the framework sent: read by root alone.
    for path in holds_secret(box.directory):
        assert os.stat(path).st_mode & 0o077 == 0 and "/meta/" in path or path.endswith("/config"), path
    assert SECRET not in box.agent.log()
    assert holds_secret(os.path.join(box.directory, "agent1.run", ".secret")) == []
    box.scheduler.kill(task_id)
    box.scheduler.until(task_id, {"TASK_KILLED"})


def test_secrets_are_not_shown(box):
    """Neither by value where tasks and executors are looked at, nor in what is said of executors that do not fit together."""
    value = base64.b64encode(SECRET.encode()).decode()
    environment = {"variables": [{"name": "V", "type": "SECRET", "secret": {"type": "VALUE", "value": {"data": value}}}]}
    scheduler = box.scheduler
    try:
        for count, program in enumerate(("exec sleep 1000", "exec sleep 2000")):
            offer = scheduler.offer()
            while not scheduler.offers.empty():
                offer = scheduler.offer()
            executor = {"executor_id": {"value": "shown"}, "type": "CUSTOM", "framework_id": {"value": scheduler.framework_id},
                        "command": {"value": program, "environment": environment},
                        "resources": [scalar("cpus", 0.1), scalar("mem", 32)]}
            task = command_task(f"shown{count}", "true", offer, container={"type": "MESOS", "volumes": [secret_volume(SECRET, "s")]})
            del task["command"]
            scheduler.accept(offer, [{**task, "executor": executor}])
        assert "ExecutorInfo is not compatible" in scheduler.until("shown1", {"TASK_ERROR"})[-1]["message"]
        agent = wait_for(lambda: "shown0" in (text := json.dumps(box.agent.get("/state"))) and text, 60)
        v1 = {kind: json.dumps(box.api.call(kind)) for kind in ("GET_STATE", "GET_TASKS", "GET_EXECUTORS")}
        views = {"agent": agent, **v1}
        for path in "/state", "/tasks", "/frameworks":
            views[path] = json.dumps(box.cluster.master.get(path))
        for kind in "GET_STATE", "GET_TASKS", "GET_EXECUTORS":
            views["master " + kind] = json.dumps(AgentApi(box.cluster.master).call(kind))
        assert [name for name, text in views.items() if value in text or SECRET in text] == []
        assert '"shown"' in views["GET_EXECUTORS"] and '"shown0"' in views["master GET_STATE"]
        assert SECRET not in box.cluster.master.log() and value not in box.cluster.master.log()
        assert [path for path in holds_secret(box.directory) if path.endswith("executor.info")] == []
    finally:
        scheduler.call("SHUTDOWN", shutdown={"executor_id": {"value": "shown"}, "agent_id": offer["agent_id"]})


def test_wrong_secrets(box):
    reference = {"type": "REFERENCE", "reference": {"name": "vault/key"}}
    assert "Default secret resolver cannot resolve references" in box.refused([secret_volume("", "x", **reference)])
    assert "Absolute container path '/no/such/file' does not exist" in box.refused([secret_volume("a", "/no/such/file")])
    variable = {"name": "V", "type": "SECRET", "secret": reference}
    task_id, status = box.start({"value": "true", "environment": {"variables": [variable]}})
    assert "cannot resolve references" in status["message"], (task_id, status)


def reference(name, key=None):
    return {"type": "REFERENCE", "reference": {"name": name, **({"key": key} if key else {})}}


def test_references_are_read_from_files(tmp_path):
    """Volumes and variables of a task and of a nested container, an agent that restarts, and what must not be told."""
    secrets = tmp_path / "secrets"
    (secrets / "db").mkdir(parents=True, mode=0o700)
    secrets.chmod(0o700)
    for name, mode in (("db/password", 0o600), ("open", 0o644)):
        (secrets / name).write_text(SECRET)
        (secrets / name).chmod(mode)
    parameters = [{"key": "dir", "value": str(secrets)}]
    box = Isolated("filesystem/linux,volume/secret", secret_resolver="file", modules=json.dumps(
        {"libraries": [{"name": "secret_resolver_file", "modules": [{"name": "file", "parameters": parameters}]}]}))
    try:
        variable = {"name": "V", "type": "SECRET", "secret": reference("db", "password")}
        command = {"value": 'test "$V" = "$(cat s)" && echo both; until test -e go; do sleep 0.05; done; wc -c < s',
                   "environment": {"variables": [variable]}}
        task_id, status = box.start(command, container={"type": "MESOS", "volumes": [
            secret_volume("", "s", **reference("db", "password"))]})
        assert status["state"] == "TASK_RUNNING", status
        wait_for(lambda: "both\n" in box.read(task_id), 60)
        # It is nowhere on a disk: what the agent remembers is the reference.
        assert holds_secret(box.directory) == []
        names = (status["container_status"]["container_id"]["value"], "inner")
        assert box.nested_output(names, box.sandbox(task_id), "cat deep; echo", [
            secret_volume("", "deep", **reference("db", "password"))]) == SECRET + "\n"
        os.remove(os.path.join(box.sandbox(task_id), "containers", "inner", "stdout"))
        box.restart()
        with open(os.path.join(box.sandbox(task_id), "go"), "w", encoding="utf-8"):
            pass
        box.scheduler.until(task_id, {"TASK_FINISHED"})
        assert f"both\n{len(SECRET)}\n" in box.read(task_id)
        assert "0600" in box.refused([secret_volume("", "x", **reference("open"))])
        assert "is not there" in box.refused([secret_volume("", "x", **reference("no-such"))])
        assert "names no secret" in box.refused([secret_volume("", "x", **reference("../secrets/open"))])
        assert box.run("cat s", [secret_volume(SECRET, "s")]).endswith(SECRET)  # values go on working
        assert SECRET not in box.agent.log() and SECRET not in box.cluster.master.log()
    finally:
        box.close()


def test_secret_in_a_nested_container(box):
    assert box.nested_output((box.root, "sec"), box.sandbox(box.pod), "cat deep/s; echo", [secret_volume(SECRET, "deep/s")]) == \
        SECRET + "\n"
    assert os.listdir(os.path.join(box.directory, "agent1.run", ".secret")) == []


def test_secret_in_the_environment(box):
    value = {"type": "VALUE", "value": {"data": base64.b64encode(SECRET.encode()).decode()}}
    command = {"value": "echo got $V; sleep 1000", "environment": {"variables": [
        {"name": "V", "type": "SECRET", "secret": value}]}}
    task_id, status = box.start(command)
    assert status["state"] == "TASK_RUNNING", status
    wait_for(lambda: f"got {SECRET}" in box.read(task_id), 5)
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                assert SECRET.encode() not in file.read(), pid
        except OSError:
            pass
    assert SECRET not in box.agent.log() and SECRET not in box.cluster.master.log()
    box.scheduler.kill(task_id)
    box.scheduler.until(task_id, {"TASK_KILLED"})
    names = (box.root, "env")
    box.nested(names, command)
    path = os.path.join(box.sandbox(box.pod), "containers", "env", "stdout")
    wait_for(lambda: os.path.exists(path) and os.path.getsize(path) > 0, 5)
    with open(path, encoding="utf-8") as file:
        assert file.read() == f"got {SECRET}\n"
    for found in holds_secret(box.directory):  # what it wrote itself apart, only root reads it
        assert os.stat(found).st_mode & 0o077 == 0 or found.endswith("/stdout"), found
    box.api.kill(names)


# ---- standalone, restart, end ----


def test_standalone_with_volumes(box, tmp_path):
    (tmp_path / "file").write_text("alone\n")
    names = ("alone-fs",)
    box.nested(names, "cat v/file", [host_path(str(tmp_path), "v", "RO")], resources=[
        {"name": n, "type": "SCALAR", "scalar": {"value": v}} for n, v in (("cpus", 0.1), ("mem", 32))])
    assert box.api.wait(names) == {"exit_status": 0}
    with open(os.path.join(box.agent.work_dir, "containers", "alone-fs", "stdout"), encoding="utf-8") as file:
        assert file.read() == "alone\n"
    box.api.remove(names)


def test_debug_containers_live_in_their_parents_mounts(box, tmp_path):
    """A session in a task sees the task's volumes."""
    (tmp_path / "file").write_text("parents\n")
    task_id, status = box.start("sleep 1000", container={"type": "MESOS", "volumes": [host_path(str(tmp_path), "v")]})
    root = status["container_status"]["container_id"]["value"]
    session = box.api.session((root, "look"), "cat v/file")
    assert session.ended.wait(60) and session.out == b"parents\n", (session.out, session.err)
    box.scheduler.kill(task_id)
    box.scheduler.until(task_id, {"TASK_KILLED"})


def test_restart_of_the_agent(box, tmp_path):
    (tmp_path / "file").write_text("still there\n")
    task_id, status = box.start("until test -e go; do sleep 0.05; done; cat v/file s", container={
        "type": "MESOS", "volumes": [host_path(str(tmp_path), "v"), secret_volume(SECRET, "s")]})
    assert status["state"] == "TASK_RUNNING", status
    before = mounts(box.directory)
    box.restart()
    assert mounts(box.directory) == before
    with open(os.path.join(box.sandbox(task_id), "go"), "w", encoding="utf-8"):
        pass
    box.scheduler.until(task_id, {"TASK_FINISHED"})
    assert f"still there\n{SECRET}" in box.read(task_id)


# ---- other file system isolators ----


def test_posix_has_no_volumes(tmp_path):
    box = Isolated("posix/cpu,posix/mem")
    try:
        assert "Volumes in ContainerInfo is not supported" in box.refused([host_path(str(tmp_path), "x")])
        assert box.run("echo fine") .endswith("fine\n")
    finally:
        box.close()


def test_shared_gives_each_its_own(tmp_path):
    over = tmp_path / "over"
    over.mkdir(mode=0o1777)
    os.chmod(over, 0o1777)
    info = ('{"type": "MESOS", "volumes": [{"host_path": "private", "container_path": "%s", "mode": "RW"}]}' % over)
    box = Isolated("filesystem/shared,posix/cpu", default_container_info=info)
    try:
        assert box.run(f"touch {over}/mine; ls {over}; stat -c %a {over}").endswith("mine\n1777\n")
        assert os.listdir(over) == []
        assert box.run(f"ls {over} | wc -l").endswith("0\n")
        for path in ("/", box.directory, os.path.join(box.directory, "agent1")):
            assert "because it is under volume" in box.refused(
                [{"host_path": "x", "container_path": path, "mode": "RW"}]), path
        os.symlink(box.agent.work_dir, tmp_path / "link")
        assert "because it is under volume" in box.refused(
            [{"host_path": "x", "container_path": str(tmp_path / "link"), "mode": "RW"}])
        assert "must exist on host for shared filesystem isolator" in box.refused(
            [{"host_path": "x", "container_path": "/no/such", "mode": "RW"}])
        assert "must specify host path for shared filesystem isolator" in box.refused(
            [{"container_path": str(over), "mode": "RW"}])
        assert "cannot contain relative components" in box.refused(
            [{"host_path": "../x", "container_path": str(over), "mode": "RW"}])
        assert "present on host for shared filesystem isolator" in box.refused(
            [{"host_path": "/no/such", "container_path": str(over), "mode": "RW"}])
    finally:
        box.close()


@pytest.mark.parametrize("flags,words", [
    ({"isolation": "filesystem/linux,filesystem/shared"}, ["isolation", "multiple filesystem isolators"]),
    ({"isolation": "filesystem/linux", "launcher": "posix"}, ["filesystem/linux", "'linux' launcher"]),
    ({"isolation": "volume/secret", "launcher": "linux"}, ["volume/secret", "filesystem/linux"]),
    ({"isolation": "linux/devices", "launcher": "linux"}, ["linux/devices", "filesystem/linux"]),
    ({"volume_gid_range": "ten"}, ["volume_gid_range", "ten", "[10000-20000]"]),
    ({"volume_gid_range": "[20-10]"}, ["volume_gid_range", "[20-10]"]),
    ({"default_container_info": '{"type": "SHIP"}'}, ["default_container_info", "SHIP"]),
    ({"effective_capabilities": '{"capabilities": ["FLY"]}'}, ["effective_capabilities", "FLY"]),
    ({"isolation": "linux/capabilities", "effective_capabilities": '{"capabilities": ["CHOWN", "KILL"]}',
      "bounding_capabilities": '{"capabilities": ["KILL"]}'}, ["effective_capabilities", "CHOWN", "bounding"]),
    ({"isolation": "linux/seccomp"}, ["linux/seccomp", "--seccomp_config_dir"]),
    ({"isolation": "linux/seccomp", "seccomp_config_dir": "/no/such", "seccomp_profile_name": "p.json"},
     ["seccomp_profile_name", "/no/such/p.json"]),
    ({"isolation": "linux/devices,filesystem/linux", "launcher": "linux",
      "allowed_devices": '{"allowed_devices": [{"device": {"path": "/etc/passwd"}, "access": {"read": true}}]}'},
     ["allowed_devices", "/etc/passwd"]),
    ({"secret_resolver": "com_example_vault"}, ["secret_resolver"]),
    ({"sandbox_directory": "relative"}, ["sandbox_directory", "relative"]),
])
def test_refused_at_start(tmp_path, flags, words):
    cluster = Cluster(tmp_path)
    groups = cgroups.Run("refused")
    agent = cluster.add_agent({"cgroups_root": groups.root, **flags}, start=False)
    agent.start(wait=False)
    try:
        assert agent.process.wait(60) != 0
    finally:
        agent.stop()
        groups.end()
    text = agent.log()
    for word in words:
        assert word in text, text
    assert mounts(str(tmp_path)) == []


# ---- root file systems ----


def test_a_runtime_directory_without_devices(tmp_path):
    """/run of some machines: nodes in it do not work, so that the agent mounts it on itself. What is in memory stays so."""
    runtime = tempfile.mkdtemp(prefix="cm-run-")
    subprocess.run(["mount", "-t", "tmpfs", "-o", "nodev,nosuid", "cm", runtime], check=True)
    try:
        Image([busybox_layer()]).save(str(tmp_path / "images" / "box:latest.tar"), "box:latest")
        box = Isolated("filesystem/linux,docker/runtime,volume/secret", image_providers="docker", runtime_dir=runtime,
                       docker_registry=str(tmp_path / "images"), docker_store_dir=str(tmp_path / "store"))
        try:
            assert f"written\n{SECRET}\n" in box.run("echo x > /dev/null && echo written; head -c 1 /dev/zero | wc -c; cat s; echo",
                                                     **with_image(volumes=[secret_volume(SECRET, "s")])).replace("1\n", "", 1)
            assert mounts(runtime) == [runtime, runtime + "/containers"]
        finally:
            box.close()
        assert mounts(runtime) == [runtime]
    finally:
        subprocess.run(["umount", "-l", runtime], check=True)
        os.rmdir(runtime)


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    store = tmp_path_factory.mktemp("images")
    hostile = archive(link("data", "/etc"), link("tmplink", str(store)), directory("plain"))
    Image([busybox_layer(), hostile]).save(str(store / "box:latest.tar"), "box:latest")
    trapped = archive(directory("mnt"), link("mnt/mesos", "/plain"), directory("plain"), link("var", "/etc"))
    Image([busybox_layer(), trapped]).save(str(store / "trap:latest.tar"), "trap:latest")
    made = Isolated("filesystem/linux,docker/runtime,volume/secret,linux/devices", image_providers="docker",
                    docker_registry=str(store), docker_store_dir=str(tmp_path_factory.mktemp("store")),
                    allowed_devices='{"allowed_devices": [{"device": {"path": "/dev/null"}, "access": {"read": true}},'
                                    ' {"device": {"path": "/dev/kmsg"}, "access": {"read": true}}]}')
    made.pod, status = made.start("sleep 1000")
    made.root = status["container_status"]["container_id"]["value"]
    yield made
    made.close()


def with_image(name="box", **more):
    return {"container": {"type": "MESOS", "mesos": {"image": {"type": "DOCKER", "docker": {"name": name}}}, **more}}


def test_root_file_system_from_inside(images):
    out = images.run("pwd; ls /; cat /proc/mounts; stat -c %F /dev/null /dev/zero /dev/tty; readlink /dev/fd; readlink /dev/ptmx; "
                     "echo x > /dev/null && echo written; touch /dev/shm/x && echo shm; touch here; "
                     "echo $MESOS_SANDBOX", **with_image())
    assert "/mnt/mesos/sandbox\n" in out and "character special file\n" * 3 in out
    assert "/proc/self/fd\npts/ptmx\nwritten\nshm\n/mnt/mesos/sandbox\n" in out
    places = {line.split()[1]: line.split()[3].split(",") for line in out.splitlines() if len(line.split()) == 6}
    for path in ("/proc/sys", "/sys", "/proc/sysrq-trigger", "/proc/bus", "/proc/irq", "/proc/fs"):
        if os.path.exists(path):
            assert "ro" in places[path] and "nosuid" in places[path], (path, places)
    assert images.directory not in out.replace(out.splitlines()[0], ""), "the host's paths are to be seen"
    assert os.path.exists(os.path.join(images.sandbox(f"t{images.count}"), "here"))


def test_what_is_hidden(images):
    out = images.run("ls /sys/firmware | wc -l; wc -c < /proc/keys; wc -c < /proc/timer_list; head -c 4 /proc/kcore | wc -c; "
                     "echo 1 > /proc/sys/vm/drop_caches || echo refused; echo b > /proc/sysrq-trigger || echo refused; "
                     "mkdir /sys/x || echo refused", **with_image())
    values = out.split()
    assert values[-3:] == ["refused"] * 3 and set(values[:-3]) == {"0"}, out


def test_devices_of_the_container(images):
    """linux/devices: nodes of its own, which it may spoil without anybody noticing."""
    before = os.stat("/dev/null").st_mode
    out = images.run("stat -c '%a %F' /dev/kmsg; head -c 0 /dev/kmsg && echo read; chmod 0 /dev/kmsg /dev/zero; "
                     "stat -c %a /dev/zero", **with_image())
    assert "644 character special file\nread\n0\n" in out
    assert os.stat("/dev/null").st_mode == before and os.stat("/dev/zero").st_mode & 0o666 == 0o666


def test_volumes_in_an_image(images, tmp_path):
    (tmp_path / "file").write_text("volume\n")
    out = images.run("cat /data.new/deep/file inside/file /mnt/mesos/sandbox/third/file; touch /data.new/deep/x || echo refused; "
                     "cat /run/secret; echo", **with_image(volumes=[
                         host_path(str(tmp_path), "/data.new/deep", "RO"), host_path(str(tmp_path), "inside"),
                         host_path(str(tmp_path), "/mnt/mesos/sandbox/third"), secret_volume(SECRET, "/run/secret"),
                         sandbox_path("self", "/self", "SELF")]))
    assert f"volume\nvolume\nvolume\nrefused\n{SECRET}\n" in out
    assert holds_secret(images.agent.work_dir + "/provisioner") == []


@pytest.mark.parametrize("into", ["/data/here", "/../../here", "/plain/../../../here"])
def test_links_of_an_image_stay_in_it(images, tmp_path, into):
    """The mount point lies behind links that the image has: they are the image's own /etc, never the host's."""
    (tmp_path / "file").write_text("contained\n")
    assert "contained\n" in images.run(f"cat {into}/file", **with_image(volumes=[host_path(str(tmp_path), into)]))
    for path in ("/etc/here", "/here"):
        assert not os.path.exists(path)
    assert "a symbolic link to what is missing is on the way" in images.refused(
        **with_image(volumes=[host_path(str(tmp_path), "/tmplink/here")]))


def test_a_sandbox_behind_a_link(images):
    """mnt/mesos of the image is a link: the sandbox is where it leads in the image."""
    assert "here\n" in images.run("touch here; ls /plain/sandbox", **with_image("trap"))
    assert not os.path.exists("/plain")


def test_nested_and_standalone_in_images(images, tmp_path):
    (tmp_path / "file").write_text("volume\n")
    sandbox = images.sandbox(images.pod)
    out = images.nested_output((images.root, "img"), sandbox, "cat /v/file; ls /; touch shared/from-image", [
        host_path(str(tmp_path), "/v"), sandbox_path("common", "shared")], **with_image())
    assert out.startswith("volume\n") and "plain" in out
    assert os.path.exists(os.path.join(sandbox, "common", "from-image"))
    names = ("alone-img",)
    images.nested(names, "cat /v/file; echo $0 > /new", [host_path(str(tmp_path), "/v")], resources=[
        {"name": n, "type": "SCALAR", "scalar": {"value": v}} for n, v in (("cpus", 0.1), ("mem", 32))], **with_image())
    assert images.api.wait(names) == {"exit_status": 0}
    images.api.remove(names)
    assert not os.path.exists("/new")


def test_gauge_of_root_file_systems(images):
    task_id, status = images.start("sleep 1000", **with_image())
    assert status["state"] == "TASK_RUNNING", status
    name = "containerizer/mesos/filesystem/containers_new_rootfs"
    assert images.agent.get("/metrics/snapshot")[name] == 1
    before = mounts(images.directory)
    images.restart()
    assert images.agent.get("/metrics/snapshot")[name] == 1
    assert mounts(images.directory) == before
    images.scheduler.kill(task_id)
    images.scheduler.until(task_id, {"TASK_KILLED"})
    wait_for(lambda: images.agent.get("/metrics/snapshot")[name] == 0, 10)
