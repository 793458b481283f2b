# SPDX-License-Identifier: Apache-2.0
"""The daemons as processes: signals, the service manager's protocols, crashes, and a machine that runs out of things.

Whatever happens is told in one clear line; then the daemon goes on, or ends cleanly and starts again with all it knew.
"""
import email.utils
import glob
import os
import re
import resource
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
import urllib.request

import pytest

from cluster import Tree, free_port, wait_for
from scheduler import TERMINAL, Scheduler, command_task

FAST = {"agent_ping_timeout": "1secs", "max_agent_ping_timeouts": 3, "allocation_interval": "50ms"}


def launch(scheduler, task_id, command="sleep 1000"):
    offer = scheduler.offer()
    scheduler.accept(offer, [command_task(task_id, command, offer)])


def running(scheduler, task_id, command="sleep 1000"):
    launch(scheduler, task_id, command)
    return until(scheduler, task_id, {"TASK_RUNNING"})


def until(scheduler, task_id, states, timeout=30):
    """The task's first update with one of these states; those of other tasks are kept in the history."""
    return wait_for(lambda: next((s for s in list(scheduler.history) if s["task_id"]["value"] == task_id
                                  and s["state"] in states), None), timeout, f"{states} of {task_id}")


def runs_again(scheduler):
    """After an agent was away the first offers may be of former times: their tasks are lost."""
    for attempt in range(8):
        launch(scheduler, f"after{attempt}")
        if until(scheduler, f"after{attempt}", TERMINAL | {"TASK_RUNNING"})["state"] == "TASK_RUNNING":
            return True
    return False


def subscribe(cluster, **more):
    return Scheduler(cluster.address, failover_timeout=600.0, checkpoint=True, **more).subscribe()


def lines(daemon, text):
    return [line for line in daemon.log().splitlines() if text in line]


def with_environment(daemon, **more):
    daemon.env = {**daemon.env, **more}
    return daemon


# ---- signals ----

def test_an_agent_that_is_stopped_leaves_its_tasks_alone(make_cluster):
    cluster = make_cluster(master_flags=FAST)
    agent = cluster.agents[0]
    agent_id = cluster.wait_agents(1)[0]["id"]
    scheduler = subscribe(cluster)
    running(scheduler, "stays")
    before = set(cluster.leftovers())
    agent.process.terminate()
    assert agent.process.wait(60) == 0
    assert "ends because of signal TERM" in agent.log()
    assert before and before == set(cluster.leftovers())
    agent.start()
    assert cluster.wait_agents(1)[0]["id"] == agent_id
    scheduler.kill("stays")
    until(scheduler, "stays", {"TASK_KILLED"})
    # and the master: it ends, its agents stay
    cluster.master.process.terminate()
    assert cluster.master.process.wait(60) == 0
    assert agent.process.poll() is None


def test_signal_usr1_unregisters_an_agent_and_ends_a_master(make_cluster):
    cluster = make_cluster(master_flags=FAST)
    agent = cluster.agents[0]
    scheduler = subscribe(cluster)
    running(scheduler, "goes")
    agent.process.send_signal(signal.SIGUSR1)
    assert agent.process.wait(60) == 0
    status = until(scheduler, "goes", TERMINAL)
    assert status["state"] in ("TASK_LOST", "TASK_GONE", "TASK_KILLED"), status
    assert cluster.master.get("/slaves")["slaves"] == []
    wait_for(lambda: not cluster.leftovers(), 20, "the task to end")
    cluster.master.process.send_signal(signal.SIGUSR1)  # no word for it: the system's own answer, as in Mesos
    assert cluster.master.process.wait(60) == -signal.SIGUSR1


def test_hangup_opens_new_log_files_and_a_broken_pipe_is_nothing(make_cluster):
    cluster = make_cluster(agents=0)
    logs = os.path.join(cluster.directory, "logs")
    agent = cluster.add_agent({"log_dir": logs})
    link = os.path.join(logs, "mesos-agent.INFO")
    old = os.path.realpath(link)
    os.rename(old, old + ".moved")
    agent.process.send_signal(signal.SIGHUP)
    wait_for(lambda: os.path.exists(os.path.realpath(link)), 20, "a new log file")
    assert os.path.realpath(link) != old + ".moved"
    for signo in (signal.SIGPIPE, signal.SIGHUP):
        agent.process.send_signal(signo)
    wait_for(lambda: len(lines(agent, "because of signal HUP")) >= 2, 20, "the second word")
    assert agent.get("/health", raw=True) is not None and agent.process.poll() is None


def connect(daemon, count):
    """So many connections, each of which has asked something."""
    made = []
    for _ in range(count):
        peer = socket.create_connection((daemon.host, daemon.port), timeout=20)
        peer.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
        made.append(peer)
    for peer in made:
        assert peer.recv(1000).startswith(b"HTTP/1.1 200")
    return made


def test_a_stop_with_many_connections_and_tasks_is_quick(make_cluster):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 8192), hard))
    cluster = make_cluster(master_flags=FAST)
    scheduler = subscribe(cluster)
    for i in range(4):
        running(scheduler, f"t{i}")
    peers = connect(cluster.master, 1000) + connect(cluster.agents[0], 1000)
    took = {}
    for daemon in (cluster.agents[0], cluster.master):
        begin = time.monotonic()
        daemon.process.terminate()
        assert daemon.process.wait(60) == 0
        took[daemon.name] = time.monotonic() - begin
    print("stopped after", took)
    for peer in peers:
        peer.close()
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert max(took.values()) < 10, took


# ---- the service manager ----

class Manager:
    """What systemd is to a service: a datagram socket that takes its notifications."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(path)
        self.path, self.heard, self.over = path, [], False
        self.thread = threading.Thread(target=self._listen, daemon=True)
        self.thread.start()

    def _listen(self):
        self.socket.settimeout(0.1)
        while not self.over:
            try:
                self.heard.append((time.monotonic(), self.socket.recv(4096).decode()))
            except socket.timeout:
                pass

    def said(self, word):
        return [at for at, line in list(self.heard) if line == word]

    def close(self):
        self.over = True
        self.thread.join()
        self.socket.close()


@pytest.fixture
def manager():
    directory = tempfile.mkdtemp(prefix="cm-n")
    made = Manager(os.path.join(directory, "notify"))
    yield made
    made.close()
    shutil.rmtree(directory)


def test_notifications(make_cluster, manager):
    cluster = make_cluster(agents=0)
    cluster.master.stop()
    master = with_environment(cluster.master, NOTIFY_SOCKET=manager.path, WATCHDOG_USEC="400000")
    master.start()
    wait_for(lambda: manager.said("READY=1"), 20, "READY=1")
    wait_for(lambda: manager.said("STATUS=leading: 0 agents, 0 frameworks"), 20, "the status")
    wait_for(lambda: len(manager.said("WATCHDOG=1")) > 5, 20, "signs of life")
    agent = cluster.add_agent(start=False)
    with_environment(agent, NOTIFY_SOCKET=manager.path).start()  # no watchdog is wanted of it
    agent_id = cluster.wait_agents(1)[0]["id"]
    wait_for(lambda: manager.said(f"STATUS=registered as {agent_id}: 0 frameworks"), 20, "the agent's status")
    wait_for(lambda: manager.said("STATUS=leading: 1 agents, 0 frameworks"), 20, "the new status")
    scheduler = subscribe(cluster)
    offer = scheduler.offer()
    scheduler.accept(offer, [command_task("env", "env > env", offer)])
    status = until(scheduler, "env", TERMINAL)
    with open(os.path.join(cluster.sandbox(scheduler.framework_id, "env"), "env"), encoding="utf-8") as env:
        assert "NOTIFY_SOCKET" not in env.read() and status["state"] == "TASK_FINISHED"
    assert len(manager.said("READY=1")) == 2
    agent.stop()
    master.stop()
    wait_for(lambda: len(manager.said("STOPPING=1")) == 2, 20, "STOPPING=1")


def test_a_loop_that_hangs_gives_no_sign_of_life_and_ends_with_a_backtrace(make_cluster, manager):
    skip_with_sanitizers()
    cluster = make_cluster(agents=0)
    cluster.master.stop()
    master = with_environment(cluster.master, NOTIFY_SOCKET=manager.path, WATCHDOG_USEC="200000",
                              MESOS_FAULT="stream_read=sleep:60000@5")
    master.start()
    wait_for(lambda: len(manager.said("WATCHDOG=1")) > 5, 20, "signs of life")
    peers = [socket.create_connection((master.host, master.port)) for _ in range(5)]
    for peer in peers:
        peer.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
    # as the service manager counts: nothing within WATCHDOG_USEC (ten of it, on a busy machine) ends it by SIGABRT
    wait_for(lambda: time.monotonic() - manager.said("WATCHDOG=1")[-1] > 2, 30, "silence")
    master.process.send_signal(signal.SIGABRT)
    assert master.process.wait(60) == -signal.SIGABRT
    assert "crashes: SIGABRT" in master.log() and f"sent by process {os.getpid()}" in master.log()
    assert "stream_read_some" in named(master), "the function that hangs is in the backtrace"
    for peer in peers:
        peer.close()


def hand_over(cluster, daemon, *listen, options=(), names=None):
    """Starts it as its socket unit would: at the first connection, with the sockets as descriptors."""
    argv = ["systemd-socket-activate"] + [f"--listen={at}" for at in listen] + list(options)
    argv += [f"--fdname={names}"] if names else []
    argv += [f"--setenv={name}={value}" for name, value in daemon.env.items()]
    daemon.argv = argv + daemon.argv
    daemon.start(wait=False)


def first_answer(port):
    def ask():
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=20) as peer:
                peer.sendall(b"GET /version HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
                return b"".join(iter(lambda: peer.recv(4096), b""))
        except OSError:
            return None
    return wait_for(ask, 30, "an answer")


def test_sockets_of_the_service_manager(make_cluster):
    cluster = make_cluster(agents=0)
    cluster.master.stop()
    port, decoy = free_port(), cluster.master.port
    cluster.master.port = port
    hand_over(cluster, cluster.master, f"127.0.0.1:{port}")
    assert b" 200 OK" in first_answer(port)
    assert f"listens on 127.0.0.1:{port}, a socket of the service manager" in cluster.master.log()
    with pytest.raises(OSError):
        socket.create_connection(("127.0.0.1", decoy), timeout=5)
    agent = cluster.add_agent({"domain_socket_location": "systemd:mesos"}, start=False)
    path = os.path.join(cluster.directory, "executors.sock")
    agent.port = free_port()
    hand_over(cluster, agent, f"127.0.0.1:{agent.port}", path, names="mesos:mesos")
    first_answer(agent.port)
    assert cluster.wait_agents(1)[0]["pid"] == f"slave(1)@127.0.0.1:{agent.port}"
    scheduler = subscribe(cluster)
    running(scheduler, "through", "env > env; sleep 1000")
    sandbox = cluster.sandbox(scheduler.framework_id, "through")
    executor = [p for p in cluster.leftovers() if "mesos-executor" in open(f"/proc/{p}/cmdline", encoding="utf-8").read()]
    with open(f"/proc/{executor[0]}/environ", encoding="utf-8") as environ:
        variables = environ.read().split("\0")
    assert f"MESOS_DOMAIN_SOCKET={path}" in variables
    assert not [v for v in variables if v.startswith("LISTEN_")] and os.path.isdir(sandbox)
    scheduler.kill("through")
    until(scheduler, "through", {"TASK_KILLED"})


def refused(cluster, daemon, port, text):
    with socket.create_connection(("127.0.0.1", port), timeout=20):
        assert daemon.process.wait(60) == 1
    assert len(lines(daemon, text)) == 1, daemon.log()


def test_sockets_that_are_no_use_are_refused_by_name(make_cluster):
    cluster = make_cluster(agents=0)
    for number, (listen, flags, text) in enumerate([
            (2, {}, "hands over more than one TCP socket (127.0.0.1:"),
            (1, {"domain_socket_location": "systemd:other"}, "has handed over no Unix socket named 'other'")]):
        agent = cluster.add_agent(flags, start=False)
        ports = [free_port() for _ in range(listen)]
        hand_over(cluster, agent, *[f"127.0.0.1:{p}" for p in ports])
        wait_for(lambda: "Listening on" in agent.log(), 20, f"the manager {number}")
        refused(cluster, agent, ports[0], text)
    # a Unix socket for a master, which has no use for one
    cluster.master.stop()
    port = free_port()
    hand_over(cluster, cluster.master, f"127.0.0.1:{port}", os.path.join(cluster.directory, "m.sock"))
    wait_for(lambda: "Listening on" in cluster.master.log(), 20, "the manager")
    refused(cluster, cluster.master, port, "handed over by the service manager, is of no use here")


def test_units_are_sound():
    """systemd itself reads them."""
    with tempfile.TemporaryDirectory(prefix="cm-u") as directory:
        source = os.path.join(os.path.dirname(__file__), "..", "..", "etc", "systemd")
        units = []
        for name in ("mesos-master.service", "mesos-agent.service", "mesos-master.socket", "mesos-agent.socket"):
            path = os.path.join(source, name)
            with open(path if os.path.exists(path) else path + ".in", encoding="utf-8") as unit:
                text = unit.read()
            for daemon in ("mesos-master", "mesos-agent"):
                text = text.replace(f"@sbindir@/{daemon}", program(daemon))
            units.append(os.path.join(directory, name))
            with open(units[-1], "w", encoding="utf-8") as unit:
                unit.write(text.replace("Documentation=man:", "Documentation=http://localhost/"))
        done = subprocess.run(["systemd-analyze", "verify", *units], text=True, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, check=False)
        complaints = [line for line in done.stdout.splitlines() if directory in line or "mesos-" in line]
        assert done.returncode == 0 and not complaints, done.stdout


# ---- crashes ----

def program(name):
    with tempfile.TemporaryDirectory() as directory:
        return Tree(directory).program(name)


def sanitized():
    with open(program("mesos-master"), "rb") as file:
        content = file.read()
    return b"__asan_init" in content or b"__tsan_init" in content


def skip_with_sanitizers():
    if sanitized():
        pytest.skip("a sanitizer tells of crashes in its own way")


def frames(daemon):
    return re.findall(r"^    @ 0x[0-9a-f]+ (\S+)\+(0x[0-9a-f]+)$", daemon.log(), re.M)


def named(daemon):
    """The functions of the backtrace, inlined ones too."""
    found = []
    for path, offset in frames(daemon):
        done = subprocess.run(["addr2line", "-Cfie", path, offset], text=True, stdout=subprocess.PIPE, check=True)
        found += done.stdout.splitlines()[::2]
    return found


CRASHES = [("stream_read=crash:segv@3", signal.SIGSEGV, "stream_read_some"), ("stream_read=crash:bus@3", signal.SIGBUS, "stream_read_some"),
           ("stream_read=crash:fpe@3", signal.SIGFPE, "stream_read_some"), ("stream_read=crash:abort@3", signal.SIGABRT, "stream_read_some"),
           ("stream_read=crash:overflow@3", signal.SIGSEGV, "overflow"),
           ("registry_local_commit=crash:segv@1", signal.SIGSEGV, "thread_main"),
           ("registry_local_commit=crash:overflow@1", signal.SIGSEGV, "overflow")]


@pytest.mark.parametrize("point,signo,function", CRASHES)
def test_a_crash_leaves_a_backtrace_and_a_core(make_cluster, point, signo, function):
    skip_with_sanitizers()
    cluster = make_cluster(agents=0)
    cluster.master.stop()
    logs = os.path.join(cluster.directory, "logs")
    master = cluster._daemon("mesos-master", "crash", {"registry": "local", "log_dir": logs, "quiet": True,
                                                      "ulimit": "-c unlimited", "core_dumps": True})
    with_environment(master, MESOS_FAULT=point, SECRET="s3cret")
    master.start(wait=False)
    peers = []
    for _ in range(200):
        if master.process.poll() is not None:
            break
        try:
            peers.append(socket.create_connection((master.host, master.port), timeout=1))
            peers[-1].sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
        except OSError:
            pass
        time.sleep(0.1)
    for peer in peers:
        peer.close()
    assert master.process.wait(60) == -signo
    with open("/proc/sys/kernel/core_pattern", encoding="utf-8") as pattern:
        plain = pattern.read().strip() in ("core", "core.%p")
    cores = [name for name in os.listdir(cluster.directory) if name.startswith("core")]
    assert cores or not plain, "the core dump is still there"
    names = named(master)
    assert function in names, (names, master.log())
    assert signal.Signals(signo).name in master.log() and "s3cret" not in master.log()
    with open(os.path.join(logs, "mesos-master.INFO"), encoding="utf-8") as log:
        assert f"crashes: {signal.Signals(signo).name}" in log.read(), "the log file has it too"
    master.env.pop("MESOS_FAULT")
    master.start()


# ---- what the machine runs out of ----

@pytest.fixture
def small_disk():
    """mount(path, bytes) makes a small file system there; fill(path) leaves no byte of it."""
    mounted = []

    class Disk:
        def mount(self, path, size="1m"):
            os.makedirs(path, exist_ok=True)
            subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "cm-small", path], check=True)
            mounted.append(path)

        def fill(self, path):
            with open(os.path.join(path, "ballast"), "wb", buffering=0) as ballast:
                try:
                    while True:
                        ballast.write(b"x" * 4096)
                except OSError:
                    pass

        def make_room(self, path):
            os.unlink(os.path.join(path, "ballast"))

        def read_only(self, path, yes=True):
            subprocess.run(["mount", "-o", f"remount,{'ro' if yes else 'rw'}", path], check=True)

    yield Disk()
    for path in mounted:
        subprocess.run(["umount", "-l", path], check=False)


@pytest.mark.parametrize("how", ["full", "journal/write=EROFS", "journal/sync=EIO"])
def test_an_agent_whose_disk_takes_nothing(make_cluster, small_disk, how):
    cluster = make_cluster(agents=0, master_flags=FAST)
    agent = cluster.add_agent(start=False)
    if how == "full":
        small_disk.mount(agent.work_dir)
    agent.start()
    agent_id = cluster.wait_agents(1)[0]["id"]
    scheduler = subscribe(cluster)
    flag = os.path.join(cluster.directory, "end")
    running(scheduler, "early", f"while [ ! -e {flag} ]; do sleep 0.1; done; exit 3")
    if how == "full":
        small_disk.fill(agent.work_dir)
        launch(scheduler, "late")
        complaint = wait_for(lambda: lines(agent, "cannot launch executor late"), 30, "the refusal")[0]
        assert agent.work_dir in complaint and "No space left on device" in complaint
    else:
        agent.kill()
        with_environment(agent, MESOS_FAULT=how).start()
        cluster.wait_agents(1)
    with open(flag, "w", encoding="utf-8"):
        pass
    complaint = wait_for(lambda: lines(agent, "cannot store status updates"), 30, "the complaint")
    assert os.path.join(agent.work_dir, "meta") in complaint[0]
    time.sleep(3)  # it is tried again each second: that is no news
    assert len(lines(agent, "cannot store status updates")) == 1
    told = [s["task_id"]["value"] for s in list(scheduler.history) if s["state"] in TERMINAL]
    assert ("late" if how == "full" else "early") not in told, "nothing is told that could be forgotten"
    assert agent.get("/health", raw=True) is not None
    if how == "full":
        small_disk.make_room(agent.work_dir)
        wait_for(lambda: lines(agent, "status updates are stored again"), 20, "good news")
        assert "No space left" in until(scheduler, "late", TERMINAL, 60)["message"]
    else:
        agent.kill()
        agent.env.pop("MESOS_FAULT")
        agent.start()
    assert until(scheduler, "early", TERMINAL, 60)["state"] == "TASK_FAILED"
    agent.kill()  # nothing is torn: it finds all again
    agent.start()
    assert cluster.wait_agents(1)[0]["id"] == agent_id
    assert runs_again(scheduler)
    uuids = [s["uuid"] for s in list(scheduler.history) if "uuid" in s]
    assert len(uuids) == len(set(uuids)), "an acknowledged update came again"
    scheduler.teardown()


@pytest.mark.parametrize("how", ["full", "registry_local_commit=EIO@3", "registry_local_commit=EROFS@3"])
def test_a_master_whose_disk_takes_nothing(make_cluster, small_disk, how):
    cluster = make_cluster(agents=0, master_flags={**FAST, "registry": "local"})
    master = cluster.master
    master.stop()
    work_dir = os.path.join(cluster.directory, "master")
    if how == "full":
        small_disk.mount(work_dir)
    else:
        with_environment(master, MESOS_FAULT=how)
    master.start()
    agent = cluster.add_agent()
    agent_id = cluster.wait_agents(1)[0]["id"]
    if how == "full":
        small_disk.fill(work_dir)
    cluster.add_agent(start=False).start()
    assert master.process.wait(60) == 1
    complaint = lines(master, "Cannot write the registry")
    assert len(complaint) == 1 and work_dir in complaint[0], master.log()
    if how == "full":
        small_disk.make_room(work_dir)
    else:
        master.env.pop("MESOS_FAULT")
    master.start()
    found = cluster.wait_agents(2)
    assert agent_id in [a["id"] for a in found] and agent.process.poll() is None


def test_a_daemon_on_a_read_only_disk_says_so(make_cluster, small_disk):
    cluster = make_cluster(agents=0)
    master = cluster._daemon("mesos-master", "readonly", {"registry": "local"})
    agent = cluster.add_agent(start=False)
    for daemon, path in ((master, os.path.join(cluster.directory, "readonly")), (agent, agent.work_dir)):
        small_disk.mount(path)
        small_disk.read_only(path)
        daemon.start(wait=False)
        assert daemon.process.wait(60) == 1
        errors = [line for line in daemon.log().splitlines() if line.startswith("E")]
        assert len(errors) == 1 and path in errors[0], daemon.log()
        assert "ead-only" in errors[0] or "readonly" in errors[0], errors


def processor_secs(pid):
    with open(f"/proc/{pid}/stat", encoding="utf-8") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@pytest.mark.parametrize("which", ["master", "agent"])
def test_out_of_descriptors(make_cluster, which):
    cluster = make_cluster()
    daemon = cluster.master if which == "master" else cluster.agents[0]
    pid = daemon.process.pid
    before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    used = max(int(fd) for fd in os.listdir(f"/proc/{pid}/fd")) + 1
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (used + 8, before[1]))
    peers = [socket.create_connection((daemon.host, daemon.port), timeout=20) for _ in range(40)]
    wait_for(lambda: lines(daemon, "no connection can be accepted on"), 20, "the complaint")
    at = processor_secs(pid)
    time.sleep(3)
    assert processor_secs(pid) - at < 1.5, "it spins"
    assert len(lines(daemon, "no connection can be accepted on")) == 1
    assert "LimitNOFILE" in lines(daemon, "no connection can be accepted on")[0]
    for peer in peers[:38]:
        peer.close()
    assert daemon.get("/health", raw=True) is not None
    peers[39].sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")  # who waited is served
    peers[39].settimeout(20)
    assert peers[39].recv(1000).startswith(b"HTTP/1.1 200")
    for peer in peers[38:]:
        peer.close()
    resource.prlimit(pid, resource.RLIMIT_NOFILE, before)
    scheduler = subscribe(cluster)
    assert scheduler.run("after", "exit 0")[1]["state"] == "TASK_FINISHED"
    scheduler.teardown()


# ---- the clock ----

def faketime():
    found = glob.glob("/usr/lib/*/faketime/libfaketimeMT.so.1")
    assert found, "libfaketime is not installed"
    return found[0]


def test_a_clock_that_steps_changes_nothing(make_cluster):
    """The wall clock goes back by a day and forth by ten; intervals are counted on the one that never steps."""
    skip_with_sanitizers()
    cluster = make_cluster(agents=0, master_flags=FAST)
    clock = os.path.join(cluster.directory, "clock")

    def step(by):
        with open(clock + ".new", "w", encoding="utf-8") as file:
            file.write(by + "\n")
        os.rename(clock + ".new", clock)

    step("+0")
    variables = {"LD_PRELOAD": faketime(), "FAKETIME_TIMESTAMP_FILE": clock, "FAKETIME_NO_CACHE": "1", "NO_FAKE_STAT": "1",
                 "FAKETIME_DONT_FAKE_MONOTONIC": "1", "DONT_FAKE_MONOTONIC": "1", "FAKETIME_DONT_RESET": "1"}
    cluster.master.stop()
    with_environment(cluster.master, **variables).start()
    agent = with_environment(cluster.add_agent(start=False), **variables).start()
    agent_id = cluster.wait_agents(1)[0]["id"]
    scheduler = subscribe(cluster)
    running(scheduler, "stays")
    uptime = 0.0
    for number, by in enumerate(("-86400", "+864000", "-0")):
        step(by)
        wall = cluster.master.get("/metrics/snapshot")["master/uptime_secs"]
        assert uptime <= wall < 3600, "the uptime is none of the wall clock's business"
        uptime = wall
        running(scheduler, f"t{number}", "exec sleep 1000")
        with urllib.request.urlopen(cluster.master.url + "/health", timeout=20) as answer:
            shown = email.utils.parsedate_to_datetime(answer.headers["Date"]).timestamp()
        assert abs(shown - time.time() - int(by)) < 600, "what is shown is the wall's time"
        scheduler.kill(f"t{number}")
        until(scheduler, f"t{number}", {"TASK_KILLED"})
        time.sleep(2)  # two pings
        state = cluster.master.get("/state")
        assert [s["id"] for s in state["slaves"] if s["active"]] == [agent_id] and state["unreachable_slaves"] == 0
        assert agent.get("/metrics/snapshot")["slave/uptime_secs"] < 3600
    assert not lines(cluster.master, "unreachable agent") and not lines(agent, "no pings")
    assert until(scheduler, "stays", {"TASK_RUNNING"})["state"] == "TASK_RUNNING"
    scheduler.teardown()


# ---- the command line ----

ZERO = [("mesos-master", "agent_ping_timeout"), ("mesos-master", "allocation_interval"),
        ("mesos-master", "agent_reregister_timeout"), ("mesos-master", "registry_store_timeout"),
        ("mesos-master", "registry_fetch_timeout"), ("mesos-master", "registry_gc_interval"),
        ("mesos-agent", "registration_backoff_factor"), ("mesos-agent", "executor_registration_timeout"),
        ("mesos-agent", "executor_reregistration_timeout"), ("mesos-agent", "disk_watch_interval"),
        ("mesos-agent", "http_heartbeat_interval")]


@pytest.mark.parametrize("name,option", ZERO)
def test_time_outs_of_zero_are_refused_by_name(name, option, tmp_path):
    done = subprocess.run([program(name), f"--etc_dir={tmp_path}", f"--{option}=0secs"], text=True, timeout=60,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
    assert done.returncode == 1 and done.stdout == ""
    assert re.fullmatch(rf"{name}: --{option}: option '{option}': '0secs' is too small: the least is \w+\n", done.stderr)


@pytest.mark.parametrize("name", ["mesos-master", "mesos-agent"])
def test_help_and_version(name):
    for option, text in (("--version", "(protocol of Mesos 1.11.0)"), ("--help", f"Usage: {name} [--option=value ...]")):
        done = subprocess.run([program(name), option], text=True, timeout=60, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, check=False)
        assert done.returncode == 0 and text in done.stdout and done.stderr == ""
