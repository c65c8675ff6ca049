"""Networks without weights, for what is read off names and shapes alone."""

import contextlib

import keras


@contextlib.contextmanager
def shapes_only():
    """What is built inside never gets its weights' values, which take most of the time.

    Afterwards Keras forgets the weights that wait for a value: the next scope of this
    kind would give them one.
    """
    try:
        with keras.StatelessScope(initialize_variables=False):
            yield
    finally:
        keras.utils.clear_session(free_memory=False)
