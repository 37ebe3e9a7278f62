"""``tepui sim`` as people meet it: what it prints, writes and refuses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tepui.cli.app import run
from tepui.sim.laws import LawBroken
from tepui.sim.scenario import read_scenario
from tepui.sim.shipped import shipped

SMALL = """
about = "small"
settle_after = 30.0
settle_seconds = 60.0
[cluster]
masters = 1
agents = [{ count = 2, resources = "cpus:2;mem:1024" }]
[[workloads]]
tasks = 2
run_seconds = [5.0, 10.0]
[[faults]]
at = 10.0
kind = "agent crash"
target = "agent-0"
seconds = 5.0
"""


@pytest.fixture
def small(tmp_path: Path) -> str:
    path = tmp_path / "small.toml"
    path.write_text(SMALL)
    return str(path)


def test_the_scenarios_that_are_shipped_are_listed(capsys) -> None:
    assert run("tepui", ["sim", "list"]) == 0
    out = capsys.readouterr().out
    assert all(name in out for name in shipped())
    assert run("tepui", ["sim", "list", "--json"]) == 0
    assert [each["name"] for each in json.loads(capsys.readouterr().out)] == shipped()


@pytest.mark.slow
def test_runs_that_keep_all_laws_are_summed_up(small, capsys) -> None:
    assert run("tepui", ["sim", "run", small, "--seeds", "1..3"]) == 0
    out = capsys.readouterr().out
    assert out.count(" kept ") == 3
    assert "3 runs, 0 with a broken law" in out


@pytest.mark.slow
def test_several_processes_find_the_same_as_one(small, capsys) -> None:
    found = []
    for jobs in ("1", "2"):
        options = ["--seeds", "1..2", "--jobs", jobs, "--json"]
        assert run("tepui", ["sim", "run", small, *options]) == 0
        runs = json.loads(capsys.readouterr().out)
        found.append(sorted((each["seed"], each["fingerprint"]) for each in runs))
    assert found[0] == found[1]


@pytest.mark.slow
def test_a_broken_law_is_told_with_how_to_see_it_again(
    small, tmp_path, capsys, monkeypatch
) -> None:
    from tepui.sim.laws import OneContainer

    def forbid(law, started) -> None:
        raise LawBroken(law=law.name, at=started.at, where=started.node, what="started anything")

    monkeypatch.setattr(OneContainer, "_on_started", forbid)
    options = ["--seed", "5", "--shrunk-dir", str(tmp_path / "shrunk")]
    (tmp_path / "shrunk").mkdir()
    assert run("tepui", ["sim", "run", small, *options]) == 1
    out = capsys.readouterr().out
    assert "seed 5" in out
    assert "breaks a law: one container" in out
    assert f"tepui sim run {small} --seed 5 --no-shrink" in out
    path = tmp_path / "shrunk" / "small-5.toml"
    assert f"tepui sim run {path} --seed 5 --no-shrink" in out
    shrunk = read_scenario(path.read_text(), "shrunk")
    assert (shrunk.faults, shrunk.agent_count) == ((), 1)
    assert run("tepui", ["sim", "run", str(path), "--seed", "5", "--no-shrink"]) == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["none"], "there is no scenario 'none': expected calm"),
        (["none.toml"], "none.toml: No such file or directory"),
        (["calm", "--seeds", "3..1"], "--seeds=3..1: expected M..N"),
        (["calm", "--seeds", "0..999999999"], "more than 100000 of them"),
        (["calm", "--hours", "nan"], "settle_after=nan: expected a positive number"),
        (["calm", "--hours", "-1"], "expected a positive number"),
        (["calm", "--agents", "0"], "--agents"),
    ],
)
def test_mistakes_are_refused_in_one_line(arguments, said, capsys) -> None:
    assert run("tepui", ["sim", "run", *arguments]) == 2
    err = capsys.readouterr().err
    assert said in err
    assert err.count("\n") == 1


def test_a_file_with_a_mistake_is_refused_by_its_name(tmp_path, capsys) -> None:
    path = tmp_path / "bad.toml"
    path.write_text("hours = 3")
    assert run("tepui", ["sim", "run", str(path)]) == 2
    assert f"{path}: Object contains unknown field `hours`" in capsys.readouterr().err


@pytest.mark.slow
def test_the_same_code_is_tried_from_the_same_seed(small, capsys) -> None:
    first = []
    for _ in range(2):
        options = ["--by-code", "--minutes", "0.01", "--jobs", "1", "--scenario", small, "--json"]
        assert run("tepui", ["sim", "fresh", *options]) == 0
        first.append(json.loads(capsys.readouterr().out)[0]["seed"])
    assert first[0] == first[1]
