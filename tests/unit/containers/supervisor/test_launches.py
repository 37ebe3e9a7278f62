from __future__ import annotations

import os
import resource
from pathlib import Path
from typing import Any

import pytest

from tepui.containers.supervisor.launches import BadRequest, launch_from, start_process

GOOD: dict[str, Any] = {
    "container_id": "c",
    "sandbox": "/s",
    "argv": ["true"],
    "working_directory": "/s",
}


def test_a_launch_needs_little() -> None:
    launch = launch_from(GOOD)
    assert (launch.environment, launch.uid, launch.rlimits) == ({}, None, [])


def test_a_launch_may_name_a_user_and_limits() -> None:
    launch = launch_from(GOOD | {"uid": 1, "gid": 2, "groups": [2, 3], "rlimits": [[7, 10, -1]]})
    assert (launch.uid, launch.gid, launch.groups) == (1, 2, [2, 3])
    assert launch.rlimits == [(7, 10, -1)]


@pytest.mark.parametrize(
    "wrong",
    [
        {"container_id": ""},
        {"sandbox": None},
        {"argv": [1]},
        {"argv": []},
        {"executable": 3},
        {"environment": {"a": 1}},
        {"environment": []},
        {"uid": -1, "gid": 0},
        {"uid": 1},
        {"uid": 1, "gid": True},
        {"uid": 1, "gid": 1, "groups": ["x"]},
        {"rlimits": [[1, 2]]},
        {"rlimits": 5},
    ],
)
def test_what_is_wrong_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(BadRequest):
        launch_from(GOOD | wrong)


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="switching users takes root")
@pytest.mark.parametrize("rlimits", [[], [[resource.RLIMIT_CORE, 0, 0]]])
def test_a_process_has_the_groups_of_its_user_and_no_others(
    tmp_path: Path, rlimits: list[list[int]]
) -> None:
    """Limits take another way through the kernel's calls; both have to set every id."""
    # Not the working directory: those above pytest's own are root's alone.
    os.chown(tmp_path, 1234, 2345)
    request = GOOD | {"argv": ["id"], "sandbox": str(tmp_path), "working_directory": "/"}
    request |= {"uid": 1234, "gid": 2345, "groups": [2345, 3456], "rlimits": rlimits}
    request["environment"] = {"PATH": os.defpath, "LC_ALL": "C"}
    pid = start_process(launch_from(request), "s")
    assert os.waitpid(pid, 0)[1] == 0
    said = (tmp_path / "stdout").read_text()
    assert said == "uid=1234 gid=2345 groups=2345,3456\n"
