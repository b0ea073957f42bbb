import json
import pickle
import random
import socket

import numpy as np
import pytest
import torch
from mnist1d.data import make_dataset
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits

from archwright.tasks import breast_cancer, diabetes, digits, mnist1d
from archwright.tasks.datasets.mnist1d import _generate


def raw_inputs(part, preprocessing):
    """Prepared inputs turned back into raw ones."""
    shape = (-1, *(1,) * (len(preprocessing.input_shape) - 1))
    mean, std = (torch.tensor(x).view(shape) for x in (preprocessing.input_mean, preprocessing.input_std))
    return (part.tensors[0] * std + mean).flatten(1).numpy()


def everything(task):
    parts = (task.train, task.validation, task.test)
    inputs = np.concatenate([raw_inputs(part, task.preprocessing) for part in parts])
    return inputs, np.concatenate([part.tensors[1].numpy() for part in parts])


def test_digits():
    task = digits()
    assert (task.kind, task.input_shape, task.outputs) == ("classification", (1, 8, 8), 10)
    inputs, labels = everything(task)
    source = load_digits()
    np.testing.assert_allclose(np.sort(inputs.sum(1)), np.sort(source.data.sum(1)), atol=0.01)
    assert (np.bincount(labels) == np.bincount(source.target)).all()
    # The first image of the training part is the one in the source, with its label.
    found = np.abs(source.data - inputs[0]).sum(1).argmin()
    assert source.target[found] == labels[0]


def test_breast_cancer():
    task = breast_cancer()
    assert (task.kind, task.input_shape, task.classes) == ("classification", (30,), ("malignant", "benign"))
    _, labels = everything(task)
    assert (np.bincount(labels) == np.bincount(load_breast_cancer().target)).all()
    assert task.preprocessing.features[0] == "mean radius"


def test_diabetes():
    task = diabetes()
    assert (task.kind, task.input_shape, task.outputs) == ("regression", (10,), 1)
    source = load_diabetes(scaled=False)
    inputs, targets = everything(task)
    np.testing.assert_allclose(np.sort(inputs[:, 0]), np.sort(source.data[:, 0]), rtol=1e-4)
    restored = task.preprocessing.restore(torch.from_numpy(targets)).numpy()[:, 0]
    np.testing.assert_allclose(np.sort(restored), np.sort(source.target), rtol=1e-4)
    assert task.preprocessing.features[:2] == ("age", "sex")


def test_mnist1d_is_generated_here(tmp_path, monkeypatch):
    made = []

    def recorded():
        made.append(make_dataset())
        return made[0]

    def refuse(*_):
        raise AssertionError("the network was used")

    monkeypatch.setattr("mnist1d.data.make_dataset", recorded)
    _generate.cache_clear()
    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.chdir(tmp_path)
    random.seed(1)
    np.random.seed(1)
    expected_draws = random.random(), np.random.rand()
    random.seed(1)
    np.random.seed(1)
    task = mnist1d()
    assert (random.random(), np.random.rand()) == expected_draws
    assert not list(tmp_path.iterdir())
    assert (task.kind, task.input_shape, task.outputs) == ("classification", (1, 40), 10)
    assert str(task.split).startswith("3200 train, 800 validation, 1000 test (official test set")
    source = made[0]
    np.testing.assert_allclose(raw_inputs(task.test, task.preprocessing), source["x_test"], atol=1e-5)
    assert (task.test.tensors[1].numpy() == source["y_test"]).all()
    train = np.concatenate([raw_inputs(part, task.preprocessing) for part in (task.train, task.validation)])
    np.testing.assert_allclose(np.sort(train[:, 7]), np.sort(source["x"][:, 7]), atol=1e-5)


@pytest.mark.parametrize("make", [digits, breast_cancer, diabetes, mnist1d])
def test_one_seed_gives_one_task(make):
    first, again, other = make(seed=1), make(seed=1), make(seed=2)
    assert all(
        torch.equal(a, b) for a, b in zip(first.validation.tensors, again.validation.tensors, strict=True)
    )
    assert first.preprocessing == again.preprocessing
    assert not torch.equal(first.train.tensors[0], other.train.tensors[0])
    assert other.split.seed == 2


@pytest.mark.parametrize("make", [digits, breast_cancer, diabetes, mnist1d])
def test_built_in_tasks_are_pickled_and_described(make):
    task = make()
    told = dict(pickle.loads(pickle.dumps(task)).describe())
    assert json.loads(json.dumps(told)) == told == dict(task.describe())
    assert told["name"] == make.__name__


def test_the_test_part_of_mnist1d_is_the_same_for_every_seed():
    assert torch.allclose(
        torch.from_numpy(raw_inputs(mnist1d(seed=0).test, mnist1d(seed=0).preprocessing)),
        torch.from_numpy(raw_inputs(mnist1d(seed=5).test, mnist1d(seed=5).preprocessing)),
        atol=1e-5,
    )
