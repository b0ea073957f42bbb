from archwright.objectives import Objective
from archwright.reports.pareto import pareto_figure, trade_off

ACCURACY = Objective("accuracy")


def points(a_trial):
    return [
        a_trial(0, accuracy=0.70, params=100.0),
        a_trial(1, accuracy=0.80, params=300.0),
        a_trial(2, accuracy=0.75, params=400.0),
        a_trial(3, accuracy=0.90, params=900.0),
    ]


def test_one_objective_stands_against_the_parameters(a_run, a_trial):
    found = trade_off(a_run(points(a_trial), objectives=(ACCURACY,)))
    assert (found.x.name, found.y.name, found.joined) == ("params", "accuracy", True)
    assert [p.trial.number for p in found.positions if p.on_front] == [0, 1, 3]


def test_two_objectives_stand_against_each_other(a_run, a_trial):
    trials = [
        a_trial(i, accuracy=a, seconds_per_batch=s)
        for i, (a, s) in enumerate([(0.7, 1.0), (0.9, 2.0), (0.6, 3.0)])
    ]
    run = a_run(trials, objectives=(ACCURACY, Objective("seconds_per_batch", "minimize")))
    found = trade_off(run)
    assert found.x.name == "seconds_per_batch"
    assert {p.trial.number for p in found.positions if p.on_front} == set(run.pareto) == {0, 1}


def test_with_three_objectives_the_front_is_not_joined(a_run, a_trial):
    trials = [
        a_trial(0, accuracy=0.7, params=1.0, flops=9.0),
        a_trial(1, accuracy=0.6, params=2.0, flops=1.0),
    ]
    run = a_run(trials, objectives=(ACCURACY, Objective("params"), Objective("flops")))
    assert not trade_off(run).joined
    assert "front" not in [trace.name for trace in pareto_figure(run).data]
    assert sum(p.on_front for p in trade_off(run).positions) == 2


def test_what_is_over_a_limit_is_not_on_the_front(a_run, a_trial):
    limit = Objective("params", limit=350, optimize=False)
    run = a_run(points(a_trial), objectives=(ACCURACY, limit))
    assert [(p.trial.number, p.on_front, p.keeps_limits) for p in trade_off(run).positions] == [
        (0, True, True),
        (1, True, True),
        (2, False, False),
        (3, False, False),
    ]
    assert "over a limit" in [trace.name for trace in pareto_figure(run).data]


def test_nothing_to_compare_gives_no_figure(a_run, a_trial):
    assert trade_off(a_run((), objectives=(ACCURACY,))) is None
    assert pareto_figure(a_run([a_trial(0, accuracy=0.5)], objectives=(ACCURACY,))) is None


def test_when_the_parameters_are_the_objective_flops_are_the_cost(a_run, a_trial):
    run = a_run([a_trial(0, params=10.0, flops=20.0)], objectives=(Objective("params"),))
    assert trade_off(run).x.name == "flops"


def test_the_front_is_a_line_by_cost(a_run, a_trial):
    run = a_run(list(reversed(points(a_trial))), objectives=(ACCURACY,))
    line = next(trace for trace in pareto_figure(run).data if trace.name == "front")
    assert line.x == (100.0, 300.0, 900.0)
    assert line.y == (0.70, 0.80, 0.90)


def test_the_limit_stands_where_it_is_on_a_log_axis(digits):
    run, _ = digits
    figure = pareto_figure(run)
    assert figure.layout.xaxis.type == "log"
    assert figure.layout.shapes[0].x0 == 60_000
    assert 4.77 < figure.layout.annotations[0].x < 4.78
    assert figure.layout.annotations[0].text == "≤ 60,000"


def test_hover_tells_number_metrics_and_architecture(digits):
    run, _ = digits
    figure = pareto_figure(run)
    text = next(t for t in figure.data[0].text)
    assert text.startswith("<b>trial ")
    assert "accuracy 9" in text
    assert "parameters " in text
    assert "width=" in text
    assert [trace.name for trace in figure.data][-2:] == ["chosen network, retrained", "hand-made network"]
