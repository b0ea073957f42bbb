"""Makes the traces beside it, by Syne Tune 0.13.0 and HpBandSter 0.7.4, each in an environment of its own.

    pip install syne-tune==0.13.0 && python make.py asha_promotion asha_stopping pasha
    pip install hpbandster==0.7.4 && python make.py hyperband

A trace is what a scheduler asks for, in order, while a given number of workers run it: the number of the configuration
(from 0, in the order in which they begin), the resource after which it reports, and whether it is a continuation. A
worker takes as long as the epochs that it adds; of workers that end at once the one that began first is told first.
The losses of a configuration after each epoch are drawn here, and stand in the file.
"""

from __future__ import annotations

import heapq
import json
import sys
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
CONFIGURATIONS, MOST, ETA = 120, 27, 3


def drawn(seed: int, noise: float) -> list[list[float]]:
    """Losses that fall from 1 to a final one at a rate, with noise."""
    random = np.random.default_rng(seed)
    final, rate = random.uniform(0, 0.5, CONFIGURATIONS), random.uniform(0.05, 0.6, CONFIGURATIONS)
    epochs = np.arange(1, MOST + 1)
    curves = final[:, None] + (1 - final[:, None]) * np.exp(-rate[:, None] * epochs[None])
    curves += noise * random.standard_normal(curves.shape)
    return np.round(curves, 4).tolist()


def simulate(ask, tell, workers: int, jobs: int) -> list[list[int]]:
    """The trace of a scheduler. `ask()` gives (configuration, from, to) or None; `tell(configuration, from, to)`."""
    clock, order, trace, running = 0.0, 0, [], []
    while len(trace) < jobs or running:
        while len(running) < workers and len(trace) < jobs:
            job = ask()
            if job is None:
                break
            configuration, begin, end = job
            trace.append([configuration, end, int(begin > 0)])
            heapq.heappush(running, (clock + end - begin, order, job))
            order += 1
        clock, _, job = heapq.heappop(running)
        tell(*job)
    return trace


def syne_tune(kind: str, losses, workers: int, jobs: int) -> list[list[int]]:
    from syne_tune.backend.trial_status import Trial
    from syne_tune.config_space import uniform
    from syne_tune.optimizer.schedulers.hyperband import HyperbandScheduler

    scheduler = HyperbandScheduler(
        {"x": uniform(0, 1), "epochs": MOST},
        searcher="random",
        metric="loss",
        mode="min",
        resource_attr="epoch",
        max_resource_attr="epochs",
        grace_period=1,
        reduction_factor=ETA,
        type=kind,
        brackets=1,
        random_seed=0,
    )
    trials, reached, queue = {}, {}, []
    levels = [ETA**k for k in range(20) if ETA**k <= MOST]

    def ask():
        if queue:
            return queue.pop(0)
        suggestion = scheduler.suggest(len(trials))
        if suggestion.spawn_new_trial_id:
            number = len(trials)
            trials[number] = Trial(number, suggestion.config, None)
            reached[number] = 0
            scheduler.on_trial_add(trials[number])
        else:
            number = suggestion.checkpoint_trial_id
        above = [level for level in levels if level > reached[number]]
        return number, reached[number], above[0]

    def tell(number, begin, end):
        for epoch in range(begin + 1, end + 1):
            result = {"epoch": epoch, "loss": losses[number][epoch - 1]}
            decision = scheduler.on_trial_result(trials[number], result)
        reached[number] = end
        if decision == "CONTINUE":
            queue.append((number, end, next(level for level in levels if level > end)))
        elif end == MOST:
            scheduler.on_trial_complete(trials[number], result)

    return simulate(ask, tell, workers, jobs)


def hpbandster(losses, workers: int, jobs: int) -> list[list[int]]:
    from hpbandster.optimizers.iterations import SuccessiveHalving

    s_max, iterations, names, reached = 3, [], {}, {}
    assert ETA**s_max == MOST

    def opened():
        s = s_max - len(iterations) % (s_max + 1)
        first = int(np.floor((s_max + 1) / (s + 1)) * ETA**s)
        sizes = [max(int(first * ETA ** (-i)), 1) for i in range(s + 1)]
        budgets = [MOST // ETA**i for i in range(s, -1, -1)]
        config = lambda budget: ({}, {})  # noqa: E731
        iterations.append(SuccessiveHalving(len(iterations), sizes, budgets, config))
        return iterations[-1].get_next_run()

    def ask():
        found = next((run for one in iterations if (run := one.get_next_run())), None) or opened()
        key, _, budget = found
        number = names.setdefault(key, len(names))
        begin = reached.get(number, 0)
        return number, begin, budget

    def tell(number, begin, end):
        key = next(key for key, one in names.items() if one == number)
        one, result = iterations[key[0]], {"loss": losses[number][end - 1]}
        one.data[key].results[end], one.data[key].status = result, "REVIEW"
        one.num_running -= 1
        reached[number] = end

    return simulate(ask, tell, workers, jobs)


def main() -> None:
    kinds = {"asha_promotion": "promotion", "asha_stopping": "stopping", "pasha": "pasha"}
    for name in sys.argv[1:]:
        for workers in (1, 4):
            losses = drawn(workers, 0.03)
            if name in kinds:
                trace, by = syne_tune(kinds[name], losses, workers, 90), "Syne Tune 0.13.0"
            else:
                trace, by = hpbandster(losses, workers, 90), "HpBandSter 0.7.4"
            used = 1 + max(number for number, _, _ in trace)
            data = {"made by": f"{by}, {Path(__file__).name}", "workers": workers, "eta": ETA, "most": MOST}
            lines = ",\n".join(json.dumps(row) for row in losses[:used])
            head = json.dumps({**data, "trace": trace})[:-1]
            (HERE / f"{name}_{workers}.json").write_text(f'{head}, "losses": [\n{lines}\n]}}\n')
            print(name, workers, used, trace[:12])


if __name__ == "__main__":
    main()
