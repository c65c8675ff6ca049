"""One table says what a precision is."""

import argparse

import pytest

from keras_dynres.errors import UnknownNameError
from keras_dynres.tflite import PRECISIONS
from keras_dynres.tflite.precision import Precision, precision_of


def test_the_table():
    assert list(PRECISIONS) == ["float32", "float16", "int8", "int8-weights"]
    assert all(name == precision.name for name, precision in PRECISIONS.items())
    assert precision_of("int8") is precision_of(PRECISIONS["int8"])
    allowed = [precision.weight_cache for precision in PRECISIONS.values()]
    assert allowed == [True, True, False, False]
    assert PRECISIONS["float32"] == Precision("float32", 1e-4, optimized=False)


@pytest.mark.parametrize("name", ["int-8", None, ["int8"]])
def test_unknown_names(name):
    with pytest.raises(UnknownNameError, match="Unknown precision. Received: "):
        precision_of(name)


def test_the_command_line_offers_what_the_table_holds():
    from keras_dynres_cli.commands import export

    parser = argparse.ArgumentParser(epilog="")
    export.arguments(parser)
    (option,) = (a for a in parser._actions if a.dest == "precision")
    assert option.help.split(", ") == list(PRECISIONS)
