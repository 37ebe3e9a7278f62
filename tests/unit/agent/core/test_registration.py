"""How an agent becomes part of the cluster and stays it."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from tepui.agent.core.effects import CloseLink, Connect, SendToMaster
from tepui.agent.core.events import LinkClosed, LinkOpened, MasterDetected
from tepui.link import parts
from tepui.link.messages import (
    ApplyOperation,
    Ping,
    Register,
    Registered,
    Reregister,
    Reregistered,
    ReregisterPart,
    RunTask,
    TaskReference,
)
from tepui.messages import Label, Labels, Offer, Resource
from tepui.resources import Resources, parse_resources


def test_a_new_agent_connects_at_once_and_asks_to_be_admitted(open_conversation: Any) -> None:
    agent = open_conversation()
    assert agent.start() == [Connect()]
    (message,) = agent.told(agent.handle(LinkOpened(master="m:5050")))
    assert isinstance(message, Register)
    assert message.agent_info.hostname == "h"
    assert message.agent_info.id is None
    assert message.pid == "slave(1)@127.0.0.1:5051"


def test_the_id_is_stored_when_it_is_given(open_conversation: Any) -> None:
    agent = open_conversation().registered()
    assert agent.stored["agent"].info.id.value == "master-S0"
    assert agent.model.state.value == "RUNNING"


def test_a_registration_that_is_not_answered_is_asked_for_again(open_conversation: Any) -> None:
    agent = open_conversation()
    agent.start()
    agent.handle(LinkOpened(master="m:5050"))
    asked = agent.told(agent.advance(600))
    # The patience grows from one second to a minute.
    assert 9 <= len(asked) <= 22
    assert all(isinstance(message, Register) for message in asked)


def test_a_link_that_cannot_be_opened_is_tried_again_later(open_conversation: Any) -> None:
    agent = open_conversation()
    agent.start()
    assert agent.handle(LinkClosed(reason="refused")) == []
    assert agent.advance(1.0) == [Connect()]


def test_a_new_leader_is_asked_soon_however_long_the_old_one_was_asked_in_vain(
    open_conversation: Any,
) -> None:
    agent = open_conversation()
    agent.start()
    for _ in range(8):
        agent.handle(LinkClosed(reason="refused"))
    assert agent.advance(1.0) == []  # the patience has grown by now
    assert agent.handle(MasterDetected(master="n:5050")) == []
    assert agent.advance(1.0) == [Connect()]
    agent.handle(LinkOpened(master="n:5050"))
    # It is the one that we are linked to.
    agent.handle(MasterDetected(master="n:5050"))
    assert Connect() not in agent.advance(1.0)


def test_a_lost_link_leads_to_re_registration_with_all_that_is_there(agent: Any) -> None:
    agent.running(agent.task("a"))
    agent.acknowledge(agent.exited(agent.running(agent.task("b"))))
    agent.handle(LinkClosed(reason="gone"))
    assert agent.model.state.value == "DISCONNECTED"
    assert Connect() in agent.advance(1.0)
    (message,) = agent.told(agent.handle(LinkOpened(master="m:5050")))
    assert isinstance(message, Reregister)
    (framework,) = message.frameworks
    (executor,) = framework.executors
    assert executor.built_in
    assert [task.state.value for task in executor.tasks] == ["TASK_RUNNING"]
    (completed,) = message.completed_frameworks
    assert [e.executor_info.executor_id.value for e in completed.executors] == ["b"]


def test_the_past_that_is_told_is_bounded(agent: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tepui.agent.core.registration.COMPLETED_TASKS_TOLD_MAX", 2)
    for number in range(4):
        agent.acknowledge(agent.exited(agent.running(agent.task(f"t{number}"))))
    agent.handle(LinkClosed(reason="gone"))
    (message,) = agent.told(agent.handle(LinkOpened(master="m:5050")))
    (completed,) = message.completed_frameworks
    assert [e.executor_info.executor_id.value for e in completed.executors] == ["t2", "t3"]


def test_tasks_that_only_the_master_knows_are_dropped(agent: Any) -> None:
    agent.running(agent.task("here"))
    agent.handle(LinkClosed(reason="gone"))
    agent.handle(LinkOpened(master="m:5050"))
    effects = agent.hear(
        Reregistered(
            agent_id="master-S0",
            ping_timeout_seconds=75.0,
            tasks=[
                TaskReference(framework_id="f1", task_id="here"),
                TaskReference(framework_id="f1", task_id="gone"),
                TaskReference(framework_id="f2", task_id="gone", framework_is_partition_aware=True),
            ],
        )
    )
    assert agent.updates(effects) == ["gone TASK_LOST", "gone TASK_DROPPED"]
    (first, _) = agent.told(effects)
    assert first.status.reason.value == "REASON_RECONCILIATION"
    assert first.status.source.value == "SOURCE_AGENT"
    assert agent.acknowledge(effects) == ["TASK_LOST", "TASK_DROPPED"]


def test_a_silent_master_is_left(agent: Any) -> None:
    assert agent.advance(74) == []
    agent.hear(Ping())
    assert agent.advance(74) == []
    (closed, connect) = agent.advance(3)
    assert isinstance(closed, CloseLink)
    assert connect == Connect()
    assert agent.model.state.value == "DISCONNECTED"


def test_orders_from_before_the_admission_are_ignored(open_conversation: Any) -> None:
    agent = open_conversation()
    agent.start()
    agent.handle(LinkOpened(master="m:5050"))
    assert agent.hear(RunTask(framework=agent.framework(), task=agent.task())) == []


def test_another_id_than_ours_is_not_taken(agent: Any) -> None:
    effects = agent.hear(Registered(agent_id="someone", ping_timeout_seconds=75.0))
    assert isinstance(effects[0], CloseLink)
    assert agent.model.agent_id == "master-S0"


def test_a_second_answer_changes_nothing(agent: Any) -> None:
    agent.run_task(agent.task())
    effects = agent.hear(Registered(agent_id="master-S0", ping_timeout_seconds=75.0))
    assert [effect for effect in effects if isinstance(effect, SendToMaster)] == []


def test_the_past_does_not_crowd_out_the_present(agent: Any, monkeypatch: Any) -> None:
    """What does not fit into one frame would keep the agent away for good."""
    for name in ("t1", "t2", "t3"):
        agent.acknowledge(agent.exited(agent.running(agent.task(name))))
    labels = Labels(labels=[Label(key="k", value="v" * 1000)])
    agent.running(agent.task("t4", labels=labels))
    agent.handle(LinkClosed(reason="gone"))
    (whole,) = agent.told(agent.handle(LinkOpened(master="m:5050")))
    (past,) = whole.completed_frameworks
    assert [each.executor_info.executor_id.value for each in past.executors] == ["t1", "t2", "t3"]
    size = len(msgspec.msgpack.encode(past.executors[0]))
    monkeypatch.setattr("tepui.agent.core.registration.COMPLETED_BYTES_TOLD_MAX", size * 2)
    agent.handle(LinkClosed(reason="gone"))
    (message,) = agent.told(agent.handle(LinkOpened(master="m:5050")))
    (past,) = message.completed_frameworks
    assert [each.executor_info.executor_id.value for each in past.executors] == ["t2", "t3"]
    ((present,),) = [each.executors for each in message.frameworks]
    assert present.tasks[0].labels == labels
    assert present.executor_info.labels is None, "told once, with the task"


def test_a_new_agent_tells_of_the_reservations_that_it_kept_from_another_life(
    open_conversation: Any,
) -> None:
    first = open_conversation().registered()
    reserved = parse_resources("cpus(dev):1").to_messages()
    operation = Offer.Operation(
        type=Offer.Operation.Type.RESERVE,
        reserve=Offer.Operation.Reserve(
            resources=[
                msgspec.structs.replace(
                    each,
                    reservations=[
                        Resource.ReservationInfo(
                            type=Resource.ReservationInfo.Type.DYNAMIC, role="dev"
                        )
                    ],
                    role=None,
                )
                for each in reserved
            ]
        ),
    )
    first.hear(ApplyOperation(uuid=b"u" * 16, operation=operation))
    heir = open_conversation()
    heir.stored = {"resources": first.stored["resources"]}
    heir.start()
    (register,) = heir.told(heir.handle(LinkOpened(master="m:5050")))
    assert isinstance(register, Register)
    assert Resources.from_messages(register.total).reserved("dev").get_scalar("cpus") == 1


def test_an_agent_that_has_much_to_tell_comes_back_in_parts(
    open_conversation: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    agent = open_conversation().registered()
    for name in ("t1", "t2", "t3"):
        agent.running(agent.task(name))
    agent.handle(LinkClosed(reason="lost"))
    (whole,) = agent.told(agent.handle(LinkOpened(master="m:5050")))
    agent.handle(LinkClosed(reason="lost"))
    monkeypatch.setattr(parts, "PART_BYTES_TARGET", 1000)
    *before, last = agent.told(agent.handle(LinkOpened(master="m:5050")))
    assert len(before) > 1
    assert all(isinstance(each, ReregisterPart) for each in before)
    assert (last.frameworks, last.parts) == ([], len(before))
    assert parts.join(before, last) == whole
