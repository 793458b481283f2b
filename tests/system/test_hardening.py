# SPDX-License-Identifier: Apache-2.0
"""What the daemons give up: root, system calls, core dumps; and what their units take from them."""
import os
import pwd
import re
import signal
import subprocess
import sys
import tempfile

import pytest

from cluster import wait_for
from scheduler import Scheduler, command_task
from test_daemons import FAST, program, sanitized

NOBODY = pwd.getpwnam("nobody")
UNITS = os.path.join(os.path.dirname(__file__), "..", "..", "etc", "systemd")


def status_of(daemon):
    with open(f"/proc/{daemon.process.pid}/status", encoding="utf-8") as file:
        return dict(re.findall(r"^(\w+):\s*(.*)$", file.read(), re.M))


def refusal(daemon):
    """The line in which a daemon says why it does not start."""
    daemon.start(wait=False)
    assert daemon.process.wait(60) != 0
    return [line for line in daemon.log().splitlines() if "cannot start" in line][-1]


def test_a_master_that_root_started_becomes_a_user(make_cluster):
    """Its registry was root's until then, and is in use after a restart."""
    cluster = make_cluster(master_flags={**FAST, "registry": "local"})
    agent_id = cluster.wait_agents(1)[0]["id"]
    cluster.master.stop()
    work_dir = next(word.split("=", 1)[1] for word in cluster.master.argv if word.startswith("--work_dir="))
    kept = [name for name in os.listdir(work_dir) if os.path.isfile(os.path.join(work_dir, name))]
    assert kept and all(os.stat(os.path.join(work_dir, name)).st_uid == 0 for name in kept)
    os.symlink("/etc/hostname", os.path.join(work_dir, "elsewhere"))
    with open(os.path.join(cluster.directory, "precious"), "w", encoding="utf-8") as file:
        file.write("root's")
    os.link(os.path.join(cluster.directory, "precious"), os.path.join(work_dir, "second name"))
    os.chmod(cluster.directory, 0o755)
    cluster.master.argv.append("--run_as=nobody")
    cluster.master.start()
    status = status_of(cluster.master)
    assert status["Uid"].split() == [str(NOBODY.pw_uid)] * 4 and status["Gid"].split() == [str(NOBODY.pw_gid)] * 4
    assert int(status["CapEff"], 16) == 0 and int(status["CapPrm"], 16) == 0
    assert status["Groups"].split() in ([], [str(NOBODY.pw_gid)]) and status["NoNewPrivs"] == "1"
    assert all(os.stat(os.path.join(work_dir, name)).st_uid == NOBODY.pw_uid for name in kept)
    assert os.stat("/etc/hostname").st_uid == 0 and os.stat(os.path.join(cluster.directory, "precious")).st_uid == 0
    assert cluster.wait_agents(1)[0]["id"] == agent_id
    scheduler = Scheduler(cluster.address).subscribe()
    offer = scheduler.offer()
    scheduler.accept(offer, [command_task("one", "true", offer)])
    wait_for(lambda: [s["state"] for s in scheduler.history if s["task_id"]["value"] == "one"][-1:] == ["TASK_FINISHED"], 60, "the task")
    cluster.master.stop()
    cluster.master.argv[-1] = "--run_as=no such user"
    assert "option 'run_as': there is no user 'no such user' on this machine" in refusal(cluster.master)
    cluster.master.argv[-1] = "--run_as=root"
    cluster.master.start()
    assert status_of(cluster.master)["Uid"].split()[0] == "0"


def sealed(daemon):
    return status_of(daemon)["Seccomp"] == "2"


def test_system_calls_of_a_master(make_cluster):
    cluster = make_cluster(agents=0)
    if sanitized():
        pytest.skip("sanitizers need what is forbidden")
    assert sealed(cluster.master)
    # Every thread of it, those that came before as well.
    for thread in os.listdir(f"/proc/{cluster.master.process.pid}/task"):
        with open(f"/proc/{cluster.master.process.pid}/task/{thread}/status", encoding="utf-8") as file:
            assert re.search(r"^Seccomp:\s*2$", file.read(), re.M)
    assert cluster.master.get("/health", raw=True) is not None
    cluster.master.stop()
    cluster.master.argv.append("--seccomp=off")
    cluster.master.start()
    assert not sealed(cluster.master)
    cluster.master.stop()
    cluster.master.argv[-1] = "--seccomp=some"
    cluster.master.start(wait=False)
    assert cluster.master.process.wait(60) != 0 and "strict" in cluster.master.log()


# A process of the daemon's user looks at what only those may see whose memory may be dumped.
LOOK = """
import os, sys
os.setgid({gid}); os.setuid({uid})
try:
    open("/proc/%s/environ" % sys.argv[1], "rb").read(1)
    print("seen")
except PermissionError:
    print("hidden")
"""


def look(daemon):
    code = LOOK.format(gid=NOBODY.pw_gid, uid=NOBODY.pw_uid)
    return subprocess.run([sys.executable, "-c", code, str(daemon.process.pid)], stdout=subprocess.PIPE, text=True, check=True).stdout.strip()


def dumped(process):
    """Its fault ends it, and this is what its parent is told: whether the kernel wrote a core, or gave one to the program of a
    pattern that is a pipe."""
    told = []
    wait_for(lambda: told.append(os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT | os.WNOHANG)) or told[-1], 60, "its end")
    assert told[-1].si_status == signal.SIGSEGV, told[-1]
    process.wait(60)
    return told[-1].si_code == os.CLD_DUMPED


def cores_in(directory):
    """By the usual pattern; another one may have them elsewhere, which dumped() tells."""
    return [name for name in os.listdir(directory) if name == "core" or name.startswith("core.")]


def dumped_by_others(directory):
    """Does this machine write cores at all, of a user's program in that directory?"""
    command = ("ulimit -c unlimited; exec setpriv --reuid=%d --regid=%d --clear-groups sh -c 'kill -SEGV $$'"
               % (NOBODY.pw_uid, NOBODY.pw_gid))
    with subprocess.Popen(["/bin/sh", "-c", command], cwd=directory) as process:
        was = dumped(process)
    for name in cores_in(directory):
        os.unlink(os.path.join(directory, name))
    return was


def faults(daemon):
    """With room for a core, and in a directory where everybody may write one."""
    os.chmod(daemon.directory, 0o1777)
    daemon.argv.append("--ulimit=-c unlimited")
    daemon.start()
    daemon.process.send_signal(signal.SIGSEGV)
    return dumped(daemon.process)


def test_core_dumps_hold_no_secrets(make_cluster):
    cluster = make_cluster(agents=0, master_flags={"run_as": "nobody"})
    if sanitized():
        pytest.skip("sanitizers look at their process by ptrace")
    assert look(cluster.master) == "hidden"
    agent = cluster.add_agent(start=False)
    cluster.master.stop()
    for daemon in cluster.master, agent:
        assert not faults(daemon), daemon.name
        assert not cores_in(daemon.directory)


def test_core_dumps_when_they_are_wanted(make_cluster):
    cluster = make_cluster(agents=0, master_flags={"run_as": "nobody", "core_dumps": True})
    assert look(cluster.master) == "seen"
    if sanitized():
        pytest.skip("sanitizers end a process that faults in a way of their own")
    cluster.master.stop()
    os.chmod(cluster.directory, 0o1777)
    # What the other test does not see could be seen, wherever this machine writes any.
    assert faults(cluster.master) == dumped_by_others(cluster.directory)


def test_units_take_away_what_is_not_needed():
    """systemd's own figure: 10 is a service that may do all that root may."""
    with tempfile.TemporaryDirectory(prefix="cm-u") as directory:
        path = os.path.join(directory, "mesos-master.service")
        source = os.path.join(UNITS, "mesos-master.service")
        with open(source if os.path.exists(source) else source + ".in", encoding="utf-8") as unit:
            text = unit.read().replace("@sbindir@/mesos-master", program("mesos-master"))
        with open(path, "w", encoding="utf-8") as unit:
            unit.write(text)
        done = subprocess.run(["systemd-analyze", "security", "--offline=yes", "--no-pager", path], text=True, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, check=False)
        figure = re.search(r"exposure level for mesos-master.service: ([\d.]+)", done.stdout)
        assert figure and float(figure.group(1)) < 4.0, done.stdout


# Nothing of the agent's unit that containers inherit, or that would part the agent from their mounts, devices and users.
NEEDED = {"clone", "clone3", "unshare", "setns", "mount", "umount2", "pivot_root", "chroot", "mknod", "mknodat", "setuid", "setgid",
          "setgroups", "setresuid", "setresgid", "capset", "prctl", "seccomp", "execve", "execveat", "ptrace", "bpf", "sethostname",
          "keyctl", "fsopen", "fsmount", "move_mount", "open_tree", "mount_setattr", "memfd_create", "pidfd_open", "kill"}
DENYING = re.compile(r"NoNewPrivileges|Restrict\w+|Protect\w+|Private\w+|MemoryDenyWriteExecute|LockPersonality|DynamicUser|User|Group|"
                     r"CapabilityBoundingSet|AmbientCapabilities|SystemCallArchitectures|DevicePolicy|DeviceAllow|RootDirectory|RootImage|"
                     r"(ReadOnly|ReadWrite|Inaccessible|Exec|NoExec|TemporaryFile)\w*Paths?|TemporaryFileSystem|MountFlags|MountAPIVFS|"
                     r"ProcSubset|RemoveIPC|SecureBits|KeyringMode|UMask")


def test_agents_unit_lets_containers_be():
    source = os.path.join(UNITS, "mesos-agent.service")
    with open(source if os.path.exists(source) else source + ".in", encoding="utf-8") as unit:
        settings = re.findall(r"^(\w+)=(.*)$", unit.read(), re.M)
    assert ("KillMode", "process") in settings and ("Delegate", "yes") in settings
    assert not [name for name, _ in settings if DENYING.fullmatch(name)]
    filters = [value for name, value in settings if name == "SystemCallFilter"]
    # What is taken away is listed; a list of what is left would have to grow with each kernel.
    assert filters and all(value.startswith("~") for value in filters), filters
    taken = set()
    for word in (word for value in filters for word in value[1:].split()):
        taken |= group(word) if word.startswith("@") else {word}
    assert taken >= {"reboot", "swapon", "kexec_load"} and not taken & NEEDED, taken & NEEDED


def group(name):
    """The calls of a group of systemd's, and of the groups in it."""
    try:
        text = subprocess.run(["systemd-analyze", "syscall-filter", "--no-pager", name], text=True, stdout=subprocess.PIPE, check=True).stdout
    except FileNotFoundError:
        known = {"@reboot": {"reboot", "kexec_load", "kexec_file_load"}, "@swap": {"swapon", "swapoff"}, "@obsolete": {"uselib"}}
        assert name in known, f"{name}: what is in it is said by systemd-analyze, which is not here"
        return known[name]
    words = re.findall(r"^\s+([@\w]+)$", text, re.M)
    assert words, text
    return set().union(*(group(word) if word.startswith("@") else {word} for word in words))
