"""TFLite files that hold a whole menu: export, metadata, running, measuring."""

from keras_dynres.tflite.export import ExportReport, export
from keras_dynres.tflite.metadata import BundleError, read_metadata, verify
from keras_dynres.tflite.runner import Runner
from keras_dynres.tflite.timing import latency_ms

__all__ = [
    "BundleError",
    "ExportReport",
    "Runner",
    "export",
    "latency_ms",
    "read_metadata",
    "verify",
]
