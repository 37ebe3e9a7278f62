"""How commands change something: ask first what is destroyed, then do it or say what would be."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import msgspec

from tepui.cli.asking import ask
from tepui.cli.errors import EX_USAGE, CommandFailed
from tepui.cli.output import print_json
from tepui.codec import json as codec
from tepui.messages.master import Call

if TYPE_CHECKING:
    from tepui.sdk.operator import OperatorClient


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """What a command wants of the master.

    Attributes:
        call: What to send.
        intent: What that does, to follow "would", as in "reserve cpus:2 …".
        refusal: Why the master would refuse it, as far as that can be seen from outside.
        question: What to ask a person first; None for what can be undone.
    """

    call: Call
    intent: str
    refusal: str | None = None
    question: str | None = None


class Manner(msgspec.Struct, frozen=True, kw_only=True):
    """How a command was asked to go about it."""

    master: str
    is_dry_run: bool = False
    is_confirmed: bool = False
    as_json: bool = False


def carry_out(manner: Manner, plan: Callable[[OperatorClient], Awaitable[Change]]) -> bool:
    """Plan a change and make it, or say what it would be and whether it would be refused.

    Returns:
        Whether it was made.

    Raises:
        CommandFailed: It was refused or would be, or nobody could be asked for consent.
    """
    change = ask(manner.master, plan)
    if manner.is_dry_run:
        _show(change, manner)
        if change.refusal is not None:
            raise CommandFailed(f"the master would refuse it: {change.refusal}")
        return False
    if change.question is not None and not manner.is_confirmed:
        _confirm(change.question)
    ask(manner.master, lambda operator: operator.order(change.call))
    _show(change, manner)
    return True


def _show(change: Change, manner: Manner) -> None:
    if manner.as_json:
        shown = {
            "dry_run": manner.is_dry_run,
            "intent": change.intent,
            "call": codec.to_builtins(change.call),
        }
        if manner.is_dry_run:
            shown["refusal"] = change.refusal
        print_json(shown)
    elif manner.is_dry_run:
        print(f"would {change.intent}, by this call:")
        print_json(change.call)
    else:
        print(f"done: {change.intent}")
    sys.stdout.flush()


def _confirm(question: str) -> None:
    """Have a person agree; without a terminal there is none, and nothing is waited for."""
    if not sys.stdin.isatty():
        raise CommandFailed(f"{question} Say --yes if so: standard input is no terminal", EX_USAGE)
    sys.stderr.write(f"{question} [y/N] ")
    sys.stderr.flush()
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise CommandFailed("nothing was done")
