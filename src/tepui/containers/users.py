"""Users by name, as processes and sandboxes need them."""

from __future__ import annotations

import os
import pwd

from tepui.containers.sandbox import Owner


def find_owner(name: str | None) -> Owner | None:
    """Return the user that a container is switched to; ``None`` when it runs as we do.

    Raises:
        LookupError: There is no such user, or only root could switch to it.
    """
    if name is None:
        return None
    try:
        user = pwd.getpwnam(name)
    except (KeyError, ValueError):
        # A name that no system call takes, such as one with a NUL byte, is a ValueError.
        raise LookupError(f"there is no user {name!r} on this machine") from None
    if user.pw_uid == os.geteuid():
        return None
    if os.geteuid() != 0:
        raise LookupError(f"the agent does not run as root and cannot switch to user {name!r}")
    groups = tuple(os.getgrouplist(name, user.pw_gid))
    return Owner(name, user.pw_uid, user.pw_gid, groups)
