"""What the model card of a run's network says."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from archwright.durations import count_of
from archwright.experiments import Run, Stage, TaskConfig
from archwright.experiments.finalists import LONGER, ORIGINAL, REPEAT
from archwright.experiments.records import encode
from archwright.export import Card
from archwright.objectives import STANDARD_ERROR, Objective
from archwright.reports.classical import CLASSICAL_NAMES, classical_sentence
from archwright.reports.finalists import ensemble_note, how_long, training_note
from archwright.reports.provenance import size_text
from archwright.reports.summary import REFIT
from archwright.session.regularising import augmented
from archwright.session.specialised import Specialised
from archwright.supernets import METHODS
from archwright.trials import FidelityRange, Trial, TrialState

__all__ = ["card_of", "specialised_card"]

_NOT_CHOSEN = "This trial is not the one that the search chose, and was not tested."
_COUNTS = ("params", "flops")


def card_of(run: Run, trial: Trial) -> Card:
    """The card of a retrained trial.

    Args:
        run: Its run.
        trial: One of `run.retrained`, the winner, or what is delivered of it.
    """
    won = trial in (run.winner, run.delivered)
    metrics = (run.winner or trial).metrics if won else trial.metrics
    task, seed = run.config.task, run.config.recipe.seed
    notes = (ensemble_note(run), REFIT if run.is_refit else "") if won else (_NOT_CHOSEN,)
    classical = run.classical or {}
    return Card(
        name=run.name if won else f"{run.name}, trial {trial.number}",
        data=_data(task),
        split=task.split,
        preprocessing=task.steps,
        search=_search(run, won),
        training=_training(run, trial, won),
        cost=_cost(run, trial),
        params=_count(metrics, "params"),
        flops=_count(metrics, "flops"),
        seeds={"search": run.config.seed, "training in the search": seed, "retraining": seed + 1},
        versions=run.config.versions,
        validation=_scores(metrics),
        test=(run.test or {}) if won else {},
        baseline=run.baseline_test or {},
        others={
            **_given(run),
            **{CLASSICAL_NAMES.get(name, name): found["test"] for name, found in classical.items()},
        },
        comparison=" ".join(filter(None, [*training_note(run), classical_sentence(run)])) if won else "",
        caveats=[told for told in notes if told],
    )


def specialised_card(run: Run, limits: Sequence[Objective], found: Specialised) -> Card:
    """The card of a network that was taken from a run's supernet.

    Args:
        run: The run.
        limits: What it had to keep.
        found: The network, its scores, costs and what it is compared with.
    """
    task = run.config.task
    bounds = ", ".join(map(str, limits))
    return Card(
        name=f"{run.name}, specialised to {bounds}",
        data=_data(task),
        split=task.split,
        preprocessing=task.steps,
        search={
            "space": run.config.space.reference or run.config.space.name or "given as a Python object",
            **_supernet(run),
            "scores in the search": "by the supernet's shared weights",
            "limits": bounds,
            "measured": ", ".join(f"{name} {value:g}" for name, value in found.costs.items()),
            "chosen": "by evolution on a predictor of scores, then by validation among the best",
        },
        training={"weights": "the supernet's, as they are; the statistics of norms were taken anew"},
        cost={
            "training of the supernet": f"{sum(entry['seconds'] for entry in run.epochs):,.0f} s, for all limits",
            "finding this network": f"{found.seconds:,.1f} s",
        },
        seeds={"search": run.config.seed},
        versions=run.config.versions,
        validation=found.metrics,
        test=found.test,
        others={one.name: one.test for one in found.references},
        comparison=_references(found),
    )


def _references(found: Specialised) -> str:
    """What the networks that it was made smaller from cost."""
    told = [
        f"{one.name}: {', '.join(f'{name} {value:g}' for name, value in one.costs.items())}"
        for one in found.references
    ]
    return f"Made smaller from {'; '.join(told)}." if told else ""


def _data(task: TaskConfig) -> dict[str, object]:
    """What it learned from."""
    return {
        "task": task.name,
        "kind": task.kind,
        "one input": f"{task.input_type} of shape ({_listed(('batch', *task.input_shape))})"
        if task.input_shape
        else "several arguments; the heading of `model.py` shows the call",
        "outputs": task.outputs,
        "classes": ", ".join(task.classes),
    }


def _search(run: Run, won: bool) -> dict[str, object]:
    """How the network was found."""
    config = run.config
    states = [trial.state for trial in run.trials]
    bound = config.space.size_bound
    return {
        "space": config.space.reference or config.space.name or "given as a Python object",
        "architectures in it": size_text(bound),
        "strategy": config.strategy.name,
        **_supernet(run),
        "objectives": ", ".join(map(str, run.objectives)),
        "trials": ", ".join(f"{states.count(state)} {state}" for state in TrialState if state in states),
        "ended by": run.stop_reason,
        "fidelity": "" if config.fidelity == FidelityRange() else str(config.fidelity),
        "chosen": f"{run.won_by}, among {len(run.finalists)} finalists, by validation" if won else "by hand",
        "members": _members(run) if won else None,
        "command": f"`{config.command}`" if config.command else "from Python",
    }


def _training(run: Run, trial: Trial, won: bool) -> dict[str, object]:
    """How it was trained."""
    refit, recipe = won and run.is_refit, run.config.recipe
    if (variant := trial.number // REPEAT - LONGER) >= 0:  # of its epochs the best counted
        epochs = trial.candidate.effort.epochs
        recipe = augmented(recipe.replace(epochs=epochs, early_stopping=epochs), variant)
    return {
        **{name: value for name, value in encode(recipe).items() if name != "seed"},
        "data of the delivered weights": "training and validation data together" if refit else None,
        "their epochs": trial.candidate.effort.epochs if refit else None,
    }


def _given(run: Run) -> dict[str, Mapping[str, float]]:
    """The test scores of the network as it was given, by what it is called; empty where it won, or was none."""
    if ORIGINAL not in run.compared_test or run.won_by == ORIGINAL:
        return {}
    return {f"{ORIGINAL}, fine-tuned {how_long(run)}": run.compared_test[ORIGINAL]}


def _cost(run: Run, trial: Trial) -> dict[str, object]:
    """What it took."""
    from archwright.reports.provenance import expense_lines

    supernet = f"{sum(entry['seconds'] for entry in run.epochs):,.0f} s" if run.epochs else None
    return {
        "search and retraining": f"{run.seconds:,.0f} s of wall time, {run.config.executor.workers} at once",
        "training of the supernet": supernet,
        **dict(expense_lines(run)),
        f"last {Stage.RETRAIN}ing": f"{trial.measurement.seconds:,.0f} s" if trial.measurement else None,
    }


def _members(run: Run) -> str | None:
    """What an ensemble consists of."""
    if not run.ensemble_won or run.ensemble is None:
        return None
    told = [
        f"{member.name} ({', '.join(f'{a}={v}' for a, v in run.training(member).architecture.items()) or 'as it is'})"
        for member in run.ensemble.members
    ]
    return f"{'; '.join(told)}; selected by their validation loss together"


def _supernet(run: Run) -> dict[str, str]:
    """What a one-shot search did; empty for any other."""
    if not run.epochs:
        return {}
    strategy = run.config.strategy
    options = {name: value for name, value in strategy.options.items() if name != "epochs"}
    method = METHODS.get(strategy.name)
    return {
        **({"method": method.summary} if method else {}),
        **(
            {"its options": ", ".join(f"{name}={value}" for name, value in options.items())}
            if options
            else {}
        ),
        "supernet": f"trained once, {run.supernet_ended or count_of(len(run.epochs), 'epoch')}",
        "scores in the search": "by the supernet's shared weights; all scores here are of networks trained from "
        "scratch",
    }


def _listed(sizes: Iterable[object]) -> str:
    return ", ".join(map(str, sizes))


def _count(metrics: Mapping[str, float], name: str) -> int | None:
    return int(metrics[name]) if name in metrics else None


def _scores(metrics: Mapping[str, float]) -> dict[str, float]:
    return {
        name: value
        for name, value in metrics.items()
        if name not in _COUNTS and not name.endswith(STANDARD_ERROR)
    }
