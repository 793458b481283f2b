# SPDX-License-Identifier: Apache-2.0
"""A scripted peer that speaks libprocess: what a v0 scheduler, a v0 executor or an agent looks like on the wire.

Messages are Python classes that protoc makes of module-api/proto; their full names are the names on the wire.
"""
import atexit
import glob
import importlib
import os
import queue
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time

from cluster import PATIENCE, REPOSITORY

PROTO = os.path.join(REPOSITORY, "module-api", "proto")
_classes = {}


def compile_protos(directory):
    files = [os.path.relpath(path, PROTO) for path in glob.glob(PROTO + "/mesos/**/*.proto", recursive=True)
             if "/csi" not in path and "resource_provider/state" not in path]
    subprocess.run(["protoc", "-I", PROTO, "--python_out", directory, *files], check=True)


def _compile():
    """Every .proto of ours as a Python module: found in CMESOS_PROTO_PYTHON, or in a directory that goes with this process."""
    directory = os.environ.get("CMESOS_PROTO_PYTHON")
    if not directory:
        directory = tempfile.mkdtemp(prefix="cm-proto-")
        atexit.register(shutil.rmtree, directory, True)
        compile_protos(directory)
    sys.path.insert(0, directory)
    sys.dont_write_bytecode = True
    for name in ("mesos.internal.messages", "mesos.internal.authentication", "mesos.scheduler.scheduler"):
        module = importlib.import_module(name + "_pb2")
        package = module.DESCRIPTOR.package
        for message in module.DESCRIPTOR.message_types_by_name:
            _classes[f"{package}.{message}"] = getattr(module, message)


def message_class(name):
    """The class of "mesos.scheduler.Call" or "mesos.internal.PingSlaveMessage"; the latter also by its last word."""
    if not _classes:
        _compile()
    return _classes.get(name) or _classes["mesos.internal." + name]


def make(name, /, **fields):
    return message_class(name)(**fields)


def split_pid(pid):
    name, _, address = pid.partition("@")
    host, _, port = address.rpartition(":")
    return name, host, int(port)


class Message:
    def __init__(self, head, body):
        self.head, self.body = head, body
        self.target, self.name = re.match(r"POST /([^/]+)/(\S+) HTTP/1\.1\r\n", head).groups()
        self.sender = re.search(r"(?im)^Libprocess-From: (\S+?)\r?$", head).group(1)
        self.kind = self.name.rpartition(".")[2]

    @property
    def value(self):
        return message_class(self.name).FromString(self.body)

    def __repr__(self):
        return f"{self.name} of {self.sender}"


class _Reader:
    """Requests off one connection."""

    def __init__(self, connection):
        self.connection, self.data = connection, b""

    def _more(self):
        more = self.connection.recv(65536)
        if not more:
            raise EOFError
        self.data += more

    def _until(self, mark):
        while mark not in self.data:
            self._more()
        found, _, self.data = self.data.partition(mark)
        return found

    def _exactly(self, count):
        while len(self.data) < count:
            self._more()
        found, self.data = self.data[:count], self.data[count:]
        return found

    def request(self):
        head = self._until(b"\r\n\r\n").decode("latin1") + "\r\n"
        body = b""
        length = re.search(r"(?im)^Content-Length: (\d+)", head)
        if re.search(r"(?im)^Transfer-Encoding: chunked", head):
            while True:
                size = int(self._until(b"\r\n"), 16)
                part = self._exactly(size + 2)[:-2]
                body += part
                if size == 0:
                    return head, body
        return head, self._exactly(int(length.group(1))) if length else body

    def answer(self):
        head = self._until(b"\r\n\r\n").decode("latin1")
        length = re.search(r"(?im)^Content-Length: (\d+)", head)
        return int(head.split()[1]), self._exactly(int(length.group(1)) if length else 0)


class _Canned:
    """Recorded bytes, to be read like a connection."""

    def __init__(self, data):
        self.data = data

    def recv(self, _):
        data, self.data = self.data, b""
        return data


def recorded_message(path):
    with open(path, "rb") as f:
        return Message(*_Reader(_Canned(f.read())).request())


class Peer:
    """One actor with its own port. Listens from the start; what arrives waits in `messages`."""

    patience = PATIENCE  # seconds for the answer to what it sends
    tls = None  # a pair of contexts of ssl: for those who call, and for whom it calls

    def __init__(self, name, port=0, host="127.0.0.1"):
        self.listener = socket.socket()
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind((host, port))
        self.host = host
        self.listener.listen(16)
        self.port = self.listener.getsockname()[1]
        self.name = name
        self.messages = queue.Queue()
        self.later = []
        self.accepted = []
        self.out = {}
        self.on_message = None
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def pid(self):
        return f"{self.name}@{self.host}:{self.port}"

    def _accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            if self.tls:
                try:
                    connection.settimeout(10)
                    connection = self.tls[0].wrap_socket(connection, server_side=True)
                    connection.settimeout(None)
                except OSError:
                    continue
            self.accepted.append(connection)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        reader = _Reader(connection)
        try:
            while True:
                message = Message(*reader.request())
                connection.sendall(b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n")
                if not (self.on_message and self.on_message(message)):
                    self.messages.put(message)
        except (EOFError, OSError):
            connection.close()

    # ---- out ----

    def head(self, to, name, body, sender=None):
        actor, host, port = split_pid(to)
        sender = sender or self.pid
        return (f"POST /{actor}/{name} HTTP/1.1\r\nUser-Agent: libprocess/{sender}\r\nLibprocess-From: {sender}\r\n"
                f"Connection: Keep-Alive\r\nHost: {host}:{port}\r\n"
                + ("Transfer-Encoding: chunked\r\n" if body else "") + "\r\n").encode()

    def send(self, to, message, body=None, sender=None):
        """message: an object of message_class(), or a name with `body`. Returns the status of the answer."""
        name = message if isinstance(message, str) else message.DESCRIPTOR.full_name
        body = body or b"" if isinstance(message, str) else message.SerializeToString()
        framed = f"{len(body):x}\r\n".encode() + body + b"\r\n0\r\n\r\n" if body else b""
        return self.raw(to, self.head(to, name, body, sender) + framed)

    def raw(self, to, request):
        """The bytes of one request, over the one connection that is kept to that address."""
        address = split_pid(to)[1:]
        if address in self.out:
            try:
                return self._ask(address, request)
            except (EOFError, OSError):
                self.forget(address)  # the daemon was started anew
        self.connect(address)
        return self._ask(address, request)

    def connect(self, address):
        if address not in self.out:
            connection = socket.create_connection(address, timeout=self.patience)
            if self.tls:
                connection = self.tls[1].wrap_socket(connection, server_hostname=address[0])
            self.out[address] = connection, _Reader(connection)

    def forget(self, address):
        if address in self.out:
            self.out.pop(address)[0].close()

    def _ask(self, address, request):
        connection, reader = self.out[address]
        connection.sendall(request)
        return reader.answer()[0]

    # ---- in ----

    def get(self, kind, timeout=PATIENCE):
        """The next message of that kind; others are kept for later."""
        for message in self.later:
            if message.kind == kind:
                self.later.remove(message)
                return message
        end = time.monotonic() + timeout
        while True:
            try:
                message = self.messages.get(timeout=max(0.01, end - time.monotonic()))
            except queue.Empty:
                raise AssertionError(f"{self.pid} waited {timeout} s for {kind}; it has {self.later}") from None
            if message.kind == kind:
                return message
            self.later.append(message)

    def value(self, kind, timeout=PATIENCE):
        return self.get(kind, timeout).value

    def quiet(self, kind, seconds=0.3):
        """No message of that kind is here or comes within the time."""
        try:
            message = self.get(kind, seconds)
        except AssertionError:
            return
        raise AssertionError(f"{self.pid} got {message}: {message.value}")

    def hang_up(self):
        """Ends the connections that others have made to it; it goes on listening."""
        old, self.accepted = self.accepted, []  # whoever comes back at once stays
        for connection in old:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def close(self):
        try:
            self.listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.listener.close()
        self.hang_up()
        for connection, _ in self.out.values():
            connection.close()
        self.out = {}
