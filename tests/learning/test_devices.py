import random
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from archwright.errors import UsageError
from archwright.learning import seeded
from archwright.learning.devices import devices_of, is_out_of_memory, make_fabric
from archwright.learning.randomness import Randomness, forked_rng

CPU = torch.device("cpu")


def draws():
    return random.random(), float(np.random.rand()), torch.rand(1).item()


def test_random_numbers_inside_depend_on_the_seed_alone():
    seen = []
    for seed in (1, 1, 2):
        draws()
        with seeded(seed, CPU, None):
            seen.append(draws())
    assert seen[0] == seen[1]
    assert all(a != b for a, b in zip(seen[0], seen[2], strict=True))


def test_random_numbers_outside_go_on_undisturbed():
    with seeded(7, CPU, None):
        expected = [draws() for _ in range(2)]
    with seeded(7, CPU, None):
        found = [draws()]
        with pytest.raises(ZeroDivisionError), seeded(9, CPU, None):
            found.append(1 / (draws()[0] * 0))
        found.append(draws())
    assert found == expected


def test_threads_are_set_inside_only():
    before = torch.get_num_threads()
    with seeded(0, CPU, before + 1):
        assert torch.get_num_threads() == before + 1
    assert torch.get_num_threads() == before


def test_what_counts_as_out_of_memory():
    with pytest.raises(RuntimeError) as caught:
        torch.empty(10**15)
    assert is_out_of_memory(caught.value)
    assert is_out_of_memory(MemoryError())
    assert is_out_of_memory(torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"))
    assert is_out_of_memory(RuntimeError("MPS backend out of memory (MPS allocated: 8 GB)"))
    assert not is_out_of_memory(RuntimeError("mat1 and mat2 shapes cannot be multiplied"))
    assert not is_out_of_memory(ValueError("out of memory"))
    assert not is_out_of_memory(None)


@pytest.mark.parametrize(
    ("accelerator", "devices", "precision", "message"),
    [
        ("cpu", 1, "fp16", "unknown precision 'fp16'. .*Known: .*bf16-mixed"),
        ("cuda0", 1, "32-true", "unknown accelerator 'cuda0'. Did you mean 'cuda'"),
        ("tpu", 1, "32-true", "cannot train with accelerator='tpu'"),
        ("cpu", 1, "16-mixed", "precision='16-mixed'.*not supported on CPU"),
    ],
)
def test_what_cannot_be_used_is_refused(accelerator, devices, precision, message):
    with pytest.raises(UsageError, match=message):
        make_fabric(accelerator, devices, precision)


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_a_device_that_is_not_there_is_refused():
    with pytest.raises(UsageError, match=r"cannot train with accelerator='cuda'.*not available"):
        make_fabric("cuda", 1, "32-true")


def test_the_devices_of_ranks():
    assert devices_of(1, "cuda") == [1]
    assert devices_of(2, "cuda") == [[0], [1]]
    assert devices_of([3], "cuda") == [[3]]
    assert devices_of(3, "cpu") == [1, 1, 1]
    for wrong in (0, -1, True, [], ["0"], "2", None, 1.5):
        with pytest.raises(UsageError, match="a number of devices, or a list of indices"):
            devices_of(wrong if wrong is not True else "True", "cpu")


class Devices:
    """Two devices of a kind that this machine has not."""

    def __init__(self) -> None:
        self.default_generators = tuple(torch.Generator().manual_seed(100 + n) for n in range(2))

    def init(self) -> None:
        pass

    def current_device(self) -> int:
        return 0


@pytest.fixture
def generators(monkeypatch):
    module = Devices()
    monkeypatch.setattr(torch, "get_device_module", lambda device: module)
    return module.default_generators


def drawn_by(generator):
    return torch.rand(3, generator=generator).tolist()


@pytest.mark.parametrize(("device", "own"), [("cuda:1", 1), ("cuda:0", 0), ("cuda", 0)])
def test_the_generator_of_the_device_itself_is_seeded(generators, device, own):
    before = [generator.get_state() for generator in generators]
    expected = drawn_by(torch.Generator().manual_seed(3))
    randomness = Randomness(3, device)
    with randomness.drawing():
        assert drawn_by(generators[own]) == expected
        assert torch.equal(generators[1 - own].get_state(), before[1 - own])
        state = randomness.state_dict()
        following = drawn_by(generators[own])
    assert all(torch.equal(g.get_state(), b) for g, b in zip(generators, before, strict=True))
    again = Randomness(4, device)
    again.load_state_dict(state)
    with again.drawing():
        assert drawn_by(generators[own]) == following


def test_a_fork_seeds_the_generators_of_the_network_alone(generators):
    network = torch.nn.Linear(1, 1, device="meta")
    network.parameters = lambda: [SimpleNamespace(device=torch.device("cuda:1"))]
    before = [torch.get_rng_state(), *(generator.get_state() for generator in generators)]
    with forked_rng(network, 3):
        assert drawn_by(generators[1]) == drawn_by(None) == drawn_by(torch.Generator().manual_seed(3))
        assert torch.equal(generators[0].get_state(), before[1])
    after = [torch.get_rng_state(), *(generator.get_state() for generator in generators)]
    assert all(torch.equal(a, b) for a, b in zip(after, before, strict=True))
