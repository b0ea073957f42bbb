"""Reinforcement learning: a controller writes architectures and learns from how they did. Loads torch."""

from archwright.strategies.reinforcement.controller_strategy import ControllerStrategy, Sample
from archwright.strategies.reinforcement.presets import PPO, REINFORCE

__all__ = [
    # The loop that both share
    "ControllerStrategy",
    "Sample",
    # Ready to use
    "PPO",
    "REINFORCE",
]
