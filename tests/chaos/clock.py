"""A clock that jumps, for `up` and its processes: clock.c, loaded before their own libraries.

What measures durations (CLOCK_MONOTONIC) stays right, as it does when a machine's clock is set.
Decoders have an environment of their own, and so the machine's clock, like the files' times.
"""

import shutil
import struct
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SOURCE = Path(__file__).with_name("clock.c")


class Clock:
    """Seconds that the clock is off by, in a file that each process maps."""

    def __init__(self, folder: Path) -> None:
        self._file, self._library = folder / "clock", folder / "clock.so"
        self._write(0)
        flags = ("-shared", "-fPIC", "-O2", "-Wall", "-Werror")
        subprocess.run(["cc", *flags, "-o", self._library, SOURCE, "-ldl"], check=True)

    @staticmethod
    def works() -> bool:
        """Whether there is a C compiler."""
        return shutil.which("cc") is not None

    @property
    def environment(self) -> dict[str, str]:
        """The variables of the processes whose clock it is."""
        return {"LD_PRELOAD": str(self._library), "CLOCK_IS_OFF_BY": str(self._file)}

    @contextmanager
    def off_by(self, seconds: int) -> Iterator[None]:
        """Set the clock, and set it right at the end, which is a jump too."""
        self._write(seconds)
        try:
            yield
        finally:
            self._write(0)

    def _write(self, seconds: int) -> None:
        """Replace the eight bytes in place, as processes have mapped them."""
        with self._file.open("r+b" if self._file.exists() else "wb") as file:
            file.write(struct.pack("=q", seconds))
