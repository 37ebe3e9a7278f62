"""Agents that operators drain, deactivate and reactivate."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from tepui.link.messages import (
    ApplyOperation,
    DrainAgent,
    ReactivateAgent,
    Shutdown,
    UpdateOperation,
)
from tepui.master.core.events import (
    AgentDeactivationRequested,
    AgentDrainRequested,
    AgentReactivationRequested,
    MaintenanceScheduleUpdateRequested,
    OperationRequested,
)
from tepui.messages import (
    UUID,
    DrainConfig,
    DrainState,
    MachineID,
    Offer,
    OperationState,
    OperationStatus,
    Resource,
    Unavailability,
)
from tepui.messages.maintenance import Schedule, Window
from tepui.messages.values import TimeInfo
from tepui.resources import parse_resources


def drain(cluster: Any, agent_id: str, **config: Any) -> int | None:
    return status_of(
        cluster.ask(
            lambda number: AgentDrainRequested(
                request_id=number, agent_id=agent_id, config=DrainConfig(**config)
            )
        )
    )


def deactivate(cluster: Any, agent_id: str) -> int | None:
    return status_of(
        cluster.ask(lambda number: AgentDeactivationRequested(request_id=number, agent_id=agent_id))
    )


def reactivate(cluster: Any, agent_id: str) -> int | None:
    return status_of(
        cluster.ask(lambda number: AgentReactivationRequested(request_id=number, agent_id=agent_id))
    )


def status_of(answer: Any) -> int | None:
    return None if answer is None else answer.status


def running(cluster: Any, *names: str, **fields: Any) -> Any:
    """Return a framework with running tasks on the only agent."""
    scheduler = cluster.scheduler("red", **fields).subscribe()
    [offer] = scheduler.offers()
    scheduler.launch(offer, *names)
    scheduler.take()
    return scheduler


def end(cluster: Any, agent: Any, scheduler: Any, *names: str) -> None:
    """Let tasks be killed, and their framework acknowledge it."""
    for index, name in enumerate(names):
        agent.update(scheduler.framework_id, name, "TASK_KILLED", uuid=bytes([index]) * 16)
        [status] = scheduler.statuses()
        scheduler.acknowledge(status)


def test_a_drain_is_told_once_the_registry_holds_it_and_not_before(cluster: Any) -> None:
    agent = cluster.agent().register()
    scheduler = running(cluster, "t1")
    cluster.is_storing = False
    assert drain(cluster, agent.agent_id) is None
    assert agent.take(DrainAgent) == []
    cluster.store()
    [answer] = cluster.answers
    assert answer.status == 200
    [told] = agent.take(DrainAgent)
    assert not told.config.mark_gone
    assert cluster.state.agents[agent.agent_id].drain.state is DrainState.DRAINING
    assert scheduler.offers() == []


def test_an_agent_is_drained_once_its_last_task_is_acknowledged(cluster: Any) -> None:
    agent = cluster.agent().register()
    scheduler = running(cluster, "t1", "t2")
    drain(cluster, agent.agent_id)
    end(cluster, agent, scheduler, "t1")
    known = cluster.state.agents[agent.agent_id]
    assert known.drain.state is DrainState.DRAINING
    end(cluster, agent, scheduler, "t2")
    assert known.drain.state is DrainState.DRAINED
    assert known.is_deactivated
    assert scheduler.offers() == [], "what is drained waits for an operator"


def test_an_agent_without_tasks_is_drained_at_once(cluster: Any) -> None:
    agent = cluster.agent().register()
    assert drain(cluster, agent.agent_id) == 200
    assert cluster.state.agents[agent.agent_id].drain.state is DrainState.DRAINED


def test_a_drain_takes_offers_back(cluster: Any) -> None:
    agent = cluster.agent().register()
    scheduler = cluster.scheduler("red").subscribe()
    [offer] = scheduler.offers()
    drain(cluster, agent.agent_id)
    [rescind] = scheduler.take("RESCIND")
    assert rescind["rescind"]["offer_id"] == offer["id"]
    assert not cluster.state.agents[agent.agent_id].is_active


def test_a_drained_agent_that_is_to_go_is_gone(cluster: Any) -> None:
    agent = cluster.agent().register()
    scheduler = running(cluster, "t1")
    drain(cluster, agent.agent_id, mark_gone=True)
    agent.update(scheduler.framework_id, "t1", "TASK_GONE_BY_OPERATOR")
    [status] = scheduler.statuses()
    scheduler.acknowledge(status)
    assert agent.agent_id in cluster.state.gone_agents
    assert len(agent.take(Shutdown)) == 1
    assert not cluster.state.agents


def test_a_reactivated_agent_is_offered_again_and_told(cluster: Any) -> None:
    agent = cluster.agent().register()
    scheduler = cluster.scheduler("red").subscribe()
    drain(cluster, agent.agent_id)
    assert scheduler.offers() == []
    assert reactivate(cluster, agent.agent_id) == 200
    assert len(agent.take(ReactivateAgent)) == 1
    assert len(scheduler.offers()) == 1
    known = cluster.state.agents[agent.agent_id]
    assert (known.drain, known.is_deactivated) == (None, False)


def test_what_is_draining_cannot_be_reactivated(cluster: Any) -> None:
    agent = cluster.agent().register()
    running(cluster, "t1")
    drain(cluster, agent.agent_id)
    assert reactivate(cluster, agent.agent_id) == 400
    assert cluster.state.agents[agent.agent_id].drain is not None


def test_what_is_not_deactivated_cannot_be_reactivated(cluster: Any) -> None:
    agent = cluster.agent().register()
    assert reactivate(cluster, agent.agent_id) == 400
    assert reactivate(cluster, "nobody") == 400


def test_a_deactivated_agent_keeps_its_tasks_and_is_not_offered(cluster: Any) -> None:
    agent = cluster.agent().register()
    scheduler = running(cluster, "t1")
    assert deactivate(cluster, agent.agent_id) == 200
    known = cluster.state.agents[agent.agent_id]
    assert (known.is_deactivated, known.is_active, known.drain) == (True, False, None)
    assert list(scheduler.take("UPDATE")) == []
    cluster.pass_time(6.0)  # what it refused when it launched
    assert scheduler.offers() == []
    assert reactivate(cluster, agent.agent_id) == 200
    assert len(scheduler.offers()) == 1


def test_an_agent_that_was_deactivated_comes_back_deactivated(cluster: Any) -> None:
    agent = cluster.agent().register()
    deactivate(cluster, agent.agent_id)
    agent.disconnect()
    agent.reregister()
    assert not cluster.state.agents[agent.agent_id].is_active
    successor = cluster.fail_over()
    assert successor.state.recovered_agents[agent.agent_id].is_deactivated
    again = successor.agent()
    again.info, again.agent_id = agent.info, agent.agent_id
    again.reregister()
    known = successor.state.agents[agent.agent_id]
    assert known.is_deactivated
    assert not known.is_active


def test_a_drain_goes_on_under_the_next_leader(cluster: Any) -> None:
    agent = cluster.agent().register()
    scheduler = running(cluster, "t1", checkpoint=True)
    drain(cluster, agent.agent_id)
    state = cluster.framework_state_of(scheduler)
    successor = cluster.fail_over()
    again = successor.agent()
    again.info, again.agent_id = agent.info, agent.agent_id
    again.reregister(state)
    assert len(again.take(DrainAgent)) == 1
    assert successor.state.agents[agent.agent_id].drain.state is DrainState.DRAINING
    returned = successor.scheduler("red")
    returned.framework_id = scheduler.framework_id
    returned.subscribe()
    returned.take()
    end(successor, again, returned, "t1")
    assert successor.state.agents[agent.agent_id].drain.state is DrainState.DRAINED


def test_an_agent_that_is_away_is_drained_when_it_returns(cluster: Any) -> None:
    agent = cluster.agent().register()
    agent.answers_pings = False
    cluster.pass_time(95.0)
    assert agent.agent_id in cluster.state.unreachable_agents
    assert drain(cluster, agent.agent_id) == 200
    assert cluster.state.unreachable_agents[agent.agent_id].is_deactivated
    agent.answers_pings = True
    agent.reregister()
    assert len(agent.take(DrainAgent)) == 1
    assert cluster.state.agents[agent.agent_id].drain.state is DrainState.DRAINED


def test_what_is_drained_may_become_unreachable_and_stays_drained(cluster: Any) -> None:
    agent = cluster.agent().register()
    drain(cluster, agent.agent_id)
    agent.answers_pings = False
    cluster.pass_time(95.0)
    unreachable = cluster.state.unreachable_agents[agent.agent_id]
    assert unreachable.drain is not None
    successor = cluster.fail_over()
    assert successor.state.unreachable_agents[agent.agent_id].drain == unreachable.drain


def test_a_drain_that_is_being_stored_is_not_lost_to_the_agents_silence(cluster: Any) -> None:
    agent = cluster.agent().register()
    running(cluster, "t1")
    agent.answers_pings = False
    cluster.pass_time(89.0)
    cluster.is_storing = False
    drain(cluster, agent.agent_id)
    cluster.pass_time(3.0)
    assert len(cluster.unstored) == 2
    cluster.store()
    unreachable = cluster.state.unreachable_agents[agent.agent_id]
    assert unreachable.is_deactivated
    assert cluster.fail_over().state.unreachable_agents[agent.agent_id].is_deactivated


def test_nobody_changes_an_agent_while_the_registry_is_told_of_it(cluster: Any) -> None:
    agent = cluster.agent().register()
    cluster.is_storing = False
    assert drain(cluster, agent.agent_id) is None
    assert deactivate(cluster, agent.agent_id) == 409
    assert drain(cluster, agent.agent_id) == 409


def test_agents_that_nobody_knows_cannot_be_drained_or_deactivated(cluster: Any) -> None:
    answer = cluster.ask(
        lambda number: AgentDrainRequested(request_id=number, agent_id="nope", config=DrainConfig())
    )
    assert (answer.status, answer.text) == (
        400,
        "drain_agent.agent_id 'nope' is no agent that we know",
    )
    assert deactivate(cluster, "nope") == 400


def test_an_agent_that_cannot_drain_is_not_drained(cluster: Any) -> None:
    agent = cluster.agent().register()
    known = cluster.state.agents[agent.agent_id]
    known.capabilities = tuple(each for each in known.capabilities if each != "AGENT_DRAINING")
    assert drain(cluster, agent.agent_id) == 400


def test_an_agent_in_maintenance_is_not_drained(cluster: Any) -> None:
    agent = cluster.agent().register()
    machine = MachineID(hostname="host-5051", ip="10.0.0.51")
    soon = Unavailability(start=TimeInfo(nanoseconds=1))
    schedule = Schedule(windows=[Window(machine_ids=[machine], unavailability=soon)])
    cluster.ask(
        lambda number: MaintenanceScheduleUpdateRequested(request_id=number, schedule=schedule)
    )
    assert drain(cluster, agent.agent_id) == 400


def test_a_drained_agent_hears_so_again_when_it_returns_and_others_do_not(cluster: Any) -> None:
    drained, other = cluster.agent().register(), cluster.agent(port=5052).register()
    drain(cluster, drained.agent_id)
    drained.take(DrainAgent)
    for agent in (drained, other):
        agent.disconnect()
        agent.reregister()
    assert len(drained.take(DrainAgent)) == 1, "a launch may be on its way to it"
    assert other.take(DrainAgent) == []


def test_an_agent_with_an_operation_under_way_is_not_drained_before_its_end(cluster: Any) -> None:
    agent = cluster.agent("cpus:4;mem:1024").register()
    reserved = parse_resources("cpus(dev):1").to_messages()[0]
    dynamic = Resource.ReservationInfo(type=Resource.ReservationInfo.Type.DYNAMIC, role="dev")
    reserve = Offer.Operation.Reserve(resources=[replace(reserved, reservations=[dynamic])])
    operation = Offer.Operation(type=Offer.Operation.Type.RESERVE, reserve=reserve)
    asked = cluster.ask(
        lambda number: OperationRequested(
            request_id=number, agent_id=agent.agent_id, operation=operation
        )
    )
    assert status_of(asked) == 202
    drain(cluster, agent.agent_id)
    known = cluster.state.agents[agent.agent_id]
    assert known.drain.state is DrainState.DRAINING
    [order] = agent.take(ApplyOperation)
    done = OperationStatus(
        state=OperationState.OPERATION_FINISHED, uuid=UUID(value=b"fedcba9876543210")
    )
    agent.say(UpdateOperation(uuid=order.uuid, status=done))
    assert known.drain.state is DrainState.DRAINED


def test_an_agent_with_tasks_is_not_looked_at_until_one_of_them_ends(cluster) -> None:
    agent = cluster.agent().register()
    scheduler = cluster.scheduler("red").subscribe()
    [offer] = scheduler.offers()
    scheduler.launch(offer, "t1")
    agent.update(scheduler.framework_id, "t1", "TASK_RUNNING")
    assert drain(cluster, agent.agent_id) == 200
    assert not cluster.state.draining
    agent.update(scheduler.framework_id, "t1", "TASK_KILLED", uuid=b"k" * 16)
    assert cluster.state.agents[agent.agent_id].drain.state is DrainState.DRAINING
    scheduler.acknowledge(scheduler.statuses()[-1])
    assert not cluster.state.draining
    assert cluster.state.agents[agent.agent_id].drain.state is DrainState.DRAINED
