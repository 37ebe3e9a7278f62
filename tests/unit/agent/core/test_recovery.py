"""An agent that restarts finds its tasks, and says what became of them meanwhile."""

from __future__ import annotations

from typing import Any

from tepui.agent.core.effects import (
    AcknowledgeExit,
    Connect,
    DestroyContainer,
    Exit,
    SignalContainer,
)
from tepui.agent.core.events import LinkOpened, SupervisorReplaced
from tepui.containers import protocol
from tepui.link.messages import AcknowledgeStatus, KillTask, Reregister, ShutdownFramework
from tepui.messages import DurationInfo, TaskID, TaskState, TaskStatus
from tepui.messages.executor import Call


def alive(container_id: str, pid: int = 77) -> protocol.Recovered:
    return protocol.Recovered(container_id=container_id, pid=pid, sandbox="/w/s")


def dead(container_id: str, status: int | None) -> protocol.Recovered:
    exited = protocol.Exited(container_id=container_id, status=status, at=5.0)
    return protocol.Recovered(container_id=container_id, pid=77, sandbox="/w/s", exited=exited)


def start_custom(agent: Any) -> str:
    effects = agent.run_task(agent.task("t1", None, executor=agent.executor()))
    (spec,) = agent.launches(effects)
    agent.launched(spec.container_id)
    container_id: str = spec.container_id
    return container_id


def test_a_running_task_goes_on(agent: Any) -> None:
    container_id = agent.running()
    agent.restart([alive(container_id)])
    assert agent.updates(agent.reregistered()) == []
    task = agent.model.frameworks["f1"].tasks["t1"]
    assert [status.state.value for status in task.statuses] == ["TASK_STARTING", "TASK_RUNNING"]
    assert agent.updates(agent.exited(container_id)) == ["t1 TASK_FINISHED"]


def test_the_agent_comes_back_under_its_id(agent: Any) -> None:
    agent.running()
    agent.restart()
    (message,) = agent.told(agent.handle(LinkOpened(master="m:5050")))
    assert isinstance(message, Reregister)
    assert message.agent_info.id.value == "master-S0"


def test_an_exit_that_happened_meanwhile_is_told(agent: Any) -> None:
    container_id = agent.running()
    effects = agent.restart([dead(container_id, 3 << 8)])
    assert AcknowledgeExit(container_id=container_id) in effects
    (update,) = agent.told(agent.reregistered())
    assert update.status.state.value == "TASK_FAILED"
    assert update.status.message == "the command exited with status 3"
    assert update.status.source.value == "SOURCE_EXECUTOR"


def test_a_task_whose_container_is_lost_fails(agent: Any) -> None:
    agent.running()
    agent.restart([])
    effects = agent.reregistered()
    assert agent.updates(effects) == ["t1 TASK_FAILED"]
    status = agent.told(effects)[-1].status
    assert status.reason.value == "REASON_EXECUTOR_TERMINATED"
    assert status.source.value == "SOURCE_AGENT"
    agent.acknowledge(effects)
    assert agent.model.frameworks == {}


def test_a_task_that_was_running_before_anyone_was_told_is_told(agent: Any) -> None:
    effects = agent.run_task(agent.task())
    (spec,) = agent.launches(effects)
    agent.restart([alive(spec.container_id)])
    assert agent.acknowledge(agent.reregistered()) == ["TASK_STARTING", "TASK_RUNNING"]


def test_a_task_that_came_and_went_while_the_agent_was_away_is_told_whole(agent: Any) -> None:
    effects = agent.run_task(agent.task())
    (spec,) = agent.launches(effects)
    agent.restart([dead(spec.container_id, 0)])
    assert agent.acknowledge(agent.reregistered()) == [
        *("TASK_STARTING", "TASK_RUNNING", "TASK_FINISHED")
    ]


def test_unacknowledged_updates_survive_under_their_uuids(agent: Any) -> None:
    container_id = agent.running()
    (before,) = agent.told(agent.exited(container_id))
    agent.restart([])
    after = agent.told(agent.reregistered())[-1]
    assert before.status == after.status
    acknowledge = AcknowledgeStatus(framework_id="f1", task_id="t1", uuid=before.status.uuid)
    agent.hear(acknowledge)
    assert list(agent.stored) == ["agent"]


def test_acknowledged_updates_are_not_sent_again(agent: Any) -> None:
    container_id = agent.running()
    agent.restart([alive(container_id)])
    assert agent.updates(agent.reregistered()) == []


def test_containers_without_a_record_are_destroyed(agent: Any) -> None:
    container_id = agent.running(by=agent.framework(checkpoint=False))
    effects = agent.restart([alive(container_id), dead("other", 0)])
    assert DestroyContainer(container_id=container_id) in effects
    assert AcknowledgeExit(container_id="other") in effects
    assert agent.model.frameworks == {}


def test_nothing_is_offered_again_before_what_nobody_knows_is_gone(agent: Any) -> None:
    """Its resources would be used twice."""
    effects = agent.restart([alive("left-over-1"), alive("left-over-2")])
    assert Connect() not in effects
    assert Connect() not in agent.exited("left-over-1")
    assert Connect() in agent.exited("left-over-2")


def test_an_agent_does_not_wait_for_ever_for_what_cannot_be_ended(agent: Any) -> None:
    agent.restart([alive("left-over")])
    assert Connect() in agent.advance(5.1)


def test_a_kill_goes_on_after_the_restart(agent: Any) -> None:
    container_id = agent.running()
    agent.hear(KillTask(framework_id="f1", task_id="t1"))
    effects = agent.restart([alive(container_id)])
    assert SignalContainer(container_id=container_id, signal=15) in effects
    assert DestroyContainer(container_id=container_id) in agent.advance(3.1)
    agent.reregistered()
    assert agent.updates(agent.exited(container_id, 9)) == ["t1 TASK_KILLED"]


def test_the_time_that_a_task_has_goes_on_counting(agent: Any) -> None:
    limit = DurationInfo(nanoseconds=10 * 10**9)
    container_id = agent.running(agent.task(max_completion_time=limit))
    agent.advance(8)
    agent.restart([alive(container_id)])
    assert SignalContainer(container_id=container_id, signal=15) in agent.advance(2.1)


def test_pods_go_on(agent: Any) -> None:
    effects = agent.run_group(agent.task("a"), agent.task("b"))
    specs = agent.launches(effects)
    for spec in specs:
        effects += agent.launched(spec.container_id)
    agent.acknowledge(effects)
    agent.restart([alive(specs[0].container_id), dead(specs[1].container_id, 1 << 8)])
    agent.reregistered()
    effects = agent.exited(specs[0].container_id, 15)
    states = agent.acknowledge(effects)
    assert states == ["TASK_KILLED"]


def test_an_executor_that_ended_meanwhile_uses_nothing(agent: Any) -> None:
    (spec,) = agent.launches(agent.run_group(agent.task("a")))
    agent.launched(spec.container_id)
    agent.restart([dead(spec.container_id, 0)])
    (message,) = agent.told(agent.handle(LinkOpened(master="m:5050")))
    # Its task still has to say how it ended; nobody says again that the executor has.
    ((told,),) = [each.executors for each in message.frameworks]
    assert [task.task_id.value for task in told.tasks] == ["a"]
    assert told.built_in


def test_an_executor_is_waited_for(agent: Any) -> None:
    container_id = start_custom(agent)
    agent.subscribe()
    agent.restart([alive(container_id)])
    agent.reregistered()
    effects = agent.subscribe(unacknowledged_tasks=[agent.task("t1")])
    assert [event.type.value for event in agent.events(effects)] == ["SUBSCRIBED"]
    assert agent.advance(10) == []


def test_an_executor_that_does_not_come_back_is_ended(agent: Any) -> None:
    container_id = start_custom(agent)
    agent.subscribe()
    agent.restart([alive(container_id)])
    agent.reregistered()
    assert DestroyContainer(container_id=container_id) in agent.advance(2.1)
    effects = agent.exited(container_id, 9)
    assert agent.updates(effects) == ["t1 TASK_LOST"]
    status = agent.told(effects)[0].status
    assert status.reason.value == "REASON_EXECUTOR_REREGISTRATION_TIMEOUT"


def test_an_executor_that_was_still_starting_has_its_whole_time(agent: Any) -> None:
    container_id = start_custom(agent)
    agent.restart([alive(container_id)])
    agent.reregistered()
    assert agent.advance(59) == []
    effects = agent.subscribe()
    assert [event.type.value for event in agent.events(effects)] == ["SUBSCRIBED", "LAUNCH"]


def test_an_update_that_the_executor_sends_again_counts_once(agent: Any) -> None:
    container_id = start_custom(agent)
    agent.subscribe()
    sent = TaskStatus(
        task_id=TaskID(value="t1"),
        state=TaskState.TASK_RUNNING,
        source=TaskStatus.Source.SOURCE_EXECUTOR,
        uuid=b"0123456789abcdef",
    )
    update = Call.Update(status=sent)
    agent.acknowledge(agent.call(type=Call.Type.UPDATE, update=update))
    agent.restart([alive(container_id)])
    agent.reregistered()
    effects = agent.subscribe(unacknowledged_updates=[update])
    assert agent.updates(effects) == []
    assert [event.type.value for event in agent.events(effects)] == ["SUBSCRIBED", "ACKNOWLEDGED"]


def test_a_framework_that_was_ending_ends(agent: Any) -> None:
    container_id = agent.running()
    agent.hear(ShutdownFramework(framework_id="f1"))
    agent.restart([alive(container_id)])
    agent.exited(container_id, 15)
    assert agent.model.frameworks == {}


def test_the_order_in_which_resources_are_given_does_not_matter(
    agent: Any, open_conversation: Any
) -> None:
    other = open_conversation(resources=list(reversed(agent.config.resources)))
    other.stored = agent.stored
    assert other.start() == [Connect()]


def test_an_agent_that_is_not_what_it_was_does_not_start(
    agent: Any, open_conversation: Any
) -> None:
    other = open_conversation(resources=[])
    other.stored = agent.stored
    (exit_,) = other.start()
    assert isinstance(exit_, Exit)
    assert exit_.is_failure
    assert "resources" in exit_.reason


def test_a_lost_supervisor_fails_what_ran_under_it(agent: Any) -> None:
    first = agent.running(agent.task("a"))
    second = agent.running(agent.task("b"))
    effects = agent.handle(SupervisorReplaced(containers=[dead(first, 0), dead(second, None)]))
    assert agent.updates(effects) == ["a TASK_FINISHED", "b TASK_FAILED"]
    lost = agent.told(effects)[1].status
    assert lost.reason.value == "REASON_EXECUTOR_TERMINATED"
    agent.acknowledge(effects)
    assert agent.model.containers == {}


def test_what_a_lost_supervisor_was_not_told_to_forget_the_next_one_is(agent: Any) -> None:
    ended = agent.running(agent.task("a"))
    agent.exited(ended)
    launching = agent.launches(agent.run_task(agent.task("b")))[0].container_id
    effects = agent.handle(SupervisorReplaced(containers=[dead(ended, 0), dead(launching, None)]))
    assert effects == [
        AcknowledgeExit(container_id=ended),
        AcknowledgeExit(container_id=launching),
    ]


def test_a_supervisor_that_only_hung_up_keeps_its_containers(agent: Any) -> None:
    runs = agent.running(agent.task("a"))
    over = agent.running(agent.task("b"))
    (spec,) = agent.launches(agent.run_task(agent.task("c")))
    launching = spec.container_id
    containers = [alive(runs), dead(over, 0), alive(launching), alive("stray")]
    effects = agent.handle(SupervisorReplaced(containers=containers))
    assert agent.updates(effects) == ["b TASK_FINISHED"]
    destroyed = [each.container_id for each in effects if isinstance(each, DestroyContainer)]
    # Nobody heard that the launch was done: it has failed, and may not go on.
    assert destroyed == [launching, "stray"]
    effects = agent.exited(runs, 3 << 8)
    assert agent.updates(effects) == ["a TASK_FAILED"]
