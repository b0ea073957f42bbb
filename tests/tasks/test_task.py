import json
import pickle
import subprocess
import sys

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from archwright import tasks
from archwright.errors import TaskError
from archwright.objectives.objective import DIRECTIONS

DRAWN = np.random.default_rng(0)


def vectors():
    return tasks.from_arrays(DRAWN.normal(size=(30, 4)), np.arange(30) % 3)


def signals():
    return tasks.from_arrays(DRAWN.normal(size=(30, 2, 9)), DRAWN.normal(size=30))


def images():
    return tasks.from_arrays(DRAWN.integers(0, 256, (30, 3, 5, 4), np.uint8), np.arange(30) % 3)


class Squares(torch.utils.data.Dataset):
    def __len__(self):
        return 30

    def __getitem__(self, index):
        return torch.full((2,), float(index)), index % 3


def lazy():
    return tasks.from_dataset(Squares())


MAKERS = [vectors, signals, images, lazy]


@pytest.fixture(params=MAKERS, ids=lambda make: make.__name__)
def task(request):
    return request.param()


def test_items_have_the_promised_shapes_and_types(task):
    for part in (task.train, task.validation, task.test):
        for inputs, targets in (part[0], part[len(part) - 1]):
            assert inputs.shape == task.input_shape
            assert inputs.dtype == torch.float32
            if task.kind == "classification":
                assert targets.shape == ()
                assert targets.dtype == torch.int64
            else:
                assert targets.shape == (task.outputs,)
                assert targets.dtype == torch.float32
    assert task.example()[0].shape == (2, *task.input_shape)
    assert torch.equal(task.example()[0][1], task.train[1][0])


def test_the_split_counts_the_parts(task):
    assert (task.split.train, task.split.validation, task.split.test) == tuple(
        map(len, (task.train, task.validation, task.test))
    )


def test_the_default_metric_is_measured_and_known(task):
    targets = torch.stack([target for _, target in task.validation])
    found = task.scores(torch.randn(len(targets), task.outputs), targets)
    assert task.metric in found
    assert set(found) <= set(DIRECTIONS)


@pytest.mark.parametrize("given", [0.5, torch.tensor(0.5), "many"])
def test_a_metric_that_is_no_sum_and_weight_is_told(given):
    class Own(tasks.Classification):
        def metrics(self, outputs, batch):
            return {"hits": given}

    own = vectors()
    own.__class__ = Own
    with pytest.raises(TaskError, match=r"a sum and what to divide it by for 'hits'.*got"):
        own.measure(torch.zeros(2, 3), own.example())


def test_it_survives_pickling(task):
    again = pickle.loads(pickle.dumps(task))
    assert again.describe() == task.describe()
    for mine, theirs in ((task.train, again.train), (task.test, again.test)):
        assert len(mine) == len(theirs)
        assert all(torch.equal(a, b) for a, b in zip(mine[1], theirs[1], strict=True))


def test_it_is_described_in_types_of_json(task):
    told = dict(task.describe())
    assert json.loads(json.dumps(told)) == told
    assert told["split"] == str(task.split)
    assert told["preprocessing"] == task.preprocessing.to_json()


def test_a_loader_reads_the_items_in_order(task):
    inputs, targets = next(iter(DataLoader(task.train, batch_size=4)))
    assert torch.equal(inputs, torch.stack([task.train[i][0] for i in range(4)]))
    assert torch.equal(targets, torch.stack([task.train[i][1] for i in range(4)]))


def test_classes_can_be_read_without_reading_the_inputs(task):
    targets = task.train.tensors[1] if hasattr(task.train, "tensors") else task.train.targets
    assert torch.equal(targets, torch.stack([target for _, target in task.train]))


def test_importing_tasks_loads_no_library_of_data():
    heavy = ["sklearn", "pandas", "mnist1d", "PIL", "matplotlib"]
    code = f"import sys, archwright.tasks; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
