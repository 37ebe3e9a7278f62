from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tepui.containers.sandbox import (
    Owner,
    agents_directory,
    create_sandbox,
    escape_id,
    executor_sandbox,
    link_latest,
    nested_sandbox,
)

WORK = Path("/var/lib/mesos")


def test_sandboxes_lie_where_mesos_puts_them() -> None:
    path = executor_sandbox(WORK, "a1-S0", "m-0000", "web.1", "c-uuid")
    assert str(path) == (
        "/var/lib/mesos/slaves/a1-S0/frameworks/m-0000/executors/web.1/runs/c-uuid"
    )
    assert str(nested_sandbox(path, "c-uuid.n-uuid")) == f"{path}/containers/n-uuid"
    assert agents_directory(WORK) == WORK / "slaves"


@pytest.mark.parametrize("value", ["..", ".", "", "a/b", "../../etc", "/abs", "a\0b", "%2F"])
def test_an_id_never_leads_anywhere_else(value: str) -> None:
    sandbox = executor_sandbox(WORK, "a", "f", value, "c")
    assert len(sandbox.parts) == len(WORK.parts) + 8
    assert ".." not in sandbox.parts
    assert "\0" not in str(sandbox)


@given(st.text(max_size=8), st.text(max_size=8))
def test_different_ids_never_meet(first: str, second: str) -> None:
    assert (escape_id(first) == escape_id(second)) == (first == second)


def test_ids_of_the_usual_letters_stay_as_they_are() -> None:
    assert escape_id("web.instance-1._app_é:1@x") == "web.instance-1._app_é:1@x"


def test_a_sandbox_is_made_with_all_above_it_and_only_once(tmp_path: Path) -> None:
    sandbox = executor_sandbox(tmp_path, "a", "f", "e", "c")
    create_sandbox(tmp_path, sandbox, None)
    assert sandbox.stat().st_mode & 0o777 == 0o750
    with pytest.raises(OSError, match="exists"):
        create_sandbox(tmp_path, sandbox, None)


@pytest.mark.parametrize("name", ["/etc/x", "../x", "a/../../x", ""])
def test_a_sandbox_outside_of_the_work_directory_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(OSError, match="is not below"):
        create_sandbox(tmp_path, tmp_path / name, None)


def test_a_link_below_the_work_directory_is_not_followed(tmp_path: Path) -> None:
    work, outside = tmp_path / "work", tmp_path / "outside"
    work.mkdir()
    outside.mkdir()
    (work / "containers").symlink_to(outside)
    with pytest.raises(OSError, match="no directory"):
        create_sandbox(work, work / "containers" / "c", None)
    assert list(outside.iterdir()) == []


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="giving directories away takes root")
def test_only_the_sandbox_itself_belongs_to_its_user(tmp_path: Path) -> None:
    create_sandbox(tmp_path, tmp_path / "a" / "b", Owner("x", 12345, 54321, ()))
    made = (tmp_path / "a" / "b").stat()
    assert (made.st_uid, made.st_gid) == (12345, 54321)
    assert (tmp_path / "a").stat().st_uid == 0


def test_latest_names_the_last_run(tmp_path: Path) -> None:
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        link_latest(tmp_path / name)
        assert (tmp_path / "latest").resolve() == tmp_path / name
