"""Quiet where many graphs are traced on purpose."""

import contextlib
import logging
from collections.abc import Iterator


@contextlib.contextmanager
def one_trace_each() -> Iterator[None]:
    """Keeps TensorFlow from warning of retracing: each instance has a trace of its own.

    TensorFlow cannot tell one function traced too often from many traced once.
    """

    def wanted(record):
        return "triggered tf.function retracing" not in record.getMessage()

    logger = logging.getLogger("tensorflow")
    logger.addFilter(wanted)
    try:
        yield
    finally:
        logger.removeFilter(wanted)
