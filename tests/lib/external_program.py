#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A containerizer program as operators wrote them for Mesos 0.19 to 0.28: plain processes, one directory per container below
the agent's work directory. `external_program.py COMMAND`, a record on stdin, a record on stdout. A file mode-COMMAND makes it
misbehave. Also what tests need to read and write such records: protobuf by hand."""
import os
import signal
import struct
import subprocess
import sys
import time


# ---- protobuf ----

def varint(value):
    out = b""
    while value > 127:
        out += bytes([value & 127 | 128])
        value >>= 7
    return out + bytes([value])


def field(number, value):
    """value: int -> varint, float -> double, text or bytes -> length-delimited."""
    if isinstance(value, bool) or isinstance(value, int):
        return varint(number << 3) + varint(value & (1 << 64) - 1)
    if isinstance(value, float):
        return varint(number << 3 | 1) + struct.pack("<d", value)
    value = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(value)) + value


def parse(data):
    """{number: [values]}, nested messages as bytes."""
    at, out = 0, {}

    def number():
        nonlocal at
        value = shift = 0
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    while at < len(data):
        tag = number()
        if tag & 7 == 0:
            value = number()
        elif tag & 7 == 1:
            value = struct.unpack_from("<d", data, at)[0]
            at += 8
        elif tag & 7 == 5:
            value = data[at:at + 4]
            at += 4
        else:
            size = number()
            value = data[at:at + size]
            at += size
        out.setdefault(tag >> 3, []).append(value)
    return out


def read_record(stream):
    size, = struct.unpack("<I", stream.read(4))
    data = stream.read(size)
    assert len(data) == size and not stream.read(), "the record is not whole, or is not alone"
    return data


def write_record(data):
    sys.stdout.buffer.write(struct.pack("<I", len(data)) + data)
    sys.stdout.buffer.flush()


# ---- containers ----

def base():
    return os.path.join(os.environ["MESOS_WORK_DIRECTORY"], "ecp")


def place(container_id, name=""):
    return os.path.join(base(), "containers", container_id, name)


def write(path, content):
    with open(path + ".new", "wb") as out:
        out.write(content if isinstance(content, bytes) else str(content).encode())
    os.rename(path + ".new", path)


def read(path):
    try:
        with open(path, "rb") as content:
            return content.read()
    except (FileNotFoundError, ProcessLookupError):
        return None


def id_of(message):
    return parse(parse(message)[1][0])[1][0].decode()


def launch():
    record = read_record(sys.stdin.buffer)
    message = parse(record)
    container_id, sandbox = id_of(record), message[4][0].decode()
    command = parse(parse(message[3][0])[7][0])
    os.makedirs(place(container_id))
    write(place(container_id, "record"), record)
    write(place(container_id, "environment"), "\n".join(f"{k}={v}" for k, v in os.environ.items()))
    environment = dict(os.environ)
    for variable in parse(command[2][0]).get(1, []) if 2 in command else []:
        parts = parse(variable)
        environment[parts[1][0].decode()] = parts[2][0].decode()
    value = command[3][0].decode()
    shell = command.get(6, [1])[0]
    argv = ["/bin/sh", "-c", value] if shell else [a.decode() for a in command.get(7, [value.encode()])]
    if os.fork():
        return
    os.setsid()
    if os.fork():
        os._exit(0)
    with open(os.path.join(sandbox, "stdout"), "ab") as out, open(os.path.join(sandbox, "stderr"), "ab") as err:
        for fd in (0, 1, 2):
            os.dup2(os.open("/dev/null", os.O_RDWR), fd)
        process = subprocess.Popen(argv, executable="/bin/sh" if shell else value, env=environment, cwd=sandbox,
                                   stdin=subprocess.DEVNULL, stdout=out, stderr=err, start_new_session=True)
    write(place(container_id, "pid"), process.pid)
    code = process.wait()
    write(place(container_id, "status"), code << 8 if code >= 0 else -code)
    os._exit(0)


def wait_for_file(path):
    while read(path) is None:
        time.sleep(0.02)
    return int(read(path))


def wait():
    container_id = id_of(read_record(sys.stdin.buffer))
    status = wait_for_file(place(container_id, "status"))
    killed = read(place(container_id, "limited"))
    write_record(field(1, bool(killed)) + field(2, killed or f"ended with {status}") + field(3, status))


def kill_tree(pid):
    """The process and all below it, whatever sessions they are in."""
    parents = {}
    for entry in os.listdir("/proc"):
        stat = read(f"/proc/{entry}/stat") if entry.isdigit() else None
        if stat:
            parents.setdefault(int(stat.rsplit(b")", 1)[1].split()[1]), []).append(int(entry))
    wanted = [pid]
    for one in wanted:
        wanted += parents.get(one, [])
    for one in wanted:
        try:
            os.kill(one, signal.SIGKILL)
        except ProcessLookupError:
            pass


def destroy():
    container_id = id_of(read_record(sys.stdin.buffer))
    if not os.path.isdir(place(container_id)):
        return
    pid = wait_for_file(place(container_id, "pid"))
    if read(place(container_id, "status")) is None:
        kill_tree(pid)
        wait_for_file(place(container_id, "status"))


def update():
    record = read_record(sys.stdin.buffer)
    write(place(id_of(record), "update"), record)


def usage():
    container_id = id_of(read_record(sys.stdin.buffer))
    pid = wait_for_file(place(container_id, "pid"))
    with open(f"/proc/{pid}/statm", encoding="utf-8") as statm:
        pages = int(statm.read().split()[1])
    write_record(field(1, time.time()) + field(2, 1.5) + field(4, 0.75) + field(5, pages * 4096))


def containers():
    known = os.listdir(os.path.join(base(), "containers")) if os.path.isdir(os.path.join(base(), "containers")) else []
    write_record(b"".join(field(1, field(1, name)) for name in known if read(place(name, "status")) is None))


def recover():
    pass


def misbehave(mode):
    words = mode.split()
    if words[-1] == "once":
        os.unlink(os.path.join(base(), "mode-" + sys.argv[1]))
    if words[0] == "exit":
        print("the cellar is flooded", file=sys.stderr)
        sys.exit(int(words[1]))
    if words[0] == "hang":
        time.sleep(1000)
    out = sys.stdout.buffer
    if words[0] == "flood":
        while True:
            out.write(b"x" * 65536)
    out.write({"garbage": b"\x06\0\0\0\xff\xff\xff\xff\xff\xff", "silent": b"", "short": b"\x10\0",
               "lie": b"\x10\0\0\0abc", "huge": b"\xff\xff\xff\x7fabc", "text": b"Traceback: all is well\n"}[words[0]])
    sys.exit(0)


def main():
    os.makedirs(base(), exist_ok=True)
    with open(os.path.join(base(), "log"), "a", encoding="utf-8") as log:
        log.write(f"{sys.argv[1]} {os.getpid()} {os.getcwd()}\n")
    mode = read(os.path.join(base(), "mode-" + sys.argv[1]))
    if mode:
        misbehave(mode.decode())
    {"launch": launch, "wait": wait, "destroy": destroy, "update": update, "usage": usage, "containers": containers,
     "recover": recover}[sys.argv[1]]()


if __name__ == "__main__":
    main()
