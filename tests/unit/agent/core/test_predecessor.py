"""An agent that starts takes over from the one before, if it can be the same."""

from __future__ import annotations

from typing import Any

import pytest

from tepui.agent.core.effects import (
    AgentEffect,
    Connect,
    DestroyContainer,
    Exit,
    ForgetEverything,
    SendToExecutor,
    SignalContainer,
)
from tepui.agent.core.events import LinkOpened
from tepui.agent.core.reconfiguration import Policy
from tepui.agent.core.records import AGENT_KEY
from tepui.containers import protocol
from tepui.link.messages import Register, Reregister, Reregistered, TaskReference
from tepui.messages import ExecutorInfo, Resource, Value
from tepui.messages.executor import Event


def alive(container_id: str) -> protocol.Recovered:
    return protocol.Recovered(container_id=container_id, pid=77, sandbox="/w/s")


def ended(container_id: str, status: int | None) -> protocol.Recovered:
    exited = protocol.Exited(container_id=container_id, status=status, at=5.0)
    return protocol.Recovered(container_id=container_id, pid=77, sandbox="/w/s", exited=exited)


def more(agent: Any) -> list[Resource]:
    gpus = Resource(name="gpus", type=Value.Type.SCALAR, scalar=Value.Scalar(value=1))
    return [*agent.config.resources, gpus]


def reason_of(effects: list[AgentEffect]) -> str:
    (exit_,) = effects
    assert isinstance(exit_, Exit)
    assert exit_.is_failure
    return exit_.reason


# Another configuration.


def test_equal_permits_nothing_and_says_what_would_help(agent: Any) -> None:
    stored = dict(agent.stored)
    reason = reason_of(agent.restart(resources=more(agent), attributes=[]))
    assert reason.startswith("the agent's resources was cpus:4;mem:1024, and is cpus:4;")
    assert "--reconfiguration_policy=additive" in reason
    assert "--recover=cleanup" in reason
    assert agent.stored == stored


def test_what_additive_would_not_permit_either_is_not_advised(agent: Any) -> None:
    reason = reason_of(agent.restart(resources=[]))
    assert "additive" not in reason
    reason = reason_of(agent.restart(resources=[], reconfiguration_policy=Policy.ADDITIVE))
    assert "resources lack cpus" in reason


def test_additive_tells_the_master_and_is_remembered(agent: Any) -> None:
    container_id = agent.running()
    resources = more(agent)
    policy = Policy.ADDITIVE
    effects = agent.restart(
        [alive(container_id)], resources=resources, reconfiguration_policy=policy
    )
    assert effects == [Connect()]
    (message,) = agent.told(agent.handle(LinkOpened(master="m:5050")))
    assert isinstance(message, Reregister)
    assert message.agent_info.id.value == "master-S0"
    assert message.agent_info.resources == resources
    assert [each.name for each in message.total] == ["cpus", "mem", "gpus"]
    # From now on it is what the agent was.
    effects = agent.restart([alive(container_id)], reconfiguration_policy=Policy.EQUAL)
    assert effects == [Connect()]


# Another boot.


def test_after_a_reboot_the_agent_keeps_its_id_and_its_tasks_have_failed(agent: Any) -> None:
    running = agent.running(agent.task("a"))
    over = agent.running(agent.task("b"))
    before = [ended(running, None), ended(over, 0)]
    effects = agent.restart(before, boot_id="boot 2")
    assert not any(isinstance(each, SignalContainer | DestroyContainer) for each in effects)
    (message,) = agent.told(agent.handle(LinkOpened(master="m:5050")))
    assert isinstance(message, Reregister)
    assert message.agent_info.id.value == "master-S0"
    effects = agent.reregistered()
    assert agent.updates(effects) == ["a TASK_FAILED", "b TASK_FINISHED"]
    assert agent.told(effects)[0].status.reason.value == "REASON_EXECUTOR_TERMINATED"
    assert agent.stored[AGENT_KEY].boot_id == "boot 2"


def test_after_a_reboot_unacknowledged_updates_keep_their_uuids(agent: Any) -> None:
    effects = agent.run_task(agent.task())
    (spec,) = agent.launches(effects)
    first, *_ = agent.told(effects + agent.launched(spec.container_id))
    agent.restart([], boot_id="boot 2")
    effects = agent.reregistered()
    (again,) = agent.told(effects)
    assert again.status.uuid == first.status.uuid
    assert agent.acknowledge(effects) == ["TASK_STARTING", "TASK_RUNNING", "TASK_FAILED"]


def test_after_a_reboot_custom_executors_are_not_waited_for(agent: Any) -> None:
    effects = agent.run_task(agent.task("t1", None, executor=agent.executor()))
    (spec,) = agent.launches(effects)
    agent.launched(spec.container_id)
    agent.subscribe()
    agent.restart([], boot_id="boot 2")
    assert agent.updates(agent.reregistered()) == ["t1 TASK_FAILED"]


def test_a_machine_that_comes_back_as_another_one_is_a_new_agent(agent: Any) -> None:
    container_id = agent.running()
    effects = agent.restart([ended(container_id, None)], boot_id="boot 2", resources=more(agent))
    assert ForgetEverything() in effects
    assert effects[-1] == Connect()
    assert agent.stored == {}
    (message,) = agent.told(agent.handle(LinkOpened(master="m:5050")))
    assert isinstance(message, Register)


def test_a_boot_that_nobody_knows_is_no_reboot(agent: Any) -> None:
    assert "resources" in reason_of(agent.restart(boot_id="", resources=more(agent)))


# Records that cannot be used.


def test_strict_names_the_record_and_changes_nothing(agent: Any) -> None:
    agent.running()
    stored = dict(agent.stored)
    reason = reason_of(agent.restart([], unreadable=["task/f1/t1"]))
    # The stream that is left over counts, too.
    assert "2 records of /w/meta/checkpoint.sqlite" in reason
    assert "'task/f1/t1': it makes no sense" in reason
    assert "--strict=false" in reason
    assert agent.stored == stored


@pytest.mark.parametrize(
    "unreadable",
    ["task/f1/t1", "stream/f1/t1", "executor/f1/t1", "framework/f1"],
)
def test_a_task_with_a_bad_record_is_lost_and_its_container_ended(
    agent: Any, unreadable: str
) -> None:
    lost = agent.running(agent.task("t1"))
    other_is_known = unreadable != "framework/f1"
    kept = agent.running(agent.task("t2"))
    effects = agent.restart([alive(lost), alive(kept)], unreadable=[unreadable], is_strict=False)
    assert DestroyContainer(container_id=lost) in effects
    assert (DestroyContainer(container_id=kept) in effects) is not other_is_known
    assert agent.model.counters["recovery_errors"] >= 1
    agent.handle(LinkOpened(master="m:5050"))
    reference = TaskReference(
        framework_id="f1", task_id="t1", framework_is_partition_aware=unreadable == "framework/f1"
    )
    answered = agent.hear(
        Reregistered(agent_id="master-S0", ping_timeout_seconds=75.0, tasks=[reference])
    )
    expected = "TASK_DROPPED" if unreadable == "framework/f1" else "TASK_LOST"
    assert agent.updates(answered) == [f"t1 {expected}"]
    # Nothing of it is left for a strict agent to stumble over.
    left = [alive(kept)] if other_is_known else []
    assert agent.restart(left, is_strict=True)[-1] == Connect()


def test_without_its_identity_an_agent_begins_anew(agent: Any) -> None:
    container_id = agent.running()
    effects = agent.restart([alive(container_id)], unreadable=[AGENT_KEY], is_strict=False)
    assert ForgetEverything() in effects
    assert DestroyContainer(container_id=container_id) in effects
    (message,) = agent.told(agent.handle(LinkOpened(master="m:5050")))
    assert isinstance(message, Register)
    assert agent.stored == {}


def test_records_without_an_agent_are_a_mistake_of_their_own(agent: Any) -> None:
    agent.running()
    del agent.stored[AGENT_KEY]
    assert "'agent': it is missing" in reason_of(agent.restart([]))


def test_a_group_of_which_a_task_is_lost_ends(agent: Any) -> None:
    effects = agent.run_group(agent.task("a"), agent.task("b"))
    first, second = (spec.container_id for spec in agent.launches(effects))
    effects += agent.launched(first) + agent.launched(second)
    agent.acknowledge(effects)
    effects = agent.restart(
        [alive(first), alive(second)], unreadable=["task/f1/a"], is_strict=False
    )
    assert DestroyContainer(container_id=first) in effects
    assert any(
        isinstance(each, SignalContainer) and each.container_id == second for each in effects
    )
    agent.exited(second, 15)
    assert agent.updates(agent.reregistered()) == ["b TASK_KILLED"]


def test_a_custom_executor_is_told_to_end_a_lost_task(agent: Any) -> None:
    for task_id in ("a", "b"):
        effects = agent.run_task(agent.task(task_id, None, executor=agent.executor()))
        for spec in agent.launches(effects):
            agent.launched(spec.container_id)
            agent.subscribe()
            container_id = spec.container_id
    agent.restart([alive(container_id)], unreadable=["task/f1/a"], is_strict=False)
    events = [e.event for e in agent.subscribe() if isinstance(e, SendToExecutor)]
    kills = [e.kill.task_id.value for e in events if e.type is Event.Type.KILL]
    assert kills == ["a"]


# Cleaning up.


def test_cleanup_ends_what_runs_and_then_the_agent_which_is_forgotten(agent: Any) -> None:
    container_id = agent.running()
    effects = agent.restart([alive(container_id)], is_cleaning_up=True)
    assert SignalContainer(container_id=container_id, signal=15) in effects
    assert Connect() not in effects
    *_, forget, exit_ = agent.exited(container_id, 15)
    assert forget == ForgetEverything()
    assert isinstance(exit_, Exit)
    assert not exit_.is_failure
    assert agent.stored == {}


def test_cleanup_ends_what_ignores_it(agent: Any) -> None:
    container_id = agent.running()
    agent.restart([alive(container_id)], is_cleaning_up=True)
    assert agent.advance(10.0) == [DestroyContainer(container_id=container_id)]


def test_cleanup_destroys_custom_executors(agent: Any) -> None:
    info = agent.executor("e1", ExecutorInfo.Type.CUSTOM)
    (spec,) = agent.launches(agent.run_task(agent.task("t1", None, executor=info)))
    agent.launched(spec.container_id)
    agent.subscribe()
    effects = agent.restart([alive(spec.container_id)], is_cleaning_up=True)
    assert DestroyContainer(container_id=spec.container_id) in effects
    assert isinstance(agent.exited(spec.container_id, 9)[-1], Exit)


def test_cleanup_is_for_agents_that_are_not_what_they_were(agent: Any) -> None:
    agent.running()
    effects = agent.restart([], is_cleaning_up=True, resources=[], hostname="other")
    assert isinstance(effects[-1], Exit)
    assert not effects[-1].is_failure


def test_cleanup_with_nothing_to_clean_ends_at_once(agent: Any) -> None:
    effects = agent.restart([], is_cleaning_up=True)
    assert isinstance(effects[-1], Exit)
    assert effects[-2] == ForgetEverything()
