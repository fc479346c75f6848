"""Whoever waits is told what for, late and once; where nobody looks on, nothing is shown."""

import io
import sys
import threading
import time
from typing import ClassVar

import pytest

from dsar import patience as waits
from dsar.patience import PLAIN, patience, patiently


class Bar:
    """A bar that keeps what it was told."""

    shown: ClassVar = []

    def __init__(self):
        self.told, self.ended = [], False
        Bar.shown.append(self)

    def tell(self, what, seconds, part):
        self.told.append((what, part))

    def end(self):
        self.ended = True


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(waits, "AFTER", 0.05)
    monkeypatch.setattr(waits, "EVERY", 0.01)
    monkeypatch.setattr(waits, "_screen", lambda: Bar)
    Bar.shown = []


def test_a_short_wait_shows_nothing():
    before = threading.active_count()
    with patience("reading"):
        pass
    assert Bar.shown == []
    assert threading.active_count() == before


def test_a_long_one_tells_each_step_once_and_goes():
    @patiently("inner")
    def inner():
        time.sleep(0.1)
        return 7

    with patience("reading") as waiting:
        waiting("reading shop.orders", 1, 4)
        assert inner() == 7  # one bar at a time
    (bar,) = Bar.shown
    assert set(bar.told) == {("reading shop.orders", 0.25)}
    assert bar.ended


def test_an_error_ends_it_too():
    def fails():
        with patience("reading"):
            time.sleep(0.1)
            raise ValueError

    with pytest.raises(ValueError, match=r"^$"):
        fails()
    assert [bar.ended for bar in Bar.shown] == [True]
    with patience("next"):
        time.sleep(0.1)
    assert [bar.told[0] for bar in Bar.shown] == [("reading", None), ("next", None)]


def test_it_is_shown_to_a_terminal_and_to_nobody_else(monkeypatch):
    monkeypatch.undo()
    monkeypatch.setattr(waits, "AFTER", 0.05)
    monkeypatch.delenv(PLAIN, raising=False)
    for terminal in (False, True):
        said = io.StringIO()
        said.isatty = lambda terminal=terminal: terminal
        monkeypatch.setattr(sys, "stderr", said)
        with patience("reading [b]shop[/b]") as waiting:
            waiting("reading [b]shop[/b]", 1, 2)
            time.sleep(0.4)
        assert ("reading [b]shop[/b]" in said.getvalue()) == terminal
    monkeypatch.setenv(PLAIN, "1")
    assert waits._screen() is None
