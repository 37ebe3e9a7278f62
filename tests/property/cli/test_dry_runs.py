"""A dry run foretells what the master does, whatever the agent has and whatever is asked of it."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tepui.allocator import AllocatorOptions
from tepui.cli.amounts import parse_amounts
from tepui.cli.changing import Change
from tepui.cli.errors import CommandFailed
from tepui.cli.plans.holdings import Holdings, holdings_of
from tepui.cli.plans.quota import Facts, RoleQuota, removal, setting
from tepui.cli.plans.reservations import reserving, unreserving
from tepui.cli.plans.volumes import creation, destruction, find_volume, growth, shrinkage
from tepui.link.messages import ApplyOperation, UpdateOperation
from tepui.master.core.config import MasterConfig
from tepui.master.core.events import OperationRequested, QuotaUpdateRequested
from tepui.master.core.quota import capacity
from tepui.master.core.views import agent_message
from tepui.messages import UUID, Offer, OperationState, OperationStatus
from tepui.messages.master import Call
from tepui.resources.conversions import ReservationType
from tepui.resources.keys import Reservation

Operation = Offer.Operation
Plan = Callable[[Holdings], Change]

_STAGE = Path(__file__).parents[2] / "unit" / "master" / "conftest.py"
RESOURCES = "cpus:4;mem:512;disk:100;disk(ops):40;ports:[1-8]"


def stage() -> Any:
    name = "tests_master_stage"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, _STAGE)
        assert spec is not None
        assert spec.loader is not None
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]


def operation_of(call: Call) -> Operation:
    """Return the operation that the master makes of a call."""
    Type = Operation.Type
    if (reserve := call.reserve_resources) is not None:
        made = Operation.Reserve(source=reserve.source, resources=reserve.resources)
        return Operation(type=Type.RESERVE, reserve=made)
    if (unreserve := call.unreserve_resources) is not None:
        return Operation(
            type=Type.UNRESERVE, unreserve=Operation.Unreserve(resources=unreserve.resources)
        )
    if (create := call.create_volumes) is not None:
        return Operation(type=Type.CREATE, create=Operation.Create(volumes=create.volumes))
    if (destroy := call.destroy_volumes) is not None:
        return Operation(type=Type.DESTROY, destroy=Operation.Destroy(volumes=destroy.volumes))
    if (grow := call.grow_volume) is not None:
        grown = Operation.GrowVolume(volume=grow.volume, addition=grow.addition)
        return Operation(type=Type.GROW_VOLUME, grow_volume=grown)
    shrink = call.shrink_volume
    assert shrink is not None
    shrunk = Operation.ShrinkVolume(volume=shrink.volume, subtract=shrink.subtract)
    return Operation(type=Type.SHRINK_VOLUME, shrink_volume=shrunk)


roles = st.sampled_from(["dev", "ops", "dev/web", "ops/db", "bad role", "*"])
some_role = st.sampled_from(["dev", "ops", "dev/web", "ops/db"])
amounts = st.sampled_from(["cpus:1", "cpus:3;mem:100", "disk:30", "disk:90", "ports:[2-5]"])
ids = st.sampled_from(["a", "b"])
sizes = st.sampled_from([5.0, 20.0, 60.0])


def reserved(text: str, role: str, of: str | None = None) -> Plan:
    wanted, kept = parse_amounts("RESOURCES", text), Reservation(ReservationType.DYNAMIC, role)
    return lambda holdings: reserving(holdings, wanted, kept, of_role=of, disk=None)


def created(volume_id: str, role: str, size: float, *, is_shared: bool) -> Plan:
    return lambda holdings: creation(
        holdings,
        volume_id=volume_id,
        role=role,
        path="data",
        megabytes=size,
        disk=None,
        is_shared=is_shared,
        principal=None,
    )


# So that there is something to undo and to change from the first step on.
BEGINNING = [
    reserved("cpus:1;mem:20;disk:60", "dev"),
    reserved("cpus:1;disk:30", "dev/web", of="dev"),
    created("a", "dev", 20.0, is_shared=False),
    created("b", "ops", 20.0, is_shared=True),
]


@st.composite
def plans(draw: Any) -> Plan:
    verb = draw(st.sampled_from(["reserve", "unreserve", "create", "destroy", "grow", "shrink"]))
    role, volume_id, size = draw(some_role), draw(ids), draw(sizes)
    if verb == "reserve":
        wanted = parse_amounts("RESOURCES", draw(amounts))
        kept = Reservation(
            ReservationType.DYNAMIC, draw(roles), draw(st.sampled_from([None, "me"]))
        )
        of = draw(st.none() | some_role)
        return lambda holdings: reserving(holdings, wanted, kept, of_role=of, disk=None)
    if verb == "unreserve":
        some = draw(st.none() | amounts)
        part = None if some is None else parse_amounts("RESOURCES", some)
        return lambda holdings: unreserving(holdings, part, role, disk=None)
    if verb == "create":
        return created(volume_id, role, size, is_shared=draw(st.booleans()))
    if verb == "destroy":
        return lambda holdings: destruction(find_volume(holdings, volume_id, role))
    change = growth if verb == "grow" else shrinkage
    return lambda holdings: change(find_volume(holdings, volume_id, role), by=size, to=None)


def finish(agent: Any) -> None:
    """Have the agent do what it was told."""
    for number, order in enumerate(agent.take(ApplyOperation)):
        status = OperationStatus(
            state=OperationState.OPERATION_FINISHED, uuid=UUID(value=bytes([number]) * 16)
        )
        agent.say(UpdateOperation(uuid=order.uuid, status=status))


def with_a_task(cluster: Any) -> Any:
    """Return an agent on which a task uses some of what nobody reserved."""
    agent = cluster.agent(RESOURCES).register()
    scheduler = cluster.scheduler("dev", capabilities=["RESERVATION_REFINEMENT"]).subscribe()
    [offer] = scheduler.offers()
    scheduler.launch(offer, "task", resources="cpus:2;mem:450;ports:[1-3]")
    assert agent.launched() == ["task"]
    return agent


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(plans(), min_size=3, max_size=14))
def test_operations_are_refused_exactly_as_foretold(asked: list[Plan]) -> None:
    options = AllocatorOptions(allocation_interval=1.0)
    cluster = stage().Cluster(MasterConfig(allocator=options))
    agent = with_a_task(cluster)
    for plan in [*BEGINNING, *asked]:
        holdings = holdings_of(agent_message(cluster.state.agents[agent.agent_id]))
        try:
            change = plan(holdings)
        except CommandFailed:
            continue
        answer = ask_for(cluster, agent, operation_of(change.call))
        assert (answer.status, change.refusal is None) in ((202, True), (400, False), (409, False))
        if change.refusal is not None:
            assert change.refusal in answer.text
        finish(agent)


def ask_for(cluster: Any, agent: Any, operation: Operation) -> Any:
    return cluster.ask(
        lambda number: OperationRequested(
            request_id=number, agent_id=agent.agent_id, operation=operation
        )
    )


tops = st.sampled_from(["dev", "ops", "dev/web", "web", "bad role", "*"])
quantities = st.none() | st.dictionaries(
    st.sampled_from(["cpus", "mem", "gpus"]), st.sampled_from([0.0, 1.0, 3.0, 1e15]), max_size=2
)


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.tuples(tops, quantities, quantities, st.booleans()), min_size=1, max_size=8))
def test_quota_is_refused_exactly_as_foretold(asked: list[Any]) -> None:
    options = AllocatorOptions(allocation_interval=1.0)
    cluster = stage().Cluster(MasterConfig(allocator=options))
    with_a_task(cluster)
    for role, guarantees, limits, is_forced in asked:
        facts = facts_of(cluster)
        try:
            change = (
                removal(facts, role)
                if guarantees is None and limits is None
                else setting(facts, role, guarantees=guarantees, limits=limits, is_forced=is_forced)
            )
        except CommandFailed:
            continue
        update = change.call.update_quota
        assert update is not None
        answer = cluster.ask(
            lambda number, update=update: QuotaUpdateRequested(
                request_id=number,
                configs=tuple(update.quota_configs),
                is_forced=bool(update.force),
            )
        )
        assert (answer.status == 200) == (change.refusal is None)
        assert answer.text == (change.refusal or "")


def facts_of(cluster: Any) -> Facts:
    """Return what the command would read over the API."""
    quotas = cluster.state.quotas
    consumed = {view.name: view.consumed for view in cluster.allocator.roles()}
    return Facts(
        quotas={
            role: RoleQuota(
                role=role,
                guarantees=quotas[role].guarantees.to_floats() if role in quotas else {},
                limits=quotas[role].limits.to_floats() if role in quotas else {},
                consumed=consumed[role].to_floats() if role in consumed else {},
            )
            for role in {**quotas, **consumed}
        },
        capacity=capacity(cluster.state),
        allowed_roles=None,
    )
