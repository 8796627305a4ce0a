"""`soundalike verify`: reads every artifact of the data root, and says which are damaged."""

from collections import Counter
from collections.abc import Sequence
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from soundalike.catalog.engine import Sessions
from soundalike.cli.library import existing_library
from soundalike.ingest.artifacts import Artifact, Damage, all_artifacts, damages_of
from soundalike.ingest.healing import mark
from soundalike.maintenance.bucket_check import DamagedObject, check_bucket, repair_bucket
from soundalike.settings import load_settings
from soundalike.storage.layout import ArtifactStore
from soundalike.tables import PathCell
from soundalike.terminal import ProgressBars, counted, safe

SHOWN = 20
MENDED = "`soundalike ingest` makes these again, or `soundalike up` after its next scan"


def verify(
    repair: Annotated[
        bool,
        typer.Option(
            "--repair",
            help="Remove what is damaged, so that the next ingest makes it again.",
        ),
    ] = False,
    bucket: Annotated[
        bool,
        typer.Option(
            "--bucket",
            help="Read the bucket of SOUNDALIKE_ARTIFACTS too, of which only sizes are compared.",
        ),
    ] = False,
) -> None:
    """Read everything that was made of the music, and compare it with what was recorded of it.

    Nothing is changed without --repair. The exit code is 1 if something is damaged and was not
    removed.
    """
    settings = load_settings()
    store = ArtifactStore.of(settings)
    out, bars = Console(), ProgressBars(Console(stderr=True))
    with existing_library(settings) as sessions:
        with sessions() as session:
            artifacts = list(all_artifacts(session, store))
        checked = bars.track(damages_of(artifacts, audio=True), "verify", len(artifacts))
        found = [damage for damage in checked if damage]
        left = found
        if repair and found:
            marked = {damage.artifact for damage in mark(sessions, store, found, audio=True)}
            left = [d for d in found if d.forbidden or d.artifact not in marked]
        out.print(_counts(artifacts, found))
        if found:
            out.print(_listed(found, store))
            out.print(_advice(found, left, repair=repair))
        lost = _verify_bucket(sessions, store, out, repair=repair, read=bucket)
    raise typer.Exit(1 if left or lost else 0)


def _verify_bucket(
    sessions: Sessions, store: ArtifactStore, out: Console, *, repair: bool, read: bool
) -> list[DamagedObject]:
    """Say what is wrong in the bucket; return what stays so."""
    if store.bucket is None:
        return []
    found = check_bucket(sessions, store, store.bucket, read=read)
    for damaged in found[:SHOWN]:
        out.print(safe(f"{store.bucket.url}/{damaged.key}"), f"[yellow]{damaged.problem}[/yellow]")
    if not found:
        compared = "whole" if read else "there; --bucket reads it too"
        out.print(f"the bucket: all of it is {compared}")
        return []
    if not repair:
        out.print(f"the bucket: {counted(len(found), 'object')} lost or damaged; --repair mends it")
        return found
    left = repair_bucket(sessions, store, store.bucket, found)
    out.print(f"the bucket: {counted(len(found) - len(left), 'object')} put again")
    if left:
        out.print(f"{counted(len(left), 'object')} are lost here too: the next index replaces them")
    return left


def _counts(artifacts: Sequence[Artifact], found: Sequence[Damage]) -> Table:
    table = Table()
    table.add_column("artifacts")
    table.add_column("read", justify="right", no_wrap=True)
    table.add_column("damaged", justify="right", no_wrap=True)
    damaged = Counter(damage.artifact.kind for damage in found)
    for kind, number in Counter(artifact.kind for artifact in artifacts).items():
        table.add_row(kind, str(number), str(damaged[kind]))
    return table


def _listed(found: Sequence[Damage], store: ArtifactStore) -> Table:
    table = Table.grid(padding=(0, 2))
    for damage in found[:SHOWN]:
        path = damage.artifact.path.relative_to(store.root)
        table.add_row(PathCell(str(path)), f"[yellow]{safe(damage.problem)}[/yellow]")
    if len(found) > SHOWN:
        table.add_row(f"and {len(found) - SHOWN} more")
    return table


def _advice(found: Sequence[Damage], left: Sequence[Damage], *, repair: bool) -> str:
    forbidden = sum(damage.forbidden for damage in found)
    lines = []
    if not repair:
        lines.append(f"`soundalike verify --repair` removes what is damaged; then {MENDED}")
    elif len(left) < len(found):
        lines.append(f"{counted(len(found) - len(left), 'artifact')} removed; {MENDED}")
    if repair and len(left) > forbidden:
        lines.append("some are being worked on right now; run this again when that is done")
    if forbidden:
        lines.append(f"{forbidden} may not be read by this user: correct their permissions")
    return "\n".join(lines)
