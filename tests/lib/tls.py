# SPDX-License-Identifier: Apache-2.0
"""Certificates that tests make with openssl, and a cluster whose daemons speak TLS."""
import os
import ssl
import subprocess
import urllib.request

from cluster import Cluster


def _openssl(*args):
    subprocess.run(["openssl", *args], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


class Authority:
    """Signs certificates; everything lies in its directory."""

    def __init__(self, directory, name="authority"):
        os.makedirs(directory, exist_ok=True)
        self.directory = directory
        self.cert, self.key = os.path.join(directory, name + ".pem"), os.path.join(directory, name + ".pem.key")
        _openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                 "-subj", "/CN=" + name, "-keyout", self.key, "-out", self.cert)

    def sign(self, name, names="DNS:localhost,IP:127.0.0.1", days=2):
        """The paths of certificate and key. days=0: it is over already."""
        cert, key, request, extension = (os.path.join(self.directory, name + end) for end in (".crt", ".key", ".csr", ".ext"))
        _openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=" + name,
                 "-keyout", key, "-out", request)
        with open(extension, "w", encoding="utf-8") as f:
            f.write("subjectAltName=" + names)
        _openssl("x509", "-req", "-in", request, "-CA", self.cert, "-CAkey", self.key, "-CAcreateserial", "-days",
                 str(days), "-extfile", extension, "-out", cert)
        os.chmod(key, 0o600)
        return cert, key

    def client(self, certificate=None):
        """For who calls; certificate: a pair of paths to show."""
        context = ssl.create_default_context(cafile=self.cert)
        if certificate:
            context.load_cert_chain(*certificate)
        return context

    @staticmethod
    def server(certificate):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*certificate)
        return context


class TlsCluster(Cluster):
    """tls: what the daemons' LIBPROCESS_SSL_ variables say beside their certificate, in lower case."""

    def __init__(self, directory, master_flags=None, **tls):
        os.makedirs(str(directory), exist_ok=True)
        self.authority = Authority(os.path.join(str(directory), "tls"))
        self.certificate = self.authority.sign("daemon")
        self.context = self.authority.client(self.certificate)
        self.tls = {"enabled": "true", "ca_file": self.authority.cert, "cert_file": self.certificate[0],
                    "key_file": self.certificate[1], **tls}
        super().__init__(directory, master_flags)

    def variables(self, **tls):
        return {"LIBPROCESS_SSL_" + key.upper(): value for key, value in {**self.tls, **tls}.items()}

    def _daemon(self, program, name, flags):
        daemon = super()._daemon(program, name, flags)
        daemon.env.update(self.variables())
        daemon.scheme = "https"
        daemon.opener = urllib.request.build_opener(urllib.request.HTTPSHandler(context=self.context))
        return daemon

    def tool_environment(self):
        return {"MESOS_MASTER": "https://" + self.address, "MESOS_CA_FILE": self.authority.cert,
                "MESOS_CERT_FILE": self.certificate[0], "MESOS_KEY_FILE": self.certificate[1]}
