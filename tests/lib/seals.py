# SPDX-License-Identifier: Apache-2.0
"""Whether the program of a process can be changed. While it runs no file can be opened for writing, sealed or not: that a task
fails to says nothing."""
import fcntl
import os


def assert_sealed(api, name):
    """The init of the container of that name (or of the executor's) runs the agent's copy of the helper."""
    listed = api.containers(show_standalone=True)
    pid, = (c["container_status"]["executor_pid"] for c in listed
            if name in (c["container_id"]["value"], c.get("executor_id", {}).get("value")))
    program = f"/proc/{pid}/exe"
    assert os.readlink(program) == "/memfd:mesos-containerizer (deleted)"
    fd = os.open(program, os.O_RDONLY | os.O_CLOEXEC)
    try:
        seals = fcntl.fcntl(fd, fcntl.F_GET_SEALS)
    finally:
        os.close(fd)
    for seal in ("F_SEAL_WRITE", "F_SEAL_GROW", "F_SEAL_SHRINK", "F_SEAL_SEAL"):
        assert seals & getattr(fcntl, seal), (seal, seals)
