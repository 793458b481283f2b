# SPDX-License-Identifier: Apache-2.0
"""What `make install` leaves in /etc changes nothing of what daemons do, until somebody takes a sample into use."""
import glob
import os
import shutil
import subprocess
import tempfile

import pytest

from cluster import Cluster, Tree


@pytest.fixture
def place():
    """A cluster with the installed etc as its own, of which no flag says where to listen."""
    directory = tempfile.mkdtemp(prefix="cm-")
    tree = Tree(directory)
    installed = tree.prefix and tree.prefix_path("etc")
    if not installed:
        subprocess.run(["make", "-s", "-C", tree.build, "install-etc", f"DESTDIR={directory}/dest"], check=True, timeout=60,
                       stdin=subprocess.DEVNULL)
        [sample] = glob.glob(f"{directory}/dest/**/mesos/master.ini.sample", recursive=True)
        installed = os.path.dirname(os.path.dirname(sample))
    shutil.copytree(installed, os.path.join(directory, "etc"))
    cluster = Cluster(directory)
    cluster.add_agent(start=False)
    for daemon in cluster.daemons:
        daemon.argv.remove("--ip=127.0.0.1")
    yield cluster
    cluster.stop()
    complaints = cluster.complaints()
    cluster.remove()
    assert not complaints, "\n".join(complaints)


def test_samples_are_not_read_until_they_are_taken_into_use(place):
    etc = os.path.join(place.directory, "etc", "mesos")
    assert sorted(os.listdir(etc)) == ["agent.ini.sample", "master.ini.sample"]
    place.master.start()
    place.agents[0].start()
    place.wait_agents(1)
    for daemon in place.daemons:
        assert f"0.0.0.0:{daemon.port} is open without authentication" in daemon.log()
        daemon.stop()
    for name, daemon in (("master", place.master), ("agent", place.agents[0])):
        shutil.copy(f"{etc}/{name}.ini.sample", f"{etc}/{name}.ini")
        with pytest.raises(AssertionError) as failure:
            daemon.start()
        assert f"option 'require_authentication': 0.0.0.0:{daemon.port} is open without authentication: set " in str(failure.value)
