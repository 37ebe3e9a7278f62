"""Ranges stay sorted, disjoint and joined."""

from tepui.resources import ranges


def test_touching_and_overlapping_ranges_are_joined() -> None:
    assert ranges.normalize([(5, 6), (1, 2), (3, 4), (9, 9)]) == ((1, 6), (9, 9))
    assert ranges.normalize([(1, 10), (2, 3)]) == ((1, 10),)


def test_subtraction_cuts_at_both_ends() -> None:
    assert ranges.subtract(((1, 10),), ((1, 2), (5, 5), (9, 12))) == ((3, 4), (6, 8))
    assert ranges.subtract(((1, 3), (5, 7)), ((2, 6),)) == ((1, 1), (7, 7))


def test_containment_does_not_bridge_a_gap() -> None:
    assert ranges.contains(((1, 3), (5, 7)), ((2, 3), (5, 5)))
    assert not ranges.contains(((1, 3), (5, 7)), ((3, 5),))


def test_count_and_text() -> None:
    assert ranges.count(((1, 3), (5, 5))) == 4
    assert ranges.format_ranges(((1, 3), (5, 5))) == "[1-3, 5-5]"
    assert ranges.intersects(((1, 3),), ((3, 4),))
    assert not ranges.intersects(((1, 3),), ((4, 4),))
