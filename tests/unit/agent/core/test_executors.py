"""Custom executors: subscription, calls, and their end."""

from __future__ import annotations

from typing import Any

from tepui.agent.core.effects import (
    CloseStream,
    DestroyContainer,
    OpenStream,
    Respond,
    SignalContainer,
)
from tepui.agent.core.events import ContainerLaunchFailed, ExecutorDisconnected
from tepui.agent.core.updates import SEEN_MAX, STATUSES_MAX
from tepui.link.messages import (
    AcknowledgeStatus,
    ExecutorExited,
    ExecutorMessage,
    FrameworkMessage,
    KillTask,
    ShutdownExecutor,
)
from tepui.messages import ExecutorID, ExecutorInfo, TaskID, TaskInfo, TaskState, TaskStatus
from tepui.messages.executor import Call

UUID = b"0123456789abcdef"


def custom_task(agent: Any, task_id: str = "t1") -> TaskInfo:
    info: TaskInfo = agent.task(task_id, None, executor=agent.executor())
    return info


def status(task_id: str = "t1", state: str = "TASK_RUNNING", **fields: Any) -> TaskStatus:
    fields.setdefault("uuid", UUID)
    fields.setdefault("source", TaskStatus.Source.SOURCE_EXECUTOR)
    return TaskStatus(task_id=TaskID(value=task_id), state=TaskState[state], **fields)


def send_update(agent: Any, sent: TaskStatus, **fields: Any) -> Any:
    return agent.call(type=Call.Type.UPDATE, update=Call.Update(status=sent), **fields)


def launch(agent: Any, *task_ids: str) -> str:
    """Have an executor with its tasks started, not subscribed, and return its container."""
    effects = []
    for task_id in task_ids or ("t1",):
        effects += agent.run_task(custom_task(agent, task_id))
    (spec,) = agent.launches(effects)
    agent.launched(spec.container_id)
    container_id: str = spec.container_id
    return container_id


def subscribed(agent: Any, *task_ids: str) -> str:
    container_id = launch(agent, *task_ids)
    agent.subscribe()
    return container_id


def types(agent: Any, effects: Any) -> list[str]:
    return [event.type.value for event in agent.events(effects)]


def test_tasks_wait_until_their_executor_has_subscribed(agent: Any) -> None:
    launch(agent, "t1", "t2")
    framework = agent.model.frameworks["f1"]
    assert list(framework.executors["e1"].queued_tasks) == ["t1", "t2"]
    effects = agent.subscribe()
    assert isinstance(effects[0], OpenStream)
    assert types(agent, effects) == ["SUBSCRIBED", "LAUNCH", "LAUNCH"]
    told = agent.events(effects)[0].subscribed
    assert told.agent_info.id.value == "master-S0"
    assert told.container_id.value == framework.executors["e1"].container_id


def test_its_environment_is_that_of_mesos(agent: Any) -> None:
    (spec,) = agent.launches(agent.run_task(custom_task(agent)))
    assert spec.argv == ["/bin/sh", "-c", "run-executor"]
    environment = {k: v for k, v in spec.environment.items() if k != "PATH"}
    assert environment == {
        "LIBPROCESS_IP": "127.0.0.1",
        "LIBPROCESS_PORT": "0",
        "MESOS_AGENT_ENDPOINT": "127.0.0.1:5051",
        "MESOS_CHECKPOINT": "1",
        "MESOS_DIRECTORY": spec.sandbox,
        "MESOS_EXECUTOR_ID": "e1",
        "MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD": "5secs",
        "MESOS_FRAMEWORK_ID": "f1",
        "MESOS_HTTP_COMMAND_EXECUTOR": "0",
        "MESOS_RECOVERY_TIMEOUT": "15mins",
        "MESOS_SANDBOX": spec.sandbox,
        "MESOS_SLAVE_ID": "master-S0",
        "MESOS_SLAVE_PID": "slave(1)@127.0.0.1:5051",
        "MESOS_SUBSCRIPTION_BACKOFF_MAX": "2secs",
    }


def test_an_update_is_stored_before_it_is_acknowledged_and_goes_to_the_master(agent: Any) -> None:
    container_id = subscribed(agent)
    effects = send_update(agent, status())
    assert agent.updates(effects) == ["t1 TASK_RUNNING"]
    assert [s.uuid for s in agent.stored["stream/f1/t1"].pending] == [UUID]
    (event,) = agent.events(effects)
    assert event.acknowledged.uuid == UUID
    assert effects[-1] == Respond(request_id="r2", status=202)
    (update,) = agent.told(effects)
    # What the executor sent stays as it was; the agent adds what only it knows.
    assert update.status.executor_id is None
    assert update.status.timestamp == agent.now.wall
    assert agent.model.frameworks["f1"].tasks["t1"].statuses[0].timestamp is None
    assert update.status.container_status.container_id.value == container_id
    assert update.status.container_status.executor_pid == 77


def test_an_update_that_comes_twice_counts_once(agent: Any) -> None:
    subscribed(agent)
    send_update(agent, status())
    effects = send_update(agent, status())
    assert agent.updates(effects) == []
    assert types(agent, effects) == ["ACKNOWLEDGED"]


def test_nothing_follows_a_terminal_update(agent: Any) -> None:
    subscribed(agent)
    effects = send_update(agent, status(state="TASK_FINISHED"))
    later = send_update(agent, status(uuid=b"f" * 16))
    assert types(agent, later) == ["ACKNOWLEDGED"]
    assert agent.acknowledge(effects) == ["TASK_FINISHED"]


def test_wrong_updates_are_refused_and_say_why(agent: Any) -> None:
    subscribed(agent)
    for sent, word in (
        (status(uuid=None), "uuid"),
        (status(uuid=b"short"), "uuid"),
        (status(source=TaskStatus.Source.SOURCE_MASTER), "source"),
        (status(state="TASK_STAGING"), "TASK_STAGING"),
        (status(executor_id=ExecutorID(value="other")), "other"),
    ):
        (refused,) = send_update(agent, sent)
        assert refused.status == 400
        assert word in refused.body


def test_calls_for_what_is_not_here_are_refused(agent: Any) -> None:
    launch(agent)
    (unknown_framework,) = agent.call(
        "e1", framework_id="f9", type=Call.Type.SUBSCRIBE, subscribe=Call.Subscribe()
    )
    assert (unknown_framework.status, "f9" in unknown_framework.body) == (400, True)
    (unknown_executor,) = agent.subscribe("e9")
    assert (unknown_executor.status, "e9" in unknown_executor.body) == (400, True)


def test_only_subscribed_executors_may_send_updates(agent: Any) -> None:
    launch(agent)
    (refused,) = send_update(agent, status())
    assert refused.status == 403


def test_nobody_subscribes_for_an_executor_that_the_agent_plays(agent: Any) -> None:
    agent.running()
    (refused,) = agent.subscribe("t1")
    assert refused.status == 403


def test_a_message_for_a_command_executor_is_accepted_and_delivered(agent: Any) -> None:
    agent.running()
    effects = agent.call("t1", type=Call.Type.MESSAGE, message=Call.Message(data=b"hi"))
    assert agent.told(effects) == [ExecutorMessage(framework_id="f1", executor_id="t1", data=b"hi")]
    assert effects[-1].status == 202


def test_a_heartbeat_call_is_always_accepted(agent: Any) -> None:
    (answer,) = agent.call("nobody", framework_id="f9", type=Call.Type.HEARTBEAT)
    assert answer.status == 202


def test_messages_go_both_ways(agent: Any) -> None:
    subscribed(agent)
    effects = agent.hear(FrameworkMessage(framework_id="f1", executor_id="e1", data=b"ping"))
    (event,) = agent.events(effects)
    assert event.message.data == b"ping"
    effects = agent.call(type=Call.Type.MESSAGE, message=Call.Message(data=b"pong"))
    assert agent.told(effects) == [
        ExecutorMessage(framework_id="f1", executor_id="e1", data=b"pong")
    ]


def test_subscribed_executors_hear_heartbeats(open_conversation: Any) -> None:
    agent = open_conversation(executor_heartbeat_seconds=30.0).registered()
    subscribed(agent)
    assert types(agent, agent.advance(61)) == ["HEARTBEAT", "HEARTBEAT"]


def test_an_executor_that_does_not_subscribe_in_time_is_ended(agent: Any) -> None:
    container_id = launch(agent)
    assert agent.advance(59) == []
    assert DestroyContainer(container_id=container_id) in agent.advance(2)
    effects = agent.exited(container_id, 9)
    update, exited = agent.told(effects)
    assert update.status.state.value == "TASK_FAILED"
    assert update.status.reason.value == "REASON_EXECUTOR_REGISTRATION_TIMEOUT"
    assert exited == ExecutorExited(framework_id="f1", executor_id="e1", status=9)
    agent.acknowledge(effects)
    assert agent.model.frameworks == {}


def test_the_end_of_an_executor_fails_its_live_tasks(agent: Any) -> None:
    container_id = subscribed(agent, "t1", "t2")
    agent.acknowledge(send_update(agent, status("t2", "TASK_FINISHED")))
    effects = agent.exited(container_id, 1 << 8)
    assert CloseStream(connection="r1") in effects
    assert agent.updates(effects) == ["t1 TASK_FAILED"]
    update, _ = agent.told(effects)
    assert update.status.reason.value == "REASON_EXECUTOR_TERMINATED"
    assert update.status.source.value == "SOURCE_AGENT"


def test_an_executor_that_cannot_be_launched_fails_its_tasks(agent: Any) -> None:
    effects = agent.run_task(custom_task(agent))
    (spec,) = agent.launches(effects)
    effects = agent.handle(
        ContainerLaunchFailed(container_id=spec.container_id, reason="no such user")
    )
    update, _ = agent.told(effects)
    assert update.status.reason.value == "REASON_CONTAINER_LAUNCH_FAILED"
    assert update.status.message == "no such user"


def test_a_kill_is_passed_on(agent: Any) -> None:
    subscribed(agent)
    (event,) = agent.events(agent.hear(KillTask(framework_id="f1", task_id="t1")))
    assert event.kill.task_id.value == "t1"


def test_a_kill_before_the_executor_is_there_ends_both(agent: Any) -> None:
    container_id = launch(agent)
    effects = agent.hear(KillTask(framework_id="f1", task_id="t1"))
    (update,) = agent.told(effects)
    assert update.status.state.value == "TASK_KILLED"
    assert update.status.reason.value == "REASON_TASK_KILLED_DURING_LAUNCH"
    assert DestroyContainer(container_id=container_id) in effects


def test_a_shutdown_asks_first_and_forces_after_the_grace_period(agent: Any) -> None:
    container_id = subscribed(agent)
    effects = agent.hear(ShutdownExecutor(framework_id="f1", executor_id="e1"))
    assert types(agent, effects) == ["SHUTDOWN"]
    assert not [e for e in effects if isinstance(e, SignalContainer)]
    assert agent.advance(4.9) == []
    assert agent.advance(0.2) == [DestroyContainer(container_id=container_id)]


def test_an_executor_may_subscribe_anew(agent: Any) -> None:
    subscribed(agent)
    agent.handle(ExecutorDisconnected(connection="r1"))
    agent.run_task(custom_task(agent, "t2"))
    effects = agent.subscribe(unacknowledged_tasks=[custom_task(agent)])
    assert types(agent, effects) == ["SUBSCRIBED", "LAUNCH"]
    assert agent.updates(effects) == []


def test_a_second_subscription_ends_the_first(agent: Any) -> None:
    subscribed(agent)
    effects = agent.subscribe(unacknowledged_tasks=[custom_task(agent)])
    assert CloseStream(connection="r1") in effects
    # The end of the first is no news any more.
    assert agent.handle(ExecutorDisconnected(connection="r1")) == []
    assert agent.model.frameworks["f1"].executors["e1"].connection == "r2"


def test_what_got_lost_while_the_executor_was_away_is_settled(agent: Any) -> None:
    subscribed(agent, "t1", "t2", "t3")
    agent.handle(ExecutorDisconnected(connection="r1"))
    agent.hear(KillTask(framework_id="f1", task_id="t2"))
    effects = agent.subscribe(
        unacknowledged_tasks=[custom_task(agent, "t2")],
        unacknowledged_updates=[Call.Update(status=status("t3"))],
    )
    assert types(agent, effects) == ["SUBSCRIBED", "ACKNOWLEDGED", "KILL"]
    assert agent.updates(effects) == ["t3 TASK_RUNNING", "t1 TASK_LOST"]
    lost = agent.told(effects)[1].status
    assert lost.reason.value == "REASON_AGENT_RESTARTED"


def test_a_group_reaches_a_custom_executor_as_a_group(agent: Any) -> None:
    info = agent.executor("e1", ExecutorInfo.Type.CUSTOM)
    effects = agent.run_group(agent.task("a"), agent.task("b"), executor=info)
    (spec,) = agent.launches(effects)
    agent.launched(spec.container_id)
    effects = agent.subscribe()
    assert types(agent, effects) == ["SUBSCRIBED", "LAUNCH_GROUP"]
    tasks = agent.events(effects)[1].launch_group.task_group.tasks
    assert [task.task_id.value for task in tasks] == ["a", "b"]


def test_a_queued_group_is_killed_as_one(agent: Any) -> None:
    info = agent.executor("e1", ExecutorInfo.Type.CUSTOM)
    agent.run_group(agent.task("a"), agent.task("b"), executor=info)
    effects = agent.hear(KillTask(framework_id="f1", task_id="b"))
    assert agent.updates(effects) == ["a TASK_KILLED", "b TASK_KILLED"]


def test_unacknowledged_updates_are_bounded(agent: Any) -> None:
    subscribed(agent)
    for number in range(1000):
        send_update(agent, status(uuid=number.to_bytes(16)))
    (refused,) = send_update(agent, status(uuid=b"x" * 16))
    assert refused.status == 503


def test_what_is_remembered_of_a_tasks_updates_is_bounded(agent: Any) -> None:
    """An executor may swing between two states for ever; the agent must not grow with it."""
    subscribed(agent)
    task = agent.model.frameworks["f1"].tasks["t1"]
    for number in range(SEEN_MAX + STATUSES_MAX):
        sent = number.to_bytes(16, "big")
        state = ("TASK_STARTING", "TASK_RUNNING")[number % 2]
        send_update(agent, status(state=state, uuid=sent))
        agent.hear(AcknowledgeStatus(framework_id="f1", task_id="t1", uuid=sent))
    assert len(task.stream.seen) == SEEN_MAX
    assert len(task.statuses) == STATUSES_MAX
    assert not task.stream.pending


def test_before_its_recovery_the_agent_asks_to_be_called_later(open_conversation: Any) -> None:
    (refused,) = open_conversation().subscribe()
    assert refused.status == 503
