"""The rules of training data."""

from pathlib import Path

import pytest

pytest.importorskip("torch", reason="needs the training extra")

from coindex.errors import TrainingError
from coindex.manifest import CoinClass, LabelledPhoto
from training.data import check_rules, load_textures, synthetic_coins
from training.presets import PRESETS, DataSettings, read_preset

SETTINGS = DataSettings(("train",), (("val_catalog", "val_query"),), 2, 1, 0, 0, 1)


def photo(denomination: str, split: str, specimen: str, line: int = 2) -> LabelledPhoto:
    label = CoinClass("Atlantis", "drachma", denomination, "", "obverse")
    return LabelledPhoto(Path(f"{line}.webp"), label, "", specimen, "", split, line)


def test_classes_apart_and_large_enough_pass() -> None:
    check_rules([photo("one", "train", "a"), photo("one", "train", "b"), photo("ten", "val_query", "c")], SETTINGS)


def test_a_class_with_one_photo_stops_training_by_its_name() -> None:
    with pytest.raises(TrainingError, match=r"1 class has fewer than 2 photos: Atlantis one drachma obverse \(1\)"):
        check_rules([photo("one", "train", "a")], SETTINGS)


def test_a_class_that_is_trained_and_judged_on_stops_training() -> None:
    photos = [photo("one", "train", "a"), photo("one", "train", "b"), photo("one", "val_query", "c")]
    with pytest.raises(TrainingError, match="1 class is both trained and judged on, such as Atlantis one drachma obv"):
        check_rules(photos, SETTINGS)


def test_a_specimen_that_is_trained_and_judged_on_stops_training() -> None:
    reverse = CoinClass("Atlantis", "drachma", "one", "", "reverse")
    judged = LabelledPhoto(Path("r.webp"), reverse, "", "a", "", "val_query", 9)
    with pytest.raises(TrainingError, match=r"1 specimen is both trained and judged on, such as a .*line 9 of val"):
        check_rules([photo("one", "train", "a"), photo("one", "train", "b"), judged], SETTINGS)


def test_an_unknown_side_is_either_side_of_its_coin() -> None:
    either = CoinClass("Atlantis", "drachma", "one", "", "unknown")
    judged = LabelledPhoto(Path("u.webp"), either, "", "c", "", "val_query", 9)
    with pytest.raises(TrainingError, match=r"one drachma unknown .line 2 is of split train, line 9 of val_query"):
        check_rules([photo("one", "train", "a"), photo("one", "train", "b"), judged], SETTINGS)


def test_a_manifest_without_training_photos_says_which_splits_are_meant() -> None:
    with pytest.raises(TrainingError, match=r"no photo belongs to a training split \(train\)"):
        check_rules([photo("one", "holiday", "a")], SETTINGS)


def test_each_invented_side_and_denomination_is_a_class_seen_in_several_lights() -> None:
    coins = synthetic_coins(range(100_000, 100_002), 2, 3, size=64)
    assert len(coins) == 2 * (1 + 3) * 2
    assert len({coin.label for coin in coins}) == 8
    assert (coins[0].rgb != coins[1].rgb).any()
    assert (coins[0].mask == coins[1].mask).all()


def test_several_processes_draw_the_same_coins_in_the_same_order() -> None:
    alone, together = (synthetic_coins(range(100_000, 100_006), 1, 1, size=32, processes=n) for n in (1, 2))
    assert [coin.label for coin in alone] == [coin.label for coin in together]
    assert all((a.rgb == b.rgb).all() and (a.mask == b.mask).all() for a, b in zip(alone, together, strict=True))


def test_a_folder_without_pictures_is_no_folder_of_backgrounds(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="no pictures"):
        load_textures(tmp_path)
    assert load_textures(None) == ()


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_draws_only_from_sources_that_it_names(name: str) -> None:
    preset = read_preset(name)
    sources = {*preset.data.train, "unlabelled", "synthetic"}
    assert set(preset.embedder.shares) <= sources
    assert set(preset.segmenter.coins) <= sources
    assert 64 <= preset.embedder.side <= 256


def test_an_unknown_preset_is_refused_with_those_there_are() -> None:
    with pytest.raises(TrainingError, match="mobile, open, article, tiny"):
        read_preset("giant")
