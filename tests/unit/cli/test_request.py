"""What ``tepui run`` makes of its options."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tepui.cli.errors import EX_RUN_FAILED, CommandFailed
from tepui.cli.request import RunPlan, RunRequest, boolean, environment, plan
from tepui.messages import FrameworkInfo
from tepui.sdk import scalar

Type = FrameworkInfo.Capability.Type


def planned(*words: str, **options: Any) -> RunPlan:
    return plan(RunRequest(words=list(words), master="http://m:5050", **options))


def test_one_word_is_a_line_for_the_shell_and_several_are_a_program() -> None:
    line = planned("echo $HOME | wc").tasks[0].command
    assert line is not None
    assert (line.shell, line.value) == (True, "echo $HOME | wc")
    program = planned("/bin/echo", "-n", "$HOME").tasks[0].command
    assert program is not None
    assert (program.shell, program.value) == (False, "/bin/echo")
    assert program.arguments == ["/bin/echo", "-n", "$HOME"]


def test_a_task_gets_a_name_of_its_own_unless_it_is_given_one() -> None:
    first, second = planned("/bin/echo hi"), planned("/bin/echo hi")
    assert first.tasks[0].name.startswith("echo-")
    assert first.tasks[0].task_id != second.tasks[0].task_id
    named = planned("true", name="mine")
    assert (named.tasks[0].name, named.tasks[0].task_id.value) == ("mine", "mine")
    assert named.framework.name == "mine"


def test_instances_are_numbered() -> None:
    tasks = planned("true", name="t", instances=3).tasks
    assert [task.task_id.value for task in tasks] == ["t.1", "t.2", "t.3"]


def test_resources_come_from_the_short_options_or_from_the_long_one() -> None:
    assert planned("true").tasks[0].resources == [scalar("cpus", 1), scalar("mem", 128)]
    assert planned("true", cpus=0.5, mem=32).tasks[0].resources == [
        scalar("cpus", 0.5),
        scalar("mem", 32),
    ]
    names = [each.name for each in planned("true", resources="cpus:1;gpus:2").tasks[0].resources]
    assert names == ["cpus", "gpus"]


def test_limits_of_the_process_come_as_json() -> None:
    text = '{"rlimits": [{"type": "RLMT_NOFILE", "soft": 64, "hard": 64}]}'
    container = planned("true", rlimits=text).tasks[0].container
    assert container is not None
    assert container.rlimit_info is not None
    (limit,) = container.rlimit_info.rlimits
    assert limit.type is not None
    assert (limit.type.value, limit.soft, limit.hard) == ("RLMT_NOFILE", 64, 64)
    with pytest.raises(CommandFailed, match="--rlimits: not an RLimitInfo"):
        planned("true", rlimits="[]")
    with pytest.raises(CommandFailed, match="--rlimits does not go with --task"):
        planned(task='{"name": "t", "task_id": {"value": "t"}}', rlimits=text)


def test_a_group_is_given_as_json_and_says_it_all() -> None:
    task = {"name": "a", "task_id": {"value": "a"}, "command": {"value": "true"}}
    text = json.dumps({"tasks": [task, task | {"name": "b", "task_id": {"value": "b"}}]})
    found = planned(task_group=text)
    assert [each.name for each in found.tasks] == ["a", "b"]
    assert found.group is not None
    assert found.group.type is not None
    assert found.group.type.value == "DEFAULT"
    assert planned("true").group is None
    for wrong, complaint in [
        ({"task_group": "[]"}, "not a TaskGroupInfo"),
        ({"task_group": '{"tasks": [{}]}'}, "not a TaskGroupInfo"),
        ({"task_group": "{}"}, "it has no tasks"),
        ({"task_group": text, "cpus": 1.0}, "--cpus does not go with --task_group"),
        ({"task_group": text, "command": "x"}, "a command does not go with --task_group"),
        ({"task_group": text, "instances": 2}, "--instances does not go with --task_group"),
    ]:
        with pytest.raises(CommandFailed, match=complaint):
            planned(**wrong)


def test_the_flags_of_mesos_execute_are_taken() -> None:
    found = planned(
        command="true",
        shell=False,
        role="red",
        principal="p",
        checkpoint=True,
        partition_aware=True,
        capabilities="GPU_RESOURCES, MULTI_ROLE",
        content_type="protobuf",
        kill_after="2mins",
    )
    command = found.tasks[0].command
    assert command is not None
    assert (command.shell, command.value) == (False, "true")
    info = found.framework
    assert (info.roles, info.principal, info.checkpoint) == (["red"], "p", True)
    types = [capability.type for capability in info.capabilities]
    assert types == [
        Type.MULTI_ROLE,
        Type.RESERVATION_REFINEMENT,
        Type.GPU_RESOURCES,
        Type.PARTITION_AWARE,
    ]
    assert (found.content, found.kill_after_seconds) == ("protobuf", 120.0)


def test_a_whole_task_can_be_given_without_an_agent(tmp_path: Path) -> None:
    task = {"name": "n", "task_id": {"value": "i"}, "command": {"value": "true"}}
    text = json.dumps(task)
    path = tmp_path / "task.json"
    path.write_text(text)
    for given in (text, str(path), f"file://{path}"):
        (found,) = planned(task=given).tasks
        assert (found.name, found.task_id.value) == ("n", "i")


def test_variables_come_as_pairs_or_as_json(tmp_path: Path) -> None:
    path = tmp_path / "env.json"
    path.write_text('{"C": "3"}')
    assert environment(["A=1", '{"B": "2=2"}', f"file://{path}"]) == {
        "A": "1",
        "B": "2=2",
        "C": "3",
    }


@pytest.mark.parametrize(
    ("words", "options", "why"),
    [
        ([], {}, "there is none"),
        (["true"], {"command": "true"}, "both are given"),
        (["true"], {"env": ["X"]}, "--env: 'X' is not NAME=VALUE"),
        (["true"], {"env": ['{"X": 1}']}, "--env: not a JSON object of texts"),
        (["true"], {"env": ["file:///nope"]}, "/nope: No such file"),
        (["true"], {"resources": "cpus"}, "--resources: "),
        (["true"], {"resources": "cpus:1", "cpus": 2.0}, "--cpus and --mem do not go with it"),
        (["true"], {"capabilities": "FLYING"}, "'FLYING' is none of GPU_RESOURCES, "),
        (["true"], {"content_type": "xml"}, "'xml' is neither json nor protobuf"),
        (["true"], {"kill_after": "soon"}, "--kill-after: 'soon' is not a duration"),
        (["true"], {"containerizer": "docker"}, "'docker' is not supported"),
        ([], {"task": "{}"}, "--task: not a TaskInfo: "),
        ([], {"task": "{}", "name": "n"}, "--name does not go with --task"),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(
    words: list[str], options: dict[str, Any], why: str
) -> None:
    with pytest.raises(CommandFailed) as caught:
        planned(*words, **options)
    assert why in str(caught.value)
    assert caught.value.code == EX_RUN_FAILED


def test_a_bad_master_is_refused_by_name() -> None:
    with pytest.raises(CommandFailed, match="--master: "):
        plan(RunRequest(words=["true"], master="ftp://h/mesos"))


def test_booleans_are_texts_as_in_mesos() -> None:
    assert boolean("--shell", "true")
    assert not boolean("--shell", "false")
    with pytest.raises(CommandFailed, match="--shell: 'yes' is neither true nor false"):
        boolean("--shell", "yes")
