"""Status updates: in order, one in flight, sent until acknowledged."""

from __future__ import annotations

from typing import Any

from tepui.agent.core.events import LinkClosed
from tepui.link.messages import AcknowledgeStatus, Ping, UpdateFramework


def test_an_unacknowledged_update_is_sent_again_with_growing_patience(agent: Any) -> None:
    agent.run_task(agent.task())
    sent_at = []
    started = agent.now.monotonic
    for _ in range(1400):
        agent.hear(Ping())
        if agent.updates(agent.advance(1)):
            sent_at.append(round(agent.now.monotonic - started))
    assert sent_at == [10, 30, 70, 150, 310, 630, 1230]


def test_the_same_update_is_sent_again(agent: Any) -> None:
    (first,) = agent.told(agent.run_task(agent.task()))
    (second,) = agent.told(agent.advance(11))
    assert first == second


def test_one_timer_looks_after_all_updates(agent: Any) -> None:
    agent.run_task(agent.task("a"))
    agent.advance(5)
    agent.run_task(agent.task("b"))
    assert agent.updates(agent.advance(5.1)) == ["a TASK_STARTING"]
    assert agent.updates(agent.advance(5.1)) == ["b TASK_STARTING"]


def test_an_acknowledgement_of_something_else_releases_nothing(agent: Any) -> None:
    effects = agent.run_task(agent.task())
    agent.launched(agent.launches(effects)[0].container_id)
    other = AcknowledgeStatus(framework_id="f1", task_id="t1", uuid=b"0" * 16)
    assert agent.hear(other) == []
    assert agent.acknowledge(effects) == ["TASK_STARTING", "TASK_RUNNING"]


def test_an_acknowledgement_that_comes_twice_releases_once(agent: Any) -> None:
    effects = agent.run_task(agent.task())
    agent.launched(agent.launches(effects)[0].container_id)
    (update,) = agent.told(effects)
    acknowledge = AcknowledgeStatus(framework_id="f1", task_id="t1", uuid=update.status.uuid)
    assert agent.updates(agent.hear(acknowledge)) == ["t1 TASK_RUNNING"]
    assert agent.hear(acknowledge) == []


def test_acknowledgements_of_what_is_unknown_are_ignored(agent: Any) -> None:
    acknowledge = AcknowledgeStatus(framework_id="f9", task_id="t1", uuid=b"0" * 16)
    assert agent.hear(acknowledge) == []


def test_without_a_master_updates_wait_and_then_go_out(agent: Any) -> None:
    container_id = agent.running()
    agent.handle(LinkClosed(reason="gone"))
    assert agent.updates(agent.exited(container_id)) == []
    assert agent.updates(agent.advance(3600)) == []
    effects = agent.reregistered()
    assert agent.updates(effects) == ["t1 TASK_FINISHED"]
    assert agent.acknowledge(effects) == ["TASK_FINISHED"]


def test_an_update_in_flight_is_sent_again_at_re_registration(agent: Any) -> None:
    agent.run_task(agent.task())
    agent.handle(LinkClosed(reason="gone"))
    assert agent.updates(agent.reregistered()) == ["t1 TASK_STARTING"]


def test_a_task_tells_which_update_is_in_flight(agent: Any) -> None:
    effects = agent.run_task(agent.task())
    agent.launched(agent.launches(effects)[0].container_id)
    message = agent.model.frameworks["f1"].tasks["t1"].to_message()
    assert message.state.value == "TASK_RUNNING"
    assert message.status_update_state.value == "TASK_STARTING"


def test_a_framework_that_returns_gets_what_waits_for_it_at_once(agent: Any) -> None:
    (first,) = agent.told(agent.run_task(agent.task()))
    returned = UpdateFramework(framework=agent.framework("f1"))
    assert agent.told(agent.hear(returned)) == [first]
    other = UpdateFramework(framework=agent.framework("f2"))
    assert agent.told(agent.hear(other)) == []
