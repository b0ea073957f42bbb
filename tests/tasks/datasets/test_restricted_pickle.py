import collections
import contextlib
import io
import os
import pickle
import resource
import struct
import subprocess

import numpy as np
import pytest

from archwright.errors import TaskError
from archwright.tasks.datasets.restricted_pickle import ARRAYS, NUMBERS, load_plain


def load(content):
    return load_plain(io.BytesIO(content), "the file")


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize(
    "array",
    [
        np.arange(12, dtype=np.uint8).reshape(3, 4),
        np.asfortranarray(np.arange(12, dtype=np.float32).reshape(3, 4)),
        np.arange(4, dtype=">i4"),
        np.array([True, False]),
        np.arange(12, dtype=np.uint8).reshape(3, 4)[:, ::2],
    ],
)
def test_arrays_are_read_as_numpy_reads_them(array, protocol):
    content = pickle.dumps(array, protocol=protocol)
    read = load(content)
    assert read.dtype == pickle.loads(content).dtype
    np.testing.assert_array_equal(read, array)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_plain_data_is_read(protocol):
    plain = {"a": [1, 2.5, None, True, "x", (3, -4)], "b": {"c": 2**80}, "d": b"bytes \xff"}
    assert load(pickle.dumps(plain, protocol=protocol)) == plain


class Calls:
    """Pickles as a call of anything."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize(
    ("value", "named"),
    [
        (Calls(os.mkdir, "made"), "(posix|nt).mkdir"),
        (Calls(eval, "open('made', 'w')"), ".*builtin.*eval"),
        (Calls(subprocess.Popen, ["touch", "made"]), ".*Popen"),
        (Calls(np.save, "made", np.zeros(1)), "numpy.*save"),
        (Calls(getattr, 1, "real"), ".*builtin.*getattr"),
        (Calls(np.fromfile, "made"), "numpy.*fromfile"),
        (collections.OrderedDict(a=1), "collections.OrderedDict"),
        (set, ".*builtin.*set"),
        (np.float64(1.0), "numpy.*scalar"),
    ],
)
@pytest.mark.parametrize("protocol", [2, 4])
def test_anything_else_is_refused_and_not_called(tmp_path, monkeypatch, value, named, protocol):
    monkeypatch.chdir(tmp_path)
    content = pickle.dumps({"data": [1, value]}, protocol=protocol)
    with pytest.raises(TaskError, match=rf"the file names {named}.*which is refused"):
        load(content)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "array", [np.array([object]), np.array(["text"]), np.zeros(2, [("a", "u1")]), np.zeros(2, "M8[s]")]
)
def test_arrays_of_anything_but_numbers_are_refused(array):
    with pytest.raises(TaskError, match=r"expected an array of numbers|which is refused"):
        load(pickle.dumps(array, protocol=2))


def test_dotted_names_are_no_way_around():
    # protocol 4 may name an attribute of an attribute
    content = b"\x80\x04\x8c\x05numpy\x8c\x0cndarray.dump\x93."
    with pytest.raises(TaskError, match=r"names numpy.ndarray.dump, which is refused"):
        load(content)


def test_a_pickle_cannot_change_the_functions_it_names():
    # Named, then given the state {"evil": 1}, which sets attributes of the object.
    before = {key: dict(vars(function)) for key, function in ARRAYS.items()}
    load(b"\x80\x02cnumpy\ndtype\n}X\x04\x00\x00\x00evilK\x01sb.")
    assert {key: dict(vars(function)) for key, function in ARRAYS.items()} == before


def test_a_pickle_cannot_change_the_types_of_numpy():
    content = pickle.dumps(np.dtype("u1"), protocol=2)
    for swapped in (b"U", b"X"):
        content.replace(b"|", swapped)
    assert load(content) is not np.dtype("u1")
    assert np.dtype("u1") == np.uint8


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no pickle",
        pickle.dumps([1, 2, 3])[:-3],
        b"\x80\x02c_codecs\nencode\nX\x01\x00\x00\x00aX\x04\x00\x00\x00zlib\x86R.",
        b"\x80\x02\x82\x01.",  # an extension
        b"\x80\x02Pid\n.",  # a persistent id
    ],
)
def test_a_damaged_pickle_is_named(content):
    with pytest.raises(TaskError, match="the file: expected a pickle, but it is damaged"):
        load(content)


@pytest.mark.parametrize("protocol", range(3, pickle.HIGHEST_PROTOCOL + 1))
def test_numbers_of_numpy_are_read_as_pythons_where_allowed(protocol):
    content = pickle.dumps(
        [np.float64(0.1), np.int32(-7), np.float32(2.5), np.bool_(True)], protocol=protocol
    )
    read = load_plain(io.BytesIO(content), "the file", NUMBERS)
    assert read == [0.1, -7, 2.5, True]
    assert [type(number) for number in read] == [float, int, float, bool]


def test_where_only_numbers_are_allowed_arrays_are_refused():
    with pytest.raises(TaskError, match="which is refused"):
        load_plain(io.BytesIO(pickle.dumps(np.zeros(2), protocol=2)), "the file", NUMBERS)


@pytest.mark.parametrize(
    "content",
    [
        b"\x80\x02Kr" + b"r" + struct.pack("<I", 2**27) + b".",  # a memo of so many places
        *(
            b"\x80\x05" + code + struct.pack("<Q", 2**31) + b"."
            for code in (b"\x8e", b"\x8d", b"\x95", b"\x96")
        ),
        b"\x80\x02T" + struct.pack("<I", 2**31 - 1) + b".",
    ],
)
def test_a_few_bytes_take_no_memory(content):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with contextlib.suppress(TaskError):
        load(content)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 2**18  # in KiB
