# SPDX-License-Identifier: Apache-2.0
"""Debian's Prometheus, unmodified: promtool on the page, the rules and their histories; a server that scrapes a master and an
agent, evaluates every rule and every query of the dashboard, and fires when the master has gone."""
import json
import os
import re
import shutil
import subprocess
import time
import urllib.parse
import urllib.request

import pytest

from cluster import REPOSITORY, free_port, wait_for
from scheduler import Scheduler, command_task

MONITORING = os.path.join(REPOSITORY, "contrib", "monitoring")


def promtool(*args, data=None):
    done = subprocess.run(["promtool", *args], input=data, text=True, timeout=60, check=False, cwd=MONITORING,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    return done.returncode, done.stdout


def test_rules_and_their_histories():
    for args in (("check", "rules", "alerts.yml"), ("test", "rules", "alerts_test.yml"), ("check", "config", "prometheus.yml")):
        code, out = promtool(*args)
        assert code == 0, out


class Server:
    def __init__(self, directory, targets):
        self.port = free_port()
        rules = os.path.join(directory, "alerts.yml")
        with open(os.path.join(MONITORING, "alerts.yml"), encoding="utf-8") as f:
            text = f.read()
        with open(rules, "w", encoding="utf-8") as f:
            f.write(re.sub(r"(?m)^( *)for: .*$", r"\1for: 0s", text))  # nobody waits minutes here
        config = os.path.join(directory, "prometheus.yml")
        with open(config, "w", encoding="utf-8") as f:
            json.dump({"global": {"scrape_interval": "1s", "evaluation_interval": "1s"}, "rule_files": [rules],
                       "scrape_configs": [{"job_name": job, "static_configs": [{"targets": [address]}]}
                                          for job, address in targets.items()]}, f)
        with open(os.path.join(directory, "prometheus.log"), "wb") as log:
            self.process = subprocess.Popen(
                ["prometheus", f"--config.file={config}", f"--storage.tsdb.path={directory}/tsdb",
                 f"--web.listen-address=127.0.0.1:{self.port}"], stdout=log, stderr=subprocess.STDOUT)

    def ask(self, path, **params):
        url = f"http://127.0.0.1:{self.port}/api/v1/{path}?{urllib.parse.urlencode(params)}"
        with urllib.request.urlopen(url, timeout=10) as answer:
            told = json.load(answer)
        assert told["status"] == "success", told
        return told["data"]

    def try_ask(self, path, **params):
        try:
            return self.ask(path, **params)
        except OSError:
            return None

    def query(self, text):
        return self.ask("query", query=text)["result"]

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


@pytest.fixture
def scraped(make_cluster):
    cluster = make_cluster(master_flags={"allocation_interval": "50ms"})
    scheduler = Scheduler(cluster.address, name="watched", roles=["web"], principal="someone").subscribe()
    scheduler.run("done", "true")
    offer = scheduler.offer()
    scheduler.accept(offer, [command_task("huge", "true", offer, cpus=10000)])
    scheduler.until("huge", {"TASK_ERROR"})
    offer = scheduler.offer()
    scheduler.accept(offer, [command_task("running", "sleep 100", offer)])
    scheduler.until("running", {"TASK_RUNNING"})
    directory = os.path.join(cluster.directory, "prometheus")
    os.mkdir(directory)
    server = Server(directory, {"mesos-master": cluster.address, "mesos-agent": cluster.agents[0].url[7:]})
    try:
        wait_for(lambda: server.try_ask("query", query="sum(up) == 2") and server.query("sum(up) == 2"), timeout=40,
                 what="two targets that are up")
        yield cluster, scheduler, server
    finally:
        server.stop()
        shutil.rmtree(directory, ignore_errors=True)


def test_page(scraped):
    cluster, _, server = scraped
    for daemon in (cluster.master, cluster.agents[0]):
        with urllib.request.urlopen(daemon.url + "/metrics", timeout=10) as answer:
            code, out = promtool("check", "metrics", data=answer.read().decode())
        assert code == 0 and not out.strip(), out
    for target in server.ask("targets")["activeTargets"]:
        assert target["health"] == "up" and target["lastError"] == "", target
    assert server.ask("metadata", metric="mesos_master_tasks")["mesos_master_tasks"][0]["type"] == "gauge"
    assert server.query('mesos_framework_tasks{framework="watched",state="running"}')[0]["value"][1] == "1"


def expressions():
    with open(os.path.join(MONITORING, "dashboard.json"), encoding="utf-8") as f:
        panels = json.load(f)["panels"]
    return [target["expr"] for panel in panels for target in panel.get("targets", [])]


def test_dashboard_and_rules(scraped):
    cluster, scheduler, server = scraped
    queries = expressions()
    assert len(queries) >= 40
    time.sleep(2.5)  # rates want two scrapes
    for text in queries:
        text = text.replace("$__rate_interval", "1m").replace("$instance", ".*")
        assert wait_for(lambda t=text: server.query(t), timeout=10, what=text)

    def evaluated():
        groups = server.ask("rules")["groups"]
        return groups and all(r["health"] == "ok" for g in groups for r in g["rules"]) and groups
    groups = wait_for(evaluated, what="all rules evaluated")
    firing = {r["name"] for g in groups for r in g["rules"] if r["state"] == "firing"}
    assert not firing & {"MesosNoLeader", "MesosMasterDown", "MesosNoAgents", "MesosTasksLost"}, firing
    names = {n for n in re.findall(r"\b(?:mesos|process)_\w+", " ".join(r["query"] for g in groups for r in g["rules"]))}
    assert not [n for n in names if not server.query(n)], "rules on metrics that nobody has"
    scheduler.disconnect()
    cluster.master.kill()
    wanted = {"MesosNoLeader", "MesosMasterDown"}
    wait_for(lambda: wanted <= {a["labels"]["alertname"] for a in server.ask("alerts")["alerts"] if a["state"] == "firing"},
             timeout=30, what="the alerts")
    cluster.master.start()
    wait_for(lambda: not wanted & {a["labels"]["alertname"] for a in server.ask("alerts")["alerts"]}, timeout=30,
             what="the end of the alerts")
