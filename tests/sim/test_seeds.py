"""Runs that once broke a law keep all laws now, and go on keeping them."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from tepui.sim.run import run
from tepui.sim.shipped import read_shipped

SEEDS = Path(__file__).parents[1] / "data" / "sim" / "seeds.toml"


class Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A run, and why it is remembered; ``hours`` and ``agents`` as `tepui sim run` takes them."""

    scenario: str
    seed: int
    why: str
    hours: float | None = None
    agents: int | None = None

    def __str__(self) -> str:
        return f"{self.scenario}-{self.seed}"


class Seeds(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The file."""

    runs: list[Entry]


def entries() -> list[Entry]:
    return msgspec.toml.decode(SEEDS.read_text(), type=Seeds).runs


@pytest.mark.slow
@pytest.mark.parametrize("entry", entries(), ids=str)
def test_a_seed_of_the_past_keeps_all_laws(entry: Entry) -> None:
    scenario = read_shipped(entry.scenario)
    if entry.agents is not None:
        scenario = scenario.with_agents(entry.agents)
    if entry.hours is not None:
        scenario = scenario.with_parts(settle_after=entry.hours * 3600)
    outcome = run(scenario, entry.seed, is_traced=False)
    assert outcome.violation is None, outcome.violation
    assert outcome.statistics.tasks_finished > 0
