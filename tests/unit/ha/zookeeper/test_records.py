"""How records are named and cut into pieces."""

from __future__ import annotations

import pytest

from tepui.ha.zookeeper.records import (
    PIECE_BYTES_MAX,
    RecordDamaged,
    join,
    key_of,
    node_name,
    pieces_of,
)


@pytest.mark.parametrize("key", ["agents/a b", "..", ".", "a,1", "%41", "\u00e4"])
def test_a_name_leads_back_to_its_key(key: str) -> None:
    for piece in (0, 3):
        assert key_of(node_name(key, piece).partition("/")[2]) == (key, piece)


@pytest.mark.parametrize("name", ["", "a b", "a,", "a,x", "a,01", "%2f", ".."])
def test_names_that_no_record_has_are_refused(name: str) -> None:
    with pytest.raises(RecordDamaged):
        key_of(name)


def test_a_record_lies_in_as_many_pieces_as_it_takes() -> None:
    value = bytes(range(256)) * (PIECE_BYTES_MAX // 128)
    pieces = pieces_of(value)
    assert len(pieces) == 2
    assert join(dict(enumerate(pieces))) == value
    assert join(dict(enumerate(pieces_of(b"")))) == b""


def test_damage_is_recognised() -> None:
    first, second = pieces_of(b"x" * PIECE_BYTES_MAX * 2)
    with pytest.raises(RecordDamaged, match="calls itself 0 of 2"):
        join({0: first})
    with pytest.raises(RecordDamaged, match="piece 0 is missing"):
        join({1: second})
    with pytest.raises(RecordDamaged, match="checksum"):
        join({0: first[:-1] + b"y", 1: second})
    with pytest.raises(RecordDamaged, match="cut off"):
        join({0: first[:5], 1: second})
    with pytest.raises(RecordDamaged, match="another version"):
        join({0: b"TPR2" + first[4:], 1: second})
