"""`verify` and `doctor` say what is damaged and what mends it, and change nothing unasked."""

import re
import subprocess
from pathlib import Path

import pytest

from tests.cli.test_read_only import run
from tests.damage import overwrite
from tests.library import Library
from tests.sounds import song


@pytest.fixture
def ingested(library: Library) -> Library:
    for seed in range(2):
        song(library.music / f"{seed}.flac", seconds=1.5, seed=seed)
    library.ingest()
    library.publish()
    return library


def soundalike(command: str, library: Library, url: str) -> subprocess.CompletedProcess[str]:
    return run(command, library.store.root, DATABASE_URL=url, COLUMNS="300")


def flipped(path: Path) -> Path:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    overwrite(path, bytes(content))
    return path


@pytest.mark.slow
def test_what_is_damaged_is_named_and_mended(ingested: Library, database_url: str) -> None:
    store = ingested.store
    assert soundalike("verify", ingested, database_url).returncode == 0
    flac = flipped(next(store.canonical.rglob("*.flac")))
    npy = next(store.embeddings.rglob("*.npy"))
    npy.unlink()
    index = flipped(next(store.segments.rglob("index.faiss"))).parent
    before = sorted(store.root.rglob("*"))

    ended = soundalike("verify", ingested, database_url)
    assert ended.returncode == 1
    assert re.search(r"canonical audio\W+2\W+1\W", ended.stdout)
    for path, problem in ((flac, "not as it was written"), (npy, "missing"), (index, "damaged")):
        assert re.search(rf"{path.relative_to(store.root)}\s.*{problem}", ended.stdout)
    assert "soundalike verify --repair" in ended.stdout
    assert sorted(store.root.rglob("*")) == before

    advised = soundalike("doctor", ingested, database_url).stdout
    assert "2 of 7 are lost or damaged (vectors: 1; segment of indexes: 1)" in advised
    assert "soundalike ingest makes them again" in advised

    ended = soundalike("verify --repair", ingested, database_url)
    assert (ended.returncode, "3 artifacts removed" in ended.stdout) == (0, True)
    ingested.ingest()
    ingested.publish()
    assert soundalike("verify", ingested, database_url).returncode == 0
    assert "`soundalike verify` reads all" in soundalike("doctor", ingested, database_url).stdout
