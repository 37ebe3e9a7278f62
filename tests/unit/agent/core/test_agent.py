"""Command tasks from the master's order to the last acknowledgement."""

from __future__ import annotations

from typing import Any

import msgspec

from tepui.agent.core.effects import (
    AcknowledgeExit,
    DestroyContainer,
    LaunchContainer,
    ScheduleGc,
    SendToMaster,
    SignalContainer,
)
from tepui.agent.core.events import ContainerLaunchFailed
from tepui.link.messages import (
    AcknowledgeStatus,
    KillTask,
    Ping,
    Pong,
    UpdateFramework,
    UpdateStatus,
)
from tepui.messages import (
    CommandInfo,
    ContainerInfo,
    DurationInfo,
    Environment,
    KillPolicy,
    TaskStatus,
)

Reason = TaskStatus.Reason
Source = TaskStatus.Source
SIGKILLED = 9
SIGTERMED = 15


def exit_code(code: int) -> int:
    return code << 8


def grace(seconds: float) -> KillPolicy:
    return KillPolicy(grace_period=DurationInfo(nanoseconds=round(seconds * 1e9)))


def test_a_task_starts_runs_and_finishes(agent: Any) -> None:
    effects = agent.run_task(agent.task())
    assert agent.updates(effects) == ["t1 TASK_STARTING"]
    (spec,) = agent.launches(effects)
    # One status is in flight at a time: the next waits for the acknowledgement.
    assert agent.updates(agent.launched(spec.container_id)) == []
    assert agent.acknowledge(effects) == ["TASK_STARTING", "TASK_RUNNING"]
    effects = agent.exited(spec.container_id)
    assert agent.updates(effects) == ["t1 TASK_FINISHED"]
    assert AcknowledgeExit(container_id=spec.container_id) in effects
    assert agent.acknowledge(effects) == ["TASK_FINISHED"]
    assert agent.model.frameworks == {}


def test_statuses_look_as_those_of_mesos_command_executor(agent: Any) -> None:
    effects = agent.run_task(agent.task())
    effects += agent.launched(agent.launches(effects)[0].container_id, pid=4649)
    agent.acknowledge(effects)
    _, status = agent.model.frameworks["f1"].tasks["t1"].statuses
    assert status.source is Source.SOURCE_EXECUTOR
    assert status.reason is None
    assert status.executor_id.value == "t1"
    assert status.container_status.executor_pid == 4649
    address = status.container_status.network_infos[0].ip_addresses[0]
    assert address.ip_address == "127.0.0.1"


def test_a_command_task_shows_no_executor(agent: Any) -> None:
    agent.running()
    assert agent.model.frameworks["f1"].tasks["t1"].to_message().executor_id is None


def test_what_is_launched_is_stored_with_what_is_said_of_it(agent: Any) -> None:
    agent.run_task(agent.task())
    assert {key.partition("/")[0] for key in agent.stored} == {
        *("agent", "framework", "executor", "task", "stream")
    }


def test_nothing_is_stored_for_a_framework_without_checkpoints(agent: Any) -> None:
    agent.run_task(agent.task(), by=agent.framework(checkpoint=False))
    assert list(agent.stored) == ["agent"]


def test_a_completed_task_leaves_no_record_and_its_sandbox_to_be_collected(agent: Any) -> None:
    container_id = agent.running()
    effects = agent.exited(container_id)
    (update,) = agent.told(effects)
    acknowledged = agent.hear(
        AcknowledgeStatus(framework_id="f1", task_id="t1", uuid=update.status.uuid)
    )
    frameworks = "/w/slaves/master-S0/frameworks/f1"
    assert acknowledged == [
        ScheduleGc(path=f"{frameworks}/executors/t1/runs/{container_id}"),
        ScheduleGc(path=frameworks),
    ]
    assert list(agent.stored) == ["agent"]


def test_a_task_that_exits_with_a_code_fails_and_says_which(agent: Any) -> None:
    effects = agent.exited(agent.running(), exit_code(3))
    (update,) = agent.told(effects)
    assert update.status.state.value == "TASK_FAILED"
    assert update.status.message == "the command exited with status 3"
    assert update.status.reason is None


def test_a_task_that_a_signal_ends_fails_and_says_which(agent: Any) -> None:
    (update,) = agent.told(agent.exited(agent.running(), SIGKILLED))
    assert update.status.state.value == "TASK_FAILED"
    assert update.status.message == "the command was terminated by SIGKILL"


def test_an_exit_that_overtakes_its_launch_waits_for_it(agent: Any) -> None:
    effects = agent.run_task(agent.task())
    (spec,) = agent.launches(effects)
    assert agent.exited(spec.container_id) == []
    effects += agent.launched(spec.container_id)
    assert agent.acknowledge(effects) == ["TASK_STARTING", "TASK_RUNNING", "TASK_FINISHED"]


def test_a_task_with_uris_is_staging_until_they_are_fetched(agent: Any) -> None:
    command = CommandInfo(value="true", uris=[CommandInfo.URI(value="http://x/y")])
    effects = agent.run_task(msgspec.structs.replace(agent.task(), command=command))
    assert agent.updates(effects) == []
    (spec,) = agent.launches(effects)
    assert [uri.value for uri in spec.uris] == ["http://x/y"]
    effects = agent.handle(
        ContainerLaunchFailed(container_id=spec.container_id, reason="failed to fetch http://x/y")
    )
    (update,) = agent.told(effects)
    assert update.status.state.value == "TASK_FAILED"
    assert update.status.source is Source.SOURCE_AGENT
    assert update.status.reason is Reason.REASON_CONTAINER_LAUNCH_FAILED
    assert "http://x/y" in update.status.message
    assert agent.acknowledge(effects) == ["TASK_FAILED"]
    assert agent.model.frameworks == {}


def test_the_environment_is_that_of_mesos_and_the_task_has_the_last_word(agent: Any) -> None:
    variable = Environment.Variable(name="MESOS_CHECKPOINT", value="mine")
    info = msgspec.structs.replace(
        agent.task(),
        command=CommandInfo(value="true", environment=Environment(variables=[variable])),
    )
    (spec,) = agent.launches(agent.run_task(info))
    environment = spec.environment
    assert environment["MESOS_CHECKPOINT"] == "mine"
    assert environment["MESOS_TASK_ID"] == "t1"
    assert environment["MESOS_SANDBOX"] == spec.sandbox
    assert environment["MESOS_SLAVE_PID"] == "slave(1)@127.0.0.1:5051"
    assert spec.user == "alice"


def test_what_a_container_cannot_have_is_refused_by_name(agent: Any) -> None:
    docker = ContainerInfo(
        type=ContainerInfo.Type.DOCKER, docker=ContainerInfo.DockerInfo(image="busybox")
    )
    effects = agent.run_task(agent.task(container=docker))
    assert agent.launches(effects) == []
    (update,) = agent.told(effects)
    assert update.status.state.value == "TASK_FAILED"
    assert update.status.reason is Reason.REASON_CONTAINER_LAUNCH_FAILED
    assert "DOCKER" in update.status.message
    agent.acknowledge(effects)
    assert agent.model.frameworks == {}
    assert agent.model.containers == {}


def test_a_kill_asks_first_and_forces_after_the_grace_period(agent: Any) -> None:
    container_id = agent.running()
    kill = KillTask(framework_id="f1", task_id="t1")
    assert agent.hear(kill) == [SignalContainer(container_id=container_id, signal=15)]
    assert agent.advance(2.9) == []
    assert agent.advance(0.2) == [DestroyContainer(container_id=container_id)]
    (update,) = agent.told(agent.exited(container_id, SIGKILLED))
    assert update.status.state.value == "TASK_KILLED"
    assert update.status.source is Source.SOURCE_EXECUTOR
    assert update.status.reason is None


def test_a_kill_policy_says_how_long_to_wait(agent: Any) -> None:
    container_id = agent.running(agent.task(kill_policy=grace(60)))
    agent.hear(KillTask(framework_id="f1", task_id="t1"))
    assert agent.advance(59) == []
    assert agent.advance(2) == [DestroyContainer(container_id=container_id)]


def test_a_second_kill_with_less_grace_is_heeded(agent: Any) -> None:
    container_id = agent.running(agent.task(kill_policy=grace(60)))
    agent.hear(KillTask(framework_id="f1", task_id="t1"))
    agent.advance(1)
    assert agent.hear(KillTask(framework_id="f1", task_id="t1", kill_policy=grace(2))) == []
    assert agent.advance(2.1) == [DestroyContainer(container_id=container_id)]


def test_a_second_kill_with_more_grace_is_not(agent: Any) -> None:
    container_id = agent.running()
    agent.hear(KillTask(framework_id="f1", task_id="t1"))
    agent.hear(KillTask(framework_id="f1", task_id="t1", kill_policy=grace(60)))
    assert agent.advance(3.1) == [DestroyContainer(container_id=container_id)]


def test_a_kill_without_grace_forces_at_once(agent: Any) -> None:
    container_id = agent.running(agent.task(kill_policy=grace(0)))
    effects = agent.hear(KillTask(framework_id="f1", task_id="t1"))
    assert effects[-1] == DestroyContainer(container_id=container_id)


def test_killing_is_told_to_frameworks_that_know_the_state(agent: Any) -> None:
    by = agent.framework("f1", "TASK_KILLING_STATE")
    container_id = agent.running(agent.task(), by=by)
    effects = agent.hear(KillTask(framework_id="f1", task_id="t1"))
    assert agent.updates(effects) == ["t1 TASK_KILLING"]
    agent.exited(container_id, SIGTERMED)
    assert agent.acknowledge(effects) == ["TASK_KILLING", "TASK_KILLED"]


def test_a_killed_task_that_ends_well_has_finished(agent: Any) -> None:
    container_id = agent.running()
    agent.hear(KillTask(framework_id="f1", task_id="t1"))
    assert agent.updates(agent.exited(container_id)) == ["t1 TASK_FINISHED"]


def test_a_kill_during_the_launch_gives_it_up(agent: Any) -> None:
    effects = agent.run_task(agent.task())
    (spec,) = agent.launches(effects)
    killed = agent.hear(KillTask(framework_id="f1", task_id="t1"))
    assert killed == [DestroyContainer(container_id=spec.container_id)]
    agent.handle(ContainerLaunchFailed(container_id=spec.container_id, reason="given up"))
    assert agent.acknowledge(effects) == ["TASK_STARTING", "TASK_KILLED"]
    (framework,) = agent.model.completed_frameworks.values()
    (executor,) = framework.completed_executors.values()
    status = executor.completed_tasks.get("t1").statuses[-1]
    assert status.reason is Reason.REASON_TASK_KILLED_DURING_LAUNCH
    assert status.source is Source.SOURCE_AGENT


def test_a_launch_that_wins_against_its_kill_is_ended(agent: Any) -> None:
    effects = agent.run_task(agent.task())
    (spec,) = agent.launches(effects)
    agent.hear(KillTask(framework_id="f1", task_id="t1"))
    launched = agent.launched(spec.container_id)
    assert launched == [DestroyContainer(container_id=spec.container_id)]
    agent.exited(spec.container_id, SIGKILLED)
    assert agent.acknowledge(effects) == ["TASK_STARTING", "TASK_KILLED"]


def test_the_kill_of_a_task_that_is_not_here_is_answered(agent: Any) -> None:
    agent.running(by=agent.framework("f1", "PARTITION_AWARE"))
    effects = agent.hear(KillTask(framework_id="f1", task_id="other"))
    (update,) = agent.told(effects)
    assert update.status.state.value == "TASK_DROPPED"
    assert update.status.reason is Reason.REASON_EXECUTOR_TERMINATED
    assert agent.acknowledge(effects) == ["TASK_DROPPED"]
    assert agent.model.refusals == {}


def test_a_task_past_its_max_completion_time_fails(agent: Any) -> None:
    limit = DurationInfo(nanoseconds=10 * 10**9)
    container_id = agent.running(agent.task(max_completion_time=limit))
    assert agent.advance(9) == []
    assert agent.advance(2) == [SignalContainer(container_id=container_id, signal=15)]
    (update,) = agent.told(agent.exited(container_id, SIGTERMED))
    assert update.status.state.value == "TASK_FAILED"
    assert update.status.reason is Reason.REASON_MAX_COMPLETION_TIME_REACHED
    assert update.status.source is Source.SOURCE_EXECUTOR


def test_a_task_id_that_is_taken_is_not_launched_twice(agent: Any) -> None:
    agent.running()
    assert agent.run_task(agent.task()) == []


def test_a_ping_is_answered(agent: Any) -> None:
    assert agent.hear(Ping()) == [SendToMaster(message=Pong())]


def test_a_changed_framework_is_stored(agent: Any) -> None:
    agent.running()
    changed = agent.framework("f1", "TASK_KILLING_STATE")
    agent.hear(UpdateFramework(framework=changed))
    assert agent.stored["framework/f1"].info == changed


def test_an_update_says_what_is_known_beyond_it(agent: Any) -> None:
    effects = agent.run_task(agent.task())
    (spec,) = agent.launches(effects)
    agent.launched(spec.container_id)
    agent.exited(spec.container_id)
    (update,) = agent.told(effects)
    acknowledge = AcknowledgeStatus(framework_id="f1", task_id="t1", uuid=update.status.uuid)
    (next_,) = agent.told(agent.hear(acknowledge))
    assert isinstance(next_, UpdateStatus)
    assert next_.status.state.value == "TASK_RUNNING"
    assert next_.latest_state.value == "TASK_FINISHED"


def test_a_framework_that_comes_back_has_its_past(agent: Any) -> None:
    agent.acknowledge(agent.exited(agent.running()))
    assert "f1" in agent.model.completed_frameworks
    agent.running(agent.task("t2"))
    assert "f1" not in agent.model.completed_frameworks
    assert len(agent.model.frameworks["f1"].completed_executors) == 1


def test_the_past_is_bounded(open_conversation: Any) -> None:
    agent = open_conversation(completed_executors_per_framework_max=3).registered()
    agent.running(agent.task("stays"))
    for number in range(5):
        agent.acknowledge(agent.exited(agent.running(agent.task(f"t{number}"))))
    past = agent.model.frameworks["f1"].completed_executors
    assert [executor.executor_id for executor in past.values()] == ["t2", "t3", "t4"]


def test_launches_come_in_the_order_of_the_orders(agent: Any) -> None:
    effects = [*agent.run_task(agent.task("a")), *agent.run_task(agent.task("b"))]
    launches = [e for e in effects if isinstance(e, LaunchContainer)]
    assert [e.spec.environment["MESOS_TASK_ID"] for e in launches] == ["a", "b"]
