"""The registry as /registrar(1)/registry shows it: the message of Mesos that ours stands for.

Ours is a record per agent, weight and quota; here they are put together from the state. What
is still on its way to the store is not shown.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from tepui.codec import v0
from tepui.codec.assembly import Parts
from tepui.master.core.model import Agent, RecoveredAgent, State, UnreachableAgent
from tepui.master.core.views_quota import quota_configs
from tepui.messages import AgentInfo, DrainInfo, MachineInfo, MasterInfo, Resource
from tepui.resources.conversions import ReservationFormat, convert, reservations_of

_encode = msgspec.json.Encoder(order="sorted").encode
_MICROSECONDS_PER_SECOND = 10**6


def registry_answer(state: State) -> Parts:
    """Answer /registrar(1)/registry; before the registry was read there is nothing to show."""
    if not state.is_recovered:
        return [b"{}"]
    slaves = [*_slaves(state)]
    registry: dict[str, Any] = {
        "master": {"info": v0.to_builtins(_with_quota(state.master_info))},
        "slaves": {"slaves": slaves} if slaves else {},
        "unreachable": _times(
            (each.agent_id, each.since) for each in state.unreachable_agents.values()
        ),
        "gone": _times(state.gone_agents.items()),
        "weights": [
            {"info": {"role": role, "weight": weight}}
            for role, weight in (state.weights.items() if state.are_weights_stored else ())
        ],
        "quota_configs": [v0.to_builtins(each) for each in quota_configs(state.quotas)],
        "minimum_capabilities": _minimum_capabilities(state),
        "machines": _machines(state),
        "schedules": [v0.to_builtins(state.schedule)] if state.schedule.windows else [],
    }
    return [_encode({name: part for name, part in registry.items() if part})]


def _with_quota(info: MasterInfo) -> MasterInfo:
    """Add the capability whose name is left out where clients of 1.11 read version 1."""
    added = MasterInfo.Capability(type=MasterInfo.Capability.Type.QUOTA_V2)
    return msgspec.structs.replace(info, capabilities=[*info.capabilities, added])


def _slaves(state: State) -> Iterable[dict[str, Any]]:
    admitted: list[Agent | RecoveredAgent] = [
        *state.agents.values(),
        *state.recovered_agents.values(),
    ]
    for agent in admitted:
        yield _slave(agent.info, agent.is_deactivated, agent.drain)


def _slave(info: AgentInfo, is_deactivated: bool, drain: DrainInfo | None) -> dict[str, Any]:
    shown = msgspec.structs.replace(info, resources=[_older_form(each) for each in info.resources])
    # Our agents always checkpoint; the field is one of version 0 only.
    slave: dict[str, Any] = {"info": {**v0.to_builtins(shown), "checkpoint": True}}
    slave["deactivated"] = is_deactivated
    if drain is not None:
        slave["drain_info"] = v0.to_builtins(drain)
    return slave


def _older_form(resource: Resource) -> Resource:
    is_refined = len(reservations_of(resource)) > 1
    return resource if is_refined else convert(resource, ReservationFormat.PRE_REFINEMENT)


def _times(agents: Iterable[tuple[str, float]]) -> dict[str, Any]:
    # A double has no nanoseconds of this century.
    slaves = [
        {
            "id": {"value": agent_id},
            "timestamp": {"nanoseconds": round(since * _MICROSECONDS_PER_SECOND) * 1000},
        }
        for agent_id, since in agents
    ]
    return {"slaves": slaves} if slaves else {}


def _minimum_capabilities(state: State) -> list[dict[str, str]]:
    """Return what a master has to know in order to take over."""
    agents: list[Agent | RecoveredAgent | UnreachableAgent] = [
        *state.agents.values(),
        *state.recovered_agents.values(),
        *state.unreachable_agents.values(),
    ]
    found: list[dict[str, str]] = []
    if any(agent.is_deactivated or agent.drain is not None for agent in agents):
        found.append({"capability": "AGENT_DRAINING"})
    if state.quotas:
        found.append({"capability": "QUOTA_V2"})
    return found


def _machines(state: State) -> dict[str, Any]:
    infos = [
        MachineInfo(id=each.machine_id, mode=each.mode, unavailability=each.unavailability)
        for each in state.machines.values()
    ]
    return {"machines": [{"info": v0.to_builtins(each)} for each in infos]} if infos else {}
