"""An instance for each image: Resizable-Adapt."""

from keras_dynres.adapt.adaptive import ResizableAdapt

__all__ = ["ResizableAdapt"]
