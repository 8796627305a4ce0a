"""`soundalike files` lists what a scan sees, and why it takes it or not."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from soundalike.cli import app
from soundalike.settings import load_settings
from tests.library import Library


@pytest.mark.parametrize("options", [[], ["--left-out"]])
def test_each_file_is_a_line_with_its_rule(
    library: Library, database_url: str, monkeypatch: pytest.MonkeyPatch, options: list[str]
) -> None:
    for name in ("a.mp3", "b [bold].jpg", "c.cue", ".d.mp3", "e/f.mp3", "#recycle/g.mp3"):
        file = library.music / name
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(b"x")
    (library.music / "e" / ".soundalikeignore").write_text("*")
    (library.music / "dead.mp3").symlink_to("/nowhere")
    library.scan()
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("SOUNDALIKE_DATA", str(library.store.root))
    monkeypatch.setenv("SOUNDALIKE_SETTLE_SECONDS", "0")
    load_settings.cache_clear()
    ended = CliRunner().invoke(app, ["files", *options])
    assert ended.exit_code == 0, ended.output
    music = [("music", "a.mp3")] if not options else []
    assert sorted(ended.output.splitlines()) == sorted(
        f"{state}\t{library.music / Path(name)}" + ("/" if name.endswith("/") else "")
        for state, name in (
            *music,
            *(("other", "b [bold].jpg"), ("cue-sheet", "c.cue"), ("hidden", ".d.mp3")),
            *(("ignored", "e/f.mp3"), ("bin", "#recycle/")),
            ("unreadable (No such file or directory)", "dead.mp3"),
        )
    )
