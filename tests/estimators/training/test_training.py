import pickle
import random
import subprocess
import sys
import textwrap

import cloudpickle
import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import Dataset

from archwright.errors import TrialError, UsageError
from archwright.estimators import Estimator, Recipe, Training
from archwright.spaces import Space, categorical, choice, layer, real, switch
from archwright.tasks import digits
from archwright.trials import Candidate, Fidelity, LocalTrial


def network_of(kind="conv"):
    """Something of everything that draws random numbers or keeps statistics."""
    return nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.Dropout(0.2),
        nn.AdaptiveAvgPool2d(2),
        nn.Flatten(),
        nn.LazyLinear(2),
    )


@pytest.fixture
def training(pictures):
    recipe = Recipe(epochs=2, augmentation="shift+flip+noise", batch_size=16)
    return Training(Space(layer(network_of, choice("conv"))), pictures, recipe)


@pytest.fixture
def candidate(training):
    return Candidate(training.space.sample(0))


def weights(network):
    return [tensor.clone() for tensor in network.state_dict().values()]


def same(first, second):
    return all(torch.equal(a, b) for a, b in zip(weights(first), weights(second), strict=True))


def test_the_measurement(training, candidate):
    network, measured = training.fit(candidate)
    assert isinstance(training, Estimator)
    assert set(measured.metrics) == {"accuracy", "balanced_accuracy", "f1", "loss", "params", "flops"}
    assert measured.metrics["params"] == (8 * 9 + 8) + 16 + (32 * 2 + 2)
    assert measured.metrics["flops"] == 2 * 9 * 8 * 64 + 2 * 32 * 2
    assert [entry["epoch"] for entry in measured.curve] == [1, 2]
    for entry in measured.curve:
        assert {"train_loss", "learning_rate", "seconds", "accuracy", "loss"} <= set(entry)
    assert 0 < measured.curve[0]["seconds"] < measured.curve[1]["seconds"] <= measured.seconds
    last = measured.curve[-1]
    assert {name: last[name] for name in ("accuracy", "loss")} == {
        name: measured.metrics[name] for name in ("accuracy", "loss")
    }
    # The metrics are those of the network that came back.
    inputs, targets = training.task.validation.tensors
    with torch.no_grad():
        assert training.task.scores(network(inputs), targets)["loss"] == pytest.approx(
            measured.metrics["loss"]
        )
    assert training.estimate(candidate, LocalTrial()).metrics == measured.metrics


def test_the_network_is_plain(training, candidate):
    network, _ = training.fit(candidate)
    assert type(network) is nn.Sequential
    assert not any(module.training for module in network.modules())
    for name, tensor in network.state_dict().items():
        assert tensor.device.type == "cpu"
        assert tensor.dtype == torch.float32 or "num_batches" in name
    for parameter in network.parameters():
        assert parameter.grad is None
        assert parameter.requires_grad
    for module in network.modules():
        assert not module._forward_hooks
        assert not module._backward_hooks
    told = pickle.dumps(network)
    assert b"lightning" not in told
    assert b"archwright" not in told
    network.train()(torch.randn(4, 1, 8, 8)).sum().backward()


def test_it_learns(pictures):
    space = Space(layer(network_of))
    measured = Training(space, pictures, Recipe(epochs=15, learning_rate=0.02)).estimate(
        Candidate(space.sample(0)), LocalTrial()
    )
    assert measured.curve[-1]["train_loss"] < 0.3 < measured.curve[0]["train_loss"]
    assert measured.metrics["accuracy"] >= 0.9


def test_digits_with_the_default_recipe():
    def cnn():
        return nn.Sequential(
            *(nn.Conv2d(1, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2)),
            *(nn.Conv2d(16, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU(), nn.MaxPool2d(2)),
            *(nn.Flatten(), nn.Linear(128, 10)),
        )

    space, task = Space(layer(cnn)), digits()
    training = Training(space, task)
    network, measured = training.fit(Candidate(space.sample(0)))
    assert measured.metrics["accuracy"] >= 0.97
    assert training.test(network)["accuracy"] >= 0.97


# Repeatability


def test_the_same_candidate_and_seed_give_the_same_bits(training, candidate):
    network, first = training.fit(candidate)
    torch.manual_seed(999)
    np.random.seed(999)
    random.seed(999)
    other = Training(
        Space(layer(nn.Sequential, layer(nn.Flatten), layer(nn.LazyLinear, 2))), training.task, Recipe()
    )
    other.estimate(Candidate(other.space.sample(0)), LocalTrial())
    torch.randn(1000)
    again, second = training.fit(candidate)
    assert first.metrics == second.metrics
    assert same(network, again)
    strip = [{name: value for name, value in entry.items() if name != "seconds"} for entry in first.curve]
    assert strip == [{name: value for name, value in e.items() if name != "seconds"} for e in second.curve]
    reseeded, third = training.fit(candidate, seed=5)
    assert not same(network, reseeded)
    assert training.fit(candidate, seed=5)[1].metrics == third.metrics


def test_another_process_gives_the_same_bits():
    code = """
        import sys, torch
        from torch import nn
        from archwright.estimators import Recipe, Training
        from archwright.spaces import Space, layer
        from archwright.tasks import breast_cancer
        from archwright.trials import Candidate, Fidelity, LocalTrial

        def run():
            parts = [layer(nn.Linear, 30, 16), layer(nn.BatchNorm1d, 16), layer(nn.ReLU), layer(nn.Dropout, 0.3)]
            space = Space(layer(nn.Sequential, *parts, layer(nn.Linear, 16, 2)))
            training = Training(space, breast_cancer(), Recipe(epochs=3, augmentation="noise"), threads=1)
            candidate = Candidate(space.sample(0), Fidelity(data_fraction=0.5))
            return training.estimate(candidate, LocalTrial()).metrics["loss"].hex()
    """
    source = textwrap.dedent(code)
    here: dict = {}
    exec(source, here)
    torch.randn(77)
    done = subprocess.run(
        [sys.executable, "-c", source + "\nprint(run())"], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == here["run"]()


def test_random_numbers_of_the_caller_go_on(training, candidate):
    def draws():
        return random.random(), float(np.random.rand()), torch.rand(3).tolist()

    def seeded():
        random.seed(3)
        np.random.seed(3)
        torch.manual_seed(3)

    seeded()
    expected = draws()
    seeded()
    network, _ = training.fit(candidate)
    training.test(network)
    assert draws() == expected


@pytest.mark.parametrize("dumps", [pickle.dumps, cloudpickle.dumps])
def test_it_survives_pickling(blobs, dumps):
    space = Space(layer(nn.Linear, 4, choice(3)), training={"learning_rate": real(1e-3, 1e-1, log=True)})
    training = Training(space, blobs, Recipe(epochs=1), threads=1)
    candidate = Candidate(space.sample(0))
    copy = pickle.loads(dumps(training))
    assert (
        copy.estimate(candidate, LocalTrial()).metrics == training.estimate(candidate, LocalTrial()).metrics
    )


# Data


class OneByOne(Dataset):
    def __init__(self, dataset):
        self.dataset = dataset
        self.targets = dataset.tensors[1]

    def __len__(self):
        return len(self.dataset)

    def __getitem__(self, index):
        return self.dataset[index]


@pytest.mark.parametrize("fraction", [1.0, 0.4])
def test_a_dataset_read_one_by_one_gives_the_same_numbers(training, candidate, fraction):
    candidate = Candidate(candidate.architecture, Fidelity(data_fraction=fraction))
    expected = training.estimate(candidate, LocalTrial()).metrics
    training.task.train = OneByOne(training.task.train)
    training.task.validation = OneByOne(training.task.validation)
    assert training.estimate(candidate, LocalTrial()).metrics == expected


class Sealed(Dataset):
    def __len__(self):
        raise AssertionError("the test data was read")

    def __getitem__(self, index):
        raise AssertionError("the test data was read")


def test_only_test_reads_the_test_data(training, candidate):
    kept, training.task.test = training.task.test, Sealed()
    network, _ = training.fit(candidate)
    with pytest.raises(AssertionError, match="test data was read"):
        training.test(network)
    training.task.test = kept
    inputs, targets = kept.tensors
    found = training.test(network)
    with torch.no_grad():
        expected = training.task.scores(network(inputs), targets)
    assert found == pytest.approx(expected)
    assert set(found) == {"accuracy", "balanced_accuracy", "f1", "loss"}


def test_test_scores_in_evaluation_mode_and_leaves_it_so(training, candidate):
    network, _ = training.fit(candidate)
    expected = training.test(network)
    before = weights(network)
    network.train()
    assert training.test(network) == expected
    assert not any(module.training for module in network.modules())
    assert all(torch.equal(a, b) for a, b in zip(before, weights(network), strict=True))


# Fidelity


def test_fidelity_sets_the_epochs_and_stretches_the_schedule(train, blobs, constant):
    recipe = {"epochs": 8, "batch_size": 18, "schedule": "cosine", "warmup_epochs": 2, "learning_rate": 0.1}
    _, short = train(blobs, constant, 4, 3, fidelity=Fidelity(epochs=4), **recipe)
    _, expected = train(blobs, constant, 4, 3, **recipe | {"epochs": 4, "warmup_epochs": 1})
    assert len(short.curve) == 4
    assert short.metrics == expected.metrics
    _, long = train(blobs, constant, 4, 3, fidelity=Fidelity(epochs=12), **recipe)
    assert len(long.curve) == 12


def test_fidelity_takes_a_share_of_each_class(train, blobs, recorder):
    train(blobs, recorder, 4, 3, epochs=2, batch_size=512, fidelity=Fidelity(data_fraction=0.25))
    first, second = (set(map(tuple, inputs.tolist())) for inputs in recorder.trained)
    inputs, targets = blobs.train.tensors
    labels = [int(label) for row, label in zip(inputs.tolist(), targets, strict=True) if tuple(row) in first]
    assert [labels.count(label) for label in (0, 1, 2)] == [3, 6, 9]
    assert first == second
    # The validation data is whole.
    assert {len(inputs) for inputs in recorder.scored} >= {24}


def test_fidelity_of_regression(train, lines, recorder):
    train(lines, recorder, 3, 1, epochs=1, batch_size=512, fidelity=Fidelity(data_fraction=0.5))
    assert [len(inputs) for inputs in recorder.trained] == [18]


# What the space says of the training


def test_the_space_sets_fields_of_the_recipe(blobs, constant):
    rate = categorical([0.5, 0.25], name="rate")
    epochs = switch(rate, {0.5: 2, 0.25: 3})
    space = Space(
        layer(constant, 4, 3), training={"learning_rate": rate, "epochs": epochs, "schedule": "constant"}
    )
    training = Training(space, blobs, Recipe(epochs=9))
    seen = {}
    for architecture in space:
        curve = training.estimate(Candidate(architecture), LocalTrial()).curve
        seen[len(curve)] = curve[-1]["learning_rate"]
    assert seen == {2: 0.5, 3: 0.25}


def test_the_space_may_not_set_what_a_recipe_has_not(blobs):
    with pytest.raises(UsageError, match=r"sets 'learn_rate' of the recipe.*Did you mean 'learning_rate'"):
        Training(Space(layer(nn.Linear, 4, 3), training={"learn_rate": 0.1}), blobs)


def test_a_value_that_the_recipe_refuses_fails_the_trial(blobs):
    space = Space(layer(nn.Linear, 4, 3), training={"batch_size": choice(1, 8, name="size")})
    training = Training(space, blobs, Recipe(epochs=1))
    with pytest.raises(TrialError, match=r"do not make a recipe.*batch_size to be an integer >= 2, got 1"):
        training.estimate(Candidate(space.architecture({"training.size": 1})), LocalTrial())
    assert training.estimate(Candidate(space.architecture({"training.size": 8})), LocalTrial()).metrics
    space = Space(layer(nn.Linear, 4, 3), training={"augmentation": "flip"})
    with pytest.raises(TrialError, match="'flip' needs inputs of shape"):
        Training(space, blobs, Recipe(epochs=1)).estimate(Candidate(space.sample(0)), LocalTrial())


# Where it runs


@pytest.mark.parametrize("precision", ["bf16-mixed", "bf16-true", "64-true"])
def test_other_precisions(pictures, precision):
    space = Space(layer(network_of))
    training = Training(space, pictures, Recipe(epochs=2), precision=precision)
    network, measured = training.fit(Candidate(space.sample(0)))
    plain = Training(space, pictures, Recipe(epochs=2)).estimate(Candidate(space.sample(0)), LocalTrial())
    assert measured.metrics["loss"] != plain.metrics["loss"]
    assert measured.metrics["loss"] == pytest.approx(plain.metrics["loss"], abs=0.2)
    assert {tensor.dtype for tensor in network.parameters()} == {torch.float32}
    assert np.isfinite(training.test(network)["loss"])


def test_threads_are_set_while_it_trains(blobs):
    seen = []

    class Spy(nn.Linear):
        def forward(self, inputs):
            seen.append(torch.get_num_threads())
            return super().forward(inputs)

    before = torch.get_num_threads()
    space = Space(layer(Spy, 4, 3))
    Training(space, blobs, Recipe(epochs=1), threads=before + 1).estimate(
        Candidate(space.sample(0)), LocalTrial()
    )
    assert set(seen) == {before + 1}
    assert torch.get_num_threads() == before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"devices": 0}, "a number of devices"),
        ({"precision": "half"}, "unknown precision"),
        ({"accelerator": "cup"}, "unknown accelerator 'cup'. Did you mean 'cpu'"),
        ({"recipe": Recipe(augmentation="shift")}, "'shift' needs inputs of shape"),
    ],
)
def test_what_does_not_fit_is_refused_before_any_training(blobs, arguments, message):
    with pytest.raises(UsageError, match=message):
        Training(Space(layer(nn.Linear, 4, 3)), blobs, **arguments)


def test_it_prints_nothing(training, candidate, capfd):
    training.test(training.fit(candidate)[0])
    assert capfd.readouterr() == ("", "")


def test_each_epoch_is_told_as_it_ends(training, candidate):
    trial = LocalTrial()
    _, measured = training.fit(candidate, trial)
    assert tuple(report.metrics for report in trial.reports.values()) == measured.curve
    assert list(trial.reports) == [3, 6]  # steps
