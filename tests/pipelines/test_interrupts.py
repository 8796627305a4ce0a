"""A request to stop must never be lost, whichever code handles the signal."""

import signal
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest
from dagster._utils.interrupts import capture_interrupts

from pipelines.interrupts import STOPPING, Interrupts


@pytest.fixture(autouse=True)
def _handlers_as_before() -> Iterator[None]:
    """No signal is ignored, as some are by whoever runs the tests."""
    before = {number: signal.signal(number, lambda *_: None) for number in STOPPING}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", STOPPING)
def test_it_is_raised_at_once(number: signal.Signals) -> None:
    with Interrupts() as interrupts:
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(number)
        with pytest.raises(KeyboardInterrupt):
            interrupts.check()


def test_one_that_dagster_handled_and_forgot_is_found() -> None:
    with Interrupts() as interrupts:
        with capture_interrupts():
            signal.raise_signal(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            interrupts.check()
        interrupts.check()


def test_other_signals_are_no_requests_to_stop() -> None:
    before = signal.signal(signal.SIGUSR1, lambda *_: None)
    try:
        with Interrupts() as interrupts:
            signal.raise_signal(signal.SIGUSR1)
            interrupts.check()
    except KeyboardInterrupt:  # which would end the whole run of tests
        pytest.fail("it was taken for a request to stop")
    finally:
        signal.signal(signal.SIGUSR1, before)


def test_one_that_was_blocked_is_raised_on_entering() -> None:
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
    signal.pthread_kill(threading.get_ident(), signal.SIGTERM)
    with pytest.raises(KeyboardInterrupt), Interrupts():
        pytest.fail("entered")
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM])


@pytest.mark.slow
def test_a_process_that_was_started_to_ignore_one_still_does() -> None:
    program = (
        "import os, signal\nfrom pipelines.interrupts import Interrupts\n"
        "with Interrupts():\n    os.kill(os.getpid(), signal.SIGHUP)\nprint('alive')"
    )
    ended = subprocess.run(
        ["nohup", sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert ended.stdout == "alive\n", ended.stderr
