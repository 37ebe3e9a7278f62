"""A master to which everything happens that the registry keeps."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

from tepui.allocator import HierarchicalAllocator
from tepui.base.rng import Rng
from tepui.base.time import Instant
from tepui.codec import json
from tepui.ha.store import Store, StoreBatch
from tepui.link.messages import Register
from tepui.master import journal
from tepui.master.core.config import MasterConfig
from tepui.master.core.effects import Log, Persist, Respond
from tepui.master.core.events import (
    AgentChannelClosed,
    AgentDeactivationRequested,
    AgentDrainRequested,
    AgentGoneRequested,
    AgentMessageReceived,
    AnyEvent,
    MachinesDownRequested,
    MaintenanceScheduleUpdateRequested,
    Persisted,
    QuotaUpdateRequested,
    RegistryRecovered,
    Timer,
    TimerFired,
    TimerKind,
    WeightsUpdateRequested,
)
from tepui.master.core.master import Master
from tepui.messages import AgentInfo, DomainInfo, DrainConfig, MachineID, WeightInfo
from tepui.messages.maintenance import Schedule
from tepui.messages.quota import QuotaConfig
from tepui.resources import parse_resources

START = Instant(1000.0, 1_700_000_000.0)
SEED = 20_261_121
RESOURCES = "cpus:8;mem:16384;disk(ads/web):100;ports:[31000-32000,33000-33005];rack:{a,b}"
CAPABILITIES = [
    "MULTI_ROLE",
    "HIERARCHICAL_ROLE",
    "RESERVATION_REFINEMENT",
    "AGENT_OPERATION_FEEDBACK",
    "AGENT_DRAINING",
]


class MasterLife:
    """Lives at once, and stores what it decides.

    Attributes:
        journal: Of it.
    """

    def __init__(self, store: Store, *, has_large_agent: bool) -> None:
        domain = {"fault_domain": {"region": {"name": "eu"}, "zone": {"name": "z0"}}}
        config = MasterConfig(domain=json.from_builtins(DomainInfo, domain))
        rng = Rng(SEED)
        self._master = Master(config, HierarchicalAllocator(config.allocator, rng), rng, START)
        self._id = self._master.state.master_id
        self._now = START
        self._store = store
        header = journal.Header(
            run="000001-20231114T221320Z",
            segment=1,
            steps_before=0,
            tepui=version("tepui"),
            python="3.11.7",
            master_id=self._id,
            started=START,
            seed=f"{SEED:x}",
            allocator="hierarchical",
            config=config,
            flags={"cluster": "of old"},
        )
        self.journal = journal.segment_start(header)
        self._live(has_large_agent)
        self.journal += journal.block([journal.end_record("the master ended")])

    def _live(self, has_large_agent: bool) -> None:
        self._happen(RegistryRecovered(records=self._store.open()))
        for number in range(6):
            self._register(number)
        if has_large_agent:
            self._register(6, notes="x" * 400_000)
        self._happen(AgentChannelClosed(channel=2, reason="the link ended"))
        self._happen(TimerFired(timer=Timer(TimerKind.REREGISTRATION, self._agent(1))))
        self._happen(AgentGoneRequested(request_id=1, agent_id=self._agent(2)))
        drain = json.from_builtins(
            DrainConfig, {"max_grace_period": {"nanoseconds": 60_000_000_000}, "mark_gone": False}
        )
        self._happen(AgentDrainRequested(request_id=2, agent_id=self._agent(3), config=drain))
        self._happen(AgentDeactivationRequested(request_id=3, agent_id=self._agent(4)))
        self._operate()

    def _operate(self) -> None:
        quotas = (
            {
                "role": "ads",
                "guarantees": {"cpus": {"value": 2.5}},
                "limits": {"cpus": {"value": 6}},
            },
            {"role": "web", "limits": {"mem": {"value": 1024}, "gpus": {"value": 0}}},
        )
        configs = tuple(json.from_builtins(QuotaConfig, each) for each in quotas)
        self._happen(QuotaUpdateRequested(request_id=4, configs=configs))
        weights = (WeightInfo(weight=2.5, role="ads"), WeightInfo(weight=0.125, role="web/eu"))
        self._happen(WeightsUpdateRequested(request_id=5, weights=weights))
        self._happen(MaintenanceScheduleUpdateRequested(request_id=6, schedule=_schedule()))
        down = MachineID(hostname="spare", ip="192.0.2.99")
        self._happen(MachinesDownRequested(request_id=7, machine_ids=(down,)))

    def _agent(self, number: int) -> str:
        return f"{self._id}-S{number}"

    def _register(self, number: int, notes: str = "") -> None:
        attributes = [
            {"name": "zone", "type": "TEXT", "text": {"value": f"z{number}"}},
            {"name": "speed", "type": "SCALAR", "scalar": {"value": 2.25}},
        ]
        if notes:
            attributes.append({"name": "notes", "type": "TEXT", "text": {"value": notes}})
        described = {
            "hostname": f"host-{number}",
            "port": 5051,
            "attributes": attributes,
            "domain": {"fault_domain": {"region": {"name": "eu"}, "zone": {"name": f"z{number}"}}},
        }
        resources = [json.to_builtins(each) for each in parse_resources(RESOURCES).to_messages()]
        info = json.from_builtins(AgentInfo, {**described, "resources": resources})
        register = Register(
            agent_info=info,
            version="1.11.0",
            capabilities=CAPABILITIES,
            pid=f"slave(1)@192.0.2.{number}:5051",
        )
        self._happen(AgentMessageReceived(channel=number + 1, message=register, peer="192.0.2.1"))

    def _happen(self, event: AnyEvent) -> None:
        waiting: list[AnyEvent] = [event]
        while waiting:
            taken = waiting.pop(0)
            self._now = self._now.later(1.0)
            effects = self._master.handle(taken, self._now)
            written = [journal.input_record(taken, self._now), journal.effects_record(effects)]
            self.journal += journal.block(written)
            for effect in effects:
                if isinstance(effect, Respond) and effect.status >= 400:
                    raise ValueError(f"{taken}: {effect.text}")
                if isinstance(effect, Log) and effect.event == "agent_ignored":
                    raise ValueError(f"{effect.fields}")
                if isinstance(effect, Persist):
                    puts = dict(effect.puts)
                    self._store.write([StoreBatch(puts=puts, deletes=list(effect.deletes))])
                    waiting.append(Persisted(token=effect.token))


def _schedule() -> Schedule:
    hour = 3_600_000_000_000
    start = 1_900_000_000_000_000_000

    def window(first: int, *machines: dict[str, Any]) -> dict[str, Any]:
        unavailability = {
            "start": {"nanoseconds": start + first * hour},
            "duration": {"nanoseconds": hour},
        }
        return {"machine_ids": list(machines), "unavailability": unavailability}

    windows = [
        window(0, {"hostname": "host-0"}, {"hostname": "spare", "ip": "192.0.2.99"}),
        window(5, {"ip": "192.0.2.77"}),
    ]
    return json.from_builtins(Schedule, {"windows": windows})
