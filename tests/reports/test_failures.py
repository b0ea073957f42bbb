from archwright.reports.failures import failure_groups


def test_reasons_that_differ_in_numbers_are_one(a_trial):
    trials = [
        a_trial(0, state="failed", error="time limit of 10 s", seconds=10.0),
        a_trial(1, state="failed", error="out of memory: 20.5 MiB at 0xff12\nTraceback", seconds=1.0),
        a_trial(2, accuracy=0.5),
        a_trial(3, state="failed", error="out of memory: 7 MiB at 0xab"),
        a_trial(4, state="infeasible", params=5.0),
    ]
    groups = failure_groups(trials)
    assert [(g.reason, [t.number for t in g.trials], g.seconds) for g in groups] == [
        ("out of memory: 20.5 MiB at 0xff12", [1, 3], 2.0),
        ("time limit of 10 s", [0], 10.0),
    ]
    assert groups[0].example == "out of memory: 20.5 MiB at 0xff12\nTraceback"


def test_a_missing_reason_is_said(a_trial):
    assert failure_groups([a_trial(0, state="failed")])[0].reason == "no reason was recorded"
    assert failure_groups([]) == []
