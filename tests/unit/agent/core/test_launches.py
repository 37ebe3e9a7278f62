"""Task groups under the default executor that the agent plays."""

from __future__ import annotations

from typing import Any

import msgspec

from tepui.agent.core.effects import DestroyContainer, SignalContainer
from tepui.agent.core.events import ContainerLaunchFailed
from tepui.link.messages import ExecutorExited, KillTask
from tepui.messages import ContainerInfo, Environment, ExecutorInfo


def run_pod(agent: Any, *task_ids: str) -> dict[str, str]:
    """Run a group and return the container of each task; its updates are acknowledged."""
    effects = agent.run_group(*[agent.task(task_id) for task_id in task_ids])
    specs = agent.launches(effects)
    for spec in specs:
        effects += agent.launched(spec.container_id)
    agent.acknowledge(effects)
    return {spec.environment["MESOS_TASK_ID"]: spec.container_id for spec in specs}


def test_a_group_is_launched_together_in_nested_containers(agent: Any) -> None:
    effects = agent.run_group(agent.task("a"), agent.task("b"))
    assert agent.updates(effects) == ["a TASK_STARTING", "b TASK_STARTING"]
    specs = agent.launches(effects)
    parents = {spec.container_id.partition(".")[0] for spec in specs}
    assert len(parents) == 1
    (parent,) = parents
    for spec in specs:
        nested = spec.container_id.partition(".")[2]
        assert spec.sandbox.endswith(f"/executors/pod/runs/{parent}/containers/{nested}")


def test_statuses_name_the_nested_container_and_its_parent(agent: Any) -> None:
    containers = run_pod(agent, "a")
    status = agent.model.frameworks["f1"].tasks["a"].statuses[-1]
    container_id = status.container_status.container_id
    assert f"{container_id.parent.value}.{container_id.value}" == containers["a"]
    assert status.executor_id.value == "pod"


def test_the_executor_ends_with_its_last_task(agent: Any) -> None:
    containers = run_pod(agent, "a", "b")
    effects = agent.exited(containers["a"])
    assert agent.updates(effects) == ["a TASK_FINISHED"]
    effects += agent.exited(containers["b"])
    exited = [m for m in agent.told(effects) if isinstance(m, ExecutorExited)]
    assert exited == [ExecutorExited(framework_id="f1", executor_id="pod", status=0)]
    agent.acknowledge(effects)
    assert agent.model.frameworks == {}


def test_a_failed_task_takes_its_group_with_it(agent: Any) -> None:
    containers = run_pod(agent, "a", "b")
    effects = agent.exited(containers["a"], 1 << 8)
    assert SignalContainer(container_id=containers["b"], signal=15) in effects
    assert DestroyContainer(container_id=containers["b"]) in agent.advance(4)
    effects += agent.exited(containers["b"], 9)
    assert agent.updates(effects) == ["a TASK_FAILED", "b TASK_KILLED"]


def test_a_finished_task_leaves_its_group_alone(agent: Any) -> None:
    containers = run_pod(agent, "a", "b")
    effects = agent.exited(containers["a"])
    assert not [effect for effect in effects if isinstance(effect, SignalContainer)]


def test_a_killed_task_takes_its_group_with_it(agent: Any) -> None:
    containers = run_pod(agent, "a", "b")
    agent.hear(KillTask(framework_id="f1", task_id="a"))
    effects = agent.exited(containers["a"], 15)
    assert SignalContainer(container_id=containers["b"], signal=15) in effects


def test_a_group_that_cannot_be_launched_whole_is_not_launched(agent: Any) -> None:
    image = ContainerInfo(type=ContainerInfo.Type.DOCKER)
    effects = agent.run_group(agent.task("a"), agent.task("b", container=image))
    assert agent.launches(effects) == []
    assert sorted(agent.updates(effects)) == ["a TASK_KILLED", "b TASK_FAILED"]
    agent.acknowledge(effects)
    assert agent.model.frameworks == {}


def test_a_launch_that_fails_takes_the_group_with_it(agent: Any) -> None:
    effects = agent.run_group(agent.task("a"), agent.task("b"))
    first, second = agent.launches(effects)
    failed = agent.handle(
        ContainerLaunchFailed(container_id=first.container_id, reason="no such user")
    )
    assert DestroyContainer(container_id=second.container_id) in failed
    agent.handle(ContainerLaunchFailed(container_id=second.container_id, reason="given up"))
    assert agent.acknowledge(effects) == [
        *("TASK_STARTING", "TASK_STARTING", "TASK_FAILED", "TASK_KILLED")
    ]


def test_another_group_joins_a_running_executor(agent: Any) -> None:
    run_pod(agent, "a")
    effects = agent.run_group(agent.task("b"), launch_executor=False)
    assert agent.updates(effects) == ["b TASK_STARTING"]
    assert len(agent.model.frameworks["f1"].executors) == 1


def test_groups_of_one_executor_do_not_share_their_fate(agent: Any) -> None:
    run_pod(agent, "a")
    effects = agent.run_group(agent.task("b"), launch_executor=False)
    (spec,) = agent.launches(effects)
    agent.launched(spec.container_id)
    effects = agent.exited(spec.container_id, 1 << 8)
    assert not [effect for effect in effects if isinstance(effect, SignalContainer)]


def test_an_executor_that_is_not_there_any_more_drops_the_group(agent: Any) -> None:
    effects = agent.run_group(agent.task("a"), agent.task("b"), launch_executor=False)
    assert agent.updates(effects) == ["a TASK_LOST", "b TASK_LOST"]
    (first, _) = agent.told(effects)
    assert first.status.reason.value == "REASON_EXECUTOR_TERMINATED"
    assert agent.model.frameworks == {}
    agent.acknowledge(effects)
    assert agent.model.refusals == {}


def test_an_executor_that_has_ended_takes_no_more(agent: Any) -> None:
    containers = run_pod(agent, "a")
    agent.exited(containers["a"])
    effects = agent.run_group(
        agent.task("b"), by=agent.framework("f1", "PARTITION_AWARE"), launch_executor=False
    )
    assert agent.updates(effects) == ["b TASK_LOST"]


def test_a_command_task_may_not_take_the_id_of_an_executor(agent: Any) -> None:
    run_pod(agent, "a")
    effects = agent.run_task(agent.task("pod"))
    (update,) = agent.told(effects)
    assert update.status.state.value == "TASK_LOST"
    assert update.status.reason.value == "REASON_TASK_INVALID"


def test_a_task_may_not_slip_under_an_executor_of_another_kind(agent: Any) -> None:
    agent.running(agent.task("e1"))
    effects = agent.run_task(agent.task("t1", None, executor=agent.executor("e1")))
    assert agent.updates(effects) == ["t1 TASK_LOST"]


def test_a_task_that_was_dropped_may_be_launched_again_under_its_id(agent: Any) -> None:
    dropped = agent.run_group(agent.task("a"), launch_executor=False)
    launched = agent.run_group(agent.task("a"), launch_executor=True)
    agent.launched(agent.launches(launched)[0].container_id)
    assert agent.acknowledge(launched) == ["TASK_STARTING", "TASK_RUNNING"]
    assert agent.acknowledge(dropped) == ["TASK_LOST"]


def test_a_secret_in_the_environment_is_refused_not_left_out(agent: Any) -> None:
    variable = Environment.Variable(name="TOKEN", type=Environment.Variable.Type.SECRET)
    info = agent.task()
    command = msgspec.structs.replace(info.command, environment=Environment(variables=[variable]))
    effects = agent.run_task(msgspec.structs.replace(info, command=command))
    (update,) = agent.told(effects)
    assert "TOKEN" in update.status.message


def test_the_default_executor_is_shown_as_it_was_given(agent: Any) -> None:
    run_pod(agent, "a")
    (executor,) = agent.model.frameworks["f1"].executors.values()
    assert executor.info.type is ExecutorInfo.Type.DEFAULT
    assert executor.pid is None
