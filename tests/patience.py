"""How long a test waits for what must come: no test fails for being on a busy machine."""

import time
from collections.abc import Callable
from typing import TypeVar

PATIENCE = 180.0  # seconds
T = TypeVar("T")


def until(look: Callable[[], T | None], seconds: float = PATIENCE) -> T:
    """What `look` answers as soon as it is something; fails after `seconds`."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := look():
            return found
        time.sleep(0.05)
    raise AssertionError(f"nothing after {seconds} s")
