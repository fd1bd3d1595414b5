"""Where a net is trained and in which precision: a GPU where there is one, else the CPU."""

import ctypes
import os
import platform
from dataclasses import dataclass
from pathlib import Path

import torch

from coindex.errors import TrainingError

__all__ = ["CPU", "Device", "choose_device", "keep_memory", "machine"]

KEEPING = {-4: 0, -1: 2**31 - 1, -2: 1 << 28}
"""`mallopt` of glibc's malloc.h: no block by mmap, nothing trimmed, so many bytes taken at a time."""

BF16_SINCE = (8, 0)
"""NVIDIA's compute capability from which bfloat16 is computed by the chip; before, PyTorch only imitates it."""


@dataclass(frozen=True)
class Device:
    """A torch device by its `name`, such as `cpu` or `cuda:0`, and the `precision` of autocast on it."""

    name: str
    precision: torch.dtype

    @property
    def kind(self) -> str:
        """The name without its number."""
        return torch.device(self.name).type

    @property
    def scales_loss(self) -> bool:
        """Whether gradients need a scaled loss: float16 has no room for small ones, bfloat16 has float32's range."""
        return self.precision == torch.float16

    def autocast(self) -> torch.autocast:
        """The context in which forward passes of training run."""
        if self.precision == torch.float32:
            return torch.autocast(self.kind, enabled=False)
        return torch.autocast(self.kind, dtype=self.precision)


CPU = Device("cpu", torch.bfloat16 if torch.ops.mkldnn._is_mkldnn_bf16_supported() else torch.float32)
"""In the precision that is quicker: a processor without AVX-512 trains twenty times slower in bfloat16."""


def choose_device(wanted: str | None = None) -> Device:
    """The device of that name; where None, the first GPU, or the CPU where there is none.

    Raises:
        TrainingError: If PyTorch does not know the name, or this machine does not have the device.
    """
    if wanted is None:
        return _gpu("cuda") if torch.cuda.is_available() else CPU
    try:
        device = torch.device(wanted)
    except RuntimeError:
        raise TrainingError(f"--device {wanted}: no such device; give cpu, cuda or cuda:NUMBER") from None
    if device.type == "cpu":
        return CPU
    if device.type != "cuda":
        raise TrainingError(f"--device {wanted}: training runs on cpu or cuda; give one of them")
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if (device.index or 0) >= count:
        found = f"{count} GPU{'' if count == 1 else 's'}" if count else "no GPU"
        raise TrainingError(f"--device {wanted}: PyTorch finds {found} here; leave --device out to take what there is")
    return _gpu(wanted)


def keep_memory() -> bool:
    """Let glibc keep the memory that this process frees, where the C library is glibc; returns whether it does.

    A training step on a CPU frees gigabytes and takes them again. Given back to the system in between, their pages cost
    a third of the step's time.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if os.name == "posix" else None
    return mallopt is not None and all(mallopt(option, value) for option, value in KEEPING.items())


def machine(device: Device, threads: int) -> dict[str, str]:
    """What a run is done on, in words: processor, its cores, GPU, precision and PyTorch."""
    words = {"processor": f"{_processor()}, {os.cpu_count()} cores, {threads} thread{'' if threads == 1 else 's'}"}
    if device.kind == "cuda":
        words["GPU"] = torch.cuda.get_device_name(device.name)
    precision = str(device.precision).removeprefix("torch.")
    words["precision"] = (
        precision if device.precision == torch.float32 else f"{precision} where it is safe, else float32"
    )
    return words | {"software": f"PyTorch {torch.__version__}, Python {platform.python_version()}, {platform.system()}"}


def _gpu(name: str) -> Device:
    native = torch.cuda.get_device_capability(name) >= BF16_SINCE
    return Device(name, torch.bfloat16 if native else torch.float16)


def _processor() -> str:
    """The processor's name; Linux keeps it where `platform` does not look."""
    described = Path("/proc/cpuinfo")
    lines = described.read_text("utf-8", errors="replace").splitlines() if described.exists() else []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.processor() or platform.machine())
