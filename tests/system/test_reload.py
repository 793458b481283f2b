# SPDX-License-Identifier: Apache-2.0
"""Files of the configuration that change while the daemons run: SIGHUP or the change itself has them read again, and what is
refused leaves everything as it was."""
import os
import signal

from cluster import wait_for


def weights(cluster):
    return {entry["role"]: entry["weight"] for entry in cluster.master.get("/weights")}


def refusals(cluster):
    return cluster.master.get("/metrics/snapshot")["configuration/reloads_failed"]


def replace(path, text):
    beside = path.with_suffix(".new")
    beside.write_text(text)
    os.rename(beside, path)


def test_weights_follow_their_file(make_cluster, tmp_path):
    path = tmp_path / "weights"
    path.write_text("web=2\nbatch=0.5\n")
    cluster = make_cluster(agents=0, master_flags={"weights": f"file://{path}"})
    assert weights(cluster) == {"web": 2, "batch": 0.5}
    replace(path, "web=3,other=4\n")
    wait_for(lambda: weights(cluster) == {"web": 3, "other": 4}, 60, "the change to be seen")
    assert refusals(cluster) == 0
    replace(path, "web=5\nother=nothing\n")
    cluster.master.process.send_signal(signal.SIGHUP)
    wait_for(lambda: refusals(cluster) > 0, 60, "the file to be refused")
    assert weights(cluster) == {"web": 3, "other": 4}
    line = next(line for line in cluster.master.log().splitlines() if "--weights is not taken" in line)
    assert str(path) in line and "line 2: 'other=nothing'" in line, line
    replace(path, "web=5\n")
    cluster.master.process.send_signal(signal.SIGHUP)
    wait_for(lambda: weights(cluster) == {"web": 5}, 60, "the corrected file")


def test_the_file_may_be_the_one_that_is_named_after_the_option(make_cluster):
    cluster = make_cluster(agents=0)
    path = os.path.join(cluster.directory, "etc", "mesos-master", "weights")
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as out:
        out.write("web=2\n")
    cluster.master.stop()
    cluster.master.start()
    wait_for(lambda: weights(cluster) == {"web": 2}, 60, "the new master")
    with open(path, "w") as out:
        out.write("web=4\n")
    wait_for(lambda: weights(cluster) == {"web": 4}, 60, "the change to be seen")
