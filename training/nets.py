"""The two nets, and how their weights are read and written."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar, cast

import numpy as np
import segmentation_models_pytorch as smp
import timm
import torch
from numpy.typing import NDArray
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from coindex.codes import DIMENSIONS
from coindex.cutout import SIZE
from coindex.errors import ModelError
from training.errors import explain_missing_weights

__all__ = [
    "Embedder",
    "Segmenter",
    "backbone_weights",
    "read_embedder",
    "read_segmenter",
    "save_checkpoint",
    "to_input",
]

Net = TypeVar("Net", bound=nn.Module)


class Embedder(nn.Module):
    """Net input (n, 3, 256, 256) → embedding (n, 64) of any length.

    `pool` averages the input in squares of that side first: the backbone then works on 256 / `pool` pixels, which is
    what it was trained on, at a fraction of the time.
    """

    def __init__(self, backbone: str, *, pool: int = 1, dropout: float = 0.0) -> None:
        super().__init__()
        self.pool = pool
        self.backbone = timm.create_model(backbone, pad_type="same", num_classes=0, global_pool="")
        self.dropout = nn.Dropout(dropout)
        self.projection = nn.Linear(cast(int, self.backbone.num_features), DIMENSIONS, bias=False)
        self.norm = nn.BatchNorm1d(DIMENSIONS)

    @property
    def head(self) -> nn.ModuleList:
        """What stands behind the backbone."""
        return nn.ModuleList([self.projection, self.norm])

    @property
    def input_size(self) -> int:
        """Side in pixels of what the backbone sees."""
        return SIZE // self.pool

    def forward(self, pixels: Tensor) -> Tensor:
        if self.pool > 1:
            # As a convolution: onnx2tf loses the layout of a padding that follows an average pooling.
            square = torch.full((3, 1, self.pool, self.pool), 1 / self.pool**2, device=pixels.device)
            pixels = F.conv2d(pixels, square, stride=self.pool, groups=3)
        return self.embed(pixels)

    def embed(self, pixels: Tensor) -> Tensor:
        """Embedding of an input that is already pooled (n, 3, 256 / pool, 256 / pool)."""
        return self.norm(self.projection(self.dropout(self.features(pixels))))  # type: ignore[no-any-return]

    def features(self, pixels: Tensor) -> Tensor:
        """The backbone's features, averaged over the picture."""
        return self.backbone(pixels).mean(dim=(2, 3))  # type: ignore[no-any-return]


class Segmenter(nn.Module):
    """Net input (n, 3, 256, 256) → logits (n, 2, 256, 256): coin, and core of a coin.

    The core is what remains of each coin when the outer part of its radius is taken off: cores of touching coins do
    not touch, which tells the coins apart. U-Net: Ronneberger et al. (MICCAI 2015); `decoder` lists the channels of
    its four upward blocks, the last of which gives 128 pixels a side.
    """

    def __init__(self, backbone: str, *, decoder: tuple[int, ...]) -> None:
        super().__init__()
        self.unet = smp.Unet(f"tu-{backbone}", encoder_weights=None, decoder_channels=(*decoder, 1), pad_type="same")
        # The last block would work on every pixel and cost half the time; interpolated logits are as exact.
        self.unet.decoder.blocks = self.unet.decoder.blocks[:-1]
        self.unet.segmentation_head = nn.Conv2d(decoder[-1], 2, 3, padding=1)

    def forward(self, pixels: Tensor) -> Tensor:
        return F.interpolate(self.unet(pixels), scale_factor=2, mode="bilinear", align_corners=False)


def to_input(pictures: NDArray[np.uint8]) -> Tensor:
    """uint8 (n, h, w, 3) → float32 (n, 3, h, w), normalised as (x - 128) / 128."""
    pixels = torch.from_numpy(pictures).permute(0, 3, 1, 2).float()
    return ((pixels - 128) / 128).contiguous(memory_format=torch.channels_last)


def backbone_weights(path: Path | None, backbone: str) -> dict[str, Tensor]:
    """Pretrained weights of a timm backbone from an .npz file, or from timm's hub where `path` is None.

    Raises `TrainingError` where the file is missing or the hub cannot be reached: nothing starts from random weights
    unasked.
    """
    if path is None:
        with explain_missing_weights(backbone):
            return dict(timm.create_model(backbone, pretrained=True, num_classes=0).state_dict())
    with explain_missing_weights(backbone, path), np.load(path) as arrays:
        return {
            name: torch.from_numpy(
                arrays[name].astype(np.float32) if arrays[name].dtype == np.float16 else arrays[name]
            )
            for name in arrays.files
            if not name.startswith("classifier")
        }


def save_checkpoint(path: Path, module: nn.Module, metadata: Mapping[str, str]) -> None:
    """Write the weights as float16 safetensors with `metadata`, whole or not at all."""
    half = {
        name: (value.half() if value.is_floating_point() else value).contiguous()
        for name, value in module.state_dict().items()
        if not name.endswith("num_batches_tracked")
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(path.name + ".part")
    save_file(half, temporary, metadata=dict(metadata))
    temporary.replace(path)


def read_embedder(path: Path) -> Embedder:
    """The embedder of a checkpoint, float32, ready to run. Raises `ModelError` for any other file."""
    settings, weights = _read_checkpoint(path)
    with _named(path):
        return _filled(Embedder(settings["backbone"], pool=settings["pool"]), weights)


def read_segmenter(path: Path) -> Segmenter:
    """The segmenter of a checkpoint, float32, ready to run. Raises `ModelError` for any other file."""
    settings, weights = _read_checkpoint(path)
    with _named(path):
        return _filled(Segmenter(settings["backbone"], decoder=tuple(settings["decoder"])), weights)


def _read_checkpoint(path: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    if not path.is_file():
        raise ModelError(
            f"{path}: no such checkpoint; train it with `coindex train`, or give another with --checkpoints"
        )
    with _named(path), safe_open(path, "pt") as file:
        settings = json.loads(file.metadata()["settings"])
        return settings, {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118


def _filled(module: Net, weights: Mapping[str, Tensor]) -> Net:
    missing, unexpected = module.load_state_dict({name: value.float() for name, value in weights.items()}, strict=False)
    missing = [name for name in missing if not name.endswith("num_batches_tracked")]
    if missing or unexpected:
        raise ValueError(f"lacks {missing[:3]}, has besides {list(unexpected)[:3]}")
    return module.eval()


@contextmanager
def _named(path: Path) -> Iterator[None]:
    try:
        yield
    except Exception as error:
        raise ModelError(
            f"{path}: not a checkpoint of this architecture ({type(error).__name__}: {error}); train it anew, or "
            "export with the coindex that trained it"
        ) from None
