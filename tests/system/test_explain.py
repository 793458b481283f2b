# SPDX-License-Identifier: Apache-2.0
"""Why do I get no offers? Every reason that a cluster can have, seen through the endpoint, the call and the command line;
and offer constraints, which are one of them, from SUBSCRIBE to the agents that they exclude."""
import http.client
import json
import queue
import time
import urllib.error
import urllib.request

import pytest

from cluster import wait_for
from scheduler import CallFailed, Scheduler, command_task


def ask(cluster, **query):
    words = "&".join(f"{key}={value}" for key, value in query.items())
    return cluster.master.get("/master/explain?" + words)["explanations"]


def reasons(cluster, framework_id, **query):
    return sorted((e.get("role"), e["reason"]) for e in ask(cluster, framework_id=framework_id, **query))


def operator(cluster, call, expect=200):
    request = urllib.request.Request(cluster.master.url + "/api/v1", json.dumps(call).encode(),
                                     {"Content-Type": "application/json", "Accept": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            assert answer.status == expect
            return json.loads(answer.read())
    except urllib.error.HTTPError as error:
        assert error.code == expect, error.read()
        return error.read().decode()


def only(text_of, *wanted):
    """A regular expression or a value, as a group of one constraint each."""
    return {"groups": [{"attribute_constraints": [text_of]} for text_of in wanted or [text_of]]}


def attribute(name, **predicate):
    return {"selector": {"attribute_name": name}, "predicate": predicate}


@pytest.fixture
def quick(make_cluster):
    return make_cluster(master_flags={"allocation_interval": "50ms"}, agent_flags={"attributes": "rack:r1;size:3"})


def test_reasons(quick):
    """One framework and one agent through the reasons that follow from what the framework does."""
    first = Scheduler(quick.address, roles=["web"], name="first", failover_timeout=100.0).subscribe()
    offer = first.offer()
    me = first.framework_id
    entry, = ask(quick, framework_id=me)
    assert (entry["reason"], entry["offer_id"], entry["agent_id"]) == (
        "OFFERED", offer["id"]["value"], offer["agent_id"]["value"])
    assert entry["hostname"] == "localhost" and "role" not in entry

    # Somebody else wants something too.
    second = Scheduler(quick.address, roles=["web"], name="second").subscribe()
    entry, = ask(quick, framework_id=second.framework_id)
    assert (entry["reason"], entry["other_framework_id"], entry["offer_id"]) == (
        "OFFERED_TO_OTHER", me, offer["id"]["value"])
    assert "first" in entry["message"]
    second.teardown()

    before = time.time()
    first.decline(offer, refuse_seconds=60)
    entry, = ask(quick, framework_id=me)
    assert (entry["reason"], entry["role"], entry["offer_id"]) == ("FILTERED", "web", offer["id"]["value"])
    assert before - 1 < entry["since"] < time.time() + 1 and before + 58 < entry["until"] < time.time() + 62
    assert entry["free"].startswith("cpus:4; ") or "cpus:4" in entry["free"]
    assert offer["id"]["value"] in entry["message"]
    call = operator(quick, {"type": "EXPLAIN_OFFERS", "explain_offers": {"framework_id": {"value": me}}})
    assert call["type"] == "EXPLAIN_OFFERS"
    same, = call["explain_offers"]["explanations"]
    assert same["reason"] == "FILTERED" and same["offer_id"] == offer["id"]
    assert abs(same["until"]["nanoseconds"] / 1e9 - entry["until"]) < 1

    first.call("SUPPRESS")
    assert reasons(quick, me) == [("web", "ROLE_SUPPRESSED")]
    first.call("REVIVE")
    offer = first.offer()
    first.accept(offer, [command_task("all", "sleep 100", offer, cpus=4, mem=4096)], refuse_seconds=0)
    first.until("all", {"TASK_RUNNING"})
    wait_for(lambda: reasons(quick, me) == [("web", "BELOW_MINIMUM")], 10, "too little to be left")
    first.kill("all")
    offer = first.offer()
    first.decline(offer, refuse_seconds=3600)

    # Constraints that come later count from then on.
    first.call("UPDATE_FRAMEWORK", 200, update_framework={
        "framework_info": {**first.info, "id": {"value": me}},
        "offer_constraints": {"role_constraints": {"web": only(attribute("rack", text_equals={"value": "r2"}))}}})
    entry, = ask(quick, framework_id=me)
    assert entry["reason"] == "OFFER_CONSTRAINTS"
    assert "group 1 wants that attribute 'rack' equals 'r2'" in entry["message"]
    table = quick.tool("framework", "explain", me).stdout
    assert "OFFER_CONSTRAINTS" in table and "localhost" in table
    assert json.loads(quick.tool("framework", "explain", "--json", "first").stdout)["explanations"][0]["role"] == "web"
    agent_id = offer["agent_id"]["value"]
    assert quick.master.get("/allocator/offer_constraints_debug") == {"frameworks": {me: {
        "suppressed_roles": [], "excluded_by_attribute_constraints": {"web": [agent_id]}}}}

    first.disconnect()
    wait_for(lambda: reasons(quick, me) == [(None, "FRAMEWORK_INACTIVE")], 10, "the framework to be away")


def test_agents_that_are_away(make_cluster, tmp_path):
    whitelist = tmp_path / "whitelist"
    whitelist.write_text("localhost\n")
    cluster = make_cluster(agents=0, master_flags={
        "allocation_interval": "50ms", "agent_ping_timeout": "1secs", "max_agent_ping_timeouts": "2",
        "registry": "local", "whitelist": str(whitelist)})
    agent = cluster.add_agent({"resources": "cpus(db):2;mem(db):512;gpus:0", "hostname": "localhost"})
    web = Scheduler(cluster.address, roles=["web", "ops"], failover_timeout=100.0).subscribe()
    me = web.framework_id
    wait_for(lambda: {r for _, r in reasons(cluster, me)} == {"RESERVED"}, 10, "reserved resources")
    assert reasons(cluster, me, role="ops") == [("ops", "RESERVED")]
    whitelist.write_text("elsewhere\n")
    wait_for(lambda: reasons(cluster, me) == [(None, "NOT_WHITELISTED")], 20, "the whitelist to be read")
    agent.kill()
    wait_for(lambda: reasons(cluster, me) == [(None, "AGENT_UNREACHABLE")], 30, "the agent to be unreachable")
    entry, = ask(cluster, framework_id=me)
    assert time.time() - 30 < entry["since"] < time.time() + 1
    assert reasons(cluster, me, agent_id=entry["agent_id"]) == [(None, "AGENT_UNREACHABLE")]
    assert "AGENT_UNREACHABLE" in cluster.tool("framework", "explain", f"--agent={entry['agent_id']}", me).stdout


def test_an_agent_that_is_not_back_yet(make_cluster):
    cluster = make_cluster(master_flags={"registry": "local", "allocation_interval": "50ms"})
    web = Scheduler(cluster.address, roles=["web"], failover_timeout=100.0).subscribe()
    web.offer()
    agent_id = cluster.master.get("/slaves")["slaves"][0]["id"]
    cluster.agents[0].kill()
    wait_for(lambda: reasons(cluster, web.framework_id) == [(None, "AGENT_INACTIVE")], 10, "the agent to be away")
    entry, = ask(cluster, framework_id=web.framework_id)
    assert entry["message"] == "The agent is disconnected" and entry["since"] > time.time() - 30
    cluster.master.kill()
    cluster.master.start()
    web.subscribe()
    entry, = ask(cluster, framework_id=web.framework_id)
    assert (entry["reason"], entry["agent_id"], entry["hostname"]) == ("AGENT_RECOVERING", agent_id, "localhost")


def test_gpus_and_capabilities(make_cluster):
    cluster = make_cluster(agent_flags={"resources": "cpus:2;mem:512;gpus:1"})
    web = Scheduler(cluster.address, roles=["web"]).subscribe()
    assert reasons(cluster, web.framework_id) == [("web", "GPUS_KEPT")]


def test_bad_questions(quick):
    web = Scheduler(quick.address, roles=["web"]).subscribe()
    me = web.framework_id

    def refused(path):
        with pytest.raises(urllib.error.HTTPError) as caught:
            quick.master.get(path)
        return caught.value.code, caught.value.read().decode()

    assert refused("/explain") == (400, "Expecting 'framework_id' to be present in the query")
    assert refused("/explain?framework_id=") == (400, "Expecting 'framework_id' to be present in the query")
    assert refused("/explain?framework_id=nope") == (404, "No framework found with specified ID")
    assert refused(f"/explain?framework_id={me}&agent_id=nope") == (404, "No agent found with specified ID")
    assert refused(f"/explain?framework_id={me}&role=x") == (404, "The framework is not subscribed to role 'x'")
    assert refused(f"/explain?framework_id={'x' * 10000}")[0] == 404
    named = {"framework_id": {"value": me}}
    assert operator(quick, {"type": "EXPLAIN_OFFERS"}, 400) == (
        "Failed to validate master::Call: Expecting 'explain_offers' to be present")
    assert "Missing required fields" in operator(quick, {"type": "EXPLAIN_OFFERS", "explain_offers": {}}, 400)
    assert operator(quick, {"type": "EXPLAIN_OFFERS", "explain_offers": {"framework_id": {"value": "x"}}}, 400) == (
        "No framework found with specified ID")
    assert operator(quick, {"type": "EXPLAIN_OFFERS", "explain_offers": {**named, "agent_id": {"value": "x"}}}, 400) == (
        "No agent found with specified ID")
    assert operator(quick, {"type": "EXPLAIN_OFFERS", "explain_offers": {**named, "role": "x"}}, 400) == (
        "The framework is not subscribed to role 'x'")
    done = quick.tool("framework", "explain", "nope", check=False)
    assert done.returncode == 1 and "nope" in done.stderr
    done = quick.tool("framework", "explain", "--role=x", me, check=False)
    assert done.returncode == 1 and "not subscribed to role 'x'" in done.stderr
    web.teardown()
    wait_for(lambda: refused(f"/explain?framework_id={me}") == (404, "The framework with the specified ID has ended"), 5)
    assert quick.master.get("/health", raw=True) is not None


# ---- offer constraints ----


def test_constraints_choose_agents(make_cluster):
    cluster = make_cluster(master_flags={"allocation_interval": "50ms"}, agent_flags={"attributes": "rack:r1;size:3"})
    cluster.add_agent({"attributes": "rack:r22"})
    ids = {s["attributes"]["rack"]: s["id"] for s in cluster.master.get("/slaves")["slaves"]}
    web = Scheduler(cluster.address, roles=["web"], failover_timeout=100.0).subscribe(offer_constraints={"role_constraints": {
        "web": only(attribute("rack", text_matches={"regex": "r2+"}))}})
    offer = web.offer()
    assert offer["agent_id"]["value"] == ids["r22"]
    with pytest.raises(queue.Empty):
        web.offer(timeout=0.5)
    shown, = cluster.master.get("/frameworks")["frameworks"]
    assert shown["offer_constraints"]["role_constraints"]["web"]["groups"][0]["attribute_constraints"][0] == (
        attribute("rack", text_matches={"regex": "r2+"}))
    debug = cluster.master.get("/allocator/offer_constraints_debug")["frameworks"][web.framework_id]
    assert debug["excluded_by_attribute_constraints"] == {"web": [ids["r1"]]}
    # Two groups: either will do. What is not said in an update is unset, suppressed roles too.
    web.call("UPDATE_FRAMEWORK", 200, update_framework={
        "framework_info": {**web.info, "id": {"value": web.framework_id}},
        "offer_constraints": {"role_constraints": {"web": only(
            None, attribute("nope", exists={}), attribute("size", text_equals={"value": "a scalar passes"}))}}})
    assert web.offer()["agent_id"]["value"] == ids["r1"]
    web.call("UPDATE_FRAMEWORK", 200, update_framework={
        "framework_info": {**web.info, "id": {"value": web.framework_id}}, "suppressed_roles": ["web"]})
    assert "offer_constraints" not in json.dumps(cluster.master.get("/frameworks")["frameworks"][0]["offer_constraints"])
    debug = cluster.master.get("/allocator/offer_constraints_debug")["frameworks"][web.framework_id]
    assert debug == {"suppressed_roles": ["web"], "excluded_by_attribute_constraints": {"web": []}}
    # And a subscription takes them over as a whole.
    web.disconnect()
    web.subscribe(offer_constraints={"role_constraints": {"web": only(
        {"selector": {"pseudoattribute_type": "HOSTNAME"}, "predicate": {"text_not_equals": {"value": "localhost"}}})}})
    while not web.offers.empty():
        web.offers.get()
    with pytest.raises(queue.Empty):
        web.offer(timeout=0.5)
    assert {e["reason"] for e in ask(cluster, framework_id=web.framework_id)} == {"OFFER_CONSTRAINTS"}
    web.teardown()


BAD_CONSTRAINTS = [
    ({"role_constraints": {"other": only(attribute("a", exists={}))}},
     "Offer constraints specify `role_constraints` for a role 'other'not contained in the set of roles"),
    ({"role_constraints": {"web": {}}},
     "Offer constraints are not valid: 'OfferConstraints::role_constraints' has an empty "
     "'RoleConstraints::groups' for role web"),
    ({"role_constraints": {"web": {"groups": [{}]}}},
     "Offer constraints are not valid: 'OfferConstraints::RoleConstraints::groups' for role web"
     "contains an empty RoleConstraints::Group"),
    ({"role_constraints": {"web": only({"selector": {}, "predicate": {"exists": {}}})}},
     "Offer constraints are not valid: A role web has an invalid 'AttributeConstraint': Exactly one of "
     "'AttributeConstraint::Selector::name' or 'AttributeConstraint::Selector::pseudoattribute_type' must be set"),
    ({"role_constraints": {"web": only({"selector": {"pseudoattribute_type": "UNKNOWN"}, "predicate": {"exists": {}}})}},
     "Offer constraints are not valid: A role web has an invalid 'AttributeConstraint': Unknown pseudoattribute type"),
    ({"role_constraints": {"web": only(attribute("a"))}},
     "Offer constraints are not valid: A role web has an invalid 'AttributeConstraint': Unknown predicate type"),
    ({"role_constraints": {"web": only(attribute("a", text_matches={"regex": "("}))}},
     "Offer constraints are not valid: A role web has an invalid 'AttributeConstraint': "
     "Failed to construct regex from pattern '(': missing ): ("),
    ({"role_constraints": {"web": only(attribute("a", text_matches={"regex": "a{150}"}))}},
     "Offer constraints are not valid: A role web has an invalid 'AttributeConstraint': Regex 'a{150}' is too complex: "
     "program size of 154 is larger than maximum of 100 allowed"),
    ({"role_constraints": {"web": only(attribute("a", text_matches={"regex": "((a{100}){100}){100}"}))}},
     "Offer constraints are not valid: A role web has an invalid 'AttributeConstraint': Failed to construct regex from "
     "pattern '((a{100}){100}){100}': invalid repetition size: {100}"),
    ({"role_constraints": {"web": {"groups": [{"attribute_constraints": [attribute("a", exists={})] * 10001}]}}},
     "Offer constraints are not valid: A role web has an invalid 'AttributeConstraint': More than 10000 constraints"),
    ({"role_constraints": {"web": {"groups": [
        {"attribute_constraints": [attribute("a", text_matches={"regex": "(.*)(.*)(.*)x"})]}] * 1001}}},
     "Offer constraints are not valid: A role web has an invalid 'AttributeConstraint': More than 1000 regexes"),
]


def test_bad_constraints(quick):
    good = Scheduler(quick.address, roles=["web"]).subscribe()
    update = {"framework_info": {**good.info, "id": {"value": good.framework_id}}}
    for constraints, text in BAD_CONSTRAINTS:
        with pytest.raises(CallFailed) as caught:
            Scheduler(quick.address, roles=["web"]).subscribe(offer_constraints=constraints)
        assert (caught.value.status, caught.value.body) == (200, text)
        with pytest.raises(CallFailed) as caught:
            good.call("UPDATE_FRAMEWORK", 200, update_framework={**update, "offer_constraints": constraints})
        assert (caught.value.status, caught.value.body) == (400, "'UpdateFramework' call is not valid: " + text)
    shown, = quick.master.get("/frameworks")["frameworks"]
    assert shown["id"] == good.framework_id and shown.get("offer_constraints", {}) == {}


def test_costly_expressions_cost_little(make_cluster):
    """As many expressions as are allowed, each as bad as the limits allow, and agents with long attributes."""
    cluster = make_cluster(agents=2, master_flags={"allocation_interval": "50ms"},
                           agent_flags={"attributes": "a:" + "a" * 20000})
    begin = time.monotonic()
    web = Scheduler(cluster.address, roles=["web"]).subscribe(offer_constraints={"role_constraints": {"web": {"groups": [
        {"attribute_constraints": [attribute("a", text_matches={"regex": f"(a*)*(a|aa)+(.*)*b{i}"})]}
        for i in range(1000)]}}})
    with pytest.raises(queue.Empty):
        web.offer(timeout=1)
    assert {r for _, r in reasons(cluster, web.framework_id)} == {"OFFER_CONSTRAINTS"}
    assert time.monotonic() - begin < 60  # without the limits it would be hours
    ping = time.monotonic()
    assert cluster.master.get("/health", raw=True) is not None
    assert time.monotonic() - ping < 10
    web.teardown()


def test_limits_are_flags(make_cluster):
    cluster = make_cluster(agents=0, master_flags={"offer_constraints_re2_max_mem": "1MB",
                                                   "offer_constraints_re2_max_program_size": "300"})
    flags = cluster.master.get("/flags")["flags"]
    assert (flags["offer_constraints_re2_max_mem"], flags["offer_constraints_re2_max_program_size"]) == ("1MB", "300")
    wide = {"role_constraints": {"web": only(attribute("a", text_matches={"regex": "a{150}"}))}}
    Scheduler(cluster.address, roles=["web"]).subscribe(offer_constraints=wide).teardown()
    wider = {"role_constraints": {"web": only(attribute("a", text_matches={"regex": "a{400}"}))}}
    with pytest.raises(CallFailed, match="larger than maximum of 300 allowed"):
        Scheduler(cluster.address, roles=["web"]).subscribe(offer_constraints=wider)


def test_minimums_of_the_framework(quick):
    with pytest.raises(CallFailed, match="Resource quantities must contain at least one quantity"):
        Scheduler(quick.address, roles=["web"], offer_filters={
            "web": {"min_allocatable_resources": {"quantities": [{}]}}}).subscribe()
    with pytest.raises(CallFailed, match="Invalid resource quantity for 'cpus': Negative values not supported"):
        Scheduler(quick.address, roles=["web"], offer_filters={
            "web": {"min_allocatable_resources": {"quantities": [{"quantities": {"cpus": {"value": -1}}}]}}}).subscribe()
    web = Scheduler(quick.address, roles=["web"], offer_filters={
        "web": {"min_allocatable_resources": {"quantities": [{"quantities": {"cpus": {"value": 5}}}]}}}).subscribe()
    with pytest.raises(queue.Empty):
        web.offer(timeout=0.5)
    entry, = ask(quick, framework_id=web.framework_id)
    assert entry["reason"] == "BELOW_MINIMUM" and "framework's own" in entry["message"]
    web.call("UPDATE_FRAMEWORK", 200, update_framework={
        "framework_info": {**web.info, "offer_filters": {}, "id": {"value": web.framework_id}}})
    web.offer()
    web.teardown()


def test_the_endpoint_is_there_without_frameworks(quick):
    for path in ("/allocator/offer_constraints_debug", "/allocator/offer_constraints_debug/"):
        assert quick.master.get(path) == {"frameworks": {}}
    connection = http.client.HTTPConnection(quick.address, timeout=10)
    connection.request("POST", "/allocator/offer_constraints_debug")
    assert connection.getresponse().status == 405


def test_what_is_reserved_for_hidden_roles(make_cluster, tmp_path):
    """As in the other views, what is reserved for a role is shown to who may see that role."""
    acls = tmp_path / "acls.json"
    acls.write_text(json.dumps({"view_roles": [{"principals": {"type": "ANY"}, "roles": {"values": ["*"]}},
                                               {"principals": {"type": "ANY"}, "roles": {"type": "NONE"}}]}))
    cluster = make_cluster(master_flags={"allocation_interval": "50ms", "acls": str(acls)},
                           agent_flags={"resources": "cpus(web):3;cpus:1;mem:512;disk:100"})
    scheduler = Scheduler(cluster.address, roles=["web"]).subscribe()
    scheduler.decline(scheduler.offer(), refuse_seconds=3600)
    entry = wait_for(lambda: [e for e in ask(cluster, framework_id=scheduler.framework_id) if e["reason"] == "FILTERED"], 60)[0]
    assert "cpus:1" in entry["free"] and "web" not in entry["free"], entry
    scheduler.teardown()
