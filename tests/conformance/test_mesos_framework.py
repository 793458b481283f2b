# SPDX-License-Identifier: Apache-2.0
"""npm's mesos-framework 0.5.3, unmodified: keeps instances of a command running, restarts those that end."""
import os
import subprocess
import textwrap

import clients
from cluster import wait_for

SCHEDULER = """
    const {Scheduler, Mesos} = require("mesos-framework");
    const mesos = Mesos.getMesos();
    const states = [];
    const scheduler = new Scheduler({
        masterUrl: process.env.MASTER_HOST, port: Number(process.env.MASTER_PORT), frameworkName: "node",
        logging: {level: "debug", path: process.env.LOGS, fileName: "node.log"}, restartStates: [],
        tasks: {sleepers: {priority: 1, instances: 3,
            commandInfo: new mesos.CommandInfo(null, null, true, "sleep 0.2", null, null),
            resources: {cpus: 0.2, mem: 64, ports: 1, disk: 0}}}
    });
    scheduler.on("subscribed", () => console.log("subscribed", scheduler.frameworkId));
    scheduler.on("error", (error) => { console.log("error", error.message || JSON.stringify(error)); });
    scheduler.on("update", (update) => {
        states.push(update.status.state);
        console.log(update.status.state);
        if (states.filter((s) => s === "TASK_FINISHED").length === 3) {
            setTimeout(() => { scheduler.teardown(); setTimeout(() => process.exit(0), 500); }, 300);
        }
    });
    scheduler.on("ready", () => scheduler.subscribe());
    setTimeout(() => { console.log("too late", states); process.exit(1); }, 60000);
    """


def test_scheduler(make_cluster):
    directory = clients.mesos_framework()
    cluster = make_cluster()
    env = {**os.environ, "MASTER_HOST": "127.0.0.1", "MASTER_PORT": str(cluster.master.port),
           "NODE_PATH": os.path.join(directory, "node_modules"), "LOGS": cluster.directory}
    done = subprocess.run(["node", "-e", textwrap.dedent(SCHEDULER)], env=env, cwd=cluster.directory, timeout=90,
                          text=True, check=False, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT)
    assert done.returncode == 0, done.stdout
    assert "subscribed" in done.stdout
    assert done.stdout.count("TASK_FINISHED") >= 3
    wait_for(lambda: cluster.master.get("/frameworks")["frameworks"] == [], what="the teardown")  # it exits by a clock of its own
