"""What has to hold of a master's state after every event; tests look after each."""

from __future__ import annotations

from tepui.allocator import Allocator
from tepui.base.errors import invariant
from tepui.master.core.model import (
    EMPTY,
    Agent,
    AgentState,
    Framework,
    FrameworkState,
    State,
)
from tepui.resources import Quantities, Resources


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
    _check_offers(state)
    _check_inverse_offers(state)
    _check_names(state)
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
    used = {key: resources for key, resources in used.items() if resources}
    invariant(agent.used == used, f"{name} is used {used}, and the books say {agent.used}")
    for framework_id, resources in used.items():
        theirs = state.frameworks[framework_id].used_on.get(name)
        invariant(theirs == resources, f"{framework_id} does not know what it uses on {name}")
    for offer in agent.offers.values():
        invariant(state.offers.get(offer.offer_id) is offer, f"{name}: offer {offer.offer_id}")
    offered = agent.offered
    taken = offered.unallocated()
    for resources in used.values():
        taken += resources.unallocated()
    invariant(agent.total.contains(taken), f"{name} has {agent.total}, and {taken} is taken")
    # Ranges and sets add up to their union: what was given twice shows in the counts only.
    counted = _count_all(offered, used)
    invariant(agent.total.quantities().contains(counted), f"{name} gave something twice")
    is_registered = agent.state is AgentState.REGISTERED
    is_wanted = is_registered and not agent.is_deactivated
    invariant(is_wanted == agent.is_active, f"{name} {agent.state} is active or not")
    invariant(is_registered or not agent.offers, f"{name} {agent.state} has offers")
    if agent.channel is not None:
        invariant(state.channels.get(agent.channel) is agent, f"{name}: channel")
    else:
        invariant(not is_registered, f"{name} is registered without a channel")


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


def _check_allocator(state: State, allocator: Allocator) -> None:
    taken = Quantities()
    for agent in state.agents.values():
        taken = taken.plus(agent.offered.scalars())
        for resources in agent.used.values():
            taken = taken.plus(resources.scalars())
    theirs = allocator.statistics().offered_or_allocated
    for name in {**taken, **theirs}:
        invariant(
            taken.get(name, 0) == theirs.get(name, 0),
            f"{name}: {taken.get(name, 0)} is taken, the allocator says {theirs.get(name, 0)}",
        )


def _count_all(offered: Resources, used: dict[str, Resources]) -> Quantities:
    total = Quantities(offered.quantities())
    for resources in used.values():
        total = total.plus(resources.quantities())
    return total
