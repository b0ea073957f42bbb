import pytest

from archwright.errors import TaskError
from archwright.tasks import TASKS, make_task


def test_all_built_in_tasks_have_a_line_on_them():
    assert set(TASKS) == {
        "digits",
        "breast_cancer",
        "diabetes",
        "mnist1d",
        "characters",
        "cifar10",
        "cifar100",
        "fashion_mnist",
        "linear_regression",
        "two_layer_regression",
        "digit_pairs",
    }
    for entry in TASKS.values():
        assert entry.summary
        assert "\n" not in entry.summary


def test_a_task_is_made_by_name_with_options():
    task = make_task("digits", seed=3, test=0.5)
    assert (task.name, task.split.seed, task.split.test) == ("digits", 3, 898)


def test_an_unknown_name_is_refused():
    with pytest.raises(TaskError, match=r"unknown task 'digit'. Did you mean 'digits'.*breast_cancer"):
        make_task("digit")


def test_an_unknown_option_is_refused():
    with pytest.raises(TaskError, match=r"task 'digits' has no option 'sed'. Did you mean 'seed'"):
        make_task("digits", sed=3)
