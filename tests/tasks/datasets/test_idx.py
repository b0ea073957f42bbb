"""Files in the idx format, and Fashion-MNIST made of them."""

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest

from archwright.errors import TaskError
from archwright.tasks import fashion_mnist, make_task
from archwright.tasks.datasets import idx
from archwright.tasks.datasets.idx import read_idx


def packed(array):
    array = np.asarray(array, np.uint8)
    return bytes((0, 0, 8, array.ndim)) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


def small(folder, suffix=".gz", seed=0):
    """All four files, of 40 and 20 images; the first pixel of each is its label."""
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(seed)
    for part, count in (("train", 40), ("t10k", 20)):
        labels = np.arange(count) % 10
        images = random.integers(0, 256, (count, 28, 28))
        images[:, 0, 0] = labels
        for name, content in (("images-idx3", images), ("labels-idx1", labels)):
            raw = packed(content)
            (folder / f"{part}-{name}-ubyte{suffix}").write_bytes(
                gzip.compress(raw, mtime=0) if suffix else raw
            )
    return folder


@pytest.fixture(autouse=True)
def _nothing_installed(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("ARCHWRIGHT_DATA", raising=False)
    monkeypatch.setattr(idx, "PLACE", tmp_path / "nowhere")


@pytest.mark.parametrize("shape", [(7,), (2, 3), (4, 2, 5)])
def test_an_array_comes_back(tmp_path, shape):
    array = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    for name, content in (("plain", packed(array)), ("packed.gz", gzip.compress(packed(array), mtime=0))):
        (tmp_path / name).write_bytes(content)
        assert read_idx(tmp_path / name).tolist() == array.tolist()


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "got nothing"),
        (b"\x00\x00\x0d\x01\x00\x00\x00\x01\x00\x00\x00\x00", "got 00 00 0d 01"),
        (packed([1, 2, 3])[:-1], "expected 3 values for the shape .3., got 2"),
        (packed([1, 2, 3]) + b"x", "got more"),
        (bytes((0, 0, 8, 3)) + struct.pack(">3I", 60000, 4000, 4000), "at most 268,435,456 values"),
        (bytes((0, 0, 8, 2)) + b"\x00\x00", "the lengths of 2 axes"),
        (gzip.compress(packed([1, 2, 3]), mtime=0)[:-6], "cannot be read"),
    ],
)
def test_another_or_a_damaged_file_is_told(tmp_path, content, told):
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(TaskError, match=told):
        read_idx(tmp_path / "file")


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_the_task_has_the_official_test_part(tmp_path, suffix):
    task = fashion_mnist(small(tmp_path / "files", suffix), validation=0.25, seed=1, standardize=False)
    assert (task.split.train, task.split.validation, task.split.test) == (30, 10, 20)
    assert task.input_shape == (1, 28, 28)
    assert task.classes[0] == "T-shirt/top"
    images, labels = task.test[:]
    assert images[:, 0, 0, 0].tolist() == labels.tolist() == [n % 10 for n in range(20)]


def test_files_are_found_in_order(tmp_path, monkeypatch):
    monkeypatch.setattr(idx, "PLACE", small(tmp_path / "debian", seed=3))
    by_debian = fashion_mnist(standardize=False).test[:][0].sum()
    small(tmp_path / "data" / "fashion-mnist", seed=4)
    by_data = fashion_mnist(standardize=False).test[:][0].sum()
    small(tmp_path / "elsewhere", seed=5)
    monkeypatch.setenv("ARCHWRIGHT_DATA", str(tmp_path / "elsewhere"))
    by_variable = make_task("fashion_mnist", standardize=False).test[:][0].sum()
    assert len({float(by_debian), float(by_data), float(by_variable)}) == 3


def test_what_is_missing_is_told_with_the_package(tmp_path):
    with pytest.raises(TaskError, match=r"apt-get install dataset-fashion-mnist.*folder="):
        fashion_mnist()
    folder = small(tmp_path / "files")
    (folder / "t10k-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(TaskError, match="expected t10k-labels-idx1-ubyte or"):
        fashion_mnist(folder)


def test_labels_that_do_not_fit_are_told(tmp_path):
    folder = small(tmp_path / "files")
    (folder / "t10k-labels-idx1-ubyte.gz").write_bytes(packed(np.zeros(3)))
    with pytest.raises(TaskError, match="as many labels as images under t10k"):
        fashion_mnist(folder)
    (folder / "t10k-labels-idx1-ubyte.gz").write_bytes(packed(np.full(20, 10)))
    with pytest.raises(TaskError, match="labels from 0 to 9 under t10k, got 10"):
        fashion_mnist(folder)


def test_the_real_files(package_data):
    folder: Path = package_data("dataset-fashion-mnist", "usr/share/datasets/fashion-mnist")
    labels = read_idx(folder / "t10k-labels-idx1-ubyte.gz")
    assert np.bincount(labels).tolist() == [1000] * 10
    images = read_idx(folder / "t10k-images-idx3-ubyte.gz")
    assert images.shape == (10000, 28, 28)
    assert images.mean() == pytest.approx(73.15, abs=0.01)


@pytest.mark.slow
def test_the_whole_task_of_the_real_files(package_data):
    task = fashion_mnist(package_data("dataset-fashion-mnist", "usr/share/datasets/fashion-mnist"))
    assert (task.split.train, task.split.validation, task.split.test) == (54000, 6000, 10000)
