"""Who is silent, or does not come back, is given up in time; who is down is not there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec

from tepui.link.messages import Reregister
from tepui.master.core.events import AgentMessageReceived
from tepui.master.core.machines import Machine, Mode
from tepui.master.core.master import Master
from tepui.master.core.model import AgentState, State
from tepui.master.core.registry import (
    MACHINES_PREFIX,
    PREFIX,
    QUOTAS_PREFIX,
    WEIGHTS_PREFIX,
    AgentRecord,
    AgentStanding,
    QuotaRecord,
)
from tepui.sim.laws.law import Law, StepWatch, Watch
from tepui.sim.observations import CoreStepped, LeadershipBegan
from tepui.sim.scenario import Scenario
from tepui.sim.view import WorldView

SLACK_SECONDS = 15.0
"""A leader may stand still for almost as long as its lease lasts, and the registry may be slow."""

_agents = msgspec.msgpack.Decoder(AgentRecord)
_machines = msgspec.msgpack.Decoder(Machine)
_quotas = msgspec.msgpack.Decoder(QuotaRecord)
_weights = msgspec.msgpack.Decoder(float)


class SilentAgents(Law):
    """An agent that is not heard of, or was never, is not taken for present for ever."""

    name = "silent agents"
    look_seconds = 5.0

    def __init__(self, scenario: Scenario) -> None:
        super().__init__(scenario)
        config = scenario.master_config(0)
        pings = config.max_agent_ping_timeouts + 2
        self._silence_max = config.agent_ping_timeout * pings + SLACK_SECONDS
        self._absence_max = config.agent_reregister_timeout + SLACK_SECONDS
        self._began_at = 0.0
        self._heard: dict[int, float] = {}
        self._away: dict[str, float] = {}

    def watches(self) -> Mapping[type, Watch]:
        return {LeadershipBegan: self._on_began}

    def step_watches(self) -> Mapping[type, StepWatch]:
        return {AgentMessageReceived: self._on_message}

    def _on_began(self, began: LeadershipBegan) -> None:
        self._began_at = began.at
        self._heard.clear()
        self._away.clear()

    def _on_message(self, step: CoreStepped, event: AgentMessageReceived) -> None:
        self._heard[event.channel] = step.at
        message = event.message
        if isinstance(message, Reregister) and message.agent_info.id is not None:
            # It may be away again before anybody looks.
            self._away.pop(message.agent_info.id.value, None)

    def look(self, world: WorldView) -> None:
        leader = world.leader
        # With some under way or waiting for their turn, it may take longer.
        if leader is None or leader.state.pending_writes or leader.state.removals:
            self._away.clear()
            return
        if world.at - self._began_at > self._absence_max:
            for agent_id in leader.state.recovered_agents:
                what = f"still waits for {agent_id} to come back"
                raise self.broken(world.at, "the leader", what)
        away: dict[str, float] = {}
        for agent_id, agent in leader.state.agents.items():
            if agent.state is AgentState.DISCONNECTED:
                since = away[agent_id] = self._away.get(agent_id, world.at)
                self._expect(world, agent_id, since, self._absence_max)
            elif agent.channel is not None:
                since = self._heard.get(agent.channel, self._began_at)
                self._expect(world, agent_id, since, self._silence_max)
        self._away = away

    def _expect(self, world: WorldView, agent_id: str, since: float, seconds_max: float) -> None:
        if world.at - since > seconds_max:
            what = f"takes {agent_id} for present, of which nothing was heard for"
            raise self.broken(world.at, "the leader", f"{what} {world.at - since:g} s")


class KnownRegistry(Law):
    """Who leads goes by what the registry holds, all of it, and from the beginning.

    Looked at whenever nothing is on its way to the registry.
    """

    name = "known registry"
    look_seconds = 5.0

    def look(self, world: WorldView) -> None:
        leader = world.leader
        if leader is None or leader.state.pending_writes or not leader.state.is_recovered:
            return
        problem = next(_unknown(world, leader), None)
        if problem is not None:
            raise self.broken(world.at, "the leader", problem)


def _unknown(world: WorldView, leader: Master) -> Iterator[str]:
    """Find what the registry holds and the leader does not go by."""
    state = leader.state
    down: dict[str, None] = {}
    for key, value in world.registry.items():
        problem: str | None = None
        if key.startswith(PREFIX):
            problem = _about_agent(state, key.removeprefix(PREFIX), _agents.decode(value))
        elif key.startswith(QUOTAS_PREFIX):
            has, held = state.quotas.get(key.removeprefix(QUOTAS_PREFIX)), _quotas.decode(value)
            if has is None or (dict(has.guarantees), dict(has.limits)) != (
                held.guarantees,
                held.limits,
            ):
                problem = f"does not go by {key}"
        elif key.startswith(WEIGHTS_PREFIX):
            if state.weights.get(key.removeprefix(WEIGHTS_PREFIX)) != _weights.decode(value):
                problem = f"does not go by {key}"
        elif key.startswith(MACHINES_PREFIX):
            machine = _machines.decode(value)
            if machine.mode is Mode.DOWN and machine.machine_id.hostname is not None:
                down[machine.machine_id.hostname] = None
        if problem is not None:
            yield problem
    for agent_id, agent in state.agents.items():
        if agent.state is AgentState.REGISTERED and agent.info.hostname in down:
            yield f"has {agent_id}, whose machine is down"


def _about_agent(state: State, agent_id: str, record: AgentRecord) -> str | None:
    if record.standing is AgentStanding.GONE:
        return None if agent_id in state.gone_agents else f"does not know {agent_id} to be gone"
    known = state.find_agent(agent_id)
    if known is None:
        return f"knows nothing of {agent_id}, which is {record.standing.value}"
    if known.is_deactivated != record.is_deactivated or known.drain != record.drain:
        return f"does not go by what an operator has decided about {agent_id}"
    return None
