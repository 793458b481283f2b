# SPDX-License-Identifier: Apache-2.0
"""A network of the test's own: this process moves into a new network namespace, so that daemons and all that they start
live there and the host's network is never touched. What is in it goes with the last process."""
import ctypes
import os
import subprocess

CLONE_NEWNET = 0x40000000
libc = ctypes.CDLL(None, use_errno=True)


def run(*argv, check=True):
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          timeout=30, check=False)
    assert not check or done.returncode == 0, (argv, done.stdout)
    return done.stdout


class NetBox:
    """Threads and processes that are started after enter() are inside; leave() brings this thread back."""

    def enter(self):
        self.outside = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        if libc.unshare(CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), "unshare")
        run("ip", "link", "set", "lo", "up")
        self.hosts = []
        return self

    def leave(self):
        for host in self.hosts:
            host.kill()
            host.wait()
        libc.setns(self.outside, CLONE_NEWNET)
        os.close(self.outside)

    def other_host(self, name, ours, theirs, length=24):
        """Another namespace at the other end of a veth pair, as one more machine; returns the argv prefix that runs there."""
        host = subprocess.Popen(["setpriv", "--pdeathsig", "KILL", "unshare", "--net", "sleep", "infinity"],
                                stdin=subprocess.DEVNULL)
        self.hosts.append(host)
        own = os.stat("/proc/self/ns/net").st_ino
        while os.stat(f"/proc/{host.pid}/ns/net").st_ino == own:
            assert host.poll() is None
        inside = ["nsenter", "--target", str(host.pid), "--net"]
        run("ip", "link", "add", name, "type", "veth", "peer", "name", "eth0", "netns", str(host.pid))
        run("ip", "address", "add", f"{ours}/{length}", "dev", name)
        run("ip", "link", "set", name, "up")
        for command in (["address", "add", f"{theirs}/{length}", "dev", "eth0"], ["link", "set", "eth0", "up"],
                        ["link", "set", "lo", "up"], ["route", "add", "default", "via", ours]):
            run(*inside, "ip", *command)
        return inside
