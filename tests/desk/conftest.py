"""A clock that a test sets, and a register that follows it; a module's `START` is the day it begins."""

from datetime import timedelta

import pytest

from dsar.request.register import Register
from tests.worlds import datamap

MAP = datamap("""
[sources.shop.tables.orders]
match = { customer = "customer_id", email = "email" }
columns = ["id", "customer_id", "email"]
""")


class Time:
    def __init__(self, start):
        self.start = self.now = start

    def __call__(self):
        return self.now

    def day(self, day):
        self.now = self.start + timedelta(days=day)


@pytest.fixture
def time(request):
    return Time(request.module.START)


@pytest.fixture
def register(tmp_path, time):
    made = Register.open(f"sqlite:///{tmp_path / 'register.db'}", MAP.controller, time)
    yield made
    made.engine.dispose()
