# SPDX-License-Identifier: Apache-2.0
"""A Docker Engine of a test's own: dockerd with all of its files below one directory, in a network namespace of its own.

What works on machines without a system docker, as root:
- dockerd runs in a network namespace that is made here, so its bridge and its iptables rules touch nobody else's. It is
  entered with nsenter and not with `ip netns exec`: the latter mounts another /sys, and dockerd then finds no control
  groups ("Devices cgroup isn't mounted").
- containerd is started by dockerd itself, below --exec-root. The storage driver is overlay2 where the kernel and the file
  system have it, else vfs. Without iptables in the kernel the bridge works all the same, without published ports.
- Containers' control groups are below one of ours (--cgroup-parent), which tells what was left behind.
Package docker.io of Debian (20.10) is preferred; any other dockerd and docker of the PATH do, too.
"""
import io
import os
import shutil
import signal
import subprocess
import tarfile
import tempfile
import time

import cgroups

PREFIX = "mesos_test_docker_"


def find(name):
    for place in ("/usr/sbin", "/usr/bin", "/usr/local/sbin", "/usr/local/bin"):
        path = os.path.join(place, name)
        if os.access(path, os.X_OK):
            return path
    return shutil.which(name)


def reason_against():
    """Why no engine can run here; None when one can."""
    if os.geteuid() != 0:
        return "a docker engine needs root"
    missing = [name for name in ("dockerd", "containerd", "docker", "ip", "nsenter", "iptables") if not find(name)]
    missing += [] if os.path.exists("/bin/busybox") else ["busybox"]
    return f"no {', '.join(missing)} here" if missing else None


def run(*argv, check=True, **more):
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          check=False, timeout=60, **more)
    if check and done.returncode:
        raise AssertionError(f"{argv}: {done.returncode}\n{done.stdout}\n{done.stderr}")
    return done


def mounts_below(directory):
    with open("/proc/self/mountinfo", encoding="utf-8") as lines:
        points = [line.split()[4] for line in lines]
    return [p for p in points if p == directory or p.startswith(directory + "/")]


def groups_of(tag):
    found = []
    for root, directories, _ in os.walk("/sys/fs/cgroup"):
        for name in list(directories):
            if name == tag:
                found.append(os.path.join(root, name))
                directories.remove(name)
    return found


def processes_of(directory):
    """Those that name the directory on their command line: dockerd, containerd and the shims."""
    found = []
    for entry in os.listdir("/proc"):
        if not entry.isdigit() or int(entry) == os.getpid():
            continue
        try:
            with open(f"/proc/{entry}/cmdline", "rb") as file:
                words = file.read().split(b"\0")
            program = os.path.basename(os.readlink(f"/proc/{entry}/exe"))
        except OSError:
            continue
        if program.startswith(("dockerd", "containerd", "docker-proxy", "runc")) and \
                any(directory.encode() in word for word in words):
            found.append(int(entry))
    return found


class DockerEngine:
    """start() takes a second or two; stop() leaves nothing. Many tests may share one."""

    def __init__(self):
        self.sweep()
        self.directory = tempfile.mkdtemp(prefix=f"dk{os.getpid()}-", dir="/tmp")
        self.tag = f"{PREFIX}{os.getpid()}"
        self.socket = os.path.join(self.directory, "docker.sock")
        self.docker = find("docker") if not os.access("/usr/bin/docker", os.X_OK) else "/usr/bin/docker"
        self.process = None
        self.log = os.path.join(self.directory, "dockerd.log")

    @staticmethod
    def sweep():
        """What runs that were killed have left."""
        for line in run("ip", "netns", "list").stdout.splitlines():
            name = line.split()[0]
            if name.startswith(PREFIX) and not os.path.exists(f"/proc/{name[len(PREFIX):]}"):
                old = DockerEngine.__new__(DockerEngine)
                pid = name[len(PREFIX):]
                old.tag, old.process = name, None
                for entry in os.listdir("/tmp"):
                    if entry.startswith(f"dk{pid}-"):
                        old.directory = os.path.join("/tmp", entry)
                        old.clean()
                run("ip", "netns", "delete", name, check=False)

    def command(self, driver):
        return ["nsenter", f"--net=/run/netns/{self.tag}", find("dockerd"),
                "--data-root", self.directory + "/data", "--exec-root", self.directory + "/exec",
                "--host", "unix://" + self.socket, "--pidfile", self.directory + "/pid",
                "--config-file", self.directory + "/daemon.json", "--storage-driver", driver,
                "--bip", "172.31.250.1/24", "--cgroup-parent", self.tag, "--exec-opt", "native.cgroupdriver=cgroupfs"]

    def start(self):
        cgroups.dissolve()
        if not os.path.exists(f"/run/netns/{self.tag}"):
            run("ip", "netns", "add", self.tag)
            run("nsenter", f"--net=/run/netns/{self.tag}", "ip", "link", "set", "lo", "up")
        with open(self.directory + "/daemon.json", "w", encoding="utf-8") as file:
            file.write("{}")
        for driver in ("overlay2", "vfs"):
            if self._start(driver):
                return self
        raise AssertionError(self.said())

    def _start(self, driver):
        if os.path.exists(self.directory + "/pid"):
            os.unlink(self.directory + "/pid")
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(self.command(driver), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            start_new_session=True)
        end = time.monotonic() + 30
        while time.monotonic() < end and self.process.poll() is None:
            if self("version", check=False).returncode == 0:
                return True
            time.sleep(0.05)
        return False

    def said(self):
        with open(self.log, encoding="utf-8", errors="replace") as log:
            return log.read()[-4000:]

    def __call__(self, *words, check=True):
        """The docker client at this engine; .stdout is what it printed."""
        return run(self.docker, "-H", "unix://" + self.socket, *words, check=check)

    def in_network(self, *argv, **more):
        """A program where the engine's bridge and its published ports are."""
        return run("nsenter", f"--net=/run/netns/{self.tag}", *argv, **more)

    def containers(self, *more):
        return self("ps", "--all", "--format", "{{.Names}}", *more).stdout.split()

    def inspect(self, name, template):
        return self("inspect", "--format", template, name).stdout.strip()

    def image(self, name="box:1", files=None, changes=()):
        """An image of busybox, with further files: path -> (bytes, mode) or a path of the host."""
        archive = io.BytesIO()
        with tarfile.open(fileobj=archive, mode="w") as tar:
            for directory in ("bin", "etc", "tmp", "proc", "sys", "dev", "mnt", "root"):
                info = tarfile.TarInfo(directory)
                info.type, info.mode = tarfile.DIRTYPE, 0o1777 if directory == "tmp" else 0o755
                tar.addfile(info)
            tar.add("/bin/busybox", "bin/busybox")
            for applet in run("/bin/busybox", "--list").stdout.split():
                if applet != "busybox":
                    info = tarfile.TarInfo("bin/" + applet)
                    info.type, info.linkname = tarfile.SYMTYPE, "busybox"
                    tar.addfile(info)
            for path, content in (files or {}).items():
                if isinstance(content, str):
                    tar.add(os.path.realpath(content), path)
                else:
                    info = tarfile.TarInfo(path)
                    info.size, info.mode = len(content[0]), content[1]
                    tar.addfile(info, io.BytesIO(content[0]))
        words = [word for change in changes for word in ("--change", change)]
        done = subprocess.run([self.docker, "-H", "unix://" + self.socket, "import", *words, "-", name],
                              input=archive.getvalue(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False,
                              timeout=120)
        assert done.returncode == 0, done.stderr
        return name

    def stop(self):
        """Everything it made is gone afterwards, containers that still run included."""
        if self.process and self.process.poll() is None:
            names = self.containers()
            if names:
                self("rm", "--force", "--volumes", *names, check=False)
            self.process.terminate()
            try:
                self.process.wait(60)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.clean()
        run("ip", "netns", "delete", self.tag, check=False)

    def clean(self):
        """What is left of an engine that does not run any more."""
        for _ in range(50):
            pids = processes_of(self.directory)
            if not pids:
                break
            for pid in pids:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            time.sleep(0.05)
        for point in sorted(mounts_below(self.directory), reverse=True):
            run("umount", "--lazy", point, check=False)
        for group in groups_of(self.tag):
            for root, _, _ in os.walk(group, topdown=False):
                try:
                    with open(os.path.join(root, "cgroup.procs"), encoding="utf-8") as procs:
                        for pid in procs.read().split():
                            os.kill(int(pid), signal.SIGKILL)
                    time.sleep(0.02)
                    os.rmdir(root)
                except OSError:
                    pass
        shutil.rmtree(self.directory, ignore_errors=True)

    def leftovers(self):
        """What is there although nothing should be: for the end of a test that has stopped the engine."""
        return (processes_of(self.directory) + mounts_below(self.directory) + groups_of(self.tag) +
                [p for p in (f"/run/netns/{self.tag}", self.directory) if os.path.exists(p)])
