"""Core ML packages: what they hold, that they are the same each time, and that the shipped nets survive them."""

import hashlib
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs the training extra")
pytest.importorskip("coremltools", reason="needs the export extra")

import torch
from torch import nn

from coindex.cutout import cut_out
from coindex.errors import ExportError
from export.coreml import PRECISIONS, package_digest, to_coreml
from export.description import Description
from export.mil import MilNet
from export.mil_program import read_program
from training.data import synthetic_coins
from training.nets import read_embedder, read_segmenter
from training.places import CHECKPOINTS, EMBEDDER, SEGMENTER
from training.torch_runtime import TorchNet

BUDGET = 8_000_000
"""Bytes that both nets in int8 may have together."""

PICTURES = np.random.default_rng(1).integers(0, 256, (2, 256, 256, 3), np.uint8)
"""What biases are corrected on."""

TINY = Description("tiny", "Averages a picture.", "A picture.", "Three averages.", "0123456789abcdef", "Ada", "MIT")


class Average(nn.Module):
    def forward(self, pixels: Any) -> Any:
        return pixels.relu().mean(dim=(2, 3))


class Wide(nn.Module):
    """A layer for each way to store weights."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(3)
        self.layers = nn.Sequential(nn.Conv2d(3, 128, 8, 8), nn.Conv2d(128, 128, 1), nn.ReLU(), nn.Conv2d(128, 96, 1))

    def forward(self, pixels: Any) -> Any:
        return self.layers(pixels)


class Clipped(nn.Module):
    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, pixels: Any) -> Any:
        return self.net(pixels).clamp(-8.0, 8.0)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return to_coreml(Average(), PICTURES, tmp_path_factory.mktemp("tiny"), TINY)


@pytest.fixture(scope="module")
def coins() -> list[Any]:
    return synthetic_coins(range(40, 44), 2, 1, size=256)


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Path]]:
    """The shipped nets, their biases corrected on coins that no test below shows them."""
    folder = tmp_path_factory.mktemp("shipped")
    coins = synthetic_coins(range(50, 54), 1, 1, size=256)
    nets = {
        "embedder": read_embedder(CHECKPOINTS / EMBEDDER),
        "segmenter": Clipped(read_segmenter(CHECKPOINTS / SEGMENTER)),
    }
    shown = {"embedder": [cut_out(coin.rgb, coin.mask) for coin in coins], "segmenter": [coin.rgb for coin in coins]}
    return {
        name: to_coreml(net, np.stack(shown[name]), folder, Description(name, *["-"] * 6)) for name, net in nets.items()
    }


def model_of(package: Path) -> Any:
    from coremltools.proto import Model_pb2

    model = Model_pb2.Model()
    model.ParseFromString((package / "Data/com.apple.CoreML/model.mlmodel").read_bytes())
    return model


def test_there_is_a_package_for_each_precision_and_nothing_besides(tiny: dict[str, Path]) -> None:
    assert tuple(tiny) == PRECISIONS
    names = [f"tiny.{precision}.mlpackage" for precision in PRECISIONS]
    assert [path.name for path in tiny.values()] == names
    assert {path.name for path in tiny["float16"].parent.iterdir()} == set(names)
    assert all(part.stat().st_mode & 0o044 == 0o044 for path in tiny.values() for part in path.rglob("*"))


def test_a_package_says_who_made_it_and_what_goes_in_and_out(tiny: dict[str, Path]) -> None:
    for package in tiny.values():
        model = model_of(package)
        described = model.description
        metadata = described.metadata
        assert (metadata.shortDescription, metadata.author, metadata.license) == ("Averages a picture.", "Ada", "MIT")
        assert metadata.versionString
        assert dict(metadata.userDefined) == {"space_id": "0123456789abcdef"}
        (picture,), (averages,) = described.input, described.output
        assert (picture.name, picture.shortDescription) == ("image", "A picture.")
        assert (picture.type.imageType.width, picture.type.imageType.colorSpace) == (256, 20)
        assert (averages.name, averages.shortDescription) == ("output", "Three averages.")
        assert averages.type.multiArrayType.dataType == 65568  # float32, Swift's Float
        assert model.specificationVersion == 8  # iOS 17


def test_the_scaling_is_inside(tiny: dict[str, Path]) -> None:
    pictures = np.zeros((2, 256, 256, 3), np.uint8)
    pictures[0] = 192, 128, 64  # red is first
    pictures[1] = 255, 129, 0
    # The sum of 65,536 times 1/128 is exact, and so are the averages.
    assert MilNet(tiny["float16"])(pictures).tolist() == [[0.5, 0, 0], [127 / 128, 1 / 128, 0]]


def test_the_same_net_gives_the_same_bytes(tmp_path: Path) -> None:
    first, again = (to_coreml(Wide(), PICTURES, tmp_path / folder, TINY) for folder in ("first", "again"))
    for precision, package in first.items():
        files = sorted(file.relative_to(package) for file in package.rglob("*") if file.is_file())
        assert len(files) == 3
        assert all((package / file).read_bytes() == (again[precision] / file).read_bytes() for file in files)


def test_a_package_replaces_the_former_one_whole(tmp_path: Path) -> None:
    former = tmp_path / "tiny.int8.mlpackage"
    former.mkdir()
    (former / "leftover").touch()
    made = to_coreml(Average(), PICTURES, tmp_path, TINY)
    assert not (former / "leftover").exists()
    assert read_program(made["int8"]).output == "output"


def test_nothing_is_printed(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    MilNet(to_coreml(Average(), PICTURES, tmp_path, TINY)["6bit"])
    assert capfd.readouterr().out == ""


def test_an_operator_that_cannot_be_converted_is_named_and_the_former_packages_stay(tmp_path: Path) -> None:
    class Odd(nn.Module):
        def forward(self, pixels: Any) -> Any:
            return torch.lgamma(pixels.relu() + 1).mean(dim=(2, 3))

    (tmp_path / "tiny.int8.mlpackage").mkdir()
    with pytest.raises(ExportError, match="tiny: coremltools cannot convert the net: it has no operator for lgamma"):
        to_coreml(Odd(), PICTURES, tmp_path, TINY)
    assert [path.name for path in tmp_path.iterdir()] == ["tiny.int8.mlpackage"]


@pytest.mark.skipif(shutil.which("sha256sum") is None, reason="needs sha256sum")
def test_a_digest_is_what_the_shell_says(tiny: dict[str, Path], tmp_path: Path) -> None:
    # "B" sorts before "a", and "a-b/x" before "a/x", where bytes decide and not a language or the folders.
    for name in ("B", "a/x", "a-b/x", "é"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    for package in (tmp_path, *tiny.values()):
        digest, size = package_digest(package)
        command = "find . -type f | LC_ALL=C sort | xargs sha256sum | sha256sum"
        shell = subprocess.run(["sh", "-c", command], cwd=package, capture_output=True, text=True, check=True)
        assert shell.stdout.split()[0] == digest
        assert size == sum(file.stat().st_size for file in package.rglob("*") if file.is_file())


def test_a_digest_by_hand(tmp_path: Path) -> None:
    (tmp_path / "one").write_bytes(b"abc")
    line = b"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad  ./one\n"
    assert package_digest(tmp_path) == (hashlib.sha256(line).hexdigest(), 3)


# The shipped nets


def test_both_nets_in_int8_fit(shipped: dict[str, dict[str, Path]]) -> None:
    assert sum(package_digest(packages["int8"])[1] for packages in shipped.values()) <= BUDGET


@pytest.mark.parametrize(("precision", "least"), [("float16", 0.9999), ("int8", 0.995), ("6bit", 0.995)])
def test_the_embedder_points_where_the_float_one_does(
    precision: str, least: float, shipped: dict[str, dict[str, Path]], coins: list[Any]
) -> None:
    cutouts = np.stack([cut_out(coin.rgb, coin.mask) for coin in coins])
    found = MilNet(shipped["embedder"][precision])(cutouts)
    expected = TorchNet(read_embedder(CHECKPOINTS / EMBEDDER))(cutouts)
    cosine = (found * expected).sum(axis=1) / np.linalg.norm(found, axis=1) / np.linalg.norm(expected, axis=1)
    assert cosine.min() >= least


@pytest.mark.parametrize(("precision", "least"), [("float16", 0.999), ("int8", 0.99), ("6bit", 0.99)])
def test_the_segmenter_finds_what_the_float_one_finds(
    precision: str, least: float, shipped: dict[str, dict[str, Path]], coins: list[Any]
) -> None:
    pictures = np.stack([coin.rgb for coin in coins[:4]])
    found = MilNet(shipped["segmenter"][precision])(pictures)
    expected = TorchNet(read_segmenter(CHECKPOINTS / SEGMENTER))(pictures)
    assert found.shape == expected.shape
    assert np.abs(found).max() <= 8
    seen, wanted = found > 0, expected > 0
    assert (seen & wanted).sum() / (seen | wanted).sum() >= least
