"""An interrupt that a callback swallowed is raised at the next chance."""

import signal
from contextlib import suppress

import pytest

from ocw_strategy.backtest.interrupt import remembered_interrupts


def test_a_swallowed_interrupt_is_raised_again() -> None:
    with remembered_interrupts() as interrupts:
        interrupts.check()
        with suppress(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            interrupts.check()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_somebody_elses_handler_is_left_alone() -> None:
    came: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, frame: came.append(number))
    try:
        with remembered_interrupts() as interrupts:
            signal.raise_signal(signal.SIGINT)
            interrupts.check()
        assert came == [signal.SIGINT]
    finally:
        signal.signal(signal.SIGINT, before)
