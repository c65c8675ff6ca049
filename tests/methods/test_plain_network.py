import contract
import keras
import numpy as np
import pytest
from low_nets import tiny

import keras_dynres as kd


@pytest.mark.backends
def test_a_plain_network_is_trained_measured_and_saved_as_a_menu(tmp_path):
    x, y = contract.images(), contract.labels()
    base = tiny(contract.SIZE)
    model = contract.compiled(kd.Plain(base))
    before = contract.values(base)
    model.fit(x, y, batch_size=4, verbose=0)
    assert any(
        not np.array_equal(old, new)
        for old, new in zip(before, contract.values(base), strict=True)
    )
    model.calibrate(x, verbose=0)
    accuracy = np.mean(np.argmax(base.predict(x, verbose=0), -1) == y)
    menu = model.evaluate_menu(_Batch(), verbose=0)
    assert menu.names == ["full"]
    assert menu.full.measured["accuracy"] == pytest.approx(accuracy)
    model.save(tmp_path / "m.keras")
    loaded = keras.saving.load_model(tmp_path / "m.keras")
    assert loaded.menu.to_json() == menu.to_json()
    np.testing.assert_allclose(loaded.at("full")(x), base(x), atol=1e-5)


class _Batch(keras.utils.PyDataset):
    def __len__(self):
        return 1

    def __getitem__(self, index):
        return contract.images(), contract.labels()


def test_nothing_is_added_to_the_network():
    model = kd.Plain(contract.base())
    assert not model.slots
    assert model.at("full").output is model.base.output
