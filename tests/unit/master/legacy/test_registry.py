"""The registry as Mesos shows it."""

from __future__ import annotations

import json
from typing import Any

import msgspec

from tepui.allocator import Quota
from tepui.master.core.machines import Machine
from tepui.master.core.model import RecoveredAgent, UnreachableAgent
from tepui.master.legacy.registry import registry_answer
from tepui.messages import (
    AgentID,
    AgentInfo,
    DrainConfig,
    DrainInfo,
    DrainState,
    DurationInfo,
    MachineID,
    MachineInfo,
    Resource,
)
from tepui.messages.machines import Unavailability
from tepui.messages.maintenance import Schedule, Window
from tepui.messages.values import TimeInfo
from tepui.resources import Quantities, parse_attributes, parse_resources


def shown(cluster: Any) -> Any:
    return json.loads(b"".join(registry_answer(cluster.state)))


def unavailable() -> Unavailability:
    return Unavailability(start=TimeInfo(nanoseconds=9))


def recorded_agent(cluster: Any) -> Any:
    agent = cluster.agent("cpus:4;mem:4096;disk:10240;ports:[1-2];cpus(static):1")
    agent.info = msgspec.structs.replace(agent.info, attributes=parse_attributes("rack:a;n:4.5"))
    return agent.register()


def test_it_has_the_recorded_key_tree(cluster: Any, golden: Any) -> None:
    recorded_agent(cluster)
    cluster.state.weights = {"dev": 2.0}
    cluster.state.are_weights_stored = True
    cluster.state.quotas = {
        "dev": Quota(
            guarantees=Quantities(cpus=2000, mem=512_000), limits=Quantities(cpus=6000, mem=6000)
        )
    }
    registry = shown(cluster)
    assert golden.differences("master_GET_registrar_1_registry", registry) == []
    assert registry["minimum_capabilities"] == [{"capability": "QUOTA_V2"}]
    assert registry["weights"] == [{"info": {"role": "dev", "weight": 2.0}}]
    [slave] = registry["slaves"]["slaves"]
    assert [each["role"] for each in slave["info"]["resources"]] == ["*"] * 4 + ["static"]


def test_agents_that_are_gone_or_silent_are_listed_with_the_time(cluster: Any) -> None:
    state = cluster.state
    state.gone_agents["g"] = 1_700_000_000.25
    info = AgentInfo(hostname="h", id=AgentID(value="u"))
    state.unreachable_agents["u"] = UnreachableAgent(agent_id="u", info=info, since=5.0)
    registry = shown(cluster)
    assert registry["gone"] == {
        "slaves": [{"id": {"value": "g"}, "timestamp": {"nanoseconds": 1_700_000_000_250_000_000}}]
    }
    assert registry["unreachable"]["slaves"][0]["timestamp"] == {"nanoseconds": 5 * 10**9}
    assert "slaves" not in registry


def test_an_agent_that_is_drained_says_so_before_it_is_back(cluster: Any) -> None:
    grace = DurationInfo(nanoseconds=7)
    drain = DrainInfo(state=DrainState.DRAINING, config=DrainConfig(max_grace_period=grace))
    info = AgentInfo(hostname="h", id=AgentID(value="a"))
    cluster.state.recovered_agents["a"] = RecoveredAgent(
        agent_id="a", info=info, is_deactivated=True, drain=drain
    )
    registry = shown(cluster)
    [slave] = registry["slaves"]["slaves"]
    assert slave["deactivated"] is True
    assert slave["drain_info"] == {
        "state": "DRAINING",
        "config": {"max_grace_period": {"nanoseconds": 7}, "mark_gone": False},
    }
    assert registry["minimum_capabilities"] == [{"capability": "AGENT_DRAINING"}]


def test_a_refined_reservation_keeps_the_form_that_can_say_it(cluster: Any) -> None:
    [cpus] = parse_resources("cpus:1").to_messages()
    reservation = Resource.ReservationInfo
    stack = [
        reservation(type=reservation.Type.STATIC, role="dev"),
        reservation(type=reservation.Type.DYNAMIC, role="dev/web"),
    ]
    refined = msgspec.structs.replace(cpus, reservations=stack)
    info = AgentInfo(hostname="h", id=AgentID(value="a"), resources=[refined])
    cluster.state.recovered_agents["a"] = RecoveredAgent(agent_id="a", info=info)
    [slave] = shown(cluster)["slaves"]["slaves"]
    [resource] = slave["info"]["resources"]
    assert [each["role"] for each in resource["reservations"]] == ["dev", "dev/web"]


def test_maintenance_is_there_once_it_is_planned(cluster: Any) -> None:
    assert not {"machines", "schedules"} & shown(cluster).keys()
    machine = MachineID(hostname="h")
    window = Window(machine_ids=[machine], unavailability=unavailable())
    cluster.state.schedule = Schedule(windows=[window])
    cluster.state.machines = {
        ("h", ""): Machine(
            machine_id=machine,
            mode=MachineInfo.Mode.DRAINING,
            unavailability=unavailable(),
            window=0,
            place=0,
        )
    }
    registry = shown(cluster)
    start = {"start": {"nanoseconds": 9}}
    assert registry["schedules"] == [
        {"windows": [{"machine_ids": [{"hostname": "h"}], "unavailability": start}]}
    ]
    assert registry["machines"] == {
        "machines": [
            {"info": {"id": {"hostname": "h"}, "mode": "DRAINING", "unavailability": start}}
        ]
    }


def test_any_method_reads_it_and_no_master_is_asked_instead(
    cluster: Any, make_operator: Any
) -> None:
    operator = make_operator(cluster)
    assert json.loads(operator.get("/registrar(1)/registry").body)["master"]
    assert operator.ask("POST", "/registrar%281%29/registry?jsonp=cb").body.startswith(b"cb({")
    cluster.state.is_recovered = False
    cluster.state.elected_time = None
    assert operator.json("/registrar(1)/registry") == {}
