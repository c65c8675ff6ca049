"""On what a result was made: versions and machine."""

import importlib.metadata
import os
import platform
from pathlib import Path

import keras

PACKAGES = ("keras-dynres", "keras", "tensorflow", "jax", "ai-edge-litert", "numpy")


def environment() -> dict[str, str]:
    """Versions and processor, as a dict of strings to put beside a figure.

    Example:

    >>> "CPU" in environment()
    True
    """
    versions = {"Python": platform.python_version(), "Backend": keras.backend.backend()}
    for package in PACKAGES:
        try:
            # Asked of the metadata: importing them all would take seconds.
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    versions["CPU"] = _processor()
    versions["Cores"] = str(_cores())
    versions["System"] = f"{platform.system()} {platform.machine()}"
    return versions


def _cores():
    """How many this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count()


def _processor():
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8", "replace").splitlines()
    except OSError:
        lines = []
    for line in lines:
        key, _, value = line.partition(":")
        if key.strip() in ("model name", "Model", "Hardware") and value.strip():
            return value.strip()
    return platform.processor() or platform.machine() or "unknown"
