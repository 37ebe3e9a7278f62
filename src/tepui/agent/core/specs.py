"""What exactly a container runs: command, environment, user, limits; or why it cannot be run."""

from __future__ import annotations

from collections.abc import Iterator

from tepui.agent.core import volumes
from tepui.agent.core.model import AgentTask, Executor, ExecutorKind, Framework, Model
from tepui.agent.core.volumes import VolumeError
from tepui.base.duration import format_duration
from tepui.containers.protocol import (
    URI,
    LaunchSpec,
    Rlimit,
    VolumeLink,
    argv_of,
    executable_of,
)
from tepui.messages import (
    CommandInfo,
    ContainerInfo,
    DurationInfo,
    Environment,
    ExecutorInfo,
    RLimitInfo,
    TaskInfo,
)

DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class Unsupported(Exception):
    """A container asks for something that this agent cannot give; the text says what."""


def seconds_of(duration: DurationInfo | None, default: float) -> float:
    """Return the seconds of an optional duration."""
    return default if duration is None else duration.nanoseconds / 1e9


def task_spec(
    model: Model,
    framework: Framework,
    executor: Executor,
    agent_task: AgentTask,
    container_id: str,
    sandbox: str,
) -> LaunchSpec:
    """Return what runs a task whose executor the agent plays.

    Raises:
        Unsupported: The task's container, volumes or checks cannot be honoured.
    """
    task = agent_task.info
    _refuse_checks(task)
    command = task.command or CommandInfo()
    environment = _base_environment(model, framework, executor)
    environment["MESOS_SANDBOX"] = sandbox
    environment["MESOS_TASK_ID"] = task.task_id.value
    environment["MESOS_CONTAINER_IP"] = model.config.ip
    role = next((r.allocation_info.role for r in task.resources if r.allocation_info), None)
    if role is not None:
        environment["MESOS_ALLOCATION_ROLE"] = role
    environment.update(_variables(command.environment))
    if executor.kind is ExecutorKind.DEFAULT:
        _refuse_unsupported(executor.info.container)
    return LaunchSpec(
        container_id=container_id,
        sandbox=sandbox,
        argv=argv_of(command),
        executable=executable_of(command),
        user=_user(model, framework, command, executor.info.command),
        environment=environment,
        rlimits=_rlimits(task.container),
        uris=_uris(command),
        volumes=_volumes(model, executor, agent_task),
    )


def executor_spec(model: Model, framework: Framework, executor: Executor) -> LaunchSpec:
    """Return what runs a custom executor.

    Raises:
        Unsupported: The executor's container or volumes cannot be honoured.
    """
    command = executor.info.command or CommandInfo()
    environment = _base_environment(model, framework, executor)
    environment["MESOS_SANDBOX"] = executor.directory
    environment.update(_variables(command.environment))
    return LaunchSpec(
        container_id=executor.container_id,
        sandbox=executor.directory,
        argv=argv_of(command),
        executable=executable_of(command),
        user=executor_user(model, framework, executor),
        environment=environment,
        rlimits=_rlimits(executor.info.container),
        uris=_uris(command),
        volumes=_volumes(model, executor, None),
    )


def executor_user(model: Model, framework: Framework, executor: Executor) -> str | None:
    """Return whom a custom executor runs as."""
    return _user(model, framework, executor.info.command or CommandInfo(), None)


def _base_environment(model: Model, framework: Framework, executor: Executor) -> dict[str, str]:
    config = model.config
    is_checkpointed = framework.info.checkpoint
    environment = {"PATH": DEFAULT_PATH, **config.executor_environment}
    environment |= {
        "LIBPROCESS_IP": config.ip,
        "LIBPROCESS_PORT": "0",
        "MESOS_AGENT_ENDPOINT": f"{config.ip}:{config.port}",
        "MESOS_CHECKPOINT": "1" if is_checkpointed else "0",
        "MESOS_DIRECTORY": executor.directory,
        "MESOS_EXECUTOR_ID": executor.executor_id,
        "MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD": format_duration(
            shutdown_grace_seconds(model, executor.info)
        ),
        "MESOS_FRAMEWORK_ID": framework.framework_id,
        "MESOS_HTTP_COMMAND_EXECUTOR": "0",
        "MESOS_SLAVE_ID": model.agent_id or "",
        "MESOS_SLAVE_PID": model.pid,
    }
    if is_checkpointed:
        environment["MESOS_RECOVERY_TIMEOUT"] = format_duration(config.recovery_timeout_seconds)
        environment["MESOS_SUBSCRIPTION_BACKOFF_MAX"] = format_duration(
            config.executor_reregistration_timeout_seconds
        )
    return environment


def shutdown_grace_seconds(model: Model, info: ExecutorInfo) -> float:
    """Return how long an executor may take to end after it was asked to."""
    return seconds_of(
        info.shutdown_grace_period, model.config.executor_shutdown_grace_period_seconds
    )


def _variables(environment: Environment | None) -> Iterator[tuple[str, str]]:
    for variable in environment.variables if environment is not None else ():
        if variable.type is Environment.Variable.Type.SECRET:
            raise Unsupported(
                f"environment variable {variable.name!r} is a secret, "
                "which this agent cannot resolve"
            )
        yield variable.name, variable.value or ""


def _user(
    model: Model, framework: Framework, command: CommandInfo, fallback: CommandInfo | None
) -> str | None:
    if not model.config.switch_user:
        return None
    return command.user or (fallback.user if fallback is not None else None) or framework.info.user


def _volumes(model: Model, executor: Executor, task: AgentTask | None) -> list[VolumeLink]:
    try:
        links = [] if executor.is_command else volumes.executor_links(model, executor)
        if task is not None:
            links += volumes.task_links(model, task)
    except VolumeError as error:
        raise Unsupported(str(error)) from None
    return links


def _uris(command: CommandInfo) -> list[URI]:
    return [
        URI(
            value=uri.value,
            executable=bool(uri.executable),
            extract=uri.extract,
            cache=bool(uri.cache),
            output_file=uri.output_file,
        )
        for uri in command.uris
    ]


def _rlimits(container: ContainerInfo | None) -> list[Rlimit]:
    _refuse_unsupported(container)
    if container is None or container.rlimit_info is None:
        return []
    return [_rlimit(limit) for limit in container.rlimit_info.rlimits]


def _rlimit(limit: RLimitInfo.RLimit) -> Rlimit:
    if limit.type is None or limit.type is RLimitInfo.RLimit.Type.UNKNOWN:
        raise Unsupported("an rlimit has no known type")
    if (limit.soft is None) is not (limit.hard is None):
        raise Unsupported(f"{limit.type.value} sets only one of soft and hard")
    name = limit.type.value.replace("RLMT_", "RLIMIT_", 1)
    return Rlimit(resource=name, soft=limit.soft, hard=limit.hard)


def _refuse_checks(task: TaskInfo) -> None:
    """Raise for checks: a task that believes itself watched must not run unwatched.

    A custom executor sees to the checks of its tasks by itself.
    """
    for name, is_set in (
        ("health_check", task.health_check is not None),
        ("check", task.check is not None),
    ):
        if is_set:
            raise Unsupported(f"the task has a {name}, which this agent cannot carry out yet")


def _refuse_unsupported(container: ContainerInfo | None) -> None:
    """Raise for what only containers with images, mounts or networks of their own can have."""
    if container is None:
        return
    if container.type is not ContainerInfo.Type.MESOS:
        raise Unsupported(f"containers of type {container.type.value} cannot be run by this agent")
    for what, is_set in (
        ("an image", container.mesos is not None and container.mesos.image is not None),
        ("volumes", bool(container.volumes)),
        ("a hostname", container.hostname is not None),
        ("a terminal (tty_info)", container.tty_info is not None),
        ("linux_info", container.linux_info is not None and not _is_plain(container)),
        ("a network", any(n.name or n.port_mappings for n in container.network_infos)),
    ):
        if is_set:
            raise Unsupported(f"the container asks for {what}, which this agent cannot give")


def _is_plain(container: ContainerInfo) -> bool:
    info = container.linux_info
    return info is None or (
        info.capability_info is None
        and info.bounding_capabilities is None
        and info.effective_capabilities is None
        and not info.share_pid_namespace
        and info.seccomp is None
        and info.ipc_mode is None
        and info.shm_size is None
    )
