"""Checks of the machine: packages, device, memory, disk, ports."""

import importlib.metadata
import platform
import shutil
from collections.abc import Iterator

from soundalike.audio.sandbox import Decoders
from soundalike.catalog.process_locks import up_running
from soundalike.cli.doctor.findings import Examined, Finding
from soundalike.cli.up import require_free_ports
from soundalike.embedders import MODELS
from soundalike.embedders.registry import MORE_MEMORY
from soundalike.environment import shell_environment
from soundalike.memory import memory_left
from soundalike.storage.disk_space import existing_parent, require_free_space

LOW_DISK_BYTES = 5 * 2**30
SHOWN_PACKAGES = ("dagster", "torch", "transformers", "av", "soxr", "faiss-cpu", "fastapi")


def software() -> Iterator[Finding]:
    """Show the versions that bugs are reported with."""
    versions = [f"{name} {importlib.metadata.version(name)}" for name in SHOWN_PACKAGES]
    yield Finding("Python", f"{platform.python_version()} on {platform.platform(terse=True)}")
    yield Finding("packages", ", ".join(versions))


def device(examined: Examined) -> Iterator[Finding]:
    """Tell which device the model is computed on."""
    from soundalike.embedders.inference.devices import choose_device

    wanted = examined.settings.device
    yield Finding("device", f"{choose_device(wanted)} (SOUNDALIKE_DEVICE={wanted})")


def memory(examined: Examined) -> Iterator[Finding]:
    """Compare the memory that is left with what the model needs."""
    spec, left = MODELS[examined.settings.model], memory_left()
    state = f"{left.bound} leaves {max(left.size, 0) / 1e9:.1f} GB"
    needs = f"; {spec.name} needs {spec.needed_bytes / 1e9:.1f} GB" if spec.needed_bytes else ""
    yield Finding("memory", state + needs, MORE_MEMORY if left.size < spec.needed_bytes else "")


def decoder(_: Examined) -> Iterator[Finding]:
    """Say how far a hostile file could get; a system that forbids more is nothing to mend."""
    with Decoders(count=1) as decoders:
        network = (
            "no network" if decoders.are_isolated() else "the network (the system forbids less)"
        )
    yield Finding("decoder", f"files are decoded in processes with {network}")


def data(examined: Examined) -> Iterator[Finding]:
    """Tell where the data root is, and how much room there is for it."""
    root = examined.settings.data
    require_free_space(root)
    free = shutil.disk_usage(existing_parent(root)).free
    advice = "free some space: a minute of music takes about 3 MB" if free < LOW_DISK_BYTES else ""
    exists = "" if root.exists() else " (the first ingest creates it)"
    yield Finding("data root", f"{root}{exists}, {free / 2**30:.0f} GiB free", advice)


def ports(examined: Examined) -> Iterator[Finding]:
    """Look whether the ports of `soundalike up` are free, unless it has them itself."""
    settings = examined.settings
    both = f"{settings.port} and {settings.dagster_port}"
    if examined.sessions and up_running(examined.sessions):
        yield Finding("ports", f"{both}; `soundalike up` is running")
        return
    require_free_ports(settings)
    yield Finding("ports", f"{both} are free")


def dagster(examined: Examined) -> Iterator[Finding]:
    """Tell where Dagster keeps its instance."""
    home = shell_environment(examined.settings)["DAGSTER_HOME"]
    yield Finding("Dagster", f"its instance is in {home}")
