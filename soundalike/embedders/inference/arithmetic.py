"""The arithmetic of an embedder on this machine: what may change the last bits of its vectors."""

import platform
import re
from pathlib import Path

import torch

from soundalike.embedders.base import Embedder

CPU_FACTS = Path("/proc/cpuinfo")


def arithmetic_of(embedder: Embedder) -> str:
    """Name device, precision, unit and library: `cpu float32, AuthenticAMD AVX512, torch 2.13.0`.

    Math libraries choose their instructions by a CPU's maker, too.
    """
    words = embedder.device.split()[:2]
    version = torch.__version__.partition("+")[0]
    return f"{' '.join(words)}, {_unit(words[0])}, torch {version}"


def _unit(device: str) -> str:
    if device == "cuda":
        return torch.cuda.get_device_name()
    return f"{_maker()} {torch.backends.cpu.get_cpu_capability()}"


def _maker() -> str:
    """The maker of the CPU; its architecture where Linux does not say."""
    facts = CPU_FACTS.read_text() if CPU_FACTS.exists() else ""
    named = re.search(r"^(?:vendor_id|CPU implementer)\s*: (\S+)", facts, re.MULTILINE)
    return named[1] if named else platform.machine()
