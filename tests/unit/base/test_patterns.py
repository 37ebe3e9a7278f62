"""Patterns that strangers send."""

import time

import pytest

from tepui.base.patterns import Pattern, PatternLimits, PatternRefused

LIMITS = PatternLimits()


def test_a_pattern_matches_whole_texts() -> None:
    pattern = Pattern("rack-[0-9]+", LIMITS)
    assert pattern.matches("rack-17")
    assert not pattern.matches("the rack-17")
    assert not pattern.matches("rack-17b")


def test_texts_beyond_ascii_and_with_nothing_in_them_are_texts() -> None:
    assert Pattern("é{2}", LIMITS).matches("éé")
    assert Pattern("", LIMITS).matches("")
    assert Pattern("a\0b", LIMITS).matches("a\0b")
    assert not Pattern("a", LIMITS).matches("\ud800")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[", "missing ]: ["),
        ("(?=a)", "invalid perl operator"),
        (r"(a)\1", "invalid escape sequence"),
        ("a{1001}", "invalid repetition size"),
        ("((a{100}){100}){100}", "invalid repetition size"),
        (".{90}", "pattern too large"),
        ("a{98}", "compiles to 102 steps, of 100 allowed"),
        ("\ud800", "half a character"),
    ],
)
def test_what_is_no_pattern_or_costs_too_much_is_refused(text: str, reason: str) -> None:
    with pytest.raises(PatternRefused) as refused:
        Pattern(text, LIMITS)
    assert reason in str(refused.value)


def test_the_limits_are_the_operators() -> None:
    generous = PatternLimits(memory_bytes_max=1 << 60, program_size_max=10_000)
    assert Pattern("a{98}", generous).matches("a" * 98)
    with pytest.raises(PatternRefused, match="too large"):
        Pattern("a{60}", PatternLimits(memory_bytes_max=1000))


def test_no_pattern_takes_exponential_time() -> None:
    started = time.process_time()
    assert not Pattern("(a*)*b", LIMITS).matches("a" * 10_000)
    assert time.process_time() - started < 0.2
