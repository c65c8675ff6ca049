"""Installation of keras_dynres; tool settings are in pyproject.toml."""

from pathlib import Path

from setuptools import find_packages, setup

TORCH = ["torch>=2.6"]
SAFETENSORS = ["safetensors>=0.4"]
JAX = ["jax>=0.4.30"]
DETECTION = ["pycocotools>=2.0.7"]
PHONE = ["segno>=1.5", "cryptography>=42"]
QUANTIZER = ["ai-edge-quantizer>=0.10"]
TFMOT = ["tensorflow-model-optimization>=0.8"]
DOCS = ["mkdocs-material>=9.7", "mkdocstrings[python]>=1.0"]
HUB = ["huggingface_hub>=1.0"]
DEV = [
    "pytest>=8",
    "pytest-xdist",
    "pyyaml",
    "nbclient>=0.10",
    "ipykernel>=6.29",
    "setuptools>=70.1",
    "ruff==0.17.5",
    "pre-commit",
    "selenium>=4.20",
    "tensorboard",
]
WEB = "keras_dynres_cli.phone.web"

setup(
    name="keras-dynres",
    version="0.1.0",
    description="One trained network, a menu of inference budgets (Keras 3)",
    long_description=Path(__file__).with_name("README.md").read_text("utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    python_requires=">=3.10",
    classifiers=[
        f"Programming Language :: Python :: 3.{minor}" for minor in range(10, 14)
    ],
    packages=[*find_packages(include=["keras_dynres*"]), WEB],
    # The page for phones lies at the top, beside what else runs bundles.
    package_dir={WEB: "tflite/web"},
    package_data={
        "keras_dynres": [
            "zoo/models/*/*",
            "zoo/networks/*",
            "zoo/papers/*",
            "zoo/*.json",
        ]
        + ["evaluation/templates/*"],
        WEB: ["*.html", "*.css", "*.*js", "runtime/LICENSE", "runtime/NOTICE"]
        + ["runtime/*.xz"],
    },
    install_requires=[
        "filelock>=3.12",
        "keras>=3.12",
        "ml-dtypes",
        "tensorflow",
        "tensorflow-datasets",
        "importlib_resources",  # That imports it, and asks for it in part.
        "pillow>=10.1",
        "absl-py",
        "ai-edge-litert",
        "jinja2>=3.1",
        "matplotlib",
    ],
    extras_require={
        "jax": JAX,
        "detection": DETECTION,
        "phone": PHONE,
        "quantizer": QUANTIZER,
        "tfmot": TFMOT,
        "hub": HUB,
        "torch": TORCH,
        "safetensors": SAFETENSORS,
        "docs": DOCS,
        "dev": DEV
        + DOCS
        + HUB
        + JAX
        + DETECTION
        + PHONE
        + QUANTIZER
        + TFMOT
        + SAFETENSORS,
    },
    entry_points={"console_scripts": ["keras-dynres = keras_dynres_cli:run"]},
)
