"""Settings every test shares: which backend runs, how it compiles, fixed seeds."""

import functools
import gc
import os
import shutil
import tempfile

import pytest

# JAX reads these when it is imported, which Keras does; processes that tests start
# inherit them. Compiling takes most of JAX's time, and what is compiled is small: the
# least optimised program will do, and each of them is compiled once in a session,
# whichever worker needs it first.
JAX = {
    "JAX_DISABLE_MOST_OPTIMIZATIONS": "1",
    "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
    "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
}
CACHE = "JAX_COMPILATION_CACHE_DIR"
# The session's first process makes the cache and clears it away.
MADE = None if CACHE in os.environ else tempfile.mkdtemp(prefix="keras_dynres_jax_")
os.environ.update(JAX, **({CACHE: MADE} if MADE else {}))


def pytest_collection_finish():
    """What is imported and collected by now stays: the collector need not walk it."""
    gc.collect()
    gc.freeze()
    # Graphs are full of small objects; the usual 700 between two walks is a quarter of
    # a test's time.
    gc.set_threshold(20_000, 20, 20)


def pytest_unconfigure():
    if MADE:
        shutil.rmtree(MADE, ignore_errors=True)


@functools.cache
def _tensorflow():
    # Keras is imported when a worker needs it: who only hands out tests need not wait.
    import keras

    return keras.backend.backend() == "tensorflow"


def pytest_collection_modifyitems(config, items):
    """Under another backend than TensorFlow, what says nothing of backends rests."""
    if _tensorflow():
        return
    rest = [item for item in items if not _asks_for_backends(item)]
    config.hook.pytest_deselected(items=rest)
    items[:] = filter(_asks_for_backends, items)


def _asks_for_backends(item):
    marked = item.get_closest_marker
    return bool(marked("backends")) and not marked("tensorflow")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item):
    """Unmarked tests run eagerly: tracing a graph costs more than their few steps.

    A hook, for fixtures of larger scope come before those of a test.
    """
    if _tensorflow():
        import tensorflow as tf

        traced = any(map(item.get_closest_marker, ("backends", "tensorflow")))
        tf.config.run_functions_eagerly(not traced)


@pytest.fixture(autouse=True)
def _seeded():
    import keras

    keras.utils.set_random_seed(0)
