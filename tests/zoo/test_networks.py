"""The zoo's networks: each that ships is sound, and a wrong one says what is wrong."""

import inspect
import json

import pytest

from keras_dynres import architectures, methods, zoo
from keras_dynres.errors import DynresError, UnknownNameError
from keras_dynres.methods import points as find
from keras_dynres.methods.sampled_blocks import sampled_blocks
from keras_dynres.zoo import Network

SOUND = {"architecture": "wide_resnet", "dataset": "synthetic", "epochs": 3}


@pytest.mark.parametrize("name", zoo.list())
def test_every_network_that_ships_is_sound(name):
    network = Network.load(name)
    assert network.name == name
    assert network.about and "http" in network.reference
    assert len(network.input_shape) == len(network.preprocessing["mean"]) == 3
    assert len(set(network.labels)) == network.classes
    assert network.architecture in architectures.names()
    function = getattr(architectures, network.architecture)
    inspect.signature(function).bind(**network.options)
    method = methods.METHODS[network.method]
    inspect.signature(method).bind("base", **network.method_options)
    assert Network.from_config(json.loads(json.dumps(network.get_config()))) == network


def test_a_network_extends_another(tmp_path):
    path = tmp_path / "child.json"
    path.write_text('{"extends": "sdpoint_wrn16_2_cifar10", "seed": 5}')
    parent = Network.load("sdpoint_wrn16_2_cifar10")
    child = Network.load(path)
    assert (child.name, child.seed, child.method) == ("child", 5, "sdpoint")
    assert child.about == ()
    own = {"name": parent.name, "seed": 0, "about": parent.about}
    assert {**child.get_config(), **own} == parent.get_config()
    path.with_name("grandchild.json").write_text('{"extends": "child.json"}')
    assert Network.load(tmp_path / "grandchild.json").seed == 5


def test_papers_figures_are_each_file_s_own():
    parent = Network.load("sdpoint_wrn28_10_cifar100")
    assert parent.paper["error"] == 17.53
    assert Network.load("early_exit_wrn28_10_cifar100").paper == {}


@pytest.mark.parametrize(
    ("entries", "sentence"),
    [
        ({"epoch": 3}, "Unknown entry of a network.*'epoch'.*Did you mean 'epochs'"),
        ({"dataset": "cifar"}, "Unknown data set.*'cifar'"),
        ({"schedule": "cosin"}, "Unknown schedule.*Did you mean 'cosine'"),
        ({"precision": "bfloat16"}, "Unknown precision.*Did you mean 'mixed_bfloat16'"),
        ({"epochs": 0}, "epochs is above 0.*epochs=0"),
        ({"epochs": "40"}, "epochs is int.*'40'"),
        ({"epochs": True}, "epochs is int.*True"),
        ({"nesterov": 1}, "nesterov is bool.*nesterov=1"),
        ({"method": ["sdpoint"]}, "method is str"),
        ({"step_at": [0.75, 0.5]}, "step_at is numbers that rise"),
        ({"step_at": [1, 4]}, "below epochs=3"),
        ({"momentum": 1.0}, r"momentum is in \[0, 1\)"),
        ({"optimizer": "adam"}, "Unknown optimizer.*'adam'.*sgd"),
        ({"average": 1.0}, r"average is in \[0, 1\)"),
        ({"average": 0.9, "frozen_epochs": 1}, "average is 0 with frozen_epochs"),
        ({"warmup_epochs": 3}, "warmup_epochs is at least 0 and below epochs=3"),
        ({"label_smoothing": 1}, "label_smoothing is in"),
        ({"learning_rate": 0.0}, "learning_rate is above 0"),
        ({"image_size": -1}, "image_size is at least 0.*image_size=-1"),
        ({"image_size": 16}, "image_size is 0: images of 'synthetic' are kept"),
    ],
)
def test_wrong_entries(entries, sentence):
    with pytest.raises(DynresError, match=sentence):
        Network.from_config({"name": "wrong", **SOUND, **entries})


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (b"\xff{}", "Cannot read a network.*UTF-8.*path="),
        ("{", "Not a network in JSON.*path="),
        ("[1]", "a JSON object"),
        ('{"architecture": "wide_resnet", "epochs": 1}', "lacks 'dataset'"),
        ('{"extends": 3}', "extends is a name or a path.*3"),
        ('{"extends": "wrn16_2_cifar"}', "network.*Did you mean 'wrn16_2_cifar10'"),
    ],
)
def test_wrong_files(tmp_path, text, sentence):
    path = tmp_path / "wrong.json"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(DynresError, match=sentence):
        Network.load(path)


def test_missing_unknown_and_circular_networks(tmp_path):
    with pytest.raises(DynresError, match="Did you mean 'sdpoint_wrn16_2_cifar10'"):
        Network.load("sdpoint_wrn_16_2_cifar10")
    with pytest.raises(DynresError, match="Cannot read a network.*absent.json"):
        Network.load(tmp_path / "absent.json")
    circle = tmp_path / "circle.json"
    circle.write_text(json.dumps({"extends": str(circle)}))
    with pytest.raises(DynresError, match="extend each other"):
        Network.load(circle)


@pytest.mark.parametrize(
    ("name", "points"),
    [
        ("sdpoint_wrn28_10_cifar10", 12),
        ("sdpoint_wrn40_4_cifar100", 18),
        ("sdpoint_densenetbc40_60_cifar10", 12),
    ],
)
def test_the_paper_s_networks_have_its_number_of_points(name, points):
    network = Network.load(name)
    narrow = {"width": 1, "growth": 2}
    kwargs = {key: narrow.get(key, value) for key, value in network.options.items()}
    base = architectures.create(network.architecture, **kwargs)
    wanted = network.method_options.get("points", "auto")
    assert len(find.points(base, wanted)) == points


def test_the_paper_samples_all_blocks_but_the_first_of_each_stage():
    network = Network.load("sampled_resnet34_imagenet")
    base = architectures.create(network.architecture, **network.options)
    first = network.method_options["first_blocks"]
    blocks = [block.name for block in sampled_blocks(base, first_blocks=first)]
    per_stage = {1: (2, 3), 2: (2, 3, 4), 3: (2, 3, 4, 5, 6), 4: (2, 3)}
    assert blocks == [
        f"stage{s}_block{b}_add" for s, numbers in per_stage.items() for b in numbers
    ]


def test_names_can_be_narrowed_down():
    assert "sdpoint_wrn28_10_cifar100" in zoo.list()
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
