"""Tasks whose batches are no pair of tensors, and a space for each. The command finds them by `kinds.py:NAME`."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import TensorDataset

import archwright as aw
from archwright.tasks import Task


def drawn(seed, *shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def in_three(*tensors):
    """Three parts of 48, 16 and 16 examples."""
    return [TensorDataset(*(t[a:b] for t in tensors)) for a, b in ((0, 48), (48, 64), (64, 80))]


# Two inputs


class Matching(Task):
    """Whether two vectors of different length go together."""

    name, metric = "matching", "accuracy"

    def __init__(self):
        left, right = drawn(0, 80, 4), drawn(1, 80, 6)
        matches = (left[:, 0] * right[:, 0] > 0).float()
        self.train, self.validation, self.test = in_three(left, right, matches)

    def loss(self, outputs, batch):
        return functional.binary_cross_entropy_with_logits(outputs.squeeze(1), batch[2])

    def metrics(self, outputs, batch):
        hits = (outputs.squeeze(1) > 0) == (batch[2] > 0.5)
        return {"accuracy": (hits.sum(), len(hits))}


class Pair(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.left, self.right = nn.Linear(4, width), nn.Linear(6, width)
        self.head = nn.LazyLinear(1)

    def forward(self, left, right):
        return self.head(torch.relu(self.left(left)) * torch.relu(self.right(right)))


pairs = aw.Space(aw.layer(Pair, aw.choice(4, 8, name="width")))


# Named arguments, outputs in a dict, two losses


class Both(Task):
    """A class and an amount of the same input, with a mask given by name."""

    name, metric = "both", "accuracy"

    def __init__(self):
        inputs = drawn(2, 80, 5)
        keep = drawn(3, 80, 5) > -1
        seen = inputs * keep
        self.train, self.validation, self.test = in_three(
            inputs, keep, (seen[:, 0] > 0).long(), seen.sum(1, keepdim=True)
        )

    def collate(self, items):
        inputs, keep, label, amount = (torch.stack(parts) for parts in zip(*items, strict=True))
        return {"inputs": inputs, "keep": keep, "label": label, "amount": amount}

    def arguments(self, batch):
        return (batch["inputs"],), {"keep": batch["keep"]}

    def loss(self, outputs, batch):
        named = functional.cross_entropy(outputs["label"], batch["label"])
        return named + 0.5 * functional.mse_loss(outputs["amount"], batch["amount"])

    def metrics(self, outputs, batch):
        hits = outputs["label"].argmax(1) == batch["label"]
        error = (outputs["amount"] - batch["amount"]).square()
        return {"accuracy": (hits.sum(), len(hits)), "mse": (error.sum(), len(error))}


class Heads(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.body = nn.Linear(5, width)
        self.label, self.amount = nn.Linear(width, 2), nn.Linear(width, 1)

    def forward(self, inputs, *, keep):
        body = torch.relu(self.body(inputs * keep))
        return {"label": self.label(body), "amount": self.amount(body)}


heads = aw.Space(aw.layer(Heads, aw.choice(4, 8, name="width")))


# Sequences of different length


class Tagging(Task):
    """Whether a symbol stood in the sequence before, at each place; padded, and the padding counts for nothing."""

    name, metric = "tagging", "accuracy"

    def __init__(self):
        lengths = torch.randint(2, 9, (80,), generator=torch.Generator().manual_seed(4)).tolist()
        symbols = torch.Generator().manual_seed(5)
        items = [torch.randint(1, 5, (length,), generator=symbols) for length in lengths]
        tagged = [(item, torch.tensor([float(s in item[:i]) for i, s in enumerate(item)])) for item in items]
        self.train, self.validation, self.test = tagged[:48], tagged[48:64], tagged[64:]

    def collate(self, items):
        sequences, tags = zip(*items, strict=True)
        pad = nn.utils.rnn.pad_sequence
        return pad(list(sequences), batch_first=True), pad(list(tags), batch_first=True, padding_value=-1.0)

    def weight(self, batch):
        return (batch[1] >= 0).sum()

    def loss(self, outputs, batch):
        known = batch[1] >= 0
        return functional.binary_cross_entropy_with_logits(outputs[known], batch[1][known])

    def metrics(self, outputs, batch):
        known = batch[1] >= 0
        hits = (outputs > 0) == (batch[1] > 0.5)
        return {"accuracy": (hits[known].sum(), known.sum())}


class Tagger(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.embedding, self.head = nn.Embedding(5, width), nn.Linear(2 * width, 1)

    def forward(self, symbols):
        vectors = self.embedding(symbols)
        return self.head(torch.cat([vectors, vectors.cumsum(1)], dim=-1)).squeeze(-1)


taggers = aw.Space(aw.layer(Tagger, aw.choice(4, 8, name="width")))


# A graph


@dataclass
class Graph:
    """Several graphs as one, without edges between them."""

    features: Tensor
    edges: Tensor
    graph: Tensor
    target: Tensor

    def to(self, device):
        return replace(self, **{name: value.to(device) for name, value in vars(self).items()})


def ring(size, seed):
    features = drawn(seed, size, 3)
    nodes = torch.arange(size)
    return Graph(features, torch.stack([nodes, (nodes + 1) % size]), nodes * 0, features[:, 0].sum().view(1))


class Rings(Task):
    """The sum over the nodes of a graph."""

    name = "rings"

    def __init__(self):
        rings = [ring(3 + n % 4, n) for n in range(80)]
        self.train, self.validation, self.test = rings[:48], rings[48:64], rings[64:]

    def collate(self, items):
        starts = [0]
        for item in items:
            starts.append(starts[-1] + len(item.features))
        return Graph(
            torch.cat([item.features for item in items]),
            torch.cat([item.edges + start for item, start in zip(items, starts, strict=False)], dim=1),
            torch.cat([item.graph + number for number, item in enumerate(items)]),
            torch.cat([item.target for item in items]),
        )

    def arguments(self, batch):
        return (batch.features, batch.edges, batch.graph, len(batch.target)), {}

    def weight(self, batch):
        return len(batch.target)

    def loss(self, outputs, batch):
        return functional.mse_loss(outputs, batch.target)


class GraphNetwork(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.own, self.others, self.head = nn.Linear(3, width), nn.Linear(3, width), nn.Linear(width, 1)

    def forward(self, features, edges, graph, graphs: int):
        came = torch.zeros_like(features).index_add(0, edges[1], features[edges[0]])
        nodes = self.head(torch.relu(self.own(features) + self.others(came))).squeeze(1)
        return torch.zeros(graphs, dtype=nodes.dtype).index_add(0, graph, nodes)


graphs = aw.Space(aw.layer(GraphNetwork, aw.choice(4, 8, name="width")))

KINDS = {"Matching": pairs, "Both": heads, "Tagging": taggers, "Rings": graphs}
