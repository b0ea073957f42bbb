"""Networks that begin as their parents compute, and the training that makes use of it."""

from archwright.estimators.morphism.inheritance import Inheritance
from archwright.estimators.morphism.morphing import EXACT, Morphism, NewUnits, morph

__all__ = ["EXACT", "Inheritance", "Morphism", "NewUnits", "morph"]
