"""What the registry holds, and the writes that are under way.

One record per agent, under ``agents/<id>``, one per weight, under ``weights/<role>``, one per
quota, under ``quotas/<role>``, and one per machine of the maintenance schedule, under
``machines/<host name>|<address>``. A decision that others will hear of is written first; it waits
as a `PendingWrite` until the driver says that it is stored.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping
from typing import Protocol

import msgspec

from tepui.allocator import Quota
from tepui.master.core.context import Context
from tepui.master.core.effects import Persist
from tepui.master.core.machines import Machine
from tepui.master.core.model import RecoveredAgent, State, UnreachableAgent
from tepui.master.core.pending import (
    PendingForgetting,
    PendingGone,
    PendingMaintenance,
    PendingQuotas,
    PendingReadmission,
    PendingRemoval,
    PendingStanding,
    PendingUnreachable,
    PendingWeights,
    PendingWrite,
)
from tepui.master.validation.maintenance import machine_key
from tepui.messages import AgentInfo, DrainInfo
from tepui.resources import Quantities

PREFIX = "agents/"
WEIGHTS_PREFIX = "weights/"
MACHINES_PREFIX = "machines/"
QUOTAS_PREFIX = "quotas/"

# Of bytes that are no text msgspec complains as Python does.
_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError)


WAITING_MAX = 10_000
"""When so many writes wait for the registry, agents and operators have to come again.

What was decided before may add to it still, once for each agent that there is.
"""


class AgentStanding(enum.Enum):
    """Where an agent stands for whoever leads next."""

    ADMITTED = "admitted"
    UNREACHABLE = "unreachable"
    GONE = "gone"


class AgentRecord(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An agent as the registry holds it; ``since`` is the wall clock of its standing."""

    info: AgentInfo
    standing: AgentStanding = AgentStanding.ADMITTED
    since: float = 0.0
    is_deactivated: bool = False
    drain: DrainInfo | None = None


class QuotaRecord(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A quota as the registry holds it: thousandths by resource name."""

    guarantees: dict[str, int] = {}
    limits: dict[str, int] = {}


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(AgentRecord)
_weight_decoder = msgspec.msgpack.Decoder(float)
_machine_decoder = msgspec.msgpack.Decoder(Machine)
_quota_decoder = msgspec.msgpack.Decoder(QuotaRecord)


class RegistryDamaged(Exception):
    """A record cannot be read; going on would forget what was promised."""


def is_full(state: State) -> bool:
    """Tell whether so much waits for the registry that nothing is to be added to it."""
    return len(state.pending_writes) >= WAITING_MAX


def put(ctx: Context, agent_id: str, record: AgentRecord, pending: PendingWrite) -> int:
    """Store a record, then go on with ``pending``; return the token."""
    return _write(ctx, {PREFIX + agent_id: _encoder.encode(record)}, (), pending)


def delete(ctx: Context, agent_ids: tuple[str, ...], pending: PendingWrite) -> int:
    """Forget records, then go on with ``pending``; return the token."""
    return _write(ctx, {}, tuple(PREFIX + agent_id for agent_id in agent_ids), pending)


class Standing(Protocol):
    """What operators decided about an agent."""

    is_deactivated: bool
    drain: DrainInfo | None


def standing_of(state: State, agent_id: str, known: Standing) -> tuple[bool, DrainInfo | None]:
    """Return what operators decided about an agent, with what is still being stored."""
    standing = (known.is_deactivated, known.drain)
    for pending in _writes_about(state, agent_id):
        if isinstance(pending, PendingStanding):
            standing = (pending.is_deactivated, pending.drain)
    return standing


def transition_of(state: State, agent_id: str) -> str | None:
    """Return what the registry is being told of an agent just now, if anything."""
    for pending in _writes_about(state, agent_id):
        match pending:
            case PendingGone():
                return "it is being marked gone"
            case PendingUnreachable():
                return "it is being marked unreachable"
            case PendingRemoval():
                return "it is being removed"
            case PendingStanding():
                return "another request to change it is being stored"
            case PendingReadmission():
                return "it is registering again"
            case PendingForgetting():
                return "it is being forgotten"
            case _:
                continue
    return None


def is_being_given_up(state: State, agent_id: str) -> bool:
    """Tell whether the registry is being told that an agent is unreachable, or gone for good.

    Until it holds that, the agent cannot come back: the books would say two things of it.
    """
    return any(
        isinstance(pending, PendingGone | PendingUnreachable)
        for pending in _writes_about(state, agent_id)
    )


def _writes_about(state: State, agent_id: str) -> Iterable[PendingWrite]:
    return state.writes_about.get(agent_id, {}).values()


def take_up(state: State, token: int) -> PendingWrite:
    """Return what waited for the registry, which waits no more."""
    pending = state.pending_writes.pop(token)
    for agent_id in _concerned(pending):
        writes = state.writes_about[agent_id]
        del writes[token]
        if not writes:
            del state.writes_about[agent_id]
    return pending


def _concerned(pending: PendingWrite) -> tuple[str, ...]:
    """Return the ids of the agents that a write is about."""
    match pending:
        case PendingForgetting(agent_ids=agent_ids):
            return agent_ids
        case PendingWeights() | PendingQuotas() | PendingMaintenance():
            return ()
        case _:
            return (pending.agent_id,)


def put_weights(ctx: Context, weights: Mapping[str, float], pending: PendingWrite) -> int:
    """Store weights, then go on with ``pending``; return the token."""
    puts = {WEIGHTS_PREFIX + role: _encoder.encode(weights[role]) for role in weights}
    return _write(ctx, puts, (), pending)


def load_weights(records: Mapping[str, bytes]) -> dict[str, float]:
    """Return the weights of the registry.

    Raises:
        RegistryDamaged: A record of a weight is not one.
    """
    weights: dict[str, float] = {}
    for key, value in records.items():
        if key.startswith(WEIGHTS_PREFIX):
            try:
                weights[key.removeprefix(WEIGHTS_PREFIX)] = _weight_decoder.decode(value)
            except _UNREADABLE as error:
                raise RegistryDamaged(f"registry record {key}: {error}") from error
    return weights


def put_quotas(ctx: Context, quotas: Mapping[str, Quota], pending: PendingWrite) -> int:
    """Store quotas and forget those that are empty, then go on with ``pending``."""
    puts: dict[str, bytes] = {}
    deletes: list[str] = []
    for role, quota in quotas.items():
        if quota == Quota():
            deletes.append(QUOTAS_PREFIX + role)
        else:
            record = QuotaRecord(guarantees=dict(quota.guarantees), limits=dict(quota.limits))
            puts[QUOTAS_PREFIX + role] = _encoder.encode(record)
    return _write(ctx, puts, tuple(deletes), pending)


def load_quotas(records: Mapping[str, bytes]) -> dict[str, Quota]:
    """Return the quotas of the registry.

    Raises:
        RegistryDamaged: A record of a quota is not one.
    """
    quotas: dict[str, Quota] = {}
    for key, value in records.items():
        if key.startswith(QUOTAS_PREFIX):
            try:
                record = _quota_decoder.decode(value)
            except _UNREADABLE as error:
                raise RegistryDamaged(f"registry record {key}: {error}") from error
            quotas[key.removeprefix(QUOTAS_PREFIX)] = Quota(
                guarantees=Quantities(record.guarantees), limits=Quantities(record.limits)
            )
    return quotas


def put_machines(
    ctx: Context, changed: Iterable[Machine], removed: Iterable[Machine], pending: PendingWrite
) -> int:
    """Store machines and forget others, then go on with ``pending``; return the token."""
    puts = {_machine_path(each): _encoder.encode(each) for each in changed}
    return _write(ctx, puts, tuple(map(_machine_path, removed)), pending)


def load_machines(records: Mapping[str, bytes]) -> list[Machine]:
    """Return the machines of the registry, in any order.

    Raises:
        RegistryDamaged: A record of a machine is not one.
    """
    machines: list[Machine] = []
    for key, value in records.items():
        if key.startswith(MACHINES_PREFIX):
            try:
                machines.append(_machine_decoder.decode(value))
            except _UNREADABLE as error:
                raise RegistryDamaged(f"registry record {key}: {error}") from error
    return machines


def _machine_path(machine: Machine) -> str:
    hostname, ip = machine_key(machine.machine_id)
    return f"{MACHINES_PREFIX}{hostname}|{ip}"


def load(state: State, records: Mapping[str, bytes]) -> None:
    """Fill ``state`` with the agents of the registry; the records of others are passed over.

    Raises:
        RegistryDamaged: A record of an agent is not one.
    """
    for key, value in records.items():
        if not key.startswith(PREFIX):
            continue
        agent_id = key.removeprefix(PREFIX)
        try:
            record = _decoder.decode(value)
        except _UNREADABLE as error:
            raise RegistryDamaged(f"registry record {key}: {error}") from error
        match record.standing:
            case AgentStanding.ADMITTED:
                recovered = RecoveredAgent(
                    agent_id=agent_id,
                    info=record.info,
                    is_deactivated=record.is_deactivated,
                    drain=record.drain,
                )
                state.recovered_agents[agent_id] = recovered
            case AgentStanding.UNREACHABLE:
                state.unreachable_agents[agent_id] = UnreachableAgent(
                    agent_id=agent_id,
                    info=record.info,
                    since=record.since,
                    is_deactivated=record.is_deactivated,
                    drain=record.drain,
                )
            case AgentStanding.GONE:
                state.gone_agents[agent_id] = record.since


def _write(
    ctx: Context, puts: dict[str, bytes], deletes: tuple[str, ...], pending: PendingWrite
) -> int:
    token = ctx.state.writes_made
    ctx.state.writes_made += 1
    ctx.state.pending_writes[token] = pending
    for agent_id in _concerned(pending):
        ctx.state.writes_about.setdefault(agent_id, {})[token] = pending
    ctx.out.append(Persist(token=token, puts=puts, deletes=deletes))
    return token
