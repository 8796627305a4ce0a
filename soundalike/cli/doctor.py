"""`soundalike doctor`: checks the installation, and advises on what is missing."""

import importlib.metadata
import platform
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import typer
from rich.console import Console
from rich.table import Table

from soundalike.catalog.engine import open_catalog
from soundalike.catalog.indexes import published
from soundalike.catalog.upgrade import is_current
from soundalike.embedders import space_for, weights_path
from soundalike.errors import LibraryError, SoundalikeError
from soundalike.postgres import connected_database
from soundalike.settings import Settings, load_settings
from soundalike.sources.roots import MusicRoot
from soundalike.storage.layout import ArtifactStore
from soundalike.tcp_ports import LOOPBACK, busy_port
from soundalike.terminal import safe

LOW_DISK_BYTES = 5 * 2**30
SHOWN_PACKAGES = ("dagster", "torch", "transformers", "av", "soxr", "faiss-cpu", "fastapi")


@dataclass(frozen=True)
class Finding:
    """The state of one subject. `advice` is empty if nothing needs to be done."""

    subject: str
    state: str
    advice: str = ""


def doctor() -> None:
    """Check what is installed, configured and reachable, and advise on what is not."""
    settings = load_settings()
    table = Table(show_lines=False)
    for column in ("", "subject", "state", "what to do"):
        table.add_column(column, overflow="fold")
    healthy = True
    for check in (_software, _device, _model, _music, _data, _catalog, _ports):
        for finding in _findings(check, settings):
            healthy &= not finding.advice
            mark = "[yellow]![/yellow]" if finding.advice else "[green]ok[/green]"
            table.add_row(mark, *map(safe, (finding.subject, finding.state, finding.advice)))
    Console().print(table)
    raise typer.Exit(0 if healthy else 1)


def _findings(check: Callable[[Settings], Iterator[Finding]], settings: Settings) -> list[Finding]:
    """Run a check; an error becomes a finding, so that it does not hide the others."""
    findings: list[Finding] = []
    try:
        findings.extend(check(settings))
    except (SoundalikeError, OSError) as error:
        summary, _, advice = str(error).partition("\n")
        subject = check.__name__.strip("_")
        findings.append(Finding(subject, summary, advice or "fix this, then run doctor again"))
    return findings


def _software(_settings: Settings) -> Iterator[Finding]:
    versions = [f"{name} {importlib.metadata.version(name)}" for name in SHOWN_PACKAGES]
    yield Finding("Python", f"{platform.python_version()} on {platform.platform(terse=True)}")
    yield Finding("packages", ", ".join(versions))


def _device(settings: Settings) -> Iterator[Finding]:
    from soundalike.embedders.inference.devices import choose_device

    yield Finding(
        "device", f"{choose_device(settings.device)} (SOUNDALIKE_DEVICE={settings.device})"
    )


def _model(settings: Settings) -> Iterator[Finding]:
    path = weights_path(settings)
    if path.is_file():  # a MERT's space is known only from its weights
        yield Finding("model", space_for(settings).key)
        yield Finding("weights", str(path))
    else:
        yield Finding("model", settings.model)
        advice = f"soundalike models fetch {settings.model} (the first ingest does it too)"
        yield Finding("weights", f"not fetched yet, to be in {path.parent}", advice)


def _music(settings: Settings) -> Iterator[Finding]:
    if not settings.music:
        yield Finding("music folders", "SOUNDALIKE_MUSIC is not set; `ingest FOLDER` adds one")
    for name in settings.music:
        problem = ""
        try:
            MusicRoot.named(name).require()
        except LibraryError as error:
            problem = f"mount it, or correct SOUNDALIKE_MUSIC ({error})"
        yield Finding("music folder", name, problem)


def _data(settings: Settings) -> Iterator[Finding]:
    settings.data.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(settings.data).free
    advice = "free some space: a minute of music takes about 3 MB" if free < LOW_DISK_BYTES else ""
    yield Finding("data root", f"{settings.data}, {free / 2**30:.0f} GiB free", advice)


def _catalog(settings: Settings) -> Iterator[Finding]:
    with connected_database(settings) as url:
        server = "DATABASE_URL" if settings.database_url else "a private server in the data root"
        with open_catalog(url)() as session:
            yield Finding("PostgreSQL", f"reachable ({server})")
            if not is_current(url):
                yield Finding("catalog", "its schema is not current", "soundalike db upgrade")
                return
            yield Finding("catalog", "its schema is current")
            served = published(session)
    if served is None:
        yield Finding("index", "none is published", "soundalike ingest FOLDER")
        return
    folder = ArtifactStore(settings.data).index(served.index.version)
    advice = "" if folder.is_dir() else f"{folder} is missing; materialise faiss_index again"
    yield Finding("index", f"{served.index.version}, {served.index.tracks} tracks", advice)


def _ports(settings: Settings) -> Iterator[Finding]:
    api, dagster = (settings.host, settings.port), (LOOPBACK, settings.dagster_port)
    for name, (host, port) in (("API", api), ("Dagster", dagster)):
        busy = busy_port({name: (host, port)})
        yield Finding(f"{name} port", f"{port} is in use" if busy else f"{port} is free")
