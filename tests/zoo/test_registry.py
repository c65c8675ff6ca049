import dataclasses
import inspect
import json

import pytest

from keras_dynres import architectures, methods, training, zoo
from keras_dynres.errors import DynresError, UnknownNameError
from keras_dynres.methods import points as find
from keras_dynres.methods.sampled_blocks import sampled_blocks
from keras_dynres.zoo import registry

ENTRIES = list(registry.ENTRIES.values())
MAY_BE_EMPTY = ("paper", "method_kwargs", "checkpoint")


def same(left, right):
    """Whether two options agree as JSON has them, where tuples are lists."""
    return json.loads(json.dumps(dict(left))) == json.loads(json.dumps(dict(right)))


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
class TestEveryEntry:
    def test_its_fields_are_complete(self, entry):
        for field in dataclasses.fields(entry):
            assert getattr(entry, field.name) or field.name in MAY_BE_EMPTY
        json.dumps(dataclasses.asdict(entry))
        channels = entry.input_shape[-1]
        assert len(entry.preprocessing["mean"]) == channels
        assert len(entry.preprocessing["std"]) == channels
        assert "http" in entry.reference
        assert len(set(entry.labels)) == entry.classes

    def test_its_options_are_those_of_architecture_and_method(self, entry):
        assert entry.architecture in architectures.names()
        takes = inspect.signature(getattr(architectures, entry.architecture))
        takes.bind(**entry.architecture_kwargs)
        method = methods.METHODS[entry.method]
        inspect.signature(method).bind("base", **entry.method_kwargs)

    def test_its_recipe_trains_this_very_network(self, entry):
        recipe = training.Recipe.load(entry.recipe)
        images = recipe.images
        shape = (*images.shape, 3)
        options = {"classes": images.classes, "input_shape": shape}
        options.update(recipe.architecture_options)
        assert recipe.architecture == entry.architecture
        assert same(options, entry.architecture_kwargs)
        assert recipe.method == entry.method
        assert same(recipe.method_options, entry.method_kwargs)
        assert recipe.dataset == entry.dataset


@pytest.mark.parametrize(
    ("name", "points"),
    [
        ("sdpoint_wrn28_10_cifar10", 12),
        ("sdpoint_wrn40_4_cifar100", 18),
        ("sdpoint_densenetbc40_60_cifar10", 12),
    ],
)
def test_the_paper_s_networks_have_its_number_of_points(name, points):
    entry = registry.get(name)
    narrow = {"width": 1, "growth": 2}
    kwargs = {
        key: narrow.get(key, value) for key, value in entry.architecture_kwargs.items()
    }
    base = architectures.create(entry.architecture, **kwargs)
    wanted = entry.method_kwargs.get("points", "auto")
    assert len(find.points(base, wanted)) == points


def test_the_paper_samples_all_blocks_but_the_first_of_each_stage():
    entry = registry.get("sampled_resnet34_imagenet")
    base = architectures.create(entry.architecture, **entry.architecture_kwargs)
    first = entry.method_kwargs["first_blocks"]
    blocks = [block.name for block in sampled_blocks(base, first_blocks=first)]
    per_stage = {1: (2, 3), 2: (2, 3, 4), 3: (2, 3, 4, 5, 6), 4: (2, 3)}
    assert blocks == [
        f"stage{s}_block{b}_add" for s, numbers in per_stage.items() for b in numbers
    ]


def test_names_can_be_narrowed_down():
    assert set(zoo.list()) == set(registry.ENTRIES)
    some = zoo.list(method="sdpoint", dataset="cifar100")
    assert some
    assert all(name.endswith("_cifar100") for name in some)


def test_unknown_names_name_their_neighbours():
    with pytest.raises(UnknownNameError, match="Did you mean 'sdpoint_wrn28_10_cifar"):
        zoo.load("sdpoint_wrn28_cifar10", weights=None)
    with pytest.raises(UnknownNameError, match="Did you mean 'sdpoint_wrn40_4_cifar"):
        zoo.card("sdpoint_wrn40_4_cifar1000")
    with pytest.raises(UnknownNameError, match="dataset in the zoo.*'cifar10'"):
        zoo.list(dataset="cifar")
    with pytest.raises(DynresError, match="method in the zoo.*'sdpoint'"):
        zoo.list(method="sdpont")
