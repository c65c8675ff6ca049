"""Settings every test shares: which backend runs, and fixed seeds."""

import keras
import pytest


def pytest_collection_modifyitems(items):
    if keras.backend.backend() == "tensorflow":
        return
    skip = pytest.mark.skip(reason="needs KERAS_BACKEND=tensorflow")
    for item in items:
        if "tensorflow" in item.keywords:
            item.add_marker(skip)


@pytest.fixture(autouse=True)
def _seeded():
    keras.utils.set_random_seed(0)
