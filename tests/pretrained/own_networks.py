"""Small networks of the shapes that users bring."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Residual(nn.Module):
    """A stem, a residual block with an inner width, a classifier behind flatten."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 16, 3, padding=1)
        self.norm = nn.BatchNorm2d(16)
        self.inner = nn.Conv2d(16, 24, 3, padding=1, bias=False)
        self.inner_norm = nn.BatchNorm2d(24)
        self.outer = nn.Conv2d(24, 16, 3, padding=1)
        self.head = nn.Linear(16 * 16, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.norm(self.stem(x)), inplace=True)
        x = x + self.outer(F.relu(self.inner_norm(self.inner(x))))
        return self.head(F.max_pool2d(x, 2).flatten(1))


class Grouped(nn.Module):
    """Pointwise, depthwise with gate, grouped convolution, pooled head."""

    def __init__(self) -> None:
        super().__init__()
        self.expand = nn.Conv2d(3, 16, 1)
        self.depth = nn.Conv2d(16, 16, 3, padding=1, groups=16)
        self.down, self.up = nn.Linear(16, 8), nn.Linear(8, 16)
        self.grouped = nn.Conv2d(16, 32, 3, groups=4)
        self.norm = nn.GroupNorm(4, 32)
        self.head = nn.Linear(32, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = F.silu(self.depth(self.expand(x)))
        gate = torch.sigmoid(self.up(F.relu(self.down(x.mean((2, 3))))))
        x = self.norm(self.grouped(x * gate[:, :, None, None]))
        return self.head(F.adaptive_avg_pool2d(x, 1).flatten(1))


class ChunkCat(nn.Module):
    """Halves that go separate ways and come together in a residual."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 16, 1)
        self.left = nn.Conv2d(8, 8, 3, padding=1)
        self.mix = nn.Conv2d(16, 16, 1)
        self.head = nn.Conv2d(16, 4, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        a, b = x.chunk(2, 1)
        x = x + F.relu(self.mix(torch.cat([self.left(a), b], 1)))
        return self.head(x).mean((2, 3))


class UNet(nn.Module):
    """Down, up by a transposed convolution, a skip that is concatenated, and a branch on the input's size."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(1, 8, 3, padding=1)
        self.deep = nn.Conv2d(8, 16, 3, padding=1)
        self.up = nn.ConvTranspose2d(16, 8, 2, stride=2)
        self.join = nn.Conv2d(16, 8, 3, padding=1)
        self.out = nn.Conv2d(8, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        skip = F.relu(self.first(x))
        if x.shape[-1] % 2:
            skip = F.pad(skip, (0, 1, 0, 1))
        x = self.up(F.relu(self.deep(F.avg_pool2d(skip, 2))))
        return self.out(F.relu(self.join(torch.cat([skip, x], 1))))


class Tagger(nn.Module):
    """A recurrent tagger with a hidden layer behind it."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(20, 8)
        self.lstm = nn.LSTM(8, 8, batch_first=True)
        self.hidden = nn.Linear(8, 16)
        self.head = nn.Linear(16, 4)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(torch.tanh(self.hidden(self.lstm(self.embed(x))[0])))


class Literal(nn.Module):
    """A view whose number is written out, and a layer that training alone reaches."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 16, 3, padding=1)
        self.hidden = nn.Linear(16 * 16, 32)
        self.helper = nn.Linear(32, 32)
        self.second = nn.Linear(32, 24)
        self.head = nn.Linear(24, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.hidden(self.conv(x).view(-1, 256)))
        if self.training:
            x = x + self.helper(x)
        return self.head(F.relu(self.second(x)))


class Tied(nn.Module):
    """A language model whose output layer is its embedding."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(20, 16)
        self.mlp = nn.Sequential(nn.Linear(16, 32), nn.GELU(), nn.Linear(32, 16))
        self.head = nn.Linear(16, 20, bias=False)
        self.head.weight = self.embed.weight

    def forward(self, x: Tensor) -> Tensor:
        x = self.embed(x)
        return self.head(x + self.mlp(x))


class Encoder(nn.Module):
    """PyTorch's own transformer encoder and a classifier."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(20, 16)
        layer = nn.TransformerEncoderLayer(16, 2, 32, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.head = nn.Linear(16, 4)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.encoder(self.embed(x)).mean(1))


IMAGE = (torch.linspace(-1, 1, 4 * 3 * 64).sin().reshape(4, 3, 8, 8).contiguous(),)
GREY = (torch.linspace(-9, 9, 4 * 16).sin().reshape(4, 1, 4, 4).contiguous(),)
TOKENS = (torch.arange(24).reshape(4, 6) * 7 % 20,)


class TwoInputs(nn.Module):
    """An image and a row of numbers, joined behind a flatten."""

    def __init__(self) -> None:
        super().__init__()
        self.image = nn.Conv2d(3, 16, 3, stride=2)
        self.row = nn.Linear(5, 16)
        self.hidden = nn.Linear(16 * 9 + 16, 32)
        self.head = nn.Linear(32, 4)

    def forward(self, image: Tensor, row: Tensor) -> Tensor:
        parts = [F.relu(self.image(image)).flatten(1), F.relu(self.row(row))]
        return self.head(F.relu(self.hidden(torch.cat(parts, 1))))


PAIR = (IMAGE[0], torch.linspace(-1, 1, 20).reshape(4, 5).contiguous())
