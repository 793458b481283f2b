# SPDX-License-Identifier: Apache-2.0
"""Programs that other people wrote, unmodified, at pinned versions, made ready once in build/clients and kept there.

pymesos   wants http-parser, whose packaged C code is older than Python 3.11: it is generated anew from its own .pyx.
mesos-go, mesos-dns  have no go.mod: sources and pinned dependencies are fetched as modules and laid out as a GOPATH.
"""
import glob
import json
import os
import shutil
import subprocess
import sys
import tarfile

from cluster import REPOSITORY

CACHE = os.environ.get("CMESOS_CLIENTS", os.path.join(REPOSITORY, "build", "clients"))

PYMESOS = "pymesos==0.3.15"
HTTP_PARSER = "http-parser==0.9.0"
PYTHON_PINS = ["Cython==0.29.37", "setuptools==65.5.0", "wheel==0.38.4", "six==1.16.0", "addict==2.4.0", "kazoo==2.9.0"]

MESOS_GO = "github.com/mesos/mesos-go@v0.0.11"
GO_PINS = [
    "github.com/gogo/protobuf@v1.2.1",
    "github.com/pquerna/ffjson@v0.0.0-20181028064349-e517b90714f7",
    "github.com/prometheus/client_golang@v0.9.4",
    "github.com/beorn7/perks@v1.0.1",
    "github.com/golang/protobuf@v1.3.5",
    "github.com/matttproud/golang_protobuf_extensions@v1.0.1",
    "github.com/prometheus/client_model@v0.0.0-20190129233127-fd36f4220a90",
    "github.com/prometheus/common@v0.4.1",
    "github.com/prometheus/procfs@v0.0.2",
    "github.com/pborman/uuid@v1.2.0",
    "github.com/google/uuid@v1.1.1",
]
GO_PROGRAMS = ["msh", "mwatch", "example-scheduler", "example-executor"]

# Its v0 half: drivers for schedulers and executors over libprocess, with their own example programs.
GO_V0_PINS = [
    "github.com/gogo/protobuf@v1.2.1",
    "github.com/golang/glog@v1.0.0",
    "github.com/samuel/go-zookeeper@v0.0.0-20201211165307-7117e9ea2414",
    "github.com/pborman/uuid@v1.2.0",
    "github.com/google/uuid@v1.1.1",
    "golang.org/x/net@v0.7.0",
]
GO_V0_PROGRAMS = ["scheduler", "executor"]

MESOS_DNS = "github.com/mesosphere/mesos-dns@v0.6.0"
# What its vendor.json of 2016 names, or the nearest release of it.
DNS_PINS = [
    "github.com/mesos/mesos-go@v0.0.2",
    "github.com/dgrijalva/jwt-go@v2.6.0+incompatible",
    "github.com/emicklei/go-restful@v1.1.3",
    "github.com/golang/glog@v0.0.0-20160126235308-23def4e6c14b",
    "github.com/gogo/protobuf@v1.2.1",
    "github.com/kylelemons/godebug@v1.1.0",
    "github.com/miekg/dns@v1.0.0",
    "github.com/tv42/zbase32@v0.0.0-20160707012821-501572607d02",
    "github.com/samuel/go-zookeeper@v0.0.0-20190923202752-2cc03de413da",
    "github.com/stretchr/testify@v1.2.2",
    "github.com/stretchr/objx@v0.1.1",
    "github.com/davecgh/go-spew@v1.1.1",
    "github.com/pmezard/go-difflib@v1.0.0",
    "golang.org/x/crypto@v0.14.0",
    "golang.org/x/net@v0.17.0",
    "golang.org/x/sys@v0.13.0",
]

MESOS_FRAMEWORK = "mesos-framework@0.5.3"


def run(argv, **more):
    done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=580, check=False,
                          **more)
    if done.returncode:
        raise AssertionError(f"{argv}: {done.returncode}\n{done.stdout[-4000:]}")
    return done.stdout


def once(name, pins):
    """The client's directory, and whether it still has to be filled; finished() says that it is."""
    directory = os.path.join(CACHE, name)
    stamp = os.path.join(directory, "ready")
    wanted = "\n".join(pins)
    if os.path.exists(stamp):
        with open(stamp, encoding="utf-8") as f:
            if f.read() == wanted:
                return directory, None
    shutil.rmtree(directory, ignore_errors=True)
    os.makedirs(directory)

    def finished():
        with open(stamp, "w", encoding="utf-8") as f:
            f.write(wanted)
    return directory, finished


def pymesos():
    """The interpreter of an environment that has pymesos."""
    directory, finished = once("pymesos", [PYMESOS, HTTP_PARSER, *PYTHON_PINS])
    venv = os.path.join(directory, "venv")
    python = os.path.join(venv, "bin", "python")
    if not finished:
        return python
    system = "/usr/bin/python3" if os.access("/usr/bin/python3", os.X_OK) else sys.executable
    run([system, "-m", "venv", venv])
    pip = [python, "-m", "pip", "install", "-q", "--disable-pip-version-check"]
    run(pip + PYTHON_PINS)
    run([python, "-m", "pip", "download", "-q", "--no-deps", "--no-binary", ":all:", "--no-build-isolation",
         "-d", directory, HTTP_PARSER])
    with tarfile.open(glob.glob(os.path.join(directory, "http*parser-*.tar.gz"))[0]) as source:
        source.extractall(directory)
    source = [d for d in glob.glob(os.path.join(directory, "http*parser-*")) if os.path.isdir(d)][0]
    run([os.path.join(venv, "bin", "cython"), "-3", os.path.join(source, "http_parser", "parser.pyx")])
    run(pip + ["--no-build-isolation", "--no-deps", source])
    run(pip + ["--no-build-isolation", "--no-deps", PYMESOS])
    finished()
    return python


def go_command():
    for path in ("/usr/lib/go-1.19/bin/go", "/usr/bin/go", shutil.which("go")):
        if path and os.access(path, os.X_OK):
            return path
    raise AssertionError("go is missing: install golang-go")


def gopath_of(directory, modules):
    """Fetches modules of before go.mod and lays them out as a GOPATH: (go, environment to build in)."""
    go, gopath = go_command(), os.path.join(directory, "gopath")
    env = {**os.environ, "GOPATH": os.path.join(directory, "modules"), "GO111MODULE": "on",
           "GOTOOLCHAIN": "local", "GOCACHE": os.path.join(directory, "cache"),
           "GOFLAGS": "-modcacherw"}
    for module in modules:
        told = json.loads(run([go, "mod", "download", "-json", module], env=env, cwd=directory))
        place = os.path.join(gopath, "src", module.split("@")[0])
        os.makedirs(os.path.dirname(place), exist_ok=True)
        shutil.copytree(told["Dir"], place)
    env.update(GOPATH=gopath, GO111MODULE="off", GOFLAGS="")
    return go, env


def mesos_go():
    """The directory with msh, mwatch, example-scheduler and example-executor."""
    directory, finished = once("mesos-go", [MESOS_GO, *GO_PINS, *GO_PROGRAMS])
    if not finished:
        return os.path.join(directory, "bin")
    go, env = gopath_of(directory, [MESOS_GO, *GO_PINS])
    for program in GO_PROGRAMS:
        run([go, "build", "-o", os.path.join(directory, "bin", program),
             "github.com/mesos/mesos-go/api/v1/cmd/" + program], env=env, cwd=directory)
    shutil.rmtree(os.path.join(directory, "cache"), ignore_errors=True)
    finished()
    return os.path.join(directory, "bin")


def mesos_go_v0():
    """The directory with its v0 scheduler and executor."""
    directory, finished = once("mesos-go-v0", [MESOS_GO, *GO_V0_PINS])
    if not finished:
        return os.path.join(directory, "bin")
    go, env = gopath_of(directory, [MESOS_GO, *GO_V0_PINS])
    for program in GO_V0_PROGRAMS:
        run([go, "build", "-o", os.path.join(directory, "bin", program),
             "github.com/mesos/mesos-go/api/v0/examples/" + program], env=env, cwd=directory)
    shutil.rmtree(os.path.join(directory, "cache"), ignore_errors=True)
    finished()
    return os.path.join(directory, "bin")


def mesos_dns():
    """The program mesos-dns."""
    directory, finished = once("mesos-dns", [MESOS_DNS, *DNS_PINS])
    program = os.path.join(directory, "bin", "mesos-dns")
    if not finished:
        return program
    go, env = gopath_of(directory, [MESOS_DNS, *DNS_PINS])
    run([go, "build", "-o", program, "github.com/mesosphere/mesos-dns"], env=env, cwd=directory)
    shutil.rmtree(os.path.join(directory, "cache"), ignore_errors=True)
    finished()
    return program


def mesos_framework():
    """The directory in which node finds mesos-framework."""
    directory, finished = once("mesos-framework", [MESOS_FRAMEWORK])
    if finished:
        with open(os.path.join(directory, "package.json"), "w", encoding="utf-8") as f:
            json.dump({"name": "conformance", "private": True}, f)
        run(["npm", "install", "--silent", "--no-audit", "--no-fund", "--ignore-scripts", "--save-exact",
             MESOS_FRAMEWORK], cwd=directory)
        finished()
    return directory
