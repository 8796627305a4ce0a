"""Where a model runs."""

import torch

from soundalike.errors import SettingsError


def choose_device(wanted: str) -> torch.device:
    """The device for `settings.device`; auto is the first there of cuda, mps, cpu.

    Raises SettingsError if a device is asked for that this machine, or this torch, has not.
    """
    available = _available()
    if wanted == "auto":
        return torch.device(available[0])
    if wanted not in available:
        raise SettingsError(
            f"SOUNDALIKE_DEVICE={wanted}: not available to torch {torch.__version__} here; "
            f"available: {', '.join(available)}, or auto"
        )
    return torch.device(wanted)


def _available() -> list[str]:
    present = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    return [*(name for name, there in present.items() if there), "cpu"]
