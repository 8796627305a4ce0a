"""`soundalike files`: the files of the music folders as a scan sees them, one a line."""

from typing import Annotated

import typer

from soundalike.catalog.library_settings import follow
from soundalike.catalog.roots import roots
from soundalike.cli.library import existing_library
from soundalike.settings import load_settings
from soundalike.sources.entry import Entry, EntryKind
from soundalike.sources.ignore import IgnoreRules
from soundalike.sources.roots import MusicRoot

STATES = {EntryKind.MUSIC: "music", EntryKind.CHANGING: "changing", EntryKind.UNSEEN: "unreadable"}


def files(
    left_out: Annotated[
        bool, typer.Option("--left-out", help="Only those that are left out, and why.")
    ] = False,
) -> None:
    """List the files of the music folders, and whether each is music: `rule<TAB>path`."""
    settings = load_settings()
    with existing_library(settings) as sessions:
        rules = IgnoreRules(follow(sessions, settings).extensions)
        with sessions() as session:
            known = [MusicRoot(row.location) for row in roots(session)]
    for root in known:
        for entry in root.entries(rules, settings.settle_seconds):
            if not entry.hides_only and not (left_out and entry.kind is EntryKind.MUSIC):
                typer.echo(f"{_state(entry)}\t{root.shown}/{entry.shown}")


def _state(entry: Entry) -> str:
    if entry.rule:
        return entry.rule.value
    reason = f" ({entry.reason})" if entry.reason else ""
    return STATES[entry.kind] + reason
