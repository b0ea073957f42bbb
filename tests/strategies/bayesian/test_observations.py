"""What a model knew at an earlier time can be told again, though rows were measured anew since."""

from __future__ import annotations

import json
from dataclasses import replace
from random import Random

import numpy as np

from archwright.strategies import make_strategy
from archwright.strategies.bayesian.candidates import Candidates
from archwright.strategies.bayesian.observations import Observations
from archwright.testing import ToyEstimator
from archwright.testing.toy_spaces import flat
from archwright.trials import Candidate, Fidelity, LocalTrial, Measurement, Trial, TrialState

SCORE = ToyEstimator.objectives[:1]


def test_a_snapshot_of_the_past_is_what_was_known_then():
    space, random = flat(), Random(1)
    known, then = Observations(space, SCORE), []
    architectures = [space.sample(random) for _ in range(6)]
    for number in range(40):
        state = random.choice([TrialState.COMPLETED, TrialState.COMPLETED, TrialState.FAILED])
        measured = Measurement({"score": random.random()}) if state is TrialState.COMPLETED else None
        known.tell(Trial(number, Candidate(random.choice(architectures)), state, measured))
        now = known.snapshot()
        copies = [array.copy() for array in (now.losses, now.failed, now.feasible)]
        then.append((known.told, len(known), copies, known.best(now.feasible, 3)))
    again = Observations.from_json(json.loads(json.dumps(known.to_json())), space, SCORE)
    for seen in (known, again):
        for told, rows, copies, best in then:
            found = seen.snapshot(rows, told)
            for expected, array in zip(copies, (found.losses, found.failed, found.feasible), strict=True):
                np.testing.assert_array_equal(array, expected)
            assert seen.best(found.feasible, 3, told) == best


def test_a_model_that_goes_on_from_a_state_predicts_as_before_though_a_row_was_measured_again():
    space = flat()
    strategy = make_strategy("forest", space, SCORE, 3, initial=2, every=4)
    estimator, asked = ToyEstimator(space), []
    for number in range(8):
        asked.append(replace(strategy.ask(), fidelity=Fidelity(1)))
        strategy.tell(
            Trial(number, asked[-1], TrialState.COMPLETED, estimator.estimate(asked[-1], LocalTrial()))
        )
    strategy.ask()  # learns
    further = replace(asked[3], fidelity=Fidelity(4))
    strategy.tell(Trial(8, further, TrialState.COMPLETED, estimator.estimate(further, LocalTrial())))
    other = make_strategy("forest", space, SCORE, 3, initial=2, every=4)
    other.load_state_dict(json.loads(json.dumps(strategy.state_dict())))
    pool = Candidates(list(space), [None] * 81)
    (first,), (second,) = strategy.model.predict(pool), other.model.predict(pool)
    np.testing.assert_array_equal(first, second)
    assert [strategy.ask() for _ in range(6)] == [other.ask() for _ in range(6)]
