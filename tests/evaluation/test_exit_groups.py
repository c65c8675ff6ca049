"""Easy and hard images of a network with exits: by the first exit that is right."""

import numpy as np
from exit_nets import batches, small

import keras_dynres as kd


def test_groups_and_sheet_are_by_exit(tmp_path):
    model, data = small(), batches(4)
    x, y = (np.concatenate(parts) for parts in zip(*data, strict=True))
    right = np.stack([out.argmax(-1) == y for out in model.every_exit(x)])
    seen = kd.evaluation.predictions(model, data, logits=False, verbose=0)
    groups = kd.evaluation.cost_groups(seen, model.menu)
    assert groups.names == ("exit1", "exit2", "full")
    easy, hard = right[0] & right[2], ~right[0] & ~right[1] & right[2]
    np.testing.assert_array_equal(groups.images("exit1"), np.flatnonzero(easy))
    np.testing.assert_array_equal(groups.images("full"), np.flatnonzero(hard))
    shown = [name for name, count in groups.counts.items() if count]
    figure = kd.evaluation.contact_sheet(groups, data, tmp_path / "sheet.png")
    heads = [band.get_suptitle().split()[0] for band in figure.subfigs]
    assert heads == shown
