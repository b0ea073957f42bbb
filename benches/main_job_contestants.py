"""What `main_job.py` compares: each contestant learns a task's rows in so many seconds of processor time.

A contestant is a function of a task, seconds and a seed. It gives "test", the task's metric on the test part, and where
it is there "validation", "params" and what else is to be told.
"""

from __future__ import annotations

import contextlib
import copy
import importlib.util
import io
import tempfile
import time
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader

import archwright as aw
from archwright.estimators import Recipe
from archwright.estimators.cost import time_training
from archwright.estimators.training import Training
from archwright.spaces.zoo import baseline
from archwright.tasks import Task
from archwright.tasks.classical import classical_scores, is_table
from archwright.trials import Candidate

__all__ = ["CONTESTANTS", "count_processor_time"]

Found = dict[str, Any]
FORMER: Mapping[str, Any] = {"strategy": "bayesian", "strategy_options": {"initial": 10}}
"""The default of former versions where no number of trials was given."""


def count_processor_time() -> None:
    """Let all clocks of this process count its processor time, so that what else the machine does changes nothing.

    Archwright's minutes, too, are then seconds of processor time: trials have to run in this process. Called before
    anything else, after what is imported late has been.
    """
    begun, clock = time.time(), time.process_time
    time.time = lambda: begun + clock()
    time.perf_counter = time.monotonic = clock


def archwright(task: Task, seconds: float, seed: int, **options: Any) -> Found:
    """The main job with its default search, or another one; at no more parameters than the hand-made network."""
    limits = []
    if len(task.input_shape) == 3:
        hand_made = baseline(task).build(baseline(task).default)
        limits = [f"params<={sum(p.numel() for p in hand_made.parameters())}"]
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = aw.search(
            None,
            task,
            **options,
            objectives=[task.metric, *limits],
            budget=aw.Budget(minutes=seconds / 60),
            seed=seed,
            workers=1,
            accelerator="cpu",
            onnx=False,
            progress=False,
            out=Path(folder) / "run",
        )
        run = found.run
        assert run.choice is not None
        assert run.test is not None
        assert run.winner is not None
        hand_made = next((one for one in run.choice.comparisons if "hand-made" in one.name), None)
        return {
            "test": run.test[task.metric],
            "validation": run.choice.mean,
            "params": run.winner.metrics["params"],
            "winner": run.choice.name,
            "trials": len(run.trials),
            "networks": len({str(t.candidate.architecture) for t in run.trials}),
            "repeats": run.choice.repeats,
            "baseline_test": (run.baseline_test or {}).get(task.metric),
            "difference": hand_made and hand_made.difference,
            "probability": hand_made and hand_made.probability,
            "log": [text for _, text in run.messages],
        }


def hand_made(task: Task, seconds: float, seed: int) -> Found:
    """The hand-made network, trained for all of the seconds; of its epochs the best by validation is kept."""
    space = baseline(task)
    recipe = Recipe(seed=seed)
    cost = time_training(
        Training(space, task, recipe, accelerator="cpu", threads=1), Candidate(space.default)
    )
    left = 0.95 * seconds - time.process_time()
    epochs = max(1, int(left * recipe.epochs / cost.seconds))
    recipe = recipe.replace(epochs=epochs, early_stopping=epochs)
    return {"epochs": epochs, **_trained(Training(space, task, recipe, accelerator="cpu", threads=1))}


def _trained(training: Training) -> Found:
    network, measured = training.fit(Candidate(training.space.default))
    return {
        "test": training.test(network)[training.task.metric],
        "validation": measured.metrics[training.task.metric],
        "params": measured.metrics["params"],
    }


def optuna_objective(task: Task, seconds: float, seed: int) -> Found:
    """An objective written by hand for Optuna's defaults, with its median pruner; ten epochs a trial."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    scorer = Training(baseline(task), task, Recipe(), accelerator="cpu", threads=1)
    best: Found = {"validation": -np.inf}

    def objective(trial: optuna.Trial) -> float:
        torch.manual_seed(seed * 1000 + trial.number)
        network = _network(trial, task)
        rate = trial.suggest_float("lr", 1e-4, 1e-2, log=True)
        optimizer = torch.optim.Adam(network.parameters(), lr=rate)
        batches = DataLoader(task.train, trial.suggest_categorical("batch", [32, 64, 128]), shuffle=True)
        loss = nn.MSELoss() if task.kind == "regression" else nn.CrossEntropyLoss()
        for epoch in range(10):
            network.train()
            for inputs, targets in batches:
                if len(inputs) < 2:
                    continue
                optimizer.zero_grad()
                loss(network(inputs), targets).backward()
                optimizer.step()
            score = _score(task, network, task.validation)
            if score > best["validation"]:
                params = sum(p.numel() for p in network.parameters())
                best.update(validation=score, params=params, network=copy.deepcopy(network).eval())
            trial.report(score, epoch)
            if trial.number and time.process_time() > 0.97 * seconds:
                raise optuna.TrialPruned
            if trial.should_prune():
                raise optuna.TrialPruned
        return score

    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=seed))
    while not study.trials or time.process_time() < 0.97 * seconds:
        study.optimize(objective, n_trials=1)
    best["test"] = scorer.test(best.pop("network"))[task.metric]
    return {**best, "trials": len(study.trials)}


def _score(task: Task, network: nn.Module, part: Any) -> float:
    network.eval()
    with torch.no_grad():
        batches = [(network(inputs), targets) for inputs, targets in DataLoader(part, 500)]
    outputs, targets = (torch.cat(both) for both in zip(*batches, strict=True))
    return float(task.scores(outputs, targets)[task.metric])


def _network(trial: Any, task: Task) -> nn.Module:
    shape, outputs = task.input_shape, task.outputs
    layers: list[nn.Module] = []
    if len(shape) == 1:
        width = shape[0]
        drop = trial.suggest_float("dropout", 0.0, 0.5)
        for i in range(trial.suggest_int("layers", 1, 4)):
            wider = trial.suggest_int(f"units_{i}", 16, 256, log=True)
            layers += [nn.Linear(width, wider), nn.ReLU(), nn.Dropout(drop)]
            width = wider
        return nn.Sequential(*layers, nn.Linear(width, outputs))
    convolution, norm, pool, mean = (
        (nn.Conv1d, nn.BatchNorm1d, nn.MaxPool1d, nn.AdaptiveAvgPool1d)
        if len(shape) == 2
        else (nn.Conv2d, nn.BatchNorm2d, nn.MaxPool2d, nn.AdaptiveAvgPool2d)
    )
    channels, side = shape[0], min(shape[1:])
    kernel = trial.suggest_categorical("kernel", [3, 5])
    for i in range(trial.suggest_int("layers", 2, 4)):
        wider = trial.suggest_int(f"channels_{i}", 16, 128, log=True)
        layers += [convolution(channels, wider, kernel, padding=kernel // 2), norm(wider), nn.ReLU()]
        if side >= 4:
            layers.append(pool(2))
            side //= 2
        channels = wider
    drop = trial.suggest_float("dropout", 0.0, 0.5)
    return nn.Sequential(*layers, mean(1), nn.Flatten(), nn.Dropout(drop), nn.Linear(channels, outputs))


def autokeras(task: Task, seconds: float, seed: int) -> Found | None:
    """AutoKeras' classifier of pictures, where that is installed: trials of ten epochs until the time is over.

    The epoch that was best on the validation data is tested. Networks that need weights from the internet fail where
    there is none; the search goes on without them. It runs on torch with `KERAS_BACKEND=torch`.
    """
    if importlib.util.find_spec("autokeras") is None or len(task.input_shape) != 3:
        return None
    import autokeras
    import keras
    import keras_tuner

    keras.utils.set_random_seed(seed)
    parts = [_arrays(part) for part in (task.train, task.validation, task.test)]
    (inputs, targets), judged, (seen, wanted) = [(x.transpose(0, 2, 3, 1), y) for x, y in parts]
    best: Found = {"validation": -np.inf}

    class Watch(keras.callbacks.Callback):
        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            if time.process_time() > 0.95 * seconds and "model" in best:
                raise keras_tuner.errors.FatalError("the time is over")

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            if (reached := (logs or {}).get("val_accuracy", -np.inf)) > best["validation"]:
                best.update(validation=float(reached), model=self.model, weights=self.model.get_weights())

    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stderr(io.StringIO()):
        search = autokeras.ImageClassifier(max_trials=100, seed=seed, directory=folder, overwrite=True)
        search.tuner.oracle.max_consecutive_failed_trials = 100
        with contextlib.suppress(keras_tuner.errors.FatalError):
            search.fit(inputs, targets, validation_data=judged, epochs=10, verbose=0, callbacks=[Watch()])
        network = best.pop("model")
        network.set_weights(best.pop("weights"))
        test = float((network.predict(seen, verbose=0).argmax(1) == wanted).mean())
        return {**best, "test": test, "params": int(network.count_params())}


def _arrays(part: Any) -> tuple[Any, Any]:
    pairs = [part[i] for i in range(len(part))]
    return np.stack([np.asarray(x) for x, _ in pairs]), np.stack([np.asarray(y) for _, y in pairs])


def classical(model: str) -> Callable[[Task, float, int], Found | None]:
    """A model of scikit-learn with its defaults, on a table's prepared rows."""

    def contestant(task: Task, seconds: float, seed: int) -> Found | None:
        if not is_table(task):
            return None
        wanted = model
        if model == "linear":
            wanted = "linear_regression" if task.kind == "regression" else "logistic_regression"
        found = classical_scores(task, wanted)
        return {part: found[part][task.metric] for part in ("test", "validation")}

    return contestant


def perceptron(task: Task, seconds: float, seed: int) -> Found | None:
    """scikit-learn's MLP with its defaults, its targets standardised as the networks' are."""
    from sklearn.neural_network import MLPClassifier, MLPRegressor
    from sklearn.preprocessing import OneHotEncoder

    if not is_table(task):
        return None
    rows, targets = zip(*(map(np.asarray, part.tensors) for part in (task.train, task.test)), strict=True)
    codes = [i for i, count in enumerate(task.cardinalities) if count]
    if codes:
        encoder = OneHotEncoder(handle_unknown="ignore", sparse_output=False).fit(rows[0][:, codes])
        rows = tuple(np.hstack([np.delete(x, codes, 1), encoder.transform(x[:, codes])]) for x in rows)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if task.kind == "regression":
            made = MLPRegressor(random_state=seed).fit(rows[0], targets[0].ravel())
            outputs = made.predict(rows[1])[:, None]
        else:
            made = MLPClassifier(random_state=seed).fit(rows[0], targets[0])
            shares = np.full((len(rows[1]), task.outputs), 1e-9)
            shares[:, made.classes_] = made.predict_proba(rows[1])
            outputs = np.log(shares.clip(1e-9))
    scores = task.scores(torch.from_numpy(outputs), torch.from_numpy(targets[1]))
    return {"test": float(scores[task.metric])}


def _by(**options: Any) -> Callable[[Task, float, int], Found]:
    return lambda task, seconds, seed: archwright(task, seconds, seed, **options)


CONTESTANTS: dict[str, Callable[[Task, float, int], Found | None]] = {
    "archwright": archwright,
    "former": _by(**FORMER),
    "hand_made": hand_made,
    "optuna": optuna_objective,
    "autokeras": autokeras,
    "sklearn_mlp": perceptron,
    "hist_gradient_boosting": classical("hist_gradient_boosting"),
    "linear": classical("linear"),
}
