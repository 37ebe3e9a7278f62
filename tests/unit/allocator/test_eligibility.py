"""Bits are short, and come back."""

from tepui.allocator.eligibility import Bits


def test_the_lowest_free_bit_is_taken_first() -> None:
    bits = Bits()
    taken = [bits.take() for _ in range(4)]
    assert taken == [1, 2, 4, 8]
    bits.give_back(4)
    bits.give_back(1)
    assert [bits.take(), bits.take(), bits.take()] == [1, 4, 16]
