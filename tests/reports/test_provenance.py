from archwright.durations import duration
from archwright.reports.provenance import cost_lines, settings_groups, size_text, state_shares, time_text


def test_what_it_cost(digits):
    run, _ = digits
    lines = dict(cost_lines(run))
    assert lines["wall time, all sessions"] == "2 min 51 s"
    assert lines["trials at once"] == "2"
    assert lines["retraining and hand-made network"] == "36 s"
    assert "work lost in failed trials" in lines


def test_a_run_that_has_just_begun_costs_nothing_yet(a_run):
    assert [label for label, _ in cost_lines(a_run((), seconds=0.0))] == [
        "wall time, all sessions",
        "work of completed trials",
        "trials at once",
    ]
    assert state_shares(a_run(())) == []


def test_the_work_of_pruned_trials_is_told(a_run, a_trial):
    run = a_run(
        [a_trial(0, accuracy=0.5, seconds=4.0), a_trial(1, state="pruned", accuracy=0.4, seconds=3.0)]
    )
    assert dict(cost_lines(run))["work of pruned trials"] == duration(3.0)


def test_shares_add_up(digits):
    run, _ = digits
    shares = state_shares(run)
    assert sum(n for _, n, _ in shares) == len(run.trials)
    assert abs(sum(share for _, _, share in shares) - 100) < 1e-9
    assert [state for state, _, _ in shares] == ["completed", "failed", "over a limit"]


def test_settings_name_split_seeds_versions(digits):
    run, space = digits
    groups = {title: dict(lines) for title, lines in settings_groups(run)}
    assert groups["Data"]["split"].startswith("1077 train, 360 validation, 360 test")
    assert groups["Data"]["preprocessing"] == "Take an input as numbers. Subtract the mean."
    assert groups["Search"]["seed"] == "0"
    assert groups["Search"]["architectures"] == f"{space.size:,}"
    assert groups["Search"]["objectives"] == "maximize accuracy; params <= 60000"
    assert groups["Training recipe"]["learning rate"] == "0.003"
    assert groups["Versions"]["torch"] == "2.13.0"
    assert "target" not in groups["Budget"]


def test_settings_that_are_missing_are_left_out(a_run):
    run = a_run((), settings={"task": {"describe": {"name": "mine"}}, "versions": {}})
    groups = {title: dict(lines) for title, lines in settings_groups(run)}
    assert "Versions" not in groups
    assert "split" not in groups["Data"]
    assert "epochs of the supernet" not in groups["Search"]


def test_sizes_of_spaces():
    assert size_text(5440) == "5,440"
    assert size_text(5**20) == "about 9.5 × 10¹³"
    assert size_text(10**400).endswith("× 10⁴⁰⁰")
    assert size_text(None) == "infinitely many"


def test_times_are_utc():
    assert time_text(0.0) == "1970-01-01 00:00 UTC"
