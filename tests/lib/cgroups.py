# SPDX-License-Identifier: Apache-2.0
"""Control groups of a test run: named after its process, counted, and swept when an earlier run left some behind.

Hierarchies of version 1 that are mounted nowhere are mounted below a directory of the test's own when it asks for them,
and unmounted at its end.
"""
import os
import signal
import subprocess
import tempfile
import time

HIERARCHY = "/sys/fs/cgroup"
PREFIX = "mesos_test_cg_"


def controllers():
    """Controllers of version 1 that the kernel has, with the directory where each is mounted (None = nowhere)."""
    with open("/proc/cgroups", encoding="ascii") as file:
        names = [line.split()[0] for line in file if not line.startswith("#") and line.split()[3] == "1"]
    found = dict.fromkeys(names)
    with open("/proc/self/mountinfo", encoding="utf-8") as file:
        for line in file:
            left, right = line.rstrip("\n").split(" - ")
            kind, _, options = right.split(" ", 2)
            for name in names:
                if kind == "cgroup" and name in options.split(",") and found[name] is None:
                    found[name] = left.split(" ")[4]
    return found


def unified():
    """Whether this is a machine of version 2."""
    return os.path.exists(os.path.join(HIERARCHY, "cgroup.controllers"))


def roots(name):
    """Directories of that name in every mounted hierarchy."""
    mounts = {HIERARCHY} if unified() else {mount for mount in controllers().values() if mount}
    return [os.path.join(mount, name) for mount in sorted(mounts) if os.path.isdir(os.path.join(mount, name))]


def groups(name):
    """Every cgroup below (and without) the directories of that name: what may be left of containers."""
    return sorted(os.path.join(root, entry) for top in roots(name) for root, entries, _ in os.walk(top) for entry in entries)


def pids(path):
    with open(os.path.join(path, "cgroup.procs"), encoding="ascii") as file:
        return [int(line) for line in file]


def remove(name):
    """Kills and removes everything of that name."""
    for top in roots(name):
        for _ in range(100):
            left = [path for path, _, _ in os.walk(top, topdown=False)]
            for path in left:
                try:
                    for pid in pids(path):
                        os.kill(pid, signal.SIGKILL)
                    os.rmdir(path)
                except (OSError, ProcessLookupError):
                    pass
            if not os.path.isdir(top):
                break
            time.sleep(0.02)


def sweep():
    """What runs that are dead have left."""
    mounts = {HIERARCHY} if unified() else {mount for mount in controllers().values() if mount}
    for mount in mounts:
        for entry in os.listdir(mount):
            owner = entry[len(PREFIX):].split("_")[0]
            if entry.startswith(PREFIX) and owner.isdigit() and not os.path.isdir("/proc/" + owner):
                remove(entry)


def hierarchies():
    """controller -> number of its version 1 hierarchy, 0 when it has none, from /proc/cgroups."""
    with open("/proc/cgroups", encoding="ascii") as file:
        rows = [line.split() for line in file if not line.startswith("#")]
    return {row[0]: int(row[1]) for row in rows}


def dissolve(timeout=10):
    """Ends hierarchies that nobody has mounted. One whose last groups were still dying when it was unmounted stays for
    ever, and programs that find it in /proc/<pid>/cgroup and no mount of it, as containerd, give up. Mounting and
    unmounting it again, when they are dead, ends it."""
    if unified():
        return
    end = time.monotonic() + timeout
    while time.monotonic() < end:
        mounted = controllers()
        left = [name for name, number in hierarchies().items() if number and name in mounted and not mounted[name]]
        if not left:
            return
        for name in left:
            place = tempfile.mkdtemp(prefix="cgroup-")
            if subprocess.run(["mount", "-t", "cgroup", "-o", name, "none", place], check=False,
                              stderr=subprocess.DEVNULL).returncode == 0:
                subprocess.run(["umount", place], check=False)
            os.rmdir(place)
        time.sleep(0.1)


class Run:
    """A name for cgroups_root that is this run's own."""

    def __init__(self, name="x"):
        sweep()
        self.root = f"{PREFIX}{os.getpid()}_{name}"
        self.missing = [name for name, mount in controllers().items() if mount is None] if not unified() else []

    def path(self, controller, *containers):
        mount = HIERARCHY if unified() else controllers()[controller]
        return os.path.join(mount, self.root, "/mesos/".join(containers)) if containers else os.path.join(mount, self.root)

    def read(self, controller, container, file):
        with open(os.path.join(self.path(controller, *container.split(".")), file), encoding="ascii") as opened:
            return opened.read().strip()

    def left(self):
        """Cgroups of containers; the agent's own stay."""
        return [path for path in groups(self.root) if not path.endswith(("/slave", "/agent", "/agent/leaf"))]

    def end(self):
        """Removes it all, and unmounts what the agent had to mount."""
        remove(self.root)
        for name in self.missing:
            mount = controllers().get(name)
            if mount:
                subprocess.run(["umount", mount], check=False)
                try:
                    os.rmdir(mount)
                except OSError:
                    pass
        dissolve()
