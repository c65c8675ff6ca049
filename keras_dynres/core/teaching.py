"""In-place distillation: a step's first instance teaches the others of the step."""

import keras
from keras import ops

from keras_dynres import graph
from keras_dynres.core.distillation import divergence
from keras_dynres.core.dynamic import DynamicModel
from keras_dynres.core.gradients import GradientSums
from keras_dynres.errors import DynresError

# What the first instance's logs and the others' labels call its outputs.
_TAUGHT = "taught"


class Teaching(DynamicModel):
    """A model that may train an instance by the labels and others by its outputs."""

    @property
    def teaches(self):
        """Whether steps are taught: their first instance is given the labels alone."""
        return False

    def make_train_function(self, force=False):
        """Refuses to teach on several replicas: they do not share what is taught."""
        if self.teaches and keras.backend.backend() == "tensorflow":
            replicas = self.distribute_strategy.num_replicas_in_sync
            if replicas > 1:
                raise DynresError(
                    "Instances learn from one another on one replica alone: take "
                    f"another sampling. Received: a strategy of {replicas} replicas"
                )
        super().make_train_function(force)

    def hand_on(self, batch, logs):
        """The same images with the first instance's outputs beside the labels."""
        taught = logs.pop(_TAUGHT, None)
        if taught is None:
            return batch
        images, labels, *rest = batch
        return (images, {"labels": labels, _TAUGHT: taught}, *rest)

    def compute_loss(
        self, x=None, y=None, y_pred=None, sample_weight=None, training=True
    ):
        """Keras' loss, or the distance from what is taught."""
        if not _is_taught(y):
            return super().compute_loss(x, y, y_pred, sample_weight, training)
        logits = not graph.gives_probabilities(self.base)
        loss = divergence([y_pred, y[_TAUGHT]], [1.0], 1.0, logits)
        return ops.sum(ops.stack([loss, *self.losses]))

    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        """Keras' metrics; of the first instance its outputs too."""
        labels = y["labels"] if _is_taught(y) else y
        logs = super().compute_metrics(x, labels, y_pred, sample_weight)
        adding = isinstance(self.optimizer, GradientSums)
        if self.teaches and adding and not _is_taught(y):
            logs = {**logs, _TAUGHT: y_pred}
        return logs


def _is_taught(labels):
    return isinstance(labels, dict) and _TAUGHT in labels
