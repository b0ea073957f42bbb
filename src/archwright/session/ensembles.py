"""The stage after the choice: the best trainings of the finalists become one network."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from archwright.durations import count_of
from archwright.errors import TaskError
from archwright.experiments import Run, Stage
from archwright.experiments.checkpoints import load_weights, rebuilt, save_weights
from archwright.experiments.ensembles import Ensemble, Member, select_members
from archwright.experiments.finalists import MEMBERS, REPEAT
from archwright.experiments.records import encode
from archwright.objectives import is_feasible, measure_by, measure_cheap, optimized
from archwright.session.contestants import ensemble_space, finalist_space
from archwright.session.context import RunContext
from archwright.spaces import Architecture
from archwright.spaces.zoo.blocks.ensembles import AVERAGING
from archwright.tasks import Part
from archwright.tasks.batches import evaluation_plan
from archwright.trials import Candidate, Measurement, Trial, TrialState

__all__ = ["REFIT", "TESTED", "assemble", "form_ensemble"]

_BEATEN = 0.9
"""Above this probability that the chosen network is better, a finalist's trainings are not counted on."""

TESTED, REFIT = 0, 1
"""The number in `ENSEMBLE` of what is tested, and of the same with the weights of members that were refit."""


def form_ensemble(context: RunContext) -> bool:
    """Select the members of the ensemble among all trainings on the task's own split; False when asked to stop.

    Where there are fewer trainings than members, the chosen network is trained again from other seeds, as far as the
    time reaches. The ensemble is not delivered where it does not keep the limits, or is worse by validation than a
    network made by hand. That it may be a little behind the chosen network's score does not count: that is the best of
    several trainings, and the ensemble's loss is smaller.
    """
    if not _train_more(context):
        return False
    run, store = context.run(), context.store
    assert run.choice is not None
    pool = _pool(run)
    before = run.ensemble
    if before is not None and before.pool == pool and before.asked == context.config.ensemble:
        return True
    store.set_fact("ensemble", None)
    store.set_fact("test", None)
    single = next(m for m in pool if (m.stage, m.number) == (run.choice.stage, run.choice.number))
    selected = _selected(context, run, pool, pool.index(single))
    ensemble = Ensemble(
        members=selected,
        averaging=context.task.averaging,
        pool=pool,
        asked=context.config.ensemble,
        single=run.training(single).metrics,
    )
    told: str | None
    if len(selected) == 1:
        told = "the chosen network is delivered alone: no other training makes its validation loss less"
    else:
        measured = assemble(context, ensemble, TESTED)
        ensemble = replace(ensemble, validation=measured.metrics)
        told = _why_not(context, run, ensemble, measured)
    if told is None and len(selected) < context.config.ensemble:
        context.experiment.say(
            f"the ensemble has {len(selected)} of {len(pool)} trainings: more of them have no smaller validation loss"
        )
    if told is not None:
        context.experiment.say(told)
    store.set_fact("ensemble", encode(replace(ensemble, refused=told)))
    return True


def assemble(context: RunContext, ensemble: Ensemble, number: int) -> Trial:
    """Join the weights of the members in one file, and measure their network.

    Args:
        context: The run.
        ensemble: Its members.
        number: `TESTED`, or `REFIT` for the weights of the members' trainings on more data.

    Returns:
        The trial, as it is in the store.
    """
    run, store, task = context.run(), context.store, context.task
    space = ensemble_space(run, ensemble, context.space, context.contestants)
    trial = Trial(number, Candidate(Architecture({})), started=time.time())
    store.start(trial, Stage.ENSEMBLE)
    example = task.example_arguments()
    network: nn.Module = space.build(trial.architecture, example)
    parts = [run.training(m) if number == TESTED else run.refit_of(m) for m in ensemble.members]
    for part, training in zip(network.get_submodule("members").children(), parts, strict=True):
        assert training is not None
        assert training.measurement is not None
        load_weights(part, context.folder / training.measurement.artifacts["weights"])
    path = Path("checkpoints") / f"{Stage.ENSEMBLE}-{number}.safetensors"
    save_weights(network, context.folder / path)
    metrics = context.training(space).test(network, "validation") | measure_cheap(network, example)
    if any(objective.name == "seconds" for objective in context.config.objectives):
        metrics["seconds"] = sum((training.seconds or 0.0) for training in parts if training)
    meters = {o.name: m for o in context.config.objectives if (m := o.load_meter()) and o.name not in metrics}
    metrics |= measure_by(meters, network, example)
    measured = Measurement(metrics, (), max(0.0, time.time() - trial.started), {"weights": path.as_posix()})
    trial = replace(trial, state=TrialState.COMPLETED, measurement=measured, finished=time.time())
    store.finish(trial, Stage.ENSEMBLE)
    return trial


def _pool(run: Run) -> tuple[Member, ...]:
    """All trainings on the task's own split that keep the limits."""
    return tuple(
        Member(stage=str(finalist.stage), number=trial.number, name=finalist.name)
        for finalist in run.finalists
        for trial in finalist.on_own_split.values()
        if is_feasible(trial, run.config.objectives)
    )


def _train_more(context: RunContext) -> bool:
    """Train the chosen network from other seeds until there are as many trainings as members, or no time is left."""
    run, slots = context.run(), context.executor.slots
    assert run.choice is not None
    place, stage = run.choice.number % REPEAT, Stage(run.choice.stage)
    chosen = next(f for f in run.finalists if (f.stage, f.number) == (stage, place))
    assert chosen.first is not None
    beaten = {c.name for c in run.choice.comparisons if c.probability is not None and c.probability > _BEATEN}
    able = [member for member in _pool(run) if member.name not in beaten]
    done = sum(repeat >= MEMBERS for repeat in chosen.trials)
    missing = asked = context.config.ensemble - len(able) + done
    if context.members_deadline is not None:
        rounds = (context.members_deadline - time.time()) / (1.1 * (chosen.first.seconds or 1e-3))
        missing = min(asked, done + int(max(0.0, rounds)) * slots)
    if missing < asked:
        context.experiment.say(
            f"ensemble: {count_of(asked - missing, 'further training')} of {chosen.name} would not end in time"
        )
    if missing > 0:
        effort = chosen.first.candidate.effort
        wanted = {
            REPEAT * repeat + place: replace(
                chosen.first.candidate, fidelity=replace(effort, replicate=repeat, folds=None)
            )
            for repeat in range(MEMBERS, MEMBERS + missing)
        }
        for trial in context.experiment.run_all(stage, wanted):
            if trial.error:
                context.experiment.say(f"a training for the ensemble failed: {trial.error.splitlines()[0]}")
    return not context.interrupts.asked


def _selected(context: RunContext, run: Run, pool: Sequence[Member], first: int) -> tuple[Member, ...]:
    """Select by the loss on the validation data, or by the first objective where the task gives no loss.

    A loss moves with every example, and so tells members apart that make the same mistakes.
    """
    task, objective = context.task, optimized(context.config.objectives)[0]
    average = AVERAGING[task.averaging]().average
    known = [_outputs(context, run, member) for member in pool]

    def score(places: Sequence[int]) -> float:
        replayed = _Replayed([average(outputs) for outputs in zip(*(known[i] for i in places), strict=True)])
        found = task.evaluate(replayed, Part("validation"), evaluation_plan(torch.device("cpu")))
        return found["loss"] if "loss" in found else objective.loss(found[objective.name])

    places = select_members(first, context.config.ensemble, len(pool), score)
    return tuple(pool[place] for place in places)


def _outputs(context: RunContext, run: Run, member: Member) -> list[Tensor]:
    """What a member says of each batch of the validation data, on the CPU."""
    space = finalist_space(context.space, context.contestants, member)
    recorded = _Recorded(rebuilt(space, context.task, run.training(member), context.folder))
    context.training(space).test(recorded, "validation")
    return recorded.outputs


def _why_not(context: RunContext, run: Run, ensemble: Ensemble, trial: Trial) -> str | None:
    """Why an ensemble is not delivered; None where it is."""
    objectives = context.config.objectives
    over = [o for o in objectives if o.name in trial.metrics and o.violation(trial.metrics[o.name]) > 0]
    if over:
        told = ", ".join(f"{o.name} {trial.metrics[o.name]:,.6g}, and {o} is asked for" for o in over)
        return f"the chosen network is delivered alone: {ensemble.name} has {told}"
    first = optimized(objectives)[0]
    both = trial.metrics[first.name]
    for finalist in run.finalists:
        if finalist.stage is not Stage.BASELINE or finalist.first is None:
            continue
        alone = finalist.first.metrics[first.name]
        if first.loss(both) > first.loss(alone):
            return (
                f"the chosen network is delivered alone: {ensemble.name} has the validation {first.name} {both:.4f}, "
                f"and {finalist.name} has {alone:.4f}"
            )
    return None


class _Recorded(nn.Module):
    """A network whose outputs are kept as they come."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network
        self.outputs: list[Tensor] = []

    def forward(self, *args: Any, **kwargs: Any) -> Tensor:
        """What the network says.

        Raises:
            TaskError: When that is no tensor, so that no mean of it can be taken.
        """
        found = self.network(*args, **kwargs)
        if not isinstance(found, Tensor):
            raise TaskError(f"ensemble: expected networks that give a tensor, got {type(found).__name__}")
        self.outputs.append(found.detach().float().cpu())
        return found


class _Replayed(nn.Module):
    """What was said of each batch, in the same order again."""

    def __init__(self, outputs: Sequence[Tensor]) -> None:
        super().__init__()
        self.left = iter(outputs)

    def forward(self, *args: Any, **kwargs: Any) -> Tensor:
        """What was said of the next batch."""
        return next(self.left)
