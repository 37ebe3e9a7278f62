"""The registry never contradicts what was told: it holds a decision before anybody hears of it.

This law keeps its own copy of what was written. What a master reads when it begins to lead has
to be that copy, and whatever a master tells that rests on the registry has to be in it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from tepui.link.messages import Registered, Reregistered
from tepui.master.core import events
from tepui.master.core.effects import Respond, SendToScheduler
from tepui.master.core.registry import (
    MACHINES_PREFIX,
    PREFIX,
    QUOTAS_PREFIX,
    WEIGHTS_PREFIX,
    AgentRecord,
    AgentStanding,
    QuotaRecord,
)
from tepui.master.validation.maintenance import machine_key
from tepui.master.validation.quota import quota_of_config
from tepui.messages import TaskState, TaskStatus, WeightInfo
from tepui.messages.maintenance import Schedule
from tepui.sim.laws.law import Law, StepWatch, Watch
from tepui.sim.observations import CoreStepped, RegistryOpened, RegistryWritten
from tepui.sim.scenario import Scenario

REQUESTS_MAX = 1000
_agents = msgspec.msgpack.Decoder(AgentRecord)
_quotas = msgspec.msgpack.Decoder(QuotaRecord)
_weights = msgspec.msgpack.Decoder(float)


class DurableRegistry(Law):
    """Whoever opens the registry reads all that was written to it."""

    name = "durable registry"

    def __init__(self, scenario: Scenario) -> None:
        super().__init__(scenario)
        self._records: dict[str, bytes] = {}

    def watches(self) -> Mapping[type, Watch]:
        return {RegistryOpened: self._on_opened, RegistryWritten: self._on_written}

    def _on_opened(self, opened: RegistryOpened) -> None:
        for key in (*self._records, *opened.records):
            if self._records.get(key) != opened.records.get(key):
                what = f"reads another {key} than was written last"
                raise self.broken(opened.at, opened.node, what)

    def _on_written(self, written: RegistryWritten) -> None:
        self._records.update(written.puts)
        for key in written.deletes:
            self._records.pop(key, None)


class DurableBeforeVisible(Law):
    """What a master tells that rests on the registry is in it."""

    name = "durable before visible"

    def __init__(self, scenario: Scenario) -> None:
        super().__init__(scenario)
        # The newest two values of each key: the core may be one write behind the store.
        self._values: dict[str, tuple[bytes | None, bytes | None]] = {}
        self._requests: dict[tuple[str, int, int], Any] = {}

    def watches(self) -> Mapping[type, Watch]:
        return {RegistryWritten: self._on_written}

    def step_watches(self) -> Mapping[type, StepWatch]:
        return {
            Registered: self._on_admitted,
            Reregistered: self._on_admitted,
            SendToScheduler: self._on_sent,
            Respond: self._on_respond,
            events.AgentGoneRequested: self._on_request,
            events.AgentDrainRequested: self._on_request,
            events.AgentDeactivationRequested: self._on_request,
            events.AgentReactivationRequested: self._on_request,
            events.QuotaUpdateRequested: self._on_request,
            events.WeightsUpdateRequested: self._on_request,
            events.MaintenanceScheduleUpdateRequested: self._on_request,
        }

    def _on_written(self, written: RegistryWritten) -> None:
        for key, value in written.puts.items():
            before = self._values.get(key, (None, None))[0]
            self._check_transition(written, key, before, value)
            self._values[key] = (value, before)
        for key in written.deletes:
            self._values[key] = (None, self._values.get(key, (None, None))[0])

    def _check_transition(
        self, written: RegistryWritten, key: str, before: bytes | None, value: bytes
    ) -> None:
        if not key.startswith(PREFIX) or before is None:
            return
        was, becomes = _agents.decode(before), _agents.decode(value)
        if was.standing is AgentStanding.GONE and becomes.standing is not AgentStanding.GONE:
            what = f"makes {key} {becomes.standing.value}, which was gone for good"
            raise self.broken(written.at, written.node, what)

    def _standings(self, agent_id: str) -> list[AgentStanding | None]:
        """Return the newest and the one before; None is an agent that there is no record of."""
        values = self._newest(PREFIX + agent_id)
        return [None if each is None else _agents.decode(each).standing for each in values]

    def _on_admitted(self, step: CoreStepped, message: Registered | Reregistered) -> None:
        if step.core != "master":
            return
        standing = self._standings(message.agent_id)[0]
        if standing is not AgentStanding.ADMITTED:
            kind = type(message).__name__
            says = "nothing" if standing is None else standing.value
            what = f"says {kind} to agent {message.agent_id}, of which the registry holds {says}"
            raise self.broken(step.at, step.node, what)

    def _on_sent(self, step: CoreStepped, effect: SendToScheduler) -> None:
        update, failure = effect.event.update, effect.event.failure
        if update is not None:
            self._check_update(step, update.status)
        if failure is not None and failure.agent_id is not None and failure.executor_id is None:
            self._expect_lost(step, failure.agent_id.value, "FAILURE")

    def _check_update(self, step: CoreStepped, status: TaskStatus) -> None:
        if status.source is not TaskStatus.Source.SOURCE_MASTER or status.agent_id is None:
            return
        agent_id = status.agent_id.value
        if status.state is TaskState.TASK_UNREACHABLE:
            self._expect_lost(step, agent_id, status.state.name)
        elif status.state is TaskState.TASK_GONE_BY_OPERATOR:
            # Forgotten ones were gone before.
            if AgentStanding.ADMITTED in self._standings(agent_id)[:1]:
                self._refuse(step, agent_id, status.state.name)
        elif status.reason is TaskStatus.Reason.REASON_AGENT_REMOVED:
            self._expect_lost(step, agent_id, status.state.name)

    def _expect_lost(self, step: CoreStepped, agent_id: str, told: str) -> None:
        newest, before = self._standings(agent_id)
        # A record that there was none of before is an agent that was never lost.
        if newest is AgentStanding.ADMITTED and before in (None, AgentStanding.ADMITTED):
            self._refuse(step, agent_id, told)

    def _refuse(self, step: CoreStepped, agent_id: str, told: str) -> None:
        what = f"tells {told} of agent {agent_id}, which the registry holds as admitted"
        raise self.broken(step.at, step.node, what)

    def _on_request(self, step: CoreStepped, event: Any) -> None:
        while len(self._requests) >= REQUESTS_MAX:
            del self._requests[next(iter(self._requests))]
        self._requests[step.node, step.life, event.request_id] = event

    def _on_respond(self, step: CoreStepped, effect: Respond) -> None:
        event = self._requests.pop((step.node, step.life, effect.request_id), None)
        if event is None or effect.status != 200:
            return
        problem = self._missing(event)
        if problem is not None:
            kind = type(event).__name__
            raise self.broken(step.at, step.node, f"says yes to {kind}, and {problem}")

    def _missing(self, event: Any) -> str | None:
        """Return what the registry does not hold of a request that was said yes to."""
        match event:
            case events.AgentGoneRequested(agent_id=agent_id):
                standings = self._standings(agent_id)
                is_held = AgentStanding.GONE in standings or standings == [None, None]
                return None if is_held else f"agent {agent_id} is not gone in the registry"
            case events.AgentDrainRequested(agent_id=agent_id):
                return self._missing_standing(agent_id, is_deactivated=True)
            case events.AgentDeactivationRequested(agent_id=agent_id):
                return self._missing_standing(agent_id, is_deactivated=True)
            case events.AgentReactivationRequested(agent_id=agent_id):
                return self._missing_standing(agent_id, is_deactivated=False)
            case events.QuotaUpdateRequested(configs=configs):
                return self._missing_quotas(configs)
            case events.WeightsUpdateRequested(weights=weights):
                return self._missing_weights(weights)
            case events.MaintenanceScheduleUpdateRequested(schedule=schedule):
                return self._missing_machines(schedule)
            case _:
                return None

    def _missing_weights(self, weights: Iterable[WeightInfo]) -> str | None:
        for each in weights:
            held = self._newest(f"{WEIGHTS_PREFIX}{each.role}")
            if not any(value and _weights.decode(value) == each.weight for value in held):
                return f"the weight of {each.role} is another in the registry"
        return None

    def _missing_machines(self, schedule: Schedule) -> str | None:
        for window in schedule.windows:
            for machine in window.machine_ids:
                hostname, ip = machine_key(machine)
                if not any(self._newest(f"{MACHINES_PREFIX}{hostname}|{ip}")):
                    return f"machine {machine.hostname} is not in the registry"
        return None

    def _newest(self, key: str) -> tuple[bytes | None, bytes | None]:
        return self._values.get(key, (None, None))

    def _missing_standing(self, agent_id: str, *, is_deactivated: bool) -> str | None:
        values = self._newest(PREFIX + agent_id)
        for value in values:
            if value is not None and _agents.decode(value).is_deactivated is is_deactivated:
                return None
        if not is_deactivated and not any(values):
            return None
        return f"agent {agent_id} is {'in' if is_deactivated else 'out of'} use in the registry"

    def _missing_quotas(self, configs: tuple[Any, ...]) -> str | None:
        for config in configs:
            quota = quota_of_config(config)
            held = self._newest(QUOTAS_PREFIX + config.role)
            if not any(_is_quota(value, quota.guarantees, quota.limits) for value in held):
                return f"the quota of {config.role} is another in the registry"
        return None


def _is_quota(
    value: bytes | None, guarantees: Mapping[str, int], limits: Mapping[str, int]
) -> bool:
    record = QuotaRecord() if value is None else _quotas.decode(value)
    return record.guarantees == dict(guarantees) and record.limits == dict(limits)
