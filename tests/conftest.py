"""Settings every test shares: which backend runs, and fixed seeds."""

from pathlib import Path

import keras
import pytest

HERE = Path(__file__).parent
# What these rooms do is no backend's business, so one of them is enough: files,
# arrays, pipelines of TensorFlow, the command line.
ONCE = (
    *("cli", "data", "exits", "tflite"),
    *("zoo/test_checkpoint_files.py", "zoo/test_config.py", "zoo/test_download.py"),
    *("zoo/test_registry.py", "evaluation/test_report.py"),
)


def pytest_collection_modifyitems(items):
    if keras.backend.backend() == "tensorflow":
        return
    skip = pytest.mark.skip(reason="needs KERAS_BACKEND=tensorflow")
    for item in items:
        place = item.path.relative_to(HERE).as_posix()
        if "tensorflow" in item.keywords or place.startswith(ONCE):
            item.add_marker(skip)


@pytest.fixture(autouse=True)
def _seeded():
    keras.utils.set_random_seed(0)
