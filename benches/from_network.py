"""What may shrink in trained networks as users bring them: 32 classifiers of torchvision and timm, and small ones.

For each network: how many decisions `aw.from_network` finds, and how many kernels and activations on request, which
share of its parameters lies in proven groups, what stays and why, how long tracing and proving took, whether the
default gives the same outputs bit for bit, and whether members drawn at random run and give finite outputs of the right
shape. Weights are random, since shapes alone decide.

A finished network is one line of JSON in the results' file; a second call goes on with those that are missing. `--page`
prints the table of the documentation. Needs the extra `vision`; EfficientNet-Lite0 needs its package too.

Usage: python benches/from_network.py [--out from_network.jsonl] [--seconds 60] [--only NAME] [--page]
"""

from __future__ import annotations

import argparse
import importlib
import json
import logging
import re
import resource
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

from archwright.errors import SpaceError
from archwright.evaluating import evaluating
from archwright.pretrained import Group, from_network, proven_groups, staying
from archwright.pretrained.layer_choices import ACTIVATION, KERNEL, LayerChoice
from archwright.pretrained.network import DECIDED
from archwright.spaces import Space

sys.path.append(str(Path(__file__).parents[1] / "tests" / "pretrained"))
import own_networks as small

# fmt: off
TORCHVISION = (
    "resnet18", "resnet50", "wide_resnet50_2", "mobilenet_v2", "mobilenet_v3_small", "vgg11_bn", "alexnet",
    "squeezenet1_1", "shufflenet_v2_x1_0", "densenet121", "googlenet", "inception_v3", "mnasnet0_5", "efficientnet_b0",
    "regnet_y_400mf", "resnext50_32x4d", "convnext_tiny", "vit_b_16", "swin_t", "maxvit_t",
)
TIMM = (
    "vit_tiny_patch16_224", "deit_tiny_patch16_224", "mixer_s32_224", "convnextv2_atto", "ghostnet_100", "repvgg_a0",
    "mobilevit_xxs", "poolformer_s12", "res2net50_14w_8s", "hrnet_w18_small", "edgenext_xx_small",
    "swin_tiny_patch4_window7_224", "efficientformer_l1", "regnetx_002",
)
# fmt: on
SMALL = {
    "U-Net with a branch on its input's size": (small.UNet, small.GREY),
    "transformer encoder": (small.Encoder, small.TOKENS),
    "LSTM tagger": (small.Tagger, small.TOKENS),
    "two inputs, flatten and cat": (small.TwoInputs, small.PAIR),
    "chunk and cat in a residual": (small.ChunkCat, small.IMAGE),
    "grouped convolutions": (small.Grouped, small.IMAGE),
    "a literal view": (small.Literal, small.GREY),
    "tied embedding": (small.Tied, small.TOKENS),
}
SIZES = {"inception_v3": 299, "mobilevit_xxs": 256}
KEPT: list[Any] = []
"""Operations live as long as the library that defines them."""
DRAWN = 2
"""Members that are run."""


def torchvision_models() -> Any:
    """The models of torchvision. A build for another torch has no kernels of its own, which classifiers do not call."""
    if KEPT:
        return importlib.import_module("torchvision.models")
    library = torch.library.Library("torchvision", "FRAGMENT")
    KEPT.append(library)
    while True:
        try:
            return importlib.import_module("torchvision.models")
        except RuntimeError as error:
            missing = re.search(r"operator torchvision::(\w+) does not exist", str(error))
            if missing is None:
                raise
            library.define(f"{missing[1]}(Tensor x) -> Tensor")
            for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
                del sys.modules[name]


def networks() -> dict[str, Callable[[], tuple[nn.Module, Any]]]:
    """Name to what makes the network and its example."""

    def image(name: str) -> torch.Tensor:
        return torch.randn(2, 3, SIZES.get(name, 224), SIZES.get(name, 224))

    def of_torchvision(name: str) -> tuple[nn.Module, Any]:
        options = {"init_weights": True} if name in ("googlenet", "inception_v3") else {}
        return torchvision_models().get_model(name, weights=None, **options), image(name)

    def of_timm(name: str) -> tuple[nn.Module, Any]:
        torchvision_models()  # which timm imports
        return importlib.import_module("timm").create_model(name, pretrained=False), image(name)

    def lite(name: str) -> tuple[nn.Module, Any]:
        made = importlib.import_module("efficientnet_lite_pytorch").EfficientNet.from_name(
            "efficientnet-lite0"
        )
        return made, image(name)

    found: dict[str, Callable[[], tuple[nn.Module, Any]]] = {}
    found |= {
        name: lambda kind=kind, example=example: (kind(), example) for name, (kind, example) in SMALL.items()
    }
    found |= {f"torchvision {name}": lambda name=name: of_torchvision(name) for name in TORCHVISION}
    found |= {f"timm {name}": lambda name=name: of_timm(name) for name in TIMM}
    return found | {"EfficientNet-Lite0": lambda: lite("lite")}


def measured(name: str, make: Callable[[], tuple[nn.Module, Any]], seconds: float) -> dict[str, Any]:
    """The line of a network."""
    torch.manual_seed(0)
    network, example = make()
    began, before = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
    try:
        step, decide = 4 if name in SMALL else 8, (*DECIDED, KERNEL, ACTIVATION)
        space = from_network(network, example, seconds=seconds, step=step, decide=decide)
        groups: Sequence[Group] = space.network.fn.groups
        layers: Sequence[LayerChoice] = space.network.fn.layers
    except SpaceError as error:
        space, groups, layers = None, proven_groups(network, example, seconds=seconds), ()
        print(f"{name}: {error}", flush=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    share, reasons = staying(network, groups)
    line = {
        "network": name,
        "params": sum(one.numel() for one in network.parameters()),
        "decisions": 0 if space is None else len(space.decisions) - len(space.network.fn.choices),
        "layers": {kind: free_of(layers, kind) for kind in (KERNEL, ACTIVATION)},
        "stages": 0 if space is None else len(space.network.fn.stages),
        "heads": sum(one.reason is None and one.heads for one in groups),
        "share": share,
        "stays": reasons,
        "seconds": time.monotonic() - began,
        "cpu_seconds": after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
    }
    return line if space is None else line | checked(network, space, example)


def checked(network: nn.Module, space: Space, example: Any) -> dict[str, Any]:
    """Whether the default is the network bit for bit, and drawn members run."""
    args = example if isinstance(example, tuple) else (example,)
    with evaluating(network):
        own = network(*args)
    found: list[torch.Tensor] = []
    for architecture in (space.default, *(space.sample(seed) for seed in range(DRAWN))):
        member = space.build(architecture)
        with evaluating(member):
            found.append(member(*args))
    run = all(one.shape == own.shape and bool(one.isfinite().all()) for one in found)
    return {"default_equal": torch.equal(found[0], own), "members_run": run}


def free_of(layers: Sequence[LayerChoice], kind: str) -> tuple[int, int]:
    """How many layers of a kind may change, and how many there are."""
    reasons = [one.reason for one in layers if one.kind == kind]
    return reasons.count(None), len(reasons)


def _layers(line: dict[str, Any]) -> str:
    return ", ".join("–" if not of else f"{free} of {of}" for free, of in line["layers"].values())


def _decided(line: dict[str, Any]) -> str:
    widths = line["decisions"] - line["heads"] - line["stages"]
    return f"{line['decisions']}: {widths}, {line['heads']}, {line['stages']}"


def page(lines: Sequence[dict[str, Any]]) -> str:
    """The table of the documentation."""
    rows = [
        "| network | parameters | decisions: widths, heads, depths | on request: kernels, activations "
        "| in proven groups | what stays, and why |",
        "|---|---|---|---|---|---|",
    ]
    for line in lines:
        stays = "; ".join(f"{told} ({share:.1%})" for told, share in line["stays"].items() if share >= 0.0005)
        rows.append(
            f"| {line['network']} | {line['params'] / 1e6:.3g} M | {_decided(line)} | {_layers(line)} "
            f"| {line['share']:.1%} | "
            f"{stays or '–'} |"
        )
    return "\n".join(rows)


def main() -> None:
    """Measure what is missing, or print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=Path("from_network.jsonl"))
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--only", default="")
    parser.add_argument("--page", action="store_true")
    asked = parser.parse_args()
    lines = [json.loads(one) for one in asked.out.read_text().splitlines()] if asked.out.exists() else []
    if asked.page:
        print(page(lines))
        return
    logging.disable(logging.ERROR)
    torch.set_num_threads(1)
    done = {line["network"] for line in lines}
    for name, make in networks().items():
        if name in done or asked.only not in name:
            continue
        line = measured(name, make, asked.seconds)
        with asked.out.open("a") as file:
            file.write(json.dumps(line) + "\n")
        print(
            f"{name}: {line['decisions']} decisions, {line['share']:.1%}, {line['cpu_seconds']:.0f} s",
            flush=True,
        )


if __name__ == "__main__":
    main()
