"""What all zero-cost proxies of a network cost together, beside the sum of their plain forms: processor time.

A plain form is the published algorithm by itself, with hooks and a forward and backward pass of its own, on the same
network and the same batch; what it gives is compared with what the shared passes give. Networks are random cells of
NAS-Bench-201 in the benchmark's macro, on noise of 3 x 32 x 32. One line of JSON is kept a finished network, so that a
run that is begun again goes on.

Usage: python benches/zero_cost_passes.py [--networks 3] [--batch 64] [--out bench/zero_cost_passes.jsonl]
       The full form: --networks 10
"""

from __future__ import annotations

import argparse
import copy
import json
import math
import time
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.func import functional_call, jacrev, vmap
from torch.nn import functional as F
from torch.utils.data import TensorDataset

from archwright.estimators.zero_cost import PROXIES, Probe, read_proxies
from archwright.estimators.zero_cost.features import blocks
from archwright.objectives import measure_cheap
from archwright.spaces.zoo import nasbench201_space
from archwright.tasks import Task

TARGET, NTK = 1 / 3, 32


class Noise(Task):
    """Ten classes of noise."""

    name, kind = "noise", "classification"

    def __init__(self, count: int) -> None:
        generator = torch.Generator().manual_seed(0)
        images = torch.randn(count, 3, 32, 32, generator=generator)
        self.train = TensorDataset(images, torch.randint(0, 10, (count,), generator=generator))

    def loss(self, outputs, batch):
        """Cross entropy."""
        return F.cross_entropy(outputs, batch[1])


def layers(network):
    """Convolutions and linear layers."""
    return [m for m in network.modules() if isinstance(m, nn.Conv2d | nn.Linear)]


def products(network):
    """w·g of each layer that has a gradient."""
    return [(m.weight * m.weight.grad).detach() for m in layers(network) if m.weight.grad is not None]


def backward(network, batch):
    network.zero_grad()
    F.cross_entropy(network(batch[0]), batch[1]).backward()


def grad_norm(network, batches):
    backward(network, batches[0])
    return sum(float(m.weight.grad.norm()) for m in layers(network) if m.weight.grad is not None)


def plain(network, batches):
    backward(network, batches[0])
    return sum(float(p.sum()) for p in products(network))


def snip(network, batches):
    backward(network, batches[0])
    return sum(float(p.abs().sum()) for p in products(network))


def grasp(network, batches):
    weights = [m.weight for m in layers(network)]
    images, labels = batches[0]
    first = torch.autograd.grad(F.cross_entropy(network(images), labels), weights, allow_unused=True)
    second = torch.autograd.grad(
        F.cross_entropy(network(images), labels), weights, create_graph=True, allow_unused=True
    )
    inner = sum((a * b).sum() for a, b in zip(first, second, strict=True) if a is not None)
    network.zero_grad()
    inner.backward()
    return -sum(float((w * w.grad).sum().detach()) for w in weights if w.grad is not None)


def fisher(network, batches):
    kept, found = {}, []

    def keep(module, args, output):
        kept[module] = output
        output.register_hook(lambda g: found.append((kept[module].detach(), g.detach())))

    hooks = [m.register_forward_hook(keep) for m in layers(network)]
    backward(network, batches[0])
    for hook in hooks:
        hook.remove()
    total = 0.0
    for output, gradient in found:
        product = output * gradient
        product = product.flatten(2).sum(2) if product.ndim > 2 else product
        total += float(0.5 * product.square().mean(0).sum())
    return total


def synflow(network, batches):
    network = network.double().eval()
    with torch.no_grad():
        for value in network.parameters():
            value.abs_()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.forward = lambda x: x
    network(torch.ones_like(batches[0][0][:1], dtype=torch.float64)).sum().backward()
    flow = sum(float(p.abs().sum()) for p in products(network))
    return math.log(flow) if flow else -math.inf


def jacob_cov(network, batches):
    images = batches[0][0].clone().requires_grad_()
    outputs = network(images)
    outputs.backward(torch.ones_like(outputs))
    values = np.linalg.eigvalsh(np.corrcoef(images.grad.flatten(1).numpy().astype(np.float64)))
    return -float(np.sum(np.log(values + 1e-5) + 1 / (values + 1e-5)))


def rectified(network, images):
    found = []
    hooks = [
        m.register_forward_hook(lambda module, args, output: found.append(output.detach().flatten(1)))
        for m in network.modules()
        if isinstance(m, nn.ReLU)
    ]
    with torch.no_grad():
        network(images)
    for hook in hooks:
        hook.remove()
    return found


def naswot(network, batches):
    kernel = np.zeros((len(batches[0][0]),) * 2)
    for output in rectified(network, batches[0][0]):
        x = (output > 0).float()
        kernel += (x @ x.T).numpy() + ((1 - x) @ (1 - x).T).numpy()
    return float(np.linalg.slogdet(kernel)[1])


def swap(network, batches):
    signs = torch.sign(torch.cat(rectified(network, batches[0][0]), 1))
    return float(len(torch.unique(signs.T, dim=0)))


def drawn(network, kaiming: bool):
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            nn.init.kaiming_normal_(module.weight) if kaiming else nn.init.normal_(module.weight)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    return network


def zen(network, batches):
    drawn(network, kaiming=False)
    entered, pooled = [], []
    hooks = [
        m.register_forward_hook(lambda module, args, output: entered.append(args[0]))
        for m in network.modules()
        if isinstance(m, nn.BatchNorm2d)
    ]
    hooks += [
        m.register_forward_hook(lambda module, args, output: pooled.append(args[0]))
        for m in network.modules()
        if isinstance(m, nn.AdaptiveAvgPool2d)
    ]
    x = torch.randn_like(batches[0][0])
    with torch.no_grad():
        network(x)
        variances = [float(e.var((0, 2, 3), unbiased=False).mean()) for e in entered]
        network(x + 0.01 * torch.randn_like(x))
    for hook in hooks:
        hook.remove()
    change = float((pooled[0] - pooled[1]).abs().sum((1, 2, 3)).mean())
    return math.log(change) + sum(0.5 * math.log(v) for v in variances if v) if change else -math.inf


def zico(network, batches):
    found = {}
    for batch in batches:
        backward(network, batch)
        for i, module in enumerate(layers(network)):
            if module.weight.grad is not None:
                found.setdefault(i, []).append(module.weight.grad.flatten().clone().numpy())
    total = 0.0
    for pair in found.values():
        both = np.array(pair)
        deviation = both.std(0)
        varies = deviation != 0
        ratio = np.sum(np.abs(both).mean(0)[varies] / deviation[varies])
        total += np.log(ratio) if ratio else 0.0
    return float(total)


def te_nas(network, batches):
    outputs = network(batches[0][0][:NTK])
    rows = []
    for i in range(NTK):
        network.zero_grad()
        outputs[i : i + 1].backward(torch.ones_like(outputs[i : i + 1]), retain_graph=True)
        rows.append(torch.cat([p.grad.flatten() for p in network.parameters() if p.grad is not None]).clone())
    jacobian = torch.stack(rows)
    values = torch.linalg.eigvalsh(jacobian.double() @ jacobian.double().T)
    active = torch.sign(torch.cat(rectified(network, batches[0][0]), 1))
    apart = active @ (1 - active).T
    same = 1 - torch.sign(apart + apart.T)
    return -float(values[-1] / values[0]) + 0 * float((1 / same.sum(1)).sum())


def az_nas(network, batches):
    drawn(network, kaiming=True)
    found = []
    hooks = [
        m.register_forward_hook(lambda module, args, output: found.append(output)) for m in blocks(network)
    ]
    network(torch.randn_like(batches[0][0]).requires_grad_())
    for hook in hooks:
        hook.remove()
    total = 0.0
    for feature in found:
        rows = feature.detach().permute(0, 2, 3, 1).flatten(0, 2)
        rows = rows - rows.mean(0)
        share = torch.linalg.eigvalsh(rows.T @ rows / len(rows)).clamp_min(0)
        share = share / share.sum()
        total += float((-share * torch.log(share + 1e-8)).sum())
    for before, after in pairwise(found):
        signs = torch.randint_like(after, 2) * 2 - 1
        given = torch.autograd.grad(after, before, signs, retain_graph=True)[0]
        if given.shape[2] != signs.shape[2]:
            given = F.pixel_unshuffle(given, given.shape[2] // signs.shape[2])
        rows, other = given.permute(0, 2, 3, 1).flatten(0, 2), signs.permute(0, 2, 3, 1).flatten(0, 2)
        torch.linalg.svdvals(rows.T @ other / len(rows))
    return total


def vkdnw(network, batches):
    drawn(network, kaiming=True).eval()
    weights = {name: w.detach() for name, w in network.named_parameters()}
    buffers = dict(network.named_buffers())

    def outputs(firsts, image):
        moved = {
            n: torch.cat([firsts[n][None], w.flatten()[1:]]).reshape(w.shape) for n, w in weights.items()
        }
        return functional_call(network, (moved, buffers), (image[None],))[0]

    images = torch.randn_like(batches[0][0])
    jacobian = vmap(jacrev(outputs), in_dims=(None, 0))(
        {n: w.flatten()[0] for n, w in weights.items()}, images
    )
    stacked = torch.stack(list(jacobian.values()), 2)
    with torch.no_grad():
        chance = network(images).softmax(1)
    covariance = torch.diag_embed(chance) - chance[:, :, None] * chance[:, None]
    information = torch.einsum("nkp,nkl,nlq->pq", stacked, covariance, stacked) / len(images)
    values = torch.linalg.eigvalsh(information)
    return len(weights) + 0 * float(values[0])


FIRST = (grad_norm, plain, snip, grasp, fisher, synflow, jacob_cov)
OTHERS = (naswot, swap, zen, zico, te_nas, az_nas, vkdnw)
PLAIN = {form.__name__: form for form in FIRST + OTHERS}
SAME = ("grad_norm", "plain", "snip", "grasp", "fisher", "synflow", "naswot", "swap", "zico")
"""Those that draw nothing, so that both forms give the same number, to rounding.

ZiCo divides by the difference of two gradients, which makes rounding large.
"""


def measured(space, number: int, batches, task) -> dict:
    """Seconds of each plain form and of all together, in turn, on one network."""
    torch.manual_seed(number)
    architecture = space.sample(number)
    network = space.build(architecture, batches[0][0][:2])
    seconds, values = {}, {}
    for name, form in PLAIN.items():
        own = copy.deepcopy(network).train()
        begin = time.process_time()
        values[name] = form(own, batches)
        seconds[name] = time.process_time() - begin
    cheap = measure_cheap(network, batches[0][0][:2])
    begin = time.process_time()
    few = tuple(t[:NTK] for t in batches[0])
    probe = Probe(copy.deepcopy(network), task, batches, few=few, wanted=tuple(PLAIN), seed=0)
    found, _ = read_proxies({name: PROXIES[name] for name in PLAIN}, probe, cheap)
    together = time.process_time() - begin
    for name in SAME:
        mine = found[name][name]
        tolerance = 0.1 if name == "zico" else 0.02
        assert math.isclose(mine, values[name], rel_tol=tolerance, abs_tol=1e-3), (name, mine, values[name])
    return {"network": number, "together": together, "plain": seconds}


def main() -> None:
    """Measure what is missing, then print the ratio."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--networks", type=int, default=3)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--out", type=Path, default=Path("bench/zero_cost_passes.jsonl"))
    wanted = parser.parse_args()
    torch.set_num_threads(1)
    space, task = nasbench201_space((3, 32, 32), 10), Noise(2 * wanted.batch)
    images, labels = task.train.tensors
    cut = wanted.batch
    batches = [(images[:cut], labels[:cut]), (images[cut:], labels[cut:])]
    wanted.out.parent.mkdir(parents=True, exist_ok=True)
    lines = wanted.out.read_text().splitlines() if wanted.out.is_file() else []
    done = {line["network"]: line for line in map(json.loads, lines)}
    for number in range(wanted.networks):
        if number not in done:
            done[number] = measured(space, number, batches, task)
            with wanted.out.open("a") as opened:
                opened.write(json.dumps(done[number]) + "\n")
    rows = [done[number] for number in range(wanted.networks)]
    for name in PLAIN:
        print(f"{name:<12}{np.mean([row['plain'][name] for row in rows]):>8.2f} s by itself")
    ratios = np.array([row["together"] / sum(row["plain"].values()) for row in rows])
    error = ratios.std(ddof=1) / math.sqrt(len(ratios)) if len(ratios) > 1 else math.nan
    print(f"together    {np.mean([row['together'] for row in rows]):>8.2f} s")
    print(f"together / sum of the plain forms: {ratios.mean():.3f} ± {error:.3f}   target {TARGET:.3f}")


if __name__ == "__main__":
    main()
