"""Reading TFRecord files and protocol buffers without TensorFlow: bytes and numbers, nothing is called."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

from archwright.errors import UsageError

__all__ = ["Fields", "masked_crc32c", "read_fields", "read_records"]

Fields = dict[int, list[int | float | bytes]]
"""Number of a field to its values in order: whole numbers, doubles, and bytes of texts and messages."""

_POLYNOMIAL = 0x82F63B78
_MASK = 0xA282EAD8
_LONGEST = 1 << 24


def _table() -> tuple[int, ...]:
    found = []
    for byte in range(256):
        crc = byte
        for _ in range(8):
            crc = crc >> 1 ^ (_POLYNOMIAL if crc & 1 else 0)
        found.append(crc)
    return tuple(found)


_CRC = _table()


def masked_crc32c(data: bytes) -> int:
    """The checksum of the format: CRC-32C (Castagnoli), rotated by 15 bits, plus a constant."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ _CRC[(crc ^ byte) & 0xFF]
    crc ^= 0xFFFFFFFF
    return ((crc >> 15 | crc << 17) + _MASK) & 0xFFFFFFFF


def read_records(path: Path) -> Iterator[bytes]:
    """The records of a TFRecord file.

    Each is: its length (8 bytes, little-endian), the checksum of these (4 bytes), the data, its checksum (4 bytes).
    The checksum of every length is checked, and that of the first record's data; the rest of a file of gigabytes
    would take minutes.

    Args:
        path: Of the file.

    Raises:
        UsageError: When it is cut off or no such file.
    """
    with path.open("rb") as file:
        number = 0
        while header := file.read(12):
            length, check = struct.unpack("<QI", header) if len(header) == 12 else (-1, 0)
            if not 0 <= length <= _LONGEST or masked_crc32c(header[:8]) != check:
                raise UsageError(
                    f"{path}: expected a TFRecord file, but record {number} does not begin as one does"
                )
            data, tail = file.read(length), file.read(4)
            if len(data) < length or len(tail) < 4:
                raise UsageError(f"{path} is cut off in record {number}; get it again")
            if number == 0 and masked_crc32c(data) != struct.unpack("<I", tail)[0]:
                raise UsageError(f"{path}: the checksum of record {number} is wrong; get it again")
            yield data
            number += 1


def read_fields(message: bytes) -> Fields:
    """The fields of one protocol buffer, by number; what a field means, its reader knows.

    Args:
        message: In the binary wire format.

    Raises:
        ValueError: When it is no such message.
    """
    fields: Fields = {}
    place = 0
    while place < len(message):
        tag, place = _varint(message, place)
        value: int | float | bytes
        match tag & 7:
            case 0:
                value, place = _varint(message, place)
            case 1:
                value, place = struct.unpack_from("<d", _bytes(message, place, 8))[0], place + 8
            case 2:
                length, place = _varint(message, place)
                value, place = _bytes(message, place, length), place + length
            case 5:
                value, place = struct.unpack_from("<f", _bytes(message, place, 4))[0], place + 4
            case other:
                raise ValueError(f"a field of the unknown kind {other}")
        fields.setdefault(tag >> 3, []).append(value)
    return fields


def _varint(message: bytes, place: int) -> tuple[int, int]:
    """A whole number in groups of 7 bits, the lowest first, and the place behind it."""
    number = shift = 0
    while place < len(message) and shift < 64:
        byte = message[place]
        number |= (byte & 0x7F) << shift
        place, shift = place + 1, shift + 7
        if not byte & 0x80:
            return number, place
    raise ValueError("a number that does not end")


def _bytes(message: bytes, place: int, length: int) -> bytes:
    if place + length > len(message):
        raise ValueError("a field that is cut off")
    return message[place : place + length]
