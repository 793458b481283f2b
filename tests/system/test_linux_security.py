# SPDX-License-Identifier: Apache-2.0
"""What processes of containers may do: linux/capabilities, linux/seccomp, posix/rlimits, from inside."""
import json
import os

import pytest

from images import Image, busybox_layer
from isolated import Isolated

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="capabilities and seccomp need root")
# What an executor and a shell of root need to get by, and what some tests take away.
BOUNDING = ["CHOWN", "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER", "KILL", "SETGID", "SETUID", "SETPCAP", "NET_BIND_SERVICE",
            "SYS_CHROOT", "SYS_ADMIN"]
NUMBERS = {"CHOWN": 0, "DAC_OVERRIDE": 1, "DAC_READ_SEARCH": 2, "FOWNER": 3, "KILL": 5, "SETGID": 6, "SETUID": 7,
           "SETPCAP": 8, "NET_BIND_SERVICE": 10, "SYS_CHROOT": 18, "SYS_ADMIN": 21}
ARCH_MAP = [{"architecture": "SCMP_ARCH_X86_64", "subArchitectures": ["SCMP_ARCH_X86", "SCMP_ARCH_X32"]},
            {"architecture": "SCMP_ARCH_AARCH64", "subArchitectures": ["SCMP_ARCH_ARM"]}]
BIND = "/usr/bin/python3 -c \"import socket; socket.socket().bind(('127.0.0.1', 87))\" 2>&1 && echo bound"


def bits(names):
    return sum(1 << NUMBERS[name] for name in names)


def caps(*names):
    return {"capabilities": list(names)}


def linux(**info):
    return {"container": {"type": "MESOS", "linux_info": info}}


def rule(names, action="SCMP_ACT_ERRNO", args=None, includes=None, excludes=None):
    return {"names": names, "action": action, "args": args or [], "includes": includes or {}, "excludes": excludes or {}}


@pytest.fixture(scope="module")
def box(tmp_path_factory):
    profiles = tmp_path_factory.mktemp("profiles")
    store = tmp_path_factory.mktemp("images")
    Image([busybox_layer()]).save(str(store / "box:latest.tar"), "box:latest")

    def profile(name, *rules, **more):
        (profiles / name).write_text(json.dumps({"defaultAction": "SCMP_ACT_ALLOW", "archMap": ARCH_MAP,
                                                 "syscalls": list(rules), **more}))
    profile("usual.json", rule(["swapon", "acct"]))
    profile("nodirs.json", rule(["mkdir", "mkdirat", "no_such_call"]))
    profile("noipv6.json", rule(["socket"], args=[{"index": 0, "value": 10, "valueTwo": 0, "op": "SCMP_CMP_EQ"}]))
    profile("bycaps.json", rule(["mkdir", "mkdirat"], excludes={"caps": ["CAP_CHOWN"]}),
            rule(["rmdir"], includes={"caps": ["CAP_CHOWN"]}), rule(["chmod", "fchmodat", "fchmodat2"], includes={"arches": ["mips"]}))
    (profiles / "broken.json").write_text('{"defaultAction": "SCMP_ACT_DANCE"}')
    made = Isolated("filesystem/linux,linux/capabilities,linux/seccomp,posix/rlimits,docker/runtime",
                    bounding_capabilities=json.dumps(caps(*BOUNDING)), seccomp_config_dir=str(profiles),
                    seccomp_profile_name="usual.json", image_providers="docker", docker_registry=str(store),
                    docker_store_dir=str(tmp_path_factory.mktemp("store")))
    made.pod, status = made.start("sleep 1000")
    made.root = status["container_status"]["container_id"]["value"]
    yield made
    made.close()


def with_image(**more):
    return {"container": {"type": "MESOS", "mesos": {"image": {"type": "DOCKER", "docker": {"name": "box"}}}, **more}}


def sets(text):
    return {line.split(":")[0]: int(line.split(":")[1], 16) for line in text.splitlines() if line.startswith("Cap")}


# ---- linux/capabilities ----


def test_bounding_set_of_the_operator(box):
    found = sets(box.run("cat /proc/self/status"))
    assert found["CapBnd"] == bits(BOUNDING)
    assert "refused" in box.run("mknod dev c 1 3 || echo refused")  # MKNOD is not in it


def test_effective_set_of_a_task(box):
    wanted = ["DAC_READ_SEARCH", "DAC_OVERRIDE", "KILL"]
    out = box.run("cat /proc/self/status; touch file; chown nobody file || echo refused",
                  **linux(effective_capabilities=caps(*wanted)))
    found = sets(out)
    assert found["CapEff"] == bits(wanted) and found["CapBnd"] == bits(BOUNDING)
    assert "refused" in out
    assert "refused" not in box.run("touch file; chown nobody file || echo refused",
                                    **linux(capability_info=caps(*wanted, "CHOWN")))


def test_a_task_bounds_itself(box):
    wanted = ["DAC_READ_SEARCH", "DAC_OVERRIDE"]
    found = sets(box.run("cat /proc/self/status", **linux(bounding_capabilities=caps(*wanted),
                                                          effective_capabilities=caps(*wanted))))
    assert found["CapBnd"] == bits(wanted) and found["CapEff"] == bits(wanted)


def test_a_user_has_what_it_asked_for(box):
    command = {"value": BIND + "; cat /proc/self/status", "user": "nobody"}
    out = box.run(command, **linux(effective_capabilities=caps("NET_BIND_SERVICE")))
    assert "bound" in out and sets(out)["CapEff"] == bits(["NET_BIND_SERVICE"])
    out = box.run(command, **linux(effective_capabilities=caps()))
    assert "bound" not in out and "Permission denied" in out and sets(out)["CapEff"] == 0


def test_capabilities_in_an_image(box):
    """Of the task, not of its executor, which has to change the root."""
    out = box.run("cat /proc/self/status; touch /f; chown nobody /f || echo refused",
                  **with_image(linux_info={"effective_capabilities": caps("KILL")}))
    assert sets(out)["CapEff"] == bits(["KILL"]) and sets(out)["CapBnd"] == bits(BOUNDING) and "refused" in out


def test_capabilities_of_nested_and_standalone(box):
    sandbox = box.sandbox(box.pod)
    out = box.nested_output((box.root, "caps"), sandbox, "cat /proc/self/status", **linux(effective_capabilities=caps("KILL")))
    assert sets(out)["CapEff"] == bits(["KILL"])
    resources = [{"name": n, "type": "SCALAR", "scalar": {"value": v}} for n, v in (("cpus", 0.1), ("mem", 32))]
    box.nested(("alone-caps",), "cat /proc/self/status > status", resources=resources,
               **linux(effective_capabilities=caps("DAC_OVERRIDE")))
    assert box.api.wait(("alone-caps",)) == {"exit_status": 0}
    with open(os.path.join(box.agent.work_dir, "containers", "alone-caps", "status"), encoding="utf-8") as file:
        assert sets(file.read())["CapEff"] == bits(["DAC_OVERRIDE"])
    box.api.remove(("alone-caps",))


def test_capabilities_that_cannot_be(box):
    assert "Requested capabilities '{ NET_RAW }', but only '{" in box.refused(
        **linux(effective_capabilities=caps("NET_RAW")))
    assert "Bounding capabilities '{ NET_RAW }', but only '{" in box.refused(**linux(bounding_capabilities=caps("NET_RAW")))
    assert "Only one of 'capability_info' or 'effective_capabilities' is allowed" in box.refused(
        **linux(capability_info=caps("KILL"), effective_capabilities=caps("KILL")))
    assert "but only '{ KILL }' are allowed" in box.refused(
        **linux(bounding_capabilities=caps("KILL"), effective_capabilities=caps("CHOWN")))


# ---- linux/seccomp ----


def seccomp(name=None, **more):
    return linux(seccomp={**({"profile_name": name} if name else {}), **more})


def test_usual_profile(box):
    assert "Seccomp:\t2" in box.run("cat /proc/self/status")


def test_a_forbidden_call_is_not_permitted(box):
    out = box.run("mkdir dir 2>&1; test -e dir || echo none", **seccomp("nodirs.json"))
    assert "Operation not permitted" in out and "none" in out
    assert "none" not in box.run("mkdir dir; test -e dir || echo none")


def test_rules_by_arguments(box):
    script = ("/usr/bin/python3 -c \"import socket\nfor f in (socket.AF_INET, socket.AF_INET6):\n"
              "  try: socket.socket(f); print(f.name, 'made')\n  except OSError as e: print(f.name, e.errno)\"")
    assert "AF_INET made\nAF_INET6 1\n" in box.run(script, **seccomp("noipv6.json"))


def test_rules_by_capabilities_and_architectures(box):
    everything = "mkdir dir && echo made; mkdir -p d2 2>/dev/null; rmdir dir && echo removed; touch f; chmod 600 f && echo changed"
    with_chown = linux(seccomp={"profile_name": "bycaps.json"}, effective_capabilities=caps(*BOUNDING))
    assert box.run(everything, **with_chown).endswith("made\nchanged\n")
    without = [name for name in BOUNDING if name != "CHOWN"]
    out = box.run(everything, **linux(seccomp={"profile_name": "bycaps.json"}, effective_capabilities=caps(*without),
                                      bounding_capabilities=caps(*without)))
    assert "made" not in out and "changed" in out


def test_unconfined(box):
    assert "Seccomp:\t0" in box.run("cat /proc/self/status", **seccomp(unconfined=True))


def test_seccomp_in_an_image_and_nested(box):
    assert "not permitted" in box.run("mkdir /dir 2>&1; true", **with_image(linux_info={"seccomp": {"profile_name": "nodirs.json"}}))
    out = box.nested_output((box.root, "sec"), box.sandbox(box.pod), "mkdir dir 2>&1; true", **seccomp("nodirs.json"))
    assert "Operation not permitted" in out


def test_a_user_cannot_lift_it(box):
    """Nor by a setuid program: what is installed stays, without no_new_privs too."""
    out = box.run({"value": "mkdir dir 2>&1; su -c 'mkdir dir' 2>&1; true", "user": "nobody"}, **seccomp("nodirs.json"))
    assert "made" not in out and "Operation not permitted" in out


def test_profiles_that_cannot_be(box):
    assert "Failed to read Seccomp profile file" in box.refused(**seccomp("missing.json"))
    assert "leads out of --seccomp_config_dir" in box.refused(**seccomp("../images/box:latest.tar"))
    assert "Unknown syscall action: 'SCMP_ACT_DANCE'" in box.refused(**seccomp("broken.json"))
    assert "Missing Seccomp profile name" in box.refused(**seccomp(unconfined=False))
    assert "'profile_name' given even though 'unconfined'" in box.refused(**seccomp("nodirs.json", unconfined=True))


# ---- posix/rlimits ----


def limits(*items):
    return {"container": {"type": "MESOS", "rlimit_info": {"rlimits": [
        {"type": t, **({"soft": s, "hard": h} if s is not None else {})} for t, s, h in items]}}}


def test_limits_of_a_task(box):
    out = box.run("ulimit -Sn; ulimit -Hn; ulimit -c", **limits(("RLMT_NOFILE", 100, 200), ("RLMT_CORE", None, None)))
    assert "100\n200\nunlimited\n" in out
    out = box.run("ulimit -f; (head -c 1000000 /dev/zero > big) 2>&1; stat -c %s big", **limits(("RLMT_FSIZE", 1024, 1024)))
    assert "1024\n" in out


def test_limits_that_cannot_be(box):
    assert "'soft' 9 is above 'hard' 5" in box.refused(**limits(("RLMT_NOFILE", 9, 5)))


def test_nobody_else_sets_limits():
    without = Isolated("posix/cpu")
    try:
        assert "100" not in without.run("ulimit -Sn", **limits(("RLMT_NOFILE", 100, 200)))
    finally:
        without.close()


def test_the_usual_effective_set():
    made = Isolated("linux/capabilities", effective_capabilities=json.dumps(caps(*BOUNDING)))
    try:
        found = sets(made.run("cat /proc/self/status"))
        assert found["CapEff"] == found["CapBnd"] == bits(BOUNDING)
    finally:
        made.close()
