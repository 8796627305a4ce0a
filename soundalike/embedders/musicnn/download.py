"""The musicnn-msd weights: fetched once with pip, converted once, verified at every load.

They exist only as a TensorFlow checkpoint inside the wheel of the PyPI package musicnn 0.1.0 (Jordi
Pons, ISC licence), which itself can no longer be installed. pip fetches the wheel, so that the
user's own index, proxy and certificates are used; nothing of it is installed or run.
"""

import hashlib
import os
import re
import subprocess
import sys
import tempfile
import zipfile
from contextlib import suppress
from pathlib import Path

from safetensors.numpy import save

from soundalike.embedders.musicnn.tf_checkpoint import read_tensors
from soundalike.errors import WeightsError
from soundalike.progress import DownloadProgress, report_nothing
from soundalike.storage.atomic import atomic_file, sha256_of

FILE = "model.safetensors"
FILE_SHA256 = "38a42f047ae2cae3fd11ce375dd80570e767763fb0f84ef3cad869f1a5b5223e"

PACKAGE = "musicnn==0.1.0"
WHEEL = "musicnn-0.1.0-py3-none-any.whl"
WHEEL_BYTES = 29_292_476  # the weights in it are 3 MB
WHEEL_SHA256 = "f38a4890c648c1ddbb141c5d96d2b0a8cfcd36746002d896989f7b88beb65cfa"
INDEX = "musicnn/MSD_musicnn/.index"
INDEX_SHA256 = "87f3e0f3550c8d3bafc840374003e5c8af5eeb5ecf6add61af09a7822d3282c8"
DATA = "musicnn/MSD_musicnn/.data-00000-of-00001"
DATA_SHA256 = "8579734ee6388f799ed0def4bbd0d1fdcbeaf213ef2a9dc860917bd76a303de6"

LOOK_SECONDS = 0.2
OPTIMISER_STATE = ("/Adam", "/Adam_1", "beta1_power", "beta2_power")


def fetch_musicnn(folder: Path, report: DownloadProgress = report_nothing) -> Path:
    """Return the safetensors file in `folder`; make it first if it is missing or damaged.

    A wheel put into `folder` by hand is used instead of the network. `report` gets the bytes
    received and the bytes in all. Raises WeightsError that says
    why the weights cannot be fetched, and what to do.
    """
    file = folder / FILE
    try:
        if not (file.is_file() and sha256_of(file) == FILE_SHA256):
            _make(folder / WHEEL, file, report)
    except OSError as error:
        raise WeightsError(
            f"musicnn-msd: the cache cannot be used: {error}. Set SOUNDALIKE_MODELS to a folder "
            "that can be read and written"
        ) from error
    return file


def _make(wheel: Path, file: Path, report: DownloadProgress) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)  # a bad folder fails before the download
    if wheel.is_file():
        converted = _converted(wheel)
    else:
        with tempfile.TemporaryDirectory(prefix="soundalike-") as folder:
            _download(Path(folder), wheel, report)
            converted = _converted(Path(folder) / WHEEL)
    with atomic_file(file) as temporary:
        temporary.write_bytes(converted)


def _download(folder: Path, by_hand: Path, report: DownloadProgress) -> None:
    requirements = folder / "requirements.txt"
    requirements.write_text(f"{PACKAGE} --hash=sha256:{WHEEL_SHA256}\n")
    options = ["--no-deps", "--only-binary=:all:", "--require-hashes", "--no-input", "--quiet"]
    pip = [sys.executable, "-P", "-m", "pip", "--disable-pip-version-check", "download", *options]
    code, errors = _run(
        [*pip, "--dest", str(folder), "--requirement", str(requirements)], folder, report
    )
    if code != 0:
        raise WeightsError(
            f"musicnn-msd: {by_hand.with_name(FILE)} is missing or damaged, and pip cannot fetch "
            f"it (29 MB): {_cause(errors)}. Connect once to the Python package index, or put "
            f"{WHEEL} (https://pypi.org/project/musicnn/#files) into {by_hand.parent} by hand"
        )


def _run(pip: list[str], folder: Path, report: DownloadProgress) -> tuple[int, str]:
    """Run pip, and report how much lies in `folder`: it shows no progress that programs can read.

    Returns its exit code and its errors.
    """
    with subprocess.Popen(
        pip,
        env={**os.environ, "TMPDIR": str(folder)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            while True:
                with suppress(subprocess.TimeoutExpired):
                    _, errors = process.communicate(timeout=LOOK_SECONDS)
                    return process.returncode, errors
                report(min(_size(folder), WHEEL_BYTES), WHEEL_BYTES)
        finally:
            process.kill()  # when interrupted; one that has ended is not affected


def _size(folder: Path) -> int:
    """The bytes below a folder in which another process works."""
    size = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            with suppress(FileNotFoundError):
                size += Path(parent, name).stat().st_size
    return size


def _cause(stderr: str) -> str:
    """Pick one line of pip's messages. After a broken connection its ERROR lines only mislead."""
    for pattern in (r"connection broken by '(.+)'", r"ERROR: (.+)", r"(.+)"):
        if match := re.search(pattern, stderr):
            return match[1]
    return "it gives no reason"


def _converted(wheel: Path) -> bytes:
    """Convert the trained tensors to safetensors, under TensorFlow's names and in its layout."""
    _verify(wheel.name, WHEEL_SHA256, sha256_of(wheel))
    with zipfile.ZipFile(wheel) as archive:
        index, data = archive.read(INDEX), archive.read(DATA)
    _verify(INDEX, INDEX_SHA256, hashlib.sha256(index).hexdigest())
    _verify(DATA, DATA_SHA256, hashlib.sha256(data).hexdigest())
    tensors = read_tensors(index, data)
    converted = save({n: t for n, t in tensors.items() if not n.endswith(OPTIMISER_STATE)})
    _verify(FILE, FILE_SHA256, hashlib.sha256(converted).hexdigest())
    return converted


def _verify(name: str, expected: str, actual: str) -> None:
    if actual != expected:
        raise WeightsError(
            f"musicnn-msd: {name} is not the published file (SHA-256 {actual}, expected "
            f"{expected}); remove it and try again"
        )
