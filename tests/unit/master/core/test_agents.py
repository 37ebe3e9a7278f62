"""Agents that fall silent, leave, or lose an executor."""

from __future__ import annotations

from tepui.link.messages import ExecutorExited, Ping, Pong, Unregister, UpdateStatus
from tepui.messages import TaskState


def launched(cluster, agent, *names: str, **fields):
    scheduler = cluster.scheduler("red", **fields).subscribe()
    [offer] = scheduler.offers()
    scheduler.launch(offer, *names)
    scheduler.take()
    agent.inbox.clear()
    return scheduler


def test_an_agent_that_answers_is_pinged_for_ever(cluster) -> None:
    agent = cluster.agent().register()
    cluster.pass_time(600.0)
    assert len(agent.take(Ping)) == 40
    assert list(cluster.state.agents) == [agent.agent_id]


def test_an_agent_silent_for_five_pings_is_unreachable_once_that_is_stored(cluster) -> None:
    agent = cluster.agent().register()
    scheduler = launched(cluster, agent, "t1")
    cluster.is_storing = False
    agent.answers_pings = False
    cluster.pass_time(89.0)
    assert len(agent.take(Ping)) == 5
    assert not cluster.unstored
    cluster.pass_time(2.0)
    assert cluster.unstored
    assert scheduler.take("UPDATE") == []
    cluster.store()
    [status] = scheduler.statuses()
    assert status["state"] == "TASK_UNREACHABLE"
    assert status["reason"] == "REASON_AGENT_REMOVED"
    assert "unreachable_time" in status
    [failure] = scheduler.take("FAILURE")
    assert failure["failure"] == {"agent_id": {"value": agent.agent_id}}
    assert cluster.closed_channels == [agent.channel]


def test_frameworks_that_know_no_partitions_hear_that_tasks_are_lost(cluster) -> None:
    agent = cluster.agent().register()
    scheduler = launched(cluster, agent, "t1", capabilities=[])
    agent.answers_pings = False
    cluster.pass_time(95.0)
    [status] = scheduler.statuses()
    assert status["state"] == "TASK_LOST"
    framework = cluster.state.frameworks[scheduler.framework_id]
    assert [key for key, _ in framework.unreachable_tasks.items()] == ["t1"]


def test_any_word_from_an_agent_counts_as_an_answer(cluster) -> None:
    agent = cluster.agent().register()
    agent.answers_pings = False
    for _ in range(10):
        cluster.pass_time(60.0)
        agent.say(Pong())
    assert list(cluster.state.agents) == [agent.agent_id]


def test_how_a_task_ended_is_told_again_when_its_agent_leaves_before_the_framework_heard(
    cluster,
) -> None:
    """The framework was away when the update came, and nobody is left to repeat it."""
    agent = cluster.agent().register()
    scheduler = launched(cluster, agent, "t1")
    agent.update(scheduler.framework_id, "t1", "TASK_FINISHED")
    scheduler.take()  # written to a stream that broke
    agent.say(Unregister())
    [status] = scheduler.statuses()
    assert (status["state"], "uuid" in status) == ("TASK_FINISHED", False)


def test_an_agent_that_unregisters_takes_its_tasks_with_it(cluster) -> None:
    agent = cluster.agent().register()
    scheduler = launched(cluster, agent, "t1")
    agent.say(Unregister())
    [status] = scheduler.statuses()
    assert (status["state"], status["reason"]) == ("TASK_LOST", "REASON_AGENT_REMOVED")
    assert len(scheduler.take("FAILURE")) == 1
    assert agent.agent_id in cluster.state.removed_agents
    assert not cluster.records


def test_an_executor_that_exits_returns_its_resources_and_is_told_of(cluster) -> None:
    agent = cluster.agent().register()
    scheduler = cluster.scheduler("red").subscribe()
    [offer] = scheduler.offers()
    executor = {
        "executor_id": {"value": "e1"},
        "command": {"value": "run"},
        "resources": cluster.resources("cpus:1;mem:32", {"role": "red"}),
    }
    scheduler.launch(offer, "t1", command=None, executor=executor)
    exited = ExecutorExited(framework_id=scheduler.framework_id, executor_id="e1", status=256)
    agent.say(exited)
    [failure] = scheduler.take("FAILURE")
    assert failure["failure"] == {
        "agent_id": {"value": agent.agent_id},
        "executor_id": {"value": "e1"},
        "status": 256,
    }
    framework = cluster.state.frameworks[scheduler.framework_id]
    assert framework.used.get_scalar("cpus") == 1.0, "the task goes on until it is told to be over"
    agent.say(exited)
    assert scheduler.take("FAILURE") == []


def test_a_built_in_executor_that_exits_is_nobodys_business(cluster) -> None:
    agent = cluster.agent().register()
    scheduler = launched(cluster, agent, "t1")
    agent.say(ExecutorExited(framework_id=scheduler.framework_id, executor_id="t1", status=0))
    assert scheduler.take("FAILURE") == []


def test_agents_that_never_return_after_a_failover_are_unreachable(cluster) -> None:
    agent = cluster.agent().register()
    successor = cluster.fail_over()
    scheduler = successor.scheduler("red").subscribe()
    scheduler.take()
    successor.pass_time(601.0)
    assert list(successor.state.unreachable_agents) == [agent.agent_id]
    assert len(scheduler.take("FAILURE")) == 1
    assert not successor.state.recovered_agents


def test_a_master_ends_rather_than_give_up_too_many_agents(make_cluster) -> None:
    cluster = make_cluster(recovery_agent_removal_limit=0.5)
    for port in (5051, 5052):
        cluster.agent(port=port).register()
    successor = cluster.fail_over()
    successor.pass_time(601.0)
    assert successor.step_down is not None
    assert "2 of 2" in successor.step_down
    assert len(successor.state.recovered_agents) == 2


def test_old_unreachable_agents_are_forgotten(make_cluster) -> None:
    cluster = make_cluster(registry_max_agent_age=1000.0, registry_gc_interval=300.0)
    agent = cluster.agent().register()
    agent.disconnect()
    cluster.pass_time(601.0)
    assert list(cluster.state.unreachable_agents) == [agent.agent_id]
    cluster.pass_time(1400.0)
    assert not cluster.state.unreachable_agents
    assert not cluster.records


def test_too_many_unreachable_agents_are_forgotten_oldest_first(make_cluster) -> None:
    cluster = make_cluster(registry_max_agent_count=1, registry_gc_interval=900.0)
    ids = []
    for port in (5051, 5052):
        agent = cluster.agent(port=port).register()
        agent.disconnect()
        ids.append(agent.agent_id)
        cluster.pass_time(650.0)
    cluster.pass_time(900.0)
    assert list(cluster.state.unreachable_agents) == ids[1:]


def test_a_channel_that_never_registered_is_told_so(cluster) -> None:
    agent = cluster.agent().connect()
    status = cluster.status("t", "TASK_RUNNING", agent_id="a", uuid=b"u" * 16)
    agent.say(UpdateStatus(framework_id="f", status=status, latest_state=TaskState.TASK_RUNNING))
    assert cluster.closed_channels == [agent.channel]


def test_unreachable_tasks_are_remembered_up_to_a_bound(make_cluster) -> None:
    cluster = make_cluster(max_unreachable_tasks_per_framework=2)
    agent = cluster.agent().register()
    scheduler = launched(cluster, agent, "t1", "t2", "t3", checkpoint=True)
    agent.disconnect()
    cluster.pass_time(601.0)
    framework = cluster.state.frameworks[scheduler.framework_id]
    assert [key for key, _ in framework.unreachable_tasks.items()] == ["t2", "t3"]
