# SPDX-License-Identifier: Apache-2.0
"""Maintenance of real machines: what frameworks, agents and operators see of it, whoever is killed meanwhile."""
import http.client
import json
import os
import queue
import subprocess
import time

import pytest

from cluster import wait_for
from libprocess import Peer, make
from scheduler import Scheduler, command_task

HOST = "machine1.example"
MACHINE = {"hostname": HOST, "ip": "127.0.0.1"}
PATIENCE = 60
HOUR = 3600 * 10 ** 9


def post(cluster, body, path="/api/v1", method="POST"):
    connection = http.client.HTTPConnection(cluster.address, timeout=PATIENCE)
    text = body if isinstance(body, (str, bytes)) else json.dumps(body)
    connection.request(method, path, text, {"Content-Type": "application/json", "Accept": "application/json"})
    answer = connection.getresponse()
    status, data = answer.status, answer.read().decode(errors="replace")
    connection.close()
    return status, data


def call(cluster, kind, **members):
    status, data = post(cluster, {"type": kind, **members})
    assert status == 200, (kind, status, data)
    return json.loads(data)[kind.lower()] if data else None


def window(*machines, start=None, duration=HOUR):
    away = {"start": {"nanoseconds": time.time_ns() + HOUR if start is None else start}}
    if duration is not None:
        away["duration"] = {"nanoseconds": duration}
    return {"machine_ids": list(machines), "unavailability": away}


def schedule(cluster, *windows):
    call(cluster, "UPDATE_MAINTENANCE_SCHEDULE", update_maintenance_schedule={"schedule": {"windows": list(windows)}})


def status_of(cluster):
    return call(cluster, "GET_MAINTENANCE_STATUS")["status"]


def schedule_of(cluster):
    return call(cluster, "GET_MAINTENANCE_SCHEDULE")["schedule"]


def answers(cluster):
    return [s["status"] for m in status_of(cluster).get("draining_machines", []) for s in m.get("statuses", [])]


def event(scheduler, kind, timeout=PATIENCE):
    end = time.monotonic() + timeout
    while True:
        found = scheduler.others.get(timeout=max(0.01, end - time.monotonic()))
        if found["type"] == kind:
            return found[kind.lower()]


def inverse_offer(scheduler):
    offers = event(scheduler, "INVERSE_OFFERS")["inverse_offers"]
    assert len(offers) == 1
    return offers[0]


def answer(scheduler, offer, accept, refuse_seconds=1000):
    kind = "ACCEPT_INVERSE_OFFERS" if accept else "DECLINE_INVERSE_OFFERS"
    scheduler.call(kind, **{kind.lower(): {"inverse_offer_ids": [offer["id"]], "filters": {"refuse_seconds": refuse_seconds}}})


def run_task(scheduler, name):
    offer = scheduler.offer(PATIENCE)
    scheduler.accept(offer, [command_task(name, "exec sleep 1000", offer)], refuse_seconds=1000)
    scheduler.until(name, {"TASK_RUNNING"}, PATIENCE)
    return offer


@pytest.fixture
def cluster(make_cluster):
    return make_cluster(master_flags={"registry": "local", "allocation_interval": "100ms"}, agent_flags={"hostname": HOST})


def test_frameworks_are_asked_and_answer(cluster):
    scheduler = Scheduler(cluster.address).subscribe()
    other = Scheduler(cluster.address, name="other", roles=["other"]).subscribe()
    scheduler.call("SUPPRESS")
    other.call("SUPPRESS")
    scheduler.call("REVIVE")
    run_task(scheduler, "t")
    planned = window({**MACHINE, "hostname": HOST.upper()})
    schedule(cluster, planned)
    asked = inverse_offer(scheduler)
    assert asked["unavailability"] == planned["unavailability"] and "resources" not in asked
    assert asked["framework_id"]["value"] == scheduler.framework_id
    assert asked["url"]["address"]["hostname"] == HOST and asked["url"]["address"]["ip"] == "127.0.0.1"
    shown = {f["framework_info"]["id"]["value"]: f for f in call(cluster, "GET_FRAMEWORKS")["frameworks"]}
    assert shown[scheduler.framework_id]["inverse_offers"] == [asked]
    assert "inverse_offers" not in shown[other.framework_id]  # it has nothing there

    # Somebody else cannot answer, and an answer to what is not (any more) changes nothing.
    answer(other, asked, True)
    answer(scheduler, {"id": {"value": "x"}}, True)
    assert answers(cluster) == []
    answer(scheduler, asked, False, refuse_seconds=0)
    assert answers(cluster) == ["DECLINE"]
    again = inverse_offer(scheduler)  # it did not mind to be asked again
    assert again["id"] != asked["id"]
    answer(scheduler, asked, True)
    assert answers(cluster) == ["DECLINE"]
    answer(scheduler, again, True)
    assert answers(cluster) == ["ACCEPT"]

    # The same plan again is no news; another one is: answers are void, and the refusal to be asked too.
    schedule(cluster, planned)
    assert answers(cluster) == ["ACCEPT"]
    later = window(MACHINE, duration=None)
    schedule(cluster, later, window({"hostname": "nobody.example"}))
    assert answers(cluster) == []
    assert inverse_offer(scheduler)["unavailability"] == later["unavailability"]
    # Offers say it too.
    other.call("REVIVE")
    offer = other.offer(PATIENCE)
    assert offer["unavailability"] == later["unavailability"]
    assert inverse_offer(other)["unavailability"] == later["unavailability"]  # who holds an offer would lose it
    schedule(cluster)
    for one in (scheduler, other):
        assert event(one, "RESCIND_INVERSE_OFFER")["inverse_offer_id"]["value"]
    while "unavailability" in offer:
        offer = other.offer(PATIENCE)
    assert status_of(cluster) == {} and schedule_of(cluster) == {}
    metrics = cluster.master.get("/metrics/snapshot")
    mine = {k.rsplit("/", 2)[1] + "/" + k.rsplit("/", 1)[1]: v for k, v in metrics.items() if scheduler.framework_id in k}
    assert (mine["events/inverse_offers"], mine["events/rescind_inverse_offer"]) == (3, 1)
    assert (mine["calls/accept_inverse_offers"], mine["calls/decline_inverse_offers"]) == (3, 1)
    for one in (scheduler, other):
        one.teardown()


def test_an_inverse_offer_times_out(make_cluster):
    cluster = make_cluster(master_flags={"offer_timeout": "1secs", "allocation_interval": "100ms"},
                           agent_flags={"hostname": HOST})
    scheduler = Scheduler(cluster.address).subscribe()
    run_task(scheduler, "t")
    schedule(cluster, window(MACHINE))
    first = inverse_offer(scheduler)
    assert event(scheduler, "RESCIND_INVERSE_OFFER")["inverse_offer_id"] == first["id"]
    assert inverse_offer(scheduler)["id"] != first["id"]
    scheduler.teardown()


def leads(cluster):
    wait_for(lambda: post(cluster, {"type": "GET_MAINTENANCE_STATUS"})[0] == 200, PATIENCE, "the master to lead")


def restart_master(cluster):
    cluster.master.kill()
    cluster.master.start()
    leads(cluster)


def test_a_killed_master_keeps_every_state(cluster):
    scheduler = Scheduler(cluster.address, failover_timeout=1000, checkpoint=True).subscribe()
    run_task(scheduler, "t")
    planned = window(MACHINE)
    schedule(cluster, planned)
    answer(scheduler, inverse_offer(scheduler), True)

    # DRAINING: who answered is forgotten, what is planned is not, and frameworks are asked again.
    restart_master(cluster)
    assert schedule_of(cluster) == {"windows": [planned]}
    assert status_of(cluster) == {"draining_machines": [{"id": MACHINE}]}
    scheduler.subscribe()
    cluster.wait_agents(1)
    assert inverse_offer(scheduler)["unavailability"] == planned["unavailability"]

    call(cluster, "START_MAINTENANCE", start_maintenance={"machines": [MACHINE]})
    lost = scheduler.until("t", {"TASK_LOST"}, PATIENCE)[-1]
    assert lost["message"] == f"Agent {HOST} removed: Operator initiated 'Machine DOWN'"
    assert call(cluster, "GET_AGENTS") == {"agents": [], "recovered_agents": []}
    assert cluster.agents[0].process.wait(PATIENCE) is not None

    # DOWN: nobody registers from there, in whatever case it writes its name.
    restart_master(cluster)
    assert status_of(cluster) == {"down_machines": [MACHINE]}
    registry = cluster.master.get("/registrar(1)/registry")
    assert registry["machines"] == {"machines": [
        {"info": {"id": MACHINE, "mode": "DOWN", "unavailability": planned["unavailability"]}}]}
    assert registry["schedules"] == [{"windows": [planned]}] and registry["slaves"] == {"slaves": []}
    cluster.add_agent({"hostname": HOST.upper()}, start=False).start(wait=False)
    assert cluster.agents[1].process.wait(PATIENCE) is not None
    assert "Machine is `DOWN`" in cluster.agents[1].log()
    assert call(cluster, "GET_AGENTS") == {"agents": [], "recovered_agents": []}

    # UP: as if nothing had been.
    call(cluster, "STOP_MAINTENANCE", stop_maintenance={"machines": [MACHINE]})
    restart_master(cluster)
    assert status_of(cluster) == {} and schedule_of(cluster) == {}
    registry = cluster.master.get("/registrar(1)/registry")
    assert "machines" not in registry and "schedules" not in registry
    cluster.agents[1].start()
    cluster.wait_agents(1)
    while not scheduler.offers.empty():
        scheduler.offers.get()  # of before
    scheduler.subscribe()
    assert "unavailability" not in scheduler.offer(PATIENCE)
    with pytest.raises(queue.Empty):
        event(scheduler, "INVERSE_OFFERS", 0.5)
    scheduler.teardown()


def test_nobody_is_told_what_is_not_written(make_cluster):
    """The master dies in the write that takes a machine down: it was not down for anybody."""
    cluster = make_cluster(master_flags={"registry": "local"}, agents=0)
    leads(cluster)
    planned = window(MACHINE)
    schedule(cluster, planned)
    cluster.master.kill()
    cluster.master.env = {**cluster.master.env, "MESOS_FAULT": "registry_local_commit=kill@2"}  # the first says who leads
    cluster.master.start()
    leads(cluster)
    with pytest.raises((OSError, http.client.HTTPException)):
        post(cluster, {"type": "START_MAINTENANCE", "start_maintenance": {"machines": [MACHINE]}})
    cluster.master.process.wait(PATIENCE)
    cluster.master.env = {k: v for k, v in cluster.master.env.items() if k != "MESOS_FAULT"}
    cluster.master.start()
    leads(cluster)
    assert status_of(cluster) == {"draining_machines": [{"id": MACHINE}]}
    call(cluster, "START_MAINTENANCE", start_maintenance={"machines": [MACHINE]})
    assert status_of(cluster) == {"down_machines": [MACHINE]}


def test_the_registry_moves(make_cluster):
    """Plans and machines that are down go out as JSON and come in again, also in the shape that an endpoint shows."""
    cluster = make_cluster(master_flags={"registry": "local"}, agents=0)
    leads(cluster)
    schedule(cluster, window(MACHINE, {"hostname": "other"}), window({"ip": "10.0.0.9"}, duration=None))
    call(cluster, "START_MAINTENANCE", start_maintenance={"machines": [{"hostname": "OTHER"}]})
    planned, states = schedule_of(cluster), status_of(cluster)
    assert states["down_machines"] == [{"hostname": "other"}] and len(states["draining_machines"]) == 2
    shown_registry = cluster.master.get("/registrar(1)/registry")
    cluster.master.kill()
    exported = subprocess.run([*cluster.master.argv, "--export-registry"], env=cluster.master.env, check=True, timeout=PATIENCE,
                              stdout=subprocess.PIPE).stdout
    written = json.loads(exported)
    by_id = {json.dumps(m["info"]["id"]): m for m in shown_registry["machines"]["machines"]}
    assert {json.dumps(m["info"]["id"]): m for m in written["machines"]["machines"]} == by_id
    assert written["schedules"] == shown_registry["schedules"] == [planned]
    for document in (exported, json.dumps(shown_registry).encode()):
        into = os.path.join(cluster.directory, f"moved{len(document)}")
        os.makedirs(into)
        with open(into + "/registry.json", "wb") as file:
            file.write(document)
        argv = [a for a in cluster.master.argv if not a.startswith("--work_dir=")] + ["--work_dir=" + into]
        subprocess.run([*argv, f"--import-registry={into}/registry.json"], env=cluster.master.env, check=True,
                       timeout=PATIENCE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        cluster.master.argv = argv
        cluster.master.start()
        leads(cluster)
        assert schedule_of(cluster) == planned
        now = status_of(cluster)
        assert now["down_machines"] == states["down_machines"]
        assert sorted(map(str, now["draining_machines"])) == sorted(map(str, states["draining_machines"]))
        cluster.master.kill()


class Driver:
    """A v0 scheduler that knows of inverse offers."""

    def __init__(self, cluster):
        self.peer = Peer("sched")
        self.master = "master@" + cluster.address
        self.id = None

    def call(self, kind, **body):
        assert self.peer.send(self.master, make("mesos.scheduler.Call", type=kind, framework_id=self.id, **body)) == 202

    def subscribe(self):
        self.call(1, subscribe={"framework_info": {"user": "root", "name": "driver"}})
        self.id = {"value": self.peer.value("FrameworkRegisteredMessage", PATIENCE).framework_id.value}


def test_drivers_are_asked(cluster):
    driver = Driver(cluster)
    driver.subscribe()
    offer = driver.peer.value("ResourceOffersMessage", PATIENCE).offers[0]
    assert not offer.HasField("unavailability")
    planned = window(MACHINE)
    schedule(cluster, planned)
    assert driver.peer.value("RescindResourceOfferMessage", PATIENCE).offer_id == offer.id
    offer = driver.peer.value("ResourceOffersMessage", PATIENCE).offers[0]
    assert offer.unavailability.start.nanoseconds == planned["unavailability"]["start"]["nanoseconds"]
    message = driver.peer.value("InverseOffersMessage", PATIENCE)
    assert [o.unavailability.duration.nanoseconds for o in message.inverse_offers] == [HOUR]
    assert list(message.pids) == [f"slave(1)@127.0.0.1:{cluster.agents[0].port}"]
    driver.call(13, accept_inverse_offers={"inverse_offer_ids": [message.inverse_offers[0].id],
                                           "filters": {"refuse_seconds": 0}})
    again = driver.peer.value("InverseOffersMessage", PATIENCE).inverse_offers[0]
    assert answers(cluster) == ["ACCEPT"]
    driver.call(14, decline_inverse_offers={"inverse_offer_ids": [again.id], "filters": {"refuse_seconds": 0}})
    last = driver.peer.value("InverseOffersMessage", PATIENCE).inverse_offers[0]
    assert answers(cluster) == ["DECLINE"]
    schedule(cluster)
    assert driver.peer.value("RescindInverseOfferMessage", PATIENCE).inverse_offer_id == last.id
    driver.call(2)
    driver.peer.close()


# ---- bad input ----

BOTH = "Both 'hostname' and 'ip' for a machine are empty"


def shown(**id):
    return json.dumps(id, separators=(",", ":"))


BAD_SCHEDULES = [
    ([window()], "List of machines in the maintenance window is empty"),
    ([window({})], BOTH),
    ([window({"hostname": "", "ip": ""})], BOTH),
    ([window(MACHINE, duration=-1)], "Unavailability 'duration' is negative"),
    ([window(MACHINE, duration=-2 ** 63)], "Unavailability 'duration' is negative"),
    ([window({"ip": "10.0.0.256"})], "Failed to parse IPv4: 10.0.0.256"),
    ([window({"ip": "10.0.0.1/8"})], "Failed to parse IPv4: 10.0.0.1/8"),
    ([window({"hostname": "a"}, {"hostname": "A"})], f"Machine '{shown(hostname='A')}' appears more than once in the schedule"),
    ([window({"ip": "10.0.0.1"}), window({"ip": "10.0.0.1"}, start=5)],
     f"Machine '{shown(ip='10.0.0.1')}' appears more than once in the schedule"),
    ([window({"hostname": "x" * 256})], f"'hostname' of machine '{'x' * 40}...' has 256 bytes; at most 255 are possible"),
    ([window(*({"hostname": f"host{i}.of.a.very.long.list.example"} for i in range(20000)))], "The schedule has "),
]
NONSENSE = ["", "null", "5", '"windows"', "[]", "{", '{"windows":5}', '{"windows":[5]}', '{"windows":[{}]}',
            '{"windows":[{"machine_ids":[],"unavailability":{}}]}', '{"windows":[{"machine_ids":{"hostname":"a"}}]}',
            '{"windows":[{"machine_ids":[{"hostname":7}],"unavailability":{"start":{"nanoseconds":1}}}]}',
            '{"windows":[{"machine_ids":[{"hostname":"a"}],"unavailability":{"start":{"nanoseconds":1e30}}}]}',
            '{"windows":[{"machine_ids":[{"hostname":"a\\u0000b"}],"unavailability":{"start":{"nanoseconds":1}}}]}',
            '{"windows":' * 5000, "[" * 100000, '{"windows":' + "[" * 5000 + "]" * 5000 + "}"]
BAD_MACHINES = [
    ([], "List of machines is empty"),
    ([{}], BOTH),
    ([MACHINE, {**MACHINE, "hostname": HOST.upper()}],
     f"Machine '{shown(hostname=HOST.upper(), ip='127.0.0.1')}' appears more than once in the schedule"),
    ([{"hostname": "nobody.example"}], f"Machine '{shown(hostname='nobody.example')}' is not part of a maintenance schedule"),
    ([{"hostname": '"\n'}], "Machine '{\"hostname\":\"\\\"\\n\"}' is not part of a maintenance schedule"),
    ([{"ip": "::g"}], "Failed to parse IPv4: ::g"),
]


def test_bad_schedules_and_machines(cluster):
    def windows(listed):
        return {"type": "UPDATE_MAINTENANCE_SCHEDULE", "update_maintenance_schedule": {"schedule": {"windows": listed}}}

    for listed, says in BAD_SCHEDULES:
        for path, body in (("/api/v1", windows(listed)), ("/maintenance/schedule", {"windows": listed})):
            status, text = post(cluster, body, path)
            assert status == 400 and text.startswith(says), (path, says, status, text)
            assert len(text) == len(says) or says == "The schedule has "
    for text in NONSENSE:
        status, says = post(cluster, text, "/maintenance/schedule")
        assert status == 400 and says and not says.startswith("Failed to"), (text[:80], status, says)
        status, says = post(cluster, '{"type":"UPDATE_MAINTENANCE_SCHEDULE","update_maintenance_schedule":{"schedule":' + text + "}}")
        assert status == 400 and says, (text[:80], status, says)
    for machines, says in BAD_MACHINES:
        for path, body in (("/machine/down", machines), ("/machine/up", machines),
                           ("/api/v1", {"type": "START_MAINTENANCE", "start_maintenance": {"machines": machines}}),
                           ("/api/v1", {"type": "STOP_MAINTENANCE", "stop_maintenance": {"machines": machines}})):
            assert post(cluster, body, path) == (400, says), (path, body)
    for path in ("/machine/down", "/machine/up"):
        for text in ("", "{}", "null", "7", '[{"hostname":"a"}', '[{"hostname":"a"}], "x":[]', "[5]", '[["a"]]', "[" * 100000,
                     '[{"hostname":' + "[" * 5000 + "]" * 5000 + "}]"):
            status, says = post(cluster, text, path)
            assert status == 400 and says, (path, text[:80], status, says)
    for path, allowed in (("/maintenance/schedule", "GET"), ("/maintenance/status", "GET"), ("/machine/down", "POST")):
        assert post(cluster, "", path, "DELETE")[0] == 405 and allowed
    assert schedule_of(cluster) == {} and status_of(cluster) == {}

    # What an agent has is known, and up; what is not planned cannot go down; what is not down cannot come up.
    assert post(cluster, [MACHINE], "/machine/down") == (
        400, f"Machine '{shown(**MACHINE)}' is not in DRAINING mode and cannot be brought down")
    # Windows may lie in the past, overlap and have no end, and machines need not be there.
    odd = [window({"hostname": "a"}, start=0, duration=0), window({"hostname": "b"}, start=-2 ** 63, duration=2 ** 63 - 1),
           window({"ip": "10.0.0.1"}, {"ip": "::1"}, start=2 ** 63 - 1, duration=None)]
    assert post(cluster, {"windows": odd}, "/maintenance/schedule") == (200, "")
    assert schedule_of(cluster) == {"windows": odd} == cluster.master.get("/maintenance/schedule")
    assert post(cluster, [{"hostname": "A"}, {"ip": "0:0::1"}], "/machine/down") == (200, "")
    assert status_of(cluster) == cluster.master.get("/maintenance/status") == {
        "draining_machines": [{"id": {"hostname": "b"}}, {"id": {"ip": "10.0.0.1"}}],
        "down_machines": [{"hostname": "a"}, {"ip": "::1"}]}
    assert post(cluster, {"windows": odd[1:]}, "/maintenance/schedule") == (
        400, f"Machine '{shown(hostname='a')}' is deactivated and cannot be removed from the schedule")
    restart_master(cluster)
    assert schedule_of(cluster) == {"windows": odd}
    assert post(cluster, [{"hostname": "a"}, {"ip": "::1"}], "/machine/up") == (200, "")
    assert schedule_of(cluster) == {"windows": [odd[1], {**odd[2], "machine_ids": [{"ip": "10.0.0.1"}]}]}
    # As many as a registry takes, at once, and all of them away again.
    many = [window(*({"hostname": f"h{i}"} for i in range(10000)))]
    schedule(cluster, *many)
    restart_master(cluster)
    assert schedule_of(cluster) == {"windows": many} and len(status_of(cluster)["draining_machines"]) == 10000
    schedule(cluster)
    restart_master(cluster)
    assert schedule_of(cluster) == {} and status_of(cluster) == {}
    cluster.wait_agents(1)


def test_operators_at_once(cluster):
    """Changes that come together are carried out one after the other, each against what the one before has left."""
    connections = []
    for i in range(20):
        connection = http.client.HTTPConnection(cluster.address, timeout=PATIENCE)
        connection.request("POST", "/maintenance/schedule", json.dumps({"windows": [window({"hostname": f"h{i}"}, start=i)]}))
        connections.append(connection)
    connections[7].close()  # this one does not wait
    assert {c.getresponse().status for i, c in enumerate(connections) if i != 7} == {200}
    names = [m["hostname"] for w in schedule_of(cluster)["windows"] for m in w["machine_ids"]]
    assert len(names) == 1
    racing = []
    for _ in range(5):
        connection = http.client.HTTPConnection(cluster.address, timeout=PATIENCE)
        connection.request("POST", "/machine/down", json.dumps([{"hostname": names[0]}]))
        racing.append(connection)
    assert sorted(c.getresponse().status for c in racing) == [200, 400, 400, 400, 400]
    for connection in connections + racing:
        connection.close()


def test_command_line(cluster):
    def mesos(*words, code=0):
        done = cluster.tool("maintenance", *words, check=False)
        assert done.returncode == code, (words, done.stdout, done.stderr)
        return done.stderr if code else done.stdout

    scheduler = Scheduler(cluster.address).subscribe()
    run_task(scheduler, "t")
    assert mesos("show", "--json") == "[]\n"
    assert "nosuch" in mesos("schedule", "nosuch", code=1)
    assert mesos("schedule", "--in=1hrs", "--for=2hrs", HOST.upper()).startswith(f"{HOST} (127.0.0.1): away from ")
    answer(scheduler, inverse_offer(scheduler), True)
    row = wait_for(lambda: "1 yes" in mesos("show") and mesos("show"), PATIENCE, "the answer").splitlines()[1].split()
    assert row[:3] == [HOST, "127.0.0.1", "draining"] and row[-4:] == ["1", "yes,", "0", "no"] and "2hrs" in row
    assert json.loads(mesos("schedule", "--json", "--", "other/10.0.0.9")) == {
        "scheduled": [{"hostname": "other", "ip": "10.0.0.9"}]}
    listed = json.loads(mesos("show", "--json"))
    assert [(m["hostname"], m["state"], len(m.get("statuses", []))) for m in listed] == [(HOST, "draining", 1), ("other", "draining", 0)]
    assert listed[0]["unavailability"]["duration"]["nanoseconds"] == 2 * HOUR
    assert "is not in DOWN mode" in mesos("stop", HOST, code=1)
    assert mesos("cancel", "10.0.0.9") == "other (10.0.0.9): nothing is planned any more\n"
    assert "no maintenance is planned" in mesos("cancel", "other/10.0.0.9", code=1)
    assert "nothing was brought down" in mesos("start", "--wait", "--timeout=1ms", HOST, code=1)
    scheduler.kill("t")
    scheduler.until("t", {"TASK_KILLED"}, PATIENCE)
    assert mesos("start", "--wait", HOST) == f"{HOST} (127.0.0.1): down\n"
    assert cluster.agents[0].process.wait(PATIENCE) is not None
    assert mesos("show", HOST).splitlines()[1].split()[:3] == [HOST, "127.0.0.1", "down"]
    assert "deactivated" in mesos("cancel", HOST, code=1)
    assert json.loads(mesos("stop", "--json", "127.0.0.1")) == {"up": [MACHINE]}
    assert mesos("show", "--json") == "[]\n"
    assert "--wait" in mesos("start", "--help") and mesos("start", "--nosuch", HOST, code=2)
    scheduler.teardown()
