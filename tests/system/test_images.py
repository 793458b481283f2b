# SPDX-License-Identifier: Apache-2.0
"""Containers with images: pulled, put together, run as they say, and gone; and what servers and archives may try."""
import base64
import glob
import gzip
import hashlib
import json
import os
import shutil
import signal
import subprocess
import tarfile
import tempfile
import time
import urllib.request

import pytest

import cgroups
from agent_api import AgentApi
from cluster import Cluster, free_port, wait_for
from images import (Image, Registry, archive, busybox_layer, certificate, directory, link, member, sha256)
from scheduler import Scheduler, command_task, group_operation, scalar
from seals import assert_sealed

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="images need root")

ISOLATION = "filesystem/linux,docker/runtime,appc/runtime"
ENDS = ["TASK_FINISHED", "TASK_FAILED", "TASK_ERROR", "TASK_LOST", "TASK_KILLED"]
BASE = busybox_layer(member("etc/secret", b"hidden\n"), directory("old"), member("old/below", b"x"),
                     member("etc/setuid", b"#!/bin/sh\n", mode=0o4755), member("etc/owned", b"", uid=4242, gid=4243))
TOP = archive(member("etc/.wh.secret"), directory("old"), member("old/.wh..wh..opq"), member("old/above", b"y"),
              member("hello", b"hello from the image\n"),
              member("same", type=b"1", linkname="hello"))


def docker(name, **more):
    return {"type": "DOCKER", "docker": {"name": name, **more}}


def with_image(image, **more):
    return {"type": "MESOS", "mesos": {"image": image}, **more}


class Box:
    """A cluster whose agent provides images."""

    def __init__(self, name, environment=None, **flags):
        self.groups = cgroups.Run(name)
        where = tempfile.mkdtemp(prefix="cm-")
        os.chmod(where, 0o755)
        self.cluster = Cluster(where)
        self.store = os.path.join(where, "store")
        self.count = 0
        try:
            self.cluster.master.start()
            self.agent = self.cluster.add_agent({
                "isolation": ISOLATION, "launcher": "linux", "cgroups_root": self.groups.root,
                "image_providers": "docker,appc", "docker_store_dir": self.store,
                "appc_store_dir": os.path.join(where, "appc"), **flags}, start=False)
            self.agent.env.update(environment or {})
            self.agent.start()
            self.cluster.wait_agents(1)
            self.api = AgentApi(self.agent)
            self.scheduler = Scheduler(self.cluster.address, checkpoint=True, failover_timeout=1000).subscribe()
        except BaseException:
            print(self.cluster.dump())
            self.cluster.stop()
            raise

    def offer(self):
        offers = [self.scheduler.offer()]
        while not self.scheduler.offers.empty():
            offers.append(self.scheduler.offer())
        offers.sort(key=lambda o: max(r["scalar"]["value"] for r in o["resources"] if r["name"] == "mem"))
        for offer in offers[:-1]:
            self.scheduler.decline(offer)
        return offers[-1]

    def accept(self, image, command, task_id=None, container=None, **more):
        self.count += 1
        task_id = task_id or f"task{self.count}"
        offer = self.offer()
        self.scheduler.accept(offer, [command_task(task_id, command, offer,
                                                   container=container or with_image(image), **more)])
        return task_id

    def run(self, image, command, state="TASK_FINISHED", timeout=30, **more):
        """Runs it to its end; what it wrote, or the message of its failure."""
        task_id = self.accept(image, command, **more)
        status = self.scheduler.until(task_id, ENDS, timeout)[-1]
        assert status["state"] == state, (status, state == "TASK_FAILED" or self.output(task_id, "stderr"))
        return self.output(task_id) if state == "TASK_FINISHED" else status["message"]

    def start(self, image, command, **more):
        task_id = self.accept(image, command, **more)
        self.scheduler.until(task_id, ["TASK_RUNNING"])
        return task_id

    def kill(self, task_id):
        self.scheduler.kill(task_id)
        self.scheduler.until(task_id, ENDS)

    def output(self, executor_id, name="stdout"):
        path = os.path.join(self.cluster.sandbox(self.scheduler.framework_id, executor_id), name)
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()

    def restart(self, environment=None):
        self.agent.kill()
        self.agent.env.update(environment or {})
        self.agent.start()
        wait_for(lambda: self.agent.get("/metrics/snapshot").get("slave/registered") == 1, 20, "the agent to register")

    def layers(self):
        return {name for name in os.listdir(os.path.join(self.store, "layers"))}

    def provisioned(self):
        return glob.glob(os.path.join(self.agent.work_dir, "provisioner", "containers", "*"))

    def mounts(self):
        with open("/proc/self/mountinfo", encoding="utf-8") as table:
            return [line for line in table if os.path.join(self.cluster.directory, "agent1", "provisioner") in line]

    def nothing_left(self):
        wait_for(lambda: not self.provisioned(), 20, "root file systems to go")
        assert self.mounts() == []
        for store in (self.store, os.path.join(self.cluster.directory, "appc")):
            for place in ("staging", "gc"):
                assert not os.path.exists(os.path.join(store, place)) or os.listdir(os.path.join(store, place)) == []

    def close(self):
        try:
            self.scheduler.teardown()
            self.nothing_left()
        finally:
            self.cluster.stop()
            for line in reversed(self.mounts()):
                subprocess.run(["umount", "-l", line.split()[4]], check=False)
            with open("/proc/self/mountinfo", encoding="utf-8") as table:
                own = [line.split()[4] for line in table if self.cluster.directory in line]
            for point in reversed(own):
                subprocess.run(["umount", "-l", point], check=False)
        assert not self.cluster.complaints()
        self.groups.end()
        self.cluster.remove()


@pytest.fixture(scope="module")
def images():
    """The images of the registry."""
    return {
        "both": Image([BASE, TOP], {"Entrypoint": ["/bin/echo", "entry"], "Cmd": ["cmd"], "WorkingDir": "/old",
                                    "Env": ["PATH=/bin", "IMAGE=yes", "MESOS_SANDBOX=/nowhere"]}),
        "cmd": Image([BASE], {"Cmd": ["/bin/echo", "cmd", "more"], "Env": ["PATH=/bin"]}),
        "entry": Image([BASE], {"Entrypoint": ["/bin/echo", "entry"], "User": "imageuser"}),
        "none": Image([BASE]),
    }


@pytest.fixture(scope="module")
def registry(images):
    made = Registry()
    for name, image in images.items():
        made.add("test/" + name, image)
    yield made
    made.close()


@pytest.fixture(scope="module")
def private(tmp_path_factory):
    """Over TLS, and with tokens."""
    where = tmp_path_factory.mktemp("tls")
    made = Registry(tls=certificate(str(where)), login="user:pass:word")
    made.authority = str(where / "cert.pem")
    made.add("team/app", Image([BASE, TOP]))
    made.add("team/other", Image([BASE]))
    yield made
    made.close()


def auths(registry, login):
    return {"auths": {registry.host: {"auth": base64.b64encode(login.encode()).decode()}}}


@pytest.fixture(scope="module")
def box(registry, private):
    made = Box("images", {"SSL_CERT_FILE": private.authority}, docker_registry=registry.url,
               docker_config=json.dumps(auths(private, "user:pass:word")))
    yield made
    made.close()


# ---- what a task sees ----

def test_files_of_the_image(box):
    out = box.run(docker("test/both"), "cat /hello; ls /etc /old; stat -c '%a %u %g %h %n' /etc/setuid /etc/owned /same; "
                  "cat $MESOS_SANDBOX/stdout | wc -l; pwd; test -e /etc/secret || echo hidden; touch /new && echo writable")
    lines = out.splitlines()
    assert lines[0] == "hello from the image"
    assert "secret" not in lines and "below" not in lines and "above" in lines
    assert "4755 0 0 1 /etc/setuid" in lines and "644 4242 4243 1 /etc/owned" in lines
    assert "644 0 0 2 /same" in lines
    assert lines[-3:] == ["/old", "hidden", "writable"]


EVIL = b"""#!/bin/sh
helper=/proc/$PPID/exe
readlink $helper
exec 3<$helper && echo found
for way in $helper /proc/self/fd/3; do (echo evil > $way) 2>/dev/null && echo WRITTEN $way; done
echo tried
exec sleep 1000
"""


def test_an_image_cannot_overwrite_the_helper(box, registry):
    """Neither by a program that writes to the one that began it, nor by one that has the helper run itself inside of the image."""
    registry.add("test/evil", Image([BASE, archive(member("evil", EVIL, mode=0o755))], {"Entrypoint": ["/evil"], "Env": ["PATH=/bin"]}))
    registry.add("test/itself", Image([BASE, archive(member("itself", b"#!/proc/self/exe\n", mode=0o755), link("link", "/proc/self/exe"))],
                                      {"Entrypoint": ["/itself"]}))
    box.api.launch(("evil",), {"shell": False}, container=with_image(docker("test/evil")))

    def said():
        with open(os.path.join(box.agent.work_dir, "containers", "evil", "stdout"), encoding="utf-8") as file:
            return file.read()
    wait_for(lambda: "tried" in said(), 60, "the attempts")
    assert said().split("\n")[:3] == ["/memfd:mesos-containerizer (deleted)", "found", "tried"], said()
    assert_sealed(box.api, "evil")
    box.api.kill(("evil",))
    box.api.wait(("evil",))
    for name, command in (("itself", {"shell": False}), ("link", {"shell": False, "value": "/link"})):
        box.api.launch((name,), command, container=with_image(docker("test/itself")))
        assert box.api.wait((name,))["exit_status"] != 0
    for name in ("evil", "itself", "link"):
        box.api.remove((name,))
    assert box.run(docker("test/none"), "echo fine") == "fine\n"


@pytest.mark.parametrize("link", [False, True])
def test_a_fetched_archive_does_not_replace_programs_of_the_image(box, tmp_path, link):
    """bin/sh in the archive is the sandbox's, and a link to the root leads the fetcher nowhere."""
    evil = tmp_path / "evil"
    (evil / "bin").mkdir(parents=True)
    (evil / "bin" / "sh").write_text("#!/bin/cat\n", encoding="ascii")
    os.chmod(evil / "bin" / "sh", 0o755)
    archive = tmp_path / "evil.tar"
    with tarfile.open(archive, "w") as out:
        if link:
            entry = tarfile.TarInfo("out")
            entry.type, entry.linkname = tarfile.SYMTYPE, "/"
            out.addfile(entry)
        out.add(evil / "bin" / "sh", "out/bin/sh" if link else "bin/sh")
    before = os.stat("/bin/sh").st_ino, os.stat("/bin/sh").st_size
    uris = [{"value": str(archive), "extract": True}]
    if link:
        message = box.run(docker("test/both"), {"value": "true", "uris": uris}, "TASK_FAILED")
        assert "fetch" in message.lower() or "extract" in message.lower(), message
    else:
        out = box.run(docker("test/both"), {"value": "echo still; ls $MESOS_SANDBOX/bin", "uris": uris})
        assert out.split() == ["still", "sh"]
    assert box.run(docker("test/both"), "echo intact").strip() == "intact"
    assert (os.stat("/bin/sh").st_ino, os.stat("/bin/sh").st_size) == before


def test_a_store_that_others_may_exchange_is_refused(registry, tmp_path):
    open_to_all = tmp_path / "open"
    open_to_all.mkdir()
    os.chmod(open_to_all, 0o777)
    made = Box("unsafe", docker_registry=registry.url, docker_store_dir=str(open_to_all / "store"))
    try:
        message = made.run(docker("test/both"), "true", "TASK_FAILED")
        assert f"others may exchange '{open_to_all}'" in message, message
    finally:
        made.close()


@pytest.mark.parametrize("name,command,expected", [
    ("both", {"shell": False}, "entry cmd"),
    ("both", {"shell": False, "arguments": ["a", "b"]}, "entry a b"),
    ("both", {"shell": False, "value": "/bin/echo", "arguments": ["echo", "own"]}, "own"),
    ("both", {"value": "echo shell"}, "shell"),
    ("cmd", {"shell": False}, "cmd more"),
    ("cmd", {"shell": False, "arguments": ["a"]}, "a"),
    ("entry", {"shell": False}, "entry"),
    ("none", {"shell": False}, None),
])
def test_table_of_commands(box, name, command, expected):
    if expected is None:
        assert "No executable is found" in box.run(docker("test/" + name), command, "TASK_FAILED")
    else:
        assert box.run(docker("test/" + name), command) == expected + "\n"


def test_environment(box):
    out = box.run(docker("test/both"), {"value": "echo $IMAGE $OWN $PATH; echo $MESOS_SANDBOX; cat $MESOS_SANDBOX/file",
                                        "uris": [{"value": "file://" + made_file(box)}],
                                        "environment": {"variables": [{"name": "OWN", "value": "1"},
                                                                      {"name": "IMAGE", "value": "task"}]}})
    assert out == "task 1 /bin\n/mnt/mesos/sandbox\nfetched\n"


def made_file(box):
    path = os.path.join(box.cluster.directory, "file")
    with open(path, "w", encoding="utf-8") as file:
        file.write("fetched\n")
    return path


def test_users(box):
    assert "uid=65534(nobody)" in box.run(docker("test/both"), {"value": "id", "user": "nobody"})
    resources = [scalar("cpus", 0.1), scalar("mem", 32)]
    box.api.launch(["who"], {"shell": False, "value": "/bin/sh", "arguments": ["sh", "-c", "id; cat /proc/1/comm; pwd"]},
                   resources=resources, container=with_image(docker("test/entry")))
    box.api.wait(["who"])
    with open(os.path.join(box.agent.work_dir, "containers", "who", "stdout"), encoding="utf-8") as file:
        assert "uid=4242(imageuser) gid=4243" in file.read()
    box.api.remove(["who"])
    box.nothing_left()


def test_pod_of_images(box):
    offer = box.offer()
    tasks = []
    for i, name in enumerate(("both", "cmd")):
        tasks.append(command_task(f"pod{i}", {"value": "ls / > $MESOS_SANDBOX/seen; pwd >> $MESOS_SANDBOX/seen"}, offer,
                                  container=with_image(docker("test/" + name))))
    tasks.append(command_task("pod2", {"value": "test -e /hello || echo host > $MESOS_SANDBOX/seen"}, offer))
    box.scheduler.accept(offer, None, operations=[group_operation(box.scheduler.framework_id, "pod", tasks)])
    ends = {}
    while len(ends) < 3:
        status = box.scheduler.update()
        if status["state"] in ENDS:
            ends[status["task_id"]["value"]] = status["state"]
    sandbox = box.cluster.sandbox(box.scheduler.framework_id, "pod")
    seen = [open(path, encoding="utf-8").read() for path in glob.glob(sandbox + "/containers/*/seen")]
    assert set(ends.values()) == {"TASK_FINISHED"}, ends
    assert sorted("hello" in text for text in seen) == [False, False, True]
    assert sum(text.endswith("/old\n") for text in seen) == 1 and "host\n" in seen
    box.nothing_left()


def test_custom_executor_in_an_image(box):
    offer = box.offer()
    executor = {"executor_id": {"value": "custom"}, "framework_id": {"value": box.scheduler.framework_id},
                "resources": [scalar("cpus", 0.1), scalar("mem", 32)],
                "command": {"value": "cat /hello > $MESOS_SANDBOX/seen; pwd >> $MESOS_SANDBOX/seen"},
                "container": with_image(docker("test/both"))}
    task = {"name": "c", "task_id": {"value": "c"}, "agent_id": offer["agent_id"], "executor": executor,
            "resources": [scalar("cpus", 0.1), scalar("mem", 32)]}
    box.scheduler.accept(offer, [task])
    box.scheduler.until("c", ENDS)
    sandbox = box.cluster.sandbox(box.scheduler.framework_id, "custom")
    with open(sandbox + "/seen", encoding="utf-8") as file:
        assert file.read() == "hello from the image\n/old\n"
    box.nothing_left()


def test_volume_of_an_image(box):
    volumes = [{"mode": "RW", "container_path": "lib", "image": docker("test/both")},
               {"mode": "RO", "container_path": "ro", "image": docker("test/cmd")}]
    out = box.run(None, "cat lib/hello; ls ro/bin | grep -c sh; touch lib/x && echo rw; touch ro/x || echo ro; pwd",
                  container={"type": "MESOS", "volumes": volumes})
    assert out.splitlines()[:4] == ["hello from the image", "1", "rw", "ro"]
    out = box.run(None, "cat /mnt/mesos/sandbox/lib/hello; ls /", container=with_image(docker("test/cmd"), volumes=volumes[:1]))
    assert out.startswith("hello from the image\n") and "\nhello" not in out
    box.nothing_left()


def test_command_line(box):
    box.scheduler.call("SUPPRESS")
    while not box.scheduler.offers.empty():
        box.scheduler.decline(box.scheduler.offer())
    done = box.cluster.tool("execute", "--name=cli", "--no-shell", "--docker_image=test/both", "--containerizer=mesos",
                            "--resources=cpus:0.1;mem:32", check=False)
    box.scheduler.call("REVIVE")
    assert "TASK_FINISHED" in done.stdout + done.stderr, done


# ---- where images come from ----

@pytest.mark.parametrize("kind", ["schema2", "index", "oci", "oci-index", "schema1"])
def test_kinds_of_manifests(box, registry, kind):
    image = Image([BASE, archive(member("kind", kind.encode()))], {"Env": ["KIND=" + kind, "PATH=/bin"]})
    digest = registry.add("kinds/" + kind, image, "v1", kind)
    assert box.run(docker(f"kinds/{kind}:v1"), "cat /kind; echo $KIND") == kind + kind + "\n"
    if kind != "schema1":
        assert box.run(docker(f"{registry.host}/kinds/{kind}@{digest}"), "cat /kind") == kind


def test_packings(box, registry):
    import lzma
    for name, pack in (("plain", bytes), ("xz", lzma.compress), ("bz2", __import__("bz2").compress)):
        registry.add("pack/" + name, Image([BASE, archive(member("pack", name.encode()))], pack=pack))
        assert box.run(docker("pack/" + name), "cat /pack") == name


def test_private_registry(box, private):
    assert box.run(docker(private.host + "/team/app"), "cat /hello") == "hello from the image\n"
    assert private.count("/token") >= 1
    text = json.dumps(auths(private, "user:wrong"))
    secret = {"type": "VALUE", "value": {"data": base64.b64encode(text.encode()).decode()}}
    said = box.run(docker(private.host + "/team/other", config=secret), "true", "TASK_FAILED")
    assert "answers 401: incorrect username or password" in said
    secret["value"]["data"] = base64.b64encode(json.dumps(auths(private, private.login)).encode()).decode()
    assert box.run(docker(private.host + "/team/other", config=secret), "echo in") == "in\n"
    assert "cGFzczp3b3Jk" not in box.agent.log() and "pass:word" not in box.agent.log()
    basic = Registry(login="me:secret", basic=True)
    basic.add("b/app", Image([BASE]))
    secret["value"]["data"] = base64.b64encode(json.dumps(auths(basic, "me:secret")).encode()).decode()
    assert box.run(docker(basic.host + "/b/app", config=secret), "echo in") == "in\n"
    assert "docker_config has none for it" in box.run(docker(basic.host + "/b/other"), "true", "TASK_FAILED")
    basic.close()


def test_strange_certificate(box, tmp_path):
    strange = Registry(tls=certificate(str(tmp_path)))
    strange.add("a/b", Image([BASE]))
    assert "SSL" in box.run(docker(strange.host + "/a/b"), "true", "TASK_FAILED")
    assert strange.asked == []
    strange.close()


def test_one_pull_for_many(box, registry):
    image = Image([BASE, archive(member("many", os.urandom(100)))])
    registry.add("many/app", image)

    def slow(handler):
        time.sleep(0.7)
        registry.send(handler, 200, image.packed[1])
    registry.lies["/v2/many/app/blobs/" + sha256(image.packed[1])] = slow
    before = len(registry.asked)
    offer = box.offer()
    tasks = [command_task(f"many{i}", "cat /many | wc -c", offer, container=with_image(docker("many/app"))) for i in range(4)]
    box.scheduler.accept(offer, tasks)
    ends = {}
    while len(ends) < 4:
        status = box.scheduler.update()
        if status["state"] in ENDS:
            ends[status["task_id"]["value"]] = status["state"]
    assert set(ends.values()) == {"TASK_FINISHED"}, box.scheduler.history[-4:]
    asked = registry.asked[before:]
    assert sum("manifests" in path for path in asked) == 1 and len(asked) == len(set(asked))


def test_cached(box, registry):
    registry.add("move/app", Image([BASE, archive(member("v", b"1"))]))
    assert box.run(docker("move/app"), "cat /v") == "1"
    registry.add("move/app", Image([BASE, archive(member("v", b"2"))]))
    assert box.run(docker("move/app"), "cat /v") == "1"
    assert box.run({**docker("move/app"), "cached": False}, "cat /v") == "2"
    assert box.run(docker("move/app"), "cat /v") == "2"


# ---- what servers and archives may try ----

def lying(registry, name, image, path, how):
    registry.add(name, image)
    registry.lies[f"/v2/{name}/{path}"] = how


def endless(handler):
    handler.send_response(200)
    handler.end_headers()
    handler.close_connection = True
    for _ in range(20000):
        handler.wfile.write(b"x" * 65536)


def around(handler):
    Registry.send(handler, 307, headers=[("Location", handler.path)])


def answer(status, body):
    return lambda handler: Registry.send(handler, status, body)


def rewritten(image, change):
    manifest = json.loads(image.manifest())
    change(manifest)
    return answer(200, json.dumps(manifest).encode())


def too_large(manifest):
    manifest["layers"][0]["size"] = 1 << 50


def negative(manifest):
    manifest["layers"][0]["size"] = -5


def missing(manifest):
    manifest["layers"][0]["digest"] = sha256(b"no such layer")


def too_many(manifest):
    manifest["layers"] *= 200


def no_digest(manifest):
    manifest["layers"][0]["digest"] = "sha256:../../../../etc/passwd"


SMALL = archive(member("a", b"a"))


@pytest.mark.parametrize("name,lie,expected", [
    ("digest", lambda i: ("blobs/" + sha256(i.packed[0]), answer(200, b"x" * len(i.packed[0]))), "has digest"),
    ("longer", lambda i: ("blobs/" + sha256(i.packed[0]), answer(200, i.packed[0] + b"x")), "more than the"),
    ("shorter", lambda i: ("blobs/" + sha256(i.packed[0]), answer(200, i.packed[0][:-1])), "manifest says"),
    ("endless", lambda i: ("blobs/" + sha256(i.packed[0]), endless), "more than the"),
    ("endless-manifest", lambda i: ("manifests/latest", endless), "more than the"),
    ("redirects", lambda i: ("manifests/latest", around), "redirects more than"),
    ("away", lambda i: ("manifests/latest", lambda h: Registry.send(h, 302, headers=[("Location", "file:///etc/passwd")])),
     "cannot get"),
    ("error", lambda i: ("manifests/latest", answer(418, b'{"errors":[{"code":"TEA","message":"short and stout"}]}')),
     "answers 418: TEA: short and stout"),
    ("no-json", lambda i: ("manifests/latest", answer(200, b"\xff\x00{{{")), "the manifest cannot be read"),
    ("deep", lambda i: ("manifests/latest", answer(200, b'{"layers":' + b"[" * 100000)), "the manifest cannot be read"),
    ("empty", lambda i: ("manifests/latest", answer(200, b"{}")), "neither config, manifests nor fsLayers"),
    ("too-large", lambda i: ("manifests/latest", rewritten(i, too_large)), "1125899906842624 bytes"),
    ("negative", lambda i: ("manifests/latest", rewritten(i, negative)), "-5 bytes"),
    ("missing", lambda i: ("manifests/latest", rewritten(i, missing)), "answers 404"),
    ("too-many", lambda i: ("manifests/latest", rewritten(i, too_many)), "127 is the most"),
    ("no-digest", lambda i: ("manifests/latest", rewritten(i, no_digest)), "is none: sha256:"),
    ("config", lambda i: ("blobs/" + sha256(i.config), answer(200, b"{" + i.config[1:-1] + b" ")), "has digest"),
])
def test_lies(box, registry, name, lie, expected):
    image = Image([archive(member("lie", name.encode()))])
    lying(registry, "lies/" + name, image, *lie(image))
    before = box.layers()
    said = box.run(docker("lies/" + name), "true", "TASK_FAILED")
    assert expected in said and "Failed to pull image 'lies/" + name in said, said
    assert expected in box.output(f"task{box.count}", "stderr")
    assert box.layers() == before
    assert os.listdir(os.path.join(box.store, "staging")) == []


@pytest.mark.parametrize("name,members,expected", [
    ("dots", [member("../escaped", b"x")], "climbs out of the root"),
    ("dots-inside", [member("a/../../escaped", b"x")], "climbs out of the root"),
    ("symlink-out", [link("out", "../../../../etc")], "leads out of the root"),
    ("hardlink-out", [member("passwd", type=b"1", linkname="../../../../etc/passwd")], "leads out of the root"),
    ("hardlink-host", [member("passwd", type=b"1", linkname="/etc/passwd")], "does not have"),
    ("block-device", [member("sda", type=b"4", devmajor=8, devminor=0)], "a device that images may not have"),
    ("mem-device", [member("mem", type=b"3", devmajor=1, devminor=1)], "a device that images may not have"),
    ("whiteout-dots", [member(".wh...", b"")], "hides nothing"),
    ("deep", [member("/".join(["d"] * 300) + "/f", b"")], "too deep"),
])
def test_hostile_archives(box, registry, name, members, expected):
    registry.add("evil/" + name, Image([archive(*members)]))
    said = box.run(docker("evil/" + name), "true", "TASK_FAILED")
    assert expected in said, said
    assert os.listdir(os.path.join(box.store, "staging")) == []


def test_absolute_names_and_links_stay_inside(box, registry):
    """A link to the host's /bin and a file through it: the image's own /bin gets it."""
    layer = archive(directory("bin"), link("etc/shortcut", "/bin"), member("etc/shortcut/planted", b"inside"),
                    member("/absolute", b"1"))
    registry.add("inside/app", Image([BASE, layer]))
    assert box.run(docker("inside/app"), "cat /bin/planted /absolute; readlink /etc/shortcut") == "inside1/bin\n"
    assert not os.path.exists("/bin/planted") and not os.path.exists("/absolute")


def test_bombs(box, registry):
    bomb = gzip.compress(b"\0" * (300 << 20), 9)
    image = Image([SMALL])
    image.packed = [bomb]
    registry.add("bomb/zeros", image)
    assert "must be a bomb" in box.run(docker("bomb/zeros"), "true", "TASK_FAILED", timeout=60)
    image = Image([SMALL], pack=lambda layer: gzip.compress(archive(member("other", b""))))
    registry.add("bomb/diff", image)
    assert "a layer unpacks to" in box.run(docker("bomb/diff"), "true", "TASK_FAILED")
    image = Image([SMALL], pack=lambda layer: gzip.compress(layer)[:-20])
    registry.add("bomb/cut", image)
    assert "the archive is refused" in box.run(docker("bomb/cut"), "true", "TASK_FAILED")
    assert os.listdir(os.path.join(box.store, "staging")) == []


@pytest.mark.parametrize("name", ["", "UPPER", "a//b", "../x", "a:b:c", "a@sha256:12", "x/" + "y" * 300, "host:99999/a",
                                  "a b", "a\n", "-a", "http://h/a", "a/../b"])
def test_names_that_are_none(box, name):
    said = box.run(docker(name), "true", "TASK_FAILED")
    assert "is no name of a Docker image" in said


def test_no_image_at_all(box):
    assert "says nothing else" in box.run({"type": "DOCKER"}, "true", "TASK_FAILED")
    assert "manifest unknown" in box.run(docker("nosuch/app"), "true", "TASK_FAILED")


# ---- what stays and what goes ----

def test_prune(box, registry, images):
    box.run(docker("test/both"), "true")
    for name in ("used", "gone", "kept"):
        registry.add("prune/" + name, Image([BASE, archive(member(name, name.encode()))]))
    task = box.start(docker("prune/used"), "sleep 1000")
    box.run(docker("prune/gone"), "true")
    box.run(docker("prune/kept"), "true")
    box.api.call("PRUNE_IMAGES", excluded_images=[docker("prune/kept")])
    left = box.layers()
    diff = {name: sha256(archive(member(name, name.encode()))) for name in ("used", "gone", "kept")}
    assert diff["used"] in left and diff["kept"] in left and diff["gone"] not in left
    assert sha256(BASE) in left and sha256(TOP) not in left
    before = len(registry.asked)
    assert box.run(docker("prune/kept"), "cat /kept") == "kept"
    assert len(registry.asked) == before  # nothing of it was asked for again
    assert box.run(docker("prune/gone"), "cat /gone") == "gone"
    assert registry.count("prune/gone/blobs/" + sha256(gzip.compress(BASE))) <= 1
    box.kill(task)
    box.nothing_left()
    box.api.call("PRUNE_IMAGES")
    assert box.layers() == set()
    assert box.run(docker("prune/gone"), "cat /gone") == "gone"
    box.api.call("PRUNE_IMAGES", 400, excluded_images=[{"type": "NOTHING"}])


def helpers(directory):
    found = []
    for entry in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{entry}/cmdline", "rb") as file:
                if file.read().startswith(directory.encode() + b"/libexec/mesos-image"):
                    found.append(int(entry))
        except OSError:
            pass
    return found


def test_agent_dies_in_the_middle_of_a_pull(box, registry):
    image = Image([BASE, archive(member("slow", b"1"))])
    registry.add("slow/app", image)
    path = "/v2/slow/app/blobs/" + sha256(image.packed[1])
    registry.lies[path] = lambda handler: time.sleep(5)
    task = box.accept(docker("slow/app"), "cat /slow")
    wait_for(lambda: path in registry.asked, 10, "the pull")
    assert os.listdir(os.path.join(box.store, "staging"))
    box.agent.kill()
    wait_for(lambda: not helpers(box.cluster.directory), 10, "mesos-image to end with the agent")
    del registry.lies[path]
    box.agent.start()
    wait_for(lambda: box.agent.get("/metrics/snapshot").get("slave/registered") == 1, 20, "the agent to register")
    assert box.scheduler.until(task, ENDS)[-1]["state"] != "TASK_FINISHED"
    assert os.listdir(os.path.join(box.store, "staging")) == []
    assert box.run(docker("slow/app"), "cat /slow") == "1"
    box.nothing_left()


def test_running_containers_survive_the_agent(box):
    task = box.start(docker("test/both"), "while ! test -e $MESOS_SANDBOX/go; do sleep 0.05; done; cat /hello; ls /old")
    mounts = box.mounts()
    assert len(mounts) == 1
    box.restart()
    assert box.mounts() == mounts
    box.api.call("PRUNE_IMAGES")  # what runs is known to the new agent
    assert {sha256(BASE), sha256(TOP)} <= box.layers()
    sandbox = box.cluster.sandbox(box.scheduler.framework_id, task)
    open(os.path.join(sandbox, "go"), "w", encoding="utf-8").close()
    assert box.scheduler.until(task, ENDS)[-1]["state"] == "TASK_FINISHED"
    assert box.output(task) == "hello from the image\nabove\n"
    box.nothing_left()


def test_what_nobody_knows_is_removed(box):
    """Root file systems of an agent that was killed, whose containers ended meanwhile; and a nested one's."""
    task = box.start(docker("test/both"), "sleep 1000")
    orphan = os.path.join(box.agent.work_dir, "provisioner", "containers", "nobody", "containers", "child")
    box.agent.kill()
    rootfs = os.path.join(orphan, "backends", "overlay", "rootfses", "x")
    os.makedirs(rootfs)
    subprocess.run(["mount", "-t", "tmpfs", "none", rootfs], check=True)
    for group in cgroups.groups(box.groups.root):
        for pid in cgroups.pids(group):
            os.kill(pid, signal.SIGKILL)
    box.agent.start()
    box.scheduler.until(task, ENDS)
    box.nothing_left()


def test_destroyed_in_the_middle_of_a_pull(box, registry):
    image = Image([BASE, archive(member("stuck", b"1"))])
    registry.add("stuck/app", image)
    path = "/v2/stuck/app/blobs/" + sha256(image.packed[1])
    registry.lies[path] = lambda handler: time.sleep(3)
    task = box.accept(docker("stuck/app"), "cat /stuck")
    wait_for(lambda: path in registry.asked, 10, "the pull")
    box.scheduler.kill(task)
    assert box.scheduler.until(task, ENDS)[-1]["state"] in ("TASK_KILLED", "TASK_FAILED")
    wait_for(lambda: not helpers(box.cluster.directory), 5, "the pull to be given up")
    del registry.lies[path]
    assert box.run(docker("stuck/app"), "cat /stuck") == "1"  # what it left does no harm
    box.restart()
    box.nothing_left()


def test_metrics(box):
    box.run({**docker("test/both"), "cached": False}, "true")
    metrics = box.agent.get("/metrics/snapshot")
    assert metrics["containerizer/mesos/provisioner/docker_store/image_pull_ms/count"] >= 1
    assert metrics["containerizer/mesos/provisioner/remove_container_errors"] == 0


# ---- other agents ----

@pytest.fixture
def another(request):
    made = []

    def make(**flags):
        made.append(Box("images2", **flags))
        return made[-1]
    yield make
    for one in made:
        one.close()


def test_copies_from_files(another, tmp_path):
    """docker save archives, OCI layouts and appc images in directories; the back end copy."""
    where, acis = tmp_path / "docker", tmp_path / "aci"
    Image([BASE, TOP, BASE, TOP], {"Cmd": ["/bin/cat", "/hello"]}).save(str(where / "saved:latest.tar"), "saved:latest")
    Image([BASE, TOP], {"Cmd": ["/bin/cat", "/hello"]}).save(str(where / "team" / "app:v1.tar"), "team/app:v1", "team/app:v2")
    Image([BASE, TOP], {"Cmd": ["/bin/cat", "/hello"]}).layout(str(where / "layout"), "v3")
    aci(acis, "example.com/base", [("rootfs/" + info.name, info, data) for info, data in base_members()])
    base_id = aci(acis, "example.com/lib", [("rootfs/lib.txt", *member("x", b"lib\n"))])
    aci(acis, "example.com/app", [("rootfs/app.txt", *member("x", b"app\n"))],
        dependencies=[{"imageName": "example.com/base"}, {"imageName": "example.com/lib", "imageID": base_id}],
        app={"exec": ["/bin/cat", "/app.txt", "/lib.txt"], "workingDirectory": "/bin", "user": "0", "group": "0",
             "environment": [{"name": "APPC", "value": "yes"}]})
    box = another(docker_registry=str(where), image_provisioner_backend="copy",
                  appc_simple_discovery_uri_prefix=f"file://{acis}/")
    for name in ("saved", "saved:latest", "team/app:v1", "layout:v3"):
        assert box.run(docker(name), {"shell": False}) == "hello from the image\n"
    assert "no image named" in box.run(docker("layout:v4"), "true", "TASK_FAILED")
    assert "there is neither" in box.run(docker("nosuch"), "true", "TASK_FAILED")
    out = box.run(docker("saved"), "test -e /etc/secret || echo hidden; ls /old; stat -c '%a %h' /etc/setuid /same")
    assert out == "hidden\nabove\n4755 1\n644 2\n"
    assert box.mounts() == []
    assert box.run(appc("example.com/app"), {"shell": False}) == "app\nlib\n"
    assert box.run(appc("example.com/app"), "echo $APPC; pwd") == "yes\n/bin\n"
    assert "has other labels" in box.run(appc("example.com/app", version="9"), "true", "TASK_FAILED")
    assert "there is no appc image" in box.run(appc("example.com/none"), "true", "TASK_FAILED")
    assert "is no name of an appc image" in box.run(appc("../../etc"), "true", "TASK_FAILED")


def base_members():
    import io
    import tarfile
    with tarfile.open(fileobj=io.BytesIO(BASE)) as tar:
        for info in tar.getmembers():
            yield info, tar.extractfile(info).read() if info.isreg() else b""


def appc(name, **labels):
    listed = [{"key": key, "value": value} for key, value in labels.items()]
    return {"type": "APPC", "appc": {"name": name, **({"labels": {"labels": listed}} if listed else {})}}


def aci(where, name, members, **manifest):
    """Writes <where>/<name>-latest-linux-amd64.aci (and one that lies about its version); its id."""
    text = json.dumps({"acKind": "ImageManifest", "acVersion": "0.8.0", "name": name,
                       "labels": [{"name": "os", "value": "linux"}, {"name": "arch", "value": "amd64"}], **manifest}).encode()
    files = [directory("rootfs")]
    for path, info, data in members:
        info.name = path
        files.append((info, data))
    data = archive(member("manifest", text), *files)
    for version in ("latest", "9"):
        path = os.path.join(where, f"{name}-{version}-linux-amd64.aci")
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(gzip.compress(data))
    return "sha512-" + hashlib.sha512(data).hexdigest()


def test_bind(another, registry):
    registry.add("bind/one", Image([busybox_layer(directory("mnt"), directory("mnt/mesos"), directory("mnt/mesos/sandbox"),
                                                  directory("proc"), directory("sys"), directory("dev"),
                                                  member("etc/hosts"), member("etc/hostname"), member("etc/resolv.conf"))]))
    box = another(docker_registry=registry.url, image_provisioner_backend="bind")
    assert box.run(docker("bind/one"), "touch /x 2>/dev/null || echo read-only; touch $MESOS_SANDBOX/y && echo sandbox") == \
        "read-only\nsandbox\n"
    assert "takes images of one layer" in box.run(docker("test/both"), "true", "TASK_FAILED")


def test_gc(another, registry):
    registry.add("gc/kept", Image([BASE, archive(member("kept"))]))
    registry.add("gc/used", Image([BASE, archive(member("used"))]))
    box = another(docker_registry=registry.url, image_gc_config=json.dumps({
        "image_disk_headroom": 1.0, "image_disk_watch_interval": {"nanoseconds": 100000000},
        "excluded_images": [docker("gc/kept")]}))
    task = box.start(docker("gc/used"), "sleep 1000")
    box.run(docker("gc/kept"), "true")
    box.run(docker("test/both"), "true")
    kept = {sha256(BASE), sha256(archive(member("kept"))), sha256(archive(member("used")))}
    wait_for(lambda: sha256(TOP) not in box.layers(), 10, "the garbage to go")
    assert kept <= box.layers()
    box.kill(task)


def test_without_the_images_word(another, registry):
    """--docker_ignore_runtime; then an agent that provides no images any more clears away what it finds."""
    box = another(docker_registry=registry.url, docker_ignore_runtime=True)
    assert box.run(docker("test/both"), "echo ${IMAGE:-none}; pwd; cat /hello") == \
        "none\n/mnt/mesos/sandbox\nhello from the image\n"
    task = box.start(docker("test/both"), "sleep 1000")
    box.agent.argv = [arg for arg in box.agent.argv if not arg.startswith(("--image_providers", "--docker"))]
    box.restart()
    assert len(box.mounts()) == 1
    box.kill(task)
    box.nothing_left()
    assert "--image_providers does not have it" in box.run(docker("test/both"), "true", "TASK_FAILED")


@pytest.mark.parametrize("flags,expected", [
    ({"isolation": "posix/cpu"}, "needs filesystem/linux in --isolation"),
    ({"isolation": "filesystem/linux"}, "needs docker/runtime in --isolation"),
    ({"image_providers": "oci"}, "'oci' is none of APPC|DOCKER"),
    ({"image_provisioner_backend": "aufs"}, "overlay takes its place"),
    ({"image_provisioner_backend": "zfs"}, "'zfs' is none of overlay|copy|bind"),
    ({"image_gc_config": '{"image_disk_headroom": 2, "image_disk_watch_interval": {"nanoseconds": 1000000000}}'},
     "image_disk_headroom 2 is not between 0 and 1"),
    ({"image_gc_config": "{}"}, "image_gc_config"),
])
def test_refused_at_start(box, tmp_path, flags, expected):
    tree = box.cluster.tree
    given = {"master": box.cluster.address, "work_dir": tmp_path / "w", "runtime_dir": tmp_path / "r", "etc_dir": tmp_path,
             "module_path": tree.module_path, "launcher_dir": tree.launcher_dir, "port": free_port(), "ip": "127.0.0.1",
             "isolation": ISOLATION, "launcher": "linux", "image_providers": "DOCKER", "cgroups_root": box.groups.root, **flags}
    done = subprocess.run([tree.program("mesos-agent"), *[f"--{k}={v}" for k, v in given.items()]], text=True, timeout=20,
                          capture_output=True, check=False)
    assert done.returncode != 0 and expected in done.stderr, done.stderr[-2000:]


# ---- the program alone ----

def helper(box, fault=None, **request):
    done = subprocess.run([box.cluster.tree.program("mesos-image")], input=json.dumps(request), text=True, timeout=60,
                          capture_output=True, env={"PATH": "/bin", **({"MESOS_FAULT": fault} if fault else {})}, check=False)
    return done.returncode, json.loads(done.stdout) if done.stdout else done.stderr


def test_killed_at_any_point(box, registry, tmp_path):
    """A store that lost its writer works: at worst everything is fetched again."""
    store = str(tmp_path / "store")
    registry.add("crash/app", Image([BASE, TOP, SMALL]))
    pull = {"action": "PULL", "image": docker("crash/app"), "store_dir": store, "source": registry.url}
    for fault in ("image/sync=kill", "image/keep=kill@1", "image/keep=kill@2", "image/keep=kill@3"):
        status, result = helper(box, fault, **pull)
        assert status == -signal.SIGKILL, result
        status, result = helper(box, action="RECOVER", directory=str(tmp_path / "p"), stores=[store])
        assert status == 0 and os.listdir(store + "/staging") == []
    status, result = helper(box, **pull)
    assert status == 0 and len(result["layers"]) == 3 and result["pulled"]
    with open(store + "/storedImages", "r+b") as file:  # as a full disk or a bad one leaves it
        file.truncate(5)
    status, result = helper(box, **pull)
    assert status == 0 and len(result["layers"]) == 3
    status, result = helper(box, **pull)
    assert status == 0 and "pulled" not in result
    shutil.rmtree(result["layers"][0])
    assert helper(box, **pull)[1]["pulled"]


@pytest.mark.parametrize("request_", ["", "[]", "{}", '{"action": "NOTHING"}', '{"action": "PULL"}', '{"action": "PROVISION"}',
                                      '{"action": "DESTROY", "directory": "relative"}', '{"action": ' + "[" * 5000])
def test_requests_that_are_none(box, request_):
    done = subprocess.run([box.cluster.tree.program("mesos-image")], input=request_, text=True, timeout=20,
                          capture_output=True, check=False)
    assert done.returncode == 1 and json.loads(done.stdout)["error"]


def test_appc_by_discovery(box, registry, tmp_path):
    aci(str(tmp_path / "aci"), "example.com/app", [("rootfs/a", *member("x", b"a"))])
    with open(tmp_path / "aci" / "example.com/app-latest-linux-amd64.aci", "rb") as file:
        data = file.read()
    registry.lies["/aci/example.com/app-latest-linux-amd64.aci"] = answer(200, data)
    registry.lies["/aci/example.com/bad-latest-linux-amd64.aci"] = answer(200, data)
    pull = {"action": "PULL", "store_dir": str(tmp_path / "store"), "source": registry.url + "/aci/"}
    status, result = helper(box, image=appc("example.com/app"), **pull)
    assert status == 0 and os.listdir(result["layers"][0]) == ["a"] and result["appc"]["name"] == "example.com/app"
    asked = len(registry.asked)
    assert helper(box, image=appc("example.com/app", os="linux"), **pull)[0] == 0 and len(registry.asked) == asked
    status, result = helper(box, image=appc("example.com/bad"), **pull)
    assert status == 1 and "holds 'example.com/app'" in result["error"]
    assert "answers 404" in helper(box, image=appc("example.com/none"), **pull)[1]["error"]
    wrong = {"type": "APPC", "appc": {"name": "example.com/app", "id": "sha512-" + "0" * 128}}
    assert "was asked for" in helper(box, image=wrong, **pull)[1]["error"]
    assert os.listdir(tmp_path / "store" / "staging") == []


def test_stranger_in_the_store(box, registry, tmp_path):
    os.makedirs(tmp_path / "store" / "layers")
    os.chown(tmp_path / "store" / "layers", 65534, 65534)
    status, result = helper(box, action="PULL", image=docker("test/both"), store_dir=str(tmp_path / "store"), source=registry.url)
    assert status == 1 and "is no directory of ours" in result["error"]


def test_odd_layers(box, registry, tmp_path):
    """Empty ones, the same one twice, more than mount(2) has room for by their paths."""
    layers = [BASE, archive(), archive()] + [archive(member(f"f{i}", str(i).encode())) for i in range(100)] + [SMALL, SMALL]
    registry.add("odd/app", Image(layers))
    out = box.run(docker("odd/app"), "cat /f0 /f99 /a; ls / | grep -c ^f")
    assert out == "099a100\n"


# ---- a registry that others wrote ----

def push(url, name, image):
    for blob in [image.config, *image.packed]:
        begin = urllib.request.Request(f"{url}/v2/{name}/blobs/uploads/", method="POST")
        with urllib.request.urlopen(begin, timeout=10) as reply:
            place = reply.headers["Location"]
        place += ("&" if "?" in place else "?") + "digest=" + sha256(blob)
        upload = urllib.request.Request(place, data=blob, method="PUT", headers={"Content-Type": "application/octet-stream"})
        urllib.request.urlopen(upload, timeout=10).close()
    put = urllib.request.Request(f"{url}/v2/{name}/manifests/latest", data=image.manifest(), method="PUT",
                                 headers={"Content-Type": json.loads(image.manifest())["mediaType"]})
    urllib.request.urlopen(put, timeout=10).close()


def test_real_registry(box, tmp_path):
    port = free_port()
    config = tmp_path / "config.yml"
    config.write_text(f"version: 0.1\nstorage:\n  filesystem:\n    rootdirectory: {tmp_path}/data\n"
                      f"http:\n  addr: 127.0.0.1:{port}\nlog:\n  level: error\n")
    server = subprocess.Popen(["docker-registry", "serve", str(config)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        url = f"http://127.0.0.1:{port}"

        def up():
            try:
                return urllib.request.urlopen(url + "/v2/", timeout=2).status == 200
            except OSError:
                return False
        wait_for(up, 20, "the registry")
        push(url, "real/app", Image([BASE, TOP]))
        assert box.run(docker(f"127.0.0.1:{port}/real/app"), "cat /hello") == "hello from the image\n"
    finally:
        server.terminate()
        server.wait(60)
