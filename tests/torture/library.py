"""A music folder that changes between kills, in ways whose outcome does not depend on history.

Copies are copies to the byte, of files with a title among their tags, and only files without a copy
are retagged: which of two that differ speaks for a track is told by which came first, and that a
fresh run cannot know.
"""

import shutil
from pathlib import Path
from random import Random

import mutagen

from tests.sounds import CODECS, music, song, write_audio

TAGGED = (".mp3", ".flac", ".ogg", ".opus", ".m4a")  # what mutagen writes alike
SONGS, COPIES = 20, 5
SECONDS = 2.0
FEWEST = 20  # files; no more are removed than that


class Library:
    """The folder, and every path that a file of it ever had."""

    def __init__(self, folder: Path, random: Random) -> None:
        self.folder = folder
        self.ever: set[str] = set()
        self._random = random
        self._made = 0
        folder.mkdir()

    def fill(self) -> None:
        """About 30 files: songs of every format, copies, broken ones."""
        for _ in range(SONGS):
            self.add()
        for _ in range(COPIES):
            self.copy()
        (self.folder / "empty.mp3").touch()
        (self.folder / "words.flac").write_text("words " * 100)
        write_audio(self.folder / "silence.wav", 0 * music(SECONDS))
        write_audio(self.folder / "short.ogg", music(0.4))
        half = song(self.folder / "half.wav", 4.0, seed=1_000)
        half.write_bytes(half.read_bytes()[: half.stat().st_size // 2])
        self._remember()

    def change(self) -> str:
        """Do something to it, and say what."""
        kinds = (self.add, self.add, self.add, self.copy, self.move, self.retag, self.replace)
        chosen = self._random.choice((*kinds, self.remove, self.spoil))
        chosen()
        self._remember()
        return chosen.__name__

    def grow(self) -> None:
        """Add a song, so that the next index is another one."""
        self.add()
        self._remember()

    def add(self) -> None:
        """A song that was never there."""
        suffix = [*CODECS][self._made % len(CODECS)]
        self._song(self.folder / f"{self._random.choice('abc')}" / f"song {self._made}{suffix}")

    def copy(self) -> None:
        """One more file of a track."""
        source = self._any([path for path in self._songs() if path.suffix in TAGGED])
        shutil.copy(source, source.with_name(f"copy {self._next()} of {source.name}"))

    def move(self) -> None:
        """Elsewhere, with its time as it was."""
        source = self._any(self._songs())
        source.rename(self.folder / f"moved {self._next()}{source.suffix}")

    def remove(self) -> None:
        """Gone for good."""
        if len(files := self._songs()) > FEWEST:
            self._any(files).unlink()

    def replace(self) -> None:
        """Another song under a known name."""
        self._song(self._any(self._songs()))

    def spoil(self) -> None:
        """A file that was music and is not."""
        if len(files := self._songs()) > FEWEST:
            self._any(files).write_text(f"words {self._next()}")

    def retag(self) -> None:
        """Other words on the same audio."""
        whole = {path: path.read_bytes() for path in self._songs() if path.suffix in TAGGED}
        lone = [path for path, data in whole.items() if [*whole.values()].count(data) == 1]
        file = mutagen.File(self._any(lone), easy=True)
        file["title"] = f"title {self._next()}"
        file.save()

    def _song(self, path: Path) -> None:
        number = self._next()
        song(path, SECONDS, seed=number, title=f"title {number}", artist="somebody")

    def _songs(self) -> list[Path]:
        """Files that hold music, as far as their size tells."""
        files = sorted(path for path in self.folder.rglob("*") if path.suffix in CODECS)
        names = ("silence", "short", "half")
        return [p for p in files if p.stat().st_size > 5_000 and not p.name.startswith(names)]

    def _any(self, files: list[Path]) -> Path:
        return self._random.choice(files)

    def _next(self) -> int:
        self._made += 1
        return self._made

    def _remember(self) -> None:
        self.ever |= {str(p.relative_to(self.folder)) for p in self.folder.rglob("*.*")}
