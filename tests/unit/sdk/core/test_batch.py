"""A batch of tasks and the offers that it meets."""

from __future__ import annotations

import pytest

from tepui.messages import (
    URL,
    Address,
    AgentID,
    ExecutorID,
    ExecutorInfo,
    FrameworkID,
    Offer,
    OfferID,
    Resource,
    TaskID,
    TaskInfo,
    TaskState,
    TaskStatus,
    Value,
)
from tepui.sdk.core.batch import (
    DONE_REFUSE_SECONDS,
    REFUSE_SECONDS,
    Batch,
    BatchEffect,
    Changed,
    Decline,
    Launch,
    Reconcile,
    Revive,
    Suppress,
    TooSmall,
)


def cpus(amount: float, role: str | None = None) -> Resource:
    reservations = []
    if role is not None:
        static = Resource.ReservationInfo.Type.STATIC
        reservations = [Resource.ReservationInfo(type=static, role=role)]
    return Resource(
        name="cpus",
        type=Value.Type.SCALAR,
        scalar=Value.Scalar(value=amount),
        reservations=reservations,
    )


def task(name: str, amount: float = 1.0) -> TaskInfo:
    return TaskInfo(
        name=name,
        task_id=TaskID(value=name),
        agent_id=AgentID(value=""),
        resources=[cpus(amount)],
    )


def offer(agent: str, *resources: Resource) -> Offer:
    return Offer(
        id=OfferID(value=f"offer-of-{agent}"),
        framework_id=FrameworkID(value="f"),
        agent_id=AgentID(value=agent),
        hostname=f"host-of-{agent}",
        url=URL(scheme="http", address=Address(ip="10.0.0.1", port=5051), path="/slave(1)"),
        resources=list(resources),
    )


def update(task_id: str, state: TaskState) -> TaskStatus:
    return TaskStatus(task_id=TaskID(value=task_id), state=state)


def launches(effects: list[BatchEffect]) -> dict[str, list[str]]:
    """Return the ids of the launched tasks, by agent."""
    return {
        effect.offer.agent_id.value: [info.task_id.value for info in effect.tasks]
        for effect in effects
        if isinstance(effect, Launch)
    }


def changes(effects: list[BatchEffect]) -> list[tuple[str, TaskState, bool]]:
    return [
        (effect.change.name, effect.change.state, effect.change.is_last)
        for effect in effects
        if isinstance(effect, Changed)
    ]


def test_tasks_are_spread_over_the_offers_and_the_last_one_suppresses() -> None:
    batch = Batch([task("t1"), task("t2"), task("t3")], retries_max=0)
    effects = batch.on_offers([offer("a", cpus(4)), offer("b", cpus(4))])
    assert launches(effects) == {"a": ["t1", "t3"], "b": ["t2"]}
    assert effects[-1] == Suppress()
    launched = next(effect.change for effect in effects if isinstance(effect, Changed))
    assert (launched.hostname, launched.agent_url) == ("host-of-a", "http://10.0.0.1:5051")


def test_only_what_fits_is_launched_and_the_rest_waits() -> None:
    batch = Batch([task("t1"), task("t2"), task("t3")], retries_max=0)
    assert launches(batch.on_offers([offer("a", cpus(2))])) == {"a": ["t1", "t2"]}
    assert batch.waiting == 1
    assert launches(batch.on_offers([offer("a", cpus(2))])) == {"a": ["t3"]}


def test_a_launched_task_names_the_agent_and_the_offered_resources() -> None:
    batch = Batch([task("t1", 1.5)], retries_max=0)
    effects = batch.on_offers([offer("a", cpus(1), cpus(1, "red"))])
    assert isinstance(effects[0], Launch)
    info = effects[0].tasks[0]
    assert info.agent_id == AgentID(value="a")
    # What is reserved for us goes first.
    assert info.resources == [cpus(1, "red"), cpus(0.5)]


def test_offers_that_are_too_small_are_declined_and_said_so() -> None:
    batch = Batch([task("t1", 8)], retries_max=0)
    small = offer("a", cpus(4))
    assert batch.on_offers([small]) == [
        Decline(offers=[small], refuse_seconds=REFUSE_SECONDS),
        TooSmall(name="t1", offers=[small], shortages=["cpus:8 needed, 4 offered"]),
    ]


def test_a_small_task_passes_a_big_one_that_does_not_fit() -> None:
    batch = Batch([task("big", 8), task("small", 1)], retries_max=0)
    assert launches(batch.on_offers([offer("a", cpus(4))])) == {"a": ["small"]}


def test_offers_are_not_wanted_when_nothing_waits() -> None:
    batch = Batch([task("t1")], retries_max=0)
    batch.on_offers([offer("a", cpus(1))])
    more = offer("b", cpus(1))
    assert batch.on_offers([more]) == [
        Decline(offers=[more], refuse_seconds=DONE_REFUSE_SECONDS),
        Suppress(),
    ]


def test_a_task_goes_through_its_states_to_its_result() -> None:
    batch = Batch([task("t1")], retries_max=0)
    batch.on_offers([offer("a", cpus(1))])
    running = update("t1", TaskState.TASK_RUNNING)
    assert changes(batch.on_update(running)) == [("t1", TaskState.TASK_RUNNING, False)]
    assert batch.on_update(running) == []  # a repetition tells nothing
    finished = update("t1", TaskState.TASK_FINISHED)
    assert changes(batch.on_update(finished)) == [("t1", TaskState.TASK_FINISHED, True)]
    assert batch.is_done
    assert batch.results["t1"].succeeded


def test_what_the_cluster_lost_is_tried_again_under_another_id() -> None:
    batch = Batch([task("t1")], retries_max=1)
    batch.on_offers([offer("a", cpus(1))])
    effects = batch.on_update(update("t1", TaskState.TASK_LOST))
    assert changes(effects) == [("t1", TaskState.TASK_LOST, False)]
    assert effects[-1] == Revive()
    assert launches(batch.on_offers([offer("b", cpus(1))])) == {"b": ["t1.2"]}
    # The old one may be heard of again; it is over for us.
    assert batch.on_update(update("t1", TaskState.TASK_RUNNING)) == []
    effects = batch.on_update(update("t1.2", TaskState.TASK_LOST))
    assert changes(effects) == [("t1", TaskState.TASK_LOST, True)]
    assert batch.is_done
    assert not batch.results["t1"].succeeded


def test_what_failed_by_itself_is_not_tried_again() -> None:
    for state in (TaskState.TASK_FAILED, TaskState.TASK_KILLED, TaskState.TASK_ERROR):
        batch = Batch([task("t1")], retries_max=5)
        batch.on_offers([offer("a", cpus(1))])
        batch.on_update(update("t1", state))
        assert batch.is_done


def test_an_unreachable_task_may_come_back() -> None:
    batch = Batch([task("t1")], retries_max=5)
    batch.on_offers([offer("a", cpus(1))])
    batch.on_update(update("t1", TaskState.TASK_RUNNING))
    batch.on_update(update("t1", TaskState.TASK_UNREACHABLE))
    assert [change.state for change in batch.live] == [TaskState.TASK_UNREACHABLE]
    batch.on_update(update("t1", TaskState.TASK_FINISHED))
    assert batch.is_done


def test_a_new_subscription_asks_for_what_was_launched() -> None:
    batch = Batch([task("t1"), task("t2")], retries_max=0)
    assert batch.on_subscribed() == []
    batch.on_offers([offer("a", cpus(1))])
    wanted = [(TaskID(value="t1"), AgentID(value="a"))]
    assert batch.on_subscribed() == [Reconcile(tasks=wanted)]


def test_names_have_to_be_distinct() -> None:
    with pytest.raises(ValueError, match="distinct"):
        Batch([task("t"), task("t")], retries_max=0)


POD = ExecutorInfo(
    type=ExecutorInfo.Type.DEFAULT, executor_id=ExecutorID(value="pod"), resources=[cpus(0.5)]
)


def test_a_group_starts_together_on_the_first_offer_that_has_room_for_all_of_it() -> None:
    batch = Batch([task("a"), task("b")], retries_max=3, group=POD)
    # Room for both tasks, but not for their executor.
    small, large = offer("small", cpus(2.0)), offer("large", cpus(2.5))
    launch, first, second, *rest = batch.on_offers([small, large])
    assert isinstance(launch, Launch)
    assert launch.offer is large
    assert launch.executor is not None
    assert [each.name for each in launch.tasks] == ["a", "b"]
    assert {each.agent_id.value for each in launch.tasks} == {"large"}
    assert isinstance(first, Changed)
    assert isinstance(second, Changed)
    assert rest == [Decline(offers=[small], refuse_seconds=REFUSE_SECONDS), Suppress()]


def test_a_group_that_fits_nowhere_says_what_all_of_it_needs() -> None:
    batch = Batch([task("a"), task("b")], retries_max=3, group=POD)
    small = offer("small", cpus(2.0))
    declined, too_small = batch.on_offers([small])
    assert declined == Decline(offers=[small], refuse_seconds=REFUSE_SECONDS)
    assert isinstance(too_small, TooSmall)
    assert too_small.shortages == ["cpus:2.5 needed, 2 offered"]


def test_a_task_that_a_group_has_lost_is_not_started_alone() -> None:
    batch = Batch([task("a")], retries_max=3, group=POD)
    batch.on_offers([offer("large", cpus(4.0))])
    lost = TaskStatus(task_id=TaskID(value="a"), state=TaskState.TASK_LOST)
    (changed,) = batch.on_update(lost)
    assert isinstance(changed, Changed)
    assert changed.change.is_last
    assert batch.is_done
