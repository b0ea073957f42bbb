"""Run an ONNX network from standard input and print the milliseconds of a call, the median of many.

For the device at the other end of `latency_ms.command`. It needs numpy and onnxruntime, not Archwright: copy this file
there.

    python measure_onnx.py [THREADS] < network.onnx
"""

from __future__ import annotations

import statistics
import sys
import time

__all__ = ["main"]

_WARM_UPS, _FEWEST, _SECONDS = 5, 11, 1.0
_TYPES = {"tensor(float)": "float32", "tensor(float16)": "float16", "tensor(double)": "float64"}
_WHOLE = {"tensor(int64)": "int64", "tensor(int32)": "int32", "tensor(bool)": "bool"}


def main(model: bytes, threads: int = 1) -> float:
    """Milliseconds of a call on random numbers, whole numbers being 0.

    Args:
        model: The network as ONNX, its inputs of fixed shapes.
        threads: Threads for one operation.
    """
    import numpy as np
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    draws = np.random.default_rng(0)
    feed = {}
    for entry in session.get_inputs():
        if entry.type in _TYPES:
            feed[entry.name] = draws.standard_normal(entry.shape).astype(_TYPES[entry.type])
        else:
            feed[entry.name] = np.zeros(entry.shape, dtype=_WHOLE[entry.type])
    for _ in range(_WARM_UPS):
        session.run(None, feed)
    taken: list[float] = []
    begin = time.perf_counter()
    while len(taken) < _FEWEST or time.perf_counter() - begin < _SECONDS:
        start = time.perf_counter()
        session.run(None, feed)
        taken.append(time.perf_counter() - start)
    return 1e3 * statistics.median(taken)


if __name__ == "__main__":
    print(main(sys.stdin.buffer.read(), *map(int, sys.argv[1:])))
