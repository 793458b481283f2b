# SPDX-License-Identifier: Apache-2.0
"""The agent's operator API as a client of containers uses it: plain calls, sessions, attached input and output."""
import base64
import http.client
import json
import socket
import threading


def container(*names):
    """A ContainerID from its names, the root first."""
    made = None
    for name in names:
        made = {"value": name, **({"parent": made} if made else {})}
    return made


class AgentApi:
    def __init__(self, agent):
        self.port = agent.port

    def raw(self, body, headers=None, timeout=60, method="POST", path="/api/v1"):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        connection.request(method, path, body if isinstance(body, (bytes, str)) else json.dumps(body),
                           {"Content-Type": "application/json", "Accept": "application/json", **(headers or {})})
        return connection, connection.getresponse()

    def call(self, kind, expect=200, timeout=60, **body):
        """The answer as JSON when there is one, else its text."""
        connection, answer = self.raw({"type": kind, kind.lower(): body}, timeout=timeout)
        text = answer.read().decode()
        connection.close()
        assert expect is None or answer.status == expect, (answer.status, text)
        self.status = answer.status
        return json.loads(text) if text.startswith("{") else text

    def launch(self, names, command, expect=200, **more):
        if isinstance(command, str):
            command = {"value": command}
        return self.call("LAUNCH_CONTAINER", expect, container_id=container(*names), command=command, **more)

    def wait(self, names, timeout=60):
        return self.call("WAIT_CONTAINER", 200, timeout, container_id=container(*names))["wait_container"]

    def kill(self, names, signal=None, expect=200):
        return self.call("KILL_CONTAINER", expect, container_id=container(*names),
                         **({"signal": signal} if signal else {}))

    def remove(self, names, expect=200):
        return self.call("REMOVE_CONTAINER", expect, container_id=container(*names))

    def containers(self, **more):
        return self.call("GET_CONTAINERS", **more)["get_containers"].get("containers", [])

    def session(self, names, command, tty=False, **more):
        """command: a command line, or a CommandInfo."""
        command = {"value": command} if isinstance(command, str) else command
        body = {"container_id": container(*names), "command": command, **more}
        if tty:
            body["container"] = {"type": "MESOS", "tty_info": tty if isinstance(tty, dict) else {}}
        return Output(self, "LAUNCH_NESTED_CONTAINER_SESSION", body)

    def attach_output(self, names):
        return Output(self, "ATTACH_CONTAINER_OUTPUT", {"container_id": container(*names)})

    def attach_input(self, names):
        return Input(self.port, names)


class Output:
    """A streamed answer of ProcessIO records, read in the background."""

    def __init__(self, api, kind, body):
        self.connection, answer = api.raw({"type": kind, kind.lower(): body},
                                          {"Accept": "application/recordio", "Message-Accept": "application/json"})
        self.status = answer.status
        self.headers = dict(answer.getheaders())
        self.out, self.err, self.heartbeats, self.text = b"", b"", 0, ""
        self.ended = threading.Event()
        self.whole = False  # the final chunk came
        if self.status == 200:
            threading.Thread(target=self._read, args=(answer,), daemon=True).start()
        else:
            self.text = answer.read().decode()

    def _read(self, answer):
        try:
            while True:
                length = b""
                while not length.endswith(b"\n"):
                    byte = answer.read(1)
                    if not byte:
                        self.whole = True
                        return
                    length += byte
                record = json.loads(answer.read(int(length)))
                if record["type"] == "DATA":
                    data = base64.b64decode(record["data"]["data"])
                    if record["data"]["type"] == "STDOUT":
                        self.out += data
                    else:
                        self.err += data
                else:
                    assert record["control"]["type"] == "HEARTBEAT", record
                    self.heartbeats += 1
        except (OSError, ValueError, AttributeError, http.client.HTTPException):
            pass
        finally:
            self.ended.set()

    def close(self):
        """The client goes away."""
        self.connection.sock.shutdown(socket.SHUT_RDWR)
        self.connection.close()


class Input:
    """A streamed request of ATTACH_CONTAINER_INPUT."""

    def __init__(self, port, names, first=True):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=60)
        self.socket.sendall(b"POST /api/v1 HTTP/1.1\r\nHost: x\r\nAccept: application/json\r\n"
                            b"Content-Type: application/recordio\r\nMessage-Content-Type: application/json\r\n"
                            b"Transfer-Encoding: chunked\r\n\r\n")
        if first:
            self.record({"type": "CONTAINER_ID", "container_id": container(*names)})

    def chunk(self, data):
        self.socket.sendall(b"%x\r\n%s\r\n" % (len(data), data))

    def record(self, body):
        text = json.dumps({"type": "ATTACH_CONTAINER_INPUT", "attach_container_input": body}).encode()
        self.chunk(b"%d\n%s" % (len(text), text))

    def io(self, **body):
        self.record({"type": "PROCESS_IO", "process_io": body})

    def data(self, data):
        self.io(type="DATA", data={"type": "STDIN", "data": base64.b64encode(data).decode()})

    def window(self, rows, columns):
        self.io(type="CONTROL", control={"type": "TTY_INFO",
                                         "tty_info": {"window_size": {"rows": rows, "columns": columns}}})

    def heartbeat(self):
        self.io(type="CONTROL", control={"type": "HEARTBEAT", "heartbeat": {"interval": {"nanoseconds": 30000000000}}})

    def end(self):
        self.socket.sendall(b"0\r\n\r\n")

    def answer(self):
        """Status and text, when the agent has answered."""
        response = http.client.HTTPResponse(self.socket, method="POST")
        response.begin()
        text = response.read().decode()
        self.socket.close()
        return response.status, text
