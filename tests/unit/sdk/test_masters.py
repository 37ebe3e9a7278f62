"""Where clients look for the master."""

from __future__ import annotations

from pathlib import Path

import pytest

from tepui.sdk.masters import ElectedMasters, find_masters


def test_addresses_a_place_of_election_or_a_file_with_either_are_told_apart(tmp_path: Path) -> None:
    assert find_masters("a,b:5051") == ("http://a:5050", "http://b:5051")
    assert find_masters(["a", "b"]) == ("http://a:5050", "http://b:5050")
    assert isinstance(find_masters("zk://h1:2181,h2:2181/mesos"), ElectedMasters)
    file = tmp_path / "master"
    file.write_text("zk://h:2181/mesos\n")
    assert isinstance(find_masters(f"file://{file}"), ElectedMasters)
    file.write_text("a:5050\n")
    assert find_masters(f"file://{file}") == ("http://a:5050",)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [("zk://h", "names no path"), ("file:///no/such", "cannot be read"), ("", "names no master")],
)
def test_what_is_none_of_these_is_said(text: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        find_masters(text)
