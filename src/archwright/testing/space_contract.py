"""What every search space must keep."""

from __future__ import annotations

import itertools
import json
import math
import pickle
from collections.abc import Callable
from random import Random
from typing import TYPE_CHECKING, ClassVar, cast

import cloudpickle
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from archwright.errors import SpaceError
from archwright.spaces import Architecture, Decision, ResolvedCall, Space, resolve

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["NetworkSpaceContract", "SpaceContract"]

_COUNTABLE = 20_000
_SOME = 1_000

_properties = settings(
    deadline=None,
    max_examples=25,
    suppress_health_check=[HealthCheck.differing_executors, HealthCheck.too_slow],
)
_seeds = st.integers(0, 2**32 - 1)


class SpaceContract:
    """Tests of a search space: sampling, variation, codes and records.

    Attributes:
        make: A function without arguments that makes the space.
    """

    make: ClassVar[Callable[[], Space]]
    _space: ClassVar[Space]

    @classmethod
    def space(cls) -> Space:
        """The space, made once for all tests of a class."""
        if "_space" not in cls.__dict__:
            cls._space = cls.make()
        return cls._space

    @_properties
    @given(seed=_seeds)
    def test_samples_are_contained_and_repeatable(self, seed: int) -> None:
        """A sample is in the space; the same seed gives the same one."""
        space = self.space()
        architecture = space.sample(seed)
        assert space.contains(architecture)
        assert space.architecture(architecture) == architecture
        assert space.sample(seed) == architecture

    @_properties
    @given(seed=_seeds)
    def test_decode_is_the_inverse_of_encode(self, seed: int) -> None:
        """A code has a fixed length and numbers in [0, 1], or -1; decoding it gives the architecture back."""
        space = self.space()
        architecture = space.sample(seed)
        code = space.encode(architecture)
        assert code.shape == (space.columns,)
        assert all(0.0 <= number <= 1.0 or number == -1.0 for number in code)
        assert space.decode(code) == architecture

    @_properties
    @given(seed=_seeds)
    def test_neighbors_are_contained_and_differ(self, seed: int) -> None:
        """Each neighbour is in the space, is another network, and stands there once."""
        space = self.space()
        architecture = space.sample(seed)
        neighbors = space.neighbors(architecture)
        canonical = {space.canonical(neighbor) for neighbor in neighbors}
        assert all(space.contains(neighbor) for neighbor in neighbors)
        assert space.canonical(architecture) not in canonical
        assert len(canonical) == len(neighbors)
        assert space.neighbors(architecture) == neighbors

    @_properties
    @given(seed=_seeds)
    def test_a_mutant_is_contained_and_differs(self, seed: int) -> None:
        """Mutation gives another network of the space, or says that none is one decision away."""
        space = self.space()
        architecture = space.sample(seed)
        try:
            mutant = space.mutate(architecture, seed)
        except SpaceError:
            assert not space.neighbors(architecture)
            return
        assert space.contains(mutant)
        assert space.canonical(mutant) != space.canonical(architecture)
        assert space.mutate(architecture, seed) == mutant

    @_properties
    @given(seed=_seeds)
    def test_a_cross_is_contained_and_made_of_its_parents(self, seed: int) -> None:
        """Each value comes from a parent that has the decision, unless it is made of parts of both.

        A cross with itself changes nothing.
        """
        space = self.space()
        random = Random(seed)
        first, second = space.sample(random), space.sample(random)
        child = space.crossover(first, second, random)
        assert space.contains(child)
        for address, value in child.items():
            given_by = [parent[address] for parent in (first, second) if address in parent]
            is_whole = type(space.decisions[address]).crossover is Decision.crossover
            assert not given_by or not is_whole or value in given_by
        assert space.crossover(first, first, random) == first

    def test_size_is_the_count_of_the_iteration(self) -> None:
        """The iteration gives every canonical form once, in a fixed order, as many as `size` says.

        A space of more than 20,000 raw combinations is looked at up to its 1,000th architecture; one that has
        no end cannot be iterated over.
        """
        space = self.space()
        if space.size_bound == math.inf:
            with pytest.raises(SpaceError):
                list(space)
            return
        is_whole = space.size_bound <= _COUNTABLE
        most = None if is_whole else _SOME
        listed = list(itertools.islice(space, most))
        known = {space.canonical(architecture) for architecture in listed}
        assert len(known) == len(listed)
        assert all(space.contains(architecture) for architecture in listed)
        assert list(itertools.islice(space, most)) == listed
        if is_whole:
            assert len(listed) == space.size
            assert all(space.canonical(space.sample(seed)) in known for seed in range(50))

    def test_size_is_a_whole_number_or_infinite(self) -> None:
        """Never rounded: an int however large, and `math.inf` only where there is no end."""
        space = self.space()
        assert isinstance(space.size_bound, int) or space.size_bound == math.inf
        assert space.size_bound >= 1

    @_properties
    @given(seed=_seeds)
    def test_equal_architectures_have_equal_canonical_forms(self, seed: int) -> None:
        """The canonical form is hashable, and does not depend on the order of the values."""
        space = self.space()
        architecture = space.sample(seed)
        turned = Architecture(dict(reversed(list(architecture.items()))))
        assert turned == architecture
        assert hash(turned) == hash(architecture)
        assert space.canonical(turned) == space.canonical(architecture)
        assert hash(space.canonical(turned)) == hash(space.canonical(architecture))

    @_properties
    @given(seed=_seeds)
    def test_an_architecture_survives_json_and_pickle(self, seed: int) -> None:
        """What comes back is equal, and in the space."""
        space = self.space()
        architecture = space.sample(seed)
        text = json.dumps(architecture.to_json(), allow_nan=False)
        read = Architecture.from_json(json.loads(text))
        assert read == architecture
        assert space.contains(read)
        assert pickle.loads(pickle.dumps(architecture)) == architecture

    def test_the_space_survives_pickling(self) -> None:
        """In the way in which it is sent to worker processes; it samples and encodes as before."""
        space = self.space()
        copy = cast("Space", pickle.loads(cloudpickle.dumps(space)))
        assert copy.digest == space.digest
        assert list(copy.decisions) == list(space.decisions)
        for seed in range(10):
            architecture = space.sample(seed)
            assert copy.sample(seed) == architecture
            assert (copy.encode(architecture) == space.encode(architecture)).all()

    def test_two_makings_are_the_same_space(self) -> None:
        """Nothing in it depends on the moment: addresses, digest and samples are equal."""
        space = self.space()
        again = type(self).make()
        assert again.digest == space.digest
        assert again.sample(1) == space.sample(1)

    def test_what_does_not_belong_is_refused(self) -> None:
        """An unknown address, a missing value, a foreign value."""
        space = self.space()
        architecture = space.sample(0)
        address = next(iter(architecture))
        rest = {a: v for a, v in architecture.items() if a != address}
        assert not space.contains({**architecture, "no such address": 1})
        assert not space.contains(rest)
        assert not space.contains({**rest, address: "no such value"})

    @_properties
    @given(seed=_seeds)
    def test_every_sample_resolves_to_calls(self, seed: int) -> None:
        """Its network is a tree of calls with no decision left, and can be drawn."""
        space = self.space()
        architecture = space.sample(seed)
        root = resolve(space, architecture)
        assert isinstance(root, ResolvedCall)
        assert len(space.graph(architecture).nodes) >= 1
        json.dumps(space.describe(), allow_nan=False)


class NetworkSpaceContract(SpaceContract):
    """The tests of a search space, and that its networks are built and run.

    Attributes:
        example: A function without arguments that gives a batch of inputs, shape (N, ...).
        outputs: The shape that a network's output must have for the example.
    """

    example: ClassVar[Callable[[], Tensor]]
    outputs: ClassVar[tuple[int, ...]]

    def test_samples_build_and_run(self) -> None:
        """Networks of several samples take the example, and give finite outputs of the stated shape."""
        import torch

        space, example = self.space(), type(self).example()
        for seed in range(5):
            network = space.build(space.sample(seed), example).eval()
            with torch.no_grad():
                output = network(example)
            assert tuple(output.shape) == tuple(self.outputs)
            assert torch.isfinite(output).all()
