# SPDX-License-Identifier: Apache-2.0
"""Ends what a killed run left behind: processes that live in its directory, its mounts, the directory. The namespaces go with
their processes. Only runs whose own process is gone are touched."""
import glob
import os
import shutil
import signal
import subprocess
import time


def lives_in(directory):
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            here = os.readlink(f"/proc/{pid}/cwd")
        except OSError:
            continue
        if here == directory or here.startswith(directory + "/"):
            yield int(pid)


def kill_all(directory):
    for _ in range(20):
        found = list(lives_in(directory))
        if not found:
            return
        for pid in found:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        time.sleep(0.1)


def unmount(directory):
    with open("/proc/self/mountinfo", encoding="utf-8") as f:
        points = [line.split(" ")[4] for line in f]
    for point in sorted((p for p in points if p.startswith(directory + "/")), reverse=True):
        subprocess.run(["umount", "-l", point], check=False)


def dead_runs():
    for directory in glob.glob("/tmp/cm-chaos-*"):
        pid = directory.split("-")[2]
        if pid.isdigit() and not os.path.exists(f"/proc/{pid}"):
            kill_all(directory)
            unmount(directory)
            shutil.rmtree(directory, ignore_errors=True)
