"""Settings: every wrong one is one sentence that names it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import BaseModel

from kgrec import config
from kgrec.config import Settings, load_settings, parse_yaml, resolve
from kgrec.errors import ConfigError

CONFIGS = Path(__file__).parent.parent / "configs"


@pytest.mark.parametrize(
    ("override", "sentence"),
    [
        ("model.dims=8", "model.dims: no such setting (did you mean model.dim?)"),
        ("modle.dim=8", "modle: no such setting"),
        ("model.dim=0", "model.dim: must be greater than 0, got 0"),
        ("model.dim=wide", "model.dim: must be a valid integer"),
        ("model.dropout=1.0", "model.dropout: must be less than 1, got 1.0"),
        ("model.gnn=gat", "model.gnn: must be one of light, sage, hgt, got 'gat'"),
        ("text.tuning=all", "text.tuning: must be one of frozen, lora, full, got 'all'"),
        ("train.learning_rate=-1e-3", "train.learning_rate: must be greater than 0, got -0.001"),
        ("train.seed=4294967296", "train.seed: must be less than 4294967296, got 4294967296"),
        ("train=5", "train: is a group of settings, got 5"),
        ("positive_weight=0", "positive_weight: must be greater than 0, got 0"),
        (
            "model.item_features=[text,sound]",
            "model.item_features.1: must be one of text, spectrum",
        ),
        ("components.emcdr.rnk=4", "components.emcdr.rnk: no such setting (did you mean"),
        ("components.emcdr.rank=0", "components.emcdr.rank: must be greater than 0, got 0"),
        ("components.emcdr.sources=both", "components.emcdr.sources: must be one of merged,"),
        ("components.emcdr.wieght=1", "components.emcdr.wieght: no such setting (did you"),
        ("components.emcdr.weight=0", "components.emcdr.weight: must be greater than 0 (to leave"),
        ("components.emcdr.model=emcd", "components.emcdr.model: no recommender is named 'emcd'"),
        ("components.emcdr=5", "components.emcdr: is a group of settings, got 5"),
        ("components.new.rank=3", "components.new.model: must name a recommender (e.g."),
        ("components.gnn.model=ials", "components.gnn: is the joint model, which is always there"),
        ("components.deep.model=fusion", "components.deep.model: fusion cannot be a component: "),
        ("components=[emcdr]", "components: must be a mapping from names to recommenders"),
        ("blend.sharpness=2", "blend.sharpness: is called ensemble.exponent now"),
        ("blend.mapped.share=0.5", "blend.mapped.share: is called components.emcdr.weight now"),
        ("blend.walk.share=0", "blend.walk.share: is called components.random-walk.weight now (to"),
        ("blend.merged.rank=8", "blend.merged.rank: is called components.ials.rank now"),
        ("blend.own={}", "blend.own: is called components.history now"),
        (
            "components.random-walk.read=1",
            "components.random-walk.read: is called components.random-walk.history_exponent now",
        ),
        ("cold_items.trust=1", "cold_items.trust: is called cold_items.discount now"),
        ("text.learn_share=1", "text.learn_share: is called text.learning_fraction now"),
        ("model.channels=[text]", "model.channels: is called model.item_features now"),
        ("components.mine.model=ridge", "components.mine.model: ridge is called item-ridge now"),
        ("align.people=0", "align.people: is called align.users now"),
        (
            "train.batch_people=9",
            "train.batch_people: has become train.min_warm_users and align.batch_users",
        ),
        ("train.cold_share=1", "train.cold_share: is called train.cold_fraction now"),
        ("train.validation_share=0", "train.validation_share: is called train.validation_fraction"),
        ("model.sequence_heads=3", "model.sequence_heads: must divide model.dim=128, got 3"),
        ("train.folds=1", "train.folds: must be greater than or equal to 2, got 1"),
        ("train.epochs", "--set: must look like a.b=value, got 'train.epochs'"),
        ("=3", "--set: must look like a.b=value, got '=3'"),
        ("train.epochs=[1", "--set train.epochs: is no YAML"),
    ],
)
def test_a_wrong_setting_is_one_sentence(override: str, sentence: str) -> None:
    with pytest.raises(ConfigError) as caught:
        resolve({}, [override])
    assert str(caught.value).startswith(sentence)
    assert "\n" not in str(caught.value)


def test_the_nearest_known_setting_is_named_though_its_section_is_wrong() -> None:
    with pytest.raises(ConfigError, match=r"did you mean align\.batch_users\?"):
        resolve({"train": {"batch_uers": 3}})


def test_an_unknown_config_names_those_there_are() -> None:
    with pytest.raises(ConfigError) as caught:
        load_settings("tinny")
    assert str(caught.value) == (
        "--config: no file and no shipped config is named 'tinny' "
        "(there are cold-start, default, demo)"
    )


def test_a_config_file_that_is_not_there_is_named() -> None:
    with pytest.raises(ConfigError, match=r"--config: no such file: 'nowhere\.yaml'"):
        load_settings("nowhere.yaml")


def test_a_config_must_be_a_mapping(tmp_path: Path) -> None:
    file = tmp_path / "list.yaml"
    file.write_text("- a\n- b\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="must be a mapping of settings, got list"):
        load_settings(str(file))


def test_a_number_with_an_exponent_and_no_dot_is_a_number() -> None:
    assert parse_yaml("a: 1e-3\nb: -2E+4\nc: e3", key="x") == {"a": 0.001, "b": -20000.0, "c": "e3"}
    assert resolve({}, ["train.learning_rate=1e-3"]).train.learning_rate == 0.001


def test_an_override_is_laid_over_the_file_and_changes_nothing_beside_it(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("train:\n  epochs: 9\n  seed: 4\n", encoding="utf-8")
    settings = load_settings(str(file), ["train.epochs=2", "text.prefix='passage: '"])
    assert (settings.train.epochs, settings.train.seed) == (2, 4)
    assert settings.text.prefix == "passage: "


def test_overrides_do_not_write_into_what_was_given() -> None:
    data = {"train": {"epochs": 9}}
    resolve(data, ["train.epochs=2"])
    assert data == {"train": {"epochs": 9}}


def test_settings_do_not_change_after_reading() -> None:
    settings = Settings()
    with pytest.raises(ValueError, match="frozen"):
        settings.train.epochs = 3


def test_every_shipped_config_is_valid() -> None:
    from kgrec.evaluation.settings import load_benchmark_settings

    files = sorted(CONFIGS.rglob("*.yaml"))
    assert len(files) == 3
    assert [file.stem for file in files] == config.names()
    for file in files:
        if "protocols" in config.read(file.stem):
            load_benchmark_settings(file.stem)
        else:
            load_settings(file.stem)


def test_every_shipped_config_begins_with_what_it_is_and_its_command() -> None:
    for file in CONFIGS.rglob("*.yaml"):
        text = file.read_text(encoding="utf-8")
        head = text[: text.find("\n\n")] if "\n\n" in text else text
        assert head.startswith("# "), file
        assert "#   kgrec " in head, file


def test_leaving_a_component_out_is_deleting_a_line_or_setting_it_to_null() -> None:
    whole = parse_yaml((CONFIGS / "default.yaml").read_text(), key="x")
    assert list(resolve({}).components) == list(whole["components"])
    del whole["components"]["ials"]
    without = resolve(whole).components
    assert without == resolve({}, ["components.ials=null"]).components
    assert "ials" not in without
    assert len(without) == len(Settings().components) - 1
    assert resolve({"components": None}).components == {}


def test_an_override_of_one_component_leaves_the_others() -> None:
    changed = resolve({}, ["components.emcdr.rank=8", "components.mine={model: item-knn}"])
    assert changed.components["emcdr"].settings.model_dump()["rank"] == 8
    assert changed.components["mine"].model == "item-knn"
    assert changed.components["ials"] == Settings().components["ials"]
    assert Settings().components["emcdr"].settings.model_dump()["rank"] == 256


def test_every_setting_says_what_it_means() -> None:
    def describe(section: BaseModel) -> Iterator[str]:
        for name, field in type(section).model_fields.items():
            value = getattr(section, name)
            if isinstance(value, BaseModel):
                yield from describe(value)
            elif isinstance(value, dict):
                for component in value.values():
                    yield from describe(component)
            else:
                assert field.description, f"{type(section).__name__}.{name}"
                yield name

    assert len(list(describe(Settings()))) > 50


def test_settings_come_back_from_their_own_dump() -> None:
    settings = resolve(
        {}, ["model.item_features=[text,id]", "train.seed=3", "components.history=null"]
    )
    assert resolve(settings.model_dump(mode="json")) == settings
