"""Of the whole suite: no test may let a planted secret out (`tests/leak_net.py`)."""

from collections.abc import Iterator

import pytest

from tests.leak_net import NET, hang

_LET_OUT = "the gateway let out what a test had planted:\n  "


def pytest_configure() -> None:
    """Hang the net before any gateway is made."""
    hang(NET)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call() -> Iterator[None]:
    """Fail the test that let something out, even where it would have passed."""
    yield
    _check()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown() -> Iterator[None]:
    """The same for what a gateway tells at its end, and for what is left in a Valkey."""
    yield
    _check()


def _check() -> None:
    caught = NET.empty()
    if caught:
        pytest.fail(_LET_OUT + "\n  ".join(caught), pytrace=False)
