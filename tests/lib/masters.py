# SPDX-License-Identifier: Apache-2.0
"""Several masters, and agents that find the leading one, by real ZooKeeper servers."""
import http.client
import itertools
import os
import signal
import tempfile
import urllib.error

from cluster import PATIENCE, Cluster, wait_for

paths = itertools.count(1)


class Masters:
    """Masters that meet under one path."""

    def __init__(self, zookeeper, credentials=None, path=None, session="6secs"):
        self.zookeeper = zookeeper
        self.cluster = Cluster(tempfile.mkdtemp(prefix="cm-"))
        self.path = path or f"/t{next(paths)}/mesos"
        self.url = zookeeper.url(self.path, credentials)
        self.session = session
        self.masters = []

    def add(self, url=None, start=True, **flags):
        flags = {"registry": "in_memory", "cluster": "test", "hostname": "localhost", "zk": url or self.url,
                 "zk_session_timeout": self.session, **flags}
        if not self.masters:  # the cluster's own, with its port
            master = self.cluster.master
            master.argv = [a for a in master.argv if a.split("=")[0].lstrip("-") not in flags] + [
                f"--{k}" if v is True else f"--{k}={v}" for k, v in flags.items()]
        else:
            master = self.cluster._daemon("mesos-master", f"master{len(self.masters)}", flags)
        self.masters.append(master)
        if start:
            master.start()
        return master

    def agent(self, url=None, **flags):
        return self.cluster.add_agent({"master": url or self.url, "zk_session_timeout": self.session,
                                       "registration_backoff_factor": "100ms", **flags}, start=False).start()

    def leader(self):
        """Waits until one of those that run leads and has recovered."""
        def found():
            return next((m for m in self.running() if elected(m) and ask(m, "GET", "/master/frameworks")[0] == 200), None)
        return wait_for(found, PATIENCE, "a leader")

    def running(self):
        return [m for m in self.masters if m.process and m.process.poll() is None and not getattr(m, "paused", False)]

    def others(self, leader):
        return [m for m in self.running() if m is not leader]

    def close(self):
        """Ends everything; what sanitizers said."""
        for master in self.masters:
            if getattr(master, "paused", False):
                os.kill(master.process.pid, signal.SIGCONT)
        self.cluster.stop()
        complaints = self.cluster.complaints()
        self.cluster.remove()
        return complaints

    def nodes(self, kazoo):
        return [n for n in self.zookeeper.tree(kazoo, self.path) if "/json.info_" in n[0]]


def elected(master):
    try:
        return master.get("/metrics/snapshot")["master/elected"] == 1
    except (OSError, urllib.error.URLError):
        return False


def ask(master, method, path, body=None, headers=None):
    connection = http.client.HTTPConnection("127.0.0.1", master.port, timeout=PATIENCE)
    try:
        connection.request(method, path, body, headers or {})
        answer = connection.getresponse()
        return answer.status, answer.getheader("Location"), answer.read()
    finally:
        connection.close()
