"""Executors, as tasks and task groups bring them."""

from __future__ import annotations

from collections.abc import Mapping

from tepui.master.validation.containers import validate_command, validate_container
from tepui.master.validation.identifiers import validate_id
from tepui.master.validation.problem import Problem, problem, within
from tepui.master.validation.resources import validate_owned
from tepui.messages import ContainerInfo, ExecutorInfo

Type = ExecutorInfo.Type


def validate_executor(
    executor: ExecutorInfo, *, framework_id: str, known: Mapping[str, ExecutorInfo]
) -> Problem | None:
    """Check by the rules ``executor.*``.

    Args:
        known: The framework's executors on the agent, by id.
    """
    return (
        check_default_command(executor)
        or check_default_container(executor)
        or check_default_image(executor)
        or check_custom_command(executor)
        or check_id(executor)
        or check_grace_period(executor)
        or check_command(executor)
        or check_container(executor)
        or check_framework_id_set(executor)
        or check_framework_id(executor, framework_id)
        or check_resources(executor)
        or check_compatible(executor, known)
    )


def check_default_command(executor: ExecutorInfo) -> Problem | None:
    """``executor.default_command``."""
    if executor.type is not Type.DEFAULT or executor.command is None:
        return None
    return problem("executor.default_command", "command", None, "is set on the DEFAULT executor")


def check_default_container(executor: ExecutorInfo) -> Problem | None:
    """``executor.default_container``."""
    if executor.type is not Type.DEFAULT or executor.container is None:
        return None
    if executor.container.type is ContainerInfo.Type.MESOS:
        return None
    shown = executor.container.type.value
    reason = "is not MESOS, which the DEFAULT executor needs"
    return problem("executor.default_container", "container.type", shown, reason)


def check_default_image(executor: ExecutorInfo) -> Problem | None:
    """``executor.default_image``."""
    if executor.type is not Type.DEFAULT or executor.container is None:
        return None
    if executor.container.mesos is None or executor.container.mesos.image is None:
        return None
    reason = "is set on the DEFAULT executor, which runs in none"
    return problem("executor.default_image", "container.mesos.image", None, reason)


def check_custom_command(executor: ExecutorInfo) -> Problem | None:
    """``executor.custom_command``."""
    if executor.type is not Type.CUSTOM or executor.command is not None:
        return None
    return problem("executor.custom_command", "command", None, "is missing from a CUSTOM executor")


def check_id(executor: ExecutorInfo) -> Problem | None:
    """``executor.id``."""
    inner = validate_id(executor.executor_id.value, "executor_id")
    return None if inner is None else within("executor.id", "executor", inner)


def check_grace_period(executor: ExecutorInfo) -> Problem | None:
    """``executor.grace``."""
    period = executor.shutdown_grace_period
    if period is None or period.nanoseconds >= 0:
        return None
    return problem(
        "executor.grace", "shutdown_grace_period.nanoseconds", period.nanoseconds, "is negative"
    )


def check_command(executor: ExecutorInfo) -> Problem | None:
    """``executor.command``."""
    if executor.command is None:
        return None
    inner = validate_command(executor.command)
    return None if inner is None else within("executor.command", "command", inner)


def check_container(executor: ExecutorInfo) -> Problem | None:
    """``executor.container``."""
    if executor.container is None:
        return None
    inner = validate_container(executor.container)
    return None if inner is None else within("executor.container", "container", inner)


def check_framework_id_set(executor: ExecutorInfo) -> Problem | None:
    """``executor.framework_id_unset``: for LAUNCH it has been filled in by now."""
    if executor.framework_id is not None:
        return None
    return problem("executor.framework_id_unset", "framework_id", None, "is missing")


def check_framework_id(executor: ExecutorInfo, framework_id: str) -> Problem | None:
    """``executor.framework_id``."""
    if executor.framework_id is None or executor.framework_id.value == framework_id:
        return None
    value = executor.framework_id.value
    return problem(
        "executor.framework_id", "framework_id", value, f"is not the sender's, {framework_id!r}"
    )


def check_resources(executor: ExecutorInfo) -> Problem | None:
    """``executor.resources``."""
    inner = validate_owned(executor.resources)
    return None if inner is None else within("executor.resources", "executor", inner)


def check_compatible(executor: ExecutorInfo, known: Mapping[str, ExecutorInfo]) -> Problem | None:
    """``executor.incompatible``."""
    running = known.get(executor.executor_id.value)
    if running is None or running == executor:
        return None
    value = executor.executor_id.value
    reason = "already runs on the agent with another description"
    return problem("executor.incompatible", "executor_id", value, reason)
