"""Whatever of the records is lost, the rest holds together and nothing runs unknown."""

from __future__ import annotations

import itertools
from typing import Any

from tepui.agent.core.effects import Connect, DestroyContainer, Exit, ForgetEverything
from tepui.agent.core.records import AGENT_KEY, Checkpointed, key_of
from tepui.agent.core.salvage import salvage
from tepui.containers import protocol


def populate(agent: Any) -> list[str]:
    """Let two frameworks run commands, a pod and a custom executor; return all containers."""
    containers = [agent.running(agent.task("command"))]
    effects = agent.run_group(agent.task("pod-a"), agent.task("pod-b"))
    for spec in agent.launches(effects):
        effects += agent.launched(spec.container_id)
        containers.append(spec.container_id)
    infos = [agent.task(name, None, executor=agent.executor("e")) for name in ("c-a", "c-b")]
    (spec,) = agent.launches([each for info in infos for each in agent.run_task(info)])
    agent.launched(spec.container_id)
    agent.subscribe("e")
    containers.append(spec.container_id)
    containers.append(agent.running(agent.task("command"), by=agent.framework("f2")))
    return containers


def alive(container_id: str) -> protocol.Recovered:
    return protocol.Recovered(container_id=container_id, pid=7, sandbox="/w/s")


def test_any_two_records_may_be_lost(open_conversation: Any) -> None:
    agent = open_conversation().registered()
    containers = populate(agent)
    stored, config = dict(agent.stored), agent.config
    assert len(stored) > 12
    lost = [*itertools.combinations(stored, 1), *itertools.combinations(stored, 2)]
    for keys in lost:
        agent.stored = dict(stored)
        agent.config = config
        effects = agent.restart([*map(alive, containers)], unreadable=keys, is_strict=False)
        assert Connect() in effects or agent.model.orphans
        destroyed = {each.container_id for each in effects if isinstance(each, DestroyContainer)}
        # Each container is somebody's, or on its way out.
        assert destroyed.isdisjoint(agent.model.containers)
        assert destroyed | set(agent.model.containers) == set(containers)
        assert agent.model.counters["recovery_errors"] >= len(keys)
        assert (ForgetEverything() in effects) is (AGENT_KEY in keys)
        if AGENT_KEY in keys:
            assert agent.stored == {}
        # What is left is as good as new.
        left = [alive(each) for each in containers if each not in destroyed]
        effects = agent.restart(left, is_strict=True)
        assert not any(isinstance(each, Exit) for each in effects)


def test_strict_agents_do_not_start_over_any_loss(open_conversation: Any) -> None:
    agent = open_conversation().registered()
    containers = populate(agent)
    stored = dict(agent.stored)
    for key in stored:
        (exit_,) = agent.restart([*map(alive, containers)], unreadable=[key])
        assert exit_.is_failure
        assert key in exit_.reason
        assert agent.stored == stored


def test_sound_records_are_left_as_they_are(agent: Any) -> None:
    populate(agent)
    assert all(key_of(record) == key for key, record in agent.stored.items())
    empty = Checkpointed(source="file")
    assert salvage(empty) == (empty, {}, {})
