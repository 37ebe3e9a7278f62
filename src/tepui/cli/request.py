"""What ``tepui run`` was asked for, turned into tasks and a framework."""

from __future__ import annotations

import re
import secrets
from pathlib import Path, PurePath
from typing import NoReturn

import msgspec

from tepui.base.duration import parse_duration
from tepui.cli.errors import EX_RUN_FAILED, CommandFailed
from tepui.codec import json
from tepui.codec.errors import DecodeError
from tepui.messages import (
    ContainerInfo,
    ExecutorInfo,
    FrameworkInfo,
    Resource,
    RLimitInfo,
    TaskID,
    TaskInfo,
)
from tepui.resources.parsing import ParseError, parse_resources
from tepui.sdk.jobs import command_task, framework, group_executor, scalar
from tepui.sdk.masters import ElectedMasters, find_masters
from tepui.sdk.wire import Content

CPUS = 1.0
MEM = 128.0


class RunRequest(msgspec.Struct, frozen=True, kw_only=True):
    """The options of ``tepui run`` as they were given."""

    words: list[str]
    master: str
    name: str | None = None
    cpus: float | None = None
    mem: float | None = None
    resources: str | None = None
    instances: int = 1
    uris: list[str] = []
    env: list[str] = []
    role: str = "*"
    user: str | None = None
    kill_after: str | None = None
    command: str | None = None
    shell: bool = True
    task: str | None = None
    task_group: str | None = None
    rlimits: str | None = None
    checkpoint: bool = False
    principal: str | None = None
    capabilities: str = ""
    partition_aware: bool = False
    content_type: str = "json"
    containerizer: str = "mesos"


class RunPlan(msgspec.Struct, frozen=True, kw_only=True):
    """What to run, as whom, where."""

    masters: tuple[str, ...]
    tasks: list[TaskInfo]
    framework: FrameworkInfo
    content: Content
    group: ExecutorInfo | None = None
    """The executor under which the tasks start as one group."""
    kill_after_seconds: float | None


def plan(request: RunRequest) -> RunPlan:
    """Return what a request amounts to.

    Raises:
        CommandFailed: An option makes no sense, or two contradict each other.
    """
    if request.containerizer != "mesos":
        _refuse(f"--containerizer: {request.containerizer!r} is not supported: expected mesos")
    if request.task_group is not None:
        return _group_plan(request, request.task_group)
    template = _template(request)
    return RunPlan(
        masters=_masters(request.master),
        tasks=_instances(template, request.instances),
        framework=_framework(request, template.name),
        content=_content(request.content_type),
        kill_after_seconds=_seconds(request.kill_after),
    )


def _group_plan(request: RunRequest, given: str) -> RunPlan:
    """Return what a group given as JSON amounts to."""
    for option, value in [
        ("a command", request.words or request.command),
        ("--task", request.task),
        ("--instances", request.instances != 1),
        *_said_by_tasks(request),
    ]:
        if value:
            _refuse(f"{option} does not go with --task_group, which says it all")
    try:
        group = msgspec.json.decode(
            _text_or_file("--task_group", given), type=dict[str, list[dict[str, object]]]
        )
        tasks = [_task_without_agent(each) for each in group.get("tasks", [])]
    except (msgspec.DecodeError, DecodeError) as error:
        _refuse(f"--task_group: not a TaskGroupInfo: {error}")
    if not tasks:
        _refuse("--task_group: it has no tasks")
    name = f"group-{secrets.token_hex(3)}"
    return RunPlan(
        masters=_masters(request.master),
        tasks=tasks,
        framework=_framework(request, name),
        content=_content(request.content_type),
        group=group_executor(name),
        kill_after_seconds=_seconds(request.kill_after),
    )


def _said_by_tasks(request: RunRequest) -> list[tuple[str, object]]:
    """Return the options that tasks in JSON say themselves."""
    return [
        ("--cpus", request.cpus),
        ("--mem", request.mem),
        ("--resources", request.resources),
        ("--uri", request.uris),
        ("--env", request.env),
        ("--name", request.name),
        ("--rlimits", request.rlimits),
    ]


def _task_without_agent(given: dict[str, object]) -> TaskInfo:
    # The agent is not known before there is an offer.
    return json.from_builtins(TaskInfo, {"agent_id": {"value": ""}} | given)


def boolean(option: str, text: str) -> bool:
    """Return the truth value of an option's text.

    Raises:
        CommandFailed: It is neither true nor false.
    """
    if text in ("true", "1"):
        return True
    if text not in ("false", "0"):
        _refuse(f"{option}: {text!r} is neither true nor false")
    return False


def environment(texts: list[str]) -> dict[str, str]:
    """Return the variables that texts give: ``NAME=VALUE``, JSON, or ``file://`` with JSON.

    Raises:
        CommandFailed: A text is none of these.
    """
    variables: dict[str, str] = {}
    for text in texts:
        if text.startswith(("{", "file://")):
            variables |= _variables_of_json(_text_or_file("--env", text))
            continue
        name, equals, value = text.partition("=")
        if not (name and equals):
            _refuse(f"--env: {text!r} is not NAME=VALUE")
        variables[name] = value
    return variables


def _variables_of_json(text: str) -> dict[str, str]:
    try:
        return msgspec.json.decode(text, type=dict[str, str])
    except msgspec.DecodeError as error:
        _refuse(f"--env: not a JSON object of texts: {error}")


def _text_or_file(option: str, text: str) -> str:
    path = text.removeprefix("file://")
    if not path.startswith("/"):
        return text
    try:
        return Path(path).read_text(encoding="utf-8")
    except OSError as error:
        _refuse(f"{option}: {path}: {error.strerror}")


def _template(request: RunRequest) -> TaskInfo:
    """Return the one task that all instances are like."""
    line = _command(request)
    if line is None:
        return _task_of_json(request)
    name = request.name or _name_for(line if isinstance(line, str) else line[0])
    task = command_task(
        name,
        line,
        resources=_resources(request),
        uris=request.uris,
        environment=environment(request.env),
    )
    if request.rlimits is None:
        return task
    limits = _rlimits(request.rlimits)
    container = ContainerInfo(type=ContainerInfo.Type.MESOS, rlimit_info=limits)
    return msgspec.structs.replace(task, container=container)


def _rlimits(text: str) -> RLimitInfo:
    """Return limits from JSON such as ``{"rlimits": [{"type": "RLMT_NOFILE", …}]}``."""
    try:
        return json.decode(RLimitInfo, _text_or_file("--rlimits", text).encode())
    except DecodeError as error:
        _refuse(f"--rlimits: not an RLimitInfo: {error}")


def _command(request: RunRequest) -> str | list[str] | None:
    given = [bool(request.words), request.command is not None, request.task is not None]
    if sum(given) != 1:
        what = "both are given" if any(given) else "there is none"
        _refuse(f"one command is needed, as words, as --command or in --task: {what}")
    if request.words:
        return request.words[0] if len(request.words) == 1 else request.words
    if request.command is None:
        return None
    # mesos-execute has no way to give arguments: without a shell the text is the program.
    return request.command if request.shell else [request.command]


def _task_of_json(request: RunRequest) -> TaskInfo:
    assert request.task is not None
    for option, value in _said_by_tasks(request):
        if value:
            _refuse(f"{option} does not go with --task, which says it all")
    text = _text_or_file("--task", request.task)
    try:
        return _task_without_agent(msgspec.json.decode(text, type=dict[str, object]))
    except (msgspec.DecodeError, DecodeError) as error:
        _refuse(f"--task: not a TaskInfo: {error}")


def _resources(request: RunRequest) -> list[Resource]:
    if request.resources is None:
        cpus = CPUS if request.cpus is None else request.cpus
        mem = MEM if request.mem is None else request.mem
        return [scalar("cpus", cpus), scalar("mem", mem)]
    if request.cpus is not None or request.mem is not None:
        _refuse("--resources says it all: --cpus and --mem do not go with it")
    try:
        return parse_resources(request.resources).to_messages()
    except ParseError as error:
        _refuse(f"--resources: {error}")


def _name_for(command: str) -> str:
    """Return a name that tells what it is and that nothing else has."""
    program = PurePath((command.split() or ["task"])[0]).name
    word = re.sub(r"[^A-Za-z0-9._-]+", "-", program).strip("-.")[:32]
    return f"{word or 'task'}-{secrets.token_hex(3)}"


def _instances(template: TaskInfo, instances: int) -> list[TaskInfo]:
    if instances == 1:
        return [template]
    return [
        msgspec.structs.replace(
            template,
            name=f"{template.name}.{number}",
            task_id=TaskID(value=f"{template.task_id.value}.{number}"),
        )
        for number in range(1, instances + 1)
    ]


def _framework(request: RunRequest, name: str) -> FrameworkInfo:
    info = framework(name, role=request.role, user=request.user)
    kind = FrameworkInfo.Capability.Type
    more: list[FrameworkInfo.Capability.Type] = []
    for text in filter(None, (part.strip() for part in request.capabilities.split(","))):
        if text not in kind.__members__ or text == "UNKNOWN":
            known = ", ".join(sorted(set(kind.__members__) - {"UNKNOWN"}))
            _refuse(f"--framework_capabilities: {text!r} is none of {known}")
        more.append(kind[text])
    if request.partition_aware:
        more.append(kind.PARTITION_AWARE)
    had = [capability.type for capability in info.capabilities]
    added = [FrameworkInfo.Capability(type=each) for each in dict.fromkeys(more) if each not in had]
    return msgspec.structs.replace(
        info,
        checkpoint=request.checkpoint,
        principal=request.principal,
        capabilities=[*info.capabilities, *added],
    )


def _masters(text: str) -> tuple[str, ...]:
    try:
        found = find_masters(text)
    except ValueError as error:
        _refuse(f"--master: {error}")
    return (text,) if isinstance(found, ElectedMasters) else found


def _content(text: str) -> Content:
    if text == "json":
        return "json"
    if text != "protobuf":
        _refuse(f"--content_type: {text!r} is neither json nor protobuf")
    return "protobuf"


def _seconds(text: str | None) -> float | None:
    if text is None:
        return None
    try:
        return parse_duration(text)
    except ValueError as error:
        _refuse(f"--kill-after: {error}")


def _refuse(message: str) -> NoReturn:
    # Not that of other mistaken commands: a task may well end with it.
    raise CommandFailed(message, EX_RUN_FAILED)
