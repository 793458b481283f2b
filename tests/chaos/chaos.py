# SPDX-License-Identifier: Apache-2.0
"""One run of chaos from a seed: build the world, let the faults loose, let it calm down, compare the books, end everything,
read the history. tests/chaos/run and the suite of contrib/check are its callers."""
import os
import shutil
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
for place in (HERE, os.path.join(os.path.dirname(HERE), "lib")):
    if place not in sys.path:
        sys.path.insert(0, place)

import checker  # noqa: E402
import faults  # noqa: E402
import history  # noqa: E402
import sweep  # noqa: E402
import zklog  # noqa: E402
from cluster import REPOSITORY  # noqa: E402
from world import ZNODE, World  # noqa: E402

CALM = 75  # seconds that it may take, at most, until all is well again after the last fault


def logs():
    if os.environ.get("CMESOS_CHAOS_LOGS"):
        return os.environ["CMESOS_CHAOS_LOGS"]
    prefix = os.environ.get("CMESOS_PREFIX")
    return os.path.join(os.path.dirname(prefix.rstrip("/")) if prefix else os.path.join(REPOSITORY, "build"), "chaos")


class Result:
    def __init__(self, seed):
        self.seed, self.violations, self.faults, self.directory, self.figures = seed, [], [], None, {}


def run(seed, seconds, say=lambda what: None, keep=False, pace=1.0, **counts):
    """Runs and judges; what failed is in the result, and the logs are kept then."""
    sweep.dead_runs()
    result = Result(seed)
    directory = tempfile.mkdtemp(prefix=f"cm-chaos-{os.getpid()}-")
    world = World(directory, seed, **counts)
    complaints = []
    try:
        try:
            world.start()
            say("the cluster is up")
            runner = faults.Runner(world, faults.plan(seed, seconds, world.counts, pace), say)
            result.faults = runner.faults
            try:
                runner.run()
            finally:
                runner.heal()
            calm_down(world, say)
        finally:
            world.stop()
            complaints = world.cluster.complaints() if hasattr(world, "cluster") else []
        written = list(zklog.of_registry(os.path.join(directory, "zookeeper"), ZNODE))
        story = history.whole(directory) + written
        if counts.get("zookeepers") and not written:
            result.violations.append("the run itself: no master has written the registry")
        result.violations += checker.check(story) + complaints
        result.figures = checker.figures(story)
    except Exception as error:  # pylint: disable=broad-except
        result.violations.append(f"the run itself: {type(error).__name__}: {error}")
        if keep:
            raise
    finally:
        result.directory = put_away(directory, seed, bool(result.violations) or keep)
    return result


def calm_down(world, say):
    """No more launches; in the end the books are equal with long tasks still running, then every task is ended."""
    world.say("quiet")
    began = time.monotonic()
    say("waiting for equal books")
    compared = world.quiet(CALM)
    say(f"books equal: {compared['equal']}, {compared.get('tasks')} tasks, after {time.monotonic() - began:.1f} s")
    world.say("end")
    drained = world.drained(CALM)
    world.record("ended", drained=drained)
    say(f"all tasks ended: {drained}, after {time.monotonic() - began:.1f} s")


def put_away(directory, seed, wanted):
    """Logs and history go to the build tree when they are of interest; nothing stays where the run was."""
    place = None
    if wanted:
        place = os.path.join(logs(), f"seed-{seed}-{int(time.time())}")
        os.makedirs(place)
        for root, _, files in os.walk(directory):
            for name in files:
                path = os.path.join(root, name)
                if name.endswith((".log", ".jsonl")) or os.path.dirname(path).endswith("/ran"):
                    shutil.copy(path, os.path.join(place, os.path.relpath(path, directory).replace("/", "_")))
    shutil.rmtree(directory, ignore_errors=True)
    return place
