"""The golden vectors agree with the shipped models and code, name what does not, and can be read without coindex."""

import base64
import hashlib
import json
import math
import shutil
from functools import partial

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("torch", reason="needs the training extra")
pytest.importorskip("onnxsim", reason="needs the export extra")

from ai_edge_litert.interpreter import Interpreter, OpResolverType

from coindex.codes import quantise
from coindex.errors import ExportError
from coindex.models import DEFAULT_FOLDER, load_models
from coindex.photo import load_photo
from coindex.pipeline import encode_photo
from export.golden import (
    DEFAULT_GOLDEN,
    INDEX_NAME,
    Difference,
    check_golden,
    draw,
    record,
    walk,
    write_golden,
)

DOCUMENT = json.loads((DEFAULT_GOLDEN / INDEX_NAME).read_text("utf-8"))
STEPS = {photo["file"]: {step["step"]: step for step in photo["steps"]} for photo in DOCUMENT["photos"]}
PNGS = [name for name in STEPS if name.endswith(".png")]
COINS = [(name, f"coin.{number}") for name, steps in STEPS.items() for number in range(len(steps["coins"]["value"]))]


@pytest.fixture
def copy_of(tmp_path):
    """A copy of the golden folder with one of its photos alone."""

    def copied(photo):
        shutil.copytree(DEFAULT_GOLDEN, tmp_path / "golden")
        change(tmp_path / "golden", lambda document: document.update(photos=[only(document, photo)]))
        return tmp_path / "golden"

    return copied


def only(document, photo):
    return next(entry for entry in document["photos"] if entry["file"] == photo)


def change(folder, alter):
    document = json.loads((folder / INDEX_NAME).read_text("utf-8"))
    alter(document)
    (folder / INDEX_NAME).write_text(json.dumps(document), "utf-8")


def change_step(folder, name, alter):
    change(folder, lambda document: alter(next(s for s in document["photos"][0]["steps"] if s["step"] == name)))


def test_the_golden_files_agree_with_the_shipped_models_and_code():
    assert check_golden(DEFAULT_GOLDEN, DEFAULT_FOLDER) == ()


def test_litert_without_xnnpack_is_within_the_tolerances(monkeypatch):
    plain = partial(Interpreter, experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES)
    monkeypatch.setattr("coindex.runtime.Interpreter", plain)
    assert check_golden(DEFAULT_GOLDEN, DEFAULT_FOLDER) == ()


@pytest.mark.parametrize("step", ["first.0.input", "second.0.input", "coin.0.mask", "coin.0.cutout"])
def test_one_pixel_changed_names_its_step_alone(copy_of, step):
    folder = copy_of("one-coin.png")
    path = folder / STEPS["one-coin.png"][step]["file"]
    pixels = np.array(Image.open(path))
    pixels[128, 128] ^= 1
    Image.fromarray(pixels).save(path)
    assert [difference.step for difference in check_golden(folder, DEFAULT_FOLDER)] == [step]


def test_logits_of_another_net_name_their_step_alone(copy_of):
    folder = copy_of("one-coin.png")
    path = folder / STEPS["one-coin.png"]["second.0.logits"]["file"]
    Image.fromarray(255 - np.array(Image.open(path))).save(path)
    (difference,) = check_golden(folder, DEFAULT_FOLDER)
    assert difference.step == "second.0.logits"
    assert "at most 40" in difference.reason


def add_one_to_the_first(step):
    value = step["value"]
    while isinstance(value[0], list):
        value = value[0]
    value[0] += 1


@pytest.mark.parametrize(
    "name", ["first.0.boxes", "coin.0.box_in_photo", "coin.0.embedding", "coin.0.code", "coin.0.hits", "coin.0.ranking"]
)
def test_one_number_changed_names_its_step_alone(copy_of, name):
    folder = copy_of("one-coin.png")
    change_step(folder, name, add_one_to_the_first)
    (difference,) = check_golden(folder, DEFAULT_FOLDER)
    assert (difference.photo, difference.step) == ("one-coin.png", name)


def test_a_step_that_the_library_does_not_take_is_named_and_so_is_one_that_the_files_lack(copy_of):
    folder = copy_of("no-coin.png")
    change_step(folder, "first.0.window", lambda step: step.update(step="zeroth.0.window"))
    assert check_golden(folder, DEFAULT_FOLDER) == (
        Difference("no-coin.png", "first.0.window", "the golden files have no such step"),
        Difference("no-coin.png", "zeroth.0.window", "not taken"),
    )


def test_a_look_at_another_window_than_the_rules_give_is_named(copy_of, monkeypatch):
    monkeypatch.setattr("coindex.segmentation.MARGIN", 0.2)
    (difference,) = check_golden(copy_of("one-coin.png"), DEFAULT_FOLDER)
    assert (difference.photo, difference.step) == ("one-coin.png", "window")


def test_another_scale_of_codes_is_named_at_the_first_code(copy_of, monkeypatch):
    monkeypatch.setattr(walk, "quantise", lambda embeddings, scale: quantise(embeddings, scale / 2))
    first, *_ = check_golden(copy_of("one-coin.png"), DEFAULT_FOLDER)
    assert first.step == "coin.0.code"


def test_a_photo_that_is_gone_is_named(copy_of):
    folder = copy_of("one-coin.png")
    (folder / "one-coin.png").unlink()
    with pytest.raises(ExportError, match=r"one-coin\.png: cannot be read"):
        check_golden(folder, DEFAULT_FOLDER)


def test_files_of_other_models_are_refused_as_such(copy_of):
    folder = copy_of("no-coin.png")
    change(folder, lambda document: document["models"].update(embedder="0" * 64))
    (difference,) = check_golden(folder, DEFAULT_FOLDER)
    assert (difference.photo, difference.step) == (INDEX_NAME, "models")


def test_a_folder_that_cannot_be_read_is_named(tmp_path):
    with pytest.raises(ExportError, match=r"golden\.json: not readable"):
        check_golden(tmp_path, DEFAULT_FOLDER)


@pytest.fixture
def few(monkeypatch):
    """Two types in the catalogue and one photo, so that writing takes a second."""
    photo = ("no-coin.png", (DEFAULT_GOLDEN / "no-coin.png").read_bytes())
    monkeypatch.setattr(draw, "CATALOGUE_TYPES", draw.CATALOGUE_TYPES[:2])
    monkeypatch.setattr(draw, "COIN_PIXELS", 96)
    monkeypatch.setattr(record, "drawn_photos", lambda: iter([photo]))


def content(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_writing_twice_gives_the_same_bytes_and_leaves_nothing_of_the_former_files(tmp_path, few):
    write_golden(tmp_path / "golden", DEFAULT_FOLDER)
    first = content(tmp_path / "golden")
    (tmp_path / "golden" / "former").mkdir()
    (tmp_path / "golden" / "former" / "cutout.png").write_bytes(b"")
    write_golden(tmp_path / "golden", DEFAULT_FOLDER)
    assert content(tmp_path / "golden") == first
    assert [path.name for path in tmp_path.iterdir()] == ["golden"]
    assert check_golden(tmp_path / "golden", DEFAULT_FOLDER) == ()


def test_a_write_that_fails_leaves_the_former_files(tmp_path, few, monkeypatch):
    write_golden(tmp_path / "golden", DEFAULT_FOLDER)
    former = content(tmp_path / "golden")

    def broken_off():
        yield "one-coin.png", (DEFAULT_GOLDEN / "one-coin.png").read_bytes()
        raise KeyboardInterrupt

    monkeypatch.setattr(record, "drawn_photos", broken_off)
    with pytest.raises(KeyboardInterrupt):
        write_golden(tmp_path / "golden", DEFAULT_FOLDER)
    assert content(tmp_path / "golden") == former
    assert [path.name for path in tmp_path.iterdir()] == ["golden"]


def test_the_photos_show_what_ports_get_wrong():
    value = {(name, step): entry.get("value") for name, steps in STEPS.items() for step, entry in steps.items()}
    assert value["reduced.jpg", "photo.decoded"] == [side // 2 for side in value["reduced.jpg", "photo.size"]]
    assert Image.open(DEFAULT_GOLDEN / "turned.jpg").size == tuple(value["turned.jpg", "photo.decoded"][::-1])
    assert max(value["no-coin.png", "photo.decoded"]) < 256
    assert value["no-coin.png", "coins"] == []
    assert len(value["touching-coins.png", "coins"]) >= 5
    assert {f"enlarged.{number}.window" for number in range(9)} <= set(STEPS["touching-coins.png"])
    xx, xy, yy = value["tilted-coin.png", "coin.0.ellipse"][2:5]
    assert xx * yy > xy * xy
    assert value["tilted-coin.png", "coin.0.stretched"]
    assert np.linalg.eigvalsh([[xx, xy], [xy, yy]])[0] < 0.8 * max(xx, yy)
    assert not value["cut-by-the-frame.png", "coin.0.stretched"]
    for question in ("known", "smoothed", "stretched"):
        assert {value[name, f"{coin}.{question}"] for name, coin in COINS} == {True, False}


def test_they_are_small():
    assert sum(len(file) for file in content(DEFAULT_GOLDEN).values()) < 4_000_000


@pytest.mark.parametrize("name", STEPS)
def test_the_whole_library_gives_their_boxes_and_codes(name):
    encoding = encode_photo(load_photo(DEFAULT_GOLDEN / name), load_models(DEFAULT_FOLDER))
    found = [[coin.box.x, coin.box.y, coin.box.width, coin.box.height] for coin in encoding.coins]
    steps = STEPS[name]
    assert found == [steps[f"coin.{number}.box_in_photo"]["value"] for number in range(len(found))]
    assert [c.code.tolist() for c in encoding.coins] == [steps[f"coin.{n}.code"]["value"] for n in range(len(found))]


# From here on nothing of coindex is used: what docs/porting.md and docs/preprocessing.md say must be enough.


def picture(name, step):
    return np.array(Image.open(DEFAULT_GOLDEN / STEPS[name][step]["file"]))


def weights(n, m):
    """docs/preprocessing.md, section 2: integer weights (m, n) and their denominator."""
    out = np.zeros((m, n), np.int64)
    for j in range(m):
        if m <= n:
            for i in range(n):
                out[j, i] = max(0, min((i + 1) * m, (j + 1) * n) - max(i * m, j * n))
        else:
            p = min(max((2 * j + 1) * n - m, 0), 2 * m * (n - 1))
            i, f = divmod(p, 2 * m)
            out[j, i] += 2 * m - f
            out[j, min(i + 1, n - 1)] += f
    return out, n if m <= n else 2 * m


def taken(rgb, window):
    """The square window of a photo, black beyond it, at 256×256 pixels."""
    x, y, side, _ = window
    padded = np.pad(rgb, ((side, side), (side, side), (0, 0)))[y + side : y + 2 * side, x + side : x + 2 * side]
    weight, denominator = weights(side, 256)
    total = np.einsum("ji,ikc,lk->jlc", weight, padded.astype(np.int64), weight, optimize=True)
    return (2 * total + denominator**2) // (2 * denominator**2)


@pytest.mark.parametrize("name", PNGS)
def test_the_net_inputs_follow_from_the_photo_by_the_page_alone(name):
    rgb = np.array(Image.open(DEFAULT_GOLDEN / name).convert("RGB"))
    assert hashlib.sha256(rgb.tobytes()).hexdigest() == STEPS[name]["photo.sha256"]["value"]
    looks = [step.removesuffix(".window") for step in STEPS[name] if step.endswith(".window")]
    for look in looks:
        seen = taken(rgb, STEPS[name][f"{look}.window"]["value"])
        if look.startswith("enlarged"):
            digest = hashlib.sha256(seen.astype(np.uint8).tobytes()).hexdigest()
            assert digest == STEPS[name][f"{look}.sha256"]["value"]
        else:
            assert (seen == picture(name, f"{look}.input")).all()


@pytest.mark.parametrize("name", STEPS)
def test_the_logits_are_two_planes_of_int8_whose_regions_they_hold(name):
    zero = DOCUMENT["outputs"]["segmenter"]["zero_point"]
    for step in (step for step in STEPS[name] if step.endswith(".logits")):
        tensor = (picture(name, step) ^ 0x80).view(np.int8)
        assert tensor.shape == (512, 256)
        coin = tensor[:256] > zero
        for x, y, width, height, area in STEPS[name][step.replace("logits", "regions")]["value"]:
            assert coin[y : y + height, x : x + width].sum() >= area


@pytest.mark.parametrize(("name", "coin"), COINS)
def test_a_code_follows_from_the_four_turns(name, coin):
    steps, output = STEPS[name], DOCUMENT["outputs"]["embedder"]
    turns = np.array([steps[f"{coin}.turn.{turn}"]["value"] for turn in range(4)])
    values = (turns - output["zero_point"]).astype(np.float32) * np.float32(output["scale"])
    embedding = values.astype(np.float64).sum(axis=0)
    assert embedding.tolist() == steps[f"{coin}.embedding"]["value"]
    length = math.sqrt(sum(v * v for v in embedding))
    scaled = [math.floor(v / length * DOCUMENT["code_scale"] + 0.5) for v in embedding]
    assert [max(-127, min(127, v)) for v in scaled] == steps[f"{coin}.code"]["value"]


@pytest.mark.parametrize(("name", "coin"), COINS)
def test_the_hits_and_the_answer_follow_from_the_codes(name, coin):
    steps, catalog = STEPS[name], DOCUMENT["catalog"]
    code = np.array(steps[f"{coin}.code"]["value"])
    rows = sorted(
        (int(((code - np.array(row["code"])) ** 2).sum()), row["row"], row["class"]) for row in catalog["rows"]
    )
    hits = {}
    for distance, row, number in rows:
        hits.setdefault(number, [row, number, distance])
    assert list(hits.values()) == steps[f"{coin}.hits"]["value"]
    (d, *_), (s, *_) = ([hit[2]] for hit in list(hits.values())[:2])
    o, n = catalog["open_set"], math.log(len(rows))
    assert steps[f"{coin}.known"]["value"] == (d <= o["limit"] - o["shift"] * n)
    x = o["bias"] + o["distance"] * d + o["ratio"] * min(1, d / min(s, o["far"])) + o["rows"] * n
    ties = sum(hit[2] == d for hit in list(hits.values())[:8])
    assert steps[f"{coin}.confidence"]["value"] == pytest.approx(min(1 / (1 + math.exp(-x)), 1 / ties), abs=1e-6)


def polar_by_the_page(cutout):
    """docs/preprocessing.md, section 10, steps 1 and 2."""
    half = (cutout.astype(int).reshape(128, 2, 128, 2).sum(axis=(1, 3)) + 2) // 4
    out = np.zeros((64, 256), int)
    for i in range(64):
        r = 6 + (i + 0.5) * 56.5 / 64
        for j in range(256):
            t = 2 * math.pi * j / 256
            (x, fx), (y, fy) = (divmod(math.floor(256 * (63.5 + r * f) + 0.5), 256) for f in (math.cos(t), math.sin(t)))
            (a, b), (c, d) = half[y : y + 2, x : x + 2].tolist()
            total = (a * (256 - fx) + b * fx) * (256 - fy) + (c * (256 - fx) + d * fx) * fy
            out[i, j] = (total + 32768) >> 16
    return out


def unpacked(text):
    content = base64.b64decode(text)
    halves = [half for byte in content for half in (byte & 15, byte >> 4)]
    return np.array([half - 16 if half > 7 else half for half in halves]).reshape(8, 32, 8)


def relief_by_the_page(name, coin):
    output = (picture(name, f"{coin}.relief") ^ 0x80).view(np.int8).reshape(8, 64, 8).astype(int)
    return np.clip((output - DOCUMENT["outputs"]["relief"]["zero_point"] + 8) >> 4, -7, 7)


@pytest.mark.parametrize(("name", "coin"), COINS)
def test_a_map_follows_from_the_cutout_and_the_relief_nets_output(name, coin):
    polar = polar_by_the_page(picture(name, f"{coin}.cutout")).astype(np.uint8)
    assert hashlib.sha256(polar.tobytes()).hexdigest() == STEPS[name][f"{coin}.polar"]["value"]
    assert (relief_by_the_page(name, coin)[:, ::2] == unpacked(STEPS[name][f"{coin}.map"]["value"])).all()


@pytest.mark.parametrize(("name", "coin"), COINS)
def test_the_ranking_and_its_answer_follow_from_the_maps(name, coin):
    steps, catalog = STEPS[name], DOCUMENT["catalog"]
    q, look, o = relief_by_the_page(name, coin), catalog["relief"]["look"], catalog["relief"]["open_set"]
    maps = {row["row"]: unpacked(row["map"]) for row in catalog["rows"]}
    shifted = np.stack([np.roll(q, -k, axis=1)[:, ::2] for k in range(64)])
    code = np.array(steps[f"{coin}.code"]["value"])
    ranked = []
    for row, number, distance in steps[f"{coin}.hits"]["value"][: look["classes"]]:
        rows = sorted(
            (int(((code - np.array(each["code"])) ** 2).sum()), each["row"])
            for each in catalog["rows"]
            if each["class"] == number
        )
        seen = []
        for _, reference in rows[: look["references"]]:
            m = maps[reference]
            sums = (shifted * m).sum(axis=(1, 2, 3)).tolist()
            lengths = math.isqrt(5000 * int((q * q).sum())) * math.isqrt(10000 * int((m * m).sum()))
            seen.append((-min(10**8 * max(*sums, 0) // lengths, 10000), reference, sums.index(max(sums))))
        score, reference, turn = min(seen)
        ranked.append((10000 * distance + look["weight"] * score, row, [number, reference, -score, turn], distance))
    ranked.sort()
    expected = [[number, rank, *sight] for rank, _, (number, *sight), _ in ranked]
    assert steps[f"{coin}.ranking"]["value"] == expected
    (rank, _, (_, _, s, _), d), *others = ranked
    n, ties = math.log(len(catalog["rows"])), sum(each[0] == rank for each in ranked)
    lead = min((others[0][0] - rank) / 10000, o["far"])
    x = o["bias"] + o["score"] * s + o["distance"] * d + o["lead"] * lead + o["rows"] * n
    probability = 1 / (1 + math.exp(-x))
    assert steps[f"{coin}.known_again"]["value"] == (probability >= o["least"])
    assert steps[f"{coin}.confidence_again"]["value"] == pytest.approx(min(probability, 1 / ties), abs=1e-6)


def decoded_for_outlines(steps):
    return steps.get("photo.in_detail", steps["photo.decoded"])["value"]


def test_a_box_is_on_a_half_exactly_so_that_every_other_rounding_shows():
    steps = STEPS["fraction.jpg"]
    (width, _), (across, _) = steps["photo.size"]["value"], steps["photo.decoded"]["value"]
    x, _, w, _ = steps["coin.0.box"]["value"]
    # Half down and half to even both give the pixel before.
    assert ((x + w) * width % across * 2, (x + w) * width // across % 2) == (across, 0)
    x, _, w, _ = steps["coin.0.box_in_photo"]["value"]
    assert (x + w) % 2 == 1


def test_boxes_in_a_larger_decoding_have_their_edges_half_up():
    steps = STEPS["many-coins.jpg"]
    (n, m), (wider, higher) = steps["photo.decoded"]["value"], steps["photo.in_detail"]["value"]
    boxes, scaled = steps["first.0.boxes"]["value"], steps["first.0.boxes_in_detail"]["value"]
    assert len(boxes) == len(scaled) > 0
    for (x, y, w, h), (left, top, width, height) in zip(boxes, scaled, strict=True):
        assert [left, left + width] == [math.floor(e * wider / n + 0.5) for e in (x, x + w)]
        assert [top, top + height] == [math.floor(e * higher / m + 0.5) for e in (y, y + h)]


def test_the_segmenter_runs_once_for_the_photo_once_a_part_and_once_a_coin():
    looks = [step.split(".")[0] for step in STEPS["many-coins.jpg"] if step.endswith(".window")]
    assert looks == ["first"] + 6 * ["enlarged"] + 6 * ["second"]
    assert len(STEPS["many-coins.jpg"]["coins"]["value"]) == 6


@pytest.mark.parametrize(("name", "coin"), COINS)
def test_boxes_in_the_photo_are_scaled_half_up_and_clipped(name, coin):
    steps = STEPS[name]
    (width, height), (across, down) = steps["photo.size"]["value"], decoded_for_outlines(steps)
    x, y, w, h = steps[f"{coin}.box"]["value"]
    left, right = (min(max(math.floor(v * width / across + 0.5), 0), width) for v in (x, x + w))
    top, bottom = (min(max(math.floor(v * height / down + 0.5), 0), height) for v in (y, y + h))
    assert steps[f"{coin}.box_in_photo"]["value"] == [left, top, right - left, bottom - top]


@pytest.mark.parametrize(("name", "coin"), COINS)
def test_a_cutout_is_the_coin_alone_in_one_channel(name, coin):
    cutout, mask = picture(name, f"{coin}.cutout"), picture(name, f"{coin}.mask")
    assert cutout.shape == mask.shape == (256, 256)
    assert set(np.unique(mask)) == {0, 255}
    assert cutout[128].max() > 0
    if STEPS[name][f"{coin}.stretched"]["value"]:
        # A mask is stretched where its ellipse explains 0.99 of it: what is left over may lie beyond the circle.
        yy, xx = np.mgrid[:256, :256] + 0.5
        beyond = (cutout > 0) & (np.hypot(xx - 128, yy - 128) > 128)
        assert beyond.sum() <= 0.01 * math.pi * 128**2
