"""A network as readable PyTorch that imports nothing of Archwright.

- `printing`: the whole module, in order: heading, imports, definitions, `build`, loading, summary.
- `expressions`: the nested calls that make the network. `values`: what stands in their arguments.
- `patches`: a member of a user's own trained network, as what builds that network and a line for each other layer.
- `inline`: what the calls refer to: an import from a public package, or source to be copied.
- `origins`: whether an object is public, and by which name. `statements`: the source of a class, function or variable.
- `scopes`: which names of its module a piece of source uses. `definitions`: what is copied, in an order that runs.
- `rewriting`: names without clashes, and copied source with the names changed.
- `layout`: brackets on one line or several. `module.py.jinja`: the module, with what is the same in every one.
"""

from archwright.export.source.patches import NoFactoryError
from archwright.export.source.printing import check_printable, print_source

__all__ = ["NoFactoryError", "check_printable", "print_source"]
