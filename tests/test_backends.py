"""A model saved under one backend, loaded under the other."""

import contract
import numpy as np
import pytest

import keras_dynres as kd

pytestmark = pytest.mark.backends

CROSS = """
import json, sys
import numpy as np, keras
sys.path.insert(0, json.loads(sys.argv[1])["tests"])
import contract
model = keras.saving.load_model(json.loads(sys.argv[1])["path"])
x = contract.images()
print(json.dumps({n: v.tolist() for n, v in contract.every_logits(model, x).items()}))
"""


def test_the_other_backend_gives_the_same_logits(tmp_path):
    backend, x = contract.other_backend(), contract.images()
    model = kd.SDPoint(contract.base(), ratios=(0.5,))
    model.calibrate(x, verbose=0)
    model.save(tmp_path / "m.keras")
    theirs = contract.python(
        CROSS,
        backend,
        path=str(tmp_path / "m.keras"),
        tests=str(contract.__file__).rsplit("/", 1)[0],
    )
    for name, value in contract.every_logits(model, x).items():
        np.testing.assert_allclose(value, theirs[name], atol=1e-4)
