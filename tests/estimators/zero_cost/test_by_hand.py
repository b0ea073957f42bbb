"""Each proxy against a second, plain computation in 64 bits: loops, differences, gradients example by example."""

import math

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from archwright.estimators.zero_cost import activations, features, gradients, kernels

STEP = 1e-6


def losses(by_hand, probe, weights, batch=0):
    images, labels = probe.batches[batch]
    return F.cross_entropy(by_hand(weights, images).outputs, labels)


def differences(function, tensor):
    """The gradient of a function by central differences, one element after the other."""
    tensor = tensor.contiguous()
    found = torch.zeros_like(tensor)
    for i in range(tensor.numel()):
        ends = []
        for sign in (1, -1):
            moved = tensor.clone()
            moved.view(-1)[i] += sign * STEP
            ends.append(float(function(moved)))
        found.view(-1)[i] = (ends[0] - ends[1]) / (2 * STEP)
    return found


def gradients_by_differences(by_hand, probe, batch=0):
    weights = {name: w.detach() for name, w in probe.weights.items()}
    return {
        name: differences(lambda w, n=name: losses(by_hand, probe, {**weights, n: w}, batch), weights[name])
        for name in ("stem.weight", "again.weight", "head.weight")
    }


def test_first_order_scores_are_those_of_differences(network, make_probe, by_hand):
    probe = make_probe(network, "grad_norm", "plain", "snip")
    found = gradients_by_differences(by_hand, probe)
    weights = probe.weights
    assert gradients.grad_norm(probe) == pytest.approx(
        sum(math.sqrt(sum(float(x) ** 2 for x in g.flatten())) for g in found.values()), rel=1e-6
    )
    products = [
        [float(w) * float(x) for w, x in zip(weights[n].detach().flatten(), g.flatten(), strict=True)]
        for n, g in found.items()
    ]
    assert gradients.plain(probe) == pytest.approx(sum(map(sum, products)), rel=1e-5, abs=1e-8)
    assert gradients.snip(probe) == pytest.approx(sum(abs(p) for row in products for p in row), rel=1e-6)


def test_grasp_is_the_difference_of_gradients_along_the_gradient(network, make_probe, by_hand):
    probe = make_probe(network, "grasp")
    names = ["stem.weight", "again.weight", "head.weight"]
    start = {name: w.detach() for name, w in probe.weights.items()}

    def gradient(weights):
        leaves = {n: w.clone().requires_grad_(n in names) for n, w in weights.items()}
        found = torch.autograd.grad(losses(by_hand, probe, leaves), [leaves[n] for n in names])
        return dict(zip(names, found, strict=True))

    first = gradient(start)
    ends = [gradient({**start, **{n: start[n] + s * 1e-5 * first[n] for n in names}}) for s in (1, -1)]
    curved = {n: (ends[0][n] - ends[1][n]) / 2e-5 for n in names}
    assert gradients.grasp(probe) == pytest.approx(
        -sum(float((start[n] * curved[n]).sum()) for n in names), rel=1e-4
    )


def test_fisher_is_the_squared_derivative_by_a_factor_on_each_channel(network, make_probe, by_hand):
    """Of each example, with one factor for both calls of the layer that is called twice."""
    probe = make_probe(network, "fisher")
    images, labels = probe.batches[0]
    weights = {name: w.detach() for name, w in probe.weights.items()}
    expected = 0.0
    for name in ("stem", "again", "head"):
        mask = torch.ones(len(images), 3, dtype=torch.float64)
        found = differences(
            lambda m, n=name: F.cross_entropy(by_hand(weights, images, masks={n: m}).outputs, labels), mask
        )
        expected += sum(0.5 * float((found[:, c] ** 2).mean()) for c in range(3))
    assert gradients.fisher(probe) == pytest.approx(expected, rel=1e-6)


def test_zico_is_the_mean_over_the_deviation_of_two_gradients(network, make_probe, by_hand):
    probe = make_probe(network, "zico")
    pairs = [gradients_by_differences(by_hand, probe, batch) for batch in (0, 1)]
    expected = 0.0
    for name in pairs[0]:
        both = np.stack([pair[name].numpy().ravel() for pair in pairs])
        expected += math.log(sum(np.abs(both).mean(0) / both.std(0)))
    assert gradients.zico(probe) == pytest.approx(expected, rel=1e-4)


def test_synflow_is_the_flow_through_a_network_of_magnitudes_without_norms(network, make_probe, by_hand):
    probe = make_probe(network, "synflow")
    weights = {name: w.detach().abs() for name, w in probe.weights.items()}
    ones = torch.ones(1, 2, 4, 4, dtype=torch.float64)
    total = 0.0
    for name in ("stem.weight", "again.weight", "head.weight"):
        flow = differences(
            lambda w, n=name: by_hand({**weights, n: w}, ones, training=None).outputs.sum(), weights[name]
        )
        total += float((weights[name] * flow).abs().sum())
    assert gradients.synflow(probe) == pytest.approx(math.log(total), rel=1e-6)


def test_synflow_has_room_for_deep_networks(make_probe):
    """The sum is (n·w)^depth, here far beyond what 32 bits hold."""
    wide = torch.nn.Sequential(torch.nn.Flatten(), *[torch.nn.Linear(32, 32, bias=False) for _ in range(30)])
    for layer in list(wide)[1:]:
        torch.nn.init.constant_(layer.weight, -50.0)
    # The flow through each layer is the whole: 32 inputs of one, times 30 layers.
    expected = math.log(30) + math.log(32) + 30 * math.log(32 * 50.0)
    assert gradients.synflow(make_probe(wide, "synflow")) == pytest.approx(expected)


def test_naswot_counts_where_examples_agree(network, make_probe, by_hand):
    probe = make_probe(network, "naswot")
    patterns = [p.flatten(1) for p in by_hand(probe.weights, probe.batches[0][0]).patterns]
    agree = np.zeros((5, 5))
    for pattern in patterns:
        for i in range(5):
            for j in range(5):
                agree[i, j] += sum(bool(a == b) for a, b in zip(pattern[i], pattern[j], strict=True))
    assert activations.naswot(probe) == pytest.approx(math.log(abs(np.linalg.det(agree))))


def test_patterns_are_counted_as_sets(network, make_probe, by_hand):
    probe = make_probe(network, "swap", "te_nas")
    patterns = torch.cat([p.flatten(1) for p in by_hand(probe.weights, probe.batches[0][0]).patterns], 1)
    assert activations.swap(probe) == len({tuple(unit) for unit in patterns.T.tolist()})
    assert activations.linear_regions(probe) == len({tuple(row) for row in patterns.tolist()})
    thousands = sum(p.numel() for p in network.parameters()) / 1000
    regular = math.exp(-((thousands - 0.4) ** 2) / 0.3)
    assert activations.swap(probe, 0.4, 0.3) == pytest.approx(activations.swap(probe) * regular)


def test_many_signs_are_told_apart_exactly():
    rows = torch.zeros(3, 130, dtype=torch.bool)
    rows[1, 129] = rows[2, 0] = True
    assert activations.pattern_count([rows, rows]) == 3


def test_jacob_cov_is_that_of_differences(network, make_probe, by_hand):
    probe = make_probe(network, "jacob_cov")
    weights = {name: w.detach() for name, w in probe.weights.items()}
    rows = differences(lambda x: by_hand(weights, x).outputs.sum(), probe.batches[0][0].clone())
    values = np.linalg.eigvalsh(np.corrcoef(rows.flatten(1).numpy())).clip(0)
    expected = -sum(math.log(v + 1e-5) + 1 / (v + 1e-5) for v in values)
    assert activations.jacob_cov(probe) == pytest.approx(expected, rel=1e-2)  # 1/(v + 1e-5) at v near 0
    positive = make_probe(network, "jacob_cov")
    assert activations.jacob_cov(positive) == activations.jacob_cov(probe)


def test_the_tangent_kernel_is_made_of_gradients_example_by_example(network, make_probe, by_hand):
    probe = make_probe(network, "te_nas")
    images = probe.few[0]

    def sums(weights):
        return by_hand(weights, images).outputs.sum(1)

    leaves = {name: w.detach().clone().requires_grad_() for name, w in probe.weights.items()}
    scores = sums(leaves)
    found = [torch.autograd.grad(score, list(leaves.values()), retain_graph=True) for score in scores]
    rows = torch.stack([torch.cat([g.flatten() for g in row]) for row in found]).numpy()
    kernel = np.array([[sum(a * b for a, b in zip(x, y, strict=True)) for y in rows] for x in rows])
    assert kernels.tangent_kernel(probe).numpy() == pytest.approx(kernel, rel=1e-9)
    values = np.linalg.eigvalsh(kernel)
    assert kernels.ntk_condition(probe) == pytest.approx(-values[-1] / values[0], rel=1e-6)


def noise(shape, seed):
    """As `Probe.noise` draws it."""
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed)).double()


def test_zen_is_what_noise_changes_in_the_features(network, make_probe, by_hand):
    probe = make_probe(network, "zen")
    weights = probe.drawn("normal")
    x, step = noise((5, 2, 4, 4), 7 + 1), noise((5, 2, 4, 4), 7 + 2)
    before, after = by_hand(weights, x), by_hand(weights, x + 0.01 * step)
    change = np.mean([float((a - b).abs().sum()) for a, b in zip(before.pooled, after.pooled, strict=True)])
    variances = [np.var(before.entering[:, c].detach().numpy()) for c in range(3)]
    expected = math.log(change) + math.log(math.sqrt(np.mean(variances)))
    assert features.zen(probe) == pytest.approx(expected, rel=1e-6)


def test_fisher_information_is_the_expected_square_of_the_score(network, make_probe, by_hand):
    """Derivatives of each output for each example by itself, and a sum over the labels."""
    probe = make_probe(network, "vkdnw")
    weights = {name: w.detach() for name, w in probe.drawn("kaiming").items()}
    images = noise((5, 2, 4, 4), 7 + 1)

    def outputs(firsts, image):
        moved = {
            n: torch.cat([firsts[n][None], w.flatten()[1:]]).reshape(w.shape) for n, w in weights.items()
        }
        return by_hand(moved, image[None], training=False).outputs[0]

    firsts = {name: w.flatten()[0] for name, w in weights.items()}
    jacobian = {name: torch.zeros(5, 3, dtype=torch.float64) for name in weights}
    logits = []
    for n, image in enumerate(images):
        leaves = {name: value.clone().requires_grad_() for name, value in firsts.items()}
        logits.append(outputs(leaves, image))
        for k in range(3):
            found = torch.autograd.grad(logits[n][k], list(leaves.values()), retain_graph=True)
            for name, value in zip(leaves, found, strict=True):
                jacobian[name][n, k] = value
        logits[n] = logits[n].detach()
    expected = {}
    names = list(weights)
    for a in names:
        for b in names:
            total = 0.0
            for n in range(5):
                p = logits[n].softmax(0) * 0.95 + 0.05 / 3
                centre_a, centre_b = float(p @ jacobian[a][n]), float(p @ jacobian[b][n])
                for k in range(3):
                    total += (
                        float(p[k])
                        * (float(jacobian[a][n, k]) - centre_a)
                        * (float(jacobian[b][n, k]) - centre_b)
                    )
            expected[a, b] = total / 5
    found, count = kernels.fisher_matrix(probe)
    assert count == len(names)
    values = np.linalg.eigvalsh(np.array([[expected[a, b] for b in names] for a in names]))
    assert np.linalg.eigvalsh(found.numpy()) == pytest.approx(values, rel=1e-8, abs=1e-12)
    deciles = np.quantile(values.clip(0), [k / 10 for k in range(1, 10)])
    share = deciles / deciles.sum()
    entropy = -sum(s * math.log(s + 1e-10) for s in share)
    assert kernels.vkdnw(probe) == pytest.approx(count + entropy / math.log(9), rel=1e-6)


def test_blocks_are_scored_as_written(network, make_probe, by_hand):
    probe = make_probe(network, "az_nas")
    weights = {name: w.detach() for name, w in probe.drawn("kaiming").items()}
    x = noise((5, 2, 4, 4), 7 + 1).requires_grad_()
    stages = by_hand(weights, x).stages
    assert len(stages) == 3
    entropies = []
    for stage in stages:
        rows = stage.detach().numpy().transpose(0, 2, 3, 1).reshape(-1, 3)
        values = np.linalg.eigvalsh(np.cov(rows.T, bias=True))
        share = values / values.sum()
        entropies.append(-sum(s * math.log(s + 1e-8) for s in share))
    found = features.BlockFeatures(probe)
    assert features.expressivity(found) == pytest.approx(sum(entropies))
    assert features.progressivity(found) == pytest.approx(min(np.diff(entropies)))
    generator = torch.Generator().manual_seed(7 + 3)
    gains = []
    for i in (2, 1):
        signs = torch.randint(0, 2, stages[i].shape, generator=generator).double() * 2 - 1
        (given,) = torch.autograd.grad(stages[i], stages[i - 1], signs, retain_graph=True)
        mean = np.zeros((3, 3))
        for n in range(5):
            for h in range(4):
                for w in range(4):
                    mean += np.outer(given[n, :, h, w], signs[n, :, h, w]) / 80
        largest = np.linalg.svd(mean)[1][0]
        gains.append(-largest - 1 / (largest + 1e-6) + 2)
    assert features.trainability(found) == pytest.approx(np.mean(gains))
