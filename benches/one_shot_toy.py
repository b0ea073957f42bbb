"""How often each one-shot method finds the operation that fits the data, where that is known; the time it takes.

Two choices between three operations, of which one each fits (`archwright.testing.known_best`); all methods train with
the same number of epochs, learning rates and examples. Random architectures stand for no search at all.

Usage: python benches/one_shot_toy.py [--seeds 30] [--methods darts,gdas]
"""

from __future__ import annotations

import argparse
import time
import warnings

import torch

from archwright.supernets import METHODS, Supernet, make_method, train_epoch
from archwright.testing.known_best import RULE, is_best, known_best_space, known_best_task

TARGET = 0.9


def search(name: str, seed: int) -> bool:
    """Whether one search finds it."""
    options = {option: value for option, value in RULE.items() if option in METHODS.options(name)}
    torch.manual_seed(seed)
    task = known_best_task(seed)
    method = make_method(name, seed=seed, **options)
    trainer = method.trainer(Supernet(known_best_space(), task.example_arguments()), task, accelerator="cpu")
    while trainer.epoch < method.epochs:
        train_epoch(trainer)
    return is_best(method.derive(1)[0])


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=30, help="searches of each method")
    parser.add_argument("--methods", default=",".join(METHODS), help="names, separated by commas")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    print(f"{'method':10} {'found':>9} {'CPU s a search':>15}  target {TARGET:.0%}")
    space = known_best_space()
    random = sum(is_best(space.sample(seed)) for seed in range(arguments.seeds))
    print(f"{'(none)':10} {random:4} of {arguments.seeds:2}")
    for name in arguments.methods.split(","):
        begin = time.process_time()
        found = sum(search(name, seed) for seed in range(arguments.seeds))
        seconds = (time.process_time() - begin) / arguments.seeds
        verdict = "met" if found >= TARGET * arguments.seeds else "missed"
        print(f"{name:10} {found:4} of {arguments.seeds:2} {seconds:15.2f}  {verdict}", flush=True)


if __name__ == "__main__":
    main()
