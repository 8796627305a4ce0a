"""What was there before the block is not looked through, and what comes later still is."""

import gc
import subprocess
import sys
import weakref
from collections.abc import Iterator
from typing import Any

import pytest

from soundalike.garbage_collection import importing, imports_frozen


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


@pytest.fixture
def thawed() -> Iterator[None]:
    yield
    gc.unfreeze()


@pytest.mark.usefixtures("thawed")
def test_what_a_block_imports_is_never_looked_through() -> None:
    collections = sum(each["collections"] for each in gc.get_stats())
    with importing():
        imported = [[number] for number in range(100_000)]
        assert sum(each["collections"] for each in gc.get_stats()) == collections
    assert gc.isenabled()
    assert not is_tracked(imported)
    assert is_tracked([imported]), "what comes later is"


@pytest.mark.usefixtures("thawed")
def test_a_block_that_fails_to_import_leaves_collections_on() -> None:
    with pytest.raises(ImportError), importing():
        raise ImportError
    assert gc.isenabled()


@pytest.mark.usefixtures("thawed")
def test_a_block_in_another_leaves_them_off_until_the_outer_one_ends() -> None:
    with importing():
        with importing():
            pass
        assert not gc.isenabled()
    assert gc.isenabled()


COUNTED = """
import gc
from soundalike.garbage_collection import leave_to_the_system

class Cycle:
    def __init__(self):
        self.itself = self
    def __del__(self):
        print("collected")

gc.disable()
Cycle()
{end}
"""


@pytest.mark.parametrize(("end", "printed"), [("", "collected\n"), ("leave_to_the_system()", "")])
def test_a_process_that_leaves_its_memory_to_the_system_ends_without_a_collection(
    end: str, printed: str
) -> None:
    program = COUNTED.format(end=end)
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert (ended.stdout, ended.stderr) == (printed, "")
