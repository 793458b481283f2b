# SPDX-License-Identifier: Apache-2.0
"""Recorded exchanges sent again to a daemon of ours.

Ids of the recording (master, stream, framework, offer) are replaced by ours on the way in and back on the way out. A
request without recorded answer was answered 202 with no body.
"""
import glob
import json
import os
import queue
import re
import socket
import threading

FACTS = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "facts", "traces")
MASTER_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}(?=-(?:\d{4}|[SO]\d+)\b)")


def recorded(folder, daemon="master"):
    for path in sorted(glob.glob(os.path.join(FACTS, folder, f"*-client-{daemon}-*.req"))):
        with open(path, "rb") as f:
            request = f.read()
        answer = None
        if os.path.exists(path[:-3] + "res"):
            with open(path[:-3] + "res", "rb") as f:
                answer = f.read()
        yield os.path.basename(path)[:-4], request, answer


def dechunk(data):
    """The body so far, and whether the zero chunk was there."""
    body = b""
    while True:
        line, sep, rest = data.partition(b"\r\n")
        if not sep:
            return body, False
        size = int(line, 16)
        if size == 0:
            return body, True
        if len(rest) < size:
            return body + rest, False
        body, data = body + rest[:size], rest[size + 2:]


def records(body):
    found = []
    while body:
        length, sep, rest = body.partition(b"\n")
        if not sep or len(rest) < int(length):
            break
        found.append(rest[:int(length)])
        body = rest[int(length):]
    return found


def split(answer):
    head, _, body = answer.partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines[1:])
    if headers.get("Transfer-Encoding") == "chunked":
        body = dechunk(body)[0]
    return int(lines[0].split()[1]), {k.lower(): v for k, v in headers.items()}, body


class Stream:
    """An answer that goes on: events arrive in a queue."""

    def __init__(self, connection, data):
        self.connection, self.data = connection, data
        self.json = b"Content-Type: application/json" in data.partition(b"\r\n\r\n")[0]
        self.events = queue.Queue()
        self.ended = False
        self.taken = 0
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        while True:
            body, self.ended = dechunk(self.data.partition(b"\r\n\r\n")[2])
            found = records(body)
            for record in found[self.taken:]:
                self.events.put(json.loads(record) if self.json else record)
            self.taken = len(found)
            if self.ended:
                return
            try:
                more = self.connection.recv(65536)
            except OSError:
                return
            if not more:
                return
            self.data += more


class Replay:
    def __init__(self, cluster, folder, daemon=None):
        """daemon: an agent of the cluster; None is the master."""
        self.cluster = cluster
        self.daemon = daemon or cluster.master
        self.requests = list(recorded(folder, "agent1" if daemon else "master"))
        self.ids = {}  # of the recording -> ours
        self.streams = {}
        self.offers = queue.Queue()
        self.statuses = {}
        self.operations = queue.Queue()
        self.master_id = cluster.master.get("/state")["id"]
        their = next(m.group(0) for _, _, a in self.requests if a for m in [MASTER_ID.search(a.decode("latin1"))] if m)
        self.ids[their] = self.master_id
        self.their_master = their

    def translate(self, text, table):
        for old in sorted(table, key=len, reverse=True):
            text = text.replace(old, table[old])
        return text

    def ours(self, text):
        return self.translate(text, self.ids)

    def theirs(self, text):
        return self.translate(text, {new: old for old, new in self.ids.items()})

    def map_offers(self, text):
        """An offer that the recording names for the first time is the next one that we are offered."""
        for their in dict.fromkeys(re.findall(re.escape(self.their_master) + r"-O\d+", text)):
            if their not in self.ids:
                self.ids[their] = self.offers.get(timeout=60)["id"]["value"]

    def send(self, request):
        head, _, body = request.decode("latin1").partition("\r\n\r\n")
        self.map_offers(body)
        head, body = self.ours(head), self.ours(body)
        head = re.sub(r"(?im)^content-length: \d+", f"Content-Length: {len(body)}", head)
        head = re.sub(r"(?m)^Host: .*?\r?$", f"Host: 127.0.0.1:{self.daemon.port}\r", head)
        connection = socket.create_connection(("127.0.0.1", self.daemon.port), timeout=60)
        connection.sendall((head + "\r\n\r\n" + body).encode("latin1"))
        return connection

    def give_back(self, request):
        """A refused ACCEPT leaves its offers with us; the recording went on with new ones."""
        ids = [self.ids[i] for i in re.findall(re.escape(self.their_master) + r"-O\d+", request.decode("latin1"))]
        call = {"framework_id": {"value": self.master_id + "-0000"}, "type": "DECLINE",
                "decline": {"offer_ids": [{"value": i} for i in ids], "filters": {"refuse_seconds": 0}}}
        body = json.dumps(call)
        stream = next(ours for their, ours in self.ids.items() if re.fullmatch(r"[0-9a-f-]{36}", their)
                      and their != self.their_master)
        connection = self.send((f"POST /api/v1/scheduler HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                                f"Mesos-Stream-Id: {stream}\r\nContent-Length: {len(body)}\r\n\r\n{body}").encode())
        assert self.receive(connection, "POST")[0] == 202

    def receive(self, connection, method):
        data = b""
        while b"\r\n\r\n" not in data:
            more = connection.recv(65536)
            assert more, f"closed without an answer after {data!r}"
            data += more
        status, headers, body = split(data)
        if headers.get("transfer-encoding") == "chunked":
            connection.settimeout(None)
            return status, headers, Stream(connection, data)
        wanted = 0 if method == "HEAD" else int(headers.get("content-length", 0))
        while len(body) < wanted:
            body += connection.recv(65536)
        connection.close()
        return status, headers, body

    def listen(self, stream):
        """Sorts the events of the recording's main stream."""
        def run():
            while True:
                event = stream.events.get()
                if event["type"] == "OFFERS":
                    for offer in event["offers"]["offers"]:
                        self.offers.put(offer)
                elif event["type"] == "RESCIND":
                    gone = event["rescind"]["offer_id"]["value"]
                    kept = [o for o in list(self.offers.queue) if o["id"]["value"] != gone]
                    with self.offers.mutex:
                        self.offers.queue.clear()
                        self.offers.queue.extend(kept)
                elif event["type"] == "UPDATE":
                    status = event["update"]["status"]
                    self.statuses.setdefault(status["task_id"]["value"], queue.Queue()).put(status)
                elif event["type"] == "UPDATE_OPERATION_STATUS":
                    self.operations.put(event["update_operation_status"]["status"])
        threading.Thread(target=run, daemon=True).start()
