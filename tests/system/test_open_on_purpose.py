# SPDX-License-Identifier: Apache-2.0
"""Daemons that are open to everybody say so, or do not start; endpoints that are disabled are so for everybody."""
import html.parser
import http.client
import json
import urllib.error

import pytest

OPEN = "security/open_without_authentication"


def refusal(daemon, path):
    with pytest.raises(urllib.error.HTTPError) as error:
        daemon.get(path, raw=True)
    return error.value.code, error.value.read().decode()


def test_a_daemon_that_is_open_says_so(make_cluster):
    cluster = make_cluster(agents=0, master_flags={"ip": "0.0.0.0"})
    assert cluster.master.get("/metrics/snapshot")[OPEN] == 1
    line = next(line for line in cluster.master.log().splitlines() if "is open without authentication" in line)
    for word in ("0.0.0.0:", "authenticate_http_readonly=true", "authenticate_agents=true", "ip=127.0.0.1"):
        assert word in line, line
    agent = cluster.add_agent({"ip": "0.0.0.0"})
    assert agent.get("/metrics/snapshot")[OPEN] == 1
    line = next(line for line in agent.log().splitlines() if "is open without authentication" in line)
    for word in ("0.0.0.0:", "authenticate_http_readonly=true", "authenticate_http_executors=true", "ip=127.0.0.1"):
        assert word in line, line
    assert "authenticate_agents" not in line, line


class Page(html.parser.HTMLParser):
    """What a browser shows of a page: texts, and where links go."""

    def __init__(self, text):
        super().__init__()
        self.texts, self.links, self.tags, self.alerts, self.alerting = [], [], set(), [], False
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.add(tag)
        self.links += [value for name, value in attributes if name == "href"]
        self.alerting = ("role", "alert") in attributes

    def handle_data(self, data):
        self.texts.append(data)
        if self.alerting:
            self.alerts.append(data)

    def handle_endtag(self, tag):
        self.alerting = False


def test_the_page_says_so_too(make_cluster):
    name = "<script>x</script>&\"'"  # a text like any other
    master = make_cluster(agents=0, master_flags={"ip": "0.0.0.0", "cluster": name}).master
    page = Page(master.get("/", raw=True).decode())
    assert len(page.alerts) == 1 and "authenticate_http_readonly=true" in page.alerts[0], page.alerts
    assert page.texts.count(name) == 2 and "script" not in page.tags  # the title and the table
    assert "this master" in page.texts and master.get("/state")["id"] in page.texts
    for link in page.links:
        assert master.get(link, raw=True), link
    assert master.get("/master", raw=True) == master.get("/", raw=True)
    assert refusal(master, "/nothing")[0] == 404


def test_the_page_of_a_closed_master(make_cluster, tmp_path):
    """Nothing of the cluster is on it, so that browsers see it before they log in, as in Mesos."""
    credentials = tmp_path / "credentials"
    credentials.write_text("ops o1\n")
    credentials.chmod(0o600)
    master = make_cluster(agents=0, master_flags={"authenticate_http_readonly": True, "credentials": str(credentials)}).master
    assert refusal(master, "/state")[0] == 401
    page = Page(master.get("/", raw=True).decode())
    assert page.alerts == [] and "this master" in page.texts


def test_loopback_is_nobody_elses_business(make_cluster):
    cluster = make_cluster(master_flags={"require_authentication": True}, agent_flags={"require_authentication": True})
    for daemon in (cluster.master, cluster.agents[0]):
        assert daemon.get("/metrics/snapshot")[OPEN] == 0
        assert "open without authentication" not in daemon.log()


def test_what_is_in_force_is_said_once(make_cluster, tmp_path):
    """For an operator who looks whether what was set has come to be."""
    path = tmp_path / "secrets"
    path.write_text("ops o1\nagent a1\n")
    path.chmod(0o600)
    one = tmp_path / "one"
    one.write_text("agent a1\n")
    one.chmod(0o600)
    key = tmp_path / "key"
    key.write_text("k" * 32)
    cluster = make_cluster(master_flags={
        "authenticate_slaves": True, "authenticate_http": True, "credentials": str(path), "acls": '{"permissive": true}',
        "rate_limits": '{"limits": [{"principal": "p", "qps": 1}]}', "seccomp": "relaxed"},
        agent_flags={"credential": str(one), "jwt_secret_key": str(key), "authenticate_http_executors": True})
    said = {name: [line.split("in force: ")[1] for line in daemon.log().splitlines() if "in force: " in line]
            for name, daemon in (("master", cluster.master), ("agent", cluster.agents[0]))}
    assert [len(lines) for lines in said.values()] == [1, 1], said
    for word in ("agents=crammd5", " frameworks=open", "http_frameworks=open", "http_readonly=open", "http_readwrite=basic",
                 "authorizer=local", "tls=off", f"listen=127.0.0.1:{cluster.master.port}", "rate_limiter=token_bucket",
                 "seccomp=relaxed"):
        assert word in said["master"][0], (word, said)
    for word in ("to_master=crammd5", "http_executors=jwt", "http_readonly=open", "secret_resolver=value"):
        assert word in said["agent"][0], (word, said)


def test_it_may_be_told_not_to_start_that_way(make_cluster):
    with pytest.raises(AssertionError) as failure:
        make_cluster(agents=0, master_flags={"ip": "0.0.0.0", "require_authentication": True})
    said = str(failure.value)
    assert "option 'require_authentication': 0.0.0.0:" in said and "set authenticate_http_readonly=true" in said


def test_logins_do_not_help_who_believes_everybody(make_cluster, tmp_path):
    """Whoever names the master as the sender of a message is the master, unless addresses or certificates count."""
    credentials = tmp_path / "credentials"
    credentials.write_text("ops o1\n")
    credentials.chmod(0o600)
    closed = {"ip": "0.0.0.0", "credentials": str(credentials), **{name: True for name in (
        "authenticate_http_readonly", "authenticate_http_readwrite", "authenticate_frameworks", "authenticate_http_frameworks",
        "authenticate_agents")}, "http_framework_authenticators": "basic"}
    with pytest.raises(AssertionError) as failure:
        make_cluster(agents=0, master_flags={**closed, "require_authentication": True})
    said = str(failure.value)
    assert "option 'require_authentication': 0.0.0.0:" in said and "set require_peer_address_ip_match=true" in said
    for more, warned in ({}, True), ({"require_authentication": True, "require_peer_address_ip_match": True}, False):
        cluster = make_cluster(agents=0, master_flags={**closed, **more})
        cluster.master.login = "ops:o1"
        assert cluster.master.get("/metrics/snapshot")[OPEN] == 0
        assert ("believes a libprocess message to be of whom it names" in cluster.master.log()) == warned


def test_disabled_endpoints(make_cluster):
    rules = json.dumps({"disabled_endpoints": {"paths": ["/state", "/files/browse", "/slave(1)/containers"]}})
    cluster = make_cluster(master_flags={"firewall_rules": rules}, agent_flags={"firewall_rules": rules})
    master, agent = cluster.master, cluster.agents[0]
    # by every name that they have
    for path in ("/state", "/master/state", "//state", "/state/", "/state.json", "/master/state.json"):
        assert refusal(master, path) == (403, f"Endpoint '{path}' is disabled")
    assert refusal(master, "/state?x=1") == (403, "Endpoint '/state' is disabled")
    assert refusal(master, "/files/browse?path=/")[0] == 403
    for path in ("/containers", "/slave(1)/state.json", "/slave(1)/containers", "/slave%281%29/containers", "/slave(1)/state"):
        assert refusal(agent, path) == (403, f"Endpoint '{path}' is disabled")
    # and nothing else
    assert "frameworks" in master.get("/frameworks") and master.get("/state-summary") and master.get("/files/debug", raw=True)
    assert cluster.wait_agents(1)


def test_rules_for_what_is_not_there_are_told(make_cluster):
    """What is meant to be closed and is not stays open: an operator learns of it from the log."""
    paths = ["/files/brows", "/state.json", "/help/master", "/slave(1)/state", "/master/state", "/metrics/snapshot"]
    cluster = make_cluster(**{side: {"firewall_rules": json.dumps({"disabled_endpoints": {"paths": paths}})}
                              for side in ("master_flags", "agent_flags")})
    for daemon, strange in ((cluster.master, ["/files/brows", "/slave(1)/state"]),
                            (cluster.agents[0], ["/files/brows", "/master/state"])):
        told = [line for line in daemon.log().splitlines() if "firewall_rules: there is no endpoint" in line]
        assert [line.split("'")[1] for line in told] == strange, told
        assert "the nearest is '/files/browse'" in told[0], told


@pytest.mark.parametrize("rules, part", [
    ('{"disabled_endpoint": {}}', "unknown member 'disabled_endpoint': only 'disabled_endpoints' is known"),
    ('{"disabled_endpoints": {"paths": ["state"]}}', "'state' is no path of an endpoint"),
])
def test_rules_that_make_no_sense(make_cluster, rules, part):
    with pytest.raises(AssertionError) as failure:
        make_cluster(agents=0, master_flags={"firewall_rules": rules})
    assert part in str(failure.value)


def ask(daemon, method, path, **headers):
    connection = http.client.HTTPConnection("127.0.0.1", daemon.port, timeout=60)
    connection.request(method, path, headers={name.replace("_", "-"): value for name, value in headers.items()})
    answer = connection.getresponse()
    answer.read()
    said = {name.lower(): value for name, value in answer.getheaders() if name.lower().startswith(("access-control", "vary"))}
    connection.close()
    return answer.status, said


def test_pages_of_other_origins(make_cluster):
    ours, stranger = "https://ui.example:8443", "https://evil.example"
    cluster = make_cluster(master_flags={"http_cors_origins": ours + ",http://other"})
    master, agent = cluster.master, cluster.agents[0]
    varies = {"vary": "Origin"}  # caches must not show to one page what another was told
    credentials = {"access-control-allow-origin": ours, "access-control-expose-headers": "Mesos-Stream-Id",
                   "access-control-allow-credentials": "true", **varies}
    assert ask(master, "GET", "/state", Origin=ours) == (200, credentials)
    assert ask(master, "POST", "/teardown", Origin=ours) == (400, credentials)
    status, said = ask(master, "OPTIONS", "/api/v1", Origin=ours, Access_Control_Request_Method="POST")
    assert status == 204 and said["access-control-allow-origin"] == ours
    assert "POST" in said["access-control-allow-methods"] and "Authorization" in said["access-control-allow-headers"]
    # strangers, who may look at what they cannot read, and programs and pages of its own, of which nothing else is said
    assert ask(master, "GET", "/state", Origin=stranger) == (200, varies)
    assert ask(master, "POST", "/teardown", Origin=stranger) == (403, varies)
    assert ask(master, "POST", "/teardown", Origin="null") == (403, varies)
    assert ask(master, "OPTIONS", "/teardown", Origin=stranger, Access_Control_Request_Method="POST") == (405, varies)
    assert ask(master, "POST", "/teardown", Origin=f"http://127.0.0.1:{master.port}") == (400, varies)
    assert ask(master, "POST", "/teardown") == (400, varies)
    assert ask(master, "GET", "/nosuch") == (404, varies)
    assert ask(master, "GET", "/nosuch?a=%zz") == (400, varies)
    # a script is read by whoever's page loads it, and browsers say nothing of that page
    for path in ("/state?jsonp=f", "/metrics/snapshot?jsonp=f", "/state?x=1&%6asonp=f", "/state?jsonp"):
        assert ask(master, "GET", path) == ask(master, "GET", path, Origin=stranger) == (403, varies), path
    assert ask(master, "GET", "/state?jsonp=f", Origin=ours) == (200, credentials)
    assert ask(master, "GET", "/state?jsonp=f", Origin=f"http://127.0.0.1:{master.port}") == (200, varies)
    # without the option it is as in Mesos
    assert ask(agent, "GET", "/state?jsonp=f", Origin=stranger) == (200, {})
    assert ask(agent, "GET", "/state", Origin=ours) == (200, {})
    assert ask(agent, "POST", "/api/v1", Origin=stranger) == (400, {})
    with pytest.raises(AssertionError) as failure:
        make_cluster(agents=0, master_flags={"http_cors_origins": "https://ui.example/path"})
    assert "'https://ui.example/path' is no origin of pages" in str(failure.value)
