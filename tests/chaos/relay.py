# SPDX-License-Identifier: Apache-2.0
"""The delaying proxy: hands frames from one network device to another and back, each direction in order, after a delay that
a line on standard input sets ("NAME MILLISECONDS"). Works on frames because no protocol above then escapes the delay.

    relay.py NAME:DEVICE:DEVICE ...     relays until standard input ends
    relay.py --plain DEVICE ...         turns off what would make frames larger than the wire or leave sums out of them
"""
import array
import collections
import fcntl
import os
import select
import socket
import struct
import sys
import time

ETH_P_ALL, PACKET_OUTGOING, SIOCETHTOOL = 3, 4, 0x8946
SET_TX_CHECKSUM, SET_TSO, SET_GSO, SET_GRO = 0x17, 0x1f, 0x24, 0x2c


def plain(device):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        for command in (SET_TX_CHECKSUM, SET_TSO, SET_GSO, SET_GRO):
            order = array.array("B", struct.pack("II", command, 0))
            fcntl.ioctl(s, SIOCETHTOOL, struct.pack("16sP", device.encode(), order.buffer_info()[0]))


def opened(device):
    s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_NONBLOCK, socket.htons(ETH_P_ALL))
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
    s.bind((device, 0))
    return s


class Link:
    def __init__(self, name, one, other):
        self.name, self.delay = name, 0.0
        ends = [opened(one), opened(other)]
        self.ways = {ends[0]: (ends[1], collections.deque()), ends[1]: (ends[0], collections.deque())}

    def take(self, end, now):
        queue = self.ways[end][1]
        for _ in range(64):
            try:
                frame, address = end.recvfrom(65535)
            except OSError:  # nothing more, or the device is down
                return
            if address[2] != PACKET_OUTGOING:
                queue.append((now + self.delay, frame))

    def give(self, now):
        """Sends what is due; when the next one will be."""
        following = None
        for other, queue in self.ways.values():
            while queue and (queue[0][0] <= now or self.delay == 0):
                try:
                    other.send(queue.popleft()[1])
                except OSError:
                    pass  # a frame is lost, as on a wire
            if queue:
                following = min(queue[0][0], following or queue[0][0])
        return following


def main(argv):
    if argv[:1] == ["--plain"]:
        for device in argv[1:]:
            plain(device)
        return 0
    links = {name: Link(name, one, other) for name, one, other in (word.split(":") for word in argv)}
    ends = {end: link for link in links.values() for end in link.ways}
    orders, due = b"", None
    while True:
        patience = None if due is None else max(0.0, due - time.monotonic())
        ready = select.select([0, *ends], [], [], patience)[0]
        now = time.monotonic()
        for end in ready:
            if end == 0:
                more = os.read(0, 4096)
                if not more:
                    return 0
                *lines, orders = (orders + more).split(b"\n")
                for line in lines:
                    name, milliseconds = line.decode().split()
                    links[name].delay = float(milliseconds) / 1000
            else:
                ends[end].take(end, now)
        due = min((at for at in (link.give(now) for link in links.values()) if at is not None), default=None)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
