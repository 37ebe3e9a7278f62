"""Quota, weights, reservations and volumes from the command line, on a cluster."""

from __future__ import annotations

from typing import Any

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("cli")]


def test_quota_is_set_shown_changed_and_taken_away(up: Any, tepui: Any) -> None:
    done = tepui(up, "quota", "set", "q", "--guarantee=cpus:2,mem:0.5g", "--limit=cpus:4")
    assert done == (0, "done: guarantee role 'q' cpus:2,mem:512 and limit it to cpus:4\n", "")
    assert tepui(up, "quota", "list").rows == [
        ["q", "cpus", "2", "4", "-"],
        ["q", "mem", "512", "-", "-"],
    ]
    assert tepui(up, "quota", "set", "q", "--limit=cpus:6").code == 0
    assert tepui(up, "quota", "show", "q", "--json").json == {
        "role": "q",
        "guarantees": {"cpus": 2.0, "mem": 512.0},
        "limits": {"cpus": 6.0},
        "consumed": {},
    }
    assert tepui(up, "quota", "remove", "q").code == 2
    assert tepui(up, "quota", "remove", "q", "--yes").code == 0
    assert tepui(up, "quota", "list", "--json").json == []
    assert tepui(up, "quota", "remove", "q", "--yes").err == "tepui: role 'q' has no quota\n"
    assert tepui(up, "quota", "show", "q").out == "role 'q' has no quota, and consumes nothing\n"


def test_a_dry_run_of_quota_foretells_what_the_master_says(up: Any, tepui: Any) -> None:
    too_much = ["quota", "set", "q", "--guarantee=cpus:100"]
    told = tepui(up, *too_much, "--dry-run")
    refused = tepui(up, *too_much)
    assert (told.code, refused.code, refused.out) == (1, 1, "")
    reason = told.err.removeprefix("tepui: the master would refuse it: ").strip()
    assert refused.err == f"tepui: {reason} (HTTP 400)\n"
    assert tepui(up, *too_much, "--dry-run", "--force").code == 0
    assert tepui(up, "quota", "list").rows == []


def test_what_a_role_consumes_stands_beside_its_limit(up: Any, tepui: Any) -> None:
    assert tepui(up, "reserve", "S0", "cpus:1", "--role=eater").code == 0
    assert tepui(up, "quota", "set", "eater", "--limit=cpus:1").code == 0
    assert tepui(up, "quota", "list").rows == [["eater", "cpus", "-", "1", "1"]]
    refused = tepui(up, "quota", "set", "eater", "--limit=cpus:0.5", "--dry-run")
    assert "below the 1 that the role 'eater' consumes" in refused.err
    assert tepui(up, "quota", "remove", "eater", "--yes").code == 0
    assert tepui(up, "unreserve", "S0", "--role=eater").code == 0


def test_weights_are_set_and_listed(up: Any, tepui: Any) -> None:
    assert tepui(up, "weight", "set", "w1=2", "w2=0.5", "--dry-run").code == 0
    assert tepui(up, "weight", "list").rows == []
    assert tepui(up, "weight", "set", "w1=2", "w2=0.5").code == 0
    assert tepui(up, "weight", "list").rows == [["w1", "2"], ["w2", "0.5"]]
    assert {
        each["role"]: each["weight"] for each in tepui(up, "weight", "list", "--json").json
    } == {
        "w1": 2.0,
        "w2": 0.5,
    }
    told = tepui(up, "weight", "set", "w1=0", "--dry-run")
    refused = tepui(up, "weight", "set", "w1=0")
    assert (told.code, refused.code) == (1, 1)
    assert "is not a finite number above 0" in refused.err


def test_what_is_reserved_is_refined_handed_over_and_given_back(up: Any, tepui: Any) -> None:
    done = tepui(up, "reserve", "S1", "cpus:3;ports:[31000-31009]", "--role=r", "--label=a=b")
    assert done.out.startswith("done: reserve cpus:3; ports:[31000-31009] of agent ")
    assert tepui(up, "reserve", "S1", "cpus:1", "--of=r", "--role=r/web").code == 0
    assert tepui(up, "reserve", "S1", "cpus:1", "--of=r", "--role=other").code == 0
    assert [row[2:] for row in tepui(up, "reservations", "S1").rows] == [
        ["other", "dynamic", "-", "cpus:1", "-"],
        ["r", "dynamic", "-", "cpus:1; ports:[31000-31009]", "-"],
        ["r/web", "dynamic, of r", "-", "cpus:1", "-"],
    ]
    assert "r/web  dynamic, of r  cpus:1" in tepui(up, "agent", "show", "S1").out
    (shown,) = tepui(up, "reservations", "--role=r/web", "--json").json
    assert [each["role"] for each in shown["resources"][0]["reservations"]] == ["r", "r/web"]
    for role in ("r/web", "other", "r"):
        assert tepui(up, "unreserve", "S1", f"--role={role}").code == 0
    assert tepui(up, "reservations").rows == []


def test_a_reservation_that_cannot_be_is_told_of_before_and_after(up: Any, tepui: Any) -> None:
    short = tepui(up, "reserve", "S0", "cpus:99", "--role=r")
    assert (short.code, short.out) == (1, "")
    assert short.err.endswith("which has cpus:4 unreserved\n")
    for role in ("*", "-bad"):
        wrong = ["reserve", "S0", "cpus:1", f"--role={role}"]
        told, refused = tepui(up, *wrong, "--dry-run"), tepui(up, *wrong)
        assert (told.code, refused.code) == (1, 1)
        reason = told.err.removeprefix("tepui: the master would refuse it: ").strip()
        assert reason in refused.err
    assert tepui(up, "reserve", "S9", "cpus:1", "--role=r").code == 1
    assert tepui(up, "reserve", "S0", "lots", "--role=r").code == 2
    assert tepui(up, "unreserve", "S0", "--role=r").code == 1


def test_what_a_task_uses_is_not_reserved(up: Any, tepui: Any) -> None:
    words = ("run", "--name=holder", "--cpus=4", "--mem=32", "sleep 1000")
    with up.start(*words) as process:
        for line in process.stderr:
            if "holder is running" in line:
                break
        (task,) = tepui(up, "tasks", "--json").json
        agent_id = task["agent_id"]["value"]
        wanted = ["reserve", agent_id, "cpus:1", "--role=r"]
        told, refused = tepui(up, *wanted, "--dry-run"), tepui(up, *wanted)
        assert (told.code, refused.code) == (1, 1)
        assert "cpus:1 is needed, and in use" in told.err
        assert "cpus:1 is needed, and in use (HTTP 409)" in refused.err
        assert tepui(up, "kill", "holder").code == 0
        assert process.wait(timeout=60) != 0


def test_a_volume_is_made_resized_and_destroyed(up: Any, tepui: Any) -> None:
    assert "reserved for 'v': see tepui reserve" in (
        tepui(up, "volume", "create", "S0", "data", "--role=v", "--size=64m").err
    )
    assert tepui(up, "reserve", "S0", "disk:256m", "--role=v").code == 0
    assert tepui(up, "volume", "create", "S0", "data", "--role=v", "--size=64m").code == 0
    assert tepui(up, "volume", "list").rows[0][:7] == ["data", "v", "64", "data", "-", "no", "no"]
    assert tepui(up, "volume", "grow", "S0", "data", "--to=128m").code == 0
    (shown,) = tepui(up, "volume", "list", "S0", "--json").json
    assert (shown["volume"]["scalar"]["value"], shown["in_use"]) == (128.0, False)
    assert tepui(up, "volume", "shrink", "S0", "data", "--by=28").code == 0
    assert tepui(up, "volume", "list").rows[0][2] == "100"
    again = ["volume", "create", "S0", "data", "--role=v", "--size=1"]
    assert "is the id of another volume" in tepui(up, *again, "--dry-run").err
    assert "is the id of another volume" in tepui(up, *again).err
    assert tepui(up, "volume", "destroy", "S0", "data").code == 2
    assert tepui(up, "volume", "destroy", "S0", "data", "--dry-run").code == 0
    assert tepui(up, "volume", "destroy", "S0", "data", "--yes").code == 0
    assert tepui(up, "volume", "list", "--json").json == []
    assert tepui(up, "unreserve", "S0", "--role=v").code == 0


def test_a_shared_volume_keeps_its_size(up: Any, tepui: Any) -> None:
    assert tepui(up, "reserve", "S0", "disk:256m", "--role=s").code == 0
    words = ["volume", "create", "S0", "pool", "--role=s", "--size=64m", "--shared"]
    assert tepui(up, *words, "--path=in", "--json").json["call"]["type"] == "CREATE_VOLUMES"
    assert tepui(up, "volume", "list", "--role=s").rows[0][3:6] == ["in", "-", "yes"]
    grow = ["volume", "grow", "S0", "pool", "--by=1"]
    told, refused = tepui(up, *grow, "--dry-run"), tepui(up, *grow)
    assert "which keeps its size" in told.err
    assert "which keeps its size (HTTP 400)" in refused.err
    assert tepui(up, "volume", "destroy", "S0", "pool", "--yes").code == 0
    assert tepui(up, "unreserve", "S0", "--role=s").code == 0
