"""What frameworks hear of their tasks in every state that agent and task can be in.

The rows follow the tables of Mesos 1.12's state machines: statuses that the master makes
itself, and the answers to RECONCILE and KILL. Each is looked at with a framework that knows of
partitions and with one that does not.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from tepui.link.messages import Reregister, Unregister
from tepui.master.core.events import (
    AgentGoneRequested,
    FrameworkTeardownRequested,
    MachinesDownRequested,
    MaintenanceScheduleUpdateRequested,
)
from tepui.messages import AgentID, MachineID, TaskState, TimeInfo, Unavailability
from tepui.messages.maintenance import Schedule, Window

RECONCILIATION = "REASON_RECONCILIATION"
SILENCE = 700.0


class Story:
    """A framework with the task ``t`` on one agent, and what happens to them."""

    def __init__(self, cluster: Any, *, is_aware: bool, checkpoint: bool = True) -> None:
        self.cluster = cluster
        self.agent = cluster.agent().register()
        self.scheduler = cluster.scheduler(
            "red",
            capabilities=["PARTITION_AWARE"] if is_aware else [],
            checkpoint=checkpoint,
            failover_timeout=10_000.0,
        ).subscribe()
        [offer] = self.scheduler.offers()
        self.scheduler.launch(offer, "t")
        self.scheduler.take()

    def known_state(self) -> Any:
        return self.cluster.framework_state_of(self.scheduler)

    def lose(self) -> None:
        self.agent.disconnect()
        self.wait(SILENCE)

    def wait(self, seconds: float) -> None:
        """Let time go by in one leap; each timer fires once."""
        self.cluster.now = self.cluster.now.later(seconds)
        self.cluster.pass_time(1.0)

    def give_up(self) -> None:
        agent_id = self.agent.agent_id
        self.cluster.ask(lambda number: AgentGoneRequested(request_id=number, agent_id=agent_id))

    def fail_over(self) -> None:
        """Have another master, to which the framework subscribes; the agent is not back."""
        self.cluster = self.cluster.fail_over()
        self.agent.cluster = self.scheduler.cluster = self.cluster
        self.scheduler.subscribe()

    def take_machine_down(self) -> None:
        machine = MachineID(hostname=self.agent.info.hostname, ip="10.0.0.51")
        window = Window(
            machine_ids=[machine],
            unavailability=Unavailability(start=TimeInfo(nanoseconds=1)),
        )
        self.cluster.ask(
            lambda number: MaintenanceScheduleUpdateRequested(
                request_id=number, schedule=Schedule(windows=[window])
            )
        )
        self.cluster.ask(
            lambda number: MachinesDownRequested(request_id=number, machine_ids=(machine,))
        )

    def heard(self) -> list[tuple[str, str]]:
        return [(each["state"], each["reason"]) for each in self.scheduler.statuses()]


Happening = Callable[[Story], object]


def nothing(story: Story) -> None:
    pass


def lost_and_given_up(story: Story) -> None:
    story.lose()
    story.scheduler.take()
    story.give_up()


def lost_and_back(story: Story) -> None:
    state = story.known_state()
    story.lose()
    story.scheduler.take()
    story.agent.reregister(state)


def forgotten_and_back(story: Story) -> None:
    state = story.known_state()
    story.lose()
    story.wait(1_300_000.0)
    assert not story.cluster.state.unreachable_agents
    story.scheduler.take()
    story.agent.reregister(state)


def replaced(story: Story) -> None:
    story.cluster.agent().register()


GENERATED: list[tuple[str, Happening, str, str, str, str]] = [
    # row, what happens, state and reason for who knows of partitions, and for who does not
    (
        "agent marked unreachable",
        Story.lose,
        "TASK_UNREACHABLE",
        "REASON_AGENT_REMOVED",
        "TASK_LOST",
        "REASON_AGENT_REMOVED",
    ),
    (
        "registered agent marked gone",
        Story.give_up,
        "TASK_GONE_BY_OPERATOR",
        "REASON_AGENT_REMOVED_BY_OPERATOR",
        "TASK_LOST",
        "REASON_AGENT_REMOVED",
    ),
    (
        "unreachable agent marked gone",
        lost_and_given_up,
        "TASK_GONE_BY_OPERATOR",
        "REASON_AGENT_REMOVED_BY_OPERATOR",
        "TASK_LOST",
        "REASON_AGENT_REMOVED",
    ),
    (
        "agent unregisters",
        lambda story: story.agent.say(Unregister()),
        "TASK_LOST",
        "REASON_AGENT_REMOVED",
        "TASK_LOST",
        "REASON_AGENT_REMOVED",
    ),
    (
        "agent replaced at the same address",
        replaced,
        "TASK_LOST",
        "REASON_AGENT_REMOVED",
        "TASK_LOST",
        "REASON_AGENT_REMOVED",
    ),
    (
        "machine of the agent taken down",
        Story.take_machine_down,
        "TASK_LOST",
        "REASON_AGENT_REMOVED",
        "TASK_LOST",
        "REASON_AGENT_REMOVED",
    ),
    (
        "unreachable agent re-registers",
        lost_and_back,
        "TASK_STAGING",
        "REASON_AGENT_REREGISTERED",
        "TASK_STAGING",
        "REASON_AGENT_REREGISTERED",
    ),
    (
        "forgotten agent re-registers",
        forgotten_and_back,
        "TASK_STAGING",
        "REASON_AGENT_REREGISTERED",
        "TASK_STAGING",
        "REASON_AGENT_REREGISTERED",
    ),
]


@pytest.mark.parametrize(
    ("happening", "aware", "aware_reason", "unaware", "unaware_reason"),
    [row[1:] for row in GENERATED],
    ids=[row[0] for row in GENERATED],
)
def test_what_the_master_says_of_tasks_by_itself(
    cluster: Any,
    make_cluster: Any,
    happening: Happening,
    aware: str,
    aware_reason: str,
    unaware: str,
    unaware_reason: str,
) -> None:
    story = Story(cluster, is_aware=True)
    happening(story)
    assert story.heard() == [(aware, aware_reason)]
    story = Story(make_cluster(), is_aware=False)
    happening(story)
    assert story.heard() == [(unaware, unaware_reason)]


def test_a_framework_without_checkpoints_loses_its_tasks_with_the_channel(cluster: Any) -> None:
    story = Story(cluster, is_aware=True, checkpoint=False)
    story.agent.disconnect()
    assert story.heard() == [("TASK_LOST", "REASON_AGENT_DISCONNECTED")]


@pytest.mark.parametrize("by_operator", [True, False])
def test_a_framework_that_is_removed_hears_nothing_and_operators_see_its_tasks_killed(
    cluster: Any, by_operator: bool
) -> None:
    story = Story(cluster, is_aware=True)
    framework_id = story.scheduler.framework_id
    if by_operator:
        cluster.ask(
            lambda number: FrameworkTeardownRequested(request_id=number, framework_id=framework_id)
        )
    else:
        story.scheduler.disconnect()
        story.wait(10_000.0)
    assert story.heard() == []
    [framework] = cluster.state.completed_frameworks.values()
    [task] = framework.completed_tasks
    assert task.state is TaskState.TASK_KILLED
    assert task.statuses[-1].reason is not None
    assert task.statuses[-1].reason.name == "REASON_FRAMEWORK_REMOVED"


def storing_that_it_is_back(story: Story) -> None:
    story.lose()
    story.scheduler.take()
    story.cluster.is_storing = False
    story.agent.reregister()


def storing_that_it_is_back_after_a_failover(story: Story) -> None:
    story.fail_over()
    story.cluster.is_storing = False
    story.agent.info = msgspec.structs.replace(story.agent.info, resources=[])
    story.agent.reregister()


def removed(story: Story) -> None:
    story.agent.say(Unregister())


def unreachable_after_a_failover(story: Story) -> None:
    story.fail_over()
    story.wait(SILENCE)


def gone_after_a_failover(story: Story) -> None:
    story.give_up()
    story.fail_over()


def forgotten(story: Story) -> None:
    story.lose()
    story.wait(1_300_000.0)


# Of a task that the master does not know, by where the agent that the framework names stands.
UNKNOWN_TASKS: list[tuple[str, Happening, str | None, str | None]] = [
    ("agent registered", nothing, "TASK_GONE", "TASK_LOST"),
    ("agent disconnected", lambda story: story.agent.disconnect(), "TASK_GONE", "TASK_LOST"),
    ("agent unreachable", Story.lose, "TASK_UNREACHABLE", "TASK_LOST"),
    (
        "agent unreachable after a failover",
        unreachable_after_a_failover,
        "TASK_UNREACHABLE",
        "TASK_LOST",
    ),
    ("agent gone", Story.give_up, "TASK_GONE_BY_OPERATOR", "TASK_LOST"),
    (
        "agent gone before a failover",
        gone_after_a_failover,
        "TASK_GONE_BY_OPERATOR",
        "TASK_LOST",
    ),
    ("agent recovered, not yet back", Story.fail_over, None, None),
    ("agent on its way back from being unreachable", storing_that_it_is_back, None, None),
    (
        "agent on its way back after a failover",
        storing_that_it_is_back_after_a_failover,
        None,
        None,
    ),
    ("agent removed", removed, "TASK_UNKNOWN", "TASK_LOST"),
    ("agent forgotten", forgotten, "TASK_UNKNOWN", "TASK_LOST"),
]


@pytest.mark.parametrize("call", ["RECONCILE", "KILL"])
@pytest.mark.parametrize(
    ("happening", "aware", "unaware"),
    [row[1:] for row in UNKNOWN_TASKS],
    ids=[row[0] for row in UNKNOWN_TASKS],
)
def test_the_answer_for_a_task_that_is_not_known(
    cluster: Any,
    make_cluster: Any,
    call: str,
    happening: Happening,
    aware: str | None,
    unaware: str | None,
) -> None:
    for is_aware, expected in ((True, aware), (False, unaware)):
        story = Story(make_cluster(), is_aware=is_aware)
        happening(story)
        story.scheduler.take()
        named = {"task_id": {"value": "none"}, "agent_id": {"value": story.agent.agent_id}}
        story.scheduler.call(call, named if call == "KILL" else {"tasks": [named]})
        assert story.heard() == ([] if expected is None else [(expected, RECONCILIATION)])


def test_no_agent_named_and_all_are_back(cluster: Any) -> None:
    story = Story(cluster, is_aware=True)
    story.scheduler.call("RECONCILE", {"tasks": [{"task_id": {"value": "none"}}]})
    assert story.heard() == [("TASK_UNKNOWN", RECONCILIATION)]


def test_no_agent_named_and_some_are_not_back_from_a_failover(cluster: Any) -> None:
    story = Story(cluster, is_aware=True)
    story.fail_over()
    story.scheduler.take()
    story.scheduler.call("RECONCILE", {"tasks": [{"task_id": {"value": "none"}}]})
    assert story.heard() == []


def test_an_agent_that_nobody_knows_is_named_while_others_are_not_back(cluster: Any) -> None:
    story = Story(cluster, is_aware=True)
    story.fail_over()
    story.scheduler.take()
    named = {"task_id": {"value": "none"}, "agent_id": {"value": "nobody"}}
    story.scheduler.call("RECONCILE", {"tasks": [named]})
    assert story.heard() == [("TASK_UNKNOWN", RECONCILIATION)]


KNOWN_AGENTS: list[tuple[str, Happening]] = [
    ("agent registered", nothing),
    ("agent disconnected", lambda story: story.agent.disconnect()),
    (
        "agent being marked unreachable",
        lambda story: (setattr(story.cluster, "is_storing", False), story.lose()),
    ),
    (
        "agent being marked gone",
        lambda story: (setattr(story.cluster, "is_storing", False), story.give_up()),
    ),
    (
        "agent being removed",
        lambda story: (
            setattr(story.cluster, "is_storing", False),
            story.agent.say(Unregister()),
        ),
    ),
    ("agent back from being unreachable", lost_and_back),
]
TASK_STATES = [
    each.name
    for each in (
        TaskState.TASK_STAGING,
        TaskState.TASK_STARTING,
        TaskState.TASK_RUNNING,
        TaskState.TASK_KILLING,
        TaskState.TASK_FINISHED,
        TaskState.TASK_FAILED,
        TaskState.TASK_KILLED,
        TaskState.TASK_ERROR,
        TaskState.TASK_LOST,
        TaskState.TASK_DROPPED,
        TaskState.TASK_GONE,
    )
]


@pytest.mark.parametrize("is_implicit", [True, False])
@pytest.mark.parametrize("state", TASK_STATES)
@pytest.mark.parametrize(
    "happening", [row[1] for row in KNOWN_AGENTS], ids=[row[0] for row in KNOWN_AGENTS]
)
def test_a_known_task_is_answered_for_with_its_latest_state(
    cluster: Any, happening: Happening, state: str, is_implicit: bool
) -> None:
    """As long as nobody was told otherwise; whoever asks hears what the last update said."""
    story = Story(cluster, is_aware=True)
    if state != "TASK_STAGING":
        story.agent.update(story.scheduler.framework_id, "t", state)
    happening(story)
    story.scheduler.take()
    named = {"task_id": {"value": "t"}, "agent_id": {"value": story.agent.agent_id}}
    story.scheduler.call("RECONCILE", {"tasks": [] if is_implicit else [named]})
    assert story.heard() == [(state, RECONCILIATION)]


@pytest.mark.parametrize("is_aware", [True, False])
def test_a_task_out_of_sight_is_answered_for_only_when_it_is_named(
    cluster: Any, is_aware: bool
) -> None:
    story = Story(cluster, is_aware=is_aware)
    story.lose()
    story.scheduler.take()
    story.scheduler.call("RECONCILE", {"tasks": []})
    assert story.heard() == []
    story.scheduler.call("RECONCILE", {"tasks": [{"task_id": {"value": "t"}}]})
    expected = "TASK_UNREACHABLE" if is_aware else "TASK_LOST"
    assert story.heard() == [(expected, RECONCILIATION)]


def test_a_task_of_a_recovered_agent_is_killed_once_it_is_known_and_asked_for_again(
    cluster: Any,
) -> None:
    """Until then there is no answer, so that whoever wants it repeats itself."""
    story = Story(cluster, is_aware=True)
    state = story.known_state()
    story.fail_over()
    story.scheduler.take()
    kill = {"task_id": {"value": "t"}, "agent_id": {"value": story.agent.agent_id}}
    story.scheduler.call("KILL", kill)
    assert story.heard() == []
    story.agent.reregister(state)
    story.scheduler.call("KILL", kill)
    assert [type(each).__name__ for each in story.agent.inbox].count("KillTask") == 1


@pytest.mark.parametrize("is_aware", [True, False])
def test_an_agent_that_is_back_too_late_after_a_failover_goes_on(
    cluster: Any, is_aware: bool
) -> None:
    story = Story(cluster, is_aware=is_aware)
    state = story.known_state()
    unreachable_after_a_failover(story)
    story.scheduler.take()
    story.agent.reregister(state)
    assert story.heard() == [("TASK_STAGING", "REASON_AGENT_REREGISTERED")]
    assert not {type(each).__name__ for each in story.agent.inbox} & {"Shutdown", "KillTask"}
    assert list(story.cluster.state.frameworks[story.scheduler.framework_id].tasks) == ["t"]


def test_nothing_is_offered_of_an_agent_before_it_is_back(cluster: Any) -> None:
    story = Story(cluster, is_aware=True)
    state = story.known_state()
    story.fail_over()
    assert story.scheduler.offers() == []
    story.agent.reregister(state)
    [offer] = story.scheduler.offers()
    assert offer["agent_id"] == {"value": story.agent.agent_id}


def test_a_framework_that_never_comes_back_after_a_failover_stays_until_it_is_torn_down(
    cluster: Any,
) -> None:
    """Mesos has no timer for it either: nothing says since when it has been away."""
    story = Story(cluster, is_aware=True)
    state = story.known_state()
    framework_id = story.scheduler.framework_id
    story.cluster = story.agent.cluster = cluster.fail_over()
    story.agent.reregister(state)
    story.wait(1_000_000.0)
    framework = story.cluster.state.frameworks[framework_id]
    assert framework.state.value == "recovered"
    assert list(framework.tasks) == ["t"]
    story.cluster.ask(
        lambda number: FrameworkTeardownRequested(request_id=number, framework_id=framework_id)
    )
    assert "ShutdownFramework" in [type(each).__name__ for each in story.agent.inbox]
    assert framework_id in story.cluster.state.completed_frameworks


def test_tasks_on_agents_that_are_away_when_their_framework_ends_are_killed_on_return(
    cluster: Any,
) -> None:
    story = Story(cluster, is_aware=True)
    state = story.known_state()
    story.lose()
    story.scheduler.disconnect()
    story.wait(10_000.0)
    story.agent.inbox.clear()
    story.agent.reregister(state)
    names = [type(each).__name__ for each in story.agent.inbox]
    assert names.count("ShutdownFramework") == 1
    assert not cluster.state.agents[story.agent.agent_id].tasks


def test_a_gone_agent_is_refused_by_every_master_to_come(cluster: Any) -> None:
    story = Story(cluster, is_aware=True)
    state = story.known_state()
    gone_after_a_failover(story)
    story.fail_over()
    story.agent.reregister(state)
    assert [type(each).__name__ for each in story.agent.inbox][-1] == "Shutdown"
    assert not story.cluster.state.agents


def test_an_agent_whose_id_is_of_another_cluster_is_taken_in(cluster: Any) -> None:
    agent = cluster.agent().connect()
    info = msgspec.structs.replace(agent.info, id=AgentID(value="theirs-S0"))
    agent.say(Reregister(agent_info=info, version="1.11.0", pid=agent.pid))
    assert list(cluster.state.agents) == ["theirs-S0"]
