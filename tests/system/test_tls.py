# SPDX-License-Identifier: Apache-2.0
"""TLS with real daemons and programs of others: a cluster that speaks nothing else, moving to it, and what is refused."""
import os
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile

import pytest

from cluster import Cluster, wait_for
from libprocess import Peer
from scheduler import Scheduler, command_task
from test_v0_cluster import FINISHED, Driver
from tls import Authority, TlsCluster


class TlsPeer(Peer):
    """Each subclass has the contexts of its cluster."""


def s_client(port, *args):
    """What openssl s_client says; it shows the server one line."""
    done = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{port}", *args], input=b"GET /version HTTP/1.0\r\n\r\n",
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60, check=False)
    return done.stdout.decode(errors="replace")


def curl(url, *args):
    done = subprocess.run(["curl", "-sS", "--max-time", "30", *args, url], capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stdout


def subscribed(cluster, **info):
    scheduler = Scheduler(cluster.address, **info)
    scheduler.context = getattr(cluster, "context", None)
    return scheduler.subscribe()


def finishes(scheduler, task_id, command="true"):
    """Runs a task on the next offer; the agent's id."""
    offer = scheduler.offers.get(timeout=30)
    scheduler.call("ACCEPT", accept={"offer_ids": [offer["id"]], "filters": {"refuse_seconds": 0}, "operations": [
        {"type": "LAUNCH", "launch": {"task_infos": [command_task(task_id, command, offer)]}}]})
    states = []
    while "TASK_FINISHED" not in states:
        states.append(scheduler.updates.get(timeout=60)["state"])
        assert states[-1] in ("TASK_STARTING", "TASK_RUNNING", "TASK_FINISHED"), states
    return offer["agent_id"]["value"]


@pytest.fixture(name="secured", scope="module")
def fixture_secured(tmp_path_factory):
    """Nobody comes in without a certificate."""
    made = TlsCluster(tmp_path_factory.mktemp("t"), {"slow_peer_timeout": "2secs"}, require_client_cert="true",
                      verify_ipadd="true", hostname_validation_scheme="openssl")
    try:
        yield made.start(agents=2)
        assert not made.complaints()
    finally:
        made.stop()


def test_what_certificates_do_not_keep_out_is_said(secured):
    assert "every user of this machine may start containers inside of those that run here" in secured.agents[0].log()
    assert "every user of this machine" not in secured.master.log()


def test_frameworks_of_both_kinds(secured):
    scheduler = subscribed(secured)
    finishes(scheduler, "one")
    scheduler.call("TEARDOWN")

    class Here(TlsPeer):
        tls = (Authority.server(secured.certificate), secured.context)

    driver = Driver(secured)
    driver.peer.close()
    driver.peer = Here("sched")
    driver.subscribe().registered()
    driver.run("two", command={"value": "true"})
    assert driver.until(FINISHED).task_id.value == "two"
    driver.call(2)  # TEARDOWN
    driver.peer.close()


def test_an_executor_of_others_learns_of_it(secured):
    scheduler = subscribed(secured)
    offer = scheduler.offers.get(timeout=30)
    seen_file = os.path.join(secured.directory, "seen")
    task = command_task("custom", "", offer)
    del task["command"]
    task["executor"] = {"executor_id": {"value": "e"}, "command": {"value": f"env > {seen_file}.new && mv {seen_file}.new {seen_file}; sleep 100"},
                        "resources": [{"name": "cpus", "type": "SCALAR", "scalar": {"value": 0.1}},
                                      {"name": "mem", "type": "SCALAR", "scalar": {"value": 32}}]}
    scheduler.call("ACCEPT", accept={"offer_ids": [offer["id"]], "operations": [
        {"type": "LAUNCH", "launch": {"task_infos": [task]}}]})
    wait_for(lambda: os.path.exists(seen_file), 60, "the executor's environment")
    with open(seen_file, encoding="utf-8") as f:
        seen = f.read().splitlines()
    assert "LIBPROCESS_SSL_ENABLED=true" in seen
    assert "LIBPROCESS_SSL_CERT_FILE=" + secured.certificate[0] in seen
    assert "LIBPROCESS_SSL_REQUIRE_CLIENT_CERT=true" in seen
    scheduler.call("TEARDOWN")


def test_executors_of_ours(secured):
    """They use the agent's Unix socket; where there is none, TLS. They are small because they do not link it."""
    program = secured.tree.program("mesos-executor")
    linked = subprocess.run(["ldd", program], capture_output=True, text=True, check=True).stdout
    assert "libc.so" in linked and "libssl" not in linked and "libcrypto" not in linked
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(60)
        env = {**secured._environment(), **secured.variables(), "MESOS_FRAMEWORK_ID": "f", "MESOS_EXECUTOR_ID": "e",
               "MESOS_SLAVE_PID": "slave(1)@127.0.0.1:1", "MESOS_AGENT_ENDPOINT": "127.0.0.1:%d" % listener.getsockname()[1]}
        with open(os.path.join(secured.directory, "executor.log"), "wb") as log:
            executor = subprocess.Popen([program], env=env, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            asked = b""
            context = Authority.server(secured.certificate)
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(secured.authority.cert)
            raw, _ = listener.accept()
            raw.settimeout(60)
            with context.wrap_socket(raw, server_side=True) as connection:
                while b"\r\n\r\n" not in asked:
                    more = connection.recv(4096)
                    assert more
                    asked += more
                assert connection.getpeercert()["subject"] == ((("commonName", "daemon"),),)
            assert asked.startswith(b"POST /slave(1)/api/v1/executor HTTP/1.1\r\n")
        finally:
            executor.kill()
            executor.wait()


def test_the_command_line(secured):
    done = secured.tool("execute", "--name=said", "--command=echo said over TLS", "--resources=cpus:0.1;mem:32")
    assert "TASK_FINISHED" in done.stdout + done.stderr
    assert "said over TLS" in secured.tool("cat", "said", "stdout").stdout  # of the agent, known by its address
    assert '"activated_slaves"' in secured.tool("state").stdout
    lost = secured.tool("state", f"--master=http://{secured.address}", check=False)
    assert lost.returncode == 1
    shutil.copy(Authority(os.path.join(secured.directory, "elsewhere"), "elsewhere").cert, secured.directory + "/other.pem")
    mine, secured.tool_environment = secured.tool_environment, lambda: {**mine(), "MESOS_CA_FILE": secured.directory + "/other.pem"}
    try:
        distrusted = secured.tool("state", check=False)
    finally:
        del secured.tool_environment
    assert distrusted.returncode == 1 and "certificate is not accepted" in distrusted.stderr


def test_flags_of_the_command_line(secured):
    """Before the command, and stronger than the environment and ~/.mesos."""
    env = {"PATH": os.environ["PATH"], "HOME": secured.directory, "MESOS_CA_FILE": "/no/such/file"}
    program, master = secured.tree.program("mesos"), "--master=https://" + secured.address
    own = (f"--ca_file={secured.authority.cert}", "--cert_file", secured.certificate[0], f"--key_file={secured.certificate[1]}")

    def state(*flags):
        return subprocess.run([program, *flags, "state"], env=env, text=True, timeout=60, check=False, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE)
    assert '"activated_slaves"' in state(master, *own).stdout
    assert '"activated_slaves"' in state(*own, master).stdout
    for flags, word in ((own[1:], "/no/such/file"), ((own[0], "--cert_file=/no/cert", own[3]), "/no/cert")):
        failed = state(master, *flags)
        assert failed.returncode == 1 and word in failed.stderr


def test_versions_and_verification(secured):
    own = ("-cert", secured.certificate[0], "-key", secured.certificate[1], "-CAfile", secured.authority.cert)
    for port in (secured.master.port, secured.agents[0].port):
        for version, name in (("-tls1_2", "TLSv1.2"), ("-tls1_3", "TLSv1.3")):
            said = s_client(port, version, "-verify_return_error", "-ign_eof", *own)
            assert "Verify return code: 0" in said and f"New, {name}" in said, said
        for version in ("-tls1_1", "-tls1"):
            said = s_client(port, version, "-cipher", "DEFAULT@SECLEVEL=0", *own)
            assert "HTTP/1" not in said and "Cipher is (NONE)" in said, said
        said = s_client(port, "-tls1_2", *own)
        assert "Secure Renegotiation IS supported" in said and "Compression: NONE" in said, said


def test_who_is_let_in(secured):
    url = f"https://127.0.0.1:{secured.master.port}/version"
    trust = ("--cacert", secured.authority.cert)
    stranger = Authority(os.path.join(secured.directory, "stranger"), "stranger")
    over = secured.authority.sign("over", days=0)
    assert curl(url, *trust, "--cert", secured.certificate[0], "--key", secured.certificate[1])[0] == 0
    for cert, key in (stranger.sign("guest"), over):
        code, said = curl(url, *trust, "--cert", cert, "--key", key)
        assert code and not said
    assert curl(url, *trust)[0] and curl(url.replace("https", "http"))[0]
    assert curl(url, "--cacert", stranger.cert)[0] == 60  # and curl does not trust us with another authority


def test_half_handshakes(secured):
    """Whoever begins and stops is cut off; others are served meanwhile."""
    hello = bytes.fromhex("16030100a5010000a10303")
    silent = [socket.create_connection(("127.0.0.1", secured.master.port)) for _ in range(100)]
    for i, connection in enumerate(silent):
        if i % 2:
            connection.sendall(hello)
    assert secured.master.get("/version")
    for connection in silent:
        connection.settimeout(60)
        try:
            while connection.recv(4096):
                pass
        except ConnectionError:
            pass
        connection.close()
    assert secured.master.get("/version")


def served_name(cluster):
    context = ssl.create_default_context(cafile=cluster.authority.cert)
    with socket.create_connection(("127.0.0.1", cluster.master.port), timeout=30) as raw:
        with context.wrap_socket(raw, server_hostname="127.0.0.1") as connection:
            return dict(pair[0] for pair in connection.getpeercert()["subject"])["commonName"]


def test_certificates_are_read_again(tmp_path):
    cluster = TlsCluster(tmp_path)
    try:
        cluster.master.start()
        assert served_name(cluster) == "daemon"
        stream = subscribed(cluster)
        with open(cluster.certificate[0], "w", encoding="utf-8") as f:
            f.write("no certificate")
        cluster.master.process.send_signal(signal.SIGHUP)
        wait_for(lambda: cluster.master.get("/metrics/snapshot")["configuration/reloads_failed"] >= 1, 60, "the refusal")
        assert served_name(cluster) == "daemon"
        assert "certificate" in cluster.master.log()
        for made, path in zip(cluster.authority.sign("second"), cluster.certificate):
            shutil.copy(made, path)
        cluster.master.process.send_signal(signal.SIGHUP)
        wait_for(lambda: served_name(cluster) == "second", 60, "the new certificate")
        assert not stream.ended.is_set()
        assert not cluster.complaints()
    finally:
        cluster.stop()


def test_moving_to_tls(tmp_path):
    """Plain and TLS on one port: first the master, which then has an agent of each kind, and calls each as it can."""
    cluster = TlsCluster(tmp_path, support_downgrade="true", verify_server_cert="true", verify_ipadd="true")
    try:
        cluster.master.start()
        plain = cluster.add_agent(start=False)
        for name in cluster.variables():
            del plain.env[name]
        plain.scheme, plain.opener = "http", None
        plain.start()
        cluster.wait_agents(1)
        cluster.add_agent()
        cluster.wait_agents(2)
        unsafe = Scheduler(cluster.address).subscribe()  # without TLS
        assert curl(f"http://127.0.0.1:{cluster.agents[1].port}/version")[0] == 0
        used = set()
        for i in range(60):
            used.add(finishes(unsafe, f"t{i}"))
            if len(used) == 2:
                break
        assert len(used) == 2
        assert "plain connections are taken as well" in cluster.master.log()
        assert not cluster.complaints()
    finally:
        cluster.stop()


def test_an_agent_goes_first(tmp_path):
    """A master without TLS, and an agent that may do without it."""
    cluster = TlsCluster(tmp_path, support_downgrade="true")
    try:
        for name in cluster.variables():
            del cluster.master.env[name]
        cluster.master.scheme, cluster.master.opener = "http", None
        cluster.master.start()
        cluster.add_agent()
        finishes(Scheduler(cluster.address).subscribe(), "t")
        assert curl(f"https://127.0.0.1:{cluster.agents[0].port}/version", "--cacert", cluster.authority.cert)[0] == 0
    finally:
        cluster.stop()


def test_options_mean_what_the_variables_mean(tmp_path):
    """A master that is told by its INI, an agent by flags; a file for each is in the README's chapter."""
    cluster = TlsCluster(tmp_path)
    told = {"ssl_" + name: value for name, value in cluster.tls.items()}
    try:
        cluster.add_agent(told, start=False)
        os.mkdir(tmp_path / "etc" / "mesos")
        (tmp_path / "etc" / "mesos" / "master.ini").write_text("".join(f"{name} = {value}\n" for name, value in told.items()))
        for daemon in cluster.daemons:
            for name in cluster.variables():
                del daemon.env[name]
            daemon.start()
        cluster.wait_agents(1)
    finally:
        cluster.stop()
    assert not cluster.complaints()


@pytest.mark.parametrize("variables, words", [
    ({"CERT_FILE": "/nowhere.pem"}, "/nowhere.pem': No such file"), ({"KEY_FILE": None}, "ssl_key_file"),
    ({"KEY_FILE": "CERT"}, "holds no private key"), ({"CERT_FILE": "KEY"}, "there is none in PEM form"),
    ({"ENABLE_TLS_V1_1": "true"}, "nothing older than TLS 1.2"), ({"CIPHERS": "RC4-SHA"}, "RC4-SHA"),
    ({"CA_FILE": "/nowhere.pem", "VERIFY_SERVER_CERT": "1"}, "/nowhere.pem"),
    ({"HOSTNAME_VALIDATION_SCHEME": "dns"}, "legacy|openssl"),
    ({"HOSTNAME_VALIDATION_SCHEME": "openssl", "VERIFY_SERVER_CERT": "1"}, "set ssl_verify_ipadd=true")])
def test_wrong_settings_end_the_start(tmp_path_factory, variables, words):
    cluster = Cluster(tmp_path_factory.mktemp("w"))
    authority = Authority(os.path.join(cluster.directory, "tls"))
    cert, key = authority.sign("daemon")
    variables = {name: {"CERT": cert, "KEY": key}.get(value, value) for name, value in variables.items()}
    given = {"ENABLED": "true", "CERT_FILE": cert, "KEY_FILE": key, **variables}
    cluster.master.env.update({"LIBPROCESS_SSL_" + name: value for name, value in given.items() if value})
    cluster.master.start(wait=False)
    assert cluster.master.process.wait(60) == 1
    assert words in cluster.master.log()


def test_a_key_that_others_can_read(tmp_path):
    cluster = TlsCluster(tmp_path)
    os.chmod(cluster.certificate[1], 0o644)
    try:
        cluster.master.start()
        assert "is open to others (mode 644)" in cluster.master.log()
        assert "verify_server_cert" in cluster.master.log()
    finally:
        cluster.stop()


def test_who_is_not_trusted_is_named(tmp_path):
    """By the agent that looked, by the master itself when its certificate is over, and by the command line."""
    cluster = TlsCluster(tmp_path, verify_server_cert="true")
    try:
        over = cluster.authority.sign("over", days=0)
        cluster.master.env.update({"LIBPROCESS_SSL_CERT_FILE": over[0], "LIBPROCESS_SSL_KEY_FILE": over[1]})
        cluster.master.start(wait=False)
        wait_for(lambda: "leading id=" in cluster.master.log(), 60, "the master")
        assert "the certificate has expired on 20" in cluster.master.log()
        agent = cluster.add_agent({"registration_backoff_factor": "50ms"}, start=False).start()
        wait_for(lambda: "the peer's certificate is not accepted: certificate has expired; it is tried again" in agent.log(), 60,
                 "the agent's word about it")
        env = {name: value for name, value in agent.env.items() if not name.startswith("LIBPROCESS_SSL")}
        plain = cluster.add_agent({"registration_backoff_factor": "50ms"}, start=False)
        plain.env, plain.scheme, plain.opener = env, "http", None
        plain.start()
        wait_for(lambda: "or it wants TLS (ssl_enabled)" in plain.log(), 60, "the plain agent's guess")
        done = cluster.tool("agent", "list", f"--master=127.0.0.1:{cluster.master.port}", check=False)
        assert done.returncode == 1 and "which may want https://" in done.stderr, done
    finally:
        cluster.stop()


def test_who_gives_up_root_says_what_it_cannot_read_again():
    directory = tempfile.mkdtemp(prefix="cm-")
    cluster = TlsCluster(directory, {"run_as": "nobody"})
    os.chmod(directory, 0o755)
    try:
        cluster.master.start()
        assert f"may not read '{cluster.certificate[1]}': TLS will not take what is new in it" in cluster.master.log()
        assert f"may not read '{cluster.certificate[0]}'" not in cluster.master.log()
        cluster.master.process.send_signal(signal.SIGHUP)
        wait_for(lambda: "of TLS is not taken" in cluster.master.log(), 60, "the reload")
        assert f"'{cluster.certificate[0]}': Permission denied" in cluster.master.log()
    finally:
        cluster.stop()
        shutil.rmtree(directory)


def test_a_task_is_not_told(secured):
    """The key's place is none of a task's business."""
    scheduler = subscribed(secured)
    finishes(scheduler, "blind", "test -z \"$(env | grep LIBPROCESS_SSL)\"")
    scheduler.call("TEARDOWN")
