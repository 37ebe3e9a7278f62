"""Maintenance, draining and giving up agents from the command line, on a cluster."""

from __future__ import annotations

import json
from typing import Any

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("cli")]


def states(up: Any, tepui: Any) -> dict[str, str]:
    """Return the state of each agent by the end of its id."""
    return {row[0].rpartition("-")[2]: row[2] for row in tepui(up, "agent", "list").rows}


def test_an_agent_is_deactivated_and_put_in_use_again(up: Any, tepui: Any) -> None:
    assert tepui(up, "agent", "reactivate", "S0", "--dry-run").code == 1
    assert "is no deactivated agent" in tepui(up, "agent", "reactivate", "S0").err
    assert tepui(up, "agent", "deactivate", "S0").code == 0
    assert states(up, tepui) == {"S0": "deactivated", "S1": "active"}
    assert tepui(up, "agent", "reactivate", "S0").code == 0
    assert states(up, tepui) == {"S0": "active", "S1": "active"}


def test_an_agent_is_shown_with_all_that_is_told_of_it(up: Any, tepui: Any) -> None:
    shown = tepui(up, "agent", "show", "S1").out
    assert "state       active\n" in shown
    assert "*     -         cpus:4; mem:1024; disk:1024; ports:[31000-31999]" in shown
    assert tepui(up, "agent", "show", "S1", "--json").json["agent_info"]["hostname"] == "127.0.0.1"
    assert "several agents are called '127.0.0.1'" in tepui(up, "agent", "show", "127.0.0.1").err


def test_waiting_for_a_drained_agent_tells_what_is_left(up: Any, tepui: Any) -> None:
    words = ("run", "--name=worker", "--cpus=0.5", "sleep 1000")
    with up.start(*words) as process:
        for line in process.stderr:
            if "worker is running" in line:
                break
        (task,) = tepui(up, "tasks", "--json").json
        agent_id = task["agent_id"]["value"]
        end = agent_id.rpartition("-")[2]
        told = tepui(up, "drain", end, "--grace=1s", "--dry-run", "--json").json
        assert told["call"]["drain_agent"]["max_grace_period"]["seconds"] == 1
        assert told["intent"] == f"drain agent {agent_id} of 1 task, each within 1s"
        done = tepui(up, "drain", end, "--grace=1s", "--wait")
        assert done.code == 0
        assert done.err.splitlines()[-1] == f"tepui: agent {agent_id} is drained"
        assert process.wait(timeout=60) != 0
    assert states(up, tepui)[end] == "drained"
    assert tepui(up, "agent", "reactivate", end).code == 0


def test_an_agent_that_nobody_knows_is_refused_as_foretold(up: Any, tepui: Any) -> None:
    for words in (["drain", "x-S7"], ["agent", "deactivate", "x-S7"], ["agent", "gone", "x-S7"]):
        told, refused = tepui(up, *words, "--yes", "--dry-run"), tepui(up, *words, "--yes")
        if "deactivate" in words:
            told, refused = tepui(up, *words, "--dry-run"), tepui(up, *words)
        assert (told.code, refused.code) == (1, 1)
        assert "'x-S7' is no agent that we know" in told.err
        assert "'x-S7' is no agent that we know" in refused.err


def test_the_schedule_is_changed_machine_by_machine(up: Any, tepui: Any) -> None:
    assert tepui(up, "maintenance", "list").rows == []
    words = ["maintenance", "schedule", "S0", "--start=2100-01-31T22:00Z", "--duration=90m"]
    assert tepui(up, *words, "--dry-run").code == 0
    assert tepui(up, "maintenance", "list").rows == []
    assert tepui(up, *words).code == 0
    assert (
        tepui(up, "maintenance", "schedule", "db/10.0.0.9", "--start=2100-02-01T00:00Z").code == 0
    )
    assert tepui(up, "maintenance", "list").rows == [
        ["127.0.0.1/127.0.0.1", "2100-01-31T22:00:00Z", "1h30m"],
        ["db/10.0.0.9", "2100-02-01T00:00:00Z", "-"],
    ]
    assert len(tepui(up, "maintenance", "list", "--json").json["windows"]) == 2
    status = tepui(up, "maintenance", "status", "--json").json
    assert [(each["mode"], len(each["agent_ids"])) for each in status] == [
        ("DRAINING", 2),
        ("DRAINING", 0),
    ]
    assert "of the maintenance schedule" in tepui(up, "drain", "S0").err
    assert tepui(up, "maintenance", "stop", "db", "--dry-run").code == 1
    assert "is not in mode DOWN" in tepui(up, "maintenance", "stop", "db").err
    assert tepui(up, "maintenance", "cancel", "db", "S0").code == 0
    assert tepui(up, "maintenance", "status").rows == []
    assert tepui(up, "maintenance", "cancel", "S0").code == 1


def test_a_machine_goes_down_with_its_agents_and_comes_up(fresh_up: Any, tepui: Any) -> None:
    assert tepui(fresh_up, "maintenance", "start", "S0", "--yes", "--dry-run").code == 1
    assert tepui(fresh_up, "maintenance", "schedule", "S0").code == 0
    asked = tepui(fresh_up, "maintenance", "start", "S0")
    assert asked.code == 2
    assert "ends 2 agents and 0 tasks: go on? Say --yes if so" in asked.err
    assert tepui(fresh_up, "maintenance", "start", "S0", "--yes").code == 0
    assert [row[:2] for row in tepui(fresh_up, "maintenance", "status").rows] == [
        ["127.0.0.1/127.0.0.1", "down"]
    ]
    assert tepui(fresh_up, "agents").rows == []
    assert "bring it up first" in tepui(fresh_up, "maintenance", "cancel", "127.0.0.1").err
    assert tepui(fresh_up, "maintenance", "stop", "127.0.0.1").code == 0
    assert tepui(fresh_up, "maintenance", "list").rows == []


def test_an_agent_is_given_up_for_good(fresh_up: Any, tepui: Any) -> None:
    """The rest of a cluster on one machine goes on without it."""
    agents = tepui(fresh_up, "agent", "list", "--json").json
    (first,) = [each for each in agents if each["agent_info"]["id"]["value"].endswith("S0")]
    agent_id = first["agent_info"]["id"]["value"]
    assert "can never come back" in tepui(fresh_up, "agent", "gone", "S0").err
    assert tepui(fresh_up, "agent", "gone", "S0", "--yes").code == 0
    assert list(states(fresh_up, tepui)) == ["S1"]
    assert tepui(fresh_up, "agent", "gone", agent_id, "--dry-run").code == 0
    done = tepui(fresh_up, "drain", "S1", "--then-gone", "--wait", "--yes")
    assert (done.code, done.err.splitlines()[-1][-8:]) == (0, " is gone")
    assert json.loads(tepui(fresh_up, "agents", "--json").out) == []
