"""`soundalike doctor`: checks the installation, and advises on what is missing. Creates nothing."""

import importlib.metadata
import platform
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import typer
from rich.console import Console
from rich.table import Table

from soundalike.audio.sandbox import Decoders
from soundalike.catalog.access import require_key_beyond_loopback
from soundalike.catalog.api_keys import has_usable_key
from soundalike.catalog.engine import Sessions
from soundalike.catalog.library_settings import follow, library_space
from soundalike.catalog.process_locks import up_running
from soundalike.catalog.publications import published
from soundalike.catalog.roots import roots
from soundalike.cli.library import existing_library, nothing_ingested
from soundalike.cli.up import require_free_ports
from soundalike.cli.weights import download_note
from soundalike.embedders import MODELS, space_for, weights_path
from soundalike.embedders.registry import MORE_MEMORY
from soundalike.environment import shell_environment
from soundalike.errors import BucketError, LibraryError, SettingsError, SoundalikeError
from soundalike.ingest.artifacts import Kind, all_artifacts, damages_of
from soundalike.ingest.healing import counted_damage
from soundalike.memory import memory_left
from soundalike.postgres import has_database
from soundalike.settings import Settings, load_settings, settings_file
from soundalike.sources.roots import MusicRoot
from soundalike.storage.disk_space import existing_parent, require_free_space
from soundalike.storage.layout import ArtifactStore
from soundalike.terminal import counted, safe
from soundalike.vectors.milvus.collection import name_of, names
from soundalike.vectors.milvus.server import Milvus

PROBE = "doctor"
LOW_DISK_BYTES = 5 * 2**30
SHOWN_PACKAGES = ("dagster", "torch", "transformers", "av", "soxr", "faiss-cpu", "fastapi")


@dataclass(frozen=True)
class Finding:
    """The state of one subject. `advice` is empty if nothing needs to be done."""

    subject: str
    state: str
    advice: str = ""


@dataclass(frozen=True)
class Examined:
    """The settings that are checked, with the library's values, and the library if it exists."""

    settings: Settings
    sessions: Sessions | None = None


def doctor() -> None:
    """Check what is installed, configured and reachable, and advise on what is not."""
    with ExitStack() as stack:
        findings = [*_software(), *_all_findings(stack)]
    table = Table.grid(padding=(0, 2))
    for overflow in ("ellipsis", "ellipsis", "fold"):
        table.add_column(overflow=overflow)
    for finding in findings:
        mark = "[yellow]![/yellow]" if finding.advice else "[green]ok[/green]"
        advice = f"\n[yellow]-> {safe(finding.advice)}[/yellow]" if finding.advice else ""
        table.add_row(mark, safe(finding.subject), safe(finding.state) + advice)
    Console().print(table)
    raise typer.Exit(1 if any(finding.advice for finding in findings) else 0)


def _all_findings(stack: ExitStack) -> Iterator[Finding]:
    """Check everything; what `soundalike up` would refuse is found by the same functions."""
    try:
        settings = load_settings()
    except SettingsError as error:
        yield _problem("settings", error)
        return
    file = settings_file(settings.data)
    yield Finding("settings", str(file) if file else "no settings file")
    examined = Examined(settings)
    if has_database(settings):
        try:
            sessions = stack.enter_context(existing_library(settings))
            examined = Examined(settings, sessions)
            examined = Examined(follow(sessions, settings), sessions)
        except (SoundalikeError, OSError) as error:
            yield _problem("library", error)
    checks = (
        _device,
        _model,
        _memory,
        _decoder,
        _music,
        _data,
        _bucket,
        _milvus,
        _catalog,
        _artifacts,
        _access,
        _ports,
    )
    for check in (*checks, _dagster):
        yield from _findings(check, examined)


def _problem(subject: str, error: Exception) -> Finding:
    summary, _, advice = str(error).partition("\n")
    return Finding(subject, summary, advice or "fix this, then run doctor again")


def _findings(check: Callable[[Examined], Iterator[Finding]], examined: Examined) -> list[Finding]:
    """Run a check; an error becomes a finding, so that it does not hide the others."""
    findings: list[Finding] = []
    try:
        findings.extend(check(examined))
    except (SoundalikeError, OSError) as error:
        findings.append(_problem(check.__name__.strip("_"), error))
    return findings


def _software() -> Iterator[Finding]:
    versions = [f"{name} {importlib.metadata.version(name)}" for name in SHOWN_PACKAGES]
    yield Finding("Python", f"{platform.python_version()} on {platform.platform(terse=True)}")
    yield Finding("packages", ", ".join(versions))


def _device(examined: Examined) -> Iterator[Finding]:
    from soundalike.embedders.inference.devices import choose_device

    wanted = examined.settings.device
    yield Finding("device", f"{choose_device(wanted)} (SOUNDALIKE_DEVICE={wanted})")


def _model(examined: Examined) -> Iterator[Finding]:
    settings, sessions = examined.settings, examined.sessions
    path = weights_path(settings)
    if path is None or path.is_file():  # a MERT's space is known only from its weights
        space = library_space(sessions, settings) if sessions else space_for(settings)
        yield Finding("model", space.key)
        yield Finding("weights", str(path or "none needed"))
    else:
        yield Finding("model", settings.model)
        advice = f"soundalike models fetch {settings.model} (the first ingest does it too)"
        state = f"not fetched yet, to be in {path.parent}; {download_note(MODELS[settings.model])}"
        yield Finding("weights", state, advice)


def _memory(examined: Examined) -> Iterator[Finding]:
    spec, left = MODELS[examined.settings.model], memory_left()
    state = f"{left.bound} leaves {max(left.size, 0) / 1e9:.1f} GB"
    needs = f"; {spec.name} needs {spec.needed_bytes / 1e9:.1f} GB" if spec.needed_bytes else ""
    yield Finding("memory", state + needs, MORE_MEMORY if left.size < spec.needed_bytes else "")


def _music(examined: Examined) -> Iterator[Finding]:
    if examined.sessions:
        with examined.sessions() as session:
            known = [MusicRoot(row.location) for row in roots(session)]
        for root in known:
            there = root.is_bucket or root.folder.is_dir()
            advice = "mount it, or `soundalike roots move` or `remove` it"
            yield Finding("music folder", root.shown, "" if there else advice)
    elif not examined.settings.music:
        yield Finding("music folders", "SOUNDALIKE_MUSIC is not set; `ingest FOLDER` adds one")
    for name in examined.settings.music:
        problem = ""
        try:
            MusicRoot.named(name).require()
        except LibraryError as error:
            problem = f"mount it, or correct SOUNDALIKE_MUSIC ({error})"
        yield Finding("music folder", name, problem)


def _decoder(_: Examined) -> Iterator[Finding]:
    """Say how far a hostile file could get; a system that forbids more is nothing to mend."""
    with Decoders(count=1) as decoders:
        network = (
            "no network" if decoders.are_isolated() else "the network (the system forbids less)"
        )
    yield Finding("decoder", f"files are decoded in processes with {network}")


def _data(examined: Examined) -> Iterator[Finding]:
    data = examined.settings.data
    require_free_space(data)
    free = shutil.disk_usage(existing_parent(data)).free
    advice = "free some space: a minute of music takes about 3 MB" if free < LOW_DISK_BYTES else ""
    exists = "" if data.exists() else " (the first ingest creates it)"
    yield Finding("data root", f"{data}{exists}, {free / 2**30:.0f} GiB free", advice)


def _bucket(examined: Examined) -> Iterator[Finding]:
    """Put a small object into the bucket and remove it again, as builders have to."""
    bucket = ArtifactStore.of(examined.settings).bucket
    if bucket is None:
        return
    bucket.listed("indexes/")
    try:
        bucket.put_bytes(PROBE, b"")
        bucket.remove([PROBE])
    except BucketError as error:
        state = f"{bucket.url} can be read, which a machine that only serves needs; {error}"
        summary, _, advice = state.partition("\n")
        yield Finding("bucket", summary, advice)
        return
    yield Finding("bucket", f"{bucket.url} can be read and written")


def _milvus(examined: Examined) -> Iterator[Finding]:
    """Ask Milvus, if it is searched, for its collections: the published version needs one."""
    with Milvus.opened(examined.settings) as milvus:
        if milvus is None:
            return
        there = names(milvus)
    advice = ""
    if examined.sessions:
        with examined.sessions() as session:
            served = published(session)
        if served and name_of(served.index.version) not in there:
            advice = f"it lacks index {served.index.version}: materialise published_index"
    yield Finding("Milvus", f"{milvus.shown} answers, {counted(len(there), 'collection')}", advice)


def _catalog(examined: Examined) -> Iterator[Finding]:
    settings, sessions = examined.settings, examined.sessions
    if sessions is None:
        if not has_database(settings):
            summary, _, advice = nothing_ingested(settings).partition("\n")
            yield Finding("library", summary, advice)
        return
    server = "DATABASE_URL" if settings.database_url else "a private server in the data root"
    yield Finding("PostgreSQL", f"reachable ({server})")
    with sessions() as session:
        served = published(session)
    if served is None:
        yield Finding("index", "none is published", "soundalike ingest FOLDER")
        return
    yield Finding("index", f"{served.index.version}, {served.index.tracks} tracks")


def _artifacts(examined: Examined) -> Iterator[Finding]:
    """Find what is lost or damaged: the served index is read, of canonical audio the sizes."""
    if examined.sessions is None:
        return
    store = ArtifactStore.of(examined.settings)
    with examined.sessions() as session:
        artifacts = [a for a in all_artifacts(session, store) if a.kind is not Kind.OLDER_INDEX]
    found = list(filter(None, damages_of(artifacts, audio=False)))
    if not found:
        state = f"{len(artifacts)} are there; `soundalike verify` reads all of their audio too"
        yield Finding("artifacts", state)
        return
    first = f"{found[0].artifact.path}: {found[0].problem}"
    state = f"{len(found)} of {len(artifacts)} are lost or damaged ({counted_damage(found)})"
    yield Finding("artifacts", f"{state}; {first}", "soundalike ingest makes them again")


def _access(examined: Examined) -> Iterator[Finding]:
    settings, sessions = examined.settings, examined.sessions
    require_key_beyond_loopback(settings)
    keys = ["SOUNDALIKE_API_KEY"] if settings.api_key else []
    if sessions:
        with sessions() as session:
            keys += ["keys of the catalog"] if has_usable_key(session) else []
    admits = " and ".join(keys) or "no key"
    yield Finding("access", f"the API listens on {settings.host}, with {admits}")


def _ports(examined: Examined) -> Iterator[Finding]:
    settings = examined.settings
    ports = f"{settings.port} and {settings.dagster_port}"
    if examined.sessions and up_running(examined.sessions):
        yield Finding("ports", f"{ports}; `soundalike up` is running")
        return
    require_free_ports(settings)
    yield Finding("ports", f"{ports} are free")


def _dagster(examined: Examined) -> Iterator[Finding]:
    home = shell_environment(examined.settings)["DAGSTER_HOME"]
    yield Finding("Dagster", f"its instance is in {home}")
