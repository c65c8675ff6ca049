"""TFLite files that hold a whole menu: export, metadata, running, measuring."""

from keras_dynres.tflite.export import ExportReport, export
from keras_dynres.tflite.latency import latency_ms
from keras_dynres.tflite.metadata import BundleError, read_metadata, verify
from keras_dynres.tflite.precision import PRECISIONS
from keras_dynres.tflite.runner import Runner

__all__ = [
    "PRECISIONS",
    "BundleError",
    "ExportReport",
    "Runner",
    "export",
    "latency_ms",
    "read_metadata",
    "verify",
]
