"""A generator of architectures that learns from earlier trials. Loads torch."""

from archwright.strategies.generator.presets import generator_search
from archwright.strategies.generator.source import GuidedDiffusion

__all__ = ["GuidedDiffusion", "generator_search"]
