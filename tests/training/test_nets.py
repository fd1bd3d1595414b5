"""The two nets and their checkpoints, untrained and with the smallest backbone."""

import json

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("timm")
pytest.importorskip("segmentation_models_pytorch")
from coindex.errors import ModelError, TrainingError  # noqa: E402
from training.nets import (  # noqa: E402
    Embedder,
    Segmenter,
    backbone_weights,
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
    return Embedder(BACKBONE, pool=4).eval()


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


def test_pooling_is_an_average_of_squares(embedder, pixels):
    x = to_input(pixels)
    with torch.inference_mode():
        expected = embedder.embed(torch.nn.functional.avg_pool2d(x, 4))
        assert torch.allclose(embedder(x), expected, atol=1e-4)


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
    save_checkpoint(path, embedder, {"settings": f'{{"backbone": "{BACKBONE}", "pool": 4}}'})
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


def test_missing_backbone_weights_are_refused_with_what_to_do(tmp_path):
    with pytest.raises(TrainingError, match=rf"{BACKBONE}: .*gone\.npz.*--weights"):
        backbone_weights(tmp_path / "gone.npz", BACKBONE)


def test_backbone_weights_are_float32_without_the_classifier(tmp_path):
    np.savez(tmp_path / "w.npz", **{"conv.weight": np.ones(3, np.float16), "classifier.weight": np.ones(3)})
    weights = backbone_weights(tmp_path / "w.npz", BACKBONE)
    assert list(weights) == ["conv.weight"]
    assert weights["conv.weight"].dtype == torch.float32
