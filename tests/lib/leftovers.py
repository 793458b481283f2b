# SPDX-License-Identifier: Apache-2.0
"""What containers leave on a machine when somebody forgets to clean up: control groups, mounts, named network namespaces,
links, processes. Tests compare before and after; contrib/check does so around whole suites:

    leftovers.py save FILE       writes down what is there
    leftovers.py compare FILE    names what has come since; status 1 when anything has

Only what looks like ours is looked at, so that other work on the machine disturbs nobody.
"""
import json
import os
import re
import sys
import time

OURS = re.compile(r"mesos|QuorumPeerMain|pytest|/cm-|/crun|docker|/cni|containerd")


def cgroups():
    found = set()
    for mount in _mounts():
        if mount["type"] in ("cgroup", "cgroup2"):
            for directory, _, _ in os.walk(mount["point"]):
                if OURS.search(directory[len(mount["point"]):]):
                    found.add(directory)
    return found


def _mounts():
    with open("/proc/self/mountinfo", encoding="utf-8", errors="replace") as f:
        for line in f:
            before, after = line.split(" - ", 1)
            fields, rest = before.split(" "), after.split(" ")
            yield {"point": fields[4], "type": rest[0], "source": rest[1]}


def mounts():
    return {f"{m['point']} ({m['type']})" for m in _mounts()
            if OURS.search(m["point"]) or m["point"].startswith("/run/netns/")}  # /run/netns itself is `ip netns`'s for ever


def namespaces():
    return set(os.listdir("/run/netns")) if os.path.isdir("/run/netns") else set()


def links():
    """Network interfaces of this namespace."""
    return set(os.listdir("/sys/class/net"))


def processes():
    """Daemons, helpers, executors and whatever lives in a test's directory."""
    found = set()
    for entry in filter(str.isdigit, os.listdir("/proc")):
        try:
            name = open(f"/proc/{entry}/comm", encoding="utf-8", errors="replace").read().strip()
            here = os.readlink(f"/proc/{entry}/cwd")
        except OSError:
            continue
        if int(entry) != os.getpid() and (name.startswith(("mesos", "dockerd", "containerd")) or "/pytest-of-" in here or "/cm-" in here):
            found.add(f"{entry} {name} in {here}")
    return found


KINDS = {"control group": cgroups, "mount": mounts, "network namespace": namespaces, "link": links, "process": processes}


def snapshot(kinds=KINDS):
    return {kind: KINDS[kind]() for kind in kinds}


def since(before, patience=5.0):
    """What is there and was not, as texts. What is just going is waited for."""
    end = time.monotonic() + patience
    while True:
        now = snapshot(before)
        left = [f"{kind}: {thing}" for kind in before for thing in sorted(now[kind] - set(before[kind]))]
        if not left or time.monotonic() > end:
            return left
        time.sleep(0.1)


def main(argv):
    if len(argv) != 3 or argv[1] not in ("save", "compare"):
        print(__doc__, file=sys.stderr)
        return 2
    if argv[1] == "save":
        with open(argv[2], "w", encoding="utf-8") as f:
            json.dump({kind: sorted(things) for kind, things in snapshot().items()}, f)
        return 0
    with open(argv[2], encoding="utf-8") as f:
        left = since(json.load(f), 15.0)
    for thing in left:
        print("FAILED left behind: " + thing)
    return 1 if left else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
