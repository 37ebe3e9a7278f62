"""A master's core whose steps are kept as a journal keeps them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tepui.allocator import HierarchicalAllocator
from tepui.base.rng import Rng
from tepui.base.time import Instant
from tepui.codec import json
from tepui.link.messages import Register, UpdateStatus
from tepui.master import journal
from tepui.master.core.config import MasterConfig
from tepui.master.core.events import (
    AgentMessageReceived,
    AllocateSlice,
    AnyEvent,
    Persisted,
    RegistryRecovered,
    SchedulerCalled,
)
from tepui.master.core.master import Master
from tepui.master.journal import Header
from tepui.messages import AgentID, AgentInfo, TaskID, TaskState, TaskStatus, scheduler
from tepui.resources.parsing import parse_resources

START = Instant(1000.0, 1_700_000_000.0)
SEED = 7


def core(config: MasterConfig | None = None) -> Master:
    """Return a core that has taken in nothing."""
    rng = Rng(SEED)
    config = config or MasterConfig()
    return Master(config, HierarchicalAllocator(config.allocator, rng), rng, START)


def header(config: MasterConfig | None = None, **fields: Any) -> Header:
    """Return the header that leads to the same core."""
    given: dict[str, Any] = {
        "run": "000001-20231114T221320Z",
        "segment": 1,
        "steps_before": 0,
        "tepui": "0.1.0",
        "python": "3.11.0",
        "master_id": core(config).state.master_id,
        "started": START,
        "seed": f"{SEED:x}",
        "allocator": "hierarchical",
        "config": config or MasterConfig(),
    }
    return Header(**{**given, **fields})


def conversation() -> list[AnyEvent]:
    """Return what a core takes in: an agent and a framework come, and are brought together."""
    info = AgentInfo(hostname="h", resources=parse_resources("cpus:4;mem:4096").to_messages())
    master_id = core().state.master_id
    capabilities = ["MULTI_ROLE", "HIERARCHICAL_ROLE", "RESERVATION_REFINEMENT"]
    agent = Register(agent_info=info, version="1.11.0", capabilities=capabilities, pid="slave(1)@h")
    update = UpdateStatus(
        framework_id=f"{master_id}-0000",
        status=TaskStatus(
            task_id=TaskID(value="nobody's"),
            state=TaskState.TASK_RUNNING,
            agent_id=AgentID(value=f"{master_id}-S0"),
            uuid=bytes(range(16)),
        ),
        latest_state=TaskState.TASK_RUNNING,
    )
    return [
        RegistryRecovered(records={}),
        AgentMessageReceived(channel=1, message=agent, peer="192.0.2.1"),
        Persisted(token=0),
        SchedulerCalled(request_id=1, call=subscribe(), connection=1),
        AllocateSlice(),
        AgentMessageReceived(channel=1, message=update, peer="192.0.2.1"),
    ]


def subscribe(**fields: Any) -> scheduler.Call:
    """Return the call of a framework that comes."""
    framework_info = {"user": "root", "name": "f", **fields}
    call = {"type": "SUBSCRIBE", "subscribe": {"framework_info": framework_info}}
    return json.from_builtins(scheduler.Call, call)


def journal_of(events: Sequence[AnyEvent], config: MasterConfig | None = None) -> bytes:
    """Return a segment in which a core takes in ``events``, a second apart."""
    master = core(config)
    data = journal.segment_start(header(config))
    for seconds, event in enumerate(events):
        now = START.later(seconds)
        data += journal.block([journal.input_record(event, now)])
        data += journal.block([journal.effects_record(master.handle(event, now))])
    return data
