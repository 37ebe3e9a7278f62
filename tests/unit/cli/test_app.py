"""The program as people meet it: help, mistakes, exit codes."""

from __future__ import annotations

import doctest
import subprocess
import sys

import pytest

from tepui.cli import execute
from tepui.cli.app import run

NOBODY = "127.0.0.1:1"
COMMANDS = [
    "up",
    "master",
    "agent",
    "run",
    "agents",
    "frameworks",
    "tasks",
    "roles",
    "state",
    "logs",
    "kill",
    "quota",
    "weight",
    "reservations",
    "reserve",
    "unreserve",
    "volume",
    "maintenance",
    "drain",
    "sim",
]
EXECUTE_FLAGS = [
    "appc_image",
    "bounding_capabilities",
    "checkpoint",
    "command",
    "containerizer",
    "content_type",
    "docker_image",
    "effective_capabilities",
    "env",
    "framework_capabilities",
    "hadoop",
    "hdfs",
    "kill_after",
    "master",
    "name",
    "networks",
    "overwrite",
    "package",
    "partition_aware",
    "principal",
    "resources",
    "rlimits",
    "role",
    "secret",
    "shell",
    "task",
    "task_group",
    "tty",
    "volumes",
]


def test_the_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("tepui", ["--help"]) == 0
    out = capsys.readouterr().out
    for command in COMMANDS:
        assert f"\n  {command} " in out


def test_without_a_command_there_is_help_and_a_failure(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("tepui", []) == 2
    assert "Commands:" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "code", "line"),
    [
        (["nope"], 2, "tepui: No such command 'nope'."),
        (["agents", "--mastr=x"], 2, "tepui: No such option: --mastr"),
        (["agents", "-m", NOBODY], 1, "http://127.0.0.1:1 cannot be reached: Connection refused"),
        (["tasks", "-m", "ftp://h/mesos"], 2, "tepui: --master: master 'ftp://h/mesos' has scheme"),
        (["tasks", "-m", "zk://h"], 2, "tepui: --master: the URL names no path"),
        (["agents", "-m", "h:port"], 2, "tepui: --master: address 'h:port' has a bad port"),
        (["--master=h", "agents"], 2, "tepui: --master goes after the command"),
        (["up", "--work-dir=/dev/null/x"], 2, "tepui: --work-dir=/dev/null/x: Not a directory"),
        (["run"], 125, "tepui: one command is needed"),
        (["run", "--instances", "0", "true"], 125, "tepui: Invalid value for '--instances'"),
        (["run", "--shell=yes", "true"], 125, "tepui: --shell: 'yes' is neither true nor false"),
        (
            ["run", "--docker_image=busybox", "--command=true"],
            125,
            "tepui: --docker_image: images are not supported yet",
        ),
        (["logs", "-m", NOBODY, "t"], 1, "cannot be reached"),
        (["kill", "-m", NOBODY, "t"], 1, "cannot be reached"),
        (["agent", "nope"], 2, "tepui: No such command 'nope'."),
        (["quota", "set", "r", "--limit=cpus"], 2, "tepui: --limit: 'cpus' is no amount"),
        (["quota", "set", "r", "--limit=cpus:1", "-m", NOBODY], 1, "cannot be reached"),
        (["weight", "set", "r"], 2, "tepui: 'r' is no weight: expected ROLE=NUMBER"),
        (["reserve", "S0", "cpus:x", "--role=r"], 2, "tepui: RESOURCES: 'cpus:x' is not a"),
        (["volume", "create", "S0", "v", "--role=r", "--size=big"], 2, "tepui: --size: 'big'"),
        (["maintenance", "schedule", "h", "--start=soon"], 2, "tepui: --start: 'soon' is no time"),
        (["drain", "S0", "--grace=soon"], 2, "tepui: --grace: 'soon' is no length of time"),
    ],
)
def test_a_mistake_is_one_line_on_standard_error(
    arguments: list[str], code: int, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("tepui", arguments) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert line in err


def test_the_master_can_come_from_the_environment(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TEPUI_MASTER", NOBODY)
    assert run("tepui", ["agents"]) == 1
    assert "http://127.0.0.1:1 cannot be reached" in capsys.readouterr().err


def test_every_flag_of_mesos_execute_is_taken_or_refused_by_name(
    capsys: pytest.CaptureFixture[str],
) -> None:
    run("tepui", ["run", "--help"])
    taken = capsys.readouterr().out
    for name in EXECUTE_FLAGS:
        assert f"--{name} " in taken or execute.not_supported(f"--{name}") is not None


def test_mesos_execute_is_the_run_command_by_itself(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("mesos-execute", ["--help"], command="run") == 0
    assert capsys.readouterr().out.startswith("Usage: mesos-execute [OPTIONS]")
    assert run("mesos-execute", ["--master=h:port", "true"], command="run") == 125
    assert capsys.readouterr().err.startswith("mesos-execute: --master: ")


def test_an_agent_is_a_daemon_unless_a_verb_follows(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        run("tepui", ["agent", "--no_such_flag=1"])
    assert ended.value.code == 64
    assert "no_such_flag" in capfd.readouterr().err
    assert run("tepui", ["agent", "show", "--help"]) == 0
    assert capfd.readouterr().out.startswith("Usage: tepui agent show ")


def test_the_help_of_agent_tells_of_both(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        run("tepui", ["agent", "--help"])
    assert ended.value.code == 0
    verbs, _, flags = capfd.readouterr().out.partition("Without a command, it runs an agent:")
    assert "reactivate" in verbs
    assert "--work_dir" in flags


def test_flags_of_mesos_execute_may_stand_alone() -> None:
    assert doctest.testmod(execute).failed == 0


def test_help_does_not_wait_for_what_it_does_not_need() -> None:
    """The libraries that make a command slow to start are imported by those that use them."""
    code = (
        "import sys; from tepui.cli.app import run; run('tepui', ['--help']);"
        "sys.exit(','.join({'aiohttp', 'msgspec', 'rich', 'asyncio', 'google'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stderr == "\n" or done.stderr == ""
