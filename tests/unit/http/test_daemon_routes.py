"""The endpoints that masters and agents share."""

from __future__ import annotations

from pathlib import Path

import pytest

from tepui.base.errors import Rejected
from tepui.http.daemon_routes import DaemonRoutes, file_infos, file_part
from tepui.http.files import Files
from tepui.http.messages import Headers, Request, Response
from tepui.http.routes import Router
from tepui.messages import VersionInfo


@pytest.fixture
def router() -> Router:
    router = Router("slave(1)")
    DaemonRoutes(
        version=VersionInfo(version="1.11.0", build_user="me"),
        flags={"port": "5051", "ip": "127.0.0.1"},
        metrics=lambda: {"b": 2.0, "a": 1.5},
    ).add_to(router, "slave(1)")
    return router


def get(router: Router, target: str) -> Response:
    answer = router(Request("GET", target, Headers()))
    assert isinstance(answer, Response)
    return answer


def test_keys_are_sorted_as_mesos_sorts_them(router: Router) -> None:
    assert get(router, "/version").body == b'{"build_user":"me","version":"1.11.0"}'
    assert get(router, "/flags").body == b'{"flags":{"ip":"127.0.0.1","port":"5051"}}'
    assert get(router, "/metrics/snapshot").body == b'{"a":1.5,"b":2.0}'


def test_health_and_flags_belong_to_the_main_actor(router: Router) -> None:
    assert get(router, "/health") == get(router, "/slave(1)/health") == Response(200)
    assert get(router, "/slave(1)/flags").status == 200
    assert get(router, "/slave(1)/version").status == 404


def test_a_timeout_has_to_be_a_duration(router: Router) -> None:
    assert get(router, "/metrics/snapshot?timeout=5secs").status == 200
    with pytest.raises(Rejected, match="timeout"):
        get(router, "/metrics/snapshot?timeout=soon")


def test_files_are_told_as_messages(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("hello")
    files = Files()
    files.attach("/box", tmp_path)
    [info] = file_infos(files, "/box")
    assert (info.path, info.size) == ("/box/out", 5)
    assert info.mtime is not None
    assert file_part(files, "/box/out", 1, None) == (5, b"ello")
    assert file_part(files, "/box/out", 0, 2) == (5, b"he")
