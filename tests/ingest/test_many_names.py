"""Twenty thousand small files with names of every kind: each must come through and be counted."""

import io
import os
import random
import unicodedata
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
from sqlalchemy import select

from soundalike.catalog.coverage import file_outcomes
from soundalike.catalog.tables import FileRow
from tests.library import Library

FILES = 20_000
KINDS = (
    lambda n: unicodedata.normalize("NFD", f"Sigur Rós é {n}").encode(),
    lambda n: f"emoji 🎵👩🏽‍🎤 {n}".encode(),
    lambda n: (f"{n} " + "x" * 300).encode()[:251],
    lambda n: f"two\nlines\t{n}".encode(),
    lambda n: b"caf\xe9 \xff%d" % n,
    lambda n: f"...And {n}".encode(),
    lambda n: f"-rf --help {n}; $(x) `y` 'z' \"q\"".encode(),
    lambda n: f"日本語 العربية {n}".encode(),
    lambda n: f" leading and trailing {n} ".encode(),
    lambda n: f"[bold]{n}[red] %s %d \\n \\x00".encode(),
)


def names() -> Iterator[bytes]:
    for number in range(FILES):
        yield KINDS[number % len(KINDS)](number) + b".wav"


def tiny(number: int) -> bytes:
    """A second of 8-bit noise at 8 kHz; another one for each number."""
    content = io.BytesIO()
    noise = np.random.default_rng(number).uniform(-0.5, 0.5, 8000)
    soundfile.write(content, noise, 8000, format="WAV", subtype="PCM_U8")
    return content.getvalue()


@pytest.mark.slow
def test_every_name_is_ingested_and_balanced(library: Library) -> None:
    root = os.fsencode(library.music)
    expected = set()
    for number, name in enumerate(names()):
        folder = b"folder %d" % (number % 50)
        os.makedirs(os.path.join(root, folder), exist_ok=True)  # noqa: PTH103, PTH118 - bytes
        Path(os.fsdecode(os.path.join(root, folder, name))).write_bytes(tiny(number))  # noqa: PTH118
        expected.add(folder + b"/" + name)
    for number in range(100):
        (library.music / f"cover {random.random()}.{number}.jpg").touch()
    library.ingest()
    with library.sessions() as session:
        outcomes = file_outcomes(session)
        listed = set(session.scalars(select(FileRow.path)))
    assert listed == expected
    assert (outcomes.failed, outcomes.waiting, outcomes.wrong_length) == (0, 0, 0)
    again = library.scan()
    assert again.batches == {}
    line = next(again.balance.lines(outcomes))
    assert line == f"files seen: {FILES + 100} = {FILES} music + 100 of other extensions (.jpg 100)"
    assert library.model.embedder.embedded == FILES
    assert library.publish().tracks == FILES
