"""What containers use and offers name, held against what there is."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from tepui.agent.core.events import MasterMessageReceived
from tepui.link.messages import RunTask
from tepui.master.core.model import Offer
from tepui.messages import AgentID, FrameworkID, FrameworkInfo, TaskID, TaskInfo
from tepui.resources import parse_resources
from tepui.sim.laws import LawBroken
from tepui.sim.laws.spending import NoDoubleSpending
from tepui.sim.observations import ContainerEnded, ContainerStarted
from tepui.sim.scenario import AgentGroup, Cluster

FRAMEWORK = FrameworkInfo(user="u", name="n", id=FrameworkID(value="F"))


@pytest.fixture
def scenario(scenario):
    group = AgentGroup(resources="cpus:4;mem:1024;ports:[1-10]")
    return msgspec.structs.replace(scenario, cluster=Cluster(agents=(group,)))


@pytest.fixture
def told(stepped):
    """Return what makes an agent hear of a task."""

    def tell(task_id: str, resources: str) -> Any:
        info = TaskInfo(
            name=task_id,
            task_id=TaskID(value=task_id),
            agent_id=AgentID(value="S1"),
            resources=parse_resources(resources).to_messages(),
        )
        message = RunTask(framework=FRAMEWORK, task=info)
        return stepped("agent", MasterMessageReceived(message=message))

    return tell


def started(task_id: str) -> ContainerStarted:
    return ContainerStarted(
        at=5.0, node="agent-0", container_id=task_id, framework_id="F", task_id=task_id
    )


def ended(task_id: str) -> ContainerEnded:
    return ContainerEnded(
        at=6.0,
        node="agent-0",
        container_id=task_id,
        framework_id="F",
        task_id=task_id,
        status=0,
        reason="done",
    )


def test_what_has_ended_may_be_used_again(watched, told) -> None:
    watched(
        NoDoubleSpending,
        *[told("t1", "cpus:3"), told("t2", "cpus:3"), started("t1"), ended("t1"), started("t2")],
    )


def test_more_than_there_is_breaks_the_law(watched, told) -> None:
    tasks = [told("t1", "cpus:3"), told("t2", "cpus:3"), started("t1"), started("t2")]
    with pytest.raises(LawBroken, match="with task t2, containers use 6 cpus of 4"):
        watched(NoDoubleSpending, *tasks)


def test_the_same_port_twice_breaks_the_law(watched, told) -> None:
    tasks = [told("t1", "ports:[1-4]"), told("t2", "ports:[4-6]"), started("t1"), started("t2")]
    with pytest.raises(LawBroken, match="1 ports twice"):
        watched(NoDoubleSpending, *tasks)


def test_a_task_that_nobody_ordered_breaks_the_law(watched) -> None:
    with pytest.raises(LawBroken, match="which nobody told it to run"):
        watched(NoDoubleSpending, started("t1"))


@pytest.mark.slow
def test_an_offer_of_what_a_container_uses_breaks_the_law(running) -> None:
    run = running(NoDoubleSpending)
    run.until(15.0)
    agent = next(each for each in run.state.agents.values() if each.used)
    framework_id = next(iter(agent.used))
    agent.offers["forged"] = Offer(
        offer_id="forged",
        framework_id=framework_id,
        agent_id=agent.agent_id,
        role="red",
        resources=agent.total,
        message=None,
    )
    with pytest.raises(LawBroken, match="containers use and offers name"):
        run.law.look(run.world)
