"""MERT's weights: fetched once from the hub at a pinned revision, verified, converted once.

Files of the published revision that were put into the cache folder by hand are used instead of the
network.
"""

from contextlib import suppress
from pathlib import Path

from pydantic import BaseModel

from soundalike.embedders import hub
from soundalike.embedders.hub import HubError
from soundalike.embedders.mert.checkpoint import (
    CONVERTED,
    MertCheckpoint,
    open_cached,
    refuse_other_size,
)
from soundalike.embedders.mert.config import (
    CONFIG,
    PREPROCESSOR,
    MertConfig,
    Preprocessor,
    described,
    parsed,
)
from soundalike.embedders.mert.published import PUBLISHED, PublishedWeights
from soundalike.errors import WeightsError
from soundalike.progress import DownloadProgress, report_nothing
from soundalike.storage.atomic import atomic_file, fsync, sha256_of
from soundalike.storage.locks import exclusive

FILE = "pytorch_model.bin"
PART = f".{FILE}.part"
DESCRIPTIONS: dict[str, type[BaseModel]] = {CONFIG: MertConfig, PREPROCESSOR: Preprocessor}


def fetch_mert(
    folder: Path, model: str, report: DownloadProgress = report_nothing
) -> MertCheckpoint:
    """Open the published checkpoint in `folder`; fetch it first if it is missing or damaged.

    `report` gets the bytes received and the bytes in all (0: not known). Of two processes that
    fetch at once, one waits for the other. Raises WeightsError that says why the weights cannot be
    fetched, and what to do.
    """
    try:
        checkpoint = _cached(folder, model)
        if checkpoint is None:
            folder.mkdir(parents=True, exist_ok=True)
            with exclusive(folder / ".lock"):
                checkpoint = _cached(folder, model) or _fetch(folder, model, report)
        _remove_source(folder, PUBLISHED[model])
    except HubError as error:
        raise WeightsError(_fetch_failure(folder, model, error)) from error
    except OSError as error:
        raise WeightsError(
            f"{model}: the cache {folder} cannot be used: {error}. Free some space there, or set "
            "SOUNDALIKE_MODELS to a folder that can be read and written"
        ) from error
    return checkpoint


def _cached(folder: Path, model: str) -> MertCheckpoint | None:
    try:
        return open_cached(folder, model)
    except WeightsError:
        return None


def _remove_source(folder: Path, published: PublishedWeights) -> None:
    """Delete the source of the converted file, also one that a killed process left behind.

    A file that is not the published one is kept.
    """
    source = folder / FILE
    (folder / PART).unlink(missing_ok=True)
    with suppress(FileNotFoundError):  # another process may do the same
        if sha256_of(source).startswith(published.sha256):
            source.unlink()


def _fetch(folder: Path, model: str, report: DownloadProgress) -> MertCheckpoint:
    from soundalike.embedders.mert.model.conversion import convert

    for orphaned in folder.glob(f".{CONVERTED}.*.tmp"):  # of a process that was killed
        orphaned.unlink()
    published = PUBLISHED[model]
    for name, kind in DESCRIPTIONS.items():
        _fetch_description(folder / name, kind, published)
    refuse_other_size(folder, parsed(MertConfig, folder / CONFIG), model)
    source = folder / FILE
    sha256 = (_verified if source.is_file() else _downloaded)(source, published, report)
    convert(source, sha256, published.revision, folder / CONVERTED)
    return open_cached(folder, model)


def _fetch_description(file: Path, kind: type[BaseModel], published: PublishedWeights) -> None:
    """Fetch one of the small files, unless a valid one exists.

    Only content that parses is written: a captive portal's login page is refused.
    """
    try:
        parsed(kind, file)
    except WeightsError:
        url = hub.url_of(published.repository, published.revision, file.name)
        content = hub.read(url)
        described(kind, content, hub.shown(url))
        with atomic_file(file) as temporary:
            temporary.write_bytes(content)


def _verified(source: Path, published: PublishedWeights, _report: DownloadProgress) -> str:
    """Return the existing file's SHA-256. Raises WeightsError if it is not the published one."""
    sha256 = sha256_of(source)
    if not sha256.startswith(published.sha256):
        raise WeightsError(
            f"{source}: it is not the published file (SHA-256 {sha256}, expected "
            f"{published.sha256}). Remove it and fetch again, or, if this is intended, name its "
            "folder in SOUNDALIKE_MERT_PATH"
        )
    return sha256


def _downloaded(source: Path, published: PublishedWeights, report: DownloadProgress) -> str:
    """Download `source` and return its SHA-256. Raises HubError."""
    url, part = hub.url_of(published.repository, published.revision, FILE), source.with_name(PART)
    hub.download(url, part, published.size, report)
    sha256 = sha256_of(part)
    if not sha256.startswith(published.sha256):
        part.unlink()
        raise HubError(
            f"{hub.shown(url)} is not the published file (SHA-256 {sha256}, expected "
            f"{published.sha256}); it is deleted"
        )
    fsync(part)
    part.replace(source)
    fsync(source.parent)
    return sha256


def _fetch_failure(folder: Path, model: str, error: HubError) -> str:
    part = folder / PART
    kept = (
        f"{part.stat().st_size / 1e6:.1f} MB are there, and kept" if part.is_file() else "none yet"
    )
    return (
        f"{model}: its weights cannot be fetched: {error}\n"
        f"They belong in {folder} ({kept}). Fetch again later, or use one of:\n"
        f"- a local folder: SOUNDALIKE_MERT_PATH=FOLDER with its {CONFIG}, and {FILE} or "
        f"{CONVERTED}\n"
        "- a proxy or a mirror: HTTPS_PROXY=http://HOST:PORT or HF_ENDPOINT=https://HOST\n"
        "- another model: SOUNDALIKE_MODEL=musicnn-msd"
    )
