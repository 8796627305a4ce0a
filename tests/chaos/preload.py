"""Libraries of our own that `up` and its processes load first: a clock that jumps, a slow disk.

clock.c: what measures durations (CLOCK_MONOTONIC) stays right, as it does when a machine's clock is
set. slow_disk.c: writes and syncs take longer. Decoders have an environment of their own, and so
the machine's clock, like the files' times, and its disk.
"""

import shutil
import struct
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

SOURCES = Path(__file__).parent


class Preloaded:
    """A library, and the number that it reads in a file which each process maps."""

    def __init__(self, folder: Path, name: str, variable: str) -> None:
        self.variable, self.file = variable, folder / f"{name}.number"
        self.library = folder / f"{name}.so"
        self._write(0)
        flags = ("-shared", "-fPIC", "-O2", "-Wall", "-Werror")
        source = SOURCES / f"{name}.c"
        subprocess.run(["cc", *flags, "-o", self.library, source, "-ldl"], check=True)

    @contextmanager
    def set_to(self, number: int) -> Iterator[None]:
        """Set the number, and set it to 0 at the end."""
        self._write(number)
        try:
            yield
        finally:
            self._write(0)

    def _write(self, number: int) -> None:
        """Replace the eight bytes in place, as processes have mapped them."""
        with self.file.open("r+b" if self.file.exists() else "wb") as file:
            file.write(struct.pack("=q", number))


def clock(folder: Path) -> Preloaded:
    """A calendar clock that is off by so many seconds."""
    return Preloaded(folder, "clock", "CLOCK_IS_OFF_BY")


def slow_disk(folder: Path) -> Preloaded:
    """A disk on which a write or a sync takes so many milliseconds longer."""
    return Preloaded(folder, "slow_disk", "DISK_IS_SLOW_BY")


def can_be_compiled() -> bool:
    """Whether there is a C compiler."""
    return shutil.which("cc") is not None


def environment(loaded: Sequence[Preloaded]) -> dict[str, str]:
    """The variables of processes that load them."""
    libraries = {"LD_PRELOAD": ":".join(str(each.library) for each in loaded)} if loaded else {}
    return libraries | {each.variable: str(each.file) for each in loaded}
