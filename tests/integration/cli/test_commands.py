"""The commands against a cluster from ``tepui up``."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

import psutil
import pytest

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("cli")]


def wait_for_line(process: Any, text: str) -> None:
    """Read standard error until a line has ``text``."""
    for line in process.stderr:
        if text in line:
            return
    raise AssertionError(f"{text!r} did not come; exit code {process.wait()}")


def test_the_ready_line_names_the_master_and_every_agent(up: Any) -> None:
    assert up.master.startswith("http://127.0.0.1:")
    assert len(up.agents) == 2
    assert "work_dir=" in up.ready_line


def test_a_command_runs_with_its_output_and_its_code_here(up: Any) -> None:
    done = up.run("run", "--cpus=0.1", "--mem=32", "echo out; echo err >&2; exit 3")
    assert (done.returncode, done.stdout) == (3, "out\n")
    lines = done.stderr.splitlines()
    assert "err" in lines
    assert lines[0] == f"tepui: waiting for offers from {up.master}"
    assert "ended as TASK_FAILED" in lines[-1]


def test_words_are_arguments_and_options_after_them_belong_to_the_command(up: Any) -> None:
    done = up.run("run", "-q", "--cpus=0.1", "--env=NAME=value", "/bin/echo", "-n", "$NAME")
    assert (done.returncode, done.stdout, done.stderr) == (0, "$NAME", "")


def test_environment_and_uris_reach_the_task(up: Any, tmp_path: Path) -> None:
    file = tmp_path / "greeting.txt"
    file.write_text("hello from a file\n")
    done = up.run(
        "run", "-q", "--cpus=0.1", "--env=WHO=me", f"--uri={file}", "cat greeting.txt; echo $WHO"
    )
    assert (done.returncode, done.stdout) == (0, "hello from a file\nme\n")


def test_several_instances_are_told_apart(up: Any) -> None:
    done = up.run("run", "--name=many", "-n", "5", "--cpus=0.1", "--mem=32", "echo hi")
    assert done.returncode == 0
    assert sorted(done.stdout.splitlines()) == [f"[many.{number}] hi" for number in range(1, 6)]
    assert "(5 of 5)" in done.stderr


def test_output_is_streamed_while_the_task_runs(up: Any) -> None:
    with up.start("run", "-q", "--cpus=0.1", "echo first; read line < gate; echo last") as process:
        # The gate is missing, so that the line after it comes at once; what matters is the order.
        assert process.stdout.readline() == "first\n"
        assert process.stdout.readline() == "last\n"
        assert process.wait(timeout=60) == 0


def test_interrupting_a_run_tears_its_framework_down(up: Any) -> None:
    with up.start("run", "--name=endless", "--cpus=0.1", "sleep 1000") as process:
        wait_for_line(process, "endless is running")
        listed = up.run("frameworks").stdout
        assert "endless" in listed
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=60) == 130
    assert "endless" not in up.run("frameworks").stdout
    completed = json.loads(up.run("frameworks", "--all", "--json").stdout)
    assert "endless" in [each["framework_info"]["name"] for each in completed]


def test_a_task_is_killed_after_its_time(up: Any) -> None:
    done = up.run("run", "--cpus=0.1", "--kill-after=100ms", "sleep 1000")
    assert done.returncode != 0
    assert "has had its 0.1 s" in done.stderr
    assert "TASK_KILLED" in done.stderr


def test_mesos_execute_takes_its_own_flags(up: Any) -> None:
    done = up.run(
        f"--master={up.master.removeprefix('http://')}",
        "--name=drop-in",
        "--command=echo $GREETING",
        '--env={"GREETING": "hi"}',
        "--resources=cpus:0.1;mem:32",
        "--shell",
        "--no-checkpoint",
        program="mesos_execute",
    )
    assert (done.returncode, done.stdout) == (0, "hi\n")


def test_protobuf_does_as_well(up: Any) -> None:
    done = up.run("run", "-q", "--content_type=protobuf", "--cpus=0.1", "echo hi")
    assert (done.returncode, done.stdout) == (0, "hi\n")


def test_agents_are_listed_for_people_and_for_programs(up: Any) -> None:
    lines = up.run("agents").stdout.splitlines()
    assert lines[0].split() == ["ID", "HOST", "STATE", "CPUS", "MEM", "DISK", "VERSION"]
    assert [line.split()[2] for line in lines[1:]] == ["active", "active"]
    agents = json.loads(up.run("agents", "--json").stdout)
    assert {each["agent_info"]["hostname"] for each in agents} == {"127.0.0.1"}


def test_roles_and_the_state_are_shown(up: Any) -> None:
    assert up.run("roles").stdout.split()[:2] == ["ROLE", "WEIGHT"]
    state = up.run("state").stdout
    assert "agents      2 active of 2" in state
    assert json.loads(up.run("state", "--json").stdout)["activated_slaves"] == 2


def test_a_running_task_is_listed_logged_followed_and_killed(up: Any) -> None:
    with up.start("run", "--name=worker", "--cpus=0.1", "echo working; sleep 1000") as process:
        wait_for_line(process, "worker is running")
        assert process.stdout.readline() == "working\n"
        (row,) = [line for line in up.run("tasks").stdout.splitlines() if "worker" in line]
        assert "TASK_RUNNING" in row
        assert up.run("logs", "worker").stdout == "working\n"
        assert up.run("logs", "--tail=4", "worker").stdout == "ing\n"
        with up.start("logs", "-f", "worker") as following:
            assert following.stdout.readline() == "working\n"
            done = up.run("kill", "worker")
            assert (done.returncode, done.stderr) == (0, "")
            assert process.wait(timeout=60) != 0
            assert following.wait(timeout=60) == 0
    over = up.run("kill", "worker")
    assert (over.returncode, over.stderr) == (
        1,
        "tepui: task 'worker' is over already: TASK_KILLED\n",
    )


def test_an_unknown_task_is_one_clear_line(up: Any) -> None:
    for command in ("logs", "kill"):
        done = up.run(command, "nobody")
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr == "tepui: there is no task 'nobody'\n"


def test_a_reader_that_goes_away_ends_a_command_quietly(up: Any) -> None:
    with up.start("state", "--json") as process:
        process.stdout.close()
        assert process.wait(timeout=60) == 141
        assert process.stderr.read() == ""


def test_a_reader_that_goes_away_ends_a_run_with_its_task(up: Any) -> None:
    line = "echo one; while echo more; do :; done"
    with up.start("run", "-q", "--name=chatty", "--cpus=0.1", line) as process:
        assert process.stdout.readline() == "one\n"
        process.stdout.close()
        assert process.wait(timeout=60) == 141
        assert process.stderr.read() == ""
    assert "chatty" not in up.run("frameworks").stdout


def test_a_task_that_is_too_big_is_told_what_is_missing(up: Any) -> None:
    with up.start("run", "--name=big", "--cpus=64", "--mem=9000", "true") as process:
        wait_for_line(
            process,
            "no offer is large enough for big: "
            "cpus:64 needed, 4 offered; mem:9000 needed, 1024 offered; waiting on",
        )
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=60) == 130


def test_a_task_that_could_not_be_started_is_a_run_that_failed(up: Any) -> None:
    done = up.run("run", "-q", "--name=absent", "--cpus=0.1", "/no/such/program", "x")
    assert done.returncode == 125
    assert done.stderr.startswith("tepui: absent ended as TASK_FAILED: ")
    assert "/no/such/program" in done.stderr


def test_a_file_that_is_not_in_the_sandbox_is_told_with_those_that_are(up: Any) -> None:
    up.run("run", "-q", "--name=writer", "--cpus=0.1", "echo data > result.txt")
    assert up.run("logs", "--file=result.txt", "writer").stdout == "data\n"
    done = up.run("logs", "--file=results.txt", "writer")
    assert (done.returncode, done.stderr) == (
        1,
        "tepui: task 'writer' has no file 'results.txt' in its sandbox; "
        "there is result.txt, stderr, stdout\n",
    )


def test_everything_ends_with_up(up: Any) -> None:
    started = psutil.Process(up.process.pid).children(recursive=True)
    assert len(started) >= 3
    assert up.stop() == 0
    _, alive = psutil.wait_procs(started, timeout=10)
    assert alive == []
