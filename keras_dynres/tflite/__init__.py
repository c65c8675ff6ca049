"""TFLite files that hold a whole menu: export, metadata, running, measuring."""

from keras_dynres.tflite.block_plan import BlockPlan, plan_blocks
from keras_dynres.tflite.devices import menu
from keras_dynres.tflite.export import ExportReport, export
from keras_dynres.tflite.latency import latency_ms
from keras_dynres.tflite.metadata import BundleError, read_metadata, verify
from keras_dynres.tflite.precision import PRECISIONS
from keras_dynres.tflite.runner import Runner

__all__ = [
    "PRECISIONS",
    "BlockPlan",
    "BundleError",
    "ExportReport",
    "Runner",
    "export",
    "latency_ms",
    "menu",
    "plan_blocks",
    "read_metadata",
    "verify",
]
