"""Search spaces: expressions of deferred calls and decisions, and what can be done with them; no torch."""

from archwright.spaces.architecture import Architecture
from archwright.spaces.calls import ResolvedCall, resolve, walk_calls
from archwright.spaces.decision import Relaxed
from archwright.spaces.decisions import (
    Boolean,
    Categorical,
    Decision,
    Integer,
    Real,
    Subset,
    boolean,
    categorical,
    integer,
    real,
    subset,
)
from archwright.spaces.expression import Arithmetic, Expression, maximum, minimum
from archwright.spaces.graph import Graph, Node
from archwright.spaces.nodes import (
    DeferredCall,
    Generated,
    Repeat,
    Switch,
    Tied,
    When,
    choice,
    generated,
    layer,
    repeat,
    switch,
    tied,
    when,
)
from archwright.spaces.priors import Normal, normal
from archwright.spaces.scale import scalable
from archwright.spaces.search_space import SearchSpace
from archwright.spaces.space import Space

# fmt: off
__all__ = [
    # What a space is written with
    "boolean", "categorical", "choice", "generated", "integer", "layer", "maximum", "minimum", "normal", "real",
    "repeat", "subset", "switch", "tied", "when",
    # The space and its points
    "Architecture", "Graph", "Node", "SearchSpace", "Space", "scalable",
    # An expression with all decisions made
    "ResolvedCall", "resolve", "walk_calls",
    # The nodes themselves, for interpreters
    "Arithmetic", "Boolean", "Categorical", "Decision", "Expression", "Generated", "Integer", "DeferredCall", "Normal",
    "Real", "Relaxed", "Repeat", "Subset", "Switch", "Tied", "When",
]
# fmt: on
