"""Both daemons' flags against the table of Mesos' flags (tests/data/mesos/flags.json)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tepui.agent import flags as agent_flags
from tepui.base.flags import FlagError, Flags, Sources, declared, load
from tepui.master import flags as master_flags

TABLE = json.loads(
    (Path(__file__).parents[2] / "data" / "mesos" / "flags.json").read_text(encoding="utf-8")
)

DAEMONS: dict[str, tuple[type[Flags], dict[str, str], dict[str, str]]] = {
    "master": (master_flags.MasterFlags, master_flags.FIXED, master_flags.REFUSED),
    "agent": (agent_flags.AgentFlags, agent_flags.FIXED, agent_flags.REFUSED),
}

DEFAULTS_THAT_DIFFER = {
    ("agent", "launcher"): "cgroups come with their own launcher, later",
    ("agent", "work_dir"): "required",
    ("agent", "runtime_dir"): "sockets are below the work directory, which agents do not share",
}


# Of these only one meaning exists so far; any other is refused when the flag is read.
SINGLE_CHOICES = {"allocator", "isolation", "launcher", "containerizers", "recover", "config"}


def rows(daemon: str) -> list[dict[str, Any]]:
    return [*TABLE["common"], *TABLE[daemon]]


@pytest.mark.parametrize("daemon", DAEMONS)
def test_every_flag_of_mesos_is_done_or_refused_by_name(daemon: str) -> None:
    flags, fixed, refused = DAEMONS[daemon]
    known = {**declared(flags), **fixed, **refused}
    assert [row["name"] for row in rows(daemon) if row["name"] not in known] == []
    assert not set(declared(flags)) & set(refused)
    assert not set(declared(flags)) & set(fixed)


@pytest.mark.parametrize("daemon", DAEMONS)
def test_every_flag_that_is_not_our_own_is_one_of_mesos(daemon: str) -> None:
    flags, fixed, refused = DAEMONS[daemon]
    names = {row["name"] for row in rows(daemon)}
    names |= {row["deprecated_alias"] for row in rows(daemon) if "deprecated_alias" in row}
    ours = {name for name, flag in declared(flags).items() if flag.own}
    assert {*declared(flags), *fixed, *refused} - ours <= names


@pytest.mark.parametrize("daemon", DAEMONS)
def test_defaults_and_older_names_are_those_of_mesos(daemon: str) -> None:
    flags, fixed, _ = DAEMONS[daemon]
    shown = flags().as_mesos()
    for row in rows(daemon):
        name = row["name"]
        if name in declared(flags):
            # An agent's may also be given as its master's is.
            alias = "zk" if (daemon, name) == ("agent", "master") else row.get("deprecated_alias")
            assert declared(flags)[name].alias == alias, name
            if (daemon, name) not in DEFAULTS_THAT_DIFFER:
                assert shown.get(name) == row["default"], name
        if name in fixed and row["default"] is not None and name != "systemd_enable_support":
            assert fixed[name] == row["default"], name


@pytest.mark.parametrize("daemon", DAEMONS)
def test_every_flag_is_read_by_what_it_is_for(daemon: str) -> None:
    """A flag that is declared and then ignored would be a lie to the operator."""
    root = Path(__file__).parents[3] / "src" / "tepui"
    readers = [root / "base" / "daemon_flags.py", *(root / "daemons").glob("*.py")]
    read = "\n".join(path.read_text(encoding="utf-8") for path in readers)
    # ZooKeeper has a quorum of its own: the flag is checked, and means nothing.
    names = set(declared(DAEMONS[daemon][0])) - SINGLE_CHOICES - {"quorum"}
    assert sorted(name for name in names if f"flags.{name}" not in read) == []


@pytest.mark.parametrize(
    "text",
    ["", "here", ":5050", "h:0", "h:99999", "h:1,h:2", "h:5050/path", "master@h:5050", "a b:1"],
)
def test_an_address_at_which_no_master_can_be_is_refused_before_anything_starts(text: str) -> None:
    with pytest.raises(FlagError, match=r"--master: .*is neither host:port nor"):
        load(
            agent_flags.AgentFlags,
            Sources(arguments=[f"--master={text}"], environment={}, read_file=str),
        )
