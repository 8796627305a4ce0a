"""A server for a browser, over real audio in several formats, and names that break pages."""

import subprocess
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path

from soundalike.settings import Settings
from tests.library import Library
from tests.patience import PATIENCE
from tests.serving.server import start
from tests.sounds import music, song, write_audio

LONG = ("Ein sehr langer Name " * 15)[:296] + "Ende"  # 300 characters
RTL = "موج البحر"
HOSTILE = "<script>document.title='broken'</script><img src=x onerror=alert(1)>"
SECONDS = 24.0
NAMES = {
    "opus.opus": {"title": "Opus song", "artist": "Ana Lua", "genre": "Fado"},
    "flac.flac": {"title": "Flac song", "artist": "Ana Lua", "genre": "Fado"},
    "mp3.mp3": {"title": "Other song", "artist": "Rui", "genre": "Jazz"},
    "long.flac": {"title": LONG, "artist": "L"},
    "rtl.flac": {"title": RTL, "artist": "فيروز"},
    "emoji.flac": {"title": "🎵🇵🇹 Saudade", "artist": "👩‍🎤"},
    "hostile.flac": {"title": HOSTILE, "artist": "<b>bold</b>"},
}


def make_songs(folder: Path) -> None:
    """Write a file for each name, a WavPack, which no browser plays, and one that is no audio."""
    for seed, (name, tags) in enumerate(NAMES.items()):
        song(folder / name, SECONDS if "song" in tags["title"] else 3.0, seed, **tags)
    samples = music(6.0, channels=2, seed=50)
    write_audio(folder / "pack.wv", samples, codec="wavpack", title="Packed", artist="W")
    (folder / "notes.mp3").write_text("words " * 100)


@dataclass
class Site:
    """A running server, which can be stopped and started at the same address."""

    library: Library
    settings: Settings
    log: Path
    port: int = 0
    process: subprocess.Popen[bytes] | None = field(default=None)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    def start(self) -> None:
        self.process, self.port = start(self.settings, self.log, port=self.port)
        deadline = time.monotonic() + PATIENCE
        while not self._answers():
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < deadline
            time.sleep(0.1)

    def stop(self) -> None:
        if self.process:
            self.process.terminate()
            self.process.wait()

    def kill(self) -> None:
        """End the server as a crash does; its socket is closed at once."""
        assert self.process
        self.process.kill()
        self.process.wait()

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}health/live") as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, ConnectionError):
            return False
