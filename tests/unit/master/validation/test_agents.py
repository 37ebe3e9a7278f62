"""What a returning agent may claim."""

from __future__ import annotations

import msgspec
import pytest

from tepui.ha.store import RECORD_BYTES_MAX
from tepui.master.core import registry
from tepui.master.validation.agents import INFO_BYTES_MAX, AgentRules, validate_agent_info
from tepui.messages import (
    AgentID,
    AgentInfo,
    Attribute,
    ExecutorID,
    ExecutorInfo,
    FrameworkID,
    FrameworkInfo,
    Resource,
    Task,
    TaskID,
    TaskState,
    Value,
)

F = FrameworkID(value="f")


def cpus(amount: float) -> list[Resource]:
    scalar = Value.Scalar(value=amount)
    return [Resource(name="cpus", type=Value.Type.SCALAR, scalar=scalar)]


def problem(
    *, agent: float = 1.0, executor: float = 1.0, task: float = 1.0, role: str = "a"
) -> str | None:
    found = validate_agent_info(
        AgentInfo(hostname="h", resources=cpus(agent)),
        "1.11.0",
        AgentRules(),
        frameworks=[FrameworkInfo(user="u", name="n", id=F, roles=[role])],
        executors=[
            ExecutorInfo(
                executor_id=ExecutorID(value="e"), framework_id=F, resources=cpus(executor)
            )
        ],
        tasks=[
            Task(
                name="t",
                task_id=TaskID(value="t"),
                framework_id=F,
                agent_id=AgentID(value="a"),
                state=TaskState.TASK_RUNNING,
                resources=cpus(task),
            )
        ],
    )
    return None if found is None else found.rule


def test_an_honest_agent_passes() -> None:
    assert problem() is None


@pytest.mark.parametrize("amount", [-1.0, float("nan"), float("inf"), 1e308])
def test_amounts_that_are_none_do_not_reach_the_books(amount: float) -> None:
    assert problem(agent=amount) == "agent.info"
    assert problem(executor=amount) == "agent.info"
    assert problem(task=amount) == "agent.info"


def test_roles_that_are_none_do_not_reach_the_tree() -> None:
    assert problem(role="a//b") == "agent.info"


def test_a_description_that_the_registry_could_not_keep_is_refused() -> None:
    """Kept without a bound, it would end the master, and each that leads after it."""
    largest = "x" * (INFO_BYTES_MAX - 200)

    def described(text: str) -> AgentInfo:
        attribute = Attribute(name="a", type=Value.Type.TEXT, text=Value.Text(value=text))
        return AgentInfo(hostname="h", attributes=[attribute])

    assert validate_agent_info(described(largest), "1.11.0", AgentRules()) is None
    found = validate_agent_info(described(largest * 2), "1.11.0", AgentRules())
    assert found is not None
    assert f"at most {INFO_BYTES_MAX} are kept" in found.message
    record = registry.AgentRecord(info=described(largest), standing=registry.AgentStanding.GONE)
    assert len(msgspec.msgpack.encode(record)) < RECORD_BYTES_MAX
