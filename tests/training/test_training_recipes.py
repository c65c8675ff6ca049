"""Recipe files: each that ships is sound, and a wrong one says what is wrong."""

import inspect
import json

import pytest

from keras_dynres import architectures, methods
from keras_dynres.errors import DynresError
from keras_dynres.training import Recipe, names
from keras_dynres.zoo import registry

SOUND = {"architecture": "wide_resnet", "dataset": "synthetic", "epochs": 3}


@pytest.mark.parametrize("name", names())
def test_every_recipe_that_ships_is_sound(name):
    recipe = Recipe.load(name)
    assert recipe.name == name
    assert f"keras-dynres train {name} --data_dir D --out_dir O" == recipe.about[-1]
    assert recipe.architecture in architectures.names()
    function = getattr(architectures, recipe.architecture)
    inspect.signature(function).bind(**recipe.architecture_options)
    if recipe.method:
        method = methods.METHODS[recipe.method]
        inspect.signature(method).bind(None, **recipe.method_options)
    assert Recipe.from_config(json.loads(json.dumps(recipe.get_config()))) == recipe


@pytest.mark.parametrize("name", registry.names())
def test_every_network_of_the_zoo_has_the_recipe_it_names(name):
    entry = registry.get(name)
    recipe = Recipe.load(entry.recipe)
    dataset = recipe.images
    shape = (*dataset.shape, 3)
    built = {
        "classes": dataset.classes,
        "input_shape": shape,
        **recipe.architecture_options,
    }
    assert (recipe.architecture, recipe.method) == (entry.architecture, entry.method)
    assert recipe.dataset == entry.dataset
    assert json.dumps(built, sort_keys=True) == json.dumps(
        dict(entry.architecture_kwargs), sort_keys=True
    )
    assert json.dumps(recipe.method_options, sort_keys=True) == json.dumps(
        dict(entry.method_kwargs), sort_keys=True
    )


def test_a_recipe_extends_another(tmp_path):
    path = tmp_path / "child.json"
    path.write_text('{"extends": "sdpoint_wrn16_2_cifar10", "seed": 5}')
    parent = Recipe.load("sdpoint_wrn16_2_cifar10")
    child = Recipe.load(path)
    assert (child.name, child.seed, child.method) == ("child", 5, "sdpoint")
    assert child.about == ()
    own = {"name": parent.name, "seed": 0, "about": parent.about}
    assert {**child.get_config(), **own} == parent.get_config()


@pytest.mark.parametrize(
    ("entries", "sentence"),
    [
        ({"epoch": 3}, "Unknown recipe entry.*'epoch'.*Did you mean 'epochs'"),
        ({"dataset": "cifar"}, "Unknown data set.*'cifar'"),
        ({"schedule": "cosin"}, "Unknown schedule.*Did you mean 'cosine'"),
        ({"precision": "bfloat16"}, "Unknown precision.*Did you mean 'mixed_bfloat16'"),
        ({"epochs": 0}, "epochs is above 0.*epochs=0"),
        ({"epochs": "40"}, "epochs is int.*'40'"),
        ({"epochs": True}, "epochs is int.*True"),
        ({"nesterov": 1}, "nesterov is bool.*nesterov=1"),
        ({"method": ["sdpoint"]}, "method is str or null"),
        ({"step_at": [0.75, 0.5]}, "step_at is numbers that rise"),
        ({"step_at": [1, 4]}, "below epochs=3"),
        ({"momentum": 1.0}, r"momentum is in \[0, 1\)"),
        ({"warmup_epochs": 3}, "warmup_epochs is at least 0 and below epochs=3"),
        ({"label_smoothing": 1}, "label_smoothing is in"),
        ({"learning_rate": 0.0}, "learning_rate is above 0"),
        ({"image_size": -1}, "image_size is at least 0.*image_size=-1"),
        ({"image_size": 16}, "image_size is 0: images of 'synthetic' are kept"),
    ],
)
def test_wrong_entries(entries, sentence):
    with pytest.raises(DynresError, match=sentence):
        Recipe.from_config({"name": "wrong", **SOUND, **entries})


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (b"\xff{}", "Cannot read a recipe.*UTF-8.*path="),
        ("{", "Not a recipe in JSON.*path="),
        ("[1]", "a JSON object"),
        ('{"architecture": "wide_resnet", "epochs": 1}', "lacks 'dataset'"),
        ('{"extends": "wrn16_2_cifar"}', "recipe.*Did you mean 'wrn16_2_cifar10'"),
    ],
)
def test_wrong_files(tmp_path, text, sentence):
    path = tmp_path / "wrong.json"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(DynresError, match=sentence):
        Recipe.load(path)


def test_missing_unknown_and_circular_recipes(tmp_path):
    with pytest.raises(DynresError, match="Did you mean 'sdpoint_wrn16_2_cifar10'"):
        Recipe.load("sdpoint_wrn_16_2_cifar10")
    with pytest.raises(DynresError, match="Cannot read a recipe.*absent.json"):
        Recipe.load(tmp_path / "absent.json")
    circle = tmp_path / "circle.json"
    circle.write_text(json.dumps({"extends": str(circle)}))
    with pytest.raises(DynresError, match="extend each other"):
        Recipe.load(circle)
