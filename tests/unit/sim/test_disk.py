"""What a machine's disk keeps of its agent's records."""

from __future__ import annotations

import pytest

from tepui.agent.core.records import (
    AGENT_KEY,
    DRAIN_KEY,
    RESOURCES_KEY,
    AgentRecord,
    DrainRecord,
    ResourcesRecord,
)
from tepui.base.rng import Rng
from tepui.messages import AgentInfo, DrainConfig
from tepui.sim.clock import Clock
from tepui.sim.disk import UNSYNCED_SECONDS, CheckpointDisk, DiskFailed

AGENT = AgentRecord(info=AgentInfo(hostname="h"))
DRAIN = DrainRecord(config=DrainConfig(), started_at=1.0)
RESOURCES = ResourcesRecord(resources=[])


def disk(seed: int = 1) -> tuple[Clock, CheckpointDisk]:
    clock = Clock()
    return clock, CheckpointDisk(clock, Rng(seed), (0.001, 0.002))


def test_what_is_committed_is_there_for_the_next_agent() -> None:
    _, kept = disk()
    kept.commit({AGENT_KEY: AGENT, DRAIN_KEY: DRAIN}, [])
    kept.commit({}, [DRAIN_KEY])
    loaded = kept.load()
    assert (loaded.agent, loaded.drain) == (AGENT, None)


def test_a_slow_disk_takes_its_time() -> None:
    _, slow = disk()
    assert 0.001 <= slow.commit({AGENT_KEY: AGENT}, []) <= 0.002
    slow.seconds_more = 2.0
    assert slow.commit({AGENT_KEY: AGENT}, []) > 2.0


def test_a_disk_that_fails_changes_nothing() -> None:
    _, failing = disk()
    failing.commit({AGENT_KEY: AGENT}, [])
    failing.is_failing = True
    with pytest.raises(DiskFailed):
        failing.commit({DRAIN_KEY: DRAIN}, [AGENT_KEY])
    with pytest.raises(DiskFailed):
        failing.forget_everything()
    assert failing.load().agent == AGENT


def test_reservations_outlive_the_agent_that_forgets_everything() -> None:
    _, kept = disk()
    kept.commit({AGENT_KEY: AGENT, RESOURCES_KEY: RESOURCES}, [])
    kept.forget_everything()
    loaded = kept.load()
    assert (loaded.agent, loaded.resources) == (None, RESOURCES)


def test_a_power_loss_takes_whole_commits_from_the_end_or_none() -> None:
    outcomes = {}
    for seed in range(30):
        _, kept = disk(seed)
        kept.commit({AGENT_KEY: AGENT}, [])
        kept.commit({DRAIN_KEY: DRAIN, RESOURCES_KEY: RESOURCES}, [AGENT_KEY])
        lost = kept.lose_power()
        loaded = kept.load()
        outcomes[lost] = (loaded.agent, loaded.drain, loaded.resources)
    assert outcomes == {
        0: (None, DRAIN, RESOURCES),
        1: (AGENT, None, None),
        2: (None, None, None),
    }


def test_what_is_old_survives_every_power_loss() -> None:
    for seed in range(20):
        clock, kept = disk(seed)
        kept.commit({AGENT_KEY: AGENT}, [])
        clock.run_until(UNSYNCED_SECONDS + 1.0)
        kept.commit({DRAIN_KEY: DRAIN}, [])
        kept.lose_power()
        assert kept.load().agent == AGENT
