"""Where a model runs, what that place can do, and how it fails."""

import torch
from torch import nn

from soundalike.audio.window_plan import WindowPlan
from soundalike.errors import SettingsError

SHARE = 0.8  # of a GPU's free memory that a batch may take

# What CUDA, its libraries and Metal say. Memory: the driver, cuBLAS and cuDNN, MPS.
OUT_OF_MEMORY_MESSAGES = (
    "CUDA error: out of memory",
    "_STATUS_ALLOC_FAILED",
    "MPS backend out of memory",
)
FAILED = (
    *("CUDA error", "CUDA driver error", "CUDNN_STATUS", "CUBLAS_STATUS", "cuFFT error"),
    "Metal",
)


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


def half_precisions(device: torch.device) -> list[torch.dtype]:
    """The 16-bit types that are faster than float32 there, the one to try first first.

    bfloat16 cannot overflow. Of CPUs, those with matrix units gain by it (Intel's AMX: 4 times as
    fast here); on others nothing was measured, and they keep float32.
    """
    if device.type == "cuda":
        native = torch.cuda.is_bf16_supported(including_emulation=False)
        return [torch.bfloat16, torch.float16] if native else [torch.float16]
    if device.type == "mps":
        return [torch.float16]
    return [torch.bfloat16] if torch.cpu._is_amx_tile_supported() else []


def windows_that_fit(device: torch.device, network: nn.Module, plan: WindowPlan) -> int:
    """How many windows a GPU's free memory holds at once, at least 1: measured on one.

    On MPS, which shares the machine's memory and tells no peak, the answer is 4.
    """
    if device.type != "cuda":
        return 4
    torch.cuda.reset_peak_memory_stats(device)
    before = torch.cuda.memory_allocated(device)
    network(torch.zeros(1, plan.samples, device=device))
    needed = torch.cuda.max_memory_allocated(device) - before
    free, _ = torch.cuda.mem_get_info(device)
    return max(1, int(SHARE * free / needed))


def is_out_of_memory(error: RuntimeError) -> bool:
    """Whether a GPU's memory did not suffice; a smaller batch may fit."""
    told = str(error)
    return isinstance(error, torch.OutOfMemoryError) or any(
        text in told for text in OUT_OF_MEMORY_MESSAGES
    )


def is_lost(error: RuntimeError) -> bool:
    """Whether a GPU failed otherwise: nothing more can be run on it."""
    told = str(error)
    failed = isinstance(error, torch.AcceleratorError) or any(text in told for text in FAILED)
    return failed and not is_out_of_memory(error)
