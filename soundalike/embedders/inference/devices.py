"""Devices: choosing one, its precisions and memory, and the errors that it raises."""

import torch
from torch import nn

from soundalike.audio.window_plan import WindowPlan
from soundalike.errors import SettingsError

MEMORY_SHARE = 0.8  # of a GPU's free memory that a batch may take

# Messages of CUDA, its libraries and Metal. Out of memory: the driver, cuBLAS and cuDNN, MPS.
OUT_OF_MEMORY_MESSAGES = (
    "CUDA error: out of memory",
    "_STATUS_ALLOC_FAILED",
    "MPS backend out of memory",
)
FAILURE_MESSAGES = (
    *("CUDA error", "CUDA driver error", "CUDNN_STATUS", "CUBLAS_STATUS", "cuFFT error"),
    "Metal",
)


def choose_device(wanted: str) -> torch.device:
    """Choose the device for `settings.device`; auto is the first available of cuda, mps, cpu.

    Raises SettingsError if the wanted device is not available to this torch on this machine.
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
    return [*(name for name, is_present in present.items() if is_present), "cpu"]


def half_precisions(device: torch.device) -> list[torch.dtype]:
    """The 16-bit types that may be faster than float32 on a device, in the order to try them.

    bfloat16 has float32's range, so it comes first. Whether a CPU is faster in it, speed.py says.
    """
    if device.type == "cuda":
        native = torch.cuda.is_bf16_supported(including_emulation=False)
        return [torch.bfloat16, torch.float16] if native else [torch.float16]
    return [torch.float16] if device.type == "mps" else [torch.bfloat16]


def windows_that_fit(device: torch.device, network: nn.Module, plan: WindowPlan) -> int:
    """Estimate how many windows fit into a GPU's free memory, at least 1, by running one.

    On MPS, which shares the machine's memory and reports no peak, the result is always 4.
    """
    if device.type != "cuda":
        return 4
    torch.cuda.reset_peak_memory_stats(device)
    before = torch.cuda.memory_allocated(device)
    network(torch.zeros(1, plan.samples, device=device))
    needed = torch.cuda.max_memory_allocated(device) - before
    free, _ = torch.cuda.mem_get_info(device)
    return max(1, int(MEMORY_SHARE * free / needed))


def is_out_of_memory(error: RuntimeError) -> bool:
    """Return whether a GPU's memory did not suffice; a smaller batch may fit."""
    message = str(error)
    return isinstance(error, torch.OutOfMemoryError) or any(
        text in message for text in OUT_OF_MEMORY_MESSAGES
    )


def is_lost(error: RuntimeError) -> bool:
    """Return whether a GPU failed otherwise, so that nothing more can be run on it."""
    message = str(error)
    failed = isinstance(error, torch.AcceleratorError) or any(
        text in message for text in FAILURE_MESSAGES
    )
    return failed and not is_out_of_memory(error)
