import math

from archwright.reports import collapse, monitor_figures, monitors


def test_every_number_of_the_epochs_is_a_monitor(one_shot_run, supernet_epochs):
    run = one_shot_run(epochs=supernet_epochs(4, reward=0.5))
    found = {monitor.name: monitor for monitor in monitors(run)}
    assert found.keys() == run.epochs[0]["metrics"].keys()
    assert found["skips"].epochs == (1, 2, 3, 4)
    assert found["skips"].values == (0.0, 1.0, 1.0, 2.0)
    assert found["derived_accuracy"].last == "24.00\u00a0%"
    assert found["derived_accuracy"].title == "accuracy of the derived network by shared weights"
    assert found["reward"].told == ""
    for name in ("skips", "eigenvalue"):
        assert "Zela et al. 2020" in found[name].told


def test_a_figure_for_each_that_was_measured(one_shot_run, a_run):
    run = one_shot_run(12)
    found = monitor_figures(run)
    assert list(found) == [
        "supernet_losses",
        "supernet_score",
        "supernet_entropy",
        "supernet_skips",
        "supernet_eigenvalue",
    ]
    assert len(found["supernet_losses"].data) == 2
    assert found["supernet_score"].data[0].y == tuple(e["metrics"]["derived_accuracy"] for e in run.epochs)
    assert found["supernet_score"].layout.yaxis.tickformat == ".1%"
    assert all(figure.layout.meta["note"] for figure in found.values())
    assert monitor_figures(a_run((), objectives=run.objectives)) == {}


def test_a_method_without_preferences_has_its_loss_only(one_shot_run):
    entry = {"epoch": 1, "seconds": 1.0, "metrics": {"train_loss": 2.0}, "probabilities": {}}
    assert list(monitor_figures(one_shot_run(epochs=(entry,)))) == ["supernet_losses"]


def test_what_is_no_number_is_left_out_of_the_line(one_shot_run, supernet_epochs):
    run = one_shot_run(epochs=supernet_epochs(3, eigenvalue=math.nan))
    assert monitor_figures(run)["supernet_eigenvalue"].data[0].y == (None, None, None)
    assert {m.name: m.last for m in monitors(run)}["eigenvalue"] == "NaN"


def test_the_collapse_to_skip_connections_is_told(one_shot_run, supernet_epochs):
    told = collapse(one_shot_run(epochs=supernet_epochs(10, favourite=1)))
    assert told.startswith(
        "In 6 of the 6 decisions that offer one, the strongest option is a skip connection."
    )
    assert "arXiv:1909.09656" in told
    assert collapse(one_shot_run(epochs=supernet_epochs(10, favourite=3))) is None
    assert collapse(one_shot_run(epochs=supernet_epochs(10, labels=("3", "5")))) is None
    assert collapse(one_shot_run(0)) is None


def test_names_of_metrics_cannot_be_markup(one_shot_run, supernet_epochs):
    run = one_shot_run(epochs=supernet_epochs(2, **{"derived_<img>": 1.0}))
    entries = [
        {**e, "metrics": {k: v for k, v in e["metrics"].items() if k in ("train_loss", "derived_<img>")}}
        for e in run.epochs
    ]
    figure = monitor_figures(one_shot_run(epochs=tuple(entries)))["supernet_score"]
    assert "<img>" not in figure.to_json()
    assert "<img>" not in figure.layout.yaxis.title.text + figure.data[0].name
