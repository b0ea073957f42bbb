"""What a network costs on a device, as meters: time, memory, energy, bytes. Importing this loads no torch."""

from __future__ import annotations

import copy
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, final

from archwright.errors import UsageError
from archwright.hardware.setting import Precision, Runtime, Setting, repeated
from archwright.objectives import Meter

if TYPE_CHECKING:
    from torch import nn

__all__ = [
    "CommandLatency",
    "Energy",
    "Int8Size",
    "Latency",
    "Memory",
    "PredictedLatency",
    "Size",
    "latency_ms",
]


def latency_ms(
    *,
    batch: int = 1,
    precision: Precision = "32-true",
    threads: int = 1,
    runtime: Runtime = "eager",
    device: str = "auto",
    file: Path | None = None,
    command: str | None = None,
    timeout: float = 300.0,
) -> Meter:
    """Milliseconds of one call of a network: measured here, by a command on a device, or predicted from a file.

    Args:
        batch: Examples in a call.
        precision: "32-true", "bf16-true", "16-true", "bf16-mixed" or "16-mixed"; in onnxruntime also "int8".
        threads: Threads on the CPU.
        runtime: "eager", "compile" or "onnxruntime".
        device: "cpu", "cuda", "mps", or "auto": an accelerator where there is one.
        file: A lookup table or a predictor that `archwright profile` has written with --table or --predictor, in whose
            setting the network is then predicted to run.

        command: A command that reads the network as ONNX from its standard input, runs it, and prints the milliseconds
            as its last line: "ssh board python3 measure_onnx.py" with the file `measure_onnx.py` of
            `archwright.hardware`.
        timeout: Seconds after which the command has failed.

    Raises:
        UsageError: When the file cannot be read, or another setting is asked for than that of the file.
    """
    setting = Setting(batch=batch, precision=precision, threads=threads, runtime=runtime, device=device)
    if command is not None:
        if file is not None:
            raise UsageError(
                "latency is predicted from a file or measured by a command, got both; leave one out"
            )
        return CommandLatency(command, batch=batch, timeout=timeout)
    return Latency(setting) if file is None else PredictedLatency(file, setting)


@final
class Latency(Meter):
    """Milliseconds of one call of a network on this machine: the median of many, see `time_calls`.

    Beside it are told, by names with these endings, `_iqr`, the interquartile range of the calls, and `_reference`, the
    median of a call that is the same for all networks, in the same round: where it differs between two trials, so did
    the machine.

    Args:
        setting: How networks are run.
        reference: Milliseconds of the shortest run of the reference call when the machine was as it is meant, which is
            how files are measured: the shortest run of the network then counts, times this over the shortest run of
            that call now. None means the median on the machine as it is.
    """

    seconds = 0.6
    exclusive = True

    def __init__(self, setting: Setting, reference: float | None = None) -> None:
        self.setting, self.reference = setting, reference

    def measure(self, network: nn.Module, *args: Any, **kwargs: Any) -> float:
        """The milliseconds."""
        return self.measure_all(network, *args, **kwargs)[""]

    def measure_all(self, network: nn.Module, *args: Any, **kwargs: Any) -> Mapping[str, float]:
        """The milliseconds, and their range and the reference by their endings."""
        from archwright.hardware.timing import time_calls

        with self.setting.prepare(network, (args, kwargs)) as run:
            found = time_calls({"": run}, self.setting)[""]
        ms, factor = found.median, 1.0
        if self.reference is not None:
            factor = self.reference / found.reference_least
            ms = factor * found.least
        return {"": ms, "_iqr": factor * found.spread, "_reference": found.reference}


@final
class PredictedLatency(Meter):
    """Milliseconds of one call of a network as a file predicts them, without running it.

    Args:
        file: A lookup table or a predictor.
        setting: What was asked for; what differs from the defaults must be so in the file.

    Raises:
        UsageError: When the file cannot be read, or another setting is asked for than that of the file.
    """

    seconds = 0.1

    def __init__(self, file: Path, setting: Setting) -> None:
        from archwright.hardware.files import load_latency_model

        self.model = load_latency_model(file)
        known, defaults = self.model.provenance.setting.to_json(), Setting().to_json()
        for name, asked in setting.to_json().items():
            if asked not in (defaults[name], known[name]):
                raise UsageError(
                    f"{file} predicts latency for {name}={known[name]}, got {name}={asked}; leave the option out, or "
                    "measure another file with it"
                )

    def measure(self, network: nn.Module, *args: Any, **kwargs: Any) -> float:
        """The milliseconds."""
        return self.model.predict(network, (args, kwargs))

    @property
    def measuring(self) -> Meter:
        """Measures on this machine, in the setting of the file; as busy as when the file was measured, if on it."""
        from archwright.hardware.fitted import device_facts

        known = self.model.provenance
        is_here = device_facts(known.setting) == known.device
        return Latency(known.setting, known.reference if is_here else None)


@final
class CommandLatency(Meter):
    """Milliseconds of one call of a network as a command says that runs it, such as ssh to a device.

    Args:
        command: Words as of a shell. It reads the network as ONNX, with inputs of fixed shapes, from its standard
            input; the last line of its output is the number.
        batch: Examples in a call.
        timeout: Seconds after which it has failed.
    """

    seconds = 5.0
    exclusive = True  # the device runs one network at a time

    def __init__(self, command: str, *, batch: int = 1, timeout: float = 300.0) -> None:
        self.words, self.batch, self.timeout = shlex.split(command), batch, timeout
        if not self.words:
            raise UsageError(
                "command: expected words such as 'ssh board python3 measure_onnx.py', got nothing"
            )

    def measure(self, network: nn.Module, *args: Any, **kwargs: Any) -> float:
        """The milliseconds.

        Raises:
            TrialError: When the command fails, takes too long or prints no number.
        """
        from archwright.hardware.command import number_of
        from archwright.hardware.onnx_runtime import onnx_model

        model = onnx_model(copy.deepcopy(network).cpu().eval(), repeated((args, kwargs), self.batch))
        return number_of(self.words, model, self.timeout)


@final
class Memory(Meter):
    """The most bytes of activations that are alive at once in one call, without weights: see `Recording.peak_bytes`.

    Args:
        batch: Examples in the call.
        measured: Count instead the bytes that are really held during the call: on CUDA what the allocator had in use,
            elsewhere the tensors that were not yet freed. It is more where a module keeps a tensor longer than it is
            needed.
        device: Where it is measured: "cpu", "cuda", or "auto": an accelerator where there is one.
    """

    seconds = 0.2

    def __init__(self, *, batch: int = 1, measured: bool = False, device: str = "auto") -> None:
        self.setting, self.measured = Setting(batch=batch, device=device), measured

    def measure(self, network: nn.Module, *args: Any, **kwargs: Any) -> float:
        """The bytes."""
        from archwright.hardware.recording import live_bytes, record

        if self.measured:
            return live_bytes(self.setting, network, (args, kwargs))
        called = repeated((args, kwargs), self.setting.batch)
        return record(network, *called).peak_bytes()


@final
class Energy(Meter):
    """Joules for one example.

    Read from a counter where there is one: RAPL on a CPU (package and memory), NVML on an NVIDIA device. The network
    then runs for `duration` seconds, and the power of the idle machine, which is measured before, is taken off.
    Without a counter it is watts times seconds, and beside it stands 1 by the name `energy_estimated`.

    Args:
        batch: Examples in a call.
        precision: As of `latency_ms`.
        threads: Threads on the CPU.
        runtime: "eager", "compile" or "onnxruntime".
        device: "cpu", "cuda", "mps", or "auto": an accelerator where there is one.
        duration: Seconds of calls between two readings of a counter.
        watts: What the device is taken to draw beyond idle where it has no counter.
    """

    exclusive = True

    def __init__(
        self,
        *,
        batch: int = 1,
        precision: Precision = "32-true",
        threads: int = 1,
        runtime: Runtime = "eager",
        device: str = "auto",
        duration: float = 10.0,
        watts: float = 15.0,
    ) -> None:
        if not duration > 0 or not watts > 0:
            raise UsageError(f"expected duration and watts > 0, got {duration} and {watts}")
        self.setting = Setting(
            batch=batch, precision=precision, threads=threads, runtime=runtime, device=device
        )
        self.duration, self.watts, self.seconds = duration, watts, 2 * duration

    def measure(self, network: nn.Module, *args: Any, **kwargs: Any) -> float:
        """The joules."""
        return self.measure_all(network, *args, **kwargs)[""]

    def measure_all(self, network: nn.Module, *args: Any, **kwargs: Any) -> Mapping[str, float]:
        """The joules, and by its ending whether they are an estimate."""
        from archwright.hardware.energy import energy_counter, joules
        from archwright.hardware.timing import time_calls

        counter = energy_counter(self.setting.place)
        with self.setting.prepare(network, (args, kwargs)) as run:
            if counter is None:
                taken = time_calls({"": run}, self.setting)[""].median / 1e3
                spent = self.watts * taken
            else:
                spent = joules(run, counter, self.duration)
        return {"": spent / self.setting.batch, "_estimated": float(counter is None)}


@final
class Int8Size(Meter):
    """Bytes of a network's weights in INT8, see `int8_bytes`.

    Args:
        measured: Quantise it instead with onnxruntime, and count the bytes of the file, which also holds the graph.
    """

    def __init__(self, *, measured: bool = False) -> None:
        self.measured = measured
        self.seconds = 5.0 if measured else 0.2

    def measure(self, network: nn.Module, *args: Any, **kwargs: Any) -> float:
        """The bytes.

        Raises:
            MissingExtraError: When they are measured, and a package of the extra `onnx` is not installed.
            ExportError: When onnxruntime cannot quantise the network.
        """
        from archwright.hardware.bytes import int8_bytes

        if self.measured:
            from archwright.hardware.int8 import int8_network

            return int8_network(copy.deepcopy(network).cpu(), [(args, kwargs)]).nbytes
        return int8_bytes(network, (args, kwargs))


@final
class Size(Meter):
    """Bytes of a network's weights and buffers as they are; a shared one counts once."""

    def measure(self, network: nn.Module, *args: Any, **kwargs: Any) -> float:
        """The bytes."""
        from archwright.hardware.bytes import weight_bytes

        return weight_bytes(network)
