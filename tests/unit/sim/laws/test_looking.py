"""Laws that look at the whole world find what was planted in one."""

from __future__ import annotations

from collections import deque

import pytest

from tepui.allocator import Quota
from tepui.link.messages import Registered
from tepui.master.core.model import Task
from tepui.resources import Quantities
from tepui.sim.laws import LawBroken
from tepui.sim.laws.agreement import Agreement, differences
from tepui.sim.laws.forgetful import Forgetful
from tepui.sim.laws.memory import BoundedMemory
from tepui.sim.laws.sharing import GuaranteesKept, NoStarvation, QuotaKept
from tepui.sim.laws.soundness import SoundCores
from tepui.sim.observations import (
    CheckpointLost,
    CoreBroke,
    CoreStepped,
    EffectUnknown,
    Ending,
)

pytestmark = pytest.mark.slow


def test_a_core_that_raises_breaks_the_law(watched) -> None:
    with pytest.raises(LawBroken, match="str broke the core: KeyError"):
        watched(SoundCores, CoreBroke(at=1.0, node="agent-0", life=1, event="", error="KeyError()"))


def test_an_effect_that_the_simulator_lacks_breaks_the_law(watched) -> None:
    with pytest.raises(LawBroken, match="the simulator does not know str"):
        watched(SoundCores, EffectUnknown(at=1.0, node="agent-0", life=1, effect="new"))


def test_books_that_do_not_agree_break_the_law(running) -> None:
    run = running(SoundCores)
    run.until(15.0)
    agent = next(each for each in run.state.agents.values() if each.used)
    agent.used = {}
    with pytest.raises(LawBroken, match="the leader"):
        run.law.look(run.world)


def test_a_collection_beyond_its_bound_breaks_the_law(running) -> None:
    run = running(BoundedMemory)
    run.until(50.0)
    framework = next(iter(run.state.frameworks.values()))
    [task, *_] = framework.completed_tasks
    assert isinstance(task, Task)
    framework.completed_tasks = deque([task] * 1001)
    with pytest.raises(LawBroken, match="has 1001 completed tasks, and 1000 is the bound"):
        run.law.look(run.world)


def test_an_offer_beyond_a_limit_breaks_the_law(running) -> None:
    run = running(QuotaKept)
    run.until(10.0)
    # As if the allocator had never heard of it.
    run.state.quotas["red"] = Quota(limits=Quantities(cpus=100))
    with pytest.raises(LawBroken, match=r"an offer gives red [0-9.]+ cpus, and 0.1 is its limit"):
        run.until(60.0)


def test_a_framework_that_is_never_served_breaks_the_law(running, scenario) -> None:
    run = running(NoStarvation)
    run.until(10.0)
    run.world.leader.allocator.pause(1000)
    with pytest.raises(LawBroken, match="wants 2 tasks that fit, and was offered nothing for"):
        run.until(scenario.quiet_after + 200.0)


def test_a_guarantee_that_is_not_kept_breaks_the_law(running, scenario) -> None:
    run = running(GuaranteesKept)
    run.until(10.0)
    leader = run.world.leader
    quotas = {"red": Quota(guarantees=Quantities(cpus=4000))}
    leader.state.quotas.update(quotas)
    leader.allocator.update_quota(quotas)
    leader.allocator.pause(1000)
    with pytest.raises(LawBroken, match="red: is below its guarantee, wants tasks that fit"):
        run.until(scenario.quiet_after + 200.0)


@pytest.fixture
def agreed(running, scenario):
    """A world at its end, of which all is in order."""
    run = running(Agreement)
    run.until(scenario.quiet_after + 20.0)
    assert run.law.is_reached
    assert list(differences(run.world, Forgetful(), {})) == []
    return run


def found(run) -> str:
    return " ".join(f"{each.where} {each.what}" for each in differences(run.world, Forgetful(), {}))


def test_whoever_differs_is_found(agreed) -> None:
    world, state = agreed.world, agreed.state
    state.gone_agents["S9"] = 1.0
    assert "S9 is gone at the leader, and not in the registry" in found(agreed)
    del state.gone_agents["S9"]
    framework = world.frameworks[0]
    entry = next(each for each in framework.ledger.values() if each.state == "TASK_FINISHED")
    entry.state, entry.is_terminal = "TASK_RUNNING", False
    assert "is live in its ledger and not one that is live at the leader" in found(agreed)
    entry.state, entry.is_terminal = "TASK_FAILED", True
    assert "is TASK_FAILED in the ledger and TASK_FINISHED at the leader" in found(agreed)
    entry.state = "TASK_FINISHED"
    assert found(agreed) == ""
    agent = next(iter(state.agents.values()))
    agent.total = agent.total + agent.total
    assert "and the leader says" in found(agreed)


def test_who_does_not_come_back_is_found(agreed) -> None:
    agreed.world.machines[0].process.end(Ending.KILLED, "killed")
    assert "agent-0 is down, and should have come back" in found(agreed)
    gone = {"agent-0": None}
    assert not any(each.where == "agent-0" for each in differences(agreed.world, Forgetful(), gone))
    agreed.world.frameworks[0].end(Ending.KILLED, "killed")
    agreed.until(agreed.world.at + 0.5)
    assert "framework-0 is not subscribed" in found(agreed)


def test_a_difference_that_stays_breaks_the_law(running, scenario) -> None:
    run = running(Agreement)
    run.until(scenario.quiet_after - 1.0)
    run.state.gone_agents["S9"] = 1.0
    run.until(scenario.end)
    with pytest.raises(LawBroken, match="S9"):
        run.watching.conclude(run.world)


def test_an_agent_that_forgot_an_end_is_excused_under_every_id_that_it_had(agreed) -> None:
    framework = agreed.world.frameworks[0]
    entry = next(each for each in framework.ledger.values() if each.state == "TASK_FINISHED")
    entry.state = "TASK_FAILED"
    [ended] = [
        task
        for task in agreed.state.frameworks[framework.framework_id].completed_tasks
        if framework.ledger.get(task.task_id) is entry
    ]
    forgetful = Forgetful()
    for agent_id in (ended.agent_id, "S9"):
        for watch in forgetful.step_watches().values():
            message = Registered(agent_id=agent_id, ping_timeout_seconds=1.0)
            step = CoreStepped(
                at=1.0,
                node="agent-0",
                life=1,
                core="agent",
                event=message,
                effects=[],
                monotonic=1.0,
                wall=1.0,
            )
            watch(step, message)
    assert "in the ledger" in found(agreed)
    for watch in forgetful.watches().values():
        watch(CheckpointLost(at=2.0, node="agent-0", transactions=1))
    assert list(differences(agreed.world, forgetful, {})) == []
