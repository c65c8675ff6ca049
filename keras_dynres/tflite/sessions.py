"""Signatures handed to the runtime: those that are run, and no others."""

from keras_dynres.tflite import flatbuffer


def load(read, signatures, threads):
    """Prepares signatures of a file to be run.

    Given the whole file, the runtime prepares every signature and packs the weights
    anew for each; given a file of some, only those. A graph with branches needs the
    graphs that hold them, which the runtime says on loading: then the whole file it
    is.

    Args:
        read: A function that returns the file's bytes: kept, they would count twice.
        signatures: The signatures' keys.
        threads: CPU threads to run on.

    Returns:
        A dict from key to a function that takes the named inputs and returns a dict
        of the named outputs.
    """
    from ai_edge_litert.interpreter import Interpreter

    try:
        interpreter = Interpreter(
            model_content=flatbuffer.select(read(), signatures), num_threads=threads
        )
        interpreter.allocate_tensors()
    except RuntimeError:
        interpreter = Interpreter(model_content=read(), num_threads=threads)
        interpreter.allocate_tensors()
    return {key: interpreter.get_signature_runner(key) for key in signatures}
