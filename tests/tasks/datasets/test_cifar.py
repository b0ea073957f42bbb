import gzip
import io
import os
import pickle
import resource
import struct
import tarfile

import numpy as np
import pytest

from archwright.errors import TaskError
from archwright.tasks import cifar10, cifar100, make_task
from archwright.tasks.datasets import cifar as module

PER_BATCH = 20


def python2(value):
    """A pickle as Python 2 and numpy 1 wrote the official files: protocol 2, native strings as bytes."""
    return b"\x80\x02" + _python2(value) + b"."


def _python2(value):
    if isinstance(value, dict):
        return b"}(" + b"".join(_python2(item) for pair in value.items() for item in pair) + b"u"
    if isinstance(value, list):
        return b"](" + b"".join(map(_python2, value)) + b"e"
    if isinstance(value, int):
        return b"J" + struct.pack("<i", value)
    if isinstance(value, str):
        return b"T" + struct.pack("<i", len(value)) + value.encode("latin1")
    if isinstance(value, np.ndarray):
        state = b"(K\x01(" + b"".join(map(_python2, value.shape)) + b"t"
        state += (
            b"cnumpy\ndtype\n(U\x02u1K\x00K\x01tR(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
        )
        state += b"I00\n" + b"T" + struct.pack("<i", value.size) + value.tobytes() + b"tb"
        return b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(K\x00tU\x01btR" + state
    raise TypeError(type(value))


def batch(seed, count=PER_BATCH, **labels):
    images = np.random.default_rng(seed).integers(0, 256, (count, 3072), np.uint8)
    return {"batch_label": "a batch", "data": images, "filenames": ["x.png"] * count, **labels}


def ten():
    files = {f"data_batch_{i}": batch(i, labels=[n % 10 for n in range(PER_BATCH)]) for i in range(1, 6)}
    files["test_batch"] = batch(9, labels=[n % 10 for n in range(PER_BATCH)])
    files["batches.meta"] = {"label_names": [f"kind {n}" for n in range(10)], "num_vis": 3072}
    return files


def hundred():
    labels = {
        "fine_labels": [n % 100 for n in range(300)],
        "coarse_labels": [n % 20 for n in range(300)],
    }
    names = {
        "fine_label_names": [f"fine {n}" for n in range(100)],
        "coarse_label_names": [f"coarse {n}" for n in range(20)],
    }
    return {"train": batch(0, 300, **labels), "test": batch(1, 300, **labels), "meta": names}


def pack(folder, files, name="cifar-10-python.tar.gz", inside="cifar-10-batches-py", write=python2):
    path = folder / name
    with tarfile.open(path, "w:gz") as archive:
        for file, content in files.items():
            packed = content if isinstance(content, bytes) else write(content)
            member = tarfile.TarInfo(f"{inside}/{file}")
            member.size = len(packed)
            archive.addfile(member, io.BytesIO(packed))
    return path


def unpack(folder, files, write=python2):
    folder.mkdir(parents=True)
    for file, content in files.items():
        (folder / file).write_bytes(write(content))
    return folder


def pixels(part):
    return part.images.numpy().reshape(len(part), -1)


@pytest.mark.parametrize("write", [python2, pickle.dumps, lambda value: pickle.dumps(value, protocol=2)])
def test_the_archive_is_read(tmp_path, write):
    files = ten()
    task = cifar10(pack(tmp_path, files, write=write))
    assert (task.name, task.input_shape, task.outputs) == ("cifar10", (3, 32, 32), 10)
    assert task.classes == tuple(f"kind {n}" for n in range(10))
    assert str(task.split).startswith(
        "90 train, 10 validation, 20 test (official test set, validation split at"
    )
    assert (pixels(task.test) == files["test_batch"]["data"]).all()
    assert task.test.targets.tolist() == files["test_batch"]["labels"]
    known = {
        row.tobytes(): label
        for i in range(1, 6)
        for row, label in zip(*_pair(files[f"data_batch_{i}"]), strict=True)
    }
    for part in (task.train, task.validation):
        for row, label in zip(pixels(part), part.targets.tolist(), strict=True):
            assert known.pop(row.tobytes()) == label
    assert not known


def _pair(content):
    return content["data"], content["labels"]


def test_cifar100_is_read_by_class_and_superclass(tmp_path):
    archive = pack(tmp_path, hundred(), "cifar-100-python.tar.gz", "cifar-100-python")
    fine = cifar100(archive, validation=0.3)
    assert (fine.name, fine.outputs, fine.classes[7]) == ("cifar100", 100, "fine 7")
    coarse = cifar100(archive, coarse=True)
    assert (coarse.outputs, coarse.classes[7]) == (20, "coarse 7")
    assert coarse.test.targets.tolist() == hundred()["test"]["coarse_labels"]


def test_the_folder_may_be_unpacked(tmp_path, monkeypatch):
    folder = unpack(tmp_path / "cifar-10-batches-py", ten())
    expected = cifar10(folder).describe()
    assert cifar10(tmp_path).describe() == expected
    assert cifar10(str(tmp_path)).describe() == expected
    monkeypatch.setenv("ARCHWRIGHT_DATA", str(tmp_path))
    assert make_task("cifar10").describe() == expected


def test_it_is_looked_for_in_data(tmp_path, monkeypatch):
    monkeypatch.delenv("ARCHWRIGHT_DATA", raising=False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").mkdir()
    pack(tmp_path / "data", hundred(), "cifar-100-python.tar.gz", "cifar-100-python")
    assert cifar100().name == "cifar100"
    with pytest.raises(
        TaskError, match=r"cs.toronto.edu/~kriz.*data/cifar-10-batches-py, data/cifar-10-python.tar.gz"
    ):
        cifar10()


def test_a_missing_archive_says_where_it_comes_from_and_was_looked_for(tmp_path, monkeypatch):
    monkeypatch.setenv("ARCHWRIGHT_DATA", str(tmp_path / "elsewhere"))
    with pytest.raises(
        TaskError, match=r"https://www.cs.toronto.edu.*elsewhere/cifar-10-python.tar.gz.*archive="
    ):
        cifar10()
    with pytest.raises(TaskError, match=r"it is at none of .*here"):
        cifar10(tmp_path / "here")


class Malicious:
    def __reduce__(self):
        return os.mkdir, ("made",)


def test_a_malicious_archive_is_refused_and_runs_nothing(tmp_path, monkeypatch):
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    files = ten()
    files["data_batch_3"] = pickle.dumps({"data": Malicious(), "labels": []})
    with pytest.raises(TaskError, match=r"data_batch_3: .*the file names posix.mkdir, which is refused"):
        cifar10(pack(tmp_path, files))
    assert not list((tmp_path / "work").iterdir())


def changed(file, **content):
    files = ten()
    files[file] = {**files[file], **content} if content else None
    return {name: content for name, content in files.items() if content is not None}


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (changed("data_batch_2"), "expected the file data_batch_2, .*but it is missing"),
        (changed("test_batch", data=[1, 2]), "test_batch: expected 'data' of type uint8 .*got list"),
        (changed("test_batch", data=np.zeros((20, 5), np.uint8)), r"got uint8 \(20, 5\)"),
        (changed("test_batch", labels=[1, 2]), "test_batch: expected 20 integers from 0 to 9 under 'labels'"),
        (changed("test_batch", labels=[10] * 20), "expected 20 integers from 0 to 9"),
        (changed("test_batch", labels=["x"] * 20), "expected 20 integers from 0 to 9"),
        (changed("batches.meta", label_names=[]), "expected the class names under 'label_names'"),
        ({**ten(), "batches.meta": [1, 2]}, "batches.meta: expected a dict, got list"),
        ({**ten(), "data_batch_1": b"damaged"}, "data_batch_1: expected a pickle, but it is damaged"),
    ],
)
def test_what_is_not_the_official_content_is_refused(tmp_path, files, message):
    with pytest.raises(TaskError, match=message):
        cifar10(pack(tmp_path, files))


def test_a_missing_file_of_a_folder_is_named(tmp_path):
    unpack(tmp_path / "cifar-10-batches-py", changed("data_batch_5"))
    with pytest.raises(TaskError, match="expected the file data_batch_5"):
        cifar10(tmp_path)


def test_what_is_no_archive_is_refused(tmp_path):
    (tmp_path / "cifar-10-python.tar.gz").write_bytes(b"no archive")
    with pytest.raises(TaskError, match=r"expected cifar-10-python.tar.gz .*but it cannot be read"):
        cifar10(tmp_path)
    whole = pack(tmp_path, ten()).read_bytes()
    (tmp_path / "cut.tar.gz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(
        TaskError, match=r"cut.tar.gz: expected cifar-10-python.tar.gz .*but it cannot be read"
    ):
        cifar10(tmp_path / "cut.tar.gz")


@pytest.mark.parametrize(
    ("kind", "size", "count"),
    [
        (tarfile.REGTYPE, 48 * 2**20, 1),  # a file
        (tarfile.GNUTYPE_LONGNAME, 20 * 2**20, 1),  # a name, which tarfile reads whole
        (tarfile.XHDTYPE, 20 * 2**20, 1),
        (tarfile.REGTYPE, 0, 200),
    ],
)
def test_an_archive_that_unpacks_to_more_than_the_official_one_is_refused(
    tmp_path, monkeypatch, kind, size, count
):
    monkeypatch.setattr(module, "_LARGEST", 16 * 2**20)
    monkeypatch.setattr(module, "_WHOLE", 32 * 2**20)
    path = tmp_path / "cifar-10-python.tar.gz"
    with gzip.open(path, "wb", 1) as packed:
        for number in range(count):
            entry = tarfile.TarInfo("batches.meta" if count == 1 else f"{number}")
            entry.size, entry.type = size, kind
            packed.write(entry.tobuf(tarfile.GNU_FORMAT))
            for _ in range(size >> 20):
                packed.write(bytes(2**20))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(TaskError, match="unpacks to at most 32 MiB in 100 files"):
        cifar10(path)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 2**14  # in KiB


@pytest.mark.parametrize("mode", ["w", "w:gz"])
def test_an_archive_may_be_packed_otherwise(tmp_path, mode):
    path = tmp_path / "cifar-10-python.tar"
    with tarfile.open(path, mode) as archive:
        for name, content in ten().items():
            data = python2(content)
            entry = tarfile.TarInfo(f"cifar-10-batches-py/{name}")
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    assert cifar10(path).split.test == PER_BATCH
