import json
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archwright.errors import UsageError
from archwright.learning import AUGMENTATIONS, OPTIMIZERS, SCHEDULES, Recipe

recipes = st.builds(
    Recipe,
    epochs=st.integers(3, 50),
    batch_size=st.integers(2, 512),
    optimizer=st.sampled_from(OPTIMIZERS),
    learning_rate=st.floats(1e-6, 10),
    weight_decay=st.floats(0, 1),
    decay_all=st.booleans(),
    momentum=st.floats(0, 0.99),
    schedule=st.sampled_from([name for name in SCHEDULES if name != "one_cycle"]),
    warmup_epochs=st.floats(0, 2.9),
    label_smoothing=st.floats(0, 0.9),
    gradient_clip=st.none() | st.floats(1e-3, 10),
    early_stopping=st.none() | st.integers(1, 10),
    augmentation=st.sampled_from(["none", "shift", "flip+shift", "shift+flip+noise"]),
    seed=st.integers(0, 2**32 - 1),
)


@given(recipes)
def test_json_and_pickle_both_ways(recipe):
    assert Recipe.from_json(json.loads(json.dumps(recipe.to_json()))) == recipe
    assert pickle.loads(pickle.dumps(recipe)) == recipe


def test_missing_fields_take_their_default():
    assert Recipe.from_json({}) == Recipe()
    assert Recipe.from_json({"epochs": 3}) == Recipe(epochs=3)


def test_unknown_fields_are_refused_with_the_closest():
    with pytest.raises(UsageError, match=r"no field 'learning_rat'\. Did you mean 'learning_rate'"):
        Recipe.from_json({"learning_rat": 0.1})
    with pytest.raises(UsageError, match="no field 'lr'"):
        Recipe().replace(lr=0.1)


def test_replace_changes_and_checks():
    assert Recipe(epochs=5, seed=3).replace(epochs=7) == Recipe(epochs=7, seed=3)
    with pytest.raises(UsageError, match="expected epochs to be an integer >= 1, got 0"):
        Recipe().replace(epochs=0)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"epochs": 0}, "epochs to be an integer >= 1, got 0"),
        ({"epochs": 2.0}, r"epochs to be an integer >= 1, got 2\.0"),
        ({"epochs": True}, "epochs to be an integer >= 1, got True"),
        ({"batch_size": 1}, "batch_size to be an integer >= 2, got 1"),
        ({"optimizer": "adamv"}, "unknown optimizer 'adamv'. Did you mean 'adam"),
        ({"optimizer": None}, "unknown optimizer None"),
        ({"learning_rate": 0}, "learning_rate to be a number > 0, got 0"),
        ({"learning_rate": "0.1"}, "learning_rate to be a number > 0, got '0.1'"),
        ({"learning_rate": float("nan")}, "learning_rate to be a number > 0, got nan"),
        ({"learning_rate": float("inf")}, "learning_rate to be a number > 0, got inf"),
        ({"weight_decay": -0.1}, "weight_decay to be a number >= 0, got -0.1"),
        ({"decay_all": 1}, "decay_all to be True or False, got 1"),
        ({"momentum": 1.0}, "momentum to be a number >= 0 and < 1, got 1.0"),
        ({"schedule": "cosin"}, "unknown schedule 'cosin'. Did you mean 'cosine'"),
        (
            {"schedule": "cosine", "epochs": 3, "warmup_epochs": 3},
            "warmup_epochs to be a number >= 0 and < 3",
        ),
        ({"schedule": "one_cycle", "warmup_epochs": 1}, "'one_cycle', which has its own rise"),
        ({"label_smoothing": 1}, "label_smoothing to be a number >= 0 and < 1, got 1"),
        ({"gradient_clip": 0}, "gradient_clip to be a number > 0, got 0"),
        ({"early_stopping": 0}, "early_stopping to be an integer >= 1, got 0"),
        ({"augmentation": "shfit"}, "unknown augmentation 'shfit'. Did you mean 'shift'"),
        ({"augmentation": "shift+none"}, "unknown augmentation 'none'"),
        ({"augmentation": "flip+flip"}, "augmentation to be each name once"),
        ({"augmentation": None}, "augmentation to be names joined by '\\+'"),
        ({"seed": -1}, "seed to be an integer >= 0 and < 4294967296, got -1"),
    ],
)
def test_wrong_values_are_refused(changes, message):
    with pytest.raises(UsageError, match=message):
        Recipe(**changes)


def test_augmentations_are_done_in_one_order_however_they_are_written():
    assert Recipe().augmentations == ()
    assert Recipe(augmentation="noise+flip+shift").augmentations == AUGMENTATIONS
    assert Recipe(augmentation="flip").augmentations == ("flip",)
