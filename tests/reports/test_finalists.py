from dataclasses import replace

import pytest

from archwright.experiments.choice import Choice, Comparison
from archwright.experiments.ensembles import Ensemble, Member
from archwright.experiments.finalists import HAND_MADE, LONGER, ORIGINAL, REPEAT
from archwright.objectives import Objective
from archwright.reports.finalists import ensemble_note, finalist_notes, short_names
from archwright.reports.summary import headline
from archwright.trials import Fidelity, TrialState

LIMITED = (Objective("accuracy"), Objective("params", limit=30_000, optimize=False))


def comparing(run, *names):
    return replace(run, config=replace(run.config, compare=names))


def test_a_hand_made_network_over_a_limit_is_said_to_be(a_run, a_trial):
    best, base = a_trial(3, accuracy=0.97, params=20_000.0), a_trial(0, accuracy=0.99, params=54_778.0)
    more = {"retrained": (best,), "winner": best, "test": {"accuracy": 0.96}, "baseline": base}
    run = a_run([best], objectives=LIMITED, baseline_test={"accuracy": 0.98}, **more)
    assert finalist_notes(run) == [
        "The hand-made network could not be chosen, it is shown for comparison: it has 54,778 parameters, and "
        "params<=30000 was asked for."
    ]
    assert headline(run).endswith(
        "the hand-made network: 98.0\u00a0% with 54,778, which params<=30000 rules out."
    )
    within = replace(run, baseline=a_trial(0, accuracy=0.99, params=30_000.0))
    assert finalist_notes(within) == []
    assert "rules out" not in headline(within)


def test_the_time_of_the_network_as_given_is_told_beside_the_winners(a_run, a_trial):
    def lasting(number, epochs, seconds):
        trial = a_trial(number, accuracy=0.9)
        curve = tuple({"step": step, "accuracy": 0.9} for step in range(epochs))
        measurement = replace(trial.measurement, curve=curve, seconds=float(seconds))
        return replace(trial, measurement=measurement, started=100.0, finished=500.0)

    def told(*given):
        more = {"retrained": (best,), "winner": best, "compared": given, "test": {"accuracy": 0.9}}
        return comparing(a_run([best], compared_test={ORIGINAL: {"accuracy": 0.85}}, **more), ORIGINAL)

    best = lasting(3, 12, 30)
    assert finalist_notes(told(lasting(1, 8, 29))) == [
        "The chosen network was fine-tuned for 12 epochs in 30 s, the network as it was given fine-tuned for as long: "
        "8 epochs in 29 s."
    ]
    assert "; the network as it was given, fine-tuned for as long: 85.0" in headline(told(lasting(1, 8, 29)))
    assert "for longer: 8 epochs in 1 min 00 s" in finalist_notes(told(lasting(1, 8, 60)))[0]
    assert "for as long: 2 epochs in 55 s" in finalist_notes(told(lasting(1, 2, 55)))[0]
    assert (
        "for a single epoch, which takes longer: 1 epoch in 55 s"
        in finalist_notes(told(lasting(1, 1, 55)))[0]
    )
    matched = lasting(1 + REPEAT * LONGER, 7, 31)
    run = told(lasting(1, 2, 6), matched)
    assert run.given == matched
    assert "for as long: 7 epochs in 31 s" in finalist_notes(run)[0]
    assert finalist_notes(comparing(run, "net.py:Net")) == []


def test_a_winner_that_was_trained_for_longer_than_the_hand_made_network_is_said_to_be(a_run, a_trial):
    first, base = a_trial(3, accuracy=0.9), a_trial(0, accuracy=0.8)
    longer = a_trial(3 + REPEAT * (LONGER + 1), accuracy=0.95)
    longer = replace(longer, candidate=replace(longer.candidate, fidelity=Fidelity(epochs=40)))
    beside = Comparison(name=HAND_MADE, difference=0.1, error=0.05, probability=0.97, repeats=1)
    choice = Choice(
        stage="retrain",
        number=3,
        name="trial 3",
        metric="accuracy",
        mean=0.9,
        repeats=1,
        comparisons=(beside,),
    )
    more = {"retrained": (first, longer), "baseline": base, "choice": choice, "test": {"accuracy": 0.94}}
    run = a_run([first], winner=longer, baseline_test={"accuracy": 0.8}, **more)
    epochs = run.config.recipe.epochs
    told = headline(run)
    assert f"; the hand-made network, trained for {epochs} epochs rather than 40: 80.0" in told
    assert told.endswith(
        "; by validation, after as many epochs, it is better than that with probability .97."
    )
    (note,) = finalist_notes(run)
    assert (
        "trained once more for what is delivered, for 40 epochs; the hand-made network was trained for"
        in note
    )
    alike = replace(run, winner=first)
    assert finalist_notes(alike) == []
    assert "rather than" not in headline(alike)
    assert "as many" not in headline(alike)


def test_a_hand_made_winner_beside_a_users_network_is_said_to_be_none_of_theirs(a_run, a_trial):
    best, base = a_trial(3, accuracy=0.9), a_trial(0, accuracy=0.99)
    choice = Choice(stage="baseline", number=0, name=HAND_MADE, metric="accuracy", mean=0.99, repeats=1)
    run = a_run([best], retrained=(best,), winner=base, baseline=base, choice=choice)
    (note,) = finalist_notes(comparing(run, ORIGINAL))
    assert "not made from yours" in note
    assert "--no-baseline" in note
    assert finalist_notes(run) == []


def test_failed_trainings_are_told(a_run, a_trial):
    good, again = (
        a_trial(3, accuracy=0.97),
        a_trial(3 + REPEAT, state="failed", error="no memory.\nat line 3"),
    )
    never = a_trial(1, state="failed", error="wrong shape")
    run = a_run([good], objectives=LIMITED[:1], retrained=(good,), repeated=(again,), compared=(never,))
    assert finalist_notes(comparing(run, "/home/me/nets.py:Net")) == [
        "Trial 3 failed in 1 of 2 trainings, and is compared by the others: no memory.",
        "/home/me/nets.py:Net could not be trained at full length: wrong shape.",
    ]


def test_a_reference_is_shortened_where_that_is_enough(a_run, a_trial):
    others = tuple(a_trial(i, accuracy=0.9) for i in (1, 2, 3))
    run = comparing(a_run([], compared=others), "/a/nets.py:Net", "/b/nets.py:Net", "/b/nets.py:Other")
    assert list(short_names(run).values()) == ["/a/nets.py:Net", "/b/nets.py:Net", "nets.py:Other"]


@pytest.mark.parametrize(
    ("both", "told"), [(0.972, "worse than that of the chosen"), (0.98, ", that of the chosen")]
)
def test_an_ensemble_that_is_worse_by_validation_is_said_to_be(a_run, a_trial, both, told):
    best = a_trial(3, accuracy=0.975, params=9.0)
    members = tuple(Member(stage="retrain", number=n, name=f"trial {n}") for n in (3, 4))
    ensemble = Ensemble(
        members=members,
        averaging="probabilities",
        pool=members,
        asked=2,
        single={"accuracy": 0.975, "loss": 0.11},
        validation={"accuracy": both, "loss": 0.09},
    )
    run = a_run([best], objectives=LIMITED[:1], winner=best, ensemble=ensemble, test={"accuracy": 0.97})
    assert told in ensemble_note(run)
    assert ("selected by their loss together (0.09 and 0.11)" in ensemble_note(run)) is (both < 0.975)
    assert headline(run).endswith(ensemble_note(run))
    assert ensemble_note(replace(run, ensemble=replace(ensemble, refused="over a limit"))) == ""
    assert best.state is TrialState.COMPLETED
