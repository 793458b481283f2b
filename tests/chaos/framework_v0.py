# SPDX-License-Identifier: Apache-2.0
"""The framework of framework.py as a v0 driver is: libprocess messages instead of a stream, connections that either side makes,
nothing that is sent again, nothing believed but what the leading master says. Arguments are the same."""
import base64
import http.client
import json
import os
import queue
import socket
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "lib"))

import framework  # noqa: E402
import libprocess  # noqa: E402
from scheduler import CallFailed  # noqa: E402

LOOK = 2.0      # seconds between two looks at who leads
SILENCE = 12.0  # seconds of nothing, when the offers alone should say something: the master's connection to here may be broken


def as_dict(message):
    from google.protobuf.json_format import MessageToDict  # found once libprocess has looked for protoc's modules
    return MessageToDict(message, preserving_proto_field_name=True)


def status_of(message):
    """A task's status as the stream of events would bring it: with a uuid when somebody waits for its acknowledgement."""
    status = as_dict(message.update.status)
    status.pop("uuid", None)
    if message.update.uuid:
        status["uuid"] = base64.b64encode(message.update.uuid).decode()
    if message.update.HasField("slave_id"):
        status.setdefault("agent_id", {"value": message.update.slave_id.value})
    return status


EVENTS = {
    "FrameworkRegisteredMessage": lambda m: {"type": "REGISTERED", **as_dict(m)},
    "FrameworkReregisteredMessage": lambda m: {"type": "REGISTERED", **as_dict(m)},
    "ResourceOffersMessage": lambda m: {"type": "OFFERS", "offers": {"offers": [as_dict(offer) for offer in m.offers]}},
    "RescindResourceOfferMessage": lambda m: {"type": "RESCIND", "rescind": as_dict(m)},
    "StatusUpdateMessage": lambda m: {"type": "UPDATE", "update": {"status": status_of(m)}},
    "LostSlaveMessage": lambda m: {"type": "FAILURE", "failure": {"agent_id": as_dict(m.slave_id)}},
    "ExitedExecutorMessage": lambda m: {"type": "FAILURE", "failure": {
        "agent_id": as_dict(m.slave_id), "executor_id": as_dict(m.executor_id)}},
    "FrameworkErrorMessage": lambda m: {"type": "ERROR", "error": as_dict(m)},
}


class Line(libprocess.Peer):
    """A peer that gives up soon and never says anything twice."""
    patience = framework.Framework.patience

    def raw(self, to, request):
        address = libprocess.split_pid(to)[1:]
        try:
            self.connect(address)
            return self._ask(address, request)
        except (EOFError, OSError) as error:
            self.forget(address)
            raise ConnectionError(f"no answer of {to}: {error}") from error


class FrameworkV0(framework.Framework):
    def __init__(self, options):
        super().__init__(options)
        self.peer, self.master = None, None
        self.known = False  # this process has registered before: it does not take over from another one
        self.looked, self.missed = 0.0, 0

    # --- in

    def on_error(self, message):
        """A driver that is told an error is over; the next one takes over from whoever is there."""
        self.known = False
        self.record("error", message=message)

    def on_message(self, message):
        if message.sender == self.master and message.kind in EVENTS:
            self.events.put(EVENTS[message.kind](message.value))
        return True

    def leading(self, master, hops):
        """The address and the id of the master that leads; None: nobody does."""
        connection = http.client.HTTPConnection(master, timeout=2)
        try:
            connection.request("POST", "/api/v1", '{"type": "GET_MASTER"}', {"Content-Type": "application/json", "Accept": "application/json"})
            answer = connection.getresponse()
            body = answer.read()
        finally:
            connection.close()
        if answer.status == 307 and hops:
            return self.leading(answer.getheader("Location").split("//", 1)[-1].split("/", 1)[0], hops - 1)
        found = json.loads(body).get("get_master", {}).get("master_info") if answer.status == 200 else None
        return (master, found["id"]) if found else None

    def _subscribe_with(self, master, hops):
        found = self.leading(master, hops)
        if not found:
            return False
        address, _ = found
        host = address.rpartition(":")[0]
        if not self.peer:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
                s.connect((host, 1))
                self.peer = Line(self.options.name, host=s.getsockname()[0])
            self.peer.on_message = self.on_message
        self.events, self.held, self.later = queue.Queue(), {}, []
        self.master, self.address = "master@" + address, address
        if self.framework_id:
            self.info["id"] = {"value": self.framework_id}
        body = {"type": "SUBSCRIBE", "subscribe": {"framework_info": self.info, "force": not self.known}}
        if self.framework_id:
            body["framework_id"] = {"value": self.framework_id}
        self.record("ask", master=address)
        self.raw(body)
        return self.registered(address)

    def registered(self, address):
        end = time.monotonic() + 3
        while time.monotonic() < end:
            try:
                event = self.events.get(timeout=max(0.01, end - time.monotonic()))
            except queue.Empty:
                return False
            if event["type"] == "ERROR":
                self.on_error(event["error"]["message"])
                return False
            if event["type"] == "REGISTERED":
                break
        else:
            return False
        self.known, self.framework_id = True, event["framework_id"]["value"]
        self.reign = event["master_info"]["id"]
        self.record("answered", master=address)
        self.record("subscribed", master=address, reign=self.reign, framework_id=self.framework_id)
        self.asked, self.heard, self.looked, self.missed = 0.0, time.monotonic(), time.monotonic(), 0
        return True

    def on_event(self, event):
        if event["type"] == "ERROR":
            self.on_error(event["error"]["message"])
            raise ConnectionError("error message")
        if event["type"] != "REGISTERED":  # again: both that it sent have reached the master
            super().on_event(event)

    # --- out

    def raw(self, message, expect=202, headers=None):
        from google.protobuf.json_format import ParseDict
        status = self.peer.send(self.master, ParseDict(message, libprocess.message_class("mesos.scheduler.Call")()))
        if status != expect:
            raise CallFailed(status, message["type"])
        return status, ""

    def drop(self):
        self.master = None
        for address in list(self.peer.out):
            self.peer.forget(address)

    def serve(self):
        super().serve()
        now = time.monotonic()
        if now - self.heard > SILENCE:
            raise ConnectionError("silence")
        if now - self.looked > LOOK:
            try:
                found = self.leading(self.address, 1)
            except (OSError, ValueError, http.client.HTTPException):
                found = None
            if found and found[1] != self.reign:
                raise ConnectionError("another master leads")
            self.missed = 0 if found else self.missed + 1
            self.looked = time.monotonic()
        if self.missed >= 3:
            raise ConnectionError("the master does not answer")


if __name__ == "__main__":
    framework.main(FrameworkV0)
