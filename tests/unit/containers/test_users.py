from __future__ import annotations

import os
import pwd

import pytest

from tepui.containers.users import find_owner


def test_nobody_is_switched_to_when_no_user_or_our_own_is_named() -> None:
    assert find_owner(None) is None
    assert find_owner(pwd.getpwuid(os.geteuid()).pw_name) is None


def test_an_unknown_user_is_named() -> None:
    with pytest.raises(LookupError, match="'no-such-user'"):
        find_owner("no-such-user")


@pytest.mark.parametrize("name", ["a\0b", "\ud800", ""])
def test_what_cannot_be_a_name_is_unknown_too(name: str) -> None:
    """A framework may name any text as its user; it must not end the agent."""
    with pytest.raises(LookupError, match="there is no user"):
        find_owner(name)


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="switching users takes root")
def test_root_switches_to_a_user_with_all_its_groups() -> None:
    owner = find_owner("nobody")
    assert owner is not None
    assert (owner.uid, owner.gid) == pwd.getpwnam("nobody")[2:4]
    assert owner.gid in owner.groups
