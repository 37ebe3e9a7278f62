"""What tells one supervisor's code from another's, and where its socket goes."""

from __future__ import annotations

from pathlib import Path

import pytest

from tepui.containers.protocol import SupervisorLost
from tepui.containers.supervisor_code import SupervisorCode, socket_directory


def test_any_change_makes_another_code(tmp_path: Path) -> None:
    script, other = tmp_path / "a" / "__main__.py", tmp_path / "other.py"
    script.parent.mkdir()
    script.write_text("1")
    other.write_text("2")
    first = SupervisorCode.of(script, other)
    assert SupervisorCode.of(script, other) == first
    seen = {first.identity}
    for path in (script, other, script.with_name("more.py")):
        path.write_text("3")
        seen.add(SupervisorCode.of(script, other).identity)
    assert len(seen) == 4


def test_the_own_code_is_the_script_beside_this_package() -> None:
    own = SupervisorCode.own()
    assert Path(own.script).is_file()
    assert own == SupervisorCode.own()


def test_work_directories_do_not_share_a_place(tmp_path: Path) -> None:
    run = tmp_path / "run"
    places = {socket_directory(run, Path("/w") / name) for name in ("a", "b", "a/b")}
    assert len(places) == 3
    assert all(place.parent == run and place.stat().st_mode & 0o777 == 0o700 for place in places)
    assert socket_directory(None, Path("/w/a")) == Path("/w/a")


def test_a_place_that_somebody_has_prepared_is_refused(tmp_path: Path) -> None:
    place = socket_directory(tmp_path, Path("/w"))
    place.rmdir()
    place.symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere").mkdir()
    with pytest.raises(SupervisorLost, match="not a directory that only this user"):
        socket_directory(tmp_path, Path("/w"))
    with pytest.raises(SupervisorLost, match="cannot be made"):
        socket_directory(Path("/dev/null"), Path("/w"))
