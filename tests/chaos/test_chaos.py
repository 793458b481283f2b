# SPDX-License-Identifier: Apache-2.0
"""Two runs of faults from a seed: one that is always the same, one that is new each time. What fails says its seed."""
import os
import random

import pytest

import chaos
import faults

FIXED = 20
SECONDS = 80
TOPOLOGY = {"masters": 3, "zookeepers": 3, "agents": 5}


@pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces need root")
@pytest.mark.parametrize("which", ["fixed", "random"])
def test_a_run(which, capsys):
    seed = FIXED if which == "fixed" else random.SystemRandom().randrange(1 << 31)
    said = []
    with capsys.disabled():
        print(f"\nchaos: the {which} seed is {seed}; tests/chaos/run --seed {seed} --seconds {SECONDS} replays it", flush=True)
    result = chaos.run(seed, SECONDS, lambda what: said.append(str(what)), **TOPOLOGY)
    with capsys.disabled():
        print("chaos: " + " ".join(f"{key}={value}" for key, value in result.figures.items()), flush=True)
    print("\n".join(said))
    assert not result.violations, f"seed {seed}; logs in {result.directory}:\n" + "\n".join(result.violations[:30])
    assert result.figures["tasks"] > 20 and result.figures["faults"] > 15, result.figures


def test_a_seed_is_a_plan():
    """The same seed brings the same faults; another one others; every kind of fault is drawn."""
    counts = {"m": 3, "z": 3, "a": 5, "f": 2}
    assert repr(faults.plan(7, 60, counts)) == repr(faults.plan(7, 60, counts)) != repr(faults.plan(8, 60, counts))
    drawn = {type(fault) for fault in faults.plan(7, 600, counts)}
    assert drawn == set(faults.kinds())
    assert not [f for f in faults.plan(7, 600, {**counts, "z": 0}) if f.letters == "z" or f.target.startswith("z")]
