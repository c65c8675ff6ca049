"""Installation of keras_dynres; tool settings are in pyproject.toml."""

from pathlib import Path

from setuptools import find_packages, setup

JAX = ["jax>=0.4.30"]
DETECTION = ["pycocotools>=2.0.7"]
TFMOT = ["tensorflow-model-optimization>=0.8"]
DEV = ["pytest>=8", "pytest-xdist", "ruff==0.17.5", "pre-commit", "tensorboard"]

setup(
    name="keras-dynres",
    version="0.1.0",
    description="One trained network, a menu of inference budgets (Keras 3)",
    long_description=Path(__file__).with_name("README.md").read_text("utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    python_requires=">=3.10",
    packages=find_packages(include=["keras_dynres*"]),
    package_data={"keras_dynres": ["zoo/models/*/*", "training/recipes/*"]},
    install_requires=[
        "keras>=3.12",
        "tensorflow",
        "tensorflow-datasets",
        "absl-py",
        "ai-edge-litert",
        "matplotlib",
    ],
    extras_require={
        "jax": JAX,
        "detection": DETECTION,
        "tfmot": TFMOT,
        "dev": DEV + JAX + DETECTION + TFMOT,
    },
    entry_points={"console_scripts": ["keras-dynres = keras_dynres_cli:run"]},
)
