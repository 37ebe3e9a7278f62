"""The flags of ``mesos-execute``, as far as ``tepui run`` does not have them anyway."""

from __future__ import annotations

from collections.abc import Sequence

_BOOLEANS = ("shell", "checkpoint", "partition_aware")
"""Flags that may stand alone; tepui run wants their values."""

_NOT_SUPPORTED = {
    "appc_image": "images are not supported yet",
    "bounding_capabilities": "Linux capabilities are not supported yet",
    "docker_image": "images are not supported yet",
    "effective_capabilities": "Linux capabilities are not supported yet",
    "hadoop": "packages in HDFS are not supported: use --uri",
    "hdfs": "packages in HDFS are not supported: use --uri",
    "networks": "container networks are not supported yet",
    "overwrite": "packages in HDFS are not supported: use --uri",
    "package": "packages in HDFS are not supported: use --uri",
    "secret": "authentication is not supported yet",
    "tty": "terminals are not supported yet",
    "volumes": "mounts into containers are not supported yet",
}


def not_supported(option: str) -> str | None:
    """Return why an option of mesos-execute is refused, if it is one that we know.

    Example:
        >>> not_supported("--docker_image")
        '--docker_image: images are not supported yet'
    """
    name = option.lstrip("-").partition("=")[0].removeprefix("no-")
    why = _NOT_SUPPORTED.get(name)
    return None if why is None else f"--{name}: {why}"


def as_run_arguments(arguments: Sequence[str]) -> list[str]:
    """Return the arguments of ``tepui run`` for those of mesos-execute.

    Example:
        >>> as_run_arguments(["--no-shell", "--checkpoint", "--command=true"])
        ['--partition_aware=true', '--shell=false', '--checkpoint=true', '--command=true']
    """
    # Its default, where ours is to start tasks of unreachable agents elsewhere; the last one wins.
    return ["--partition_aware=true", *(_with_value(argument) for argument in arguments)]


def _with_value(argument: str) -> str:
    for name in _BOOLEANS:
        if argument == f"--{name}":
            return f"--{name}=true"
        if argument == f"--no-{name}":
            return f"--{name}=false"
    return argument
