# SPDX-License-Identifier: Apache-2.0
"""Isolators cgroups/... and the linux launcher on cgroup version 2, which the machines that run the tests do not have: in a
guest with Debian's cloud kernel. One boot; the script in the guest prints what it sees, the tests look at that."""
import json
import os
import re

import pytest

from cluster import Tree
from guest import Guest

TIMEOUT = 240  # seconds; seconds on an idle machine, but nothing there accelerates the guest

HELPERS = ("mesos-master", "mesos-agent", "mesos-executor", "mesos-default-executor", "mesos-containerizer", "mesos")

RESOURCES = [{"name": "cpus", "type": "SCALAR", "scalar": {"value": 0.2}}, {"name": "mem", "type": "SCALAR", "scalar": {"value": 40}}]
LOOK = "cat /proc/self/cgroup; cat /sys/fs/cgroup$(cut -d: -f3 /proc/self/cgroup | sed s,/leaf,,)/memory.max"
POD = {"tasks": [
    {"name": name, "task_id": {"value": name}, "agent_id": {"value": ""}, "resources": RESOURCES,
     "command": {"value": LOOK}, "container": {"type": "MESOS", "linux_info": {"share_cgroups": shared}}}
    for name, shared in (("shared", True), ("own", False))]}

SCRIPT = r"""
export LC_ALL=C
mkdir -p /tmp/etc
put() { echo "RESULT $1: $2"; }
web() { wget -q -O - "http://127.0.0.1:$1"; }
# Asks until the answer holds the word.
await() {
    n=0
    until eval "$1" 2>/dev/null | grep -q "$2"; do n=$((n + 1)); { [ $n -gt 300 ] || ! kill -0 $agent_pid; } && { put late "$1"; logs; exit; }; sleep 0.1; done
}
logs() { tail -n 12 /tmp/master.log; tail -n 40 /tmp/agent.log; }
/bin/mesos-master --ip=127.0.0.1 --port=5050 --etc_dir=/tmp/etc --work_dir=/tmp/master --registry=in_memory \
    --module_path=/modules --hostname=localhost >/tmp/master.log 2>&1 &
agent() {
    /bin/mesos-agent --ip=127.0.0.1 --port=5051 --etc_dir=/tmp/etc --work_dir=/tmp/agent --runtime_dir=/tmp/run \
        --master=127.0.0.1:5050 --hostname=localhost --launcher_dir=/bin --module_path=/modules \
        --resources='cpus:4;mem:512;disk:100' --cgroups_enable_cfs --fetcher_cache_dir=/tmp/fetch "$@" >>/tmp/agent.log 2>&1 &
    agent_pid=$!
    await 'web 5050/slaves' '"active":true'
}
# Runs a task to its end; what it wrote and what became of it.
task() {
    name=$1; shift
    mesos execute --master=127.0.0.1:5050 --name=$name "$@" >/tmp/$name.out 2>&1
    put $name.state "$(grep -o 'TASK_[A-Z]*' /tmp/$name.out | tail -n 1)"
    put $name.words "$(tr '\n' '~' </tmp/$name.out)"
    for file in /tmp/agent/slaves/*/frameworks/*/executors/$name/runs/latest/stdout; do
        while read -r line; do put $name "$line"; done <$file
        break # the same run has several paths
    done
}
agent --isolation=cgroups/cpu,cgroups/mem,cgroups/pids,cgroups/devices LAUNCHER
put agent.cgroup "$(cat /proc/$agent_pid/cgroup)"

task where --resources='cpus:0.4;mem:48' --command='cat /proc/self/cgroup
g=/sys/fs/cgroup$(cut -d: -f3 /proc/self/cgroup | sed s,/leaf,,)
for f in cpu.max cpu.weight memory.low memory.max pids.current cgroup.subtree_control; do echo "$f $(cat $g/$f)"; done'
task devices --resources='cpus:0.4;mem:48' --command='cat /dev/null && echo null opens; head -c1 /dev/urandom >/dev/null && echo urandom opens
head -c1 /dev/kmsg >/dev/null && echo kmsg opens; mknod /tmp/x c 1 3 && echo made; mknod /tmp/y c 1 11 && echo made too
head -c0 </tmp/x && echo mine opens; head -c0 </tmp/y && echo kmsg of mine opens; true'
task eat --resources='cpus:0.5;mem:64' --command='echo begins; dd if=/dev/zero of=/dev/null bs=200M count=1 && echo ate it all; sleep 5'
mesos execute --master=127.0.0.1:5050 --name=pod --task_group='POD' >/tmp/pod.out 2>&1
put pod.states "$(grep -o 'TASK_FINISHED for task .*' /tmp/pod.out | tr -d "'" | sort | tr '\n' ' ')"
for file in $(find /tmp/agent/slaves -path '*/containers/*/stdout'); do put pod "$(tr '\n' ' ' <$file)"; done

mesos execute --master=127.0.0.1:5050 --checkpoint --name=burn --resources='cpus:0.2;mem:64' \
    --command='setsid sleep 1000 & while :; do :; done' >/tmp/burn.out 2>&1 &
await 'web 5051/monitor/statistics' burn
sleep 4
put burn.figures "$(web 5051/monitor/statistics)"
kill -9 $agent_pid; wait $agent_pid
mkdir -p /sys/fs/cgroup/mesos/lost/leaf
sleep 1000 &
lost_pid=$!
echo $lost_pid >/sys/fs/cgroup/mesos/lost/leaf/cgroup.procs
agent --isolation=cgroups/cpu,cgroups/mem,cgroups/pids,cgroups/devices LAUNCHER
await 'web 5051/monitor/statistics' burn
sleep 1
put again.figures "$(web 5051/monitor/statistics)"
put again.groups "$(cd /sys/fs/cgroup/mesos; find . -type d | tr '\n' ' ')"
kill -0 $lost_pid 2>/dev/null && put lost.lives yes
killall mesos
await 'ls /sys/fs/cgroup/mesos | wc -l; find /sys/fs/cgroup/mesos -mindepth 1 -maxdepth 1 -type d | grep -vc agent' '^0$'
put end.groups "$(cd /sys/fs/cgroup/mesos; find . -type d | tr '\n' ' ')"
kill $agent_pid; wait $agent_pid

rm -rf /tmp/agent /tmp/run
agent --isolation=cgroups/all LAUNCHER
task all --resources='cpus:0.4;mem:48' --command='g=/sys/fs/cgroup$(cut -d: -f3 /proc/self/cgroup | sed s,/leaf,,)
echo "controllers $(cat $g/cgroup.controllers)"; head -c1 /dev/kmsg >/dev/null && echo kmsg opens; true'
kill $agent_pid; wait $agent_pid
for refused in cgroups/blkio cgroups/net_cls; do
    put $refused "$(/bin/mesos-agent --ip=127.0.0.1 --port=5052 --etc_dir=/tmp/etc --work_dir=/tmp/other --runtime_dir=/tmp/orun \
        --master=127.0.0.1:5050 --launcher_dir=/bin --module_path=/modules --fetcher_cache_dir=/tmp/ofetch \
        --isolation=$refused 2>&1 | tail -n 1)"
done
put swap "$(/bin/mesos-agent --ip=127.0.0.1 --port=5052 --etc_dir=/tmp/etc --work_dir=/tmp/other --runtime_dir=/tmp/orun \
    --master=127.0.0.1:5050 --launcher_dir=/bin --module_path=/modules --fetcher_cache_dir=/tmp/ofetch \
    --isolation=cgroups/mem --cgroups_limit_swap 2>&1 | tail -n 1)"
logs
put script done
"""


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """What the guest's script said: name -> lines."""
    tree = Tree(str(tmp_path_factory.mktemp("tree")))
    guest = Guest(tmp_path_factory.mktemp("guest"))
    for name in HELPERS:
        helper = os.path.join(tree.launcher_dir, name)
        guest.copy(helper if os.path.exists(helper) else tree.program(name), "bin/" + name)
    for name in os.listdir(tree.module_path):
        if name.endswith(".so"):
            guest.copy(os.path.join(tree.module_path, name), "modules/" + name)
    output = guest.run(SCRIPT.replace("LAUNCHER", "--launcher=linux").replace("POD", json.dumps(POD)), TIMEOUT)
    print(output[-20000:])
    found = {}
    for name, text in re.findall(r"^RESULT ([^:]+): (.*)$", output, re.M):
        found.setdefault(name, []).append(text)
    assert found.get("script") == ["done"], "the guest's script did not come to its end"
    return found


def test_processes_are_in_the_leaf_of_their_container(told):
    assert told["where.state"] == ["TASK_FINISHED"]
    assert re.fullmatch(r"0::/mesos/[0-9a-f-]{36}/leaf", told["where"][0])
    assert told["agent.cgroup"] == ["0::/mesos/agent/leaf"]


def test_limits(told):
    where = dict(line.split(" ", 1) for line in told["where"][1:])
    assert where["cpu.max"] == "50000 100000"  # 0.4 cpus of the task, 0.1 of its executor
    assert where["cpu.weight"] == "50"
    assert where["memory.low"] == where["memory.max"] == str(80 << 20)
    assert int(where["pids.current"]) >= 2
    assert {"cpu", "memory", "pids"} <= set(where["cgroup.subtree_control"].split())


def test_devices_that_are_not_allowed_do_not_open(told):
    assert told["devices.state"] == ["TASK_FINISHED"]
    assert told["devices"] == ["null opens", "urandom opens", "made", "made too", "mine opens"]


def test_who_exceeds_its_memory_fails_with_reason_and_message(told):
    assert told["eat.state"] == ["TASK_FAILED"]
    assert told["eat"] == ["begins"]
    words = told["eat.words"][0]
    assert "Memory limit exceeded: Requested: 96MB Maximum Used: 96MB" in words, words
    assert "REASON_CONTAINER_LIMITATION_MEMORY" in words
    assert re.search(r"MEMORY STATISTICS: ~anon \d+~", words), words


def test_nested_containers_are_below_their_parent(told):
    """One that shares its parent's limits is in a group of the launcher's there; one that does not has its own."""
    assert told["pod.states"] == ["TASK_FINISHED for task own TASK_FINISHED for task shared "]
    found = sorted(line.split()[1] for line in told["pod"])
    assert len(found) == 2 and str(40 << 20) in found and "max" in found, told["pod"]
    for line in told["pod"]:
        assert re.match(r"0::/mesos/[0-9a-f-]{36}/mesos/[^/]+/leaf ", line)


def test_statistics_and_the_quota(told):
    figures = told["burn.figures"][0]

    def figure(name):
        return float(re.search(rf'"{name}":([0-9.]+)', figures).group(1))
    assert figure("cpus_limit") == pytest.approx(0.3) and figure("mem_limit_bytes") == 96 << 20
    assert figure("cpus_nr_periods") > 10 and figure("cpus_nr_throttled") > 5
    assert 0.2 < figure("cpus_user_time_secs") + figure("cpus_system_time_secs") < 5
    assert figure("mem_total_bytes") > 0 and figure("mem_rss_bytes") > 0


def test_restart_keeps_containers_and_removes_orphans(told):
    assert '"executor_id":"burn"' in told["again.figures"][0]
    assert re.search(r'"cpus_nr_throttled":[1-9]', told["again.figures"][0])
    assert "lost.lives" not in told
    groups = told["again.groups"][0].split()
    assert "./lost" not in groups and len([g for g in groups if g.count("/") == 1]) == 2, groups


def test_nothing_is_left(told):
    assert sorted(told["end.groups"][0].split()) == [".", "./agent", "./agent/leaf"]
    assert "late" not in told, told["late"]


def test_cgroups_all_has_every_controller(told):
    assert told["all.state"] == ["TASK_FINISHED"]
    (controllers,) = told["all"]
    assert {"cpuset", "cpu", "io", "memory", "hugetlb", "pids"} <= set(controllers.split()[1:])


def test_what_version_2_lacks_is_refused_by_name(told):
    assert "isolator 'cgroups/blkio' cannot be used" in told["cgroups/blkio"][0]
    assert "isolator 'cgroups/net_cls' cannot be used" in told["cgroups/net_cls"][0]
    assert "--cgroups_limit_swap=true is not there with cgroup v2" in told["swap"][0]
