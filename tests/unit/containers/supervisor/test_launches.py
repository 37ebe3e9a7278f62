from __future__ import annotations

from typing import Any

import pytest

from tepui.containers.supervisor.launches import BadRequest, launch_from

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
