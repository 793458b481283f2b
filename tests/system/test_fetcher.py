# SPDX-License-Identifier: Apache-2.0
"""The fetcher through a real agent: what the recorded sandboxes of an Apache agent show, every scheme against a real
server, the cache, and servers and archives that mean harm."""
import bz2
import gzip
import http.server
import io
import lzma
import os
import ssl
import stat
import subprocess
import tarfile
import tempfile
import threading
import time
import zipfile

import pytest

from cluster import Cluster, wait_for
from scheduler import TERMINAL, Scheduler, command_task


class Files(http.server.ThreadingHTTPServer):
    """A file server on loopback that counts its requests and can misbehave by path."""

    daemon_threads = True

    def __init__(self, files, context=None):
        super().__init__(("127.0.0.1", 0), Handler)
        self.files, self.requests, self.gate = files, [], threading.Event()
        self.scheme = "https" if context else "http"
        if context:
            self.socket = context.wrap_socket(self.socket, server_side=True)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def uri(self, name, credentials=""):
        return f"{self.scheme}://{credentials}127.0.0.1:{self.server_address[1]}/{name}"

    def count(self, verb, name):
        return self.requests.count((verb, "/" + name))


class Handler(http.server.BaseHTTPRequestHandler):
    def do_HEAD(self):
        self._answer(False)

    def do_GET(self):
        self._answer(True)

    def _answer(self, with_body):
        server, name = self.server, self.path[1:]
        server.requests.append((self.command, self.path))
        if name not in server.files:
            self.send_error(404)
            return
        body = server.files[name]
        self.send_response(200)
        if not name.startswith("unsized"):
            self.send_header("Content-Length", str(10 if name.startswith("liar") and not with_body else len(body)))
        self.end_headers()
        if not with_body:
            return
        if name.startswith("gated"):
            server.gate.wait(20)
        if name.startswith("stalls"):
            self.wfile.write(body[:1])
            self.wfile.flush()
            server.gate.wait(20)
            return
        self.wfile.write(body)

    def log_message(self, *args):
        pass


def tar(members, mode="w:gz"):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode) as archive:
        for name, content, perm in members:
            info = tarfile.TarInfo(name)
            info.mode = perm
            if content is None:
                info.type = tarfile.DIRTYPE
                archive.addfile(info)
            else:
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))
    return out.getvalue()


PKG = [("pkg", None, 0o755), ("pkg/dir", None, 0o755), ("pkg/dir/run.sh", b"#!/bin/sh\necho run\n", 0o755),
       ("pkg/hello.txt", b"hello\n", 0o644)]


def zipped(name, content):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        info = zipfile.ZipInfo(name)
        info.external_attr = 0o100644 << 16
        archive.writestr(info, content)
    return out.getvalue()


FILES = {"a.tar.gz": tar(PKG), "b.zip": zipped("zipped/hello.txt", "hello\n"), "c.txt.gz": gzip.compress(b"ccc"),
         "plain.txt": b"plain\n", "tool.sh": b"#!/bin/sh\necho tool\n", "broken.tar.gz": b"not an archive"}


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """One agent, its scheduler, and a directory of files."""
    base = tmp_path_factory.mktemp("fetcher")
    directory = base / "x"
    directory.mkdir()
    for name, content in FILES.items():
        (directory / name).write_bytes(content)
    os.chmod(base, 0o755)
    key, cert = base / "key.pem", base / "cert.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1",
                    "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(cert)],
                   check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    hadoop = base / "hadoop" / "bin"
    hadoop.mkdir(parents=True)
    (hadoop / "hadoop").write_text(
        "#!/bin/sh\n# stands where a Hadoop client would: the fetcher knows it by its command line only\n"
        "test \"$1\" = fs || exit 9\n"
        "case \"$2 $3\" in\n"
        f"'-copyToLocal hdfs://name/'*) test ! -e \"$4\" && cp \"{directory}/${{3#hdfs://name/}}\" \"$4\" ;;\n"
        f"'-du hdfs://name/'*) stat -c '%s  %n' \"{directory}/${{3#hdfs://name/}}\" ;;\n"
        "*) exit 255 ;;\nesac\n")
    (hadoop / "hadoop").chmod(0o755)
    cluster = Cluster(tempfile.mkdtemp(prefix="cm-"))
    os.chmod(cluster.directory, 0o755)
    cluster.master.start()
    agent = cluster.add_agent({"fetcher_cache_size": "64KB", "fetcher_stall_timeout": "3secs",
                               "hadoop_home": str(hadoop.parent), "frameworks_home": str(directory),
                               "resources": "cpus:64;mem:65536;disk:10000"}, start=False)
    agent.env = {**agent.env, "SSL_CERT_FILE": str(cert)}
    agent.start()
    cluster.wait_agents(1)
    scheduler = Scheduler(cluster.address).subscribe()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    made = World(cluster, agent, scheduler, directory, context)
    yield made
    made.close()
    complaints = cluster.complaints()
    cluster.remove()
    assert not complaints, "\n".join(complaints)


class World:
    def __init__(self, cluster, agent, scheduler, directory, context):
        self.cluster, self.agent, self.scheduler, self.context = cluster, agent, scheduler, context
        self.directory, self.number, self.servers = directory, 0, []

    def serve(self, files, tls=False):
        self.servers.append(Files(files, self.context if tls else None))
        return self.servers[-1]

    def start(self, uris, command="true", user=None):
        """Launches a task; its id."""
        self.number += 1
        name = f"fetch{self.number}"
        offer = self.scheduler.offer()
        wish = {"value": command, "uris": uris}
        if user:
            wish["user"] = user
        self.scheduler.accept(offer, [command_task(name, wish, offer)], 0)
        return name

    def run(self, uris, command="true", user=None):
        """Launches and waits: (last status, sandbox)."""
        name = self.start(uris, command, user)
        last = self.scheduler.until(name, TERMINAL)[-1]
        assert last["state"] in ("TASK_FINISHED", "TASK_FAILED"), last
        return last, self.cluster.sandbox(self.scheduler.framework_id, name)

    def file(self, name):
        return f"file://{self.directory}/{name}"

    def used(self):
        return self.agent.get("/metrics/snapshot")["containerizer/fetcher/cache_size_used_bytes"]

    def close(self):
        for server in self.servers:
            server.gate.set()
            server.shutdown()
            server.server_close()
        self.scheduler.teardown()
        self.cluster.stop()


def listing(sandbox):
    """{path: (kind, mode, size)} of a sandbox without its output files, as the recorded listings have it."""
    found = {}
    for root, directories, files in os.walk(sandbox):
        for name in directories + files:
            path = os.path.join(root, name)
            st = os.lstat(path)
            kind = "d" if stat.S_ISDIR(st.st_mode) else "f"
            found[os.path.relpath(path, sandbox)] = (kind, stat.S_IMODE(st.st_mode), 0 if kind == "d" else st.st_size)
    found.pop("stdout", None)
    found.pop("stderr", None)
    return found


def log_of(sandbox):
    with open(sandbox + "/stderr", encoding="utf-8", errors="replace") as f:
        return f.read()


def unpacked():
    return {name: ("d" if content is None else "f", perm, len(content or b"")) for name, content, perm in PKG}


def test_recorded_archives(world):
    """The listing that the Apache agent's sandbox had: archives unpacked and kept, plain files as they are."""
    last, sandbox = world.run([{"value": world.file(name)} for name in ("a.tar.gz", "b.zip", "c.txt.gz", "plain.txt")] +
                              [{"value": world.file("tool.sh"), "executable": True}], "./tool.sh && pkg/dir/run.sh")
    assert last["state"] == "TASK_FINISHED"
    size = {name: len(content) for name, content in FILES.items()}
    assert listing(sandbox) == {
        **unpacked(), "zipped": ("d", 0o755, 0), "zipped/hello.txt": ("f", 0o644, 6), "c.txt": ("f", 0o644, 3),
        "a.tar.gz": ("f", 0o644, size["a.tar.gz"]), "b.zip": ("f", 0o644, size["b.zip"]),
        "c.txt.gz": ("f", 0o644, size["c.txt.gz"]), "plain.txt": ("f", 0o644, 6), "tool.sh": ("f", 0o755, size["tool.sh"])}
    log = log_of(sandbox)
    assert "Copying instead of extracting resource from URI with 'extract' flag, because it does not seem to be an " \
           "archive: " + world.file("plain.txt") in log
    assert "Successfully fetched all URIs into '" in log


def test_recorded_choices(world):
    last, sandbox = world.run([{"value": world.file("a.tar.gz"), "extract": False},
                               {"value": world.file("plain.txt"), "output_file": "sub/renamed.txt"},
                               {"value": "tool.sh"}, {"value": str(world.directory / "plain.txt")}])
    assert last["state"] == "TASK_FINISHED"
    assert listing(sandbox) == {"a.tar.gz": ("f", 0o644, len(FILES["a.tar.gz"])), "sub": ("d", 0o755, 0),
                                "sub/renamed.txt": ("f", 0o644, 6), "plain.txt": ("f", 0o644, 6),
                                "tool.sh": ("f", 0o644, len(FILES["tool.sh"]))}


@pytest.mark.parametrize("uri, message, says", [
    ("missing.tar.gz", "Failed to launch container: Failed to fetch all URIs for container '{id}': exited with status 1",
     "No such file or directory"),
    ("broken.tar.gz", "Failed to launch container: Failed to fetch all URIs for container '{id}': exited with status 1",
     "Failed to extract archive"),
    ("zzz://host/x", "Failed to launch container: Failed to fetch all URIs for container '{id}': exited with status 1",
     "zzz://host/x"),
    ("a'b", "Failed to launch container: Could not fetch: Illegal characters in URI", ""),
    ("http://127.0.0.1:9/x", "Failed to launch container: Failed to fetch all URIs for container '{id}': exited with status 1",
     "Failed to fetch 'http://127.0.0.1:9/x'"),
])
def test_recorded_failures(world, uri, message, says):
    last, sandbox = world.run([{"value": uri if "/" in uri else world.file(uri)}])
    container = os.path.basename(os.path.realpath(sandbox))
    assert last["state"] == "TASK_FAILED"
    assert last["message"] == message.format(id=container)
    assert not says or says in log_of(sandbox)


@pytest.mark.parametrize("output_file", ["/tmp/evil", "../evil", "a/../../evil"])
def test_output_files_stay_inside(world, output_file):
    last, sandbox = world.run([{"value": world.file("plain.txt"), "output_file": output_file}])
    assert last["message"] == ("Failed to launch container: Could not fetch: URI output file must be within the sandbox "
                               "directory")
    assert not os.path.exists(os.path.join(os.path.dirname(os.path.realpath(sandbox)), "evil"))


def test_http_and_https(world):
    for tls in (False, True):
        server = world.serve(FILES, tls)
        last, sandbox = world.run([{"value": server.uri("a.tar.gz")}, {"value": server.uri("tool.sh"), "executable": True}],
                                  "./tool.sh")
        assert last["state"] == "TASK_FINISHED", log_of(sandbox)
        assert listing(sandbox) == {**unpacked(), "a.tar.gz": ("f", 0o644, len(FILES["a.tar.gz"])),
                                    "tool.sh": ("f", 0o755, len(FILES["tool.sh"]))}
        last, sandbox = world.run([{"value": server.uri("nosuch")}])
        assert "Error downloading resource, received HTTP return code 404" in log_of(sandbox)
        assert listing(sandbox) == {}


def test_https_verifies_the_server(world):
    """The certificate is for 127.0.0.1 only."""
    server = world.serve(FILES, True)
    last, sandbox = world.run([{"value": server.uri("plain.txt").replace("127.0.0.1", "localhost")}])
    assert last["state"] == "TASK_FAILED"
    assert listing(sandbox) == {}


def test_ftp(world):
    from pyftpdlib.authorizers import DummyAuthorizer
    from pyftpdlib.handlers import FTPHandler
    from pyftpdlib.servers import FTPServer
    authorizer = DummyAuthorizer()
    authorizer.add_anonymous(str(world.directory))
    authorizer.add_user("ann", "open-sesame", str(world.directory))
    handler = type("Handler", (FTPHandler,), {"authorizer": authorizer})
    server = FTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"timeout": 0.1}, daemon=True)
    thread.start()
    try:
        base = f"127.0.0.1:{server.address[1]}"
        last, sandbox = world.run([{"value": f"ftp://{base}/a.tar.gz"}, {"value": f"ftp://ann:open-sesame@{base}/plain.txt"}])
        assert last["state"] == "TASK_FINISHED", log_of(sandbox)
        assert "pkg/hello.txt" in listing(sandbox) and "plain.txt" in listing(sandbox)
        assert "open-sesame" not in log_of(sandbox)
        assert f"ftp://ann:***@{base}/plain.txt" in log_of(sandbox)
        last, sandbox = world.run([{"value": f"ftp://{base}/nosuch"}])
        assert last["state"] == "TASK_FAILED"
        last, sandbox = world.run([{"value": f"ftp://{base}/plain.txt", "cache": True}])
        assert last["state"] == "TASK_FINISHED"
        assert "from cache" in log_of(sandbox)
    finally:
        server.close_all()
        thread.join(60)


def test_the_hadoop_client(world):
    last, sandbox = world.run([{"value": "hdfs://name/a.tar.gz"}, {"value": "hdfs://name/plain.txt", "cache": True}])
    assert last["state"] == "TASK_FINISHED", log_of(sandbox)
    assert listing(sandbox) == {**unpacked(), "a.tar.gz": ("f", 0o644, len(FILES["a.tar.gz"])),
                                "plain.txt": ("f", 0o644, 6)}
    last, sandbox = world.run([{"value": "s3n://bucket/x"}])
    assert last["state"] == "TASK_FAILED"
    assert listing(sandbox) == {}


def test_the_cache_is_used(world):
    """As recorded: archives from the cache are unpacked without a copy, the second time nothing is asked of the server."""
    server = world.serve(FILES)
    uris = [{"value": server.uri("a.tar.gz"), "cache": True}, {"value": server.uri("tool.sh"), "cache": True, "executable": True},
            {"value": server.uri("c.txt.gz"), "cache": True}]
    for _ in range(3):
        last, sandbox = world.run(uris, "./tool.sh")
        assert last["state"] == "TASK_FINISHED", log_of(sandbox)
        assert listing(sandbox) == {**unpacked(), "tool.sh": ("f", 0o755, len(FILES["tool.sh"])), "c.txt": ("f", 0o644, 3)}
    for name in ("a.tar.gz", "tool.sh", "c.txt.gz"):
        assert (server.count("HEAD", name), server.count("GET", name)) == (1, 1)
    assert world.used() >= sum(len(FILES[name]) for name in ("a.tar.gz", "tool.sh", "c.txt.gz"))
    metrics = world.agent.get("/metrics/snapshot")
    assert metrics["containerizer/fetcher/cache_size_total_bytes"] == 65536


def test_one_download_for_many(world):
    server = world.serve({"gated.bin": b"g" * 1000})
    names = [world.start([{"value": server.uri("gated.bin"), "cache": True}]) for _ in range(4)]
    wait_for(lambda: server.count("GET", "gated.bin") == 1, what="the download")
    time.sleep(0.3)
    server.gate.set()
    ended = wait_for(lambda: [s for name in names for s in world.scheduler.history
                              if s["task_id"]["value"] == name and s["state"] in TERMINAL][3:] and
                     {s["state"] for s in world.scheduler.history if s["task_id"]["value"] in names and
                      s["state"] in TERMINAL}, what="all four")
    assert ended == {"TASK_FINISHED"}
    assert server.count("GET", "gated.bin") == 1


def test_a_failed_download_is_tried_again(world):
    server = world.serve({})
    assert world.run([{"value": server.uri("late"), "cache": True}])[0]["state"] == "TASK_FAILED"
    server.files["late"] = b"here now"
    last, sandbox = world.run([{"value": server.uri("late"), "cache": True}])
    assert last["state"] == "TASK_FINISHED", log_of(sandbox)


def test_room_in_the_cache(world):
    """What is too large, of unknown size, or larger than it said, goes past the cache; the rest by least recent use."""
    server = world.serve({f"part{i}": bytes([i]) * 30000 for i in range(4)} |
                         {"large": b"l" * 70000, "unsized": b"u" * 10, "liar": b"x" * 90000})
    for i in (0, 1, 0, 2):  # 2 evicts 1
        assert world.run([{"value": server.uri(f"part{i}"), "cache": True}])[0]["state"] == "TASK_FINISHED"
    assert world.run([{"value": server.uri("part0"), "cache": True}])[0]["state"] == "TASK_FINISHED"
    assert [server.count("GET", f"part{i}") for i in range(3)] == [1, 1, 1]
    assert world.run([{"value": server.uri("part1"), "cache": True}])[0]["state"] == "TASK_FINISHED"
    assert server.count("GET", "part1") == 2
    for name in ("large", "unsized", "liar"):
        for _ in range(2):
            last, sandbox = world.run([{"value": server.uri(name), "cache": True}])
            assert last["state"] == "TASK_FINISHED", log_of(sandbox)
            assert listing(sandbox)[name][2] == len(server.files[name])
        assert server.count("GET", name) == 2
    assert world.used() <= 65536
    held = sum(entry.stat().st_size for user in os.scandir(world.agent.work_dir + ".fetch") for entry in os.scandir(user))
    wait_for(lambda: sum(e.stat().st_size for u in os.scandir(world.agent.work_dir + ".fetch")
                         for e in os.scandir(u)) == world.used(), what="files to match the account")
    assert held <= 2 * 65536


@pytest.mark.skipif(os.geteuid() != 0, reason="switching users needs root")
def test_users_have_caches_of_their_own(world):
    server = world.serve({"shared": b"same URI"})
    secret = world.directory / "secret"
    secret.write_bytes(b"for root only")
    secret.chmod(0o600)
    for user in ("root", "nobody"):
        last, sandbox = world.run([{"value": server.uri("shared"), "cache": True}], user=user)
        assert last["state"] == "TASK_FINISHED", log_of(sandbox)
    assert server.count("GET", "shared") == 2
    st = os.stat(world.agent.work_dir + ".fetch/nobody")
    assert (stat.S_IMODE(st.st_mode), st.st_uid) == (0o700, 65534)
    assert os.stat(sandbox + "/shared").st_uid == 65534
    last, sandbox = world.run([{"value": world.file("secret")}], user="nobody")
    assert last["state"] == "TASK_FAILED"
    assert listing(sandbox) == {}


def test_a_server_that_stalls(world):
    server = world.serve({"stalls": b"0123456789"})
    begun = time.monotonic()
    last, sandbox = world.run([{"value": server.uri("stalls")}])
    assert last["state"] == "TASK_FAILED"
    assert time.monotonic() - begun < 15
    assert listing(sandbox) == {}


def test_a_kill_during_the_fetch(world):
    server = world.serve({"gated": b"g"})
    name = world.start([{"value": server.uri("gated"), "cache": True}])
    wait_for(lambda: server.count("GET", "gated") == 1, what="the download")
    world.scheduler.call("KILL", kill={"task_id": {"value": name}})
    assert world.scheduler.until(name, TERMINAL)[-1]["state"] in ("TASK_KILLED", "TASK_FAILED")
    server.gate.set()
    assert world.run([{"value": server.uri("gated"), "cache": True}])[0]["state"] == "TASK_FINISHED"


@pytest.mark.parametrize("members, says", [
    ([("../evil", b"x", 0o644)], "would leave the sandbox"),
    ([("ok/../../evil", b"x", 0o644)], "would leave the sandbox"),
])
def test_archives_that_escape(world, members, says):
    server = world.serve({"evil.tar.gz": tar(members)})
    last, sandbox = world.run([{"value": server.uri("evil.tar.gz")}])
    assert last["state"] == "TASK_FAILED"
    assert says in log_of(sandbox)
    assert not os.path.exists(os.path.join(os.path.dirname(os.path.realpath(sandbox)), "evil"))


def test_a_link_is_no_way_out(world, tmp_path):
    """A link from one archive, then a file behind it from another URI."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        info = tarfile.TarInfo("out")
        info.type, info.linkname = tarfile.SYMTYPE, str(tmp_path)
        archive.addfile(info)
    server = world.serve({"link.tar": out.getvalue(), "x": b"x"})
    last, sandbox = world.run([{"value": server.uri("link.tar")}, {"value": server.uri("x"), "output_file": "out/x"}])
    assert last["state"] == "TASK_FAILED", log_of(sandbox)
    assert os.listdir(tmp_path) == []


def test_a_sparse_giant(world):
    """A file of a terabyte of nothing: refused, or there without its blocks; the disk stays as it was."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        info = tarfile.TarInfo("giant")
        info.size = 0
        info.pax_headers = {"GNU.sparse.major": "0", "GNU.sparse.minor": "1", "GNU.sparse.name": "giant",
                            "GNU.sparse.size": str(1 << 60), "GNU.sparse.numblocks": "0", "GNU.sparse.map": ""}
        archive.addfile(info, io.BytesIO(b""))
    server = world.serve({"giant.tar": out.getvalue()})
    before = os.statvfs(world.cluster.directory).f_bavail
    last, sandbox = world.run([{"value": server.uri("giant.tar")}])
    st = os.statvfs(world.cluster.directory)
    assert (before - st.f_bavail) * st.f_frsize < 1 << 30
    assert last["state"] in ("TASK_FAILED", "TASK_FINISHED"), log_of(sandbox)


def test_compressed_kinds(world):
    inner = tar([("x/y.txt", b"y", 0o600)], "w")
    files = {"k.tar": inner, "k.tgz": gzip.compress(inner), "k.tbz2": bz2.compress(inner), "k.tar.bz2": bz2.compress(inner),
             "k.txz": lzma.compress(inner), "k.tar.xz": lzma.compress(inner)}
    server = world.serve(files)
    for name in files:
        last, sandbox = world.run([{"value": server.uri(name)}])
        assert last["state"] == "TASK_FINISHED", log_of(sandbox)
        assert listing(sandbox)["x/y.txt"] == ("f", 0o600, 1)


def test_an_agent_starts_with_an_empty_cache(world):
    server = world.serve({"kept": b"k"})
    assert world.run([{"value": server.uri("kept"), "cache": True}])[0]["state"] == "TASK_FINISHED"
    world.agent.kill()
    time.sleep(0.5)
    while not world.scheduler.offers.empty():
        world.scheduler.offers.get()  # none of them is good any more
    world.agent.start()
    wait_for(lambda: world.agent.get("/metrics/snapshot")["slave/registered"] == 1, what="the agent to be back")
    last, sandbox = world.run([{"value": server.uri("kept"), "cache": True}])
    assert last["state"] == "TASK_FINISHED", log_of(sandbox)
    assert server.count("GET", "kept") == 2
    assert world.used() == 1
