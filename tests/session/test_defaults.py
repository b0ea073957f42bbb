"""From what a user gave to what a search needs."""

import pytest

from archwright.errors import UsageError
from archwright.session.defaults import network_options_for
from archwright.supernets import make_method


@pytest.mark.parametrize("strategy", ["gdas", make_method("darts", seed=0)])
def test_what_mixes_whole_networks_is_refused_before_one_is_traced(strategy):
    with pytest.raises(UsageError, match=r"each option is the whole network.*one of them in a step \(.*spos"):
        network_options_for(None, object(), {}, strategy)


@pytest.mark.parametrize("strategy", [None, "spos", "evolution", "nets.py:Own"])
def test_what_trains_one_network_in_a_step_is_not(strategy):
    assert network_options_for(None, object(), {}, strategy) == {}
