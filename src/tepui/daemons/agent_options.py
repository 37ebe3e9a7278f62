"""What the agent's flags mean to its core."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from tepui.agent.core.config import AgentConfig
from tepui.agent.core.reconfiguration import Policy
from tepui.agent.detection import total_resources
from tepui.agent.flags import AgentFlags
from tepui.base.flags import FlagError
from tepui.daemons.addresses import Addresses
from tepui.daemons.domains import domain_info
from tepui.resources import ParseError, parse_attributes

HIDDEN_PREFIXES = ("MESOS_", "LIBPROCESS_", "TEPUI_")
"""Variables of the agent's own that no task is to take for its own."""


def agent_config(flags: AgentFlags, addresses: Addresses, port: int) -> AgentConfig:
    """Return the core's configuration for an agent that listens on ``port``.

    Raises:
        FlagError: A flag's text has not the form that its subject needs.
    """
    work_dir = Path(flags.work_dir or "").absolute()
    try:
        resources = total_resources(flags.resources, flags.default_role, work_dir)
    except ParseError as error:
        raise FlagError(f"--resources: {error}") from error
    try:
        attributes = parse_attributes(flags.attributes or "")
    except ParseError as error:
        raise FlagError(f"--attributes: {error}") from error
    return AgentConfig(
        work_dir=str(work_dir),
        hostname=addresses.hostname,
        ip=addresses.ip,
        port=addresses.advertise_port or port,
        resources=resources.to_messages(),
        attributes=attributes,
        domain=domain_info(flags),
        reconfiguration_policy=Policy(flags.reconfiguration_policy),
        is_port_fixed=bool(flags.port or addresses.advertise_port),
        is_strict=flags.strict,
        is_cleaning_up=flags.recover == "cleanup",
        switch_user=switches_user(flags),
        executor_environment=executor_environment(flags, os.environ),
        registration_backoff_factor_seconds=flags.registration_backoff_factor,
        executor_registration_timeout_seconds=flags.executor_registration_timeout,
        executor_reregistration_timeout_seconds=flags.executor_reregistration_timeout,
        executor_shutdown_grace_period_seconds=flags.executor_shutdown_grace_period,
        recovery_timeout_seconds=flags.recovery_timeout,
        completed_executors_per_framework_max=flags.max_completed_executors_per_framework,
    )


def switches_user(flags: AgentFlags) -> bool:
    """Return whether tasks run as the user they name: asked for, and possible."""
    return flags.switch_user and os.geteuid() == 0


def executor_environment(flags: AgentFlags, own: Mapping[str, str]) -> dict[str, str]:
    """Return what every executor's environment begins with.

    Raises:
        FlagError: A variable's value is not a string.
    """
    if flags.executor_environment_variables is None:
        return {name: value for name, value in own.items() if not name.startswith(HIDDEN_PREFIXES)}
    for name, value in flags.executor_environment_variables.items():
        if not isinstance(value, str):
            raise FlagError(f"--executor_environment_variables: {name} is {value!r}, not a string")
    return dict(flags.executor_environment_variables)
