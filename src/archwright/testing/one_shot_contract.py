"""What every one-shot method must keep."""

from __future__ import annotations

import io
import itertools
import math
from collections.abc import Callable
from typing import Any, ClassVar

import torch

from archwright.spaces import Space
from archwright.supernets import OneShot, Supernet
from archwright.tasks import Task
from archwright.testing.known_best import known_best_space, known_best_task

__all__ = ["OneShotContract"]

_EXAMPLES = 160


class OneShotContract:
    """Tests of a one-shot method on a small space and task.

    Attributes:
        make: A function of a seed that makes the method, of at least two short epochs.
        make_space: A function without arguments that makes the space.
        make_task: A function without arguments that makes the task.
    """

    make: ClassVar[Callable[[int], OneShot]]
    make_space: ClassVar[Callable[[], Space]] = staticmethod(known_best_space)
    make_task: ClassVar[Callable[[], Task]] = staticmethod(lambda: known_best_task(0, examples=_EXAMPLES))

    def test_an_epoch_trains_and_measures(self) -> None:
        """The weights move, the loss and all else that is measured are finite, and the epoch is counted."""
        method = self._made()
        before = {name: tensor.clone() for name, tensor in method.supernet.named_parameters()}
        assert method.done == 0 < method.epochs
        measurement = method.epoch()
        assert method.done == 1
        assert "train_loss" in measurement.metrics
        assert all(math.isfinite(value) for value in measurement.metrics.values())
        after = dict(method.supernet.named_parameters())
        assert any(not torch.equal(tensor, after[name]) for name, tensor in before.items())

    def test_steps_are_told(self) -> None:
        """Who watches an epoch sees its last step, and none out of order."""
        method = self._made()
        seen: list[tuple[int, int]] = []
        method.on_step = lambda step, steps: seen.append((step, steps))
        method.epoch()
        assert seen == sorted(seen)
        assert seen[-1][0] == seen[-1][1]

    def test_proposals_are_architectures_of_the_space_each_once(self) -> None:
        """Asking twice gives the same, and a longer list begins with the shorter one's architectures."""
        method = self._made()
        method.epoch()
        space = type(self).make_space()
        first = list(itertools.islice(method.proposals(), 4))
        assert first
        assert all(space.contains(architecture) for architecture in first)
        assert len({space.canonical(architecture) for architecture in first}) == len(first)
        assert list(itertools.islice(method.proposals(), 4)) == first
        derived = method.derive(2)
        assert len(derived) == min(2, len(first))
        assert all(space.contains(architecture) for architecture in derived)

    def test_probabilities_are_those_of_values(self) -> None:
        """Of each choice they sum to one; labels are texts, since a report reads them."""
        method = self._made()
        method.epoch()
        for address, labels in method.probabilities().items():
            decision = method.supernet.space.decisions[address]
            assert all(isinstance(label, str) for label in labels)
            assert all(0.0 <= p <= 1.0 + 1e-6 for p in labels.values())
            if not decision.several:
                assert math.isclose(sum(labels.values()), 1.0, abs_tol=1e-4)

    def test_the_callers_random_numbers_are_left_alone(self) -> None:
        """And they have no influence: the same seed gives the same numbers."""
        method = self._made()
        torch.manual_seed(1)
        state = torch.get_rng_state()
        metrics = method.epoch().metrics
        assert torch.equal(torch.get_rng_state(), state)
        other = self._made()
        torch.manual_seed(2)
        assert other.epoch().metrics == metrics

    def test_a_saved_state_goes_on_to_the_last_bit(self) -> None:
        """Through a file that is read as data only, into a method whose supernet had other weights."""
        straight = self._made()
        straight.epoch()
        file = io.BytesIO()
        torch.save(straight.state_dict(), file)
        file.seek(0)
        resumed = self._made(weights=5)
        resumed.load_state_dict(torch.load(file, weights_only=True))
        assert resumed.done == 1
        assert resumed.epoch().metrics == straight.epoch().metrics
        assert resumed.probabilities() == straight.probabilities()
        first, second = straight.supernet.state_dict(), resumed.supernet.state_dict()
        assert all(torch.equal(tensor, second[name]) for name, tensor in first.items())

    def test_a_state_is_a_picture(self) -> None:
        """It stays what it was while the method trains on, and can be loaded twice."""
        method = self._made()
        method.epoch()
        state = method.state_dict()
        metrics = method.epoch().metrics
        for _ in range(2):
            again = self._made(weights=5)
            again.load_state_dict(state)
            assert again.epoch().metrics == metrics

    def test_a_proposal_can_be_extracted(self) -> None:
        """The plain network gives what the supernet gives on that path."""
        method = self._made()
        method.epoch()
        architecture = method.derive(1)[0]
        supernet = method.supernet.eval()
        args, kwargs = type(self).make_task().example_arguments()
        with torch.no_grad(), supernet.on(architecture):
            torch.testing.assert_close(
                supernet.extract(architecture)(*args, **kwargs), supernet(*args, **kwargs)
            )

    def _made(self, weights: int = 0) -> OneShot:
        method: Any = type(self).make(3)
        task = type(self).make_task()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(weights)
            supernet = Supernet(type(self).make_space(), task.example_arguments())
        method.setup(supernet, task)
        return method  # type: ignore[no-any-return]
