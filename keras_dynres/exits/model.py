"""Networks with several exits; an instance is an exit."""

import types

import keras

from keras_dynres import graph
from keras_dynres.core import distillation
from keras_dynres.core.dynamic import DynamicModel
from keras_dynres.core.plan import Joint
from keras_dynres.errors import DynresError
from keras_dynres.exits import Policy, exit_training
from keras_dynres.exits.exit_use import ExitUse
from keras_dynres.instance import FULL, Instance


class ExitModel(ExitUse, DynamicModel):
    """A network with several outputs, each good for a prediction; base of methods.

    The instances are `exit1`, `exit2` and so on; `full` is the last exit. A step
    trains all exits at once by the weighted sum of their losses, with one label, and
    `fit` and `evaluate` show the metrics of each. `predict` gives the last exit's
    predictions; `anytime`, `predict_within` and `predict_dynamic` stop earlier.

    Args:
        base: A functional `keras.Model` with an output for each exit, in order.
        exit_weights: What each exit's loss counts: `"uniform"` for 1 each; a budget
            distribution (`"exponential"`, `"normal"`) for the probability that the
            budget ends after that exit, times their number; or a list.
        distillation: Weight of the divergence between each earlier exit and the
            last one's softened prediction, added to the earlier exits' losses.
        temperature: Softens the predictions that are distilled.
        policies: What a saved model knew of solved budgets (JSON texts).
        **kwargs: `seed`, `menu`, `name` of `DynamicModel`.
    """

    def __init__(
        self,
        base,
        exit_weights="uniform",
        distillation=0.0,
        temperature=3.0,
        policies=(),
        **kwargs,
    ):
        base = graph.as_functional(base)
        if len(base.outputs) < 2:
            raise DynresError(
                "The base needs an output for each exit, two at least. "
                f"Received: {base.name!r} with {len(base.outputs)}."
            )
        if distillation < 0 or temperature <= 0:
            raise DynresError(
                "distillation is at least 0 and temperature above 0. Received: "
                f"distillation={distillation}, temperature={temperature}."
            )
        self._exits = [f"exit{i}" for i in range(1, len(base.outputs) + 1)]
        super().__init__(base, **kwargs)
        self._asked = exit_weights
        self.distillation = float(distillation)
        self.temperature = float(temperature)
        self.plan = Joint(FULL, self.instances, self.seed)
        self._known = types.SimpleNamespace(
            policies=[Policy.from_json(text) for text in policies], stages=None
        )
        self.exit_weights = exit_training.weights(exit_weights, self.exit_costs())
        self.from_logits = not graph.gives_probabilities(base)

    # === What a method says ===

    def define_instances(self):
        """The exits; the last is `full`."""
        count = len(self._exits)
        return [
            Instance(
                FULL if number == count else name,
                {"exit": number},
                output=number - 1,
                aliases=(name,) if number == count else (),
            )
            for number, name in enumerate(self._exits, 1)
        ]

    # === Keras ===

    @property
    def output_names(self):
        """Names of the exits: what Keras puts before each metric."""
        return self.exits

    def call(self, inputs, training=None):
        """A list of all exits' predictions."""
        return self.base(inputs, training=training)

    def predict(self, x, *args, **kwargs):
        """The last exit's predictions, as `at("full")` gives them."""
        return self.at(FULL).predict(x, *args, **kwargs)

    def compile(
        self,
        optimizer="rmsprop",
        loss=None,
        metrics=None,
        weighted_metrics=None,
        **kwargs,
    ):
        """Keras' own; loss and metrics apply to every exit."""
        count = len(self._exits)
        kwargs.setdefault("loss_weights", list(self.exit_weights))
        super().compile(
            optimizer,
            loss=[loss] * count,
            metrics=exit_training.metrics_each(metrics, count),
            weighted_metrics=exit_training.metrics_each(weighted_metrics, count),
            **kwargs,
        )

    def get_compile_config(self):
        """What `compile` was given."""
        config = super().get_compile_config()
        if config:
            for key in ("loss", "metrics", "weighted_metrics"):
                config[key] = config[key] and config[key][0]
        return config

    def compile_from_config(self, config):
        """Compiles as a saved model was."""
        self.compile(**keras.saving.deserialize_keras_object(config))
        self.optimizer.build(self.trainable_variables)

    def compute_loss(
        self, x=None, y=None, y_pred=None, sample_weight=None, training=True
    ):
        """The weighted sum of the exits' losses, and what distillation adds."""
        labels = [y] * len(y_pred)
        loss = super().compute_loss(x, labels, y_pred, sample_weight, training)
        if self.distillation and training:
            apart = distillation.divergence(
                y_pred, self.exit_weights, self.temperature, self.from_logits
            )
            loss = loss + self.distillation * apart
        return loss

    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        """The metrics of each exit, named after it."""
        return super().compute_metrics(x, [y] * len(y_pred), y_pred, sample_weight)

    def make_train_function(self, force=False):
        """As for any method; what was solved for the old weights is dropped."""
        self._known.policies.clear()
        super().make_train_function(force)

    def get_config(self):
        """The arguments of `__init__`."""
        config = super().get_config()
        del config["statistics"]
        return {
            **config,
            "exit_weights": self._asked,
            "distillation": self.distillation,
            "temperature": self.temperature,
            "policies": [policy.to_json() for policy in self._known.policies],
        }


def stages_of(model: keras.Model) -> list:
    """The stages of a model whose instances build on one another; others have none."""
    return model.stages() if isinstance(model, ExitModel) else []


def names_of(model: keras.Model) -> list[str]:
    """Names of a model's exits in order; none where it has no exits."""
    return model.exits if isinstance(model, ExitModel) else []


def policies_of(model: keras.Model) -> list[Policy]:
    """The policies a model keeps; none where it has no exits."""
    return model.policies if isinstance(model, ExitModel) else []
