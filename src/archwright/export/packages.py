"""Packages that formats for other runtimes need."""

from __future__ import annotations

import importlib.util

from archwright.errors import MissingExtraError

__all__ = ["EXECUTORCH_PACKAGES", "ONNX_PACKAGES", "check_packages"]

ONNX_PACKAGES = ("onnx", "onnxscript", "onnxruntime")

EXECUTORCH_PACKAGES = ("executorch",)


def check_packages(packages: tuple[str, ...], extra: str, purpose: str) -> None:
    """Refuse what cannot be done here.

    Raises:
        MissingExtraError: When a package is not installed.
    """
    for package in packages:
        if importlib.util.find_spec(package) is None:
            raise MissingExtraError(package, extra, purpose)
