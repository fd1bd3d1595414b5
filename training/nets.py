"""The two nets, and how their weights are read and written."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import segmentation_models_pytorch as smp
import timm
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from coindex.codes import DIMENSIONS
from training.errors import explain_missing_weights

__all__ = ["Embedder", "Segmenter", "backbone_weights", "load_checkpoint", "save_checkpoint", "to_input"]


class Embedder(nn.Module):
    """Net input (n, 3, 256, 256) → embedding (n, 64) of any length.

    `pool` averages the input in squares of that side first: the backbone then works on 256 / `pool` pixels, which is
    what it was trained on, at a fraction of the time.
    """

    def __init__(self, backbone: str, *, pool: int = 1, dropout: float = 0.0) -> None:
        super().__init__()
        self.pool = pool
        self.backbone = timm.create_model(backbone, pad_type="same", num_classes=0, global_pool="")
        self.head = nn.Sequential(
            nn.Dropout(dropout), nn.Linear(self.backbone.num_features, DIMENSIONS, bias=False), nn.BatchNorm1d(DIMENSIONS)
        )

    def forward(self, pixels: Tensor) -> Tensor:
        if self.pool > 1:
            # As a convolution: onnx2tf loses the layout of a padding that follows an average pooling.
            square = torch.full((3, 1, self.pool, self.pool), 1 / self.pool**2, device=pixels.device)
            pixels = F.conv2d(pixels, square, stride=self.pool, groups=3)
        return self.embed(pixels)

    def embed(self, pixels: Tensor) -> Tensor:
        """Embedding of an input that is already pooled (n, 3, 256 / pool, 256 / pool)."""
        return self.head(self.backbone(pixels).mean(dim=(2, 3)))  # type: ignore[no-any-return]


class Segmenter(nn.Module):
    """Net input (n, 3, 256, 256) → logits (n, 2, 256, 256): coin, and core of a coin.

    The core is what remains of each coin after a quarter of its radius is taken off: cores of touching coins do not
    touch, which tells the coins apart. U-Net: Ronneberger et al. (MICCAI 2015); `decoder` lists the channels of its four
    upward blocks, the last of which gives 128 pixels a side.
    """

    def __init__(self, backbone: str, *, decoder: tuple[int, ...]) -> None:
        super().__init__()
        self.unet = smp.Unet(
            f"tu-{backbone}", encoder_weights=None, decoder_channels=(*decoder, 1), pad_type="same"
        )
        # The last block would work on every pixel and cost half the time; interpolated logits are as exact.
        self.unet.decoder.blocks = self.unet.decoder.blocks[:-1]
        self.unet.segmentation_head = nn.Conv2d(decoder[-1], 2, 3, padding=1)

    def forward(self, pixels: Tensor) -> Tensor:
        return F.interpolate(self.unet(pixels), scale_factor=2, mode="bilinear", align_corners=False)


def to_input(pictures: np.ndarray) -> Tensor:
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
            name: torch.from_numpy(arrays[name].astype(np.float32) if arrays[name].dtype == np.float16 else arrays[name])
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


def load_checkpoint(path: Path, module: nn.Module) -> None:
    """Fill `module` with the float16 weights of `path`."""
    weights = {name: value.float() if value.is_floating_point() else value for name, value in load_file(path).items()}
    missing, unexpected = module.load_state_dict(weights, strict=False)
    missing = [name for name in missing if not name.endswith("num_batches_tracked")]
    if missing or unexpected:
        from coindex.errors import ModelError

        raise ModelError(
            f"{path}: a checkpoint of another architecture (lacks {missing[:3]}, has besides {list(unexpected)[:3]}); "
            "train again or give the preset that it was trained with"
        )
