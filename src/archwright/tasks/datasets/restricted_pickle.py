"""Reading pickles that hold plain data and numpy arrays, and nothing else.

A pickle is a program that may call anything it names. This reader knows the few names that arrays and numbers
need, each with a function of its own that can do nothing else, and refuses all others: a file that was tampered
with runs nothing.
"""

from __future__ import annotations

import pickle
import re
import struct
from collections.abc import Callable, Mapping
from typing import IO, Any, ClassVar

import numpy as np

from archwright.errors import TaskError

__all__ = ["ARRAYS", "NUMBERS", "load_plain"]


def _array(kind: Any, shape: Any, code: Any) -> np.ndarray[Any, Any]:
    """An empty array, whose content the pickle sets next."""
    return np.ndarray((0,), np.uint8)


def _dtype(code: Any, align: Any = False, copy: Any = True) -> np.dtype[Any]:
    """A type of numbers, of one's own: the pickle sets its state next, and numpy shares its types."""
    text = code.decode("latin1") if isinstance(code, bytes) else code
    if not isinstance(text, str) or not re.fullmatch(r"[<>=|]?[biuf][1248]", text):
        raise pickle.UnpicklingError(f"expected an array of numbers, got the type {text!r}")
    copied: np.dtype[Any] = np.dtype(text, copy=True)
    return copied


def _encode(text: str, encoding: str = "") -> bytes:
    """How Python 3 writes bytes in the pickle protocols up to 2."""
    if encoding != "latin1":
        raise pickle.UnpicklingError(f"expected bytes in latin1, got {encoding!r}")
    return text.encode("latin1")


def _from_buffer(data: Any, dtype: Any, shape: Any, order: str, *_: Any) -> Any:
    """How numpy writes arrays in protocol 5."""
    return np.frombuffer(data, dtype=dtype).reshape(shape, order="F" if order == "F" else "C")


def _scalar(dtype: Any, data: Any) -> Any:
    """One number of numpy's, as a number of Python's."""
    return np.frombuffer(data, dtype=dtype, count=1)[0].item()


ARRAYS: Mapping[tuple[str, str], Callable[..., Any]] = {
    ("_codecs", "encode"): _encode,
    ("numpy", "dtype"): _dtype,
    ("numpy", "ndarray"): _array,
    ("numpy.core.multiarray", "_reconstruct"): _array,  # numpy 1
    ("numpy._core.multiarray", "_reconstruct"): _array,  # numpy 2
    ("numpy.core.numeric", "_frombuffer"): _from_buffer,
    ("numpy._core.numeric", "_frombuffer"): _from_buffer,
}
"""The names that arrays need, with what is called for them."""

NUMBERS: Mapping[tuple[str, str], Callable[..., Any]] = {
    ("numpy", "dtype"): _dtype,
    ("numpy.core.multiarray", "scalar"): _scalar,  # numpy 1
    ("numpy._core.multiarray", "scalar"): _scalar,  # numpy 2
}
"""The names that single numbers of numpy's need."""


class _RefusedError(TaskError):
    """Raised within the unpickler, and passed on as it is."""


class _PlainUnpickler(pickle._Unpickler):
    """In Python: the one in C takes as much memory as a file of nine bytes names, for a memo or an array of bytes."""

    def __init__(
        self, file: IO[bytes], what: str, allowed: Mapping[tuple[str, str], Callable[..., Any]]
    ) -> None:
        super().__init__(file, encoding="bytes")
        self._what, self._allowed = what, allowed

    def _bytearray(self: Any) -> None:
        """As the original, without making room before the bytes are there."""
        (length,) = struct.unpack("<Q", self.read(8))
        self.append(bytearray(self.read(length)))

    dispatch: ClassVar[dict[int, Callable[..., None]]] = {
        **pickle._Unpickler.dispatch,
        pickle.BYTEARRAY8[0]: _bytearray,
    }

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in self._allowed:
            raise _RefusedError(
                f"{self._what}: expected plain data and numpy arrays, but the file names {module}.{name}, "
                "which is refused; it is not the official file, get that again"
            )
        known = self._allowed[module, name]
        # A new function each time: a pickle may also set attributes of what it has named.
        return lambda *arguments: known(*arguments)


def load_plain(
    file: IO[bytes], what: str, allowed: Mapping[tuple[str, str], Callable[..., Any]] = ARRAYS
) -> Any:
    """Read one pickle of plain data (numbers, strings, lists, dicts) and numpy arrays.

    Nothing else is called. Keys and strings that Python 2 wrote come as bytes.

    Args:
        file: Open for reading bytes.
        what: How to call it in an error.
        allowed: Module and name of what it may name, with what is called instead: `ARRAYS`, `NUMBERS` or both.

    Raises:
        TaskError: When it names anything else, or is no pickle.
    """
    try:
        return _PlainUnpickler(file, what, allowed).load()
    except _RefusedError:
        raise
    except Exception as error:  # a damaged pickle raises nearly any error
        raise TaskError(
            f"{what}: expected a pickle, but it is damaged: {type(error).__name__}: {error}"
        ) from error
