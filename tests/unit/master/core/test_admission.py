"""How agents get in, and how they return with what they have."""

from __future__ import annotations

import msgspec

from tepui.link.messages import (
    CompletedExecutor,
    CompletedFramework,
    ExecutorState,
    Register,
    Registered,
    Reregistered,
    Shutdown,
    ShutdownFramework,
)
from tepui.messages import (
    AgentID,
    ExecutorID,
    ExecutorInfo,
    FrameworkID,
    Resource,
    TaskState,
    Value,
)
from tepui.resources.parsing import parse_resources

AGENT_CAPABILITIES = ("MULTI_ROLE", "HIERARCHICAL_ROLE", "RESERVATION_REFINEMENT")


def launched(cluster, agent, *names: str, **fields):
    scheduler = cluster.scheduler("red", **fields).subscribe()
    [offer] = scheduler.offers()
    scheduler.launch(offer, *names)
    scheduler.take()
    agent.inbox.clear()
    return scheduler


def test_an_agent_hears_that_it_is_admitted_only_when_the_registry_holds_it(cluster) -> None:
    cluster.is_storing = False
    agent = cluster.agent().register()
    assert agent.inbox == []
    assert not cluster.state.agents
    [write] = cluster.unstored
    assert list(write.puts) == [f"agents/{cluster.state.master_id}-S0"]
    cluster.store()
    [answer] = agent.take(Registered)
    assert answer == Registered(agent_id=f"{cluster.state.master_id}-S0", ping_timeout_seconds=75.0)


def test_an_agent_that_repeats_itself_is_admitted_once(cluster) -> None:
    cluster.is_storing = False
    agent = cluster.agent().register()
    message = Register(agent_info=agent.info, version="1.11.0", pid=agent.pid)
    agent.say(message)
    cluster.store()
    agent.say(message)
    assert len(cluster.state.agents) == 1
    assert len(agent.take(Registered)) == 2


def test_an_agent_that_leaves_while_it_is_admitted_is_expected_back(cluster) -> None:
    cluster.is_storing = False
    agent = cluster.agent().register()
    agent.disconnect()
    cluster.store()
    [known] = cluster.state.agents.values()
    assert known.state.value == "disconnected"
    cluster.pass_time(601.0)
    assert not cluster.state.unreachable_agents, "nobody hears before it is stored"
    cluster.store()
    assert list(cluster.state.unreachable_agents) == [known.agent_id]


def test_an_agent_with_bad_resources_is_ignored(cluster) -> None:
    agent = cluster.agent().connect()
    bad = msgspec.structs.replace(agent.info, hostname="h")
    agent.say(Register(agent_info=bad, version="0.28.0"))
    assert not cluster.state.agents
    assert agent.inbox == []


def test_a_new_agent_at_the_address_of_another_replaces_it(cluster) -> None:
    old = cluster.agent().register()
    scheduler = launched(cluster, old, "t1")
    new = cluster.agent().register()
    assert new.agent_id != old.agent_id
    assert list(cluster.state.agents) == [new.agent_id]
    [status] = scheduler.statuses()
    assert status["state"] == "TASK_LOST"
    assert [each["failure"]["agent_id"]["value"] for each in scheduler.take("FAILURE")] == [
        old.agent_id
    ]
    assert list(cluster.records) == [f"agents/{new.agent_id}"]


def test_a_checkpointed_task_survives_a_lost_connection(cluster) -> None:
    agent = cluster.agent().register()
    scheduler = launched(cluster, agent, "t1", checkpoint=True)
    agent.disconnect()
    assert scheduler.statuses() == []
    agent.reregister(cluster.framework_state_of(scheduler))
    [answer] = agent.take(Reregistered)
    assert answer.tasks == []
    agent.update(scheduler.framework_id, "t1", "TASK_RUNNING")
    assert [each["state"] for each in scheduler.statuses()] == ["TASK_RUNNING"]


def test_a_task_that_is_not_checkpointed_is_lost_and_may_come_back(cluster) -> None:
    agent = cluster.agent().register()
    scheduler = launched(cluster, agent, "t1")
    told = cluster.framework_state_of(scheduler)
    agent.disconnect()
    [status] = scheduler.statuses()
    assert (status["state"], status["reason"]) == ("TASK_LOST", "REASON_AGENT_DISCONNECTED")
    agent.reregister(told)
    [status] = scheduler.statuses()
    assert (status["state"], status["reason"]) == ("TASK_STAGING", "REASON_AGENT_REREGISTERED")
    framework = cluster.state.frameworks[scheduler.framework_id]
    assert list(framework.tasks) == ["t1"]
    assert not framework.completed_tasks
    assert framework.used.get_scalar("cpus") == 1.0


def test_the_agent_answers_for_tasks_that_it_does_not_have(cluster) -> None:
    agent = cluster.agent().register()
    scheduler = launched(cluster, agent, "t1", "t2", checkpoint=True)
    told = cluster.framework_state_of(scheduler)
    told = msgspec.structs.replace(told, executors=told.executors[:1])
    agent.disconnect()
    agent.reregister(told)
    [answer] = agent.take(Reregistered)
    assert [each.task_id for each in answer.tasks] == ["t2"]


def test_an_executor_that_has_ended_is_there_no_more_though_its_tasks_are(cluster) -> None:
    """Nobody says again that it has: what it used would never be offered again."""
    agent = cluster.agent().register()
    scheduler = launched(cluster, agent, "t1", checkpoint=True)
    before = cluster.framework_state_of(scheduler)
    custom = ExecutorState(
        executor_info=ExecutorInfo(
            executor_id=ExecutorID(value="e1"), resources=parse_resources("cpus:0.5").to_messages()
        )
    )
    agent.disconnect()
    agent.reregister(msgspec.structs.replace(before, executors=[*before.executors, custom]))
    ended = msgspec.structs.replace(custom, built_in=True)
    agent.disconnect()
    agent.reregister(msgspec.structs.replace(before, executors=[*before.executors, ended]))
    [framework] = cluster.state.frameworks.values()
    assert framework.executors == {}


def test_an_executor_that_an_agent_does_not_name_when_it_asks_twice_is_on_its_way(cluster) -> None:
    """It was launched after the agent had asked: what it uses must not be offered."""
    agent = cluster.agent().register()
    scheduler = launched(cluster, agent, "t1", checkpoint=True)
    before = cluster.framework_state_of(scheduler)
    custom = ExecutorState(
        executor_info=ExecutorInfo(
            executor_id=ExecutorID(value="e1"), resources=parse_resources("cpus:0.5").to_messages()
        )
    )
    agent.disconnect()
    agent.reregister(msgspec.structs.replace(before, executors=[*before.executors, custom]))
    agent.reregister(before, connect=False)
    [framework] = cluster.state.frameworks.values()
    assert list(framework.executors[agent.agent_id]) == ["e1"]
    agent.disconnect()
    agent.reregister(before)
    assert framework.executors == {}


def test_a_master_that_takes_over_learns_everything_from_the_agents(cluster) -> None:
    agent = cluster.agent().register()
    scheduler = launched(cluster, agent, "t1", checkpoint=True)
    told = cluster.framework_state_of(scheduler)
    custom = ExecutorState(
        executor_info=ExecutorInfo(executor_id=ExecutorID(value="e1"), resources=[])
    )
    told = msgspec.structs.replace(told, executors=[*told.executors, custom])

    successor = cluster.fail_over()
    assert list(successor.state.recovered_agents) == [agent.agent_id]
    writes = dict(successor.records)
    agent.cluster = successor
    agent.reregister(told)
    assert successor.records == writes, "nothing changed, so that nothing is written"
    assert not successor.state.recovered_agents
    [framework] = successor.state.frameworks.values()
    assert framework.state.value == "recovered"
    assert list(framework.tasks) == ["t1"]
    assert list(framework.executors[agent.agent_id]) == ["e1"]
    assert framework.used.get_scalar("cpus") == 1.0

    again = successor.scheduler("red", checkpoint=True)
    again.framework_id = scheduler.framework_id
    assert again.call("REVIVE") == 400, "it has to subscribe first"
    again.subscribe()
    assert framework.state.value == "connected"
    [offer] = again.offers()
    amounts = {each["name"]: each["scalar"]["value"] for each in offer["resources"]}
    assert amounts["cpus"] == 3.0
    agent.update(scheduler.framework_id, "t1", "TASK_FINISHED")
    again.acknowledge(again.statuses()[0])
    assert not framework.tasks


def test_frameworks_that_are_over_are_shut_down_on_agents_that_return(cluster) -> None:
    agent = cluster.agent().register()
    scheduler = launched(cluster, agent, "t1", checkpoint=True)
    told = cluster.framework_state_of(scheduler)
    agent.disconnect()
    scheduler.call("TEARDOWN")
    agent.reregister(told)
    assert [each.framework_id for each in agent.take(ShutdownFramework)] == [scheduler.framework_id]
    assert not cluster.state.agents[agent.agent_id].used


def test_an_unreachable_agent_returns_with_its_tasks(cluster) -> None:
    agent = cluster.agent().register()
    scheduler = launched(cluster, agent, "t1", checkpoint=True)
    told = cluster.framework_state_of(scheduler)
    agent.disconnect()
    cluster.pass_time(601.0)
    [status] = scheduler.statuses()
    assert status["state"] == "TASK_UNREACHABLE"
    framework = cluster.state.frameworks[scheduler.framework_id]
    assert [key for key, _ in framework.unreachable_tasks.items()] == ["t1"]

    cluster.is_storing = False
    agent.reregister(told)
    assert agent.take(Reregistered) == []
    cluster.store()
    assert len(agent.take(Reregistered)) == 1
    [status] = scheduler.statuses()
    assert (status["state"], status["reason"]) == ("TASK_STAGING", "REASON_AGENT_REREGISTERED")
    assert not len(framework.unreachable_tasks)
    assert list(framework.tasks) == ["t1"]


def test_an_agent_that_is_lost_while_it_is_readmitted_is_expected_back(cluster) -> None:
    agent = cluster.agent().register()
    scheduler = launched(cluster, agent, "t1", checkpoint=True)
    told = cluster.framework_state_of(scheduler)
    agent.disconnect()
    cluster.pass_time(601.0)
    cluster.is_storing = False
    agent.reregister(told)
    agent.disconnect()
    cluster.store()
    [known] = cluster.state.agents.values()
    assert (known.state.value, list(known.tasks)) == ("disconnected", [scheduler.framework_id])
    agent.reregister(told)
    assert len(agent.take(Reregistered)) == 1


def test_an_agent_that_returns_while_it_is_given_up_has_to_wait(cluster) -> None:
    """The registry would say that it is unreachable, and the books that it is here."""
    agent = cluster.agent().register()
    after = cluster.fail_over()
    agent.cluster = after
    after.is_storing = False
    after.pass_time(601.0)
    agent.reregister()
    assert agent.take(Reregistered) == []
    after.store()
    assert list(after.state.unreachable_agents) == [agent.agent_id]
    after.is_storing = True
    agent.reregister(connect=False)
    assert len(agent.take(Reregistered)) == 1
    assert list(after.state.agents) == [agent.agent_id]


def test_an_agent_that_asks_again_on_another_channel_is_answered_there(cluster) -> None:
    agent = cluster.agent().register()
    agent.disconnect()
    cluster.pass_time(601.0)
    cluster.is_storing = False
    agent.reregister()
    first = agent.channel
    agent.reregister()
    cluster.closed(first)
    cluster.store()
    assert cluster.state.agents[agent.agent_id].channel == agent.channel
    assert not cluster.state.registering


def test_an_agent_that_nobody_knows_is_taken_in(cluster) -> None:
    agent = cluster.agent().register()
    stranger = cluster.fail_over()
    stranger.records.clear()
    blank = stranger.fail_over()
    agent.cluster = blank
    agent.reregister()
    assert list(blank.state.agents) == [agent.agent_id]
    assert list(blank.records) == [f"agents/{agent.agent_id}"]


def test_an_agent_that_moved_to_another_host_is_shut_down(cluster) -> None:
    agent = cluster.agent().register()
    agent.disconnect()
    agent.info = msgspec.structs.replace(agent.info, hostname="elsewhere")
    agent.reregister()
    assert len(agent.take(Shutdown)) == 1


def test_a_terminal_state_told_on_return_frees_the_resources(cluster) -> None:
    agent = cluster.agent().register()
    scheduler = launched(cluster, agent, "t1", checkpoint=True)
    told = cluster.framework_state_of(scheduler)
    [executor] = told.executors
    ended = msgspec.structs.replace(executor.tasks[0], state=TaskState.TASK_FINISHED)
    told = msgspec.structs.replace(
        told, executors=[msgspec.structs.replace(executor, tasks=[ended])]
    )
    agent.disconnect()
    agent.reregister(told)
    framework = cluster.state.frameworks[scheduler.framework_id]
    assert not framework.used
    assert list(framework.tasks) == ["t1"], "its last update is not acknowledged yet"


def test_a_second_channel_of_an_agent_takes_over_from_the_first(cluster) -> None:
    agent = cluster.agent().register()
    old_channel = agent.channel
    agent.reregister()
    assert cluster.state.agents[agent.agent_id].channel == agent.channel != old_channel
    cluster.closed(old_channel)
    assert cluster.state.agents[agent.agent_id].is_connected


def test_ids_of_frameworks_unknown_to_the_agent_are_refused(cluster) -> None:
    agent = cluster.agent().register()
    agent.disconnect()
    state = cluster.framework_state(_Named("f/1"))
    agent.reregister(state)
    assert agent.take(Reregistered) == []


class _Named:
    """A framework that an agent names and nobody checked."""

    def __init__(self, framework_id: str) -> None:
        self.framework_id = framework_id
        self.info = {"user": "root", "name": "x"}


def test_a_framework_that_gave_up_its_roles_keeps_its_tasks_through_a_failover(cluster) -> None:
    """Nothing says any more for which role the agent's old records are; the master must go on."""
    agent = cluster.agent().register()
    scheduler = launched(cluster, agent, "t1", checkpoint=True)
    told = cluster.framework_state_of(scheduler)
    roleless = msgspec.structs.replace(told.framework_info, roles=[])
    custom = ExecutorState(
        executor_info=ExecutorInfo(
            executor_id=ExecutorID(value="e1"), resources=parse_resources("cpus:0.5").to_messages()
        )
    )
    successor = cluster.fail_over()
    agent.cluster = successor
    agent.reregister(
        msgspec.structs.replace(told, framework_info=roleless, executors=[*told.executors, custom])
    )
    [framework] = successor.state.frameworks.values()
    assert (list(framework.tasks), framework.roles) == (["t1"], ())
    assert framework.used.get_scalar("cpus") == 1.5


def test_whose_a_task_is_stands_where_it_is_told(cluster) -> None:
    agent = cluster.agent().register()
    scheduler = launched(cluster, agent, "t1", checkpoint=True)
    told = cluster.framework_state_of(scheduler)
    [executor] = told.executors
    [task] = executor.tasks
    stray = msgspec.structs.replace(
        task, framework_id=FrameworkID(value="other"), agent_id=AgentID(value="elsewhere")
    )
    executor = msgspec.structs.replace(executor, tasks=[stray])
    successor = cluster.fail_over()
    agent.cluster = successor
    agent.reregister(msgspec.structs.replace(told, executors=[executor]))
    [framework] = successor.state.frameworks.values()
    [found] = framework.tasks.values()
    assert (found.framework_id, found.agent_id) == (scheduler.framework_id, agent.agent_id)


def test_what_ended_before_a_failover_is_shown_after_it(cluster) -> None:
    agent = cluster.agent().register()
    scheduler = launched(cluster, agent, "t1", "t2", checkpoint=True)
    told = cluster.framework_state_of(scheduler)
    [task] = told.executors[0].tasks
    ended = CompletedFramework(
        framework_info=told.framework_info,
        executors=[
            CompletedExecutor(
                executor_info=told.executors[0].executor_info,
                tasks=[msgspec.structs.replace(task, state=TaskState.TASK_FINISHED)],
            )
        ],
    )
    rest = msgspec.structs.replace(told, executors=told.executors[1:])
    stranger = msgspec.structs.replace(
        ended,
        framework_info=msgspec.structs.replace(told.framework_info, id=FrameworkID(value="x")),
    )
    successor = cluster.fail_over()
    agent.cluster = successor
    agent.reregister(rest, completed=[ended, stranger])
    [framework] = successor.state.frameworks.values()
    assert [each.task_id for each in framework.completed_tasks] == ["t1"]
    assert list(framework.tasks) == ["t2"]

    agent.disconnect()
    agent.reregister(rest, completed=[ended])
    assert len(framework.completed_tasks) == 1, "this master knows it by now"


def test_an_address_that_is_none_is_not_shown(cluster) -> None:
    """A port that no message can carry must not get into an offer."""
    agent = cluster.agent()
    agent.pid = "slave(1)@10.0.0.1:99999999999"
    agent.register()
    scheduler = cluster.scheduler().subscribe()
    cluster.allocate()
    [offer] = scheduler.offers()
    assert "url" not in offer


def test_what_an_agent_kept_from_another_life_is_never_offered_as_if_it_were_free(cluster) -> None:
    agent = cluster.agent("cpus:4;mem:1024").connect()
    total = parse_resources("cpus:1;cpus(blue):3;mem:1024").to_messages()
    agent.say(
        Register(
            agent_info=agent.info,
            version="1.11.0",
            capabilities=[*AGENT_CAPABILITIES],
            pid=agent.pid,
            total=total,
        )
    )
    scheduler = cluster.scheduler("red").subscribe()
    [offer] = scheduler.offers()
    [cpus] = [each for each in offer["resources"] if each["name"] == "cpus"]
    assert cpus["scalar"] == {"value": 1.0}


def test_an_agent_with_a_total_that_makes_no_sense_is_not_admitted(cluster) -> None:
    agent = cluster.agent().connect()
    nonsense = Resource(name="cpus", type=Value.Type.SCALAR, scalar=Value.Scalar(value=-1.0))
    agent.say(
        Register(
            agent_info=agent.info,
            version="1.11.0",
            capabilities=[*AGENT_CAPABILITIES],
            pid=agent.pid,
            total=[nonsense],
        )
    )
    assert not cluster.state.agents
    assert not cluster.records


def test_what_an_agent_repeats_of_a_task_that_was_acknowledged_since_is_passed_over(
    cluster,
) -> None:
    """It asks again before it hears that it is admitted; the acknowledgement overtakes that."""
    agent = cluster.agent().register()
    scheduler = launched(cluster, agent, "t1", failover_timeout=1000.0, checkpoint=True)
    agent.update(scheduler.framework_id, "t1", "TASK_FINISHED")
    [status] = scheduler.statuses()
    state = cluster.framework_state_of(scheduler)
    [executor] = state.executors
    [task] = executor.tasks
    told = msgspec.structs.replace(
        task,
        status_update_state=TaskState.TASK_FINISHED,
        status_update_uuid=b"0123456789abcdef",
    )
    executor.tasks[0] = told
    successor = cluster.fail_over()
    scheduler.cluster = agent.cluster = successor
    scheduler.subscribe()
    agent.reregister(state)
    scheduler.acknowledge(status)
    assert not successor.state.frameworks[scheduler.framework_id].tasks
    agent.reregister(state, connect=False)
    assert not successor.state.frameworks[scheduler.framework_id].tasks
