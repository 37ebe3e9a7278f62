"""Amounts and sizes as people write them."""

from __future__ import annotations

import doctest

import pytest

from tepui.cli import amounts
from tepui.cli.amounts import parse_amounts, parse_scalars, parse_size
from tepui.cli.errors import EX_USAGE, CommandFailed
from tepui.resources import describe_resources


def test_the_examples_run() -> None:
    assert doctest.testmod(amounts).failed == 0


@pytest.mark.parametrize(
    ("text", "megabytes"),
    [("512", 512), ("512m", 512), ("512MB", 512), ("1g", 1024), ("0.5 GiB", 512), ("1024k", 1)],
)
def test_a_size_is_in_megabytes_unless_it_has_a_unit(text: str, megabytes: float) -> None:
    assert parse_size("--size", text) == megabytes


@pytest.mark.parametrize("text", ["", "big", "-1", "0", "1x", "nan", "1e400", "0.0001", "9" * 400])
def test_what_is_no_size_is_named_with_its_option(text: str) -> None:
    with pytest.raises(CommandFailed, match=r"^--size: '.*' is no size") as caught:
        parse_size("--size", text)
    assert caught.value.code == EX_USAGE


@pytest.mark.parametrize(
    "text", ["cpus:2;mem:1g;ports:[1-2, 5-6]", "cpus:2, mem:1024, ports:[1-2,5-6]"]
)
def test_resources_are_separated_by_commas_too_but_not_within_brackets(text: str) -> None:
    found = parse_amounts("RESOURCES", text)
    assert describe_resources(found) == "cpus:2; mem:1024; ports:[1-2,5-6]"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("cpus", "RESOURCES: 'cpus' is not a resource"),
        ("cpus(dev):1", "names a role"),
        ("cpus:many", "'many' is neither a number"),
        ("cpus:-1", "RESOURCES: "),
        ("mem:1q", "'1q' is neither a number"),
        ("cpus:0", "is nothing"),
        (" ; ", "is nothing"),
    ],
)
def test_resources_that_are_none_are_refused(text: str, problem: str) -> None:
    with pytest.raises(CommandFailed) as caught:
        parse_amounts("RESOURCES", text)
    assert problem in str(caught.value)


def test_a_limit_may_be_zero_and_none_is_no_limit_at_all() -> None:
    assert parse_scalars("--limit", "gpus:0") == {"gpus": 0.0}
    assert parse_scalars("--limit", "none") == {}


@pytest.mark.parametrize("text", ["cpus", "cpus:x", "cpus:nan", ":1", "cpus:1,cpus:2", ""])
def test_a_limit_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(CommandFailed, match=r"^--limit: "):
        parse_scalars("--limit", text)
