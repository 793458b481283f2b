# SPDX-License-Identifier: Apache-2.0
"""Several masters of which one leads: election by a file, a module that is compiled here as a third party would."""
import json
import os
import subprocess

from cluster import REPOSITORY, Cluster, wait_for


class Masters:
    """Masters on loopback; lead(i) says which one leads, lead(None) that none does."""

    def __init__(self, directory, count):
        self.cluster = Cluster(directory)
        self.directory = os.path.join(directory, "election")
        os.makedirs(self.directory)
        library = os.path.join(directory, "election_file.so")
        subprocess.run([os.environ.get("CC", "cc"), "-shared", "-fPIC", "-std=gnu11", "-O1", "-fvisibility=hidden",
                        "-I" + os.path.join(REPOSITORY, "module-api"), "-o", library,
                        os.path.join(REPOSITORY, "tests", "lib", "election_file.c")], check=True)
        modules = {"libraries": [{"file": library, "modules": [
            {"name": "file", "parameters": [{"key": "directory", "value": self.directory}]}]}]}
        flags = [f"--modules={json.dumps(modules)}", "--election=file"]
        self.masters = [self.cluster.master]
        for i in range(1, count):
            self.masters.append(self.cluster._daemon("mesos-master", f"master{i}", {
                "registry": "in_memory", "cluster": "test", "hostname": "localhost"}))
        for master in self.masters:
            master.argv += flags
        self.flags = flags

    def start(self):
        for master in self.masters:
            master.start()
        return self

    def lead(self, index):
        path = os.path.join(self.directory, "leader")
        with open(path + ".new", "w", encoding="utf-8") as f:
            f.write(str(self.masters[index].port) if index is not None else "")
        os.rename(path + ".new", path)

    def elected(self, index):
        wait_for(lambda: self.masters[index].get("/metrics/snapshot")["master/elected"] == 1, what="the election")

    def stop(self):
        self.cluster.stop()
        complaints = self.cluster.complaints()
        self.cluster.remove()
        assert not complaints, "\n".join(complaints)
