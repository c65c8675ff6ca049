"""Names of classes, in the order of the labels."""

import sys
from importlib import resources

from keras_dynres import data
from keras_dynres.data.labels import labels

# WordNet's numbers of a few classes and what they are.
KNOWN = {
    "n01440764": "tench",
    "n02099601": "golden retriever",
    "n02979186": "cassette player",
    "n03394916": "French horn",
    "n03710721": "maillot, tank suit",
    "n03888257": "parachute",
    "n15075141": "toilet tissue",
}


def test_imagenets_names_stand_where_the_data_set_puts_their_numbers():
    files = resources.files("tensorflow_datasets") / "datasets/imagenet2012"
    numbers = (files / "labels.txt").read_text().split()
    named = dict(zip(numbers, labels("imagenet"), strict=True))
    assert {number: named[number] for number in KNOWN} == KNOWN


def test_imagenettes_names_are_among_imagenets():
    assert {name.replace("_", " ") for name in labels("imagenette")} <= set(
        labels("imagenet")
    )


def test_every_class_has_a_name_of_its_own():
    for name, dataset in data.DATASETS.items():
        if name != "synthetic":
            assert len(set(labels(name))) == dataset.classes


def test_without_a_list_there_are_no_names(monkeypatch):
    monkeypatch.setitem(
        sys.modules, "tensorflow_datasets.datasets.siscore.labels", None
    )
    assert labels.__wrapped__("imagenet") == ()
    assert labels(None) == labels("synthetic") == ()
