# SPDX-License-Identifier: Apache-2.0
"""What a master that does not lead answers: 307 to the one that does, as recorded with ZooKeeper, or 503 when none does."""
import http.client
import tempfile

import pytest

from cluster import wait_for
from elected import Masters


@pytest.fixture(scope="module")
def masters():
    made = Masters(tempfile.mkdtemp(prefix="cm-"), 2).start()
    yield made
    made.stop()


def ask(master, method, path, body=None, headers=None):
    connection = http.client.HTTPConnection("127.0.0.1", master.port, timeout=5)
    connection.request(method, path, body, headers or {})
    answer = connection.getresponse()
    found = answer.status, answer.getheader("Location"), answer.read()
    connection.close()
    return found


def test_nobody_leads(masters):
    masters.lead(None)
    for master in masters.masters:
        assert ask(master, "GET", "/state") == (503, None, b"No leader elected")
        assert ask(master, "GET", "/master/redirect")[0] == 503
        assert ask(master, "GET", "/health")[0] == 200
        assert master.get("/metrics/snapshot")["master/elected"] == 0


def test_the_others_point_at_the_leader(masters):
    masters.lead(0)
    masters.elected(0)
    leader, other = masters.masters
    base = f"//localhost:{leader.port}"
    wait_for(lambda: ask(other, "GET", "/state")[0] == 307, what="the redirect")
    # As recorded: always with /master/..., the query kept, the body not looked at.
    for path, to in (("/state", "/master/state"), ("/master/state", "/master/state"),
                     ("/state?jsonp=x", "/master/state?jsonp=x"), ("/slaves?slave_id=a&jsonp=b", "/master/slaves?slave_id=a&jsonp=b"),
                     ("/tasks", "/master/tasks"), ("/frameworks/", "/master/frameworks")):
        assert ask(other, "GET", path) == (307, base + to, b"")
    assert ask(other, "POST", "/api/v1", "garbage", {"Content-Type": "application/json"}) == (307, base + "/master/api/v1", b"")
    assert ask(other, "POST", "/api/v1/scheduler", "garbage")[:2] == (307, base + "/master/api/v1/scheduler")
    assert ask(other, "GET", "/master/redirect") == (307, base, b"")
    assert ask(leader, "GET", "/master/redirect") == (307, base, b"")
    assert ask(other, "HEAD", "/master/redirect")[:2] == (307, base)
    for own in ("/health", "/version", "/metrics/snapshot", "/flags", "/help"):
        assert ask(other, "GET", own)[0] == 200
    assert ask(leader, "GET", "/state")[0] == 200


def test_a_query_cannot_forge_headers(masters):
    masters.lead(0)
    masters.elected(0)
    status, location, _ = ask(masters.masters[1], "GET", "/state?x=%0d%0aSet-Cookie:%20a")
    assert status == 307 and "\r" not in location and "Set-Cookie: a" not in location
