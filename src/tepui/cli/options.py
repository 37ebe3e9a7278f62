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
        help="Address of a master, or several separated by commas.",
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]
AllOption = Annotated[bool, typer.Option("--all", "-a", help="Include what is over.")]

DEFAULT_MASTER = "http://127.0.0.1:5050"
