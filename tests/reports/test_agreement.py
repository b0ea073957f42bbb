import itertools
import math

import pytest

from archwright.objectives import Objective
from archwright.reports import agreement, agreement_figure


def kendall(first, second):
    """Tau-b by its definition: pairs in order less pairs out of order, over the pairs that are not equal."""
    pairs = list(itertools.combinations(range(len(first)), 2))
    signs = [
        (
            (first[i] > first[j]) - (first[i] < first[j]),
            (second[i] > second[j]) - (second[i] < second[j]),
        )
        for i, j in pairs
    ]
    apart = [sum(sign != 0 for sign in column) for column in zip(*signs, strict=True)]
    return sum(a * b for a, b in signs) / math.sqrt(apart[0] * apart[1])


def spearman(first, second):
    """Pearson's correlation of ranks, equal values sharing theirs."""

    def ranks(values):
        return [sum(o < v for o in values) + (sum(o == v for o in values) - 1) / 2 for v in values]

    a, b = ranks(first), ranks(second)
    mean = (len(a) - 1) / 2
    over = sum((x - mean) * (y - mean) for x, y in zip(a, b, strict=True))
    return over / math.sqrt(sum((x - mean) ** 2 for x in a) * sum((y - mean) ** 2 for y in b))


@pytest.mark.parametrize(
    ("shared", "standalone"),
    [
        ([0.1, 0.2, 0.3], [0.7, 0.9, 0.8]),
        ([0.1, 0.2, 0.3, 0.4, 0.5], [0.9, 0.9, 0.8, 0.95, 0.99]),
        ([0.3, 0.3, 0.1, 0.6], [0.8, 0.7, 0.7, 0.9]),
        ([i / 10 for i in range(9)], [0.5, 0.6, 0.4, 0.7, 0.9, 0.8, 0.85, 0.95, 0.97]),
    ],
)
def test_the_correlations_are_those_of_their_definitions(searched_run, shared, standalone):
    found = agreement(searched_run([*shared, 0.05], standalone))
    assert found.shared == tuple(shared)
    assert found.standalone == tuple(standalone)
    assert found.tau == pytest.approx(kendall(shared, standalone))
    assert found.rho == pytest.approx(spearman(shared, standalone))
    if len(shared) < 7:
        taus = [kendall(order, standalone) for order in itertools.permutations(shared)]
        assert found.chance == pytest.approx(sum(t >= found.tau - 1e-9 for t in taus) / len(taus))
    assert f"n = {len(shared)}" in found.told


def test_three_networks_say_nearly_nothing(searched_run):
    told = agreement(searched_run([0.1, 0.2, 0.3], [0.7, 0.8, 0.9])).told
    assert told.startswith("Kendall's τ = 1.00, Spearman's ρ = 1.00, n = 3.")
    assert "17\u00a0% of cases" in told
    assert "nearly nothing" in told


def test_more_networks_say_more(searched_run):
    shared = [i / 20 for i in range(8)]
    well = agreement(searched_run(shared, [0.5 + value for value in shared])).told
    assert "ranks these networks better than chance" in well
    badly = agreement(searched_run(shared, [0.5 - value for value in shared])).told
    assert "τ = −1.00" in badly
    assert "does not show" in badly


def test_one_network_or_equal_scores_have_no_order(searched_run):
    assert "nothing can be said" in agreement(searched_run([0.3], [0.9])).told
    equal = agreement(searched_run([0.3, 0.4], [0.9, 0.9]))
    assert equal.tau is None
    assert equal.told.startswith("All 2 networks have the same accuracy trained alone")
    equal = agreement(searched_run([0.3, 0.3], [0.8, 0.9]))
    assert "the same accuracy by shared weights" in equal.told


def test_only_networks_with_both_scores_count(searched_run, digits, one_shot_run, a_trial):
    failed = a_trial(2, state="failed", error="no memory")
    run = searched_run([0.1, 0.2, 0.3], [0.7, 0.8])
    run = searched_run([0.1, 0.2, 0.3], [], retrained=(*run.retrained, failed))
    assert [trial.number for trial in agreement(run).trials] == [0, 1]
    assert agreement(digits[0]) is None
    assert agreement(one_shot_run(12)) is None
    assert agreement_figure(one_shot_run(12)) is None


def test_costs_are_no_scores(searched_run):
    run = searched_run([0.1, 0.2], [0.7, 0.8], objectives=(Objective("params"), Objective("accuracy")))
    assert agreement(run).metric == "accuracy"
    run = searched_run([0.1, 0.2], [0.7, 0.8], objectives=(Objective("params"),))
    assert agreement(run).metric == "accuracy", "the task's own"


def test_the_figure_marks_what_was_chosen(searched_run):
    run = searched_run([0.1, 0.2, 0.3], [0.7, 0.9, 0.8])
    chosen = run.retrained[1]
    figure = agreement_figure(searched_run([0.1, 0.2, 0.3], [0.7, 0.9, 0.8], winner=chosen))
    assert {trace.name: trace.x for trace in figure.data} == {"retrained": (0.1, 0.3), "chosen": (0.2,)}
    low, high = figure.layout.yaxis.range
    assert low < 0.7
    assert high > 0.9
    assert figure.layout.xaxis.title.text == "validation accuracy by shared weights"
