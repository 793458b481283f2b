# SPDX-License-Identifier: Apache-2.0
"""Real ZooKeeper servers, Debian's package, with data and configuration of their own: one, or an ensemble.

    zk = ZooKeeper(directory, nodes=3).start()
    zk.url("/mesos")                       zk://127.0.0.1:p1,127.0.0.1:p2,127.0.0.1:p3/mesos
    zk.client().get("/mesos")              a kazoo client, closed by stop()
    zk.nodes[0].kill() / .stop() / .start() / .pause() / .resume()

Ports are free ones of loopback. Every server is ended by its pid in stop(). `hosts` and `prefixes` place servers into
network namespaces: one address and one command prefix (["ip", "netns", "exec", NAME]) for each.
"""
import os
import signal
import socket
import subprocess
import time

from cluster import wait_for

JAR = "/usr/share/java/zookeeper.jar"
LOGGER = "/usr/share/java/slf4j-simple.jar"  # to stderr
MAIN = "org.apache.zookeeper.server.quorum.QuorumPeerMain"
# Small and quick to start: a test's data are a few nodes, and the machine is shared.
JVM = ["-Xms16m", "-Xmx64m", "-Xss512k", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData",
       "-XX:ReservedCodeCacheSize=16m", "-XX:MaxMetaspaceSize=64m", "-Xshare:auto", "-Djava.awt.headless=true",
       "-Dzookeeper.jmx.log4j.disable=true", "-Dzookeeper.admin.enableServer=false", "-Djava.net.preferIPv4Stack=false"]


def free_ports(count, host="127.0.0.1"):
    """Different ones: all are held until the last is known."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    held = [socket.socket(family) for _ in range(count)]
    try:
        for s in held:
            s.bind((host, 0))
        return [s.getsockname()[1] for s in held]
    finally:
        for s in held:
            s.close()


class Node:
    """One server. `settings` are written into its configuration as they are."""

    def __init__(self, directory, number, host, port, prefix, jvm):
        self.directory, self.number, self.host, self.port = directory, number, host, port
        self.prefix, self.jvm = list(prefix), list(jvm)
        self.data = os.path.join(directory, "data")
        self.configuration = os.path.join(directory, "zoo.cfg")
        self.log_path = os.path.join(directory, "zookeeper.log")
        self.process = None
        self.paused = False

    @property
    def address(self):
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def write(self, settings):
        os.makedirs(self.data, exist_ok=True)
        with open(self.configuration, "w", encoding="ascii") as f:
            f.write("".join(f"{key}={value}\n" for key, value in settings.items()))
        with open(os.path.join(self.data, "myid"), "w", encoding="ascii") as f:
            f.write(f"{self.number}\n")

    def start(self):
        assert self.process is None or self.process.poll() is not None, "it runs already"
        env = {"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "LANG": "C.UTF-8"}
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                [*self.prefix, "java", *JVM, *self.jvm, "-cp", f"{JAR}:{LOGGER}", MAIN, self.configuration],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.directory, env=env, start_new_session=True)
        self.paused = False
        return self

    @property
    def running(self):
        return self.process is not None and self.process.poll() is None

    def ask(self, word, timeout=5):
        """One of the four-letter words: "ruok", "srvr", "cons"... The text, or "" when nobody answers. Not for servers
        in another network namespace: there, give `ask` a client of the namespace."""
        try:
            with socket.create_connection((self.host, self.port), timeout=timeout) as s:
                s.settimeout(timeout)
                s.sendall(word.encode())
                out = b""
                while True:
                    part = s.recv(65536)
                    if not part:
                        return out.decode(errors="replace")
                    out += part
        except OSError:
            return ""

    def mode(self):
        """"standalone", "leader", "follower", or "" when it serves nobody."""
        for line in self.ask("srvr").splitlines():
            if line.startswith("Mode: "):
                return line.split(": ")[1].strip()
        return ""

    def wait(self, timeout=40):
        def serves():
            assert self.running, f"ZooKeeper {self.number} ended:\n{self.log()[-3000:]}"
            return self.mode()
        wait_for(serves, timeout, f"ZooKeeper {self.number} to serve")
        return self

    def pause(self):
        os.kill(self.process.pid, signal.SIGSTOP)
        self.paused = True

    def resume(self):
        os.kill(self.process.pid, signal.SIGCONT)
        self.paused = False

    def kill(self):
        """As a crash."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def stop(self):
        if not self.running:
            return
        if self.paused:
            self.resume()
        self.process.terminate()
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.kill()

    def restart(self):
        self.stop()
        return self.start()

    def log(self):
        with open(self.log_path, encoding="utf-8", errors="replace") as log:
            return log.read()


class ZooKeeper:
    """directory: empty and the test's own. tick_ms: sessions last 2 to 120 ticks."""

    def __init__(self, directory, nodes=1, hosts=None, prefixes=None, tick_ms=500, settings=None, jvm=()):
        self.directory = str(directory)
        self.clients = []
        hosts = hosts or ["127.0.0.1"] * nodes
        prefixes = prefixes or [[]] * nodes
        assert len(hosts) == nodes and len(prefixes) == nodes
        # In namespaces of their own the servers' ports need not be free here: fixed ones are as good.
        ports = free_ports(3 * nodes) if not any(prefixes) else [2181, 2888, 3888] * nodes
        self.nodes = []
        for i in range(nodes):
            self.nodes.append(Node(os.path.join(self.directory, f"zookeeper{i + 1}"), i + 1, hosts[i], ports[3 * i],
                                   prefixes[i], jvm))
        for i, node in enumerate(self.nodes):
            given = {"tickTime": tick_ms, "initLimit": 20, "syncLimit": 5, "dataDir": node.data, "clientPort": node.port,
                     "clientPortAddress": node.host, "maxClientCnxns": 0, "minSessionTimeout": 2 * tick_ms,
                     "maxSessionTimeout": 120 * tick_ms, "4lw.commands.whitelist": "*", "admin.enableServer": "false",
                     "autopurge.purgeInterval": 0, "preAllocSize": 1024, "snapCount": 100000}
            if nodes > 1:
                for j in range(nodes):
                    host = f"[{hosts[j]}]" if ":" in hosts[j] else hosts[j]
                    given[f"server.{j + 1}"] = f"{host}:{ports[3 * j + 1]}:{ports[3 * j + 2]}"
            node.write({**given, **(settings or {})})

    def start(self, wait=True):
        for node in self.nodes:
            node.start()
        return self.wait() if wait else self

    def wait(self, timeout=60):
        """Until every server that runs serves."""
        for node in self.nodes:
            if node.running and not node.paused:
                node.wait(timeout)
        return self

    @property
    def hosts(self):
        return ",".join(node.address for node in self.nodes)

    def url(self, path="/mesos", credentials=None):
        return f"zk://{credentials + '@' if credentials else ''}{self.hosts}{path}"

    @property
    def leader(self):
        """The server that leads the ensemble (or is alone); None while there is none."""
        return next((n for n in self.nodes if n.running and not n.paused and n.mode() in ("leader", "standalone")), None)

    def client(self, credentials=None, timeout=20):
        """A connected kazoo client."""
        from kazoo.client import KazooClient
        auth = [("digest", credentials)] if credentials else None
        client = KazooClient(hosts=self.hosts, auth_data=auth, timeout=10)
        client.start(timeout=timeout)
        self.clients.append(client)
        return client

    def tree(self, client, path="/"):
        """Every node at and below path but ZooKeeper's own, sorted: (path, data, ephemeral, acl as text)."""
        from kazoo.exceptions import NoNodeError
        out = []
        try:
            data, stat = client.get(path)
            acl = sorted(f"{a.perms} {a.id.scheme} {a.id.id}" for a in client.get_acls(path)[0])
            out.append((path, data, stat.ephemeralOwner != 0, acl))
            for name in sorted(client.get_children(path)):
                below = path.rstrip("/") + "/" + name
                if below != "/zookeeper":
                    out += self.tree(client, below)
        except NoNodeError:
            pass  # it went meanwhile
        return out

    def expire(self, session_id, password):
        """Ends somebody's session as ZooKeeper itself would: another client takes it over and closes it."""
        from kazoo.client import KazooClient
        client = KazooClient(hosts=self.hosts, client_id=(session_id, password), timeout=10)
        client.start(timeout=20)
        client.stop()
        client.close()

    def restart(self):
        for node in self.nodes:
            node.stop()
        return self.start()

    def stop(self):
        for client in self.clients:
            try:
                client.stop()
                client.close()
            except Exception as e:  # pylint: disable=broad-except
                print(f"a ZooKeeper client did not close: {e}")
        self.clients = []
        for node in self.nodes:
            if node.paused and node.running:
                node.resume()
        for node in self.nodes:
            if node.running:
                node.process.terminate()
        end = time.monotonic() + 10
        for node in self.nodes:
            if node.process is None:
                continue
            try:
                node.process.wait(max(0.1, end - time.monotonic()))
            except subprocess.TimeoutExpired:
                node.kill()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()
