# SPDX-License-Identifier: Apache-2.0
"""Options, logs, limits, signals and exit codes of the installed programs."""
import glob
import json
import os
import re
import shutil
import signal
import socket
import subprocess

import pytest

from cluster import REPOSITORY, Tree, wait_for


def write(directory, path, text):
    full = os.path.join(directory, path)
    os.makedirs(os.path.dirname(full), exist_ok=True)
    with open(full, "w", encoding="utf-8") as f:
        f.write(text)
    return full


@pytest.fixture
def program(tmp_path):
    """program(name, *flags): runs it to its end with an etc directory of the test's own."""
    tree = Tree(str(tmp_path))

    def run(name, *flags, env=None, timeout=20):
        flags = [f"--etc_dir={tmp_path}/etc", f"--module_path={tree.module_path}", *flags]
        return subprocess.run([tree.program(name), *flags], env={"PATH": os.environ["PATH"], **(env or {})}, timeout=timeout,
                              text=True, stdin=subprocess.DEVNULL, capture_output=True, check=False)

    return run


@pytest.mark.parametrize("name", ["mesos-master", "mesos-agent"])
def test_help_and_version(program, name):
    said = program(name, "--help")
    assert said.returncode == 0 and said.stderr == ""
    assert said.stdout.startswith(f"Usage: {name} ")
    assert max(map(len, said.stdout.splitlines())) <= 120
    said = program(name, "--version")
    assert said.returncode == 0 and "1.11.0" in said.stdout


@pytest.mark.parametrize("flags, complaint", [
    (["--registry=memory", "--worc_dir=/x"], "--worc_dir: unknown option 'worc_dir': the nearest known name is 'work_dir'"),
    (["--registry=memory", "--port=http"], "'http' is no integer"),
    (["--registry=memory", "--require_agent_domain"], "option 'require_agent_domain' asks for what is not built yet"),
    (["--registry=memory", "--authenticate"], "give --credentials=FILE"),
    (["--registry=memory", "--zk=zk://localhost:2181"], "option 'zk': the ZooKeeper path is missing"),
    ([], "'work_dir' is required for the registry 'local'"),
    (["--registry=memory", "--authenticate_agents", "--authenticators=org_x,scram_sha256"], "give --credentials=FILE"),
])
def test_bad_flags(program, flags, complaint):
    said = program("mesos-master", *flags)
    assert said.returncode == 1
    assert complaint in said.stderr
    assert len(said.stderr.splitlines()) == 1 and said.stdout == ""


def test_modules_of_others_need_no_credentials(program, tmp_path):
    said = program("mesos-master", "--registry=memory", "--authenticate_agents", "--authenticators=org_x", "--check-config")
    assert said.returncode == 1 and "no module 'org_x' of kind authenticator" in said.stderr, said.stderr
    said = program("mesos-agent", "--master=127.0.0.1:1", f"--work_dir={tmp_path}", "--authenticatee=org_x", "--check-config")
    assert said.returncode == 1 and "no module 'org_x' of kind authenticatee" in said.stderr, said.stderr


def test_bad_files(program, tmp_path):
    write(tmp_path, "etc/mesos/master.ini", "registry = memory\n\nquorun = 1\n")
    said = program("mesos-master")
    assert said.returncode == 1
    assert "etc/mesos/master.ini:3: unknown option 'quorun'" in said.stderr
    os.unlink(tmp_path / "etc/mesos/master.ini")
    write(tmp_path, "etc/mesos-master/registri", "memory")
    said = program("mesos-master")
    assert said.returncode == 1
    assert "etc/mesos-master/registri: unknown option 'registri': the nearest known name is 'registry'" in said.stderr


def test_check_config(program, tmp_path):
    write(tmp_path, "etc/mesos/master.ini", "registry = memory\n")
    write(tmp_path, "etc/mesos-master/offer_timeout", "5mins\n")
    write(tmp_path, "etc/default/mesos-master", "CLUSTER=there\n")
    env = {"MESOS_ALLOCATION_INTERVAL": "2secs", "MESOS_SANDBOX": "/nowhere"}
    said = program("mesos-master", "--check-config", "--quiet", env=env)
    assert said.returncode == 0, said.stderr
    for line in (r"registry = memory +# ini: .*/mesos/master.ini:1", r"offer_timeout = 5mins +# file: .*/offer_timeout",
                 r"cluster = there +# etc-default: .*/default/mesos-master:1", r"quiet = true +# argv: --quiet",
                 r"allocation_interval = 2secs +# environment: MESOS_ALLOCATION_INTERVAL", r"port = 5050 +# default",
                 r"ignored, no option of mesos-master: MESOS_SANDBOX", "mesos-master: the modules are sound"):
        assert re.search("^" + line, said.stdout, re.M), f"{line}\n{said.stdout}"


@pytest.mark.parametrize("ini, complaint", [
    ("allocator = org_nowhere\n", "org_nowhere"),
    ("[modules]\norg_x = /nonexistent/libx.so\n", "/nonexistent/libx.so"),
    ("[hierarchical_drf]\nno_such_parameter = 1\n", "no_such_parameter"),
    ("[no_such_module]\na = 1\n", "no_such_module"),
])
def test_check_config_loads_modules(program, tmp_path, ini, complaint):
    write(tmp_path, "etc/mesos/master.ini", "registry = memory\n" + ini)
    said = program("mesos-master", "--check-config")
    assert said.returncode == 1
    assert complaint in said.stderr, said.stderr
    said = program("mesos-master", "--port=0", "--ip=127.0.0.1")
    assert said.returncode == 1
    assert complaint in said.stderr


@pytest.mark.parametrize("limits, complaint", [
    ('{"limits": [{"principal": "a", "qps": 1}]}', None),
    ('{"limits": [\n{"principal": "a", "qps": 1},\n]}', "line 3, column 1"),
    ('{"limits": [\n{"principal": "a", "qps": -1}]}', "limits: line 2, column 27: limits[0]: principal 'a': 'qps' must be a number above zero"),
    ('{"limit": []}', "limits: line 1, column 2: unknown member 'limit': the nearest known name is 'limits'"),
])
def test_check_config_reads_rate_limits(program, tmp_path, limits, complaint):
    write(tmp_path, "limits", limits)
    write(tmp_path, "etc/mesos/master.ini", f"registry = memory\nrate_limits = file://{tmp_path}/limits\n")
    said = program("mesos-master", "--check-config")
    assert said.returncode == (1 if complaint else 0), said.stderr
    assert not complaint or complaint in said.stderr, said.stderr


@pytest.mark.parametrize("limits, told", [
    ({"limits": [{"principal": "a", "qps": 1, "capacity": 5}, {"principal": "b"}], "aggregate_default_capacity": 5},
     ["aggregate_default_capacity means nothing without aggregate_default_qps"]),
    ({"limits": [{"principal": "a", "capacity": 5}, {"principal": "b"}]}, ["the capacity of principal a means nothing without its qps"]),
])
def test_a_capacity_that_limits_nothing_is_told(program, limits, told):
    """As Mesos's book says, it is ignored: who wrote it has meant something."""
    said = program("mesos-master", "--registry=memory", "--rate_limits=" + json.dumps(limits), "--check-config")
    assert said.returncode == 0, said.stderr
    assert [line.split("] rate limits: ")[1] for line in said.stderr.splitlines() if "means nothing" in line] == told, said.stderr


@pytest.mark.parametrize("ini, complaint", [
    ("http_authenticators = jwt\nauthenticate_http_readonly = true\n[jwt]\nkey_file = {0}/key\n", None),
    ("http_authenticators = jwt\nauthenticate_http_readonly = true\n[jwt]\nkey_file = {0}/none\n", "cannot open {0}/none"),
    ("http_authenticators = nobody\nauthenticate_http_readonly = true\n", "no module 'nobody' of kind http_authenticator"),
    ("authenticate_http_readwrite = true\n", "with --credentials (a master)"),
    ("authenticate_http_frameworks = true\nhttp_framework_authenticators = basic\ncredentials = {0}/key\n", "option 'credentials': {0}/key, line 1"),
    ("authenticate_agents = true\ncredentials = {0}/none\n", "option 'credentials': cannot open {0}/none"),
    ("authenticate_agents = true\ncredentials = {0}/key\nauthenticators =\n", "option 'authenticators' is empty"),
])
def test_check_config_reads_who_is_known(program, tmp_path, ini, complaint):
    """As the start does; and modules that ask who sends a request have parameters like all others."""
    write(tmp_path, "key", "secret\n")
    write(tmp_path, "etc/mesos/master.ini", "registry = memory\n" + ini.format(tmp_path))
    said = program("mesos-master", "--check-config")
    assert said.returncode == (1 if complaint else 0), said.stderr
    assert not complaint or complaint.format(tmp_path) in said.stderr, said.stderr


@pytest.mark.parametrize("ini, complaint", [
    ("jwt_secret_key = {0}/key\nauthenticate_http_executors = true\n", None),
    ("jwt_secret_key = {0}/none\n", "option 'jwt_secret_key': module 'jwt' of kind http_authenticator does not start: "
                                    "the key that signs tokens cannot be had: cannot open {0}/none"),
    ("authenticate_http_readonly = true\nhttp_credentials = {0}/none\n",
     "option 'http_credentials': module 'basic' of kind http_authenticator does not start: cannot open {0}/none"),
    ("credential = {0}/none\n", "option 'credential': cannot open {0}/none"),
])
def test_check_config_reads_who_an_agent_knows(program, tmp_path, ini, complaint):
    write(tmp_path, "key", "secret\n")
    write(tmp_path, "etc/mesos/agent.ini", f"master = 127.0.0.1:1\nwork_dir = {tmp_path}\n" + ini.format(tmp_path))
    said = program("mesos-agent", "--check-config")
    assert said.returncode == (1 if complaint else 0), said.stderr
    assert not complaint or complaint.format(tmp_path) in said.stderr, said.stderr


@pytest.mark.parametrize("name, ini, asked", [
    ("master", "http_framework_authenticators = basic\ncredentials = {0}/list\n", "authenticate_http_frameworks = true\n"),
    ("agent", "http_credentials = {0}/list\n", "authenticate_http_readonly = true\n"),
])
def test_what_asks_nobody_is_told(program, tmp_path, name, ini, asked):
    """Mesos passes over it; an operator takes the door for closed."""
    write(tmp_path, "list", "ops o1\n")
    more = "registry = memory\n" if name == "master" else f"master = 127.0.0.1:1\nwork_dir = {tmp_path}\n"
    for extra, told in (("", True), (asked, False)):
        write(tmp_path, f"etc/mesos/{name}.ini", more + extra + ini.format(tmp_path))
        said = program("mesos-" + name, "--check-config")
        assert said.returncode == 0, said.stderr
        assert (f"option '{ini.split()[0]}' has no effect" in said.stdout) == told, said.stdout


@pytest.mark.parametrize("name, option, value", [
    ("mesos-master", "credentials", "ops hidden\nmarathon hidden"),
    ("mesos-master", "credentials", '{"credentials": [{"principal": "ops", "secret": "hidden"}]}'),
    ("mesos-agent", "credential", '{"principal": "ops", "secret": "hidden"}'),
    ("mesos-agent", "jwt_secret_key", "hidden"),
    ("mesos-agent", "docker_config", '{"auths": {"there": {"auth": "hidden"}},}'),
])
def test_a_secret_in_the_place_of_its_file(program, tmp_path, name, option, value):
    """What an operator writes where the name of a file belongs is refused, and said nowhere."""
    path = write(tmp_path, f"etc/{name}/{option}", value + "\n")
    flags = ["--registry=memory"] if name == "mesos-master" else ["--master=127.0.0.1:1", "--work_dir=" + str(tmp_path)]
    for more in ([], ["--check-config"]):
        said = program(name, *flags, *more)
        assert said.returncode == 1
        assert f"{path}: option '{option}'" in said.stderr, said.stderr
        assert "hidden" not in said.stderr + said.stdout, said.stderr + said.stdout


@pytest.mark.parametrize("flags, complaint", [
    (["--acls=acls.json"], "'acls.json' is neither JSON nor a file's name: JSON begins with '{', and a file is named by its whole path"),
    (["--acls=file://acls.json"], "a whole path has three slashes, as in file:///acls.json"),
    (["--acls={there}"], "option 'acls': {there}: the text is no JSON object or array: line 2, column 1"),
    (["--authenticators=cram-md5", "--credentials={there}"], "no module 'cram-md5' of kind authenticator"),
    (["--authenticators=cram-md5", "--credentials={there}"], "; there are: cram_md5, scram_sha256"),
    (["--credentials=file:{there}"], "behind file: a whole path is wanted"),
])
def test_names_that_are_slips(program, tmp_path, flags, complaint):
    there = write(tmp_path, "there", "{\n,}\n")
    said = program("mesos-master", "--registry=memory", "--ip=127.0.0.1", "--port=0", *[f.replace("{there}", there) for f in flags])
    assert said.returncode == 1 and complaint.replace("{there}", there) in said.stderr, said.stderr


def test_a_master_from_files(make_cluster):
    cluster = make_cluster(agents=0)
    master = cluster.master
    etc = os.path.join(cluster.directory, "etc")
    write(etc, "mesos/master.ini", "agent_ping_timeout = 20secs\nweights = a=1\n")
    write(etc, "mesos-master/?no-root_submissions", "")
    write(etc, "mesos-master/max_completed_frameworks", "7")
    master.stop()
    assert master.process.returncode == 0
    master.start()
    flags = master.get("/flags")["flags"]
    assert flags["agent_ping_timeout"] == "20secs"
    assert flags["root_submissions"] == "false"
    assert flags["max_completed_frameworks"] == "7"
    assert flags["weights"] == "a=1"
    assert master.get("/state")["cluster"] == "test"


def test_port_in_use(make_cluster, program):
    cluster = make_cluster(agents=0)
    said = program("mesos-master", "--registry=memory", "--ip=127.0.0.1", f"--port={cluster.master.port}")
    assert said.returncode == 1
    assert str(cluster.master.port) in said.stderr and "in use" in said.stderr


def test_log_files(make_cluster, tmp_path):
    logs = str(tmp_path / "logs")
    cluster = make_cluster(agents=0, master_flags={"log_dir": logs, "quiet": True})
    master = cluster.master
    wait_for(lambda: os.path.exists(logs + "/mesos-master.INFO"), what="a log file")
    name = os.readlink(logs + "/mesos-master.INFO")
    assert re.fullmatch(r"mesos-master\.[^/]+\.[^/.]+\.log\.INFO\.\d{8}-\d{6}\.%d" % master.process.pid, name)
    with open(os.path.join(logs, name), encoding="utf-8") as f:
        lines = f.read().splitlines()
    assert lines[0].startswith("Log file created at: ")
    assert lines[2] == "Log line format: [IWEF]mmdd hh:mm:ss.uuuuuu threadid file:line] msg"
    assert all(re.match(r"[IWEF]\d{4} \d\d:\d\d:\d\d\.\d{6} +\d+ [\w.]+:\d+\] ", line) for line in lines[3:])
    assert re.search(r"created at", master.get("/files/read?path=/master/log&offset=0&length=40")["data"])
    assert not [line for line in master.log().splitlines() if line.startswith("I")]
    master.stop()
    with open(os.path.join(logs, name), encoding="utf-8") as f:
        assert "signal TERM" in f.read()
    assert len(glob.glob(logs + "/*.log.INFO.*")) == 1


def test_logging_level(make_cluster, tmp_path):
    logs = str(tmp_path / "logs")
    cluster = make_cluster(agents=0, master_flags={"log_dir": logs, "logging_level": "WARNING"})
    assert os.path.exists(logs + "/mesos-master.WARNING")
    assert not os.path.exists(logs + "/mesos-master.INFO")
    assert not [line for line in cluster.master.log().splitlines() if line.startswith("I")]


def test_external_log_file(make_cluster, tmp_path):
    log = write(tmp_path, "supervisor.log", "from outside\n")
    cluster = make_cluster(agents=0, master_flags={"external_log_file": "file://" + log})
    assert cluster.master.get("/files/read?path=/master/log&offset=0&length=100")["data"] == "from outside\n"


def test_limits(make_cluster):
    cluster = make_cluster(agents=0, master_flags={"ulimit": "-n 4321"})
    with open(f"/proc/{cluster.master.process.pid}/limits", encoding="utf-8") as f:
        assert re.search(r"^Max open files +4321 +4321 ", f.read(), re.M)


def test_readiness_is_told(program, tmp_path):
    tree = Tree(str(tmp_path))
    path = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
        notify.bind(path)
        notify.settimeout(20)
        with subprocess.Popen([tree.program("mesos-master"), "--registry=memory", "--port=0", "--ip=127.0.0.1", "--quiet",
                               f"--etc_dir={tmp_path}", f"--module_path={tree.module_path}"],
                              env={"PATH": os.environ["PATH"], "NOTIFY_SOCKET": path}) as master:
            try:
                assert notify.recv(1000).splitlines()[0] == b"READY=1"
            finally:
                master.terminate()
            assert b"STOPPING=1" in iter(lambda: notify.recv(1000).splitlines()[0], b"")
            assert master.wait(60) == 0


def test_usr1_unregisters_an_agent(make_cluster):
    cluster = make_cluster()
    agent = cluster.agents[0]
    agent.process.send_signal(signal.SIGUSR1)
    assert agent.process.wait(60) == 0
    wait_for(lambda: not [a for a in cluster.master.get("/slaves")["slaves"] if a["active"]], what="the agent to be gone")


@pytest.mark.parametrize("name, row_program, aside", [
    ("mesos-executor", "mesos-executor (command executor)", {}),
    ("mesos", "mesos-execute", {}),
    ("mesos", "mesos-resolve", {}),
])
def test_flags_of_other_programs(tmp_path, name, row_program, aside):
    """Each row of the table of other programs' flags is in the program's help, or is listed with the reason."""
    arguments = [] if name != "mesos" else [row_program.split("-")[1]]
    said = subprocess.run([Tree(str(tmp_path)).program(name), *arguments, "--help"], capture_output=True, text=True,
                          stdin=subprocess.DEVNULL, timeout=20, check=False, env={"PATH": os.environ["PATH"]})
    assert said.returncode == 0, said.stderr
    with open(os.path.join(REPOSITORY, "tests/facts/flags-other.tsv"), encoding="utf-8") as f:
        rows = [line.split("\t") for line in f.read().splitlines()]
    flags = [row[1] for row in rows if row[0] == row_program]
    assert flags
    missing = [flag for flag in flags if not re.search(rf"--(\[no-\])?{flag}\b", said.stdout) and flag not in aside]
    assert not missing


def test_one_line_replaces_the_allocator(make_cluster, tmp_path):
    """The example is built outside the tree with nothing but pkg-config; one line of master.ini selects it."""
    prefix = os.environ.get("CMESOS_PREFIX")
    if not prefix:
        pytest.skip("needs an installed prefix (CMESOS_PREFIX, which contrib/check sets)")
    source = tmp_path / "example"
    shutil.copytree(os.path.join(REPOSITORY, "module-api/example"), source)
    env = {"PATH": os.environ["PATH"], "PKG_CONFIG_PATH": prefix + "/lib/pkgconfig"}
    subprocess.run(["make", "-s"], cwd=source, env=env, check=True, timeout=60)
    cluster = make_cluster(agents=0)
    write(cluster.directory, "etc/mesos/master.ini", "allocator = org_example_lottery\n")
    cluster.master.stop()
    cluster.master.argv = [f"{flag}:{source}" if flag.startswith("--module_path=") else flag for flag in cluster.master.argv]
    cluster.master.start()
    cluster.add_agent()
    assert re.search(r"allocator module org_example_lottery .*/example/", cluster.master.log())
    said = cluster.tool("execute", "--name=drawn", "--command=echo drawn by lot", "--resources=cpus:0.1;mem:32")
    assert said.returncode == 0
    assert cluster.tool("cat", "drawn", "stdout").stdout == "drawn by lot\n"
