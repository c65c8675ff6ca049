"""A small architecture that networks of tests may name."""

import low_nets
import pytest

from keras_dynres import architectures


@pytest.fixture(scope="package", autouse=True)
def _architecture():
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(architectures._ARCHITECTURES, "tiny", low_nets.architecture)
        yield
