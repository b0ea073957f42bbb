"""Random numbers of a training of its own, whose whole state can be kept."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

__all__ = ["Randomness", "Seeds", "forked_rng", "seeded"]


@dataclass(frozen=True, slots=True)
class Seeds:
    """Independent seeds, so that the order of the examples does not depend on what the network drew.

    Args:
        network: Of weights, dropout and whatever draws from the global generators.
        order: Of the order of the examples, and of the division into shares.
        augmentation: Of augmentation and mixup.
        fraction: Of the choice of a fraction of the examples.
    """

    network: int
    order: int
    augmentation: int
    fraction: int

    @classmethod
    def of(cls, seed: int, replicate: int = 0) -> Seeds:
        """The seeds that follow from one.

        Args:
            seed: Any whole number >= 0.
            replicate: Which of several repetitions.
        """
        entropy = [seed, replicate] if replicate else seed
        return cls(*(int(word) for word in np.random.SeedSequence(entropy).generate_state(4)))


class Randomness:
    """The global generators of Python, NumPy, torch and a device, as one training sees them.

    Inside `drawing` the global generators are this training's; outside they are the caller's. So are torch's
    default type (32 bits), its default device (the CPU) and the recording of gradients.

    Args:
        seed: Of all of them.
        device: Where the training runs.
    """

    def __init__(self, seed: int, device: torch.device | str = "cpu") -> None:
        self.seed, self.device = seed, torch.device(device)
        self.is_drawing = False
        self._state: dict[str, Any] | None = None

    @contextmanager
    def drawing(self, threads: int | None = None) -> Iterator[None]:
        """Let the global generators be this training's while a block runs. A block inside another changes nothing.

        Args:
            threads: Threads of torch on the CPU meanwhile; None leaves them.
        """
        if self.is_drawing:
            yield
            return
        before, threads_before = self._captured(), torch.get_num_threads()
        try:
            self.is_drawing = True
            if threads is not None:
                torch.set_num_threads(threads)
            if self._state is None:
                self._seed()
            else:
                self._install(self._state)
            with torch_defaults():
                yield
        finally:
            self._state = self._captured()
            self.is_drawing = False
            self._install(before)
            if threads is not None:
                torch.set_num_threads(threads_before)

    def reseed(self, seed: int) -> None:
        """Begin anew from another seed: now inside of `drawing`, else with the next block."""
        self.seed, self._state = seed, None
        if self.is_drawing:
            self._seed()

    def state_dict(self) -> dict[str, Any]:
        """The present state, in tensors and numbers."""
        if self.is_drawing:
            return self._captured()
        if self._state is None:
            with self.drawing():
                pass
        assert self._state is not None
        return dict(self._state)

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a state."""
        if self.is_drawing:
            self._install(state)
        else:
            self._state = dict(state)

    def _seed(self) -> None:
        random.seed(self.seed)
        np.random.seed(self.seed)
        for generator in _generators(self.device):
            generator.manual_seed(self.seed)

    def _captured(self) -> dict[str, Any]:
        _, words, gauss = random.getstate()
        numpy: Any = np.random.get_state(legacy=False)
        state = {
            "python": torch.tensor(words, dtype=torch.int64, device="cpu"),
            "python_gauss": gauss,
            "numpy": torch.from_numpy(numpy["state"]["key"].astype(np.int64)),
            "numpy_rest": (int(numpy["state"]["pos"]), int(numpy["has_gauss"]), float(numpy["gauss"])),
        }
        torch_states = (generator.get_state() for generator in _generators(self.device))
        return {**state, **dict(zip(("torch", "device"), torch_states, strict=False))}

    def _install(self, state: Mapping[str, Any]) -> None:
        random.setstate((3, tuple(state["python"].tolist()), state["python_gauss"]))
        position, has_gauss, gauss = state["numpy_rest"]
        np.random.set_state(("MT19937", state["numpy"].numpy().astype(np.uint32), position, has_gauss, gauss))
        for generator, name in zip(_generators(self.device), ("torch", "device"), strict=False):
            if name in state:
                generator.set_state(state[name].cpu())


def _generators(device: torch.device) -> list[torch.Generator]:
    """The global generators of torch on the CPU and on a device: not that of another device of its kind."""
    if device.type == "cpu":
        return [torch.default_generator]
    module = torch.get_device_module(device)
    if device.type == "mps":  # there is one
        return [torch.default_generator, module._get_default_mps_generator()]
    module.init()
    index = module.current_device() if device.index is None else device.index
    return [torch.default_generator, module.default_generators[index]]


@contextmanager
def torch_defaults() -> Iterator[None]:
    """While a block runs, torch defaults to 32 bits and the CPU, gradients are recorded, and nothing is autocast."""
    dtype = torch.get_default_dtype()
    torch.set_default_dtype(torch.float32)
    try:
        with ExitStack() as stack:
            stack.enter_context(torch.inference_mode(False))
            stack.enter_context(torch.enable_grad())
            if torch.get_default_device().type != "cpu":
                stack.enter_context(torch.device("cpu"))
            for device in ("cpu", "cuda"):
                if torch.is_autocast_enabled(device):
                    stack.enter_context(torch.autocast(device, enabled=False))
            yield
    finally:
        torch.set_default_dtype(dtype)


@contextmanager
def seeded(seed: int, device: torch.device | str = "cpu", threads: int | None = None) -> Iterator[None]:
    """Seed all random numbers inside a block, and set torch's threads; afterwards both are as they were before.

    Args:
        seed: Of the generators of Python, NumPy, torch and the device.
        device: Where the block runs.
        threads: Threads of torch on the CPU; None leaves them.
    """
    with Randomness(seed, device).drawing(threads):
        yield


@contextmanager
def forked_rng(network: nn.Module, seed: int) -> Iterator[None]:
    """While a block runs, what a network's layers draw follows from the seed, and from nothing before.

    Args:
        network: Says on which devices.
        seed: Any whole number >= 0.
    """
    devices = {parameter.device for parameter in network.parameters()} or {torch.device("cpu")}
    generators = {id(generator): generator for device in devices for generator in _generators(device)}
    states = [(generator, generator.get_state()) for generator in generators.values()]
    try:
        for generator, _ in states:
            generator.manual_seed(seed)
        yield
    finally:
        for generator, state in states:
            generator.set_state(state)
