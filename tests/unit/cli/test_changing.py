"""Who is asked before something is destroyed, and what a dry run shows."""

from __future__ import annotations

import io
import json

import pytest

from tepui.cli import changing
from tepui.cli.changing import Change, Manner, carry_out
from tepui.cli.errors import EX_USAGE, CommandFailed
from tepui.messages.master import Call
from tepui.sdk.operator import OperatorClient

NOBODY = "127.0.0.1:1"
DESTROYING = Change(
    call=Call(type=Call.Type.DESTROY_VOLUMES),
    intent="destroy it",
    refusal="it is used",
    question="Destroy it?",
)


async def plan(_: OperatorClient) -> Change:
    return DESTROYING


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_without_a_terminal_consent_has_to_be_said_before() -> None:
    with pytest.raises(CommandFailed, match=r"^Destroy it\? Say --yes if so") as caught:
        carry_out(Manner(master=NOBODY), plan)
    assert caught.value.code == EX_USAGE


@pytest.mark.parametrize("answer", ["", "\n", "n\n", "perhaps\n"])
def test_anything_but_yes_is_no(
    answer: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(changing.sys, "stdin", Terminal(answer))
    with pytest.raises(CommandFailed, match="nothing was done"):
        carry_out(Manner(master=NOBODY), plan)
    assert capsys.readouterr().err == "Destroy it? [y/N] "


def test_yes_goes_on_to_the_master(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(changing.sys, "stdin", Terminal("Yes\n"))
    with pytest.raises(CommandFailed, match="cannot be reached"):
        carry_out(Manner(master=NOBODY), plan)


def test_a_dry_run_asks_nobody_and_tells_what_would_be_refused(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(CommandFailed, match=r"^the master would refuse it: it is used$"):
        carry_out(Manner(master=NOBODY, is_dry_run=True), plan)
    assert capsys.readouterr().out.startswith("would destroy it, by this call:\n{\n")


def test_a_dry_run_tells_programs_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(CommandFailed):
        carry_out(Manner(master=NOBODY, is_dry_run=True, as_json=True), plan)
    assert json.loads(capsys.readouterr().out) == {
        "dry_run": True,
        "intent": "destroy it",
        "call": {"type": "DESTROY_VOLUMES"},
        "refusal": "it is used",
    }
