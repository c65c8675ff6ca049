"""Several processes read together what one process reads."""

import numpy as np
import pytest
from pictures import pictures, write

from keras_dynres import data
from keras_dynres.errors import DynresError

KIND = {"batch_size": 9, "seed": 1, "epochs": 3, "start_epoch": 1}


def assert_parts_of_the_whole(dataset, count=3, **kind):
    whole = data.load(dataset, **KIND, **kind)
    parts = [data.load(dataset, share=(i, count), **KIND, **kind) for i in range(count)]
    assert {len(part) for part in parts} == {len(whole)}
    for batch, *shares in zip(whole, *parts, strict=True):
        assert {share[0].shape[0] for share in shares} == {9 // count}
        for tensor, *slices in zip(batch, *shares, strict=True):
            np.testing.assert_array_equal(tensor, np.concatenate(slices))


@pytest.mark.parametrize("augment", ["none", "pad_crop_flip+mixup"])
def test_of_images_in_memory(augment):
    assert_parts_of_the_whole("synthetic", augment=augment)


@pytest.mark.parametrize("augment", ["scale_aspect", "scale_aspect+mixup"])
def test_of_pictures_in_files(pictures_dir, augment):
    dataset = pictures(in_memory=False)
    assert_parts_of_the_whole(dataset, augment=augment, data_dir=pictures_dir)


def test_of_pictures_of_which_damaged_ones_are_left_out(tmp_path):
    write(tmp_path, broken=[3, 30])
    kind = {"data_dir": str(tmp_path), "on_corrupt": "skip"}
    assert_parts_of_the_whole(pictures(in_memory=False), **kind)


def test_only_the_own_share_is_decoded(tmp_path):
    write(tmp_path, broken=[3])
    kind = {"data_dir": str(tmp_path), "batch_size": 8, "seed": 0}
    raised = []
    for index in range(2):
        pipeline = data.load(pictures(in_memory=False), share=(index, 2), **kind)
        try:
            with data.clear_errors("pictures"):
                assert len(list(pipeline)) == 5
        except DynresError:
            raised.append(index)
    assert len(raised) == 1


@pytest.mark.parametrize("share", [(2, 2), (-1, 2), (0, 0), (0, 5)])
def test_no_share(share):
    which = rf"share=\({share[0]}, {share[1]}\), batch_size=64"
    with pytest.raises(DynresError, match=which):
        data.load("synthetic", batch_size=64, share=share)
