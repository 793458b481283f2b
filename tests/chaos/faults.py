# SPDX-License-Identifier: Apache-2.0
"""What goes wrong: a plan drawn from a seed alone, so that the seed replays it, and the doing and undoing of each fault.

A kind is a class: `weight` cards of it lie in the deck from which plans are drawn; `begin` does the harm, `end` undoes it."""
import os
import random
import signal
import threading
import time

import sweep


class Fault:
    weight, lasts = 1, (1.0, 4.0)
    letters = "m"  # whom it may befall
    leader_only = False

    def __init__(self, at, seconds, target, rng):
        self.at, self.seconds, self.target, self.choice = at, seconds, target, rng.random()
        self.hit = []  # names of machines, known once it has begun

    def __repr__(self):
        return f"{self.at:.1f} s: {type(self).__name__} {self.target} for {self.seconds:.1f} s"

    def program(self, world):
        return world.programs[self.hit[0]]

    def aim(self, world):
        """The machines that it befalls: a "leader" is known only at the time."""
        self.hit = [world.leading() if self.target == "leader" else self.target]

    def begin(self, world):
        raise NotImplementedError

    def end(self, world):
        pass


class Kill(Fault):
    """kill -9; it is started again after a while."""
    weight, letters, lasts = 5, "mafz", (0.1, 6.0)

    def begin(self, world):
        program = self.program(world)
        program.held += 1
        program.signal(signal.SIGKILL)

    def end(self, world):
        self.program(world).held -= 1


class KillLeader(Kill):
    weight, leader_only = 3, True


class KillAgent(Kill):
    weight, letters = 4, "a"


class Restart(Kill):
    """SIGTERM, as for an upgrade."""
    weight, letters = 2, "ma"

    def begin(self, world):
        program = self.program(world)
        program.held += 1
        program.signal(signal.SIGTERM)


class Pause(Fault):
    """SIGSTOP, later SIGCONT: the process knows nothing of the time between."""
    weight, letters, lasts = 4, "mafz", (0.5, 9.0)

    def begin(self, world):
        self.process = self.program(world).process
        self.program(world).signal(signal.SIGSTOP)

    def end(self, world):
        if self.process.poll() is None:
            os.kill(self.process.pid, signal.SIGCONT)


class PauseLeader(Pause):
    weight, leader_only, lasts = 3, True, (2.0, 9.0)


class Drop(Fault):
    """What is sent between machines gets lost; `pairs` says between which, and in which direction."""
    def pairs(self, world):
        raise NotImplementedError

    def begin(self, world):
        self.dropped = [(a, b) for a, b in self.pairs(world) if a != b]
        world.network.drop(self.dropped, True)

    def end(self, world):
        world.network.drop(self.dropped, False)


class Partition(Drop):
    """A machine hears nobody and is heard by nobody."""
    weight, letters, lasts = 3, "mafz", (1.0, 10.0)

    def pairs(self, world):
        others = world.network.machines
        return [(self.hit[0], other) for other in others] + [(other, self.hit[0]) for other in others]


class PartitionLeader(Partition):
    weight, leader_only = 2, True


class OneWay(Drop):
    """A machine hears all, and nobody hears it; or the other way round."""
    weight, letters, lasts = 3, "mafz", (1.0, 8.0)

    def pairs(self, world):
        pairs = [(self.hit[0], other) for other in world.network.machines]
        return pairs if self.choice < 0.5 else [(b, a) for a, b in pairs]


class Split(Drop):
    """The cluster falls apart in two."""
    weight, letters, lasts = 2, "m", (1.0, 8.0)

    def aim(self, world):
        rng = random.Random(self.choice)
        self.hit = [name for name in world.network.machines if rng.random() < 0.5]

    def pairs(self, world):
        there = [name for name in world.network.machines if name not in self.hit]
        return [pair for a in self.hit for b in there for pair in ((a, b), (b, a))]


class NoZooKeeper(Drop):
    """The masters, or the leader alone, do not reach ZooKeeper."""
    weight, letters, lasts = 3, "z", (1.0, 9.0)

    def aim(self, world):
        self.hit = [world.leading()] if self.choice < 0.6 else world.names("m")

    def pairs(self, world):
        return [pair for m in self.hit for z in world.names("z") for pair in ((m, z), (z, m))]


class LeaderWithoutAgents(Drop):
    """The leader still has ZooKeeper and its frameworks, but most agents are out of its reach."""
    weight, leader_only, lasts = 1, True, (2.0, 8.0)

    def pairs(self, world):
        return [pair for a in world.names("a")[1:] for pair in ((a, self.hit[0]), (self.hit[0], a))]


class Unplug(Fault):
    """The link itself is down."""
    weight, letters, lasts = 2, "maf", (0.5, 6.0)

    def begin(self, world):
        world.network.cut(self.hit[0], True)

    def end(self, world):
        world.network.cut(self.hit[0], False)


class Narrow(Fault):
    """A slow line (token bucket)."""
    weight, letters, lasts = 3, "maf", (2.0, 9.0)

    def begin(self, world):
        world.network.slow(self.hit[0], int(48 + 400 * self.choice))

    def end(self, world):
        world.network.slow(self.hit[0], 0)


class Delay(Fault):
    """A long line (the delaying proxy); only the machines that it stands before."""
    weight, letters, lasts = 3, "maf", (2.0, 9.0)

    def aim(self, world):
        self.hit = [world.names(self.target[0])[-1 - int(2 * self.choice) % min(2, world.counts[self.target[0]])]]

    def begin(self, world):
        world.network.delay(self.hit[0], int(30 + 700 * self.choice))

    def end(self, world):
        world.network.delay(self.hit[0], 0)


class FullDisk(Fault):
    """The work_dir takes nothing any more."""
    weight, letters, lasts = 3, "ma", (1.0, 8.0)

    def begin(self, world):
        path = os.path.join(self.program(world).work_dir, "filler")
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            while True:
                os.write(fd, b"\0" * 65536)
        except OSError:
            pass
        finally:
            os.close(fd)

    def end(self, world):
        try:
            os.unlink(os.path.join(self.program(world).work_dir, "filler"))
        except FileNotFoundError:
            pass  # two of them at one time


class KillExecutor(Fault):
    """kill -9 of some task's executor: that task fails, and says so."""
    weight, letters, lasts = 3, "a", (0.1, 0.2)

    def begin(self, world):
        found = sorted(executors(self.program(world).work_dir))
        if found:
            name, pid = found[int(self.choice * len(found))]
            world.record("victim", task=name, pid=pid)
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass


class DieFull(FullDisk):
    """kill -9 while the disk is full; it is to come back before there is room again."""
    weight, letters, lasts = 2, "ma", (3.0, 6.0)

    def begin(self, world):
        super().begin(world)
        self.program(world).signal(signal.SIGKILL)


class MachineDies(Kill):
    """An agent and all that runs on it are killed at once."""
    weight, letters, lasts = 2, "a", (0.5, 6.0)

    def begin(self, world):
        super().begin(world)
        for _ in range(6):  # what was just being started shows up a little later
            for name, pid in executors(self.program(world).work_dir, ""):
                world.record("victim", task=name, pid=pid)
            sweep.kill_all(self.program(world).work_dir)
            time.sleep(0.02)


class KillAll(Fault):
    """kill -9 of all masters or all agents: nobody is there for a while, nothing is forgotten."""
    weight, letters, lasts = 2, "ma", (0.3, 3.0)

    def aim(self, world):
        self.hit = world.names(self.target[0])

    def begin(self, world):
        for name in self.hit:
            world.programs[name].held += 1
            world.programs[name].signal(signal.SIGKILL)

    def end(self, world):
        for name in self.hit:
            world.programs[name].held -= 1


class ZooKeeperRestart(KillAll):
    """All servers of ZooKeeper likewise."""
    weight, letters, lasts = 1, "z", (0.5, 3.0)


def executors(work_dir, comm="mesos-executor"):
    """Of that agent: the task (a command task's executor has its id) and the process. Without a name also what they run."""
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/comm", encoding="utf-8") as f:
                name = f.read().strip()
            here = os.readlink(f"/proc/{pid}/cwd")
        except OSError:
            continue
        if name.startswith(comm) and here.startswith(work_dir + "/") and "/executors/" in here:
            yield here.split("/executors/")[1].split("/")[0], int(pid)


def kinds():
    found, stack = [], [Fault]
    while stack:
        kind = stack.pop()
        stack += kind.__subclasses__()
        if kind not in (Fault, Drop):
            found.append(kind)
    return sorted(found, key=lambda kind: kind.__name__)


def plan(seed, seconds, counts, pace=1.0):
    """The faults of so many seconds, the same for the same seed and sizes of the cluster; pace 2: twice as many."""
    rng, faults, at, deck = random.Random(seed), [], 1.0, []
    while at < seconds:
        if not deck:
            deck = [kind for kind in kinds() if counts["z"] or kind.letters != "z" for _ in range(kind.weight)]
            rng.shuffle(deck)
        kind = deck.pop()
        letter = rng.choice([letter for letter in kind.letters if counts[letter]])
        target = "leader" if kind.leader_only else f"{letter}{rng.randint(1, counts[letter])}"
        faults.append(kind(at, min(rng.uniform(*kind.lasts), seconds - at), target, rng))
        at += rng.choice((0.3, 1.0, 2.0, 3.0)) * rng.uniform(0.6, 1.4) / pace
    return faults


class Runner:
    """Does a plan to a world; each fault is written down when it is undone, and those that still last by heal()."""

    def __init__(self, world, faults, say):
        self.world, self.faults, self.say = world, faults, say
        self.active, self.lock = [], threading.Lock()

    def run(self):
        began = time.monotonic()
        waiting = sorted(self.faults, key=lambda fault: fault.at)
        while waiting or self.active:
            now = time.monotonic() - began
            for fault in [f for f in self.active if now >= f.at + f.seconds]:
                self._end(fault)
            while waiting and waiting[0].at <= now:
                self._begin(waiting.pop(0))
            time.sleep(0.05)

    def _begin(self, fault):
        fault.aim(self.world)
        fault.begun = time.time()
        self.say(fault)
        self.world.record("begin", what=type(fault).__name__, targets=fault.hit)
        fault.begin(self.world)
        self.active.append(fault)

    def _end(self, fault):
        self.active.remove(fault)
        fault.end(self.world)
        self.world.record("fault", what=type(fault).__name__, targets=fault.hit, begun=fault.begun, seconds=fault.seconds)

    def heal(self):
        for fault in list(self.active):
            self._end(fault)
