# SPDX-License-Identifier: Apache-2.0
"""A guest with another kernel than the host's: Debian's cloud kernel under qemu, without acceleration, with an initramfs
that the test makes of busybox and of our own programs. It talks on its serial console and ends by itself.

Nothing is installed on the host: the kernel is taken out of its package. The kernel's file is kept for the next run.
"""
import os
import re
import shutil
import subprocess

CACHE = os.path.join(os.environ.get("XDG_CACHE_HOME", os.path.expanduser("~/.cache")), "cmesos-guest")


def kernel():
    """Debian's cloud kernel of today: the path of its image."""
    depends = subprocess.run(["apt-cache", "depends", "linux-image-cloud-amd64"], check=True, text=True,
                             stdout=subprocess.PIPE).stdout
    package = re.search(r"Depends: (linux-image-[0-9][^\s]*-cloud-amd64)\s", depends).group(1)
    image = os.path.join(CACHE, "vmlinuz-" + package)
    if os.path.exists(image):
        return image
    os.makedirs(CACHE, exist_ok=True)
    work = os.path.join(CACHE, f"unpack-{os.getpid()}")
    os.makedirs(work)
    try:
        subprocess.run(["apt-get", "download", "-q", package], cwd=work, check=True, stdout=subprocess.DEVNULL)
        (archive,) = [name for name in os.listdir(work) if name.endswith(".deb")]
        subprocess.run(["dpkg", "-x", archive, "x"], cwd=work, check=True)
        (found,) = [name for name in os.listdir(os.path.join(work, "x", "boot")) if name.startswith("vmlinuz-")]
        os.rename(os.path.join(work, "x", "boot", found), image)
    finally:
        shutil.rmtree(work)
    return image


def libraries(path):
    """What a program or shared object is linked with."""
    listed = subprocess.run(["ldd", path], check=False, text=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout
    return set(re.findall(r"(/\S+) \(0x", listed))


class Guest:
    def __init__(self, directory):
        self.directory = str(directory)
        self.root = os.path.join(self.directory, "root")
        for name in ("bin", "dev", "proc", "sys", "tmp", "etc", "root"):
            os.makedirs(os.path.join(self.root, name))
        self.copy("/usr/bin/busybox" if os.path.exists("/usr/bin/busybox") else "/bin/busybox", "bin/busybox")
        os.symlink("busybox", os.path.join(self.root, "bin", "sh"))
        self.write("etc/passwd", "root:x:0:0:root:/root:/bin/sh\n")
        self.write("etc/group", "root:x:0:\n")

    def write(self, path, text, mode=0o644):
        path = os.path.join(self.root, path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(path, mode)

    def copy(self, source, path):
        """A program or module, without what debuggers want, and what it is linked with."""
        target = os.path.join(self.root, path)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        if subprocess.run(["strip", "-o", target, source], check=False, stderr=subprocess.DEVNULL).returncode:
            shutil.copy(source, target)
        for library in libraries(source):
            place = os.path.join(self.root, library.lstrip("/"))
            if not os.path.exists(place):
                os.makedirs(os.path.dirname(place), exist_ok=True)
                shutil.copy(os.path.realpath(library), place)

    def run(self, script, timeout):
        """Boots, runs the shell script as the first process's child, and gives back what the console said."""
        self.write("init", "#!/bin/busybox sh\n/bin/busybox --install -s /bin\nexport PATH=/bin\n"
                           "mount -t proc proc /proc; mount -t sysfs sysfs /sys; mount -t devtmpfs devtmpfs /dev\n"
                           "mount -t tmpfs tmpfs /tmp; mount -t cgroup2 cgroup2 /sys/fs/cgroup; ip link set lo up\n"
                           "sh /script </dev/null; echo GUEST ENDS; poweroff -f\n", 0o755)
        self.write("script", script)
        archive = os.path.join(self.directory, "initramfs")
        names = subprocess.run(["find", "."], cwd=self.root, check=True, stdout=subprocess.PIPE).stdout
        with open(archive, "wb") as out:
            subprocess.run(["cpio", "--quiet", "-o", "-H", "newc"], cwd=self.root, check=True, input=names, stdout=out)
        command = ["qemu-system-x86_64", "-accel", "tcg", "-cpu", "max", "-smp", "2", "-m", "768", "-nodefaults",
                   "-no-user-config", "-display", "none", "-serial", "stdio", "-no-reboot", "-nic", "none",
                   "-kernel", kernel(), "-initrd", archive, "-append", "console=ttyS0 quiet loglevel=3 panic=-1 mitigations=off"]
        try:
            done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                  timeout=timeout, check=False)
            output = done.stdout
        except subprocess.TimeoutExpired as late:
            output = late.stdout or b""
        return output.decode("utf-8", "replace").replace("\r", "")
