"""``tepui explain`` against a cluster from ``tepui up``: two agents with 4 CPUs each."""

from __future__ import annotations

import json
import signal
from typing import Any

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("cli")]


def test_what_fits_nowhere_is_said_with_the_nearest_miss(up: Any) -> None:
    done = up.run("explain", "--role=dev", "--cpus=6", "--resources=mem:0.5g")
    assert done.returncode == 0
    said, advice, *rows = [line for line in done.stdout.splitlines() if line]
    assert said.startswith("Role dev has no framework.")
    assert "mem:512;cpus:6 fits on no agent as the cluster is now: 2 agents too small" in said
    assert "lacks cpus:2" in said
    assert advice == "  - A framework has to subscribe with role dev."
    [heads] = [row.split() for row in rows if "CAUSE" in row]
    assert heads == ["ROLE", "FRAMEWORK", "CAUSE", "AGENTS", "OF", "NEAREST"]
    assert any("too small" in row and "127.0.0.1 lacks cpus:2" in row for row in rows)


def test_a_framework_is_found_by_its_name_and_a_role_hears_who_holds_what(up: Any) -> None:
    command = "echo up; exec sleep 1000"
    with up.start("run", "--name=hog", "-n", "2", "--cpus=3", "--mem=32", command) as hog:
        assert sorted(hog.stdout.readline() for _ in range(2)) == ["[hog.1] up\n", "[hog.2] up\n"]
        found = json.loads(up.run("explain", "--framework=hog", "--json").stdout)
        [client] = found["clients"]
        assert (client["framework_name"], client["role"]) == ("hog", "*")
        waiting = json.loads(up.run("explain", "--role=dev", "--cpus=4", "--json").stdout)
        assert waiting["fits"] == "WHEN_OTHERS_END"
        [cause] = waiting["clients"][0]["causes"]
        assert list(cause["of"]) == [client["framework_id"]]
        shown = up.run("explain", "-f", "hog").stdout
        assert f"Framework hog ({client['framework_id']}) in role *" in shown
        roles = up.run("roles").stdout.splitlines()
        assert roles[0].split() == ["ROLE", "WEIGHT", "FRAMEWORKS", "CPUS", "MEM", "REASON"]
        [row] = [row for row in roles if row.startswith("*")]
        assert len(row.split()) > 5
        [role] = [
            each for each in json.loads(up.run("roles", "--json").stdout) if each["name"] == "*"
        ]
        assert role["reason"]
        hog.send_signal(signal.SIGINT)
        assert hog.wait(timeout=60) == 130


@pytest.mark.parametrize(
    ("arguments", "code", "problem"),
    [
        ([], 2, "say --framework or --role: whom is it about?"),
        (["--role=a", "--framework=f"], 2, "say --framework or --role: whom is it about?"),
        (["--role=a", "--cpus=-1"], 1, "'cpus' is '-1.0', and no task needs less than nothing"),
        (["--role=a", "--cpus=nan"], 1, "'cpus' is 'nan', which is no amount of a resource"),
        (["--role=a", "--cpus=1", "--resources=cpus:1"], 2, "both say how much cpus"),
        (["--role=a", "--resources=cpus"], 2, "--resources: 'cpus' is no amount"),
        (["--framework=nobody"], 1, "There is no framework 'nobody'"),
    ],
)
def test_mistakes_are_one_line(up: Any, arguments: list[str], code: int, problem: str) -> None:
    done = up.run("explain", *arguments)
    assert (done.returncode, done.stdout) == (code, "")
    [line] = done.stderr.splitlines()
    assert problem in line
