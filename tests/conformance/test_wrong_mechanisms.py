# SPDX-License-Identifier: Apache-2.0
"""Clients of others, unmodified, that prove who they are in a way that the master does not take: nobody gets in by it, and each is
told what would be taken."""
import base64
import hashlib
import hmac
import json
import re
import socket
import socketserver
import subprocess
import threading

import pytest

import clients
from cluster import basic, free_port, wait_for
from test_mesos_go_v0 import authenticated, login_cluster
from test_pymesos import check_refused

KEY = "k" * 32


@pytest.fixture(scope="module")
def python():
    return clients.pymesos()


def popen(argv, cluster, said):
    return subprocess.Popen(argv, cwd=cluster.directory, stdin=subprocess.DEVNULL, stdout=said, stderr=subprocess.STDOUT)


@pytest.mark.parametrize("offered, taken", [("scram_sha256", False), ("scram_sha256,crammd5", True)])
def test_mesos_go_v0_knows_cram_md5_alone(make_cluster, tmp_path, offered, taken):
    """It finds its own among several, and gives up without it."""
    cluster = login_cluster(make_cluster, tmp_path, agents=0, authenticators=offered)
    path = tmp_path / "said"
    with open(path, "wb") as said:
        process = popen(authenticated(clients.mesos_go_v0(), cluster, "go", "right"), cluster, said)
    try:
        if taken:
            wait_for(lambda: cluster.master.get("/frameworks")["frameworks"], what="the framework")
            assert 'authenticated principal="go"' in cluster.master.log()
            assert "mechanisms: [SCRAM-SHA-256 CRAM-MD5]" in path.read_text()
        else:
            wait_for(lambda: "failed to identify a compatible mechanism" in path.read_text(), what="the driver to give up")
            assert "mechanisms: [SCRAM-SHA-256]" in path.read_text()
            assert cluster.master.get("/frameworks")["frameworks"] == []
            assert "authenticated principal" not in cluster.master.log()
    finally:
        process.kill()
        process.wait()


@pytest.fixture
def bearers(make_cluster, tmp_path):
    """A master that knows frameworks by their tokens alone, and writers by these or by their secrets."""
    key, secrets = tmp_path / "key", tmp_path / "secrets"
    key.write_text(KEY)
    secrets.write_text("snake hiss\n")
    for path in key, secrets:
        path.chmod(0o600)
    module = {"name": "jwt", "parameters": [{"key": "key_file", "value": str(key)}]}
    return make_cluster(agents=0, master_flags={
        "authenticate_http_frameworks": True, "http_framework_authenticators": "jwt", "authenticate_http_readwrite": True,
        "http_authenticators": "basic,jwt", "credentials": secrets, "modules": json.dumps({"libraries": [{"name": "http_authenticator_jwt", "modules": [module]}]})})


def test_pymesos_sends_no_tokens(python, bearers):
    check_refused(python, bearers, "hiss")


class Relay(socketserver.ThreadingTCPServer):
    """Between a client and the master; writes down what both say."""
    daemon_threads = True

    class Connection(socketserver.BaseRequestHandler):
        def handle(self):
            with socket.create_connection(self.server.master, timeout=60) as there:
                threading.Thread(target=self.pass_on, args=(self.request, there, self.server.asked), daemon=True).start()
                self.pass_on(there, self.request, self.server.answered)

        @staticmethod
        def pass_on(source, sink, record):
            try:
                while part := source.recv(65536):
                    record.append(part)
                    sink.sendall(part)
            except OSError:  # the other direction has ended
                pass

    def __init__(self, cluster):
        super().__init__(("127.0.0.1", 0), self.Connection)
        self.master, self.asked, self.answered = (cluster.master.host, cluster.master.port), [], []
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    def __exit__(self, *why):
        self.shutdown()
        super().__exit__(*why)


def test_mesos_go_sends_no_tokens(bearers, tmp_path):
    """It asks again and again, for a minute, before it says why."""
    password, programs = tmp_path / "password", clients.mesos_go()
    password.write_text("hiss")
    with Relay(bearers) as relay:
        url = f"http://127.0.0.1:{relay.server_address[1]}/api/v1/scheduler"
        process = popen([programs + "/example-scheduler", "-url", url, "-server.address", "127.0.0.1", "-executor",
                         programs + "/example-executor", "-metrics.port", str(free_port()), "-principal", "snake", "-authmode",
                         "basic", "-credentials.username", "snake", "-credentials.passwordFile", str(password)], bearers,
                        subprocess.DEVNULL)
        try:
            wait_for(lambda: b"".join(relay.answered).count(b"401 Unauthorized.") >= 3, what="three refusals")
        finally:
            process.kill()
            process.wait()
        asked, answered = (b"".join(list(parts)) for parts in (relay.asked, relay.answered))
    assert asked.count(b"Authorization: " + basic("snake:hiss").encode()) >= 3
    assert answered.count(b"HTTP/1.1 401 ") >= 3 and b"HTTP/1.1 200 " not in answered
    assert answered.count(b'WWW-Authenticate: Bearer realm="mesos-master-scheduler"\r\n') >= 3
    state = bearers.master.get("/state")
    assert state["frameworks"] == state["completed_frameworks"] == []


def token(principal):
    """What the key of `bearers` signs."""
    head, claims = (base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in
                    ({"alg": "HS256", "typ": "JWT"}, {"sub": principal}))
    mac = base64.urlsafe_b64encode(hmac.new(KEY.encode(), head + b"." + claims, hashlib.sha256).digest()).rstrip(b"=")
    return b".".join((head, claims, mac)).decode()


def curl(cluster, path, *options):
    """The status of a POST in the end, and the challenges of every answer on the way."""
    done = subprocess.run(["curl", "-sS", "--noproxy", "*", "-o", "/dev/null", "-D", "-", "-w", "%{http_code}", "-d", "",
                           *options, cluster.master.url + path], timeout=60, text=True, check=True, stdout=subprocess.PIPE)
    return done.stdout.rsplit("\n", 1)[1], re.findall(r"WWW-Authenticate: (.*)", done.stdout)


def test_curl_is_told_what_is_taken(bearers):
    login, offer = ("-u", "snake:hiss"), 'Bearer realm="mesos-master-scheduler"'
    for way in "--basic", "--digest", "--anyauth":
        assert curl(bearers, "/api/v1/scheduler", way, *login) == ("401", [offer])
    wrong = curl(bearers, "/api/v1/scheduler", "--oauth2-bearer", "a.b.c")
    assert wrong == ("401", [offer + ', error="invalid_token"'])
    assert curl(bearers, "/api/v1/scheduler", "--oauth2-bearer", token("snake")) == ("415", [])  # let in, and no call


def test_curl_is_told_all_that_is_taken(bearers):
    login, offers = ("-u", "snake:hiss"), 'Basic realm="mesos-master-readwrite",Bearer realm="mesos-master-readwrite"'
    for way in ("--digest", *login), ("-u", "snake:his"), ("--anyauth", "-u", "snake:hiss2"):
        status, offered = curl(bearers, "/teardown", *way)
        assert (status, set(offered)) == ("401", {offers}), way
    assert curl(bearers, "/teardown", "--oauth2-bearer", "a.b.c") == ("401", [offers + ', error="invalid_token"'])
    assert curl(bearers, "/teardown", "--anyauth", *login) == ("400", [offers])  # it does as it was told, and names no framework
    for way in login, ("--oauth2-bearer", token("snake")):
        assert curl(bearers, "/teardown", *way) == ("400", [])
