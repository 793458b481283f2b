# SPDX-License-Identifier: Apache-2.0
"""A program on a terminal of its own, as a person has it in front of them."""
import fcntl
import os
import pty
import select
import signal
import struct
import termios
import time


class Terminal:
    """argv runs as the session leader of a new pseudo-terminal of the given size."""

    def __init__(self, argv, env, rows=24, columns=80, cwd=None):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            try:
                if cwd:
                    os.chdir(cwd)
                fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
                os.execve(argv[0], argv, {"TERM": "xterm", "PATH": os.environ["PATH"], **env})
            finally:
                os._exit(127)
        self.resize(rows, columns)
        self.output = b""
        self.code = None

    def resize(self, rows, columns):
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def type(self, text):
        os.write(self.fd, text.encode())

    def _read(self, seconds):
        ready, _, _ = select.select([self.fd], [], [], max(0, seconds))
        if not ready:
            return True
        try:
            data = os.read(self.fd, 65536)
        except OSError:
            return False
        self.output += data
        return bool(data)

    def wait_for(self, text, timeout=60, after=0):
        """Reads until text stands behind offset `after` of the output; returns the offset behind it."""
        end = time.monotonic() + timeout
        wanted = text.encode()
        while wanted not in self.output[after:]:
            if time.monotonic() > end or not self._read(end - time.monotonic()):
                raise AssertionError(f"waited for {text!r} in vain; the terminal shows {self.output[-3000:]!r}")
        return self.output.index(wanted, after) + len(wanted)

    def settle(self, quiet=0.3, timeout=5):
        """Reads until something came and then nothing for `quiet` seconds."""
        before, end = len(self.output), time.monotonic() + timeout
        while time.monotonic() < end:
            have = len(self.output)
            if not self._read(quiet) or (len(self.output) == have and have > before):
                return

    def end(self, timeout=60):
        """Waits for the end; returns what was printed, with the terminal's line ends made plain."""
        end = time.monotonic() + timeout
        while time.monotonic() < end and self._read(end - time.monotonic()):
            pass
        self._reap(end)
        return self.output.decode(errors="replace").replace("\r\n", "\n")

    def _reap(self, end):
        while self.code is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.code = os.waitstatus_to_exitcode(status)
            elif time.monotonic() > end:
                os.kill(self.pid, signal.SIGKILL)
                os.waitpid(self.pid, 0)
                self.code = -9
                raise AssertionError(f"it does not end; the terminal shows {self.output[-3000:]!r}")
            else:
                time.sleep(0.01)
        os.close(self.fd)
        self.fd = -1

    def close(self):
        if self.code is None:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
            self.code = -9
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1
