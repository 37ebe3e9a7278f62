"""One event's way through the core."""

from __future__ import annotations

from tepui.agent.core.config import AgentConfig
from tepui.agent.core.effects import Checkpoint, Log
from tepui.agent.core.model import new_model
from tepui.agent.core.records import AgentRecord
from tepui.agent.core.step import Step
from tepui.base.rng import Rng
from tepui.base.time import Instant


def new_step() -> Step:
    model = new_model(AgentConfig(work_dir="/w", hostname="h"), 0.0)
    return Step(model=model, now=Instant(0.0, 0.0), rng=Rng(1))


def test_what_is_stored_comes_first_and_the_last_word_counts() -> None:
    step = new_step()
    record = AgentRecord(info=step.model.info)
    step.log("something")
    step.put("a", record)
    step.delete("a")
    step.put("b", record)
    step.delete("c")
    step.put("c", record)
    assert step.finish() == [
        Checkpoint(puts={"b": record, "c": record}, deletes=["a"]),
        Log(event="something", fields={}),
    ]


def test_a_step_that_stores_nothing_asks_for_no_commit() -> None:
    assert new_step().finish() == []
