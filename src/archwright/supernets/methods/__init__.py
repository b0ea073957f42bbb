"""One-shot methods: each a policy that supplies gates, and a schedule. Names load when they are used.

- `registry`: the methods by name.
- `one_shot`: the seam. `bilevel`: weights and alpha in turn. `policy`: the seam of what supplies its gates.
- `darts`: the methods, one a file.
- `relaxation`, `derivation`: alpha, and the best architectures from it.
- `second_order`: alpha's gradient through a step of the weights. `dropout`, `early_stop`: against a search's collapse.
- `halves`, `weights`, `randomness`: the data's split, the weights' optimiser, the random numbers.
- `states`: the state of a method from those of its parts.
"""

from archwright.supernets.methods.registry import METHODS, Method, make_method

__all__ = ["METHODS", "Method", "make_method"]
