"""Bad arguments get one sentence: what was received, and what is near."""

import pytest

from keras_dynres import architectures
from keras_dynres.errors import DynresError


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("wide_resnet", {"depth": 30}, r"6n \+ 4 .*depth=30. Did you mean 28?"),
        ("wide_resnet", {"depth": 4}, "depth=4. Did you mean 10?"),
        ("wide_resnet", {"depth": "28"}, "depth='28'"),
        ("wide_resnet", {"width": 1.5}, "width must be a whole number.*width=1.5"),
        ("wide_resnet", {"dropout": 1.0}, "dropout must be .* below 1.*1.0"),
        ("resnet", {"depth": 51}, r"10, 18, 26, 34, 50, 101, 152 or 6n \+ 2.*mean 50?"),
        ("preresnet", {"depth": None}, "depth of a PreResNet.*None"),
        ("resnet", {"stem": "cifar10"}, "stem.*cifar10.*Did you mean 'cifar'"),
        ("resnet", {"depth": 18, "family": "cifar"}, r"CIFAR.*6n \+ 2.*mean 20?"),
        ("resnet", {"depth": 20, "family": "imagenet"}, "ImageNet.*18.*mean 18?"),
        (
            "resnet",
            {"depth": 20},
            r"20 layers.*small images.*depth=20.*\(224, 224, 3\)",
        ),
        ("resnet", {"family": "imagnet"}, "family.*'imagnet'.*mean 'imagenet'?"),
        ("resnet", {"depth": 34, "deformable": [4]}, r"Only bottlenecks.*\[4\]"),
        ("resnet", {"deformable": [2, 5]}, r"stages, from 1 to 4.*\[2, 5\]"),
        ("resnet", {"modulated": True}, "modulated: say in which stages"),
        ("resnext", {"depth": 18}, r"9n \+ 2 .at least 11.*Did you mean 20?"),
        ("resnext", {"cardinality": 0}, "cardinality must be a whole number"),
        ("densenet_bc", {"depth": 120}, r"6n \+ 4 .at least 10.*Did you mean 121?"),
        ("densenet_bc", {"growth": -12}, "growth must be a whole number"),
        ("densenet_bc", {"growth": [8, 16]}, r"3 dense blocks: growth.*\[8, 16\]"),
        ("densenet_bc", {"growth": [8, 16, 0]}, "growth must be a whole.*growth=0"),
        ("densenet_bc", {"reduction": 0}, "reduction must be .*reduction=0"),
        ("densenet_bc", {"input_shape": (2, 8, 3)}, "at least 4 x 4 pixels"),
        ("vgg", {"depth": 17}, "11, 13, 16, 19.*Did you mean 16?"),
        ("vgg", {"head": "pooling"}, "head.*pooling.*Did you mean 'pool'"),
        ("vgg", {"input_shape": (8, 8, 3)}, "at least 16 x 16 pixels"),
        ("vgg", {"head": "dense", "input_shape": (None, 32, 3)}, "or head='pool'"),
        ("mobilenet_v1", {"width": 0}, "width must be a number above 0.*width=0"),
        ("mobilenet_v1", {"width": "1.0"}, "width must be .*width='1.0'"),
        ("mobilenet_v2", {"width": float("nan")}, "width must be .*width=nan"),
        ("mobilenet_v2", {"width": True}, "width must be .*width=True"),
        ("mobilenet_v2", {"stem": "small"}, "stem.*small.*'cifar'"),
        ("mobilenet_v2", {"stem": "pooled"}, "stem.*pooled.*'cifar'"),
        ("shufflenet_v2", {"width": 0.75}, "width.*0.75.*'0.5'"),
        ("shufflenet_v2", {"shortcut": "all"}, "shortcut.*'all'.*'half'"),
        ("resnet", {"dilations": (1, 2)}, r"4 stages.*dilations of each.*\(1, 2\)"),
        ("fcn", {"input_shape": (4, 8, 3)}, "at least 8 x 8 pixels"),
        ("fcn", {"auxiliary": -1}, "auxiliary must be a whole number"),
        ("fcn", {"dropout": 1}, "dropout must be .* below 1"),
        ("efficient_resizable", {"dropout": -0.1}, "dropout must be .*dropout=-0.1"),
    ],
)
def test_a_bad_argument_is_named(name, options, message):
    with pytest.raises(DynresError, match=message):
        architectures.create(name, **options)


def test_an_unknown_architecture_names_the_nearest():
    with pytest.raises(DynresError, match="wide_resnet'"):
        architectures.create("wideresnet")


def test_an_unknown_option_names_the_nearest():
    with pytest.raises(
        DynresError, match="option of wide_resnet.*Did you mean 'width'"
    ):
        architectures.create("wide_resnet", widht=2)
