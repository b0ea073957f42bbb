"""Programs in plain Python numbers and lists, written from the specification alone."""

import math
import struct

MASK = 2**64 - 1


def single(number):
    return struct.unpack("f", struct.pack("f", number))[0]


def mixed(number):
    number = ((number ^ (number >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    number = ((number ^ (number >> 27)) * 0x94D049BB133111EB) & MASK
    return number ^ (number >> 31)


def uniform(key, counter):
    return (mixed((key + counter * 0x9E3779B97F4A7C15) & MASK) >> 11) * 2.0**-53


def gaussian(key, counter):
    first, second = uniform(key, 2 * counter + 1), uniform(key, 2 * counter + 2)
    return math.sqrt(-2 * math.log(1 - first)) * math.cos(2 * math.pi * second)


def divide(x, y):
    if y != 0:
        return x / y
    if x == 0 or x != x:
        return math.nan
    return math.copysign(math.inf, math.copysign(1, x) * math.copysign(1, y))


def guarded(function):
    def call(x):
        try:
            return function(x)
        except OverflowError:
            return math.inf
        except ValueError:
            return -math.inf if function is math.log and x == 0 else math.nan

    return call


def least(x, y):
    return y if y < x else x


def most(x, y):
    return y if x < y else x


def norm(xs):
    total = 0.0
    for x in xs:
        total += x * x
    return math.sqrt(total)


def mean(xs):
    total = 0.0
    for x in xs:
        total += x
    return total / len(xs)


def std(xs):
    variance = mean([x * x for x in xs]) - mean(xs) * mean(xs)
    return math.sqrt(variance) if variance >= 0 else math.nan


def dot(xs, ys):
    total = 0.0
    for x, y in zip(xs, ys, strict=True):
        total += x * y
    return total


def columns(m):
    return [list(column) for column in zip(*m, strict=True)]


def flat(m):
    return [x for row in m for x in row]


UNARY = {5: abs, 6: lambda x: divide(1.0, x), 15: lambda x: 1.0 if x >= 0 else 0.0}
UNARY |= {
    7 + place: guarded(function)
    for place, function in enumerate(
        (math.sin, math.cos, math.tan, math.asin, math.acos, math.atan, math.exp, math.log)
    )
}
BINARY = [lambda x, y: x + y, lambda x, y: x - y, lambda x, y: x * y, divide]


def result(op, a, b, old, constants, key):
    """What an operation gives, from its inputs and what stood where it writes."""
    if op in (1, 2, 3, 4):
        return BINARY[op - 1](a, b)
    if op in UNARY:
        return UNARY[op](a)
    if op in (44, 47):
        return (least if op == 44 else most)(a, b)
    if op in (23, 24, 25, 26):
        return [BINARY[op - 23](x, y) for x, y in zip(a, b, strict=True)]
    if op in (45, 48):
        return [(least if op == 45 else most)(x, y) for x, y in zip(a, b, strict=True)]
    if op in (39, 40, 41, 42):
        return [[BINARY[op - 39](x, y) for x, y in zip(r, q, strict=True)] for r, q in zip(a, b, strict=True)]
    if op == 46:
        return [[x if x < y else y for x, y in zip(r, q, strict=True)] for r, q in zip(a, b, strict=True)]
    if op == 49:
        return [[x if x > y else y for x, y in zip(r, q, strict=True)] for r, q in zip(a, b, strict=True)]
    size = len(old) if isinstance(old, list) else len(a) if isinstance(a, list) else 0
    if op >= 59:
        draw = uniform if op <= 61 else gaussian
        spread = constants[1] - constants[0] if op <= 61 else constants[1]
        if op in (59, 62):
            return constants[0] + spread * draw(key, 0)
        if op in (60, 63):
            return [constants[0] + spread * draw(key, i) for i in range(size)]
        return [[constants[0] + spread * draw(key, i * size + j) for j in range(size)] for i in range(size)]
    if op == 57:
        place = int(size * single(constants[0]))
        return [constants[1] if i == place else x for i, x in enumerate(old)]
    if op == 58:
        place = int(size * single(constants[0])), int(size * single(constants[1]))
        return [[constants[2] if (i, j) == place else x for j, x in enumerate(r)] for i, r in enumerate(old)]
    return {
        16: lambda: [1.0 if x > 0 else 0.0 for x in a],
        17: lambda: [[1.0 if x > 0 else 0.0 for x in row] for row in a],
        18: lambda: [a * x for x in b],
        19: lambda: [a] * size,
        20: lambda: [divide(1.0, x) for x in a],
        21: lambda: norm(a),
        22: lambda: [abs(x) for x in a],
        27: lambda: dot(a, b),
        28: lambda: [[x * y for y in b] for x in a],
        29: lambda: [[a * x for x in row] for row in b],
        30: lambda: [[divide(1.0, x) for x in row] for row in a],
        31: lambda: [dot(row, b) for row in a],
        32: lambda: [[x] * size for x in a],
        33: lambda: [list(a) for _ in a],
        34: lambda: norm(flat(a)),
        35: lambda: [norm(column) for column in columns(a)],
        36: lambda: [norm(row) for row in a],
        37: lambda: columns(a),
        38: lambda: [[abs(x) for x in row] for row in a],
        43: lambda: [[dot(row, column) for column in columns(b)] for row in a],
        50: lambda: mean(a),
        51: lambda: mean(flat(a)),
        52: lambda: [mean(row) for row in a],
        53: lambda: [std(row) for row in a],
        54: lambda: std(a),
        55: lambda: std(flat(a)),
        56: lambda: constants[0],
    }[op]()


class PlainLoop:
    """A program's memory, and how it runs."""

    def __init__(self, memory, features, seed):
        scalars, vectors, matrices = memory
        self.s = [0.0] * scalars
        self.v = [[0.0] * features for _ in range(vectors)]
        self.m = [[[0.0] * features for _ in range(features)] for _ in range(matrices)]
        self.seed = seed

    def run(self, f, function, step):
        for place, one in enumerate(function):
            if one.op == 0:
                continue
            key = mixed(mixed(self.seed ^ (f * 1024 + place + 1)) ^ mixed(step))
            read = [getattr(self, kind)[i] for kind, i in zip(one.operation.inputs, one.inputs, strict=True)]
            target = getattr(self, one.operation.output)
            a, b = (*read, None, None)[:2]
            target[one.output] = result(one.op, a, b, target[one.output], one.constants, key)

    def show(self, functions, features, step):
        self.v[0], self.s[0] = list(features), 0.0
        self.run(1, functions[1], step)

    def numbers(self):
        return [*self.s, *flat(self.v), *(x for m in self.m for x in flat(m))]


def fitness(program, memory, task, seed, is_accuracy):
    """The fitness of a program on one task."""
    inputs, labels, seen, wanted = task
    loop = PlainLoop(memory, len(inputs[0]), seed)
    loop.run(0, program.setup, 0)
    total = 0.0
    examples = [(x, y, True) for x, y in zip(inputs, labels, strict=True)]
    examples += [(x, y, False) for x, y in zip(seen, wanted, strict=True)]
    for step, (x, y, learns) in enumerate(examples):
        loop.show(program.functions, x, step)
        if is_accuracy:
            odds = loop.s[1]
            try:
                loop.s[1] = 1 / (1 + math.exp(-odds))
            except OverflowError:
                loop.s[1] = 0.0
        error = abs(y - loop.s[1])
        if (learns or not is_accuracy) and not error <= 100:
            return 0.0
        if learns:
            loop.s[0] = y
            loop.run(2, program.learn, step)
        else:
            total += (loop.s[1] > 0.5) == (y > 0.5) if is_accuracy else error * error
    if is_accuracy:
        return total / len(seen)
    return 1 - 2 / math.pi * math.atan(math.sqrt(total / len(seen)))
