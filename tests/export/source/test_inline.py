"""Inlining of a user's own code: each case is exported, which compares the print with the network."""

import ast
import functools
import inspect
import linecache
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
import torch
from torch import nn

import archwright as aw
from archwright.errors import ExportError

EXAMPLE = torch.randn(2, 4, generator=torch.Generator().manual_seed(0))
FACTOR = 3.0


def check_clean(text, tmp_path):
    """No undefined, unused or repeated names in a printed module, and nothing of Archwright."""
    file = tmp_path / "printed.py"
    file.write_text(text, encoding="utf-8")
    command = [sys.executable, "-m", "ruff", "check", "--isolated", "--select", "F,E9", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    imported = {
        name
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in ([alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module])
    }
    assert not any(name.startswith("archwright") for name in imported)


def test_everything_a_block_uses_comes_along(user_module, exported, tmp_path):
    user_module(
        "own_helpers",
        """
        import math
        from torch import nn
        SCALE = math.sqrt(2)
        LIMITS = {"low": -1.0, "high": float("inf")}

        def clamp(x):
            return x.clamp(LIMITS["low"], LIMITS["high"]) * SCALE

        class Base(nn.Module):
            def forward(self, x):
                return clamp(self.inner(x))
        """,
    )
    blocks = user_module(
        "own_blocks",
        '''
        from __future__ import annotations

        import enum
        import functools
        from dataclasses import dataclass, field
        from typing import TYPE_CHECKING, NamedTuple, Optional, TypeVar

        import torch
        import torch.nn as nn
        import torch.nn.functional as F
        from own_helpers import Base, clamp as limit

        if TYPE_CHECKING:
            from torch.optim import Optimizer

        Module = TypeVar("Module", bound=nn.Module)
        Shape = tuple[int, ...]


        class Mode(enum.Enum):
            PLAIN = "plain"
            DOUBLE = "double"


        class Pair(NamedTuple):
            first: int
            second: int = 2


        @dataclass(frozen=True)
        class Config:
            width: int
            mode: Mode = Mode.PLAIN
            pair: Pair = Pair(1)
            names: list[str] = field(default_factory=list)


        def doubled(method):
            @functools.wraps(method)
            def inner(self, x):
                return method(self, x) * (2 if self.config.mode is Mode.DOUBLE else 1)
            return inner


        # Clamps what a linear layer gives.
        class Block(Base):
            """A block."""

            activation = staticmethod(F.relu)

            def __init__(self, config: Config, shape: Shape | None = None, optimizer: Optional["Optimizer"] = None):
                super().__init__()
                self.config = config
                self.inner = nn.Linear(config.width, config.width)  # kept as it is written

            @doubled
            def forward(self, x: torch.Tensor) -> torch.Tensor:
                return limit(self.activation(super(Block, self).forward(x)))

            def wrap(self, other: Module) -> Module:
                return other
        ''',
    )
    config = blocks.Config(4, blocks.Mode.DOUBLE, blocks.Pair(3), ["a"])
    text = exported(aw.layer(nn.Sequential, aw.layer(blocks.Block, config)), EXAMPLE)
    check_clean(text, tmp_path)
    assert "# Clamps what a linear layer gives.\nclass Block(Base):" in text
    assert "  # kept as it is written" in text
    assert 'Config(width=4, mode=Mode.DOUBLE, pair=Pair(first=3, second=2), names=["a"])' in text
    assert "from torch.optim import Optimizer" in text
    assert text.index("class Base") < text.index("class Mode") < text.index("class Block")


def test_two_classes_of_one_name(user_module, exported, tmp_path):
    source = """
    import torch
    from torch import nn
    SCALE = {scale}

    def scaled(x):
        return x * SCALE

    class Block(nn.Module):
        def __init__(self, width):
            super(Block, self).__init__()
            self.inner = nn.Linear(width, width)
            self.label = f"{{Block.__name__}} {{SCALE:.1f}}"
        def forward(self, x: "torch.Tensor") -> torch.Tensor:
            Block_2 = scaled(self.inner(x))
            return Block_2
        def copy(self) -> "Block | list[Block]":
            global SCALE
            SCALE = SCALE
            return Block(3)
    """
    first = user_module("own_first", source.format(scale=2.0))
    second = user_module("own_second", source.format(scale=3.0))
    blocks = [aw.layer(module.Block, 4) for module in (first, second, first)]
    text = exported(aw.layer(nn.Sequential, *blocks), EXAMPLE)
    check_clean(text, tmp_path)
    # `Block_2` is a variable in the class that is renamed, so it cannot be the new name.
    assert "nn.Sequential(Block(4), Block_3(4), Block(4))" in text
    assert "super(Block_3, self).__init__()" in text
    assert "{Block_3.__name__} {SCALE_2:.1f}" in text
    assert "Block_3 | list[Block_3]" in text
    assert "global SCALE_2" in text


def test_names_of_the_printed_module_and_builtins_are_not_taken(user_module, exported, tmp_path):
    module = user_module(
        "own_taken",
        """
        from torch import nn as json
        import json as nn
        from json import dumps as load

        class build(json.Module):
            def forward(self, x):
                return max(x) if nn.loads(load(1)) == 1 else None

        def max(x):
            return x * 2
        """,
    )
    text = exported(aw.layer(nn.Sequential, aw.layer(module.build)), EXAMPLE)
    check_clean(text, tmp_path)
    assert "class build_2(json_2.Module)" in text
    assert "def max_2(x)" in text


def test_modules_of_the_users_own_are_followed(user_module, exported, tmp_path):
    user_module(
        "own_package.parts",
        """
        import torch.nn
        import torch.utils.checkpoint as saving
        OPTIONS = [0.5, 2.0]
        class Outer:
            class Scale(torch.nn.Module):
                def __init__(self, by):
                    super().__init__()
                    self.by = by
                def forward(self, x):
                    parts = saving.checkpoint(lambda v: v * self.by, x, use_reentrant=False)
                    return parts
            @classmethod
            def make(cls, by):
                return cls.Scale(by)
        """,
    )
    module = user_module(
        "own_package.block",
        """
        from . import parts
        import torch.utils.checkpoint
        import own_package.parts
        def block(width, by=parts.OPTIONS[1]):
            outer = own_package.parts.Outer
            layers = [torch.nn.Linear(width, width), parts.Outer.Scale(by), outer.make(by)]
            torch.utils.checkpoint.checkpoint
            return torch.nn.Sequential(*layers)
        """,
    )
    scale = sys.modules["own_package.parts"].Outer
    text = exported(
        aw.layer(
            nn.Sequential, aw.layer(module.block, 4), aw.layer(scale.Scale, 2), aw.layer(scale.make, by=3)
        ),
        EXAMPLE,
    )
    check_clean(text, tmp_path)
    assert "nn.Sequential(block(4), Outer.Scale(2), Outer.make(by=3))" in text
    assert "import torch.utils.checkpoint\n" in text
    assert "own_package" not in text


def test_registries_and_tables(user_module, exported, tmp_path):
    module = user_module(
        "own_registry",
        """
        import torch
        from torch import nn
        REGISTRY = {}
        FILLED = {}

        def register(name):
            def put(cls):
                REGISTRY[name] = cls
                return cls
            return put

        @register("double")
        class Double(nn.Module):
            def forward(self, x): return 2 * x

        @register("half")
        class Half(nn.Module):
            def forward(self, x): return FILLED["halve"](x)

        def halve(x): return x / 2
        FILLED["halve"] = halve
        ACTIVATIONS = {"relu": nn.ReLU, "scaled": lambda: nn.LeakyReLU(SLOPE)}
        SLOPE = 0.2

        def make(*names):
            return nn.Sequential(*(REGISTRY[name]() for name in names), ACTIVATIONS["scaled"]())
        """,
    )
    text = exported(aw.layer(module.make, "double", "half"), EXAMPLE)
    check_clean(text, tmp_path)
    assert "REGISTRY = {}" in text
    assert 'FILLED = {"halve": halve}' in text
    assert "lambda: nn.LeakyReLU(SLOPE)" in text


def test_a_registry_in_a_module_of_its_own(user_module, exported, tmp_path):
    """The registry mentions the classes, and their decorator needs the registry before them."""
    table = user_module(
        "own_table",
        """
        TABLE = {}
        def key_of(cls): return cls.__name__.lower()
        def register(cls):
            TABLE[key_of(cls)] = cls
            return cls
        def make(name): return TABLE[name]()
        """,
    )
    user_module(
        "own_tabled",
        """
        from torch import nn
        from own_table import register
        @register
        class Triple(nn.Module):
            def forward(self, x): return 3 * x
        """,
    )
    text = exported(aw.layer(table.make, "triple"), EXAMPLE)
    check_clean(text, tmp_path)
    assert text.index("TABLE = {}") < text.index("@register") < text.index("def build")


def test_classes_that_use_each_other(user_module, exported, tmp_path):
    module = user_module(
        "own_cycle",
        """
        from torch import nn
        class Base(nn.Module):
            def forward(self, x): return Last()(x) if isinstance(self, Middle) else x
        class Middle(Base): pass
        class Last(Middle):
            def forward(self, x): return 2 * x
        """,
    )
    text = exported(aw.layer(nn.Sequential, aw.layer(module.Middle)), EXAMPLE)
    check_clean(text, tmp_path)
    assert text.index("class Base") < text.index("class Middle") < text.index("class Last")


def test_values_are_those_of_now(user_module, exported):
    module = user_module(
        "own_changed",
        """
        import os
        from torch import nn
        WIDTH = 3
        DEEP = dict(a=[1])
        MISSING = object()
        class Block(nn.Module):
            def __init__(self, out=MISSING):
                super().__init__()
                self.inner = nn.Linear(4, WIDTH if out is MISSING else out)
            def forward(self, x): return self.inner(x) * DEEP["a"][-1]
        """,
    )
    module.WIDTH = 7
    module.DEEP["a"].append(5.0)
    text = exported(aw.layer(nn.Sequential, aw.layer(module.Block), aw.layer(nn.Linear, 7, 1)), EXAMPLE)
    assert "WIDTH = 7" in text
    assert 'DEEP = {"a": [1, 5.0]}' in text
    assert "MISSING = object()" in text
    assert "out=MISSING" in exported(aw.layer(module.Block, out=module.MISSING), EXAMPLE)


def test_decorated_functions_and_classes(user_module, exported, tmp_path):
    user_module("own_tools", "def named(fn):\n    def inner(*a):\n        return fn(*a)\n    return inner\n")
    module = user_module(
        "own_decorated",
        """
        import functools
        from torch import nn
        import own_tools
        from own_tools import named

        @named
        def linear(n): return nn.Linear(n, n)

        @functools.lru_cache
        def size(n): return n

        def scaled(by):
            def make(cls):
                class Scaled(cls):
                    def forward(self, x): return super().forward(x) * by
                return Scaled
            return make

        @scaled(3)
        class Block(nn.Linear): pass

        Alias = Block
        """,
    )
    # The class in `scaled` is known by the name `Block`, and is made again from that statement.
    text = exported(
        aw.layer(nn.Sequential, aw.layer(module.linear, 4), aw.layer(module.Alias, 4, module.size(4))),
        EXAMPLE,
    )
    check_clean(text, tmp_path)
    assert "nn.Sequential(linear(4), Block(4, 4))" in text
    assert "@scaled(3)\nclass Block(nn.Linear): pass" in text


def test_classes_inside_functions(exported, tmp_path):
    import math as mathematics

    factor, text = (
        2.5,
        """two
    lines""",
    )

    class Base(nn.Module):
        """A base.

        Its docstring moves with it.
        """

        def forward(self, x):
            return x * factor * FACTOR * mathematics.pi

    class Block(Base):
        text = """kept
        as it is"""

        def __init__(self):
            super().__init__()
            self.told = text

    def block(kind):
        return nn.Sequential(kind())

    printed = exported(aw.layer(block, Block), EXAMPLE)
    check_clean(printed, tmp_path)
    assert "factor = 2.5" in printed
    assert 'text = "two\\n    lines"' in printed
    assert '    """A base.\n\n    Its docstring moves with it.\n    """' in printed
    assert '    text = """kept\n        as it is"""' in printed


def test_classes_of_one_function_called_twice(exported, tmp_path):
    def scaling(by):
        class Scale(nn.Module):
            def forward(self, x):
                return x * by

        return Scale

    text = exported(aw.layer(nn.Sequential, aw.layer(scaling(2.0)), aw.layer(scaling(3.0))), EXAMPLE)
    check_clean(text, tmp_path)
    assert "nn.Sequential(Scale(), Scale_2())" in text
    assert "by = 2.0" in text
    assert "by_2 = 3.0" in text


def test_cells_of_a_notebook(exported, monkeypatch):
    """A notebook's code is not in files: its cells are known to `linecache` only, and their module has no file."""
    module = type(sys)("notebook")
    monkeypatch.setitem(sys.modules, "notebook", module)
    cells = ["from torch import nn\nWIDTH = 4\nclass Plain(nn.Linear):\n    pass\n"]
    cells.append("class Block(nn.Module):\n    def forward(self, x): return x\n")
    cells.append(
        "class Block(nn.Module):\n    def __init__(self):\n        super().__init__()\n"
        "        self.inner = Plain(WIDTH, WIDTH)\n    def forward(self, x): return self.inner(x) * 2\n"
    )
    for i, cell in enumerate(cells):
        monkeypatch.setitem(
            linecache.cache, f"<cell {i}>", (len(cell), None, cell.splitlines(keepends=True), f"<cell {i}>")
        )
        exec(compile(cell, f"<cell {i}>", "exec"), module.__dict__)
    text = exported(aw.layer(nn.Sequential, aw.layer(module.Block)), EXAMPLE)
    assert "self.inner(x) * 2" in text
    assert "class Plain(nn.Linear):" in text


def test_a_public_package_is_imported(user_module, exported):
    installed = user_module(
        "public_vision.blocks",
        "from torch import nn\nclass Wide(nn.Linear): pass\nclass Deep(nn.Linear): pass\n",
        folder="lib/site-packages",
    )
    sys.modules["public_vision"].Deep = installed.Deep
    text = exported(
        aw.layer(nn.Sequential, aw.layer(installed.Wide, 4, 4), aw.layer(installed.Deep, 4, 4)), EXAMPLE
    )
    assert "from public_vision import Deep\nfrom public_vision.blocks import Wide\n" in text
    assert "needs torch, public_vision alone." in text
    assert "class Wide" not in text


def test_annotations_that_lead_nowhere_do_not_stand_in_the_way(user_module, exported, tmp_path):
    module = user_module(
        "own_annotated",
        """
        from __future__ import annotations
        from typing import TYPE_CHECKING
        from torch import nn
        if TYPE_CHECKING:
            from no_such_package import Thing
            import numpy as np
        Odd = type("Odd", (), {})
        class Block(nn.Identity):
            def other(self, a: Thing, b: np.ndarray, c: Odd, d: "Nowhere | None" = None) -> Thing.Part: ...
        """,
    )
    text = exported(aw.layer(nn.Sequential, aw.layer(module.Block)), EXAMPLE)
    assert "def other(self, a: Any, b: np.ndarray, c: Odd, d: 'Any | None' = None) -> Any: ..." in text
    check_clean(text, tmp_path)


def test_what_failed_in_an_annotation_fails_again_where_it_is_needed(user_module, exported):
    module = user_module(
        "own_half",
        """
        from torch import nn
        class Broken(nn.Identity):
            path = __file__
        class Block(nn.Identity):
            def other(self, a: Broken): ...
        """,
    )
    assert "a: Any" in exported(aw.layer(nn.Sequential, aw.layer(module.Block)), EXAMPLE)
    with pytest.raises(ExportError, match="Broken uses __file__"):
        exported(aw.layer(nn.Sequential, aw.layer(module.Block), aw.layer(module.Broken)), EXAMPLE)


def make_lambda():
    return lambda: nn.ReLU()


class Holder:
    def make(self):
        return nn.ReLU()


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        (lambda: aw.layer(make_lambda()), r"lambda.*`def`"),
        (
            lambda: aw.layer(type("Made", (nn.ReLU,), {})),
            r"the source of Made is not found.*`class` or `def`",
        ),
        (lambda: aw.layer(Holder().make), "method of an object"),
        (lambda: aw.layer(nn.ReLU, object()), "argument 1 of ReLU at 0.* cannot be printed"),
        (lambda: aw.layer(functools.partial(nn.ReLU, inplace=object())), "argument inplace of"),
    ],
)
def test_what_has_no_source_is_named_with_its_place(expression, expected, exported):
    with pytest.raises(ExportError, match=expected):
        exported(aw.layer(nn.Sequential, expression()), EXAMPLE)


LOCAL = """
def f():
    size = 3
    class Block(nn.Identity):
        width = size
    return Block
Block = f()
"""
IMPORTING = """
class Block(nn.Identity):
    def __init__(self):
        import own_cured_other
        super().__init__()
"""


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("class Block(nn.Identity):\n    path = __file__", "Block uses __file__: files beside"),
        (
            "import own_cured_other\nclass Block(nn.Identity):\n    other = own_cured_other",
            "module of your own",
        ),
        (IMPORTING, "inside its body"),
        (
            "step = 1\nclass Block(nn.Identity):\n    size = step\ndel step",
            "Block uses step: it has no value any more",
        ),
        (
            "import archwright as aw\nwidth = aw.integer(1, 3)\nclass Block(nn.Identity):\n    size = width",
            "Block uses width: it is a part of a search space",
        ),
        (LOCAL + "Made = [Block]\ndel Block", "Block uses size: it is a variable of the function around"),
        (LOCAL, None),  # made again by the function, under the name it has at the top
    ],
)
def test_what_cannot_be_inlined_says_so_with_a_cure(body, expected, user_module, exported):
    user_module("own_cured_other", "X = 1")
    module = user_module("own_cured", "from torch import nn\n" + body)
    block = module.Block if hasattr(module, "Block") else module.Made[0]
    network = aw.layer(nn.Sequential, aw.layer(block))
    if expected is None:
        assert "Block = f()" in exported(network, EXAMPLE)
        return
    with pytest.raises(ExportError, match=expected):
        exported(network, EXAMPLE)


def test_what_a_body_imports_may_be_missing(user_module, exported):
    """An import that cannot have run, of an optional package, stays as it is."""
    body = IMPORTING.replace(
        "import own_cured_other", "if self is None:\n            import no_such_package.part"
    )
    module = user_module("own_optional", "from torch import nn\n" + body)
    assert "import no_such_package.part" in exported(aw.layer(nn.Sequential, aw.layer(module.Block)), EXAMPLE)


def test_source_that_changed_on_disk(user_module, exported):
    """What only moved is found again; what became another network is noticed."""
    source = "from torch import nn\nclass Block(nn.Module):\n    def forward(self, x): return x\n"
    module = user_module("own_edited", source)
    file = Path(inspect.getsourcefile(module))
    file.write_text("# A line,\n# and another,\n# and one more.\n\n" + source)
    assert "class Block" in exported(aw.layer(nn.Sequential, aw.layer(module.Block)), EXAMPLE)
    file.write_text(source.replace("return x", "return x * 2"))
    with pytest.raises(ExportError, match="variables or files that changed since"):
        exported(aw.layer(nn.Sequential, aw.layer(module.Block)), EXAMPLE)
    file.write_text("")
    with pytest.raises(ExportError, match=r"Block is not found.*changed on disk"):
        exported(aw.layer(nn.Sequential, aw.layer(module.Block)), EXAMPLE)


def test_a_real_notebook(tmp_path):
    """In IPython itself, with classes and functions typed into cells."""
    pytest.importorskip("IPython", reason="IPython is not installed")
    script = tmp_path / "session.py"
    script.write_text(
        textwrap.dedent(
            """
            from IPython.core.interactiveshell import InteractiveShell
            shell = InteractiveShell.instance()
            def run(cell):
                result = shell.run_cell(cell)
                result.raise_error()
            run("import torch\\nfrom torch import nn\\nimport archwright as aw")
            run("class Bare(nn.Linear): pass")
            run("class Block(nn.Module):\\n    def forward(self, x):\\n        return x")
            run("class Block(nn.Module):\\n    def __init__(self, n):\\n        super().__init__()\\n"
                "        self.inner = Bare(n, n)\\n    def forward(self, x):\\n        return self.inner(x)")
            run("def make(n):\\n    return Block(n)")
            run("space = aw.Space(aw.layer(nn.Sequential, aw.layer(make, aw.choice(4))))")
            run("from archwright.export import print_source\\nprint(print_source(space, space.sample(0)))")
            """
        )
    )
    environment = {
        "HOME": str(tmp_path),
        "IPYTHONDIR": str(tmp_path),
        "PATH": "/usr/bin:/bin",
        "PYTHONPATH": "src",
    }
    done = subprocess.run(
        [sys.executable, str(script)],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
        timeout=240,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "self.inner = Bare(n, n)" in done.stdout
    assert "class Bare(nn.Linear): pass" in done.stdout
    assert "return nn.Sequential(make(4))" in done.stdout
