"""The two nets and their checkpoints, untrained and with the smallest backbone."""

import json

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("timm")
pytest.importorskip("segmentation_models_pytorch")
from safetensors.torch import save_file  # noqa: E402

from coindex.errors import ModelError, TrainingError  # noqa: E402
from training.nets import (  # noqa: E402
    Embedder,
    Segmenter,
    backbone_weights,
    fill_backbone,
    read_embedder,
    read_segmenter,
    save_checkpoint,
    to_input,
)

BACKBONE = "mobilenetv2_050"
torch.set_num_threads(1)


@pytest.fixture(scope="module")
def embedder():
    torch.manual_seed(0)
    return Embedder(BACKBONE, side=64).eval()


@pytest.fixture(scope="module")
def pixels():
    return np.random.default_rng(0).integers(0, 256, (2, 256, 256, 3)).astype(np.uint8)


def test_pixels_enter_as_x_minus_128_over_128():
    picture = np.array([[[[0, 128, 255]]]], np.uint8)
    assert to_input(picture).shape == (1, 3, 1, 1)
    assert to_input(picture).flatten().tolist() == [-1, 0, 127 / 128]


def test_an_embedding_has_64_numbers(embedder, pixels):
    with torch.inference_mode():
        assert embedder(to_input(pixels)).shape == (2, 64)


def test_held_stages_stay_as_they_are_and_the_others_learn():
    torch.manual_seed(0)
    net = Embedder(BACKBONE, side=64)
    net.hold(3)
    before = {name: value.clone() for name, value in net.state_dict().items()}
    optimiser = torch.optim.SGD(net.parameters(), lr=1.0, weight_decay=0.1)
    net.train()
    net.embed(torch.randn(4, 3, 64, 64)).square().mean().backward()
    optimiser.step()
    changed = {name for name, value in net.state_dict().items() if not torch.equal(value, before[name])}
    early = ("backbone.conv_stem.", "backbone.bn1.", *(f"backbone.blocks.{stage}." for stage in range(3)))
    assert not [name for name in changed if name.startswith(early)]
    assert {"backbone.blocks.3.0.conv_pw.weight", "backbone.blocks.3.0.bn1.running_mean", "norm.weight"} <= changed


def test_pooling_is_an_average_of_squares(embedder, pixels):
    x = to_input(pixels)
    with torch.inference_mode():
        expected = embedder.embed(torch.nn.functional.avg_pool2d(x, 4))
        assert torch.allclose(embedder(x), expected, atol=1e-4)


def test_a_backbones_side_between_is_reached_by_linear_interpolation(pixels):
    net, x = Embedder(BACKBONE, side=192).eval(), to_input(pixels)
    with torch.inference_mode():
        expected = net.embed(torch.nn.functional.interpolate(x, (192, 192), mode="bilinear"))
        assert torch.allclose(net(x), expected, atol=1e-5)


def test_the_segmenter_answers_for_every_pixel(pixels, tmp_path):
    settings = {"backbone": BACKBONE, "decoder": [16, 16, 8, 8]}
    segmenter = Segmenter(BACKBONE, decoder=(16, 16, 8, 8)).eval()
    with torch.inference_mode():
        assert segmenter(to_input(pixels[:1])).shape == (1, 2, 256, 256)
    path = tmp_path / "segmenter.safetensors"
    save_checkpoint(path, segmenter, {"settings": json.dumps(settings)})
    with torch.inference_mode():
        first, again = segmenter(to_input(pixels[:1])), read_segmenter(path)(to_input(pixels[:1]))
    assert torch.allclose(first, again, atol=0.05)  # float16 in between


def test_an_embedder_survives_its_checkpoint(embedder, pixels, tmp_path):
    path = tmp_path / "runs" / "embedder.safetensors"
    save_checkpoint(path, embedder, {"settings": f'{{"backbone": "{BACKBONE}", "side": 64}}'})
    assert [file.name for file in path.parent.iterdir()] == [path.name]  # nothing half-written beside it
    again = read_embedder(path)
    assert not again.training
    with torch.inference_mode():
        first, second = embedder(to_input(pixels)), again(to_input(pixels))
    assert torch.nn.functional.cosine_similarity(first, second).min() > 0.999


def test_a_checkpoint_that_is_none_is_refused_by_name(embedder, tmp_path):
    with pytest.raises(ModelError, match=r"gone\.safetensors: no such checkpoint"):
        read_embedder(tmp_path / "gone.safetensors")
    path = tmp_path / "bad.safetensors"
    path.write_bytes(b"coin")
    with pytest.raises(ModelError, match=r"bad\.safetensors: not a checkpoint"):
        read_embedder(path)
    save_checkpoint(path, embedder, {"settings": f'{{"backbone": "{BACKBONE}", "decoder": [16, 16, 8, 8]}}'})
    with pytest.raises(ModelError, match=r"bad\.safetensors: not a checkpoint of this architecture"):
        read_segmenter(path)


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"backbone": "no_such_net", "side": 64}, "no_such_net"),
        ({"backbone": "resnet18", "side": 64}, "ResNet"),
        ({"backbone": BACKBONE, "side": "64"}, "side '64' must be a whole number from 32 to 256"),
        ({"backbone": BACKBONE, "side": -64}, "side -64 must be"),
        ({"backbone": BACKBONE}, "side"),
        ([BACKBONE, 64], "its settings are no JSON object"),
    ],
    ids=["unknown", "unsupported", "a side that is text", "a side below 0", "no side", "no object"],
)
def test_a_checkpoint_whose_settings_make_no_embedder_is_refused_with_the_reason(embedder, tmp_path, settings, reason):
    path = tmp_path / "odd.safetensors"
    save_checkpoint(path, embedder, {"settings": json.dumps(settings)})
    with pytest.raises(ModelError, match=rf"odd\.safetensors: not a checkpoint of this architecture .*{reason}"):
        read_embedder(path)


def test_a_checkpoint_that_diverged_is_refused_by_its_layer(tmp_path):
    diverged = Embedder(BACKBONE, side=64)
    torch.nn.init.constant_(diverged.projection.weight, torch.inf)
    save_checkpoint(tmp_path / "nan.safetensors", diverged, {"settings": f'{{"backbone": "{BACKBONE}", "side": 64}}'})
    with pytest.raises(ModelError, match=r"nan\.safetensors: .*projection\.weight has weights that are no finite"):
        read_embedder(tmp_path / "nan.safetensors")


def test_missing_backbone_weights_are_refused_with_what_to_do(tmp_path):
    with pytest.raises(TrainingError, match=rf"{BACKBONE}: .*gone\.npz.*--weights"):
        backbone_weights(tmp_path / "gone.npz", BACKBONE)


def test_backbone_weights_are_float32_without_the_classifier(tmp_path):
    np.savez(tmp_path / "w.npz", **{"conv.weight": np.ones(3, np.float16), "classifier.weight": np.ones(3)})
    weights = backbone_weights(tmp_path / "w.npz", BACKBONE)
    assert list(weights) == ["conv.weight"]
    assert weights["conv.weight"].dtype == torch.float32


@pytest.mark.parametrize("ending", ["npz", "safetensors", "pth"])
def test_backbone_weights_come_from_any_of_three_kinds_of_file(tmp_path, ending):
    path, half = tmp_path / f"w.{ending}", {"conv.weight": torch.ones(3).half(), "classifier.bias": torch.ones(2)}
    if ending == "npz":
        np.savez(path, **{name: value.numpy() for name, value in half.items()})
    elif ending == "pth":
        torch.save({"state_dict": half}, path)
    else:
        save_file(half, path)
    weights = backbone_weights(path, BACKBONE)
    assert list(weights) == ["conv.weight"]
    assert weights["conv.weight"].dtype == torch.float32


def test_a_backbone_takes_its_own_weights_and_refuses_anothers(embedder):
    weights = {name: value + 1 if value.is_floating_point() else value for name, value in embedder.state_dict().items()}
    own = {name.removeprefix("backbone."): value for name, value in weights.items() if name.startswith("backbone.")}
    again = Embedder(BACKBONE).backbone
    fill_backbone(again, own | {"conv_head_of_no_use": torch.ones(1)}, BACKBONE)
    assert torch.equal(again.state_dict()["conv_stem.weight"], own["conv_stem.weight"])
    with pytest.raises(TrainingError, match=rf"{BACKBONE}: they lack conv_stem\.weight"):
        fill_backbone(again, {name: value for name, value in own.items() if name != "conv_stem.weight"}, BACKBONE)
    with pytest.raises(TrainingError, match=r"conv_stem\.weight has another shape"):
        fill_backbone(again, own | {"conv_stem.weight": torch.ones(1)}, BACKBONE)


def test_a_linear_head_is_a_fully_connected_layer_alone(pixels):
    embedder = Embedder(BACKBONE, head="linear").eval()
    with torch.inference_mode():
        features = embedder.features(to_input(pixels))
        expected = features @ embedder.projection.weight.T + embedder.projection.bias
        assert torch.allclose(embedder(to_input(pixels)), expected, atol=1e-5)
    with pytest.raises(ValueError, match="head 'round' is none of"):
        Embedder(BACKBONE, head="round")


def test_five_upward_blocks_answer_for_every_pixel_by_themselves(pixels):
    segmenter = Segmenter(BACKBONE, decoder=(16, 16, 8, 8, 8), channels=1).eval()
    with torch.inference_mode():
        assert segmenter(to_input(pixels[:1])).shape == (1, 1, 256, 256)
        assert segmenter.unet.decoder(segmenter.unet.encoder(to_input(pixels[:1]))).shape == (1, 8, 256, 256)


def test_the_articles_nets_are_no_nets_for_devices(tmp_path):
    path = tmp_path / "net.safetensors"
    settings = {"backbone": BACKBONE, "side": 256, "head": "linear", "picture": "rgb"}
    save_checkpoint(path, Embedder(BACKBONE, head="linear"), {"settings": json.dumps(settings)})
    with pytest.raises(ModelError, match=r"net\.safetensors: its net has picture rgb, expected contrast"):
        read_embedder(path)
    assert read_embedder(path, picture="rgb").projection.bias is not None
    settings = {"backbone": BACKBONE, "decoder": [16, 16, 8, 8, 8], "channels": 1}
    save_checkpoint(
        path, Segmenter(BACKBONE, decoder=(16, 16, 8, 8, 8), channels=1), {"settings": json.dumps(settings)}
    )
    with pytest.raises(ModelError, match="its net has channels 1, expected 2"):
        read_segmenter(path)
    assert read_segmenter(path, channels=1).full_resolution
