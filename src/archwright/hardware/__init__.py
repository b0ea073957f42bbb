"""What a network costs where it will run: time, memory, energy, bytes. Importing this room loads no torch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from archwright.hardware.meters import (
    CommandLatency,
    Energy,
    Int8Size,
    Latency,
    Memory,
    PredictedLatency,
    Size,
    latency_ms,
)
from archwright.hardware.setting import Precision, Runtime, Setting
from archwright.lazy import imported_on_use

if TYPE_CHECKING:
    from archwright.hardware.bytes import int8_bytes, weight_bytes
    from archwright.hardware.energy import NVML, RAPL, EnergyCounter, energy_counter
    from archwright.hardware.files import load_latency_model
    from archwright.hardware.fitted import Agreement, Calibration, LatencyModel, Provenance
    from archwright.hardware.int8 import Int8Network, int8_network
    from archwright.hardware.lookup import Entry, LookupTable, measure_table
    from archwright.hardware.predictor import KernelForest, LatencyPredictor, measure_predictor
    from archwright.hardware.recording import Recording, record
    from archwright.hardware.timing import Timing, time_calls
    from archwright.hardware.transfer import transfer

__getattr__ = imported_on_use(__name__)

# fmt: off
__all__ = [
    # Meters, by the names latency_ms, memory, energy, size and int8_size
    "CommandLatency", "Energy", "Int8Size", "Latency", "Memory", "PredictedLatency", "Size", "latency_ms",
    # How a network is run, and how long calls take
    "Precision", "Runtime", "Setting", "Timing", "time_calls",
    # Latency predicted from what parts take, as files that travel
    "Agreement", "Calibration", "Entry", "KernelForest", "LatencyModel", "LatencyPredictor", "LookupTable",
    "Provenance", "load_latency_model", "measure_predictor", "measure_table", "transfer",
    # What ran, and what memory it needed
    "Recording", "record",
    # Bytes of weights, and a network in INT8 that can be scored
    "Int8Network", "int8_bytes", "int8_network", "weight_bytes",
    # Counters of energy
    "NVML", "RAPL", "EnergyCounter", "energy_counter",
]
# fmt: on
