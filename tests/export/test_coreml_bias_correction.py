"""Biases of Core ML packages: what rounding shifts is taken back, and nothing else is touched."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

pytest.importorskip("torch", reason="needs the training extra")
pytest.importorskip("coremltools", reason="needs the export extra")

import torch
from torch import nn

from coindex.errors import ExportError
from export.coreml import to_coreml
from export.coreml_bias_correction import correct_package
from export.description import Description
from export.mil import MilNet
from export.mil_program import read_program, write_constants


class Layers(nn.Module):
    """Two layers with weights enough to be compressed; a third whose bias is so small that it stands in the program."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(3)
        self.layers = nn.Sequential(
            nn.Conv2d(3, 128, 8, 8), nn.ReLU(), nn.Conv2d(128, 96, 1), nn.ReLU(), nn.Conv2d(96, 2, 1)
        )

    def forward(self, pixels: Any) -> Any:
        return self.layers(pixels).mean(dim=(2, 3))


def described(name: str) -> Description:
    return Description(name, *["-"] * 6)


@pytest.fixture(scope="module")
def pictures() -> NDArray[np.uint8]:
    return np.random.default_rng(7).integers(128, 256, (4, 256, 256, 3), np.uint8)


@pytest.fixture(scope="module")
def packages(pictures: NDArray[np.uint8], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return to_coreml(Layers(), pictures, tmp_path_factory.mktemp("layers"), described("layers"))


def biases(package: Path) -> dict[str, NDArray[Any]]:
    """The biases of a package by the names of their constants."""
    program = read_program(package)
    constants = {each.output: each.values["val"] for each in program.operations if each.kind == "const"}
    return {name: constants[name] for each in program.operations for name in each.inputs.get("bias", ())}


def shifted(package: Path, by: float, folder: Path) -> Path:
    """A copy with that much added to every bias."""
    copy = folder / package.name
    shutil.copytree(package, copy)
    write_constants(copy, {name: (bias + by).astype(np.float16) for name, bias in biases(package).items()})
    return copy


@pytest.mark.parametrize("precision", ["int8", "6bit"])
def test_compressed_layers_mean_what_the_others_mean(
    precision: str, packages: dict[str, Path], pictures: NDArray[np.uint8]
) -> None:
    found, expected = (MilNet(packages[each])(pictures).mean(axis=0) for each in (precision, "float16"))
    assert found == pytest.approx(expected, abs=1e-4)


def test_biases_that_were_shifted_are_taken_back(
    packages: dict[str, Path], pictures: NDArray[np.uint8], tmp_path: Path
) -> None:
    right = biases(packages["float16"])
    copy = shifted(packages["float16"], 0.25, tmp_path)
    off = biases(copy)
    assert all(off[name] == pytest.approx(bias + 0.25, abs=1e-3) for name, bias in right.items())
    assert {len(bias) for bias in right.values()} == {128, 96, 2}
    correct_package(copy, packages["float16"], pictures)
    assert all(biases(copy)[name] == pytest.approx(bias, abs=1e-3) for name, bias in right.items())


def test_nothing_but_biases_is_changed(packages: dict[str, Path], pictures: NDArray[np.uint8], tmp_path: Path) -> None:
    def others(package: Path) -> list[tuple[str, str, dict[str, list[Any]]]]:
        program, kept = read_program(package), biases(package).keys()
        return [
            (each.kind, each.output, {key: value.tolist() for key, value in each.values.items()})
            for each in program.operations
            if each.output not in kept
        ]

    copy = shifted(packages["int8"], 0.25, tmp_path)
    correct_package(copy, packages["float16"], pictures)
    assert others(copy) == others(packages["int8"])


def test_what_is_clipped_on_purpose_is_no_shift(pictures: NDArray[np.uint8], tmp_path: Path) -> None:
    """Logits of about 100 and about 0, clipped at 8: the first bias stays where it is, the second is taken back."""

    class Logits(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.last = nn.Conv2d(3, 2, 16, 16)
            nn.init.constant_(self.last.weight, 0.001)
            self.last.bias.data = torch.tensor([100.0, 0.0])

        def forward(self, pixels: Any) -> Any:
            return nn.functional.interpolate(self.last(pixels), scale_factor=2, mode="bilinear").clamp(-8.0, 8.0)

    made = to_coreml(Logits(), pictures, tmp_path, described("logits"))
    copy = shifted(made["float16"], 0.25, tmp_path / "shifted")
    (before,) = biases(copy).values()
    correct_package(copy, made["float16"], pictures)
    (after,) = biases(copy).values()
    assert before.tolist() == [100.25, 0.25]
    assert after == pytest.approx([100.25, 0], abs=1e-3)


def test_packages_of_two_nets_are_refused(
    packages: dict[str, Path], pictures: NDArray[np.uint8], tmp_path: Path
) -> None:
    class Longer(Layers):
        def forward(self, pixels: Any) -> Any:
            return super().forward(pixels.relu())

    other = to_coreml(Longer(), pictures, tmp_path, described("other"))
    with pytest.raises(ExportError, match=r"layers\.int8\.mlpackage and other\.float16\.mlpackage are not of the same"):
        correct_package(packages["int8"], other["float16"], pictures)
