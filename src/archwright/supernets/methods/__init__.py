"""One-shot methods: each a policy that supplies gates, and a schedule. Names load when they are used.

- `registry`: the methods by name.
- `one_shot`: the seam. `bilevel`: weights and alpha in turn. `gate_sampler`: the seam of alpha and the gates it gives.
- `darts` and others: the methods, one a file.
- `derivation`: the best architectures from alpha.
- `second_order`: alpha's gradient through a step of the weights. `dropout`, `early_stop`: against a search's collapse.
- `latency`: what a network costs while its decisions are probabilities. `gumbel`: draws with a gradient.
"""

from archwright.supernets.methods.registry import METHODS, Method, make_method

__all__ = ["METHODS", "Method", "make_method"]
