"""What has to hold of a master's state after every event; tests look after each."""

from __future__ import annotations

from tepui.allocator import Allocator
from tepui.base.errors import invariant
from tepui.master.core.draining import may_be_drained
from tepui.master.core.maintenance import machine_of
from tepui.master.core.model import (
    EMPTY,
    Agent,
    AgentState,
    Framework,
    FrameworkState,
    State,
)
from tepui.master.core.pending import PendingForgetting
from tepui.master.core.quota import NO_QUOTA
from tepui.master.core.registry import is_full, transition_of
from tepui.master.core.tasks import taken
from tepui.messages import MachineInfo
from tepui.resources import Quantities, Resources
from tepui.resources.roles import lineage


def check(state: State, allocator: Allocator | None = None) -> None:
    """Restate the invariants.

    Args:
        state: Between two events.
        allocator: The master's; its books have to agree with the state's.

    Raises:
        InvariantViolated: One does not hold; the text names the object.
    """
    for framework in state.frameworks.values():
        _check_framework(state, framework)
    for agent in state.agents.values():
        _check_agent(state, agent)
    for framework in state.completed_frameworks.values():
        invariant(not framework.tasks, f"{framework.framework_id} is over and has tasks")
        invariant(not framework.used, f"{framework.framework_id} is over and uses resources")
        invariant(not framework.offers, f"{framework.framework_id} is over and has offers")
    _check_operations(state)
    _check_offers(state)
    _check_inverse_offers(state)
    _check_machines(state)
    _check_names(state)
    _check_writes(state)
    if allocator is not None:
        _check_allocator(state, allocator)


def _check_framework(state: State, framework: Framework) -> None:
    name = framework.framework_id
    is_connected = framework.state is FrameworkState.CONNECTED
    invariant(is_connected == framework.is_connected, f"{name} {framework.state} without stream")
    invariant(is_connected == framework.is_active, f"{name} {framework.state} is active or not")
    if framework.connection is not None:
        invariant(state.connections.get(framework.connection) is framework, f"{name}: connection")
    invariant(not framework.offers or is_connected, f"{name} has offers and is not connected")
    for task in framework.tasks.values():
        agent = state.agents.get(task.agent_id)
        invariant(agent is not None, f"{name}: task {task.task_id} is on no agent")
        assert agent is not None
        known = agent.tasks.get(name, {}).get(task.task_id)
        invariant(known is task, f"{name}: the agent does not know task {task.task_id}")
        invariant(task.is_terminal <= task.is_recovered, f"{task.task_id} is over and uses")
    for agent_id, executors in framework.executors.items():
        for executor in executors.values():
            known_executor = state.agents[agent_id].executors[name][executor.executor_id]
            invariant(known_executor is executor, f"{name}: executor {executor.executor_id}")
    for agent_id, used in framework.used_on.items():
        theirs = state.agents[agent_id].used.get(name)
        invariant(theirs == used, f"{name} uses {used} on {agent_id}, which says {theirs}")
    for offer in framework.offers.values():
        invariant(state.offers.get(offer.offer_id) is offer, f"{name}: offer {offer.offer_id}")


def _check_agent(state: State, agent: Agent) -> None:
    name = agent.agent_id
    used: dict[str, Resources] = {}
    for framework_id, tasks in agent.tasks.items():
        invariant(bool(tasks), f"{name}: an empty entry of tasks")
        for task in tasks.values():
            framework = state.frameworks[framework_id]
            invariant(framework.tasks.get(task.task_id) is task, f"{name}: task {task.task_id}")
            if not task.is_recovered:
                used[framework_id] = used.get(framework_id, EMPTY) + task.resources
    for framework_id, executors in agent.executors.items():
        invariant(bool(executors), f"{name}: an empty entry of executors")
        for executor in executors.values():
            used[framework_id] = used.get(framework_id, EMPTY) + executor.resources
    for operation in agent.operations.values():
        if operation.held and not operation.is_orphan:
            assert operation.framework_id is not None
            framework_id = operation.framework_id
            used[framework_id] = used.get(framework_id, EMPTY) + operation.held
    used = {key: resources for key, resources in used.items() if resources}
    invariant(agent.used == used, f"{name} is used {used}, and the books say {agent.used}")
    for framework_id, resources in used.items():
        theirs = state.frameworks[framework_id].used_on.get(name)
        invariant(theirs == resources, f"{framework_id} does not know what it uses on {name}")
    for offer in agent.offers.values():
        invariant(state.offers.get(offer.offer_id) is offer, f"{name}: offer {offer.offer_id}")
    _check_total(agent)
    is_registered = agent.state is AgentState.REGISTERED
    is_wanted = is_registered and not agent.is_deactivated
    invariant(is_wanted == agent.is_active, f"{name} {agent.state} is active or not")
    invariant(is_registered or not agent.offers, f"{name} {agent.state} has offers")
    invariant(agent.is_active or not agent.offers, f"{name} is out of use and has offers")
    invariant(agent.is_deactivated or agent.drain is None, f"{name} is drained and in use")
    is_done = may_be_drained(agent)
    is_listed = name in state.draining
    invariant(is_listed <= is_done, f"{name} is looked at for a drain that is not at its end")
    is_waiting = transition_of(state, name) is not None or (is_listed and is_full(state))
    invariant(is_done <= is_waiting, f"{name} is drained, and the registry does not hear of it")
    if agent.channel is not None:
        invariant(state.channels.get(agent.channel) is agent, f"{name}: channel")
    else:
        invariant(not is_registered, f"{name} is registered without a channel")


def _check_total(agent: Agent) -> None:
    """See that nothing is given that is not there, or given twice."""
    name = agent.agent_id
    total = agent.total
    invariant(total == total.unallocated(), f"{name} has something that is somebody's")
    invariant(total == taken((total,)), f"{name} has a shared volume twice")
    invariant(total.contains(agent.oversubscribed), f"{name} lacks what is oversubscribed")
    used = taken(agent.used.values())
    is_short = not total.contains(used)
    invariant(agent.is_short or not is_short, f"{name} has {total}, and {used} is used")
    if is_short:
        # It came back with less. What is used stays; the rest is given as usual.
        used -= used - total
    offers = [each.resources for each in agent.offers.values()]
    both = taken((used, *offers))
    invariant(total.contains(both), f"{name} has {total}, and {both} is taken")
    # Ranges and sets add up to their union: what was given twice shows in the counts only.
    counted = Quantities()
    for part in (*agent.used.values(), *offers):
        counted = counted.plus(_unshared(part).quantities())
    is_counted = is_short or _unshared(total).quantities().contains(counted)
    invariant(is_counted, f"{name} gave something twice")


def _unshared(resources: Resources) -> Resources:
    return resources if resources.is_plain else resources.filter(lambda key: not key.shared)


def _check_operations(state: State) -> None:
    of_agents = sum(len(each.operations) for each in state.agents.values())
    invariant(of_agents == len(state.operations), "an agent has an operation that is not there")
    of_frameworks = 0
    for uuid, operation in state.operations.items():
        name = uuid.hex()
        agent = state.agents.get(operation.agent_id)
        invariant(agent is not None, f"operation {name} is on no agent")
        assert agent is not None
        invariant(agent.operations.get(uuid) is operation, f"operation {name}: agent")
        invariant(not operation.held or not operation.is_terminal, f"{name} is over and holds")
        framework = state.frameworks.get(operation.framework_id or "")
        if framework is not None and not operation.is_orphan:
            invariant(framework.operations.get(uuid) is operation, f"operation {name}: framework")
            of_frameworks += 1
        elif operation.held:
            invariant(operation.is_orphan, f"operation {name} holds for nobody")
    owners: list[Agent | Framework] = [*state.agents.values(), *state.frameworks.values()]
    for each in owners:
        size = sum(operation.size for operation in each.operations.values())
        invariant(each.operations_bytes == size, "operations take other bytes than is said")
    theirs = sum(len(each.operations) for each in state.frameworks.values())
    invariant(theirs == of_frameworks, "a framework has an operation that is not there")


def _check_offers(state: State) -> None:
    for offer in state.offers.values():
        framework = state.frameworks.get(offer.framework_id)
        agent = state.agents.get(offer.agent_id)
        invariant(framework is not None, f"{offer.offer_id} is for nobody")
        invariant(agent is not None, f"{offer.offer_id} is of no agent")
        assert framework is not None
        assert agent is not None
        invariant(offer.offer_id in framework.offers, f"{offer.offer_id} is not its framework's")
        invariant(offer.offer_id in agent.offers, f"{offer.offer_id} is not its agent's")


def _check_inverse_offers(state: State) -> None:
    asked: dict[tuple[str, str], str] = {}
    for offer_id, inverse_offer in state.inverse_offers.items():
        framework = state.frameworks.get(inverse_offer.framework_id)
        agent = state.agents.get(inverse_offer.agent_id)
        invariant(framework is not None and framework.is_active, f"{offer_id} is for nobody")
        invariant(agent is not None and agent.is_active, f"{offer_id} is about no agent")
        assert framework is not None
        assert agent is not None
        invariant(framework.inverse_offers.get(offer_id) is inverse_offer, f"{offer_id}: framework")
        invariant(agent.inverse_offers.get(offer_id) is inverse_offer, f"{offer_id}: agent")
        says = inverse_offer.message.unavailability
        invariant(agent.unavailability == says, f"{offer_id} is about another time")
        pair = (inverse_offer.framework_id, inverse_offer.agent_id)
        invariant(pair not in asked, f"{offer_id} asks what {asked.get(pair)} does")
        asked[pair] = offer_id
    theirs = sum(len(each.inverse_offers) for each in state.frameworks.values())
    invariant(theirs == len(asked), "a framework has an inverse offer that is not there")
    theirs = sum(len(each.inverse_offers) for each in state.agents.values())
    invariant(theirs == len(asked), "an agent has an inverse offer that is not there")
    for agent in state.agents.values():
        name = agent.agent_id
        invariant(agent.unavailability or not agent.inverse_statuses, f"{name} has old answers")
        for framework_id in agent.inverse_statuses:
            invariant(framework_id in state.frameworks, f"{name} has answers of {framework_id}")


def _check_machines(state: State) -> None:
    for agent in state.agents.values():
        machine = machine_of(state, agent)
        name = agent.agent_id
        scheduled = None if machine is None else machine.unavailability
        invariant(agent.unavailability == scheduled, f"{name} is not there as scheduled")
        is_down = machine is not None and machine.mode is MachineInfo.Mode.DOWN
        invariant(
            not is_down or agent.state is AgentState.REMOVING, f"{name} stays, and is to be down"
        )


def _check_names(state: State) -> None:
    for agent_id in state.agents:
        invariant(agent_id not in state.recovered_agents, f"{agent_id} is back and awaited")
        invariant(agent_id not in state.unreachable_agents, f"{agent_id} is back and unreachable")
        invariant(agent_id not in state.gone_agents, f"{agent_id} is back and gone")
    for connection, framework in state.connections.items():
        invariant(framework.connection == connection, f"connection {connection} is stale")
    for channel, agent in state.channels.items():
        invariant(agent.channel == channel, f"channel {channel} is stale")
    for framework_id in state.frameworks:
        invariant(framework_id not in state.completed_frameworks, f"{framework_id} is over")


def _check_writes(state: State) -> None:
    """What is looked up by agent is what waits for the registry."""
    for agent_id, writes in state.writes_about.items():
        invariant(bool(writes), f"{agent_id}: an empty entry of writes")
        for token, pending in writes.items():
            invariant(state.pending_writes.get(token) is pending, f"{agent_id}: write {token}")
    found = sum(len(writes) for writes in state.writes_about.values())
    named = 0
    for pending in state.pending_writes.values():
        if isinstance(pending, PendingForgetting):
            named += len(pending.agent_ids)
        else:
            named += hasattr(pending, "agent_id")
    invariant(found == named, "a write that waits is not found by its agent")


def _check_allocator(state: State, allocator: Allocator) -> None:
    counted = Quantities()
    for agent in state.agents.values():
        held = taken((*agent.used.values(), *(each.resources for each in agent.offers.values())))
        counted = counted.plus((held - (held - agent.total)).scalars())
    theirs = allocator.statistics().offered_or_allocated
    for name in {**counted, **theirs}:
        invariant(
            counted.get(name, 0) == theirs.get(name, 0),
            f"{name}: {counted.get(name, 0)} is taken, the allocator says {theirs.get(name, 0)}",
        )
    _check_quotas(state, allocator)


def _check_quotas(state: State, allocator: Allocator) -> None:
    """The allocator shares by the quotas that the registry holds, and counts what is used."""
    views = {view.name: view for view in allocator.roles()}
    shared = {name: view.quota for name, view in views.items() if view.quota != NO_QUOTA}
    invariant(shared == state.quotas, f"quotas {state.quotas}, the allocator has {shared}")
    used: dict[str, Quantities] = {}
    for framework in state.frameworks.values():
        for role, part in framework.used.allocations().items():
            for name in lineage(role):
                used[name] = used.get(name, Quantities()).plus(
                    part.unreserved().non_revocable().scalars()
                )
    for name, view in views.items():
        consumed = view.reserved.plus(used.get(name, {}))
        invariant(
            consumed == view.consumed, f"{name} consumes {consumed}, the allocator: {view.consumed}"
        )
