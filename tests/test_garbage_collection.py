"""What was there before the block is not looked through, and what comes later still is."""

import gc
import weakref
from typing import Any

from soundalike.garbage_collection import imports_frozen


class Cycle:
    """An object that only a collection can free."""

    def __init__(self) -> None:
        self.itself = self


def is_tracked(thing: Any) -> bool:
    return any(each is thing for each in gc.get_objects())


def test_what_was_there_is_left_out_until_the_end() -> None:
    imported = [object()]
    assert is_tracked(imported)
    with imports_frozen():
        assert not is_tracked(imported)
    assert is_tracked(imported)


def test_garbage_made_in_the_block_is_collected() -> None:
    with imports_frozen():
        garbage = weakref.ref(Cycle())
        gc.collect()
        assert garbage() is None
