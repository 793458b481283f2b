# SPDX-License-Identifier: Apache-2.0
"""Checks of command tasks on a real cluster: https and redirects through the helper, and commands that mean no good."""
import os
import subprocess
import time

import pytest

from cluster import free_port, wait_for
from scheduler import Scheduler, command_task

HEALTH = "REASON_TASK_HEALTH_CHECK_STATUS_UPDATED"
CHECK = "REASON_TASK_CHECK_STATUS_UPDATED"

SERVER = """
import http.server, ssl, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(301 if self.path == "/moved" else 418)
        self.send_header("Location", "https://127.0.0.1:%d/here" % self.server.server_port)
        self.send_header("Content-Length", "0")
        self.end_headers()
server = http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[2])
server.socket = context.wrap_socket(server.socket, server_side=True)
server.serve_forever()
"""


def launch(scheduler, task_id, command, **more):
    offer = scheduler.offer()
    scheduler.accept(offer, [command_task(task_id, command, offer, **more)])


def wait_status(scheduler, predicate, timeout=20):
    return wait_for(lambda: next((s for s in scheduler.history if predicate(s)), None), timeout,
                    f"a status; there were {scheduler.history}")


@pytest.mark.parametrize("path", ["/straight", "/moved"])
def test_https_without_a_known_certificate(cluster, scheduler, path):
    """418 of whoever answers, redirects followed, is an answer, and one of the ill."""
    port, program = free_port(), os.path.join(cluster.directory, "server.py")
    certificate = os.path.join(cluster.directory, "certificate.pem")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=nobody",
                    "-keyout", certificate, "-out", certificate + ".crt"], check=True, stderr=subprocess.DEVNULL)
    with open(certificate, "a", encoding="utf-8") as whole, open(certificate + ".crt", encoding="utf-8") as crt:
        whole.write(crt.read())
    with open(program, "w", encoding="utf-8") as f:
        f.write(SERVER)
    launch(scheduler, "tls", f"exec /usr/bin/python3 {program} {port} {certificate}", health_check={
        "type": "HTTP", "http": {"port": port, "path": path, "scheme": "https"}, "delay_seconds": 1,
        "interval_seconds": 0.3, "grace_period_seconds": 0, "consecutive_failures": 100})
    status = wait_status(scheduler, lambda s: s.get("reason") == HEALTH)
    assert status["healthy"] is False
    with open(os.path.join(cluster.sandbox(scheduler.framework_id, "tls"), "stderr"), encoding="utf-8") as log:
        assert "it gave 418" in log.read()


def test_checks_that_hang_and_leave_children(cluster, scheduler):
    launch(scheduler, "busy", "sleep 300", health_check={
        "type": "COMMAND", "command": {"value": "sleep 1001 & setsid sleep 1002 & sleep 1003"}, "delay_seconds": 0,
        "interval_seconds": 0.1, "timeout_seconds": 0.3, "grace_period_seconds": 0, "consecutive_failures": 2})
    last = wait_status(scheduler, lambda s: s["state"] == "TASK_KILLED")
    assert last["healthy"] is False
    assert [s["healthy"] for s in scheduler.history if s.get("reason") == HEALTH] == [False, False]
    wait_for(lambda: not cluster.leftovers(), what="everything to go with the task")


def test_what_a_check_prints_is_not_the_tasks_output(cluster, scheduler):
    launch(scheduler, "talk", "echo mine; sleep 300", check={
        "type": "COMMAND", "command": {"command": {"value": "yes no | head -c 100000; cat; exit 3"}},
        "delay_seconds": 0, "interval_seconds": 60, "timeout_seconds": 5})
    status = wait_status(scheduler, lambda s: s.get("reason") == CHECK)
    assert status["check_status"]["command"] == {"exit_code": 3}
    sandbox = cluster.sandbox(scheduler.framework_id, "talk")
    with open(os.path.join(sandbox, "stdout"), encoding="utf-8") as out:
        assert "no\n" not in out.read()


def test_checks_go_on_while_the_agent_is_away(cluster):
    scheduler = Scheduler(cluster.address, checkpoint=True, failover_timeout=600).subscribe()
    launch(scheduler, "long", "sleep 300", check={
        "type": "COMMAND", "command": {"command": {"value": "exit $(cat verdict 2>/dev/null || echo 0)"}},
        "delay_seconds": 0, "interval_seconds": 0.1})
    wait_status(scheduler, lambda s: s.get("check_status", {}).get("command") == {"exit_code": 0})
    cluster.agents[0].kill()
    with open(os.path.join(cluster.sandbox(scheduler.framework_id, "long"), "verdict"), "w", encoding="utf-8") as f:
        f.write("9")
    time.sleep(0.5)
    cluster.agents[0].start()
    status = wait_status(scheduler, lambda s: s.get("check_status", {}).get("command") == {"exit_code": 9}, 60)
    assert status["state"] == "TASK_RUNNING"
    scheduler.teardown()
