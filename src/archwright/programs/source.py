"""A program as readable Python that needs NumPy alone."""

from __future__ import annotations

import textwrap

from archwright.programs.program import Instruction, Program

__all__ = ["print_algorithm"]

_ELEMENTWISE = {"minimum": "np.where({1} < {0}, {1}, {0})", "maximum": "np.where({0} < {1}, {1}, {0})"}
_MATRIX = {"minimum": "np.where({0} < {1}, {0}, {1})", "maximum": "np.where({0} > {1}, {0}, {1})"}
_CALLS = {
    "inverse": "1.0 / {0}",
    "broadcast": "np.full(FEATURES, {0})",
    "outer": "np.outer({0}, {1})",
    "column_broadcast": "np.repeat({0}[:, None], FEATURES, axis=1)",
    "row_broadcast": "np.repeat({0}[None, :], FEATURES, axis=0)",
    "norm": "np.sqrt(np.sum({0} * {0}))",
    "column_norms": "np.sqrt(np.sum({0} * {0}, axis=0))",
    "row_norms": "np.sqrt(np.sum({0} * {0}, axis=1))",
    "transpose": "{0}.T.copy()",
    "row_means": "np.mean({0}, axis=1)",
    "row_stds": "np.sqrt(np.mean({0} * {0}, axis=1) - np.mean({0}, axis=1) ** 2)",
    "std": "np.sqrt(np.mean({0} * {0}) - np.mean({0}) ** 2)",
    "dot": "np.dot({0}, {1})",
    "matmul": "np.dot({0}, {1})",
}
_SHAPES = {"s": "()", "v": "FEATURES", "m": "(FEATURES, FEATURES)"}

_RANDOM = '''
_MASK, _GOLDEN = 2**64 - 1, 0x9E3779B97F4A7C15


def _mixed(number):
    number = ((number ^ (number >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    number = ((number ^ (number >> 27)) * 0x94D049BB133111EB) & _MASK
    return number ^ (number >> 31)


def _uniform(memory, place, shape):
    """Numbers in [0, 1): splitmix64, one stream for each instruction and step."""
    key = _mixed(_mixed(memory.key ^ place) ^ _mixed(memory.step))
    count = int(np.prod(shape))
    drawn = [(_mixed((key + i * _GOLDEN) & _MASK) >> 11) * 2.0**-53 for i in range(count)]
    return np.array(drawn).reshape(shape)[()]


def _gaussian(memory, place, shape):
    """Standard normal numbers (Box-Muller)."""
    count = int(np.prod(shape))
    pairs = _uniform(memory, place, (2 * count + 1,))[1:].reshape(count, 2)
    drawn = np.sqrt(-2.0 * np.log(1.0 - pairs[:, 0])) * np.cos(2.0 * np.pi * pairs[:, 1])
    return drawn.reshape(shape)[()]
'''

_SQUASH = """    memory.s1 = answer = 1.0 / (1.0 + np.exp(-answer))
"""

_RUNNING = '''
class Memory:
    """What the algorithm knows: s0 is the label, s1 the prediction, v0 the features; all begins with zeros."""

    def __init__(self, seed=0):
        {{fields}}
        self.step = 0
        self.key = int(np.random.SeedSequence(seed).generate_state(1, np.uint64)[0])


{{functions}}


def _answer(memory, features):
    memory.v0, memory.s0 = features, np.float64(0.0)
    predict_one(memory)
    answer = memory.s1
    {{squash}}
    return answer


def fit(inputs, labels, seed=0):
    """Learn from inputs of shape (n, {features}) and labels of shape (n,), in their order; returns the memory."""
    memory = Memory(seed)
    with np.errstate(all="ignore"):
        setup(memory)
        for step, (features, label) in enumerate(zip(np.asarray(inputs, float), np.asarray(labels, float))):
            memory.step = step
            _answer(memory, features)
            memory.s0 = label
            learn(memory)
    memory.step = len(inputs)
    return memory


def predict(memory, inputs):
    """What the algorithm predicts for inputs of shape (n, {features}): {answer}, shape (n,)."""
    memory = copy.deepcopy(memory)
    answers = []
    with np.errstate(all="ignore"):
        for features in np.asarray(inputs, float):
            answers.append(_answer(memory, features))
            memory.step += 1
    return np.array(answers, float)
'''


def print_algorithm(program: Program, features: int, is_classes: bool, told: str = "") -> str:
    """A module with `fit` and `predict` that does what the program does; equal up to rounding.

    Args:
        program: The program.
        features: Numbers in an input.
        is_classes: Whether it tells two classes apart; its predictions are probabilities of class 1 then.
        told: What the module's docstring says besides.
    """
    names = {"s0", "s1", "v0"}
    for one in (one for function in program.functions for one in function):
        names |= one.reads | ({one.writes} if one.writes else set())
    functions = [_function(name, f, program) for f, name in enumerate(("setup", "predict_one", "learn"))]
    fields = [
        f"self.{name} = {'np.float64(0.0)' if name[0] == 's' else f'np.zeros({_SHAPES[name[0]]})'}"
        for name in sorted(names, key=lambda name: ("svm".index(name[0]), int(name[1:])))
    ]
    answer = "probabilities of class 1" if is_classes else "numbers"
    body = _RUNNING.replace("{features}", str(features)).replace("{answer}", answer)
    body = body.replace("{{fields}}", "\n        ".join(fields)).replace(
        "{{functions}}", "\n\n\n".join(functions)
    )
    body = body.replace("    {{squash}}\n", _SQUASH if is_classes else "")
    draws = any(one.operation.draws for function in program.functions for one in function)
    title = "A learning algorithm that was evolved (AutoML-Zero, Real et al. 2020, arXiv:2003.03384)."
    head = f'"""{title}\n\n{told}'.rstrip()
    imports = f'"""\n\nimport copy\n\nimport numpy as np\n\nFEATURES = {features}\n'
    return f"{head}\n{imports}{_RANDOM if draws else ''}\n{body}"


def _function(name: str, f: int, program: Program) -> str:
    told = ("Runs once.", "Leaves the prediction in s1.", "Learns from the label in s0.")[f]
    lines = [_statement(one, f * 1024 + place + 1) for place, one in enumerate(program.functions[f])]
    lines = [line for line in lines if line]
    return f'def {name}(memory):\n    """{told}"""' + textwrap.indent(
        "".join(f"\n{line}" for line in lines), "    "
    )


def _statement(one: Instruction, place: int) -> str:
    """An instruction as Python; empty where it does nothing."""
    operation = one.operation
    if not one.op:
        return ""
    target = f"memory.{one.writes}"
    read = [f"memory.{kind}{number}" for kind, number in zip(operation.inputs, one.inputs, strict=True)]
    if one.op == 56:
        return f"{target} = np.float64({one.constants[0]!r})"
    if one.op in (57, 58):
        shares = one.constants[: one.op - 56]
        places = ", ".join(f"int(np.float32(FEATURES) * np.float32({share!r}))" for share in shares)
        return f"{target} = {target}.copy()\n{target}[{places}] = {one.constants[-1]!r}"
    if operation.draws:
        shape, (first, second) = _SHAPES[operation.output], one.constants
        name = "uniform" if one.op <= 61 else "gaussian"
        spread = repr(second - first) if name == "uniform" else repr(second)
        return f"{target} = {first!r} + {spread} * _{name}(memory, {place}, {shape})"
    text = operation.text.partition("= ")[2]
    name = text.partition("(")[0] if "(" in text else ""
    if not name:
        return f"{target} = {read[0]} {text.split()[1]} {read[1]}"
    if name in ("minimum", "maximum"):
        return f"{target} = {(_MATRIX if operation.output == 'm' else _ELEMENTWISE)[name].format(*read)}"
    if name == "heaviside":
        is_scalar = operation.output == "s"
        return f"{target} = {f'np.float64({read[0]} >= 0.0)' if is_scalar else f'({read[0]} > 0.0) * 1.0'}"
    return f"{target} = {_CALLS.get(name, 'np.' + name + '({0})').format(*read)}"
