# SPDX-License-Identifier: Apache-2.0
"""A master and agents of ours on loopback, for every suite that talks to real daemons.

Programs come from an installed prefix (CMESOS_PREFIX) or from a build tree (CMESOS_BUILD, default: build/ of this
repository). Nothing outside of the directory that the test gives is written; the host's /etc is never read; ports are
free ones; everything that was started is ended by its pid, tasks of the cluster included.
"""
import base64
import json
import os
import shutil
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request

REPOSITORY = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
RESOURCES = "cpus:4;mem:4096;disk:10000;ports:[31000-32000]"
PATIENCE = 60  # seconds


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_for(question, timeout=PATIENCE, what="it"):
    """The first true answer of question(); fails after timeout seconds, but never before PATIENCE: time-outs guard against
    hanging only, and a busy machine is no failure. That nothing happens is asked otherwise."""
    timeout = max(timeout, PATIENCE)
    end = time.monotonic() + timeout
    while True:
        answer = question()
        if answer:
            return answer
        if time.monotonic() > end:
            raise AssertionError(f"waited {timeout} s for {what} in vain")
        time.sleep(0.02)


def basic(login):
    """What Authorization says of "principal:secret"."""
    return "Basic " + base64.b64encode(login.encode()).decode()


class Tree:
    """Where programs, helpers and modules are."""

    HELPERS = ("mesos-executor", "mesos-containerizer", "mesos-image", "mesos-fetcher", "mesos-default-executor",
               "mesos-http-check", "mesos-logrotate-logger", "mesos-network-helper", "mesos-docker-executor")

    def __init__(self, directory):
        self.prefix = os.environ.get("CMESOS_PREFIX")
        self.build = os.environ.get("CMESOS_BUILD", os.path.join(REPOSITORY, "build"))
        self.directory = directory
        self.launcher_dir = self.prefix_path("libexec/cmesos") if self.prefix else self._gather_helpers()
        self.module_path = (self.prefix_path("lib/mesos/modules") if self.prefix
                            else os.path.join(self.build, "modules", ".libs"))

    def prefix_path(self, path):
        return os.path.join(self.prefix, path)

    def program(self, name):
        if self.prefix:
            places = [self.prefix_path(d + "/" + name) for d in ("sbin", "bin", "libexec/cmesos")]
        else:
            places = [os.path.join(self.build, d, name)
                      for d in ("core/main", "core/executor", "core/cli", "modules/containerizer/native",
                                "modules/containerizer", "core/agent", "core/fetcher", "modules")]
        for place in places:
            if os.access(place, os.X_OK):
                return place
        raise AssertionError(f"{name} was not built: looked at {places}")

    def contract_program(self, kind):
        """The contract's program of that kind of module: in the build tree, or in the one that contrib/check installed
        from. None when `make check` has not built it."""
        builds = [self.build] + ([os.path.join(os.path.dirname(self.prefix.rstrip("/")), "gcc")] if self.prefix else [])
        programs = [os.path.join(build, "tests", "contract", kind) for build in builds]
        return next((path for path in programs if os.access(path, os.X_OK)), None)

    def _gather_helpers(self):
        """A directory as `make install` would lay it out."""
        directory = os.path.join(self.directory, "libexec")
        os.makedirs(directory, exist_ok=True)
        found = {}
        # Not the whole build: other builds may lie below it.
        tops = [os.path.join(self.build, room) for room in ("core", "modules")]
        for root, files in [(root, files) for top in tops for root, _, files in os.walk(top)]:
            if "/.libs" in root:
                continue
            for name in files:
                path = os.path.join(root, name)
                if name in self.HELPERS and os.access(path, os.X_OK):
                    found[name] = path
        for name, path in found.items():
            link = os.path.join(directory, name)
            if not os.path.lexists(link):
                os.symlink(path, link)
        return directory


class Daemon:
    """One running program whose end is ours to bring about."""

    scheme, opener = "http", None  # tls.py has others

    def __init__(self, name, argv, port, directory, env):
        self.name, self.argv, self.port, self.directory, self.env = name, argv, port, directory, env
        self.host = "127.0.0.1"
        self.login = None  # "principal:secret", when it wants to know who asks
        self.log_path = os.path.join(directory, name + ".log")
        self.process = None

    @property
    def url(self):
        return f"{self.scheme}://{self.host}:{self.port}"

    def start(self, wait=True):
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(self.argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            env=self.env, cwd=self.directory, start_new_session=True)
        if wait:
            wait_for(self._answers, what=self.name + " to answer /health")
        return self

    def _answers(self):
        if self.process.poll() is not None:
            raise AssertionError(f"{self.name} ended with {self.process.returncode}:\n{self.log()[-4000:]}")
        try:
            return self.get("/health", raw=True) is not None
        except (urllib.error.URLError, OSError):
            return False

    def get(self, path, raw=False):
        headers = {"Authorization": basic(self.login)} if self.login else {}
        request = urllib.request.Request(self.url + path, headers=headers)
        with (self.opener.open if self.opener else urllib.request.urlopen)(request, timeout=PATIENCE) as answer:
            body = answer.read()
        return body if raw else json.loads(body)

    def kill(self):
        """As a crash: SIGKILL, and the corpse is reaped."""
        self.process.kill()
        self.process.wait()

    def stop(self, timeout=PATIENCE):
        if self.process is None or self.process.poll() is not None:
            return
        self.process.terminate()
        try:
            self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()

    def log(self):
        with open(self.log_path, encoding="utf-8", errors="replace") as log:
            return log.read()


class Cluster:
    """directory: empty and the test's own. Flags are given without dashes: {"offer_timeout": "5secs"}."""

    def __init__(self, directory, master_flags=None):
        self.directory = str(directory)
        self.tree = Tree(self.directory)
        self.daemons = []
        self.agents = []
        os.makedirs(os.path.join(self.directory, "etc"), exist_ok=True)
        self.master = self._daemon("mesos-master", "master", {"registry": "in_memory", "cluster": "test",
                                                              "hostname": "localhost", **(master_flags or {})})

    @property
    def address(self):
        return f"127.0.0.1:{self.master.port}"

    def _environment(self):
        keep = ("PATH", "HOME", "USER", "LANG", "ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS")
        env = {name: os.environ[name] for name in keep if name in os.environ}
        env.setdefault("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        return env

    def _daemon(self, program, name, flags):
        port = free_port()
        work_dir = os.path.join(self.directory, name)
        os.makedirs(work_dir, exist_ok=True)
        given = {"ip": "127.0.0.1", "port": port, "etc_dir": os.path.join(self.directory, "etc"),
                 "work_dir": work_dir, "module_path": self.tree.module_path, **flags}
        argv = [self.tree.program(program)]
        argv += [f"--{key}" if value is True else f"--no-{key}" if value is False else f"--{key}={value}"
                 for key, value in given.items()]
        daemon = Daemon(name, argv, given["port"], self.directory, self._environment())
        daemon.host = given["ip"]
        self.daemons.append(daemon)
        return daemon

    def start(self, agents=1, agent_flags=None):
        self.master.start()
        for _ in range(agents):
            self.add_agent(agent_flags)
        return self

    def add_agent(self, flags=None, start=True):
        name = f"agent{len(self.agents) + 1}"
        # Unix sockets have short paths only, so what holds one must not lie deep in a test's directory.
        runtime = os.path.join(self.directory, name + ".run")
        agent = self._daemon("mesos-agent", name, {
            "master": self.address, "hostname": "localhost", "resources": RESOURCES, "runtime_dir": runtime,
            "fetcher_cache_dir": os.path.join(self.directory, name + ".fetch"),
            "launcher_dir": self.tree.launcher_dir, "launcher": "posix", "isolation": "posix/cpu,posix/mem",
            "cgroups_root": f"mesos_test_{os.getpid()}_{os.path.basename(self.directory)}_{name}",
            **(flags or {})})
        agent.work_dir = os.path.join(self.directory, name)
        self.agents.append(agent)
        if start:
            agent.start()
            self.wait_agents(sum(1 for a in self.agents if a.process and a.process.poll() is None))
        return agent

    def wait_agents(self, count):
        def enough():
            known = self.master.get("/slaves")["slaves"]
            return [a for a in known if a["active"]] if sum(a["active"] for a in known) >= count else None
        return wait_for(enough, what=f"{count} active agents")

    def tool_environment(self):
        return {"MESOS_MASTER": self.address}

    def tool(self, *args, timeout=60, check=True):
        """The command line tool against this cluster."""
        env = {**self._environment(), "HOME": self.directory, **self.tool_environment()}
        done = subprocess.run([self.tree.program("mesos"), *args], env=env, timeout=timeout, text=True,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
        if check and done.returncode:
            raise AssertionError(f"mesos {args}: {done.returncode}\n{done.stdout}\n{done.stderr}")
        return done

    def sandbox(self, framework_id, executor_id, agent=0):
        base = os.path.join(self.agents[agent].work_dir, "slaves")
        for slave in sorted(os.listdir(base)):
            path = os.path.join(base, slave, "frameworks", framework_id, "executors", executor_id, "runs", "latest")
            if os.path.exists(path):
                return path
        raise AssertionError(f"no sandbox of {executor_id} under {base}")

    def leftovers(self):
        """Processes that live in this cluster's directories and are no daemon of ours: its executors and tasks."""
        own = {d.process.pid for d in self.daemons if d.process}
        found = []
        for entry in os.listdir("/proc"):
            if not entry.isdigit() or int(entry) in own or int(entry) == os.getpid():
                continue
            try:
                here = os.readlink(f"/proc/{entry}/cwd")
            except OSError:
                continue
            if here.startswith(self.directory + "/agent"):
                found.append(int(entry))
        return found

    def stop(self):
        for daemon in reversed(self.daemons):
            daemon.stop()
        for _ in range(20):
            left = self.leftovers()
            if not left:
                break
            for pid in left:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            time.sleep(0.05)
        self._unmount()

    def _unmount(self):
        """An agent with filesystem/linux mounts its work_dir to itself and leaves it so; deeper mounts would be leaks."""
        with open("/proc/self/mountinfo", encoding="utf-8") as f:
            points = [line.split(" ")[4] for line in f]
        for agent in self.agents:
            for _ in range(points.count(os.path.realpath(agent.work_dir))):
                subprocess.run(["umount", "-l", agent.work_dir], check=False)
        self._tidy()

    def _tidy(self):
        """The control groups that an agent leaves for its next run, when they are empty. Groups of containers stay: they are
        for somebody to notice."""
        for agent in self.agents:
            roots = [a.split("=", 1)[1] for a in agent.argv if a.startswith("--cgroups_root=mesos_test_")]
            for tree in [os.path.join("/sys/fs/cgroup", d) for d in os.listdir("/sys/fs/cgroup")] if roots else []:
                for own in ("slave", "agent/leaf", "agent", ""):
                    try:
                        os.rmdir(os.path.join(tree, roots[-1], own))
                    except OSError:
                        pass

    def complaints(self):
        """What a sanitizer build has said, of the daemons and of what they ran."""
        found = []
        for root, _, files in os.walk(self.directory):
            for name in files:
                if name not in ("stderr", ) and not name.endswith(".log"):
                    continue
                with open(os.path.join(root, name), encoding="utf-8", errors="replace") as log:
                    lines = log.read().splitlines()
                for i, line in enumerate(lines):
                    if "Sanitizer" in line and "ERROR" in line or ": runtime error: " in line:
                        found.append(os.path.join(root, name) + "\n" + "\n".join(lines[i:i + 40]))
                        break
        return found

    def dump(self, lines=60):
        """What the daemons said, for the report of a failed test."""
        out = []
        for daemon in self.daemons:
            if os.path.exists(daemon.log_path):
                state = "running" if daemon.process and daemon.process.poll() is None else "ended"
                out.append(f"--- {daemon.name} ({state}): {' '.join(daemon.argv)}")
                out.extend(daemon.log().splitlines()[-lines:])
        return "\n".join(out)

    def remove(self):
        shutil.rmtree(self.directory, ignore_errors=True)
