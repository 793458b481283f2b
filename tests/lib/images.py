# SPDX-License-Identifier: Apache-2.0
"""Container images that tests make themselves, and a registry that serves them: with tokens, with TLS, and with lies."""
import base64
import contextlib
import gzip
import hashlib
import http.server
import io
import json
import os
import ssl
import subprocess
import tarfile
import threading
import urllib.parse

BUSYBOX = "/bin/busybox"
APPLETS = ("sh", "cat", "ls", "echo", "sleep", "env", "id", "pwd", "stat", "test", "true", "mount", "readlink", "touch",
           "mkdir", "chmod", "rm", "kill", "dd", "hostname", "grep", "wc", "printenv")
MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
SCHEMA1 = "application/vnd.docker.distribution.manifest.v1+prettyjws"
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"


def sha256(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def member(name, data=b"", **more):
    """(TarInfo, bytes) of a file, or of what type= says."""
    info = tarfile.TarInfo(name)
    info.size = len(data)
    info.mode = 0o644
    for key, value in more.items():
        setattr(info, key, value)
    return info, data


def directory(name, **more):
    return member(name, type=tarfile.DIRTYPE, **{"mode": 0o755, **more})


def link(name, target, **more):
    return member(name, type=tarfile.SYMTYPE, linkname=target, **more)


def archive(*members):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for info, data in members:
            tar.addfile(info, io.BytesIO(data))
    return out.getvalue()


def busybox_layer(*more):
    with open(BUSYBOX, "rb") as file:
        program = file.read()
    members = [directory("./"), directory("bin"), directory("etc"), directory("tmp", mode=0o1777), directory("root"),
               member("bin/busybox", program, mode=0o755),
               member("etc/passwd", b"root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/sh\n"
                                    b"imageuser:x:4242:4243::/:/bin/sh\n"),
               member("etc/group", b"root:x:0:\nnogroup:x:65534:\nimagegroup:x:4243:\n")]
    members += [link("bin/" + name, "busybox") for name in APPLETS]
    return archive(*members, *more)


class Image:
    """layers: unpacked archives, the lowest first."""

    def __init__(self, layers, config=None, pack=gzip.compress, media="application/vnd.docker.image.rootfs.diff.tar.gzip"):
        self.layers = layers
        self.packed = [pack(layer) for layer in layers]
        self.media = media
        self.config = json.dumps({
            "architecture": "amd64", "os": "linux", "config": config or {},
            "rootfs": {"type": "layers", "diff_ids": [sha256(layer) for layer in layers]}}).encode()

    def manifest(self, oci=False):
        layer = "application/vnd.oci.image.layer.v1.tar+gzip" if oci else self.media
        return json.dumps({
            "schemaVersion": 2, "mediaType": OCI_MANIFEST if oci else MANIFEST,
            "config": {"mediaType": "application/vnd.oci.image.config.v1+json" if oci else
                       "application/vnd.docker.container.image.v1+json",
                       "size": len(self.config), "digest": sha256(self.config)},
            "layers": [{"mediaType": layer, "size": len(p), "digest": sha256(p)} for p in self.packed]}).encode()

    def schema1(self, name, tag):
        ids = [hashlib.sha256(bytes([i])).hexdigest() for i in range(len(self.layers))]
        history = []
        for i in reversed(range(len(self.layers))):
            entry = {"id": ids[i], "created": "2020-01-01T00:00:00Z", "os": "linux", "architecture": "amd64"}
            if i:
                entry["parent"] = ids[i - 1]
            if i == len(self.layers) - 1:
                entry["config"] = json.loads(self.config)["config"]
            history.append({"v1Compatibility": json.dumps(entry)})
        return json.dumps({
            "schemaVersion": 1, "name": name, "tag": tag, "architecture": "amd64",
            "fsLayers": [{"blobSum": sha256(p)} for p in reversed(self.packed)], "history": history,
            "signatures": [{"header": {"alg": "ES256", "jwk": {"kty": "EC"}}, "signature": "x", "protected": "y"}]}).encode()

    def index(self, oci=False):
        """With a manifest for another machine before the one that is right."""
        manifest = self.manifest(oci)
        kind = OCI_MANIFEST if oci else MANIFEST
        return json.dumps({
            "schemaVersion": 2, "mediaType": OCI_INDEX if oci else LIST,
            "manifests": [{"mediaType": kind, "size": 7, "digest": sha256(b"another"),
                           "platform": {"architecture": "mips", "os": "linux"}},
                          {"mediaType": kind, "size": len(manifest), "digest": sha256(manifest),
                           "platform": {"architecture": "amd64", "os": "linux"}}]}).encode()

    def save(self, path, *tags):
        """As `docker save` does."""
        names = [hashlib.sha256(layer).hexdigest() + "/layer.tar" for layer in self.layers]
        config = hashlib.sha256(self.config).hexdigest() + ".json"
        manifest = json.dumps([{"Config": config, "RepoTags": list(tags), "Layers": names}]).encode()
        seen = {}
        members = [member(config, self.config)]
        for name, layer in zip(names, self.layers):
            if name not in seen:
                members += [directory(os.path.dirname(name)), member(name, layer)]
            seen[name] = True
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(archive(*members, member("manifest.json", manifest)))

    def layout(self, path, name):
        """As an OCI layout."""
        manifest = self.manifest(True)
        index = {"schemaVersion": 2, "manifests": [{
            "mediaType": OCI_MANIFEST, "size": len(manifest), "digest": sha256(manifest),
            "annotations": {"org.opencontainers.image.ref.name": name}}]}
        os.makedirs(os.path.join(path, "blobs", "sha256"), exist_ok=True)
        for blob in [manifest, self.config, *self.packed]:
            with open(os.path.join(path, "blobs", "sha256", hashlib.sha256(blob).hexdigest()), "wb") as file:
                file.write(blob)
        for file_name, text in (("index.json", json.dumps(index)), ("oci-layout", '{"imageLayoutVersion": "1.0.0"}')):
            with open(os.path.join(path, file_name), "w", encoding="utf-8") as file:
                file.write(text)


def certificate(where, name="localhost"):
    """A certificate of its own authority; (certificate, key)."""
    cert, key = os.path.join(where, "cert.pem"), os.path.join(where, "key.pem")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={name}",
                    "-addext", f"subjectAltName=DNS:{name},IP:127.0.0.1", "-keyout", key, "-out", cert],
                   check=True, capture_output=True)
    return cert, key


class Registry:
    """Speaks the distribution API on loopback. login: "user:password" that a token wants; basic: no tokens, the login itself.
    lies: path -> function(handler), which answers instead."""

    def __init__(self, tls=None, login=None, basic=False):
        self.blobs, self.manifests, self.lies = {}, {}, {}
        self.login, self.basic = login, basic
        self.asked = []  # "METHOD path"
        self.delay = 0
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *args):
                pass

            def do_GET(self):
                outer.asked.append(self.path)
                with contextlib.suppress(ConnectionError, ssl.SSLError):
                    outer.answer(self)

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        self.scheme = "https" if tls else "http"
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*tls)
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True, do_handshake_on_connect=False)
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    @property
    def host(self):
        return f"127.0.0.1:{self.port}"

    @property
    def url(self):
        return f"{self.scheme}://{self.host}"

    def add(self, name, image, tag="latest", kind="schema2"):
        """The digest of what the tag names."""
        for blob in [image.config, *image.packed]:
            self.blobs[sha256(blob)] = blob
        oci = kind.startswith("oci")
        manifest = image.schema1(name, tag) if kind == "schema1" else image.manifest(oci)
        media = SCHEMA1 if kind == "schema1" else OCI_MANIFEST if oci else MANIFEST
        self.manifests[name, sha256(manifest)] = media, manifest
        if kind.endswith("index"):
            manifest, media = image.index(oci), OCI_INDEX if oci else LIST
            self.manifests[name, sha256(manifest)] = media, manifest
        self.manifests[name, tag] = media, manifest
        return sha256(manifest)

    def count(self, what):
        return sum(what in path for path in self.asked)

    @staticmethod
    def send(handler, status, body=b"", headers=(), length=None):
        handler.send_response(status)
        for key, value in headers:
            handler.send_header(key, value)
        handler.send_header("Content-Length", str(len(body) if length is None else length))
        handler.end_headers()
        handler.wfile.write(body)

    def answer(self, handler):
        path = urllib.parse.urlsplit(handler.path).path
        given = handler.headers.get("Authorization", "")
        if path in self.lies:
            self.lies[path](handler)
        elif path == "/token":
            basic = "Basic " + base64.b64encode((self.login or "").encode()).decode()
            if self.login and given != basic:
                self.send(handler, 401, b'{"details": "incorrect username or password"}')
            else:
                scope = urllib.parse.parse_qs(urllib.parse.urlsplit(handler.path).query)["scope"][0]
                self.send(handler, 200, json.dumps({"token": "token-for-" + scope}).encode())
        elif self.login is not None and not self.authorized(handler, path, given):
            self.challenge(handler, path)
        else:
            self.serve(handler, path)

    def name_of(self, path):
        return path[len("/v2/"):].rsplit("/", 2)[0]

    def authorized(self, handler, path, given):
        if self.basic:
            return given == "Basic " + base64.b64encode(self.login.encode()).decode()
        return given == f"Bearer token-for-repository:{self.name_of(path)}:pull"

    def challenge(self, handler, path):
        value = 'Basic realm="here"' if self.basic else (
            f'Bearer realm="{self.url}/token",service="test registry",scope="repository:{self.name_of(path)}:pull"')
        self.send(handler, 401, b'{"errors": [{"code": "UNAUTHORIZED", "message": "authentication required"}]}',
                  [("WWW-Authenticate", value)])

    def serve(self, handler, path):
        name, _, what = path[len("/v2/"):].rpartition("/")
        if name.endswith("/manifests"):
            found = self.manifests.get((name[:-len("/manifests")], what))
            if found:
                self.send(handler, 200, found[1], [("Content-Type", found[0])])
                return
        elif name.endswith("/blobs") and what in self.blobs:
            self.send(handler, 200, self.blobs[what])
            return
        self.send(handler, 404, b'{"errors": [{"code": "MANIFEST_UNKNOWN", "message": "manifest unknown"}]}')

    def close(self):
        self.server.shutdown()
        self.server.server_close()
