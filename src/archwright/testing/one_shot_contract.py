"""What every one-shot method must keep."""

from __future__ import annotations

import copy
import io
import itertools
import math
from collections.abc import Callable
from typing import Any, ClassVar

import torch

from archwright.learning import Trainer
from archwright.spaces import Space
from archwright.supernets import OneShot, Supernet, train_epoch
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
        trainer = self._trainer()
        assert trainer.epoch == 0 < trainer.recipe.epochs
        measurement = train_epoch(trainer)
        before = {name: tensor.clone() for name, tensor in trainer.network.named_parameters()}
        assert trainer.epoch == 1
        assert "train_loss" in measurement.metrics
        assert all(math.isfinite(value) for value in measurement.metrics.values())
        fresh = dict(self._trainer().network.named_parameters())
        assert any(not torch.equal(tensor, before[name]) for name, tensor in fresh.items())

    def test_steps_are_told(self) -> None:
        """Who watches an epoch sees each of its steps, and none out of order."""
        seen: list[tuple[int, int]] = []
        train_epoch(self._trainer(), lambda step, steps: seen.append((step, steps)))
        steps = seen[0][1]
        assert seen == [(step + 1, steps) for step in range(steps)]

    def test_proposals_are_architectures_of_the_space_each_once(self) -> None:
        """Asking twice gives the same, and a longer list begins with the shorter one's architectures."""
        method = self._trained()
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
        method = self._trained()
        for address, labels in method.probabilities().items():
            decision = method.supernet.space.decisions[address]
            assert all(isinstance(label, str) for label in labels)
            assert all(0.0 <= p <= 1.0 + 1e-6 for p in labels.values())
            if not decision.several:
                assert math.isclose(sum(labels.values()), 1.0, abs_tol=1e-4)

    def test_the_callers_random_numbers_are_left_alone(self) -> None:
        """And they have no influence: the same seed gives the same numbers."""
        trainer = self._trainer()
        torch.manual_seed(1)
        state = torch.get_rng_state()
        metrics = train_epoch(trainer).metrics
        assert torch.equal(torch.get_rng_state(), state)
        other = self._trainer()
        torch.manual_seed(2)
        assert train_epoch(other).metrics == metrics

    def test_a_state_of_any_moment_goes_on_to_the_last_bit(self) -> None:
        """Through a file that is read as data only, in mid-epoch too, into a supernet that had other weights."""
        straight = self._trainer()
        states: list[bytes] = []
        with straight.randomness.drawing():
            for event in straight.run(2):
                if event.kind == "epoch" or event.step in (1, event.steps // 2, event.steps - 1):
                    states += [_packed(straight.state_dict())]
        wanted = _listed(straight.state_dict()), self._told(straight)
        for state in states:
            torch.manual_seed(7)
            resumed = self._trainer(weights=5)
            resumed.load_state_dict(torch.load(io.BytesIO(state), weights_only=True))
            with resumed.randomness.drawing():
                for _ in resumed.run(2):
                    pass
            assert (_listed(resumed.state_dict()), self._told(resumed)) == wanted

    def test_a_state_can_be_loaded_twice(self) -> None:
        """Loading it, and training on from it, leaves it as it is."""
        trainer = self._trainer()
        train_epoch(trainer)
        state = copy.deepcopy(trainer.state_dict())
        metrics = train_epoch(trainer).metrics
        for _ in range(2):
            again = self._trainer(weights=5)
            again.load_state_dict(state)
            assert train_epoch(again).metrics == metrics

    def test_a_method_that_was_used_begins_anew(self) -> None:
        """A second search with the same object gives what the first gave."""
        method: Any = type(self).make(3)
        found = []
        for _ in range(2):
            trainer = self._trainer(method=method)
            measured = [train_epoch(trainer).metrics for _ in range(trainer.recipe.epochs)]
            found.append((measured, _listed(trainer.state_dict()), self._told(trainer)))
        assert found[0] == found[1]

    def test_a_proposal_can_be_extracted(self) -> None:
        """The plain network gives what the supernet gives on that path."""
        method = self._trained()
        architecture = method.derive(1)[0]
        supernet = method.supernet.eval()
        args, kwargs = type(self).make_task().example_arguments()
        with torch.no_grad(), supernet.on(architecture):
            torch.testing.assert_close(
                supernet.extract(architecture)(*args, **kwargs), supernet(*args, **kwargs)
            )

    def _trainer(self, weights: int = 0, method: Any = None) -> Trainer:
        method = type(self).make(3) if method is None else method
        task = type(self).make_task()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(weights)
            supernet = Supernet(type(self).make_space(), task.example_arguments())
            made: Trainer = method.trainer(supernet, task, accelerator="cpu")
        return made

    def _trained(self) -> OneShot:
        """A method after an epoch."""
        trainer = self._trainer()
        train_epoch(trainer)
        assert isinstance(trainer.step, OneShot)
        return trainer.step

    def _told(self, trainer: Trainer) -> tuple[Any, Any]:
        """What is preferred and proposed."""
        assert isinstance(trainer.step, OneShot)
        return trainer.step.probabilities(), list(itertools.islice(trainer.step.proposals(), 3))


def _packed(state: dict[str, Any]) -> bytes:
    file = io.BytesIO()
    torch.save(state, file)
    return file.getvalue()


def _listed(state: Any) -> Any:
    """A state with its tensors as lists, so that it can be compared."""
    if isinstance(state, torch.Tensor):
        return str(state.dtype), state.tolist()
    if isinstance(state, dict):
        return {key: _listed(value) for key, value in state.items()}
    return [_listed(value) for value in state] if isinstance(state, list | tuple) else state
