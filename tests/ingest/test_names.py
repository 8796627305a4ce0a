"""Names that files bring along must find their tracks, and go when the names do."""

# ruff: noqa: RUF001 - signs that look like others are what these tests are about

import shutil
from unicodedata import normalize

import pytest
from sqlalchemy import select

from soundalike.catalog import batches
from soundalike.catalog.filters import TrackFilter, conditions
from soundalike.catalog.tables import TrackRow
from soundalike.cli.find_track import find_track
from soundalike.errors import LibraryError
from soundalike.ingest.stage import Selection
from soundalike.settings import Settings
from tests.library import Library
from tests.sounds import song


def identify(library: Library) -> None:
    library.scan()
    for batch in library.pending():
        library.process(batch)


def title_of(library: Library, text: str) -> str:
    with library.sessions() as session:
        return find_track(session, text, Settings(data=library.store.root)).title


def test_names_of_real_files_are_found_as_people_type_them(library: Library) -> None:
    song(library.music / "1.flac", seconds=2.0, seed=1, title="Guaglione", artist="Perez Prado")
    song(
        library.music / "2.flac",
        seconds=2.0,
        seed=2,
        title="Don’t Stop Believin’",
        artist="Journey",
    )
    song(library.music / "3.flac", seconds=2.0, seed=3, title="Café del Mar", artist="Beyoncé")
    mac = library.music / normalize("NFD", "Sigur Rós/Ágætis byrjun.flac")
    song(mac, seconds=2.0, seed=4)
    identify(library)
    typed = {
        "Perez Prado - Guaglione": "Guaglione",
        "don't stop believin'": "Don’t Stop Believin’",
        "cafe del mar": "Café del Mar",
        "beyonce": "Café del Mar",
        "Sigur Rós": mac.stem,
        "agaetis": mac.stem,
        str(mac): mac.stem,
        normalize("NFC", str(mac)): mac.stem,
    }
    assert {text: title_of(library, text) for text in typed} == typed


@pytest.mark.slow
def test_a_retag_a_move_and_a_copy_change_what_finds_a_track(library: Library) -> None:
    file = library.music / "here" / "1.flac"
    song(file, seconds=2.0, seed=1, title="Before", artist="One", genre="Fado")
    identify(library)
    song(file, seconds=2.0, seed=1, title="After, much later", artist="Two", genre="Morna")
    identify(library)
    assert title_of(library, "after") == title_of(library, "Two") == "After, much later"
    with library.sessions() as session:
        for name, number in {"fado": 0, "MORNA": 1}.items():
            statement = select(TrackRow.id).where(*conditions(TrackFilter(genres=(name,))))
            assert len(session.scalars(statement).all()) == number
    (library.music / "copy").mkdir()
    shutil.copy(file, library.music / "copy" / "2.flac")
    identify(library)
    file.unlink()
    library.scan(confirm_removals=True)
    assert title_of(library, "copy") == "After, much later"
    for gone in ("here", "before", "One"):
        with pytest.raises(LibraryError, match="no track matches"):
            title_of(library, gone)


def test_a_part_of_a_batch_is_named_in_either_form_of_its_accents(library: Library) -> None:
    song(library.music / normalize("NFD", "é.flac"), seconds=2.0, seed=1)
    song(library.music / "e.flac", seconds=2.0, seed=2)
    library.scan()
    with library.sessions() as session:
        files = batches.files_of(session, 1)
    assert len(files) == 2
    for form in ("NFC", "NFD"):
        [selected] = Selection(path_prefix=normalize(form, "é")).of(files)
        assert selected.shown == normalize("NFD", "é.flac")
