"""Checks and health checks of tasks."""

from __future__ import annotations

from collections.abc import Sequence

from tepui.master.validation.containers import validate_command
from tepui.master.validation.problem import Problem, problem, within
from tepui.messages import CheckInfo, CommandInfo, HealthCheck

_SCHEMES = ("http", "https")


def validate_health_check(check: HealthCheck) -> Problem | None:
    """Check by the rules ``health.*``."""
    return (
        check_health_type(check)
        or check_health_command(check)
        or check_health_http(check)
        or check_health_tcp(check)
        or check_health_unknown(check)
        or check_health_times(check)
    )


def check_health_type(check: HealthCheck) -> Problem | None:
    """``health.type``."""
    if check.type is not None:
        return None
    return problem("health.type", "type", None, "is missing")


def check_health_command(check: HealthCheck) -> Problem | None:
    """``health.command``."""
    if check.type is not HealthCheck.Type.COMMAND:
        return None
    return _check_command("health.command", "command", check.command)


def check_health_http(check: HealthCheck) -> Problem | None:
    """``health.http``."""
    if check.type is not HealthCheck.Type.HTTP:
        return None
    http = check.http
    if http is None:
        return problem("health.http", "http", None, "is missing from the HTTP check")
    if http.scheme is not None and http.scheme not in _SCHEMES:
        return problem("health.http", "http.scheme", http.scheme, "is neither http nor https")
    return _check_path("health.http", http.path)


def check_health_tcp(check: HealthCheck) -> Problem | None:
    """``health.tcp``."""
    if check.type is not HealthCheck.Type.TCP or check.tcp is not None:
        return None
    return problem("health.tcp", "tcp", None, "is missing from the TCP check")


def check_health_unknown(check: HealthCheck) -> Problem | None:
    """``health.unknown``."""
    if check.type is not HealthCheck.Type.UNKNOWN:
        return None
    return problem("health.unknown", "type", check.type.value, "is no type of health check")


def check_health_times(check: HealthCheck) -> Problem | None:
    """``health.negative``."""
    return _check_times(
        "health.negative",
        (
            ("delay_seconds", check.delay_seconds),
            ("grace_period_seconds", check.grace_period_seconds),
            ("interval_seconds", check.interval_seconds),
            ("timeout_seconds", check.timeout_seconds),
        ),
    )


def validate_check(check: CheckInfo) -> Problem | None:
    """Check by the rules ``check.*``."""
    return (
        check_check_type(check)
        or check_check_command(check)
        or check_check_http(check)
        or check_check_tcp(check)
        or check_check_unknown(check)
        or check_check_times(check)
    )


def check_check_type(check: CheckInfo) -> Problem | None:
    """``check.type``."""
    if check.type is not None:
        return None
    return problem("check.type", "type", None, "is missing")


def check_check_command(check: CheckInfo) -> Problem | None:
    """``check.command``."""
    if check.type is not CheckInfo.Type.COMMAND:
        return None
    command = None if check.command is None else check.command.command
    return _check_command("check.command", "command.command", command)


def check_check_http(check: CheckInfo) -> Problem | None:
    """``check.http``."""
    if check.type is not CheckInfo.Type.HTTP:
        return None
    if check.http is None:
        return problem("check.http", "http", None, "is missing from the HTTP check")
    return _check_path("check.http", check.http.path)


def check_check_tcp(check: CheckInfo) -> Problem | None:
    """``check.tcp``."""
    if check.type is not CheckInfo.Type.TCP or check.tcp is not None:
        return None
    return problem("check.tcp", "tcp", None, "is missing from the TCP check")


def check_check_unknown(check: CheckInfo) -> Problem | None:
    """``check.unknown``."""
    if check.type is not CheckInfo.Type.UNKNOWN:
        return None
    return problem("check.unknown", "type", check.type.value, "is no type of check")


def check_check_times(check: CheckInfo) -> Problem | None:
    """``check.negative``."""
    return _check_times(
        "check.negative",
        (
            ("delay_seconds", check.delay_seconds),
            ("interval_seconds", check.interval_seconds),
            ("timeout_seconds", check.timeout_seconds),
        ),
    )


def _check_command(rule: str, field: str, command: CommandInfo | None) -> Problem | None:
    if command is None:
        return problem(rule, field, None, "is missing from the COMMAND check")
    if command.value is None:
        what = "a shell command" if command.shell else "a path to run"
        return problem(rule, f"{field}.value", None, f"is missing: {what}")
    inner = validate_command(command)
    return None if inner is None else within(rule, field, inner)


def _check_path(rule: str, path: str | None) -> Problem | None:
    if path is None or path.startswith("/"):
        return None
    return problem(rule, "http.path", path, "does not start with a slash")


def _check_times(rule: str, times: Sequence[tuple[str, float]]) -> Problem | None:
    for field, seconds in times:
        if not seconds >= 0:  # NaN is no duration either
            return problem(rule, field, seconds, "is negative or no number")
    return None
