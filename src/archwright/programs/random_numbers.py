# mypy: disable-error-code="no-untyped-def"
# Compiled functions: numba infers their types.
"""Random numbers in compiled code: splitmix64 (Steele et al. 2014, "Fast splittable pseudorandom generators")."""

from __future__ import annotations

import math

import numpy as np

from archwright.programs.compiling import compiled

__all__ = ["below", "gaussian_at", "mixed", "next_gaussian", "next_uniform", "uniform_at"]

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_FIRST, _SECOND = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_30, _27, _31, _11 = (np.uint64(shift) for shift in (30, 27, 31, 11))
_UNIT = 2.0**-53


@compiled
def mixed(number):
    """A hash of 64 bits."""
    number = (number ^ (number >> _30)) * _FIRST
    number = (number ^ (number >> _27)) * _SECOND
    return number ^ (number >> _31)


@compiled
def uniform_at(key, counter):
    """The number in [0, 1) that a stream has at a place."""
    return float(mixed(key + np.uint64(counter) * _GOLDEN) >> _11) * _UNIT


@compiled
def gaussian_at(key, counter):
    """The standard normal number that a stream has at a place (Box-Muller)."""
    first, second = uniform_at(key, 2 * counter + 1), uniform_at(key, 2 * counter + 2)
    return math.sqrt(-2.0 * math.log(1.0 - first)) * math.cos(2.0 * math.pi * second)


@compiled
def next_uniform(state):
    """The next number in [0, 1). `state` holds one number of 64 bits."""
    state[0] = state[0] + _GOLDEN
    return float(mixed(state[0]) >> _11) * _UNIT


@compiled
def next_gaussian(state):
    """The next standard normal number."""
    first, second = next_uniform(state), next_uniform(state)
    return math.sqrt(-2.0 * math.log(1.0 - first)) * math.cos(2.0 * math.pi * second)


@compiled
def below(state, count):
    """The next whole number from 0 to count - 1."""
    return int(next_uniform(state) * count)
