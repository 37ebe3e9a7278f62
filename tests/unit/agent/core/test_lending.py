"""What an agent lends is told when it changes, and taken back when a controller says so."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from tepui.agent.core.effects import DestroyContainer
from tepui.agent.core.events import (
    ContainerLaunchFailed,
    CorrectionsWanted,
    LendingEstimated,
    LinkClosed,
    LinkOpened,
)
from tepui.agent.core.lending import lent
from tepui.agent.core.oversubscription import Correction
from tepui.agent.core.oversubscription.fixed import revocable
from tepui.agent.metrics import agent_metrics
from tepui.containers import protocol
from tepui.link.messages import KillTask, Registered, Reregister, Reregistered, UpdateAgent
from tepui.messages import TaskState, TaskStatus
from tepui.resources import Resources, parse_resources

Reason = TaskStatus.Reason
KILLED = 9


def lend(text: str) -> Resources:
    return revocable(parse_resources(text))


def estimate(agent: Any, resources: Resources) -> list[Resources]:
    """Return what the master is told after an estimate."""
    effects = agent.handle(LendingEstimated(estimate=resources, lent=lent(agent.model)))
    return [Resources.from_messages(each.oversubscribed) for each in agent.told(effects)]


def borrower(agent: Any, task_id: str = "t1", **fields: Any) -> Any:
    resources = [*lend("cpus:1").to_messages(), *parse_resources("mem:32").to_messages()]
    info = agent.task(task_id, **fields)
    return msgspec.structs.replace(info, resources=resources)


def correct(agent: Any, executor_id: str, container_id: str | None = None) -> list[Any]:
    one = Correction(
        framework_id="f1", executor_id=executor_id, container_id=container_id, reason="too busy"
    )
    return agent.handle(CorrectionsWanted(corrections=[one]))


def test_the_master_hears_of_what_is_lent_when_that_changes(agent: Any) -> None:
    assert estimate(agent, lend("cpus:2")) == [lend("cpus:2")]
    assert estimate(agent, lend("cpus:2")) == []
    assert estimate(agent, lend("cpus:1")) == [lend("cpus:1")]
    assert estimate(agent, Resources()) == [Resources()]


def test_what_is_in_use_is_lent_whatever_is_estimated(agent: Any) -> None:
    estimate(agent, lend("cpus:2"))
    agent.running(borrower(agent))
    assert estimate(agent, lend("cpus:1")) == [], "one is in use, and one is left"
    assert estimate(agent, Resources()) == [lend("cpus:1")]


def test_what_changed_since_the_estimate_does_not_change_what_is_lent(agent: Any) -> None:
    estimate(agent, lend("cpus:2"))
    container_id = agent.running(borrower(agent))
    told = LendingEstimated(estimate=lend("cpus:2"), lent=Resources())
    assert agent.told(agent.handle(told)) == [], "the launch was on what was lent"
    agent.acknowledge(agent.exited(container_id))
    told = LendingEstimated(estimate=lend("cpus:1"), lent=lend("cpus:1"))
    assert agent.told(agent.handle(told)) == []
    agent.running(borrower(agent, "t2"))
    told = LendingEstimated(estimate=Resources(), lent=Resources())
    assert agent.told(agent.handle(told)) == [
        UpdateAgent(oversubscribed=lend("cpus:1").to_messages())
    ], "what is in use is lent"


@pytest.mark.parametrize(
    "resources",
    [
        parse_resources("cpus:2"),
        revocable(parse_resources("cpus(red):2")),
        lend("cpus:2").allocated_to("red"),
    ],
)
def test_what_could_not_be_taken_back_is_not_lent(agent: Any, resources: Resources) -> None:
    assert estimate(agent, resources) == []
    assert not agent.model.oversubscribed


def test_a_new_agent_says_what_it_lends_once_it_is_admitted(open_conversation: Any) -> None:
    agent = open_conversation()
    agent.start()
    assert estimate(agent, lend("cpus:2")) == []
    agent.handle(LinkOpened(master="m:5050"))
    told = agent.told(agent.hear(Registered(agent_id="master-S0", ping_timeout_seconds=75.0)))
    assert told == [UpdateAgent(oversubscribed=lend("cpus:2").to_messages())]


def test_a_returning_agent_says_it_with_the_rest(agent: Any) -> None:
    estimate(agent, lend("cpus:2"))
    agent.handle(LinkClosed(reason="gone"))
    (request,) = agent.told(agent.handle(LinkOpened(master="m:5050")))
    assert isinstance(request, Reregister)
    assert Resources.from_messages(request.oversubscribed) == lend("cpus:2")
    assert Resources.from_messages(request.total) == parse_resources("cpus:4;mem:1024")
    assert estimate(agent, lend("cpus:1")) == [], "there is nobody to tell"
    told = agent.told(agent.hear(Reregistered(agent_id="master-S0", ping_timeout_seconds=75.0)))
    assert told == [UpdateAgent(oversubscribed=lend("cpus:1").to_messages())]


def test_a_restarted_agent_lends_what_is_in_use_until_it_is_estimated(agent: Any) -> None:
    estimate(agent, lend("cpus:2"))
    container_id = agent.running(borrower(agent))
    agent.restart([protocol.Recovered(container_id=container_id, pid=77, sandbox="/s")])
    assert agent.model.oversubscribed == lend("cpus:1")


def test_what_is_lent_is_measured_apart(agent: Any) -> None:
    estimate(agent, lend("cpus:2"))
    agent.running(borrower(agent))
    found = agent_metrics(agent.model, agent.now.wall)
    assert found["slave/cpus_total"] == 4.0
    assert found["slave/cpus_revocable_total"] == 2.0
    assert found["slave/cpus_revocable_used"] == 1.0
    assert found["slave/cpus_revocable_percent"] == 0.5
    assert found["slave/executors_preempted"] == 0.0


@pytest.mark.parametrize(
    ("capabilities", "state"), [((), "TASK_LOST"), (("PARTITION_AWARE",), "TASK_GONE")]
)
def test_a_borrower_goes_at_once_and_its_framework_hears_why(
    agent: Any, capabilities: tuple[str, ...], state: str
) -> None:
    framework = agent.framework("f1", "TASK_KILLING_STATE", *capabilities)
    container_id = agent.running(borrower(agent), by=framework)
    assert correct(agent, "t1", container_id) == [DestroyContainer(container_id=container_id)]
    (update,) = agent.told(agent.exited(container_id, KILLED))
    assert update.status.state is TaskState[state]
    assert update.status.reason is Reason.REASON_CONTAINER_PREEMPTED
    assert update.status.source is TaskStatus.Source.SOURCE_AGENT
    assert update.status.message == "ended because it runs on revocable resources: too busy"
    assert agent_metrics(agent.model, agent.now.wall)["slave/executors_preempted"] == 1.0


def test_a_task_that_takes_its_time_to_end_is_ended(agent: Any) -> None:
    container_id = agent.running(borrower(agent))
    agent.hear(KillTask(framework_id="f1", task_id="t1"))
    assert correct(agent, "t1") == [DestroyContainer(container_id=container_id)]
    assert agent.updates(agent.exited(container_id, KILLED)) == ["t1 TASK_LOST"]


def test_a_borrower_goes_before_its_process_has_started(agent: Any) -> None:
    effects = agent.run_task(borrower(agent))
    (spec,) = agent.launches(effects)
    agent.acknowledge(effects)
    assert correct(agent, "t1") == [DestroyContainer(container_id=spec.container_id)]
    failed = ContainerLaunchFailed(container_id=spec.container_id, reason="destroyed")
    (update,) = agent.told(agent.handle(failed))
    assert update.status.reason is Reason.REASON_CONTAINER_PREEMPTED


def test_a_group_goes_as_a_whole(agent: Any) -> None:
    effects = agent.run_group(borrower(agent, "a"), borrower(agent, "b"))
    specs = agent.launches(effects)
    for spec in specs:
        effects += agent.launched(spec.container_id)
    agent.acknowledge(effects)
    ended = correct(agent, "pod")
    assert ended == [DestroyContainer(container_id=spec.container_id) for spec in specs]
    effects = [effect for spec in specs for effect in agent.exited(spec.container_id, KILLED)]
    assert agent.updates(effects) == ["a TASK_LOST", "b TASK_LOST"]


def test_a_custom_executor_goes_with_its_tasks(agent: Any) -> None:
    info = borrower(agent, command=None, executor=agent.executor())
    (spec,) = agent.launches(agent.run_task(info))
    agent.launched(spec.container_id)
    agent.subscribe()
    assert correct(agent, "e1") == [DestroyContainer(container_id=spec.container_id)]
    (update, _) = agent.told(agent.exited(spec.container_id, KILLED))
    assert update.status.reason is Reason.REASON_CONTAINER_PREEMPTED


def test_the_reason_outlives_a_restart_of_the_agent(agent: Any) -> None:
    container_id = agent.running(borrower(agent))
    correct(agent, "t1")
    exited = protocol.Exited(container_id=container_id, status=KILLED, at=0.0)
    agent.restart(
        [protocol.Recovered(container_id=container_id, pid=77, sandbox="/s", exited=exited)]
    )
    (update,) = agent.told(agent.reregistered())
    assert update.status.reason is Reason.REASON_CONTAINER_PREEMPTED


def test_nobody_else_is_ended(agent: Any) -> None:
    agent.running(agent.task("regular"))
    agent.running(borrower(agent, "borrower"))
    assert correct(agent, "regular") == [], "it was promised what it has"
    assert correct(agent, "nobody") == []
    assert correct(agent, "borrower", "an-earlier-run") == []
    assert len(correct(agent, "borrower")) == 1
    assert correct(agent, "borrower") == [], "once is enough"
    assert agent.model.counters["executors_preempted"] == 1


def test_what_is_measured_before_the_recovery_is_over_counts_for_nothing(
    open_conversation: Any,
) -> None:
    agent = open_conversation()
    assert estimate(agent, lend("cpus:1")) == []
    assert correct(agent, "t1") == []
    assert not agent.model.oversubscribed
