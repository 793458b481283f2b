# SPDX-License-Identifier: Apache-2.0
"""Reads ZooKeeper's transaction logs: who wrote what, in the order in which it became true."""
import glob
import os
import struct

CREATE, DELETE, SET_DATA, MULTI, CREATE_2, CREATE_TTL, CREATE_CONTAINER = 1, 2, 5, 14, 15, 21, 19
WRITES = {CREATE, DELETE, SET_DATA, CREATE_2, CREATE_TTL, CREATE_CONTAINER}


class Bytes:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, count):
        found = self.data[self.at:self.at + count]
        if len(found) < count:
            raise EOFError
        self.at += count
        return found

    def number(self, form):
        return struct.unpack(">" + form, self.take(struct.calcsize(form)))[0]

    def buffer(self):
        return self.take(max(0, self.number("i")))


def writes_of(kind, body):
    """(path, data) of each node that the transaction touches."""
    if kind == MULTI:
        for _ in range(body.number("i")):
            inner = body.number("i")
            yield from writes_of(inner, Bytes(body.buffer()))
    elif kind in WRITES:
        path = body.buffer().decode(errors="replace")
        yield path, None if kind == DELETE else body.buffer()


def transactions(path):
    """(zxid, milliseconds, session, [(path, data)]) of one log; what a crash has torn is its end."""
    with open(path, "rb") as f:
        log = Bytes(f.read())
    try:
        log.take(16)
        while True:
            log.take(8)  # the sum
            entry = log.buffer()
            if not entry:
                return
            log.take(1)
            body = Bytes(entry)
            session, _, zxid, at, kind = body.number("q"), body.number("i"), body.number("q"), body.number("q"), body.number("i")
            yield zxid, at, session, list(writes_of(kind, body))
    except EOFError:
        return


def of_ensemble(directory):
    """Those that a majority of the servers has written down: what a leader proposed and nobody took never became true, though
    it may lie in that one's log for ever."""
    servers, found, known = glob.glob(os.path.join(directory, "*", "data", "version-2")), {}, {}
    for server in servers:
        for path in glob.glob(os.path.join(server, "log.*")):
            for zxid, at, session, writes in transactions(path):
                found[zxid] = (zxid, at, session, writes)
                known.setdefault(zxid, set()).add(server)
    return [found[zxid] for zxid in sorted(found) if len(known[zxid]) > len(servers) // 2]


def of_registry(directory, root):
    """Lines for the history: each write below root/registry, with the epoch if that is what was written."""
    for zxid, at, session, writes in of_ensemble(directory):
        for path, data in writes:
            if path.startswith(root + "/registry"):
                epoch = data.split() if data and path.endswith("/epoch") else []
                yield {"t": at / 1000, "who": "zookeeper", "kind": "registry", "zxid": zxid, "session": session, "path": path,
                       "epoch": int(epoch[0]) if epoch else None}
