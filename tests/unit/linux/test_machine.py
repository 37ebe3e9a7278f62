"""How busy the machine is."""

from __future__ import annotations

from pathlib import Path

import pytest

from tepui.linux.machine import read_machine, read_pressure


def test_the_machine_is_as_it_says() -> None:
    machine = read_machine()
    assert machine.cpus >= 1
    assert len(machine.load_averages) == 3
    assert 0 < machine.mem_available <= machine.mem_total
    for pressure in (machine.cpu_pressure, machine.mem_pressure):
        assert pressure is None or 0.0 <= pressure <= 1.0


def test_pressure_is_the_share_of_time_in_which_something_waited(tmp_path: Path) -> None:
    (tmp_path / "cpu").write_text(
        "some avg10=12.50 avg60=4.00 avg300=1.00 total=123456\n"
        "full avg10=1.00 avg60=0.00 avg300=0.00 total=0\n"
    )
    assert read_pressure(tmp_path / "cpu") == 0.125


@pytest.mark.parametrize("text", ["", "full avg10=1.00 avg60=0.00\n", "some avg60=1.00\n"])
def test_a_kernel_that_does_not_say_is_not_guessed_at(text: str, tmp_path: Path) -> None:
    (tmp_path / "cpu").write_text(text)
    assert read_pressure(tmp_path / "cpu") is None
    assert read_pressure(tmp_path / "none") is None
