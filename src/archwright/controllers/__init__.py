"""Recurrent samplers of architectures, and what trains them: used by strategies and by one-shot methods. Loads torch.

- `Controller`: an LSTM that writes an architecture decision by decision; `ControllerSample`, what it writes.
- `ControllerTrainer`: the seam of what trains it. `Reinforce`, `ProximalPolicy`.
"""

from archwright.controllers.controller import Controller, ControllerSample
from archwright.controllers.ppo import ProximalPolicy, clipped_gain
from archwright.controllers.reinforce import Reinforce
from archwright.controllers.trainer import ControllerTrainer

__all__ = [
    # The sampler
    "Controller",
    "ControllerSample",
    # What trains it
    "ControllerTrainer",
    "ProximalPolicy",
    "Reinforce",
    "clipped_gain",
]
