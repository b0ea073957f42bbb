"""NAS-Bench-101: on a small file in the official format, and cells whose isomorphism is known."""

from __future__ import annotations

import base64
import itertools
import json
import random
import struct
from collections.abc import Sequence
from pathlib import Path

import pytest

from archwright.benchmarks import load_table, nasbench101
from archwright.benchmarks.nasbench101 import OPERATIONS, cell_key, nasbench101_space
from archwright.benchmarks.tfrecord import masked_crc32c, read_fields, read_records
from archwright.errors import TrialError, UsageError
from archwright.testing import SpaceContract
from archwright.trials import Candidate, Fidelity, LocalTrial

# The first cell of the benchmark's documentation, like Inception's.
MATRIX = [
    [0, 1, 1, 1, 0, 1, 0],
    [0, 0, 0, 0, 0, 0, 1],
    [0, 0, 0, 0, 0, 0, 1],
    [0, 0, 0, 0, 1, 0, 0],
    [0, 0, 0, 0, 0, 0, 1],
    [0, 0, 0, 0, 0, 0, 1],
    [0, 0, 0, 0, 0, 0, 0],
]
LABELS = [
    "input",
    "conv1x1-bn-relu",
    "conv3x3-bn-relu",
    "conv3x3-bn-relu",
    "conv3x3-bn-relu",
    "maxpool3x3",
    "output",
]


def field(number: int, value: float | bytes | int) -> bytes:
    if isinstance(value, float):
        return varint(number << 3 | 1) + struct.pack("<d", value)
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def varint(number: int) -> bytes:
    groups = []
    while True:
        groups.append(number & 0x7F | (0x80 if number > 0x7F else 0))
        number >>= 7
        if not number:
            return bytes(groups)


def result(
    known: str,
    matrix: Sequence[Sequence[int]],
    labels: Sequence[str],
    epochs: int,
    score: float,
    seconds: float,
) -> bytes:
    """A record as the benchmark has it: the last evaluation is that at the end."""
    evaluations = [
        field(1, float(epochs) * part) + field(2, seconds * part) + field(3, 0.99) + field(4, score * part)
        + field(5, (score - 0.01) * part) + field(6, b"/path/model.ckpt")
        for part in (0.0, 0.5, 1.0)
    ]  # fmt: skip
    metrics = (
        b"".join(field(1, evaluation) for evaluation in evaluations) + field(2, 2_694_282) + field(3, 2000.0)
    )
    digits = "".join(str(digit) for row in matrix for digit in row)
    row = [known, epochs, digits, ",".join(labels), base64.b64encode(metrics).decode()]
    return json.dumps(row).encode()


def write(path: Path, records: Sequence[bytes]) -> Path:
    content = b""
    for record in records:
        length = struct.pack("<Q", len(record))
        content += length + struct.pack("<I", masked_crc32c(length))
        content += record + struct.pack("<I", masked_crc32c(record))
    path.write_bytes(content)
    return path


@pytest.fixture
def file(tmp_path: Path) -> Path:
    chain = [[0, 1, 0], [0, 0, 1], [0, 0, 0]]
    records = [
        *(result("a", MATRIX, LABELS, 108, 0.90 + 0.01 * run, 1000.0 + run) for run in range(3)),
        *(result("a", MATRIX, LABELS, 4, 0.5, 40.0) for _ in range(3)),
        result("b", chain, ["input", "maxpool3x3", "output"], 108, 0.8, 300.0),
        result("b", chain, ["input", "maxpool3x3", "output"], 4, 0.3, 10.0),
    ]
    return write(tmp_path / "nasbench_full.tfrecord", records)


def values_of(matrix: Sequence[Sequence[int]], labels: Sequence[str]) -> dict[str, object]:
    edges = {f"edge_{a}_{b}": bool(matrix[a][b]) for a, b in itertools.combinations(range(7), 2)}
    return edges | {f"operation_{node}": labels[node] for node in range(1, 6)}


class TestSpace(SpaceContract):
    make = staticmethod(nasbench101_space)
    # In the order of the listing, a thousand different cells lie behind billions of combinations without a way.
    test_size_is_the_count_of_the_iteration = None  # type: ignore[assignment]


def test_crc32c_of_the_standard() -> None:
    # RFC 3720: the CRC-32C of 32 zeros is 8A9136AA; unmasked by the inverse of the format's mask.
    masked = masked_crc32c(bytes(32))
    rotated = masked - 0xA282EAD8 & 0xFFFFFFFF
    assert rotated >> 17 | (rotated << 15 & 0xFFFFFFFF) == 0x8A9136AA


def test_a_file_is_read(file: Path) -> None:
    table = nasbench101(file)
    assert len(table.rows) == 2
    architecture = table.space.architecture(values_of(MATRIX, LABELS))
    measured = table.estimator().estimate(Candidate(architecture), LocalTrial())
    assert measured.metrics["accuracy"] == pytest.approx(0.91)
    assert measured.metrics["test_accuracy"] == pytest.approx(0.90)
    assert measured.metrics["params"] == 2_694_282
    assert measured.seconds == pytest.approx(1001.0)
    short = table.estimator().estimate(Candidate(architecture, Fidelity(epochs=4)), LocalTrial())
    assert short.metrics["accuracy"] == pytest.approx(0.5)
    assert short.seconds == pytest.approx(40.0)
    with pytest.raises(UsageError, match="epochs that it has, on all of the data: 4, 108"):
        table.estimator().estimate(Candidate(architecture, Fidelity(epochs=12)), LocalTrial())


def test_one_run_is_drawn_by_the_seed(file: Path) -> None:
    table = load_table("nas-bench-101", files=[file], runs="drawn")
    candidate = Candidate(table.space.architecture(values_of(MATRIX, LABELS)))
    drawn = [table.estimator(seed).estimate(candidate, LocalTrial()) for seed in range(30)]
    assert {round(measured.metrics["accuracy"], 9) for measured in drawn} == {0.90, 0.91, 0.92}
    for measured in drawn:  # one run: its accuracy and its seconds belong together
        assert measured.metrics["accuracy"] == pytest.approx(0.90 + 0.01 * (measured.seconds - 1000.0))


def test_cut_off_nodes_and_their_order_do_not_matter(file: Path) -> None:
    table = nasbench101(file)
    matrix = [[0] * 7 for _ in range(7)]
    matrix[0][4] = matrix[4][6] = matrix[1][4] = matrix[2][3] = 1  # 1, 2 and 3 are cut off
    labels = ["input", *[OPERATIONS[0]] * 3, "maxpool3x3", OPERATIONS[0], "output"]
    measured = table.estimator().estimate(
        Candidate(table.space.architecture(values_of(matrix, labels))), LocalTrial()
    )
    assert measured.metrics["accuracy"] == pytest.approx(0.8)


def test_a_cell_that_the_table_lacks_fails_its_trial(file: Path) -> None:
    table = nasbench101(file)
    labels = ["input", *[OPERATIONS[1]] * 5, "output"]
    with pytest.raises(TrialError, match="the table has no"):
        table.estimator().estimate(
            Candidate(table.space.architecture(values_of(MATRIX, labels))), LocalTrial()
        )


def test_equal_keys_are_isomorphic_cells_and_no_others() -> None:
    """Against trying every order of the inner nodes, on cells of 5 nodes."""
    generator = random.Random(1)
    pairs = list(itertools.combinations(range(5), 2))
    by_key: dict[str, set[object]] = {}
    by_form: dict[object, set[str]] = {}
    for _ in range(1_500):
        edges = [pair for pair in pairs if generator.random() < 0.6]
        labels = ["input", *generator.choices(OPERATIONS[:2], k=3), "output"]
        reached = {0}
        for a, b in sorted(edges):
            if a in reached:
                reached.add(b)
        reaching = {4}
        for a, b in sorted(edges, reverse=True):
            if b in reaching:
                reaching.add(a)
        if 4 not in reached:
            continue
        kept = sorted(reached & reaching)
        forms = []
        for order in itertools.permutations(kept[1:-1]):
            place = {0: 0, 4: 4, **{node: i + 1 for i, node in enumerate(order)}}
            moved = tuple(sorted((place[a], place[b]) for a, b in edges if a in kept and b in kept))
            forms.append((tuple(labels[node] for node in order), moved))
        key = cell_key(edges, labels)
        by_key.setdefault(key, set()).add(min(forms))
        by_form.setdefault(min(forms), set()).add(key)
    assert len(by_key) > 100
    assert all(len(forms) == 1 for forms in by_key.values())
    assert all(len(keys) == 1 for keys in by_form.values())


def test_constraints_count_what_is_on_the_way() -> None:
    space = nasbench101_space()
    full = [[int(a < b) for b in range(7)] for a in range(7)]
    assert not space.contains(values_of(full, LABELS))
    assert not space.contains(values_of([[0] * 7] * 7, LABELS))
    assert space.contains(values_of(MATRIX, LABELS))


def test_a_missing_or_damaged_file_is_told(tmp_path: Path, file: Path) -> None:
    with pytest.raises(UsageError, match=r"published at https://github.com/google-research/nasbench"):
        nasbench101(None)
    with pytest.raises(UsageError, match="there is no file"):
        nasbench101(tmp_path / "none.tfrecord")
    content = file.read_bytes()
    cut = tmp_path / "cut.tfrecord"
    cut.write_bytes(content[:-10])
    with pytest.raises(UsageError, match="cut off in record 7"):
        nasbench101(cut)
    cut.write_bytes(content[:40] + b"#" + content[41:])
    with pytest.raises(UsageError, match="the checksum of record 0 is wrong"):
        nasbench101(cut)
    cut.write_bytes(b"not at all such a file")
    with pytest.raises(UsageError, match="expected a TFRecord file"):
        nasbench101(cut)
    other = write(tmp_path / "other.tfrecord", [b'["a", 108]'])
    with pytest.raises(UsageError, match="record 0: expected a result of NAS-Bench-101"):
        nasbench101(other)


def test_records_and_fields_are_read_back(tmp_path: Path) -> None:
    records = [b"one", b"", b"three" * 100]
    assert list(read_records(write(tmp_path / "some.tfrecord", records))) == records
    message = field(1, 300) + field(2, -0.5) + field(2, 1e300) + field(3, b"text") + field(16, 2**40)
    assert read_fields(message) == {1: [300], 2: [-0.5, 1e300], 3: [b"text"], 16: [2**40]}
    for broken in (b"\x0a\x05ab", b"\x08", b"\x09\x00", b"\x0f"):
        with pytest.raises(ValueError, match=r"a (field|number)"):
            read_fields(broken)
