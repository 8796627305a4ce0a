"""Garbage collection that does not look through what was imported."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def imports_frozen() -> Iterator[None]:
    """Leave the objects that there are out of collections until the end of the block.

    Imports leave 200 000 of them, which live as long as the process. To look through them takes
    0.07 s or more in which no other thread runs, and in a forked process copies their pages.
    """
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


@contextmanager
def importing() -> Iterator[None]:
    """Collect nothing in a block that imports, and leave what there is at its end out for good.

    Collections are a third of the time that importing Dagster or torch takes: what imports make
    stays, and is looked through again and again while it grows.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if was_enabled:
            gc.enable()


def leave_to_the_system() -> None:
    """Have the interpreter end without a collection: memory is the system's again anyway.

    It would look through all that was imported several times, which takes 1.5 s where torch is.
    """
    gc.freeze()
