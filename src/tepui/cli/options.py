"""The options that several commands share."""

from __future__ import annotations

from typing import Annotated

import typer

MasterOption = Annotated[
    str,
    typer.Option(
        "--master",
        "-m",
        envvar="TEPUI_MASTER",
        help="Address of a master, or several separated by commas, or zk://host:port/path.",
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]
AllOption = Annotated[bool, typer.Option("--all", "-a", help="Include what is over.")]
DryRunOption = Annotated[
    bool,
    typer.Option("--dry-run", help="Change nothing: say what would be, and what is wrong with it."),
]
YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Go ahead without asking.")]
AgentArgument = Annotated[
    str,
    typer.Argument(metavar="AGENT", help="Its id, the end of it such as S3, host, or host:port."),
]

DEFAULT_MASTER = "http://127.0.0.1:5050"
