"""gzip with a bound."""

from __future__ import annotations

import gzip

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tepui.base.errors import Rejected
from tepui.http.encoding import compress, decompress


@given(st.binary(max_size=2000))
def test_what_was_packed_is_unpacked(body: bytes) -> None:
    assert decompress(compress(body), bytes_max=2000) == body


def test_the_bound_is_exact() -> None:
    packed = gzip.compress(b"x" * 1000)
    assert len(decompress(packed, bytes_max=1000)) == 1000
    with pytest.raises(Rejected) as refused:
        decompress(packed, bytes_max=999)
    assert refused.value.status == 413


def test_the_bound_holds_for_all_members_together() -> None:
    packed = gzip.compress(b"x" * 600) * 2
    assert len(decompress(packed, bytes_max=1200)) == 1200
    with pytest.raises(Rejected) as refused:
        decompress(packed, bytes_max=1199)
    assert refused.value.status == 413


@given(st.binary(min_size=1, max_size=200))
def test_other_bytes_are_refused_in_words(body: bytes) -> None:
    assume(not body.startswith(b"\x1f\x8b"))
    with pytest.raises(Rejected) as refused:
        decompress(body, bytes_max=10_000)
    assert refused.value.status == 400
