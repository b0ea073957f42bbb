"""A first-order DARTS step of the supernet beside one of a plain implementation of the paper's cell.

A step is one of alpha (forward and backward on a validation batch, Adam) and one of the weights (forward and backward
on a training batch, clipping, SGD with momentum). The plain side is the paper's code in outline: one module an
operation, the mixture a Python sum, torch's default memory format, every gradient by autograd, those of the weights in
alpha's step too. Ours is `Bilevel` on a `Supernet`, which leaves out the gradients that nobody reads.

The peak memory of each side is that of a process of its own. Then both sides' outputs and gradients on a small batch
are compared, on the same weights, and their steps timed in turn, in one process and one thread, by the process's CPU
time. With the kernels' first use on a machine they are compiled, which takes about a minute and is not timed.

Then one-path training: a step of a sampled path through the supernet beside one of the extracted network.

Usage: python benches/supernet.py [--batch 64] [--rounds 2] [--paths 4]
"""

from __future__ import annotations

import argparse
import copy
import multiprocessing
import resource
import statistics
import sys
import time
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.utils.data import TensorDataset
from torch.utils.flop_counter import FlopCounterMode

from archwright.learning import Trainer
from archwright.spaces.zoo.darts import darts_space
from archwright.supernets import Bilevel, Supernet, freeze_scales, make_method
from archwright.supernets.accelerators import accelerate
from archwright.tasks import Classification
from archwright.tasks.preprocessing import Preprocessing
from archwright.tasks.task import Split

CHANNELS, CELLS, NODES, CLASSES, SIZE = 16, 8, 4, 10, 32
LABELS = 8
TARGET_CPU, TARGET_MEMORY, TARGET_PATH = 3.0, 0.6, 1.15


class Reduce(nn.Module):
    """ReLU, two 1x1 convolutions of stride 2, one pixel apart, batch norm."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(inputs, outputs // 2, 1, 2, bias=False)
        self.second = nn.Conv2d(inputs, outputs // 2, 1, 2, bias=False)
        self.norm = nn.BatchNorm2d(outputs, affine=False)

    def forward(self, x: Tensor) -> Tensor:
        """From (N, inputs, H, W) to (N, outputs, H / 2, W / 2)."""
        x = torch.relu(x)
        return self.norm(torch.cat([self.first(x), self.second(x[:, :, 1:, 1:])], dim=1))


class Nothing(nn.Module):
    """Zeros, as the paper's code makes them."""

    def __init__(self, stride: int) -> None:
        super().__init__()
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        """Zeros of the shape that the stride gives."""
        return x.mul(0.0) if self.stride == 1 else x[:, :, :: self.stride, :: self.stride].mul(0.0)


def pointwise(inputs: int, outputs: int) -> nn.Module:
    convolution = nn.Conv2d(inputs, outputs, 1, bias=False)
    return nn.Sequential(nn.ReLU(), convolution, nn.BatchNorm2d(outputs, affine=False))


def depthwise(channels: int, kernel: int, stride: int, dilation: int) -> list[nn.Module]:
    padding = dilation * (kernel // 2)
    return [
        nn.ReLU(),
        nn.Conv2d(channels, channels, kernel, stride, padding, dilation, groups=channels, bias=False),
        nn.Conv2d(channels, channels, 1, bias=False),
        nn.BatchNorm2d(channels, affine=False),
    ]


def operations(channels: int, stride: int) -> list[nn.Module]:
    def pooled(pool: nn.Module) -> nn.Module:
        return nn.Sequential(pool, nn.BatchNorm2d(channels, affine=False))

    def separable(kernel: int) -> nn.Module:
        return nn.Sequential(*depthwise(channels, kernel, stride, 1), *depthwise(channels, kernel, 1, 1))

    return [
        Nothing(stride),
        pooled(nn.MaxPool2d(3, stride, 1)),
        pooled(nn.AvgPool2d(3, stride, 1, count_include_pad=False)),
        nn.Identity() if stride == 1 else Reduce(channels, channels),
        separable(3),
        separable(5),
        nn.Sequential(*depthwise(channels, 3, stride, 2)),
        nn.Sequential(*depthwise(channels, 5, stride, 2)),
    ]


class PlainCell(nn.Module):
    """The paper's cell: each node the sum over its edges of the weighted sum of the operations."""

    def __init__(self, before: int, last: int, channels: int, reduces: bool, reduced: bool) -> None:
        super().__init__()
        first = Reduce(before, channels) if reduced else pointwise(before, channels)
        self.prepare = nn.ModuleList([first, pointwise(last, channels)])
        self.edges = nn.ModuleList(
            nn.ModuleList(operations(channels, 2 if reduces and state < 2 else 1))
            for node in range(NODES)
            for state in range(2 + node)
        )

    def forward(self, before: Tensor, last: Tensor, weights: Tensor) -> Tensor:
        """The nodes' states, concatenated."""
        states = [self.prepare[0](before), self.prepare[1](last)]
        edge = 0
        for _ in range(NODES):
            mixed = []
            for i, state in enumerate(states):
                mixture = zip(weights[edge + i], self.edges[edge + i], strict=True)
                mixed.append(sum(weight * operation(state) for weight, operation in mixture))
            edge += len(states)
            states.append(sum(mixed))
        return torch.cat(states[2:], dim=1)


class PlainNetwork(nn.Module):
    """The paper's search network for CIFAR-10."""

    def __init__(self) -> None:
        super().__init__()
        wide = 3 * CHANNELS
        convolution = nn.Conv2d(3, wide, 3, padding=1, bias=False)
        self.stem = nn.Sequential(convolution, nn.BatchNorm2d(wide, affine=False))
        before, last, now, reduced = wide, wide, CHANNELS, False
        cells = []
        self.reduces = [i in (CELLS // 3, 2 * CELLS // 3) for i in range(CELLS)]
        for reduces in self.reduces:
            now = 2 * now if reduces else now
            cells.append(PlainCell(before, last, now, reduces, reduced))
            before, last, reduced = last, NODES * now, reduces
        self.cells = nn.ModuleList(cells)
        self.head = nn.Linear(last, CLASSES)
        edges = sum(2 + node for node in range(NODES))
        self.alphas = [nn.Parameter(1e-3 * torch.randn(edges, LABELS)) for _ in range(2)]

    def forward(self, x: Tensor) -> Tensor:
        """From images to logits."""
        before = last = self.stem(x)
        mixtures = [alpha.softmax(1) for alpha in self.alphas]
        for reduces, cell in zip(self.reduces, self.cells, strict=True):
            before, last = last, cell(before, last, mixtures[reduces])
        return self.head(last.mean((2, 3)))


class Plain:
    """The plain side.

    Args:
        network: What it trains.
    """

    def __init__(self, network: PlainNetwork) -> None:
        self.network = network
        self.weights = torch.optim.SGD(network.parameters(), lr=0.025, momentum=0.9, weight_decay=3e-4)
        self.architecture = torch.optim.Adam(network.alphas, lr=3e-4, betas=(0.5, 0.999), weight_decay=1e-3)

    def step(self, images: Tensor, targets: Tensor) -> None:
        """One of alpha, one of the weights."""
        self.architecture.zero_grad()
        nn.functional.cross_entropy(self.network(images), targets).backward()
        self.architecture.step()
        self.weights.zero_grad()
        nn.functional.cross_entropy(self.network(images), targets).backward()
        nn.utils.clip_grad_norm_(self.network.parameters(), 5.0)
        self.weights.step()


def method() -> tuple[Bilevel, Trainer]:
    """DARTS on a supernet of the same shape; its data are never read."""
    supernet = Supernet(darts_space((3, SIZE, SIZE), CLASSES, cells=CELLS, channels=CHANNELS, nodes=NODES))
    data = TensorDataset(torch.zeros(4, 3, SIZE, SIZE), torch.zeros(4, dtype=torch.long))
    task = Classification(
        "noise",
        train=data,
        validation=data,
        test=data,
        classes=tuple(map(str, range(CLASSES))),
        split=Split(4, 4, 4, 0, False),
        preprocessing=Preprocessing((3, SIZE, SIZE), (0.0,) * 3, (1.0,) * 3),
    )
    darts = make_method("darts")
    assert isinstance(darts, Bilevel)
    trainer = darts.trainer(supernet, task, accelerator="cpu")
    supernet.train()
    return darts, trainer


def batch(size: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(size, 3, SIZE, SIZE, generator=generator)
    return images, torch.randint(CLASSES, (size,), generator=generator)


def ours_step(darts: Bilevel, trainer: Trainer, images: Tensor, targets: Tensor) -> None:
    batches = [(images, targets)]
    darts.architecture_step(trainer, batches, batches)
    darts.supernet.set_gates(darts.policy.weight_gates(0.0))
    darts.weight_step(trainer, batches)


def copy_weights(darts: Bilevel, plain: PlainNetwork) -> None:
    """The plain network's weights and alpha become those of the supernet."""
    theirs, own = list(plain.parameters()), darts.weights
    with torch.no_grad():
        for to, weight in zip(theirs, own, strict=True):
            to.copy_(weight)
        alphas = list(darts.policy.parameters())
        edges = len(plain.alphas[0])
        for kind in range(2):
            plain.alphas[kind].copy_(torch.stack(alphas[kind * edges : (kind + 1) * edges]))


def compare(darts: Bilevel, plain: PlainNetwork, images: Tensor, targets: Tensor) -> None:
    """Print how far outputs and gradients of both sides are from those of the plain side in float64.

    Where the input of a ReLU lies within rounding of zero, the gradient of the one or the other side jumps; the plain
    side's own distance says how much of that there is.
    """
    exact = copy.deepcopy(plain).double()
    exact.alphas = [nn.Parameter(alpha.detach().double()) for alpha in plain.alphas]
    darts.supernet.set_gates(darts.policy.architecture_gates(0.0))
    alphas = darts.policy.parameters()
    results = []
    for network, x, parameters in (
        (exact, images.double(), [*exact.alphas, *exact.parameters()]),
        (plain, images, [*plain.alphas, *plain.parameters()]),
        (darts.supernet, images, [*alphas, *darts.weights]),
    ):
        outputs = network(x)
        gradients = torch.autograd.grad(nn.functional.cross_entropy(outputs, targets), parameters)
        split = len(alphas) if network is darts.supernet else 2
        parts = [[outputs.detach()], gradients[:split], gradients[split:]]
        results.append([torch.cat([tensor.double().flatten() for tensor in part]) for part in parts])
    print(f"relative distance (2-norm) from float64 at batch {len(images)}, target 1e-4:  plain     ours")
    for name, true, theirs, own in zip(
        ("outputs", "alpha's gradient", "weights' gradient"), *results, strict=True
    ):
        apart = [float((found - true).norm() / true.norm()) for found in (theirs, own)]
        print(f"  {name:50} {apart[0]:12.1e} {apart[1]:8.1e}")


def cpu_seconds(work: Callable[[], object]) -> float:
    begin = time.process_time()
    work()
    return time.process_time() - begin


def timed(
    darts: Bilevel, trainer: Trainer, plain: Plain, images: Tensor, targets: Tensor, rounds: int
) -> tuple[float, float]:
    """CPU seconds of a step of ours and of the plain side, in turn; the least of some rounds."""
    ours_step(darts, trainer, images, targets)
    rows = [
        (
            cpu_seconds(lambda: ours_step(darts, trainer, images, targets)),
            cpu_seconds(lambda: plain.step(images, targets)),
        )
        for _ in range(rounds)
    ]
    return min(own for own, _ in rows), min(theirs for _, theirs in rows)


def peak(side: str, size: int) -> float:
    """Run a step of one side, in a process of its own; its peak memory in bytes."""
    torch.set_num_threads(1)
    images, targets = batch(size)
    if side == "plain":
        Plain(PlainNetwork()).step(images, targets)
    else:
        ours_step(*method(), images, targets)
    unit = 1 if sys.platform == "darwin" else 1024
    return float(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit)


def operations_of_a_step(size: int) -> int:
    """Multiplications and additions of the convolutions and products in a step, those of ours."""
    plain, (images, targets) = PlainNetwork(), batch(2)
    total = 0
    for frozen in (True, False):
        plain.requires_grad_(not frozen)
        with FlopCounterMode(display=False) as counter:
            nn.functional.cross_entropy(plain(images), targets).backward()
        total += counter.get_total_flops()
    return total * size // 2


def matrix_peak() -> float:
    """Operations a second of the machine's matrix product."""
    a, b = torch.randn(2, 1024, 1024)
    return 2 * 1024**3 / min(cpu_seconds(lambda: torch.mm(a, b)) for _ in range(10))


def step_of(network: nn.Module) -> Callable[[Tensor, Tensor], None]:
    """A step of the weights that take part."""
    parameters = [parameter for parameter in network.parameters() if parameter.requires_grad]
    optimizer = torch.optim.SGD(parameters, lr=0.025, momentum=0.9, weight_decay=3e-4, foreach=True)

    def step(images: Tensor, targets: Tensor) -> None:
        nn.functional.cross_entropy(network(images), targets).backward()
        nn.utils.clip_grad_norm_(parameters, 5.0)
        optimizer.step()
        optimizer.zero_grad()

    return step


def one_path(size: int, paths: int) -> float:
    """A step of a path through the supernet beside one of the extracted network: the median ratio."""
    supernet = Supernet(darts_space((3, SIZE, SIZE), CLASSES, cells=CELLS, channels=CHANNELS, nodes=NODES))
    accelerate(supernet, mixes=False)
    freeze_scales(supernet)
    images, targets = batch(size)
    ratios = []
    shared = step_of(supernet)
    for seed in range(paths):
        architecture = supernet.space.sample(seed)
        alone = supernet.extract(architecture)
        accelerate(alone, mixes=False)
        freeze_scales(alone)
        own = step_of(alone)
        supernet.set_gates(architecture)

        def path_step() -> None:
            shared(images, targets)

        def alone_step(own: Callable[[Tensor, Tensor], None] = own) -> None:
            own(images, targets)

        path_step()
        alone_step()
        timed = [(cpu_seconds(path_step), cpu_seconds(alone_step)) for _ in range(3)]
        ratios.append(min(path for path, _ in timed) / min(lone for _, lone in timed))
    return statistics.median(ratios)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--batch", type=int, default=64, help="images in a batch")
    parser.add_argument("--rounds", type=int, default=2, help="timed steps of each side")
    parser.add_argument("--paths", type=int, default=4, help="sampled paths of the one-path comparison")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    images, targets = batch(arguments.batch)

    with multiprocessing.get_context("spawn").Pool(1, maxtasksperchild=1) as pool:
        memory = [pool.apply(peak, (side, arguments.batch)) for side in ("plain", "ours")]
    share = memory[1] / memory[0]
    print(
        f"peak memory: plain {memory[0] / 1e9:.2f} GB, ours {memory[1] / 1e9:.2f} GB: {share:.0%} "
        f"(target {TARGET_MEMORY:.0%})"
    )

    (darts, trainer), network = method(), PlainNetwork()
    copy_weights(darts, network)
    compare(darts, network, *batch(min(4, arguments.batch)))
    own, theirs = timed(darts, trainer, Plain(network), images, targets, arguments.rounds)
    print(
        f"a step's CPU: plain {theirs:.2f} s, ours {own:.2f} s: {theirs / own:.2f} times less (target {TARGET_CPU})"
    )
    rate, limit = operations_of_a_step(arguments.batch) / own, matrix_peak()
    print(f"  {rate / 1e9:.1f} of the {limit / 1e9:.1f} GFLOP/s of a matrix product: {rate / limit:.0%}")

    ratio = one_path(arguments.batch, arguments.paths)
    print(f"one path: a step takes {ratio:.2f} of the extracted network's (target under {TARGET_PATH})")


if __name__ == "__main__":
    main()
