import pytest
from shapes_only import shapes_only


@pytest.fixture
def no_weights():
    """For tests of names, shapes and costs: weights have shapes, but no values."""
    with shapes_only():
        yield
