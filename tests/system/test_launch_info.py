# SPDX-License-Identifier: Apache-2.0
"""All that an isolator may ask for at a launch, asked by a third party's isolator that is built here, outside of the tree."""
import os
import shutil
import stat
import subprocess
import tempfile

import pytest

from agent_api import AgentApi
from cluster import REPOSITORY, Cluster, wait_for
from scheduler import Scheduler, command_task
from seals import assert_sealed

pytestmark = [pytest.mark.skipif(os.geteuid() != 0, reason="namespaces need root"),
              pytest.mark.skipif(not os.path.exists("/bin/busybox"), reason="needs a static busybox")]

NEWNS, NEWPID, NEWIPC, NEWUTS, NEWNET = 0x20000, 0x20000000, 0x8000000, 0x4000000, 0x40000000
RDONLY, NOSUID, BIND, REC, SHARED = 1, 2, 4096, 16384, 1 << 20


def varint(number):
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    return bytes(out + bytes([number]))


def field(number, value):
    """One field of a packed message: numbers, texts, or bytes of another message."""
    if isinstance(value, (bool, int)):
        return varint(number << 3) + varint(int(value))
    value = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(value)) + value


def message(*fields):
    return b"".join(field(number, value) for number, value in fields if value is not None)


def mount(target, source=None, kind=None, flags=0, options=None):
    return (17, message((1, target), (2, source), (3, kind), (4, flags), (5, options)))


def variable(name, value):
    return message((1, message((1, name), (2, value))))


def capabilities(*numbers):
    return b"".join(field(1, 1000 + n) for n in numbers)


def ask(*fields):
    return {"variables": [{"name": "ASK", "value": "ask:" + message(*fields).hex()}]}


class Box:
    def __init__(self):
        self.directory = tempfile.mkdtemp(prefix="cm-")
        os.chmod(self.directory, 0o755)
        self.modules = os.path.join(self.directory, "modules")
        os.mkdir(self.modules)
        self.cluster = Cluster(self.directory)
        include = os.path.join(self.cluster.tree.prefix, "include") if self.cluster.tree.prefix else os.path.join(REPOSITORY, "module-api")
        subprocess.run(["cc", "-D_GNU_SOURCE", "-shared", "-fPIC", "-I", include, "-o", f"{self.modules}/isolator_asker.so",
                        os.path.join(REPOSITORY, "tests", "lib", "asker.c")], check=True)
        self.cluster.start(1, {"launcher": "linux", "isolation": "asker",
                               "module_path": self.cluster.tree.module_path + ":" + self.modules})
        self.agent = self.cluster.agents[0]
        self.api = AgentApi(self.agent)
        self.scheduler = Scheduler(self.cluster.address, checkpoint=True, failover_timeout=1000).subscribe()
        self.rootfs = os.path.join(self.directory, "rootfs")
        self.make_rootfs()
        self.count = 0

    def make_rootfs(self):
        for name in ("bin", "etc", "proc", "tmp", "mnt/mesos/sandbox", "dev", "out"):
            os.makedirs(os.path.join(self.rootfs, name))
        shutil.copy("/bin/busybox", os.path.join(self.rootfs, "bin"))
        for name in ("sh", "cat", "id", "ls", "pwd", "grep", "echo", "mkdir", "touch", "sleep", "test", "ps", "readlink"):
            os.symlink("busybox", os.path.join(self.rootfs, "bin", name))
        for name, text in (("passwd", "root:x:0:0::/:/bin/sh\ninside:x:4321:4322::/:/bin/sh\n"),
                           ("group", "root:x:0:\nmates:x:4400:inside\nothers:x:4500:\n")):
            with open(os.path.join(self.rootfs, "etc", name), "w", encoding="ascii") as file:
                file.write(text)
        os.mknod(os.path.join(self.rootfs, "dev", "null"), 0o666 | stat.S_IFCHR, os.makedev(1, 3))
        os.symlink("/", os.path.join(self.rootfs, "escape"))

    def base(self, *fields):
        """What a container with the root file system needs."""
        return ((4, NEWNS), (3, self.rootfs), mount(self.rootfs + "/proc", "proc", "proc")) + fields

    def alone(self, command, *fields, expect=0, launch=200):
        """Standard output of a standalone container."""
        self.count += 1
        name = f"alone{self.count}"
        command = {"value": command} if isinstance(command, str) else command
        answer = self.api.launch((name,), {**command, "environment": ask(*fields)}, launch)
        if launch != 200:
            return answer
        ended = self.api.wait((name,))
        sandbox = os.path.join(self.agent.work_dir, "containers", name)
        texts = []
        for stream in ("stdout", "stderr"):
            with open(os.path.join(sandbox, stream), encoding="utf-8") as file:
                texts.append(file.read())
        assert ended["exit_status"] == expect << 8, (ended, texts)
        self.api.remove((name,))
        return texts[1] if expect else texts[0]

    def task(self, command, *fields, expect="TASK_FINISHED", **more):
        self.count += 1
        name = f"task{self.count}"
        offer = self.scheduler.offer()
        while not self.scheduler.offers.empty():
            offer = self.scheduler.offer()
        command = {"value": command} if isinstance(command, str) else command
        self.scheduler.accept(offer, [command_task(name, {**command, "environment": ask(*fields)}, offer, **more)])
        status = self.scheduler.until(name, ["TASK_FINISHED", "TASK_FAILED", "TASK_LOST"])[-1]
        texts = {}
        for stream in ("stdout", "stderr"):
            try:
                with open(os.path.join(self.cluster.sandbox(self.scheduler.framework_id, name), stream), encoding="utf-8") as file:
                    texts[stream] = file.read()
            except (OSError, AssertionError):
                pass
        assert status["state"] == expect, (status, texts)
        return texts["stdout"] if expect == "TASK_FINISHED" else status["message"]

    def close(self):
        self.scheduler.teardown()
        containers = os.path.join(self.directory, "agent1.run", "containers")
        wait_for(lambda: not os.listdir(containers), 20, "every container to be gone")
        self.cluster.stop()
        assert not self.cluster.complaints()
        self.cluster.remove()


def mounts_of(directory):
    with open("/proc/self/mountinfo", encoding="utf-8") as mounts:
        return [line for line in mounts if directory in line]


@pytest.fixture(scope="module")
def box():
    made = Box()
    yield made
    made.close()
    assert not mounts_of(made.directory)


def test_environment_working_directory_and_command(box):
    assert box.alone("echo $X-$PWD", (2, variable("X", "asked")), (6, "/tmp")) == "asked-/tmp\n"
    assert box.alone("false", (5, message((3, "echo replaced"), (6, True)))) == "replaced\n"
    assert box.alone("false", (5, message((3, "/bin/echo"), (6, False), (7, "echo"), (7, "a b")))) == "a b\n"


def test_a_root_of_its_own(box):
    out = box.alone("ls /; pwd; echo $MESOS_SANDBOX; test -e /etc/debian_version && echo host; ls /proc/1 >/dev/null && echo proc",
                    *box.base())
    assert "escape" in out.split() and "host" not in out.split()
    assert out.splitlines()[-3:] == ["/mnt/mesos/sandbox", "/mnt/mesos/sandbox", "proc"]


def test_the_old_root_is_out_of_reach(box):
    out = box.alone("grep -c . /proc/self/mountinfo; ls /proc/self/root; cd ../../../../..; ls", *box.base())
    assert out.splitlines()[0] == "2", out  # the root and its /proc
    assert out.count("escape") == 2


def test_mounts_and_file_operations(box):
    source = os.path.join(box.directory, "source")
    os.makedirs(os.path.join(source, "deep"), exist_ok=True)
    with open(os.path.join(source, "word"), "w", encoding="ascii") as file:
        file.write("bound\n")
    with open(os.path.join(box.directory, "single"), "w", encoding="ascii") as file:
        file.write("one file\n")
    operations = [(22, message((1, 3 + 1), (3, message((1, box.rootfs + "/made/by/us"), (2, True))))),
                  (22, message((1, 1), (2, message((1, "/ro/word"), (2, box.rootfs + "/made/link"))))),
                  (22, message((1, 3), (4, message((1, box.rootfs + "/made/by/us"), (2, box.rootfs + "/made/moved"))))),
                  (22, message((1, 2), (5, message((1, box.rootfs + "/made/moved"), (2, "tmpfs"), (3, "tmpfs"), (4, 0),
                                                   (5, "size=1m")))))]
    out = box.alone("cat /ro/word /made/link /new/file; touch /ro/x || echo read-only; touch /made/moved/x && ls /made/moved; "
                    "grep -c 'tmpfs.*size=1024k' /proc/mounts",
                    *box.base(mount(box.rootfs + "/ro", source, None, BIND | RDONLY | NOSUID),
                              mount(box.rootfs + "/new/file", os.path.join(box.directory, "single"), None, BIND), *operations))
    assert out.splitlines() == ["bound", "bound", "one file", "read-only", "x", "1"]
    shutil.rmtree(os.path.join(box.rootfs, "made"))
    shutil.rmtree(os.path.join(box.rootfs, "new"))


def test_no_link_leads_out_of_the_root(box):
    """rootfs/escape is a link to /: as seen inside, so what is mounted at escape/out is in the root, not on the host."""
    out = box.alone("ls /out", *box.base(mount(box.rootfs + "/escape/out", os.path.join(box.rootfs, "etc"), None, BIND)))
    assert out.split() == ["group", "passwd"]
    assert not os.path.exists("/out")


def test_masked_paths(box):
    out = box.alone("cat /etc/passwd; ls /etc; cat /proc/meminfo; ls /proc/irq; echo end",
                    *box.base((21, "/etc/passwd"), (21, "/proc/meminfo"), (21, "/proc/irq"), (21, "/not/there")))
    assert out.splitlines() == ["group", "passwd", "end"]
    assert box.alone("ls /usr | wc -l", (4, NEWNS), (21, "/usr/share"), (21, "/proc/sysrq-trigger"))


def test_users_and_groups(box):
    assert box.alone("id -u; id -g; id -G", *box.base((10, "inside"))).splitlines() == ["4321", "4322", "4322 4400"]
    assert box.alone("id -u; id -g; id -G", *box.base((10, "inside:others"), (19, 7777))).splitlines() == ["4321", "4500", "4500 7777"]
    assert box.alone("id -u; id -g", *box.base((10, "99:98"))).splitlines() == ["99", "98"]
    assert "no-such" in box.alone("true", *box.base((10, "no-such")), expect=1)
    assert box.alone("id -un; id -G", (10, "nobody"), (19, 7777)).split()[0] == "nobody"
    assert "7777" in box.alone("id -G", (19, 7777)).split()


def test_capabilities(box):
    show = "grep -E '^Cap(Eff|Prm|Inh|Bnd|Amb)' /proc/self/status"

    def sets(*fields, **more):
        return {line.split()[0][3:6]: int(line.split()[1], 16) for line in box.alone({"value": show, **more}, *fields).splitlines()}
    few = sets((7, capabilities(0, 5)), (16, capabilities(0, 5, 13)), (10, "nobody"))
    assert few == {"Eff": 0x21, "Prm": 0x21, "Inh": 0x21, "Bnd": 0x2021, "Amb": 0x21}
    bound = sets((16, capabilities(0, 5, 13)))
    assert bound["Bnd"] == 0x2021 and bound["Eff"] == 0x2021


def test_no_new_privileges_and_seccomp(box):
    kill = message((1, 5), (2, 2), (3, message((1, "mkdir"), (1, "mkdirat"), (2, 3))))
    assert box.alone("mkdir x || echo refused; grep NoNewPrivs /proc/self/status; grep Seccomp: /proc/self/status",
                     (18, kill), (23, True), (10, "nobody")).split() == ["refused", "NoNewPrivs:", "1", "Seccomp:", "2"]
    assert "refused" in box.alone("mkdir x || echo refused", (18, kill))
    wrong = message((1, 5), (3, message((1, "mkdir"), (2, 3), (3, message((1, 9), (2, 4), (3, 0), (4, 0))))))
    assert "index 9" in box.alone("true", (18, wrong), launch=500)


def test_rlimits_and_commands_before(box):
    limit = message((1, message((1, 10), (2, 77), (3, 66))))
    assert box.alone("ulimit -n; ulimit -Hn", (8, limit)).split() == ["66", "77"]
    mark = os.path.join(box.directory, "mark")
    box.alone("true", (1, message((3, f"env > {mark}"))), (1, message((3, "/bin/sh"), (6, False), (7, "sh"), (7, "-c"),
                                                                      (7, f"echo second >> {mark}"))))
    with open(mark, encoding="utf-8") as file:
        text = file.read()
    assert "second" in text and "ASK" not in text  # the container's environment is not for root's commands
    assert "failed" in box.alone("true", (1, message((3, "exit 3"))), expect=1)


def test_namespaces(box):
    ours = {kind: os.readlink(f"/proc/self/ns/{kind}") for kind in ("uts", "ipc", "net", "pid", "mnt")}
    out = box.alone("for n in uts ipc net pid mnt; do readlink /proc/$$/ns/$n; done",
                    (4, NEWNS), (4, NEWPID), (4, NEWIPC), (4, NEWUTS), (4, NEWNET), mount("/proc", "proc", "proc"))
    assert len(out.split()) == 5 and not set(out.split()) & set(ours.values())


def test_what_cannot_be_is_refused_by_name(box):
    assert "mount namespace" in box.alone("true", mount("/x", "/y", None, BIND), launch=500)
    assert "parent" in box.alone("true", (9, NEWPID), launch=500)
    assert "unknown kind" in box.alone("true", (4, 0x80), launch=500)
    assert "not an absolute path" in box.alone("true", (4, NEWNS), mount("x", "/y", None, BIND), launch=500)
    assert "not an absolute path" in box.alone("true", (4, NEWNS), (21, "proc"), launch=500)
    assert "/no/such/root" in box.alone("true", (4, NEWNS), (3, "/no/such/root"), expect=1)
    assert "no ContainerLaunchInfo" in box.api.launch(("rubbish",), {"value": "true", "environment": {"variables": [
        {"name": "ASK", "value": "ask:ffffff"}]}}, 500)
    ends = os.path.join(box.directory, "agent1.run", "containers")
    wait_for(lambda: not os.listdir(ends), 10, "the refused ones to leave nothing")


def test_a_command_task_in_its_root(box):
    """The executor is outside, its task inside."""
    sandbox = (mount(box.rootfs + "/mnt/mesos/sandbox", "/tmp", None, BIND),)
    out = box.task("ls /; pwd; echo $MESOS_SANDBOX $T; id -u; id -G", *box.base(
        *sandbox, (10, "inside"), (20, 8888), (15, variable("T", "t")), (23, True)))
    lines = out.splitlines()
    assert "escape" in lines and "usr" not in lines
    assert lines[-4:-1] == ["/mnt/mesos/sandbox", "/mnt/mesos/sandbox t", "4321"]
    assert set(lines[-1].split()) == {"4322", "4400", "8888"}
    out = box.task("cat /proc/self/status", (7, capabilities(0)), (16, capabilities(0)), (23, True), (6, "/tmp"))
    status = dict(line.split(":", 1) for line in out.splitlines() if ":" in line)
    assert int(status["CapBnd"], 16) == 1 and status["NoNewPrivs"].strip() == "1"
    assert box.task("false", (5, message((3, "echo instead"), (6, True)))) == "instead\n"


def test_checks_see_what_the_task_sees(box):
    sandbox = (mount(box.rootfs + "/mnt/mesos/sandbox", "/tmp", None, BIND),)
    check = {"type": "COMMAND", "command": {"command": {"value": "test -e /escape && exit 42"}}, "interval_seconds": 0.1,
             "delay_seconds": 0, "timeout_seconds": 5}
    name = "checked"
    offer = box.scheduler.offer()
    while not box.scheduler.offers.empty():
        offer = box.scheduler.offer()
    task = command_task(name, {"value": "sleep 100", "environment": ask(*box.base(*sandbox))}, offer, check=check)
    box.scheduler.accept(offer, [task])

    def code():
        status = box.scheduler.until(name, ["TASK_RUNNING", "TASK_FAILED"])[-1]
        assert status["state"] == "TASK_RUNNING", status
        return status.get("check_status", {}).get("command", {}).get("exit_code") == 42
    wait_for(code, 10, "the check's exit code")
    names = ([c["container_id"]["value"] for c in box.api.containers() if c.get("executor_id", {}).get("value") == name][0], "look")
    session = box.api.session(names, {"value": "ls /; pwd", "environment": ask((9, NEWNS))})
    assert session.ended.wait(60)
    assert "escape" in session.out.decode().split() and session.out.endswith(b"/mnt/mesos/sandbox\n"), (session.out, session.err)
    box.scheduler.kill(name)
    box.scheduler.until(name, ["TASK_KILLED"])


def test_the_helper_is_sealed(box):
    """Neither a task nor its executor can change what the next container begins with."""
    out = box.task("for p in /proc/[0-9]*/exe /proc/[0-9]*/fd/*; do case $(readlink $p) in *memfd:mesos-containerizer*|*memfd:task*) "
                   "echo found; (echo evil > $p) 2>/dev/null && echo WRITTEN;; esac; done; sleep 0.1; echo end",
                   (4, NEWPID), (4, NEWNS), mount("/proc", "proc", "proc"), (23, True))
    assert "found" in out and "WRITTEN" not in out and "end" in out, out
    # While it runs nobody could write to it anyway: that it is sealed is seen from outside.
    box.api.launch(("sealed",), {"value": "sleep 1000", "environment": ask(*box.base((4, NEWPID)))})
    assert_sealed(box.api, "sealed")
    box.api.kill(("sealed",))
    box.api.wait(("sealed",))
    box.api.remove(("sealed",))
    assert box.alone("echo fine") == "fine\n"
