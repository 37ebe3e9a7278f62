"""What a master reads from the registry and writes to it."""

from __future__ import annotations

import re

import msgspec
import pytest

from tepui.link.messages import Registered, Reregistered, Shutdown, Unregister
from tepui.master.core import registry
from tepui.master.core.events import AgentDeactivationRequested
from tepui.master.core.registry import AgentRecord, AgentStanding, RegistryDamaged
from tepui.messages import AgentID, AgentInfo


def record(standing: AgentStanding, agent_id: str) -> bytes:
    info = AgentInfo(hostname="host-5051", id=AgentID(value=agent_id))
    return msgspec.msgpack.encode(AgentRecord(info=info, standing=standing, since=5.0))


def test_agents_are_read_by_their_standing(cluster) -> None:
    cluster.records = {
        "agents/a": record(AgentStanding.ADMITTED, "a"),
        "agents/u": record(AgentStanding.UNREACHABLE, "u"),
        "agents/g": record(AgentStanding.GONE, "g"),
        "else/red": b"somebody else's",
    }
    state = cluster.fail_over().state
    assert list(state.recovered_agents) == ["a"]
    assert state.unreachable_agents["u"].since == 5.0
    assert state.gone_agents == {"g": 5.0}


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("agents/a", b"\xc1"),
        ("agents/a", b"\x81\xa4info\x81\xa8hostname\xa1\xff"),
        ("weights/a", b"\xa1\xff"),
        ("quotas/a", b"\x81\xa6limits\x81\xa1\xff\x01"),
        ("machines/a|", b"\x81\xa1\xff\x01"),
    ],
)
def test_a_damaged_record_is_named_rather_than_forgotten(cluster, key: str, value: bytes) -> None:
    cluster.records = {key: value}
    with pytest.raises(RegistryDamaged, match=re.escape(key)):
        cluster.fail_over()


def test_an_agent_that_is_gone_may_not_return(cluster) -> None:
    cluster.records = {"agents/g": record(AgentStanding.GONE, "g")}
    successor = cluster.fail_over()
    agent = successor.agent()
    agent.info = msgspec.structs.replace(agent.info, id=AgentID(value="g"))
    agent.reregister()
    assert len(agent.take(Shutdown)) == 1
    assert agent.take(Reregistered) == []
    assert not successor.state.agents


def test_a_record_follows_its_agent_through_the_standings(cluster) -> None:
    agent = cluster.agent().register()
    key = f"agents/{agent.agent_id}"

    def standing() -> str:
        return msgspec.msgpack.decode(cluster.records[key], type=AgentRecord).standing.value

    assert standing() == "admitted"
    agent.disconnect()
    cluster.pass_time(601.0)
    assert standing() == "unreachable"
    agent.reregister()
    assert standing() == "admitted"


def test_agents_and_operators_have_to_come_again_when_the_registry_is_slow(
    cluster, monkeypatch
) -> None:
    changed, leaving, drained, silent = (
        cluster.agent(port=5051 + index).register() for index in range(4)
    )
    changed.disconnect()
    changed.info = msgspec.structs.replace(changed.info, resources=[])
    monkeypatch.setattr(registry, "WAITING_MAX", 2)
    cluster.is_storing = False
    new = [cluster.agent(port=6000 + index).register() for index in range(4)]
    assert len(cluster.unstored) == 2
    changed.reregister()
    leaving.say(Unregister())
    silent.answers_pings = False
    cluster.pass_time(100.0)
    assert len(cluster.unstored) == 2
    assert list(cluster.state.removals) == [silent.agent_id]
    answer = cluster.ask(
        lambda number: AgentDeactivationRequested(request_id=number, agent_id=drained.agent_id)
    )
    assert answer.status == 503
    assert "2 writes wait" in answer.text

    cluster.is_storing = True
    cluster.store()
    for each in new[2:]:
        each.register()
    changed.reregister(connect=False)
    cluster.pass_time(5.0)
    answer = cluster.ask(
        lambda number: AgentDeactivationRequested(request_id=number, agent_id=drained.agent_id)
    )
    assert answer.status == 200
    assert list(cluster.state.unreachable_agents) == [silent.agent_id]
    assert all(each.agent_id or each.take(Registered) for each in new)
    assert len(changed.take(Reregistered)) == 1
    cluster.pass_time(600.0)
    assert leaving.agent_id in cluster.state.unreachable_agents
