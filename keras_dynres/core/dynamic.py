"""The model every method is: a menu of instances over one set of weights."""

import contextlib
import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import keras
import numpy as np

from keras_dynres import cost, graph, grid
from keras_dynres.core import labels, lessons, plan
from keras_dynres.core.calibration import calibrate
from keras_dynres.core.gradients import GradientSums
from keras_dynres.core.instance_graphs import InstanceGraphs
from keras_dynres.core.measurement import evaluate_menu
from keras_dynres.core.statistics import ByInstance, Slots, Uniform
from keras_dynres.core.steps import InstanceSteps, announce
from keras_dynres.errors import (
    DynresError,
    NotCalibratedError,
    UnknownCostError,
    one_of,
)
from keras_dynres.instance import FULL, Instance, Menu


class DynamicModel(keras.Model):
    """A network that is a menu of instances; the base of every method.

    An instance is a plain functional graph over the base's own layers. `fit` draws
    one for each step on the host; `predict` and `evaluate` run `full`, and
    `model.at(name)` is the model of any other.

    A method says which instances there are (`define_instances`) and how each rewires
    the base (`rule`). Where the defaults are not meant, it names its kinds of
    `statistics` in `STATISTICS` and assigns a `plan` of its own.

    Args:
        base: A functional `keras.Model`. It is not changed; its layers are shared.
        statistics: `"instance"` gives each instance batch-norm statistics of its
            own wherever its feature maps differ from the full network's;
            `"uniform"` shares the base's.
        seed: Seeds the drawing of instances: step `n` always draws the same one.
        menu: What a saved model knew of its menu, as `Menu.get_config` tells it.
        name: Name of the model, by default the base's.

    Attributes:
        graph: The base with nested models entered: what rules are about.
        statistics: The `keras_dynres.core.statistics.Statistics`.
        plan: The `keras_dynres.core.plan.Plan`: what training steps train. Another one
            may be assigned before `fit`.
    """

    # What `statistics` may be, from fine to coarse.
    STATISTICS = {kind.name: kind for kind in (ByInstance, Uniform)}

    def __init__(
        self,
        base: keras.Model,
        *,
        statistics: str = "instance",
        seed: int = 0,
        menu: Mapping | None = None,
        name: str | None = None,
    ):
        base = graph.as_functional(base)
        super().__init__(name=name or base.name, autocast=False)
        self.base = base
        self.seed = int(seed)
        flat = graph.flatten(base)
        _refuse_channels_first(flat)
        # An object that Keras does not look into, so that no graph is tracked.
        graph.answers(flat)  # Refuses a base that has nothing else than lessons.
        self._graphs = InstanceGraphs(flat, self.define_instances(), self.name)
        instances = self._graphs.instances.values()
        self._menu = menu and Menu.from_config(menu).described(instances)
        self._active = None
        kind = self.STATISTICS[one_of("statistics", statistics, self.STATISTICS)]
        self.statistics = kind(self)
        self.plan = plan.uniform(self.instances, self.seed)
        slots = Slots(flat, instances, self.statistics, self._variable_scope)
        self._graphs.use(slots)
        self.whole_slots = slots.owners
        self.calibrated = self.add_weight(
            shape=(len(instances),),
            initializer="zeros",
            trainable=False,
            name="calibrated",
        )
        self.built = True

    # === What a method says ===

    def define_instances(self) -> Sequence[Instance]:
        """The instances, `full` among them: `Instance(name, settings)`.

        An `Instance` also says which of the base's outputs it gives, and by which other
        names it is known.
        """
        return [Instance(FULL)]

    def rule(self, instance: Instance) -> Mapping:
        """How an instance rewires the base: edits for `graph.rewire`."""
        del instance
        return {}

    def training_rule(self, instance: Instance) -> Mapping:
        """How it does in training and calibration, where that is another graph."""
        return self.rule(instance)

    def callbacks_of(
        self, callbacks: list[keras.callbacks.Callback]
    ) -> list[keras.callbacks.Callback]:
        """What `fit` calls: the user's callbacks, and those of the method before them.

        Args:
            callbacks: The user's.
        """
        return callbacks

    def cost_of(self, instance: Instance) -> Any:
        """What an instance costs: an object with `macs`, `flops` and `params`.

        Counted from its graph; a method of many instances may know a quicker way.
        """
        return cost.count(self._graphs.of(instance, self.rule))

    # === The menu and its graphs ===

    @property
    def slots(self) -> dict[str, keras.layers.BatchNormalization]:
        """The batch norms in place of the base's, by their keys.

        They are made when they are first needed: a large menu has thousands.
        """
        return self._graphs.slots.layers

    @property
    def graph(self) -> keras.Model:
        """The flat base, a functional `keras.Model`."""
        return self._graphs.flat

    @property
    def instances(self) -> list[str]:
        """Names of all instances, in the method's own order."""
        return list(self._graphs.instances)

    @property
    def menu(self) -> Menu:
        """The `Menu`: instances with exact costs and what was measured of them."""
        if self._menu is None:
            self._menu = Menu(map(self._counted, self._graphs.instances.values()))
        return self._menu

    def at(
        self,
        instance: str | Instance,
        copy: bool = False,
        uncalibrated: bool = False,
        training: bool = False,
        whole: bool = False,
    ) -> keras.Model:
        """The model of one instance.

        Args:
            instance: An `Instance` of the menu, its name or an alias.
            copy: Whether to copy the weights into a model of its own, made of
                stock layers alone. By default they are shared.
            uncalibrated: Allows an instance whose statistics were not computed.
            training: Whether the graph that training runs is meant: in some methods it
                is another.
            whole: Whether it gives what losses and metrics alone read too: outputs
                marked by `layers.TrainingOutput`. In training it does.

        Returns:
            A functional `keras.Model`.
        """
        instance = self._graphs.named(instance)
        if not uncalibrated:
            self._refuse_uncalibrated(instance.name)
        rule = self._rule(training)
        if copy:
            return self._graphs.copy(instance, rule)
        return self._graphs.of(instance, rule, whole or training)

    def is_calibrated(self, instance: str | Instance) -> bool:
        """Whether `calibrate` finished with an instance since the weights changed.

        One that has no statistics of its own, such as `full`, can do without.
        """
        flags = np.asarray(self.calibrated + 0)  # A mirrored variable's value too.
        return bool(flags[self.instances.index(self._graphs.named(instance).name)])

    def forget(self):
        """Drops what was computed from weights that change: `calibrate` is due anew."""
        self.calibrated.assign(np.zeros(len(self.instances), "float32"))
        if self._menu is not None:
            self._menu.forget()

    def owned_slots(self, instance: str | Instance) -> list[str]:
        """Keys of the statistics in an instance's graph that are not the base's."""
        instance = self._graphs.named(instance)
        return list(self._graphs.slots.keys(instance).values())

    def with_statistics(self, statistics: str) -> "DynamicModel":
        """The same weights with batch-norm statistics kept in another way.

        The model that is returned stands over the same base, whose statistics both
        use, so calibrating one changes the other. It is not compiled, and it wants
        calibrating: statistics that were others' do not fit.

        Example:

        ```python
        model = model.with_statistics("configuration")
        model.calibrate(train, batches=100)
        ```

        Args:
            statistics: As in `__init__`.
        """
        config = {**self.get_config(), "statistics": statistics, "menu": None}
        other = type(self)(**{**config, "base": self.base})
        self._graphs.slots.copy_to(other._graphs.slots)
        return other

    def at_size(self, height: int, width: int) -> "DynamicModel":
        """The same network for images of another size.

        The model that is returned stands over the same layers of the base, so it
        shares their weights; all else, such as statistics of instances, is copied. It
        is not compiled, and what was measured does not hold for it.

        Example:

        ```python
        whole = model.at_size(1024, 2048)  # Trained on crops of 512 x 1024.
        whole.at("d0.5").predict(images)
        ```

        Args:
            height: Height of the images.
            width: Their width.
        """
        base = graph.at_size(self.base, height, width)
        other = type(self)(**{**self._config_at_size(), "base": base, "menu": None})
        shared = {id(weight) for weight in self.base.weights}
        for own, new in zip(self.weights, other.weights, strict=True):
            if id(own) not in shared:
                new.assign(own)
        return other

    def _config_at_size(self):
        """The configuration without what depends on the images' size."""
        return self.get_config()

    def cost_table(self, instance: str | Instance | None = None):
        """Prints the costs of all instances, or of one instance's layers."""
        print(
            self.menu
            if instance is None
            else cost.count(self.at(instance, uncalibrated=True))
        )

    def calibrate(
        self,
        data: Any,
        batches: int | None = None,
        instances: Sequence[str | Instance] | None = None,
        resume: bool = False,
        verbose: Any = "auto",
    ):
        """Computes batch-norm statistics for inference, exactly over the data.

        Each instance runs over the same batches, and mean and variance are those of
        all their pixels. Interrupted, it keeps the instances it finished.

        Args:
            data: Images, or batches of images with or without labels: an array, a tuple
                of arrays, a `tf.data.Dataset`, a `PyDataset`, any iterable.
            batches: How many batches to use, by default all.
            instances: Names to calibrate, by default all.
            resume: Leaves out what is calibrated since the weights last changed.
            verbose: 0 silences the progress bar.
        """
        names = [self._graphs.named(i).name for i in instances or self.instances]
        calibrate(self, data, names, batches, resume, verbose)

    def evaluate_menu(
        self,
        data: Any,
        instances: Sequence[str | Instance] | None = None,
        metrics: Any = None,
        verbose: Any = "auto",
    ) -> Menu:
        """Evaluates instances and keeps the figures in the menu.

        Example:

        ```python
        menu = model.evaluate_menu(test, metrics=[keras.metrics.MeanIoU(...)])
        menu.within(macs=2e9)  # The best by mean_iou.
        ```

        Args:
            data: Labelled images: a tuple of arrays, a `tf.data.Dataset`, a
                `PyDataset`, or any iterable of batches.
            instances: Names, by default all.
            metrics: Keras metrics; by default those the model was compiled with, or
                top-1 accuracy. Where accuracy is not among them, the first becomes the
                figure that the menu chooses by, its `metric`.
            verbose: 0 silences the progress bar.

        Returns:
            The `Menu`.
        """
        names = [self.menu[i].name for i in instances or self.menu.names]
        return evaluate_menu(self, data, names, metrics, verbose)

    # === Training ===

    def probabilities(self) -> dict[str, float]:
        """How often training draws each instance, as the plan has it."""
        return self.plan.odds

    def instances_at_step(self, step: int) -> list[str]:
        """Names of the instances that a step trains, as the plan has it."""
        return self.plan.names_at(step)

    @contextlib.contextmanager
    def training_of(self, name: str) -> Iterator[None]:
        """Within it, what is called in training mode is the named instance."""
        self._active = name
        try:
            yield
        finally:
            self._active = None

    def fit(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: Any = "auto",
        callbacks: Any = None,
        **kwargs: Any,
    ) -> keras.callbacks.History:
        """Keras' own; where it shows progress, it says first that instances compile."""
        if verbose:
            announce(self)
        if not isinstance(callbacks, keras.callbacks.CallbackList):
            callbacks = self.callbacks_of(keras.tree.flatten(callbacks or []))
        return super().fit(x, y, batch_size, epochs, verbose, callbacks, **kwargs)

    def make_train_function(self, force: bool = False):
        """One compiled step for each instance, chosen on the host before each."""
        if self.steps_per_execution != 1:
            raise DynresError(
                "A step trains one instance: compile with steps_per_execution=1. "
                f"Received: steps_per_execution={self.steps_per_execution}"
            )
        for name in self.plan.odds:
            self._graphs.named(name)  # Refuses a plan for another model.
        if self.plan.teaches:
            self._refuse_replicas()
        self.forget()  # The weights are about to change.
        if self.train_function is None or force:
            self.train_function = InstanceSteps(self, super().make_train_function)
        self.train_function.rewind()
        self.plan.begin()

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Any:
        """Keras' loss; for an instance that learns from another, their distance.

        Labels without names are those of all outputs that have names.
        """
        if not lessons.is_taught(y):
            y = labels.of_outputs(y, y_pred)
            return super().compute_loss(x, y, y_pred, sample_weight, training)
        distance = lessons.distance(self.base, y_pred, y[lessons.TAUGHT])
        return lessons.with_losses(distance, self.losses)

    def compute_metrics(
        self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None
    ) -> dict:
        """Keras' metrics; of an instance that teaches its outputs too."""
        taught = lessons.is_taught(y)
        truth = labels.of_outputs(y["labels"] if taught else y, y_pred)
        logs = super().compute_metrics(x, truth, y_pred, sample_weight)
        adding = isinstance(self.optimizer, GradientSums)
        if self.plan.teaches and adding and not taught:
            logs = {**logs, lessons.TAUGHT: y_pred}
        return logs

    # === Keras ===

    @property
    def layers(self) -> list[keras.layers.Layer]:
        """The base, what the method adds to it, and the slots: files hold them so."""
        layers = [*super().layers, *self.slots.values()]
        return list({id(layer): layer for layer in layers}.values())

    @property
    def variables(self) -> list[keras.Variable]:
        """All variables: the slots' come last."""
        return self._with_slots(super().variables)

    @property
    def weights(self) -> list[keras.Variable]:
        """All weights: the slots' come last."""
        return self._with_slots(super().weights)

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """Runs the instance being trained, or `full`."""
        name = self._active if training and self._active else FULL
        instance = self._graphs.named(name)
        graph = self._graphs.of(instance, self._rule(training), whole=True)
        return graph(inputs, training=training)

    def build(self, input_shape: Any = None):
        """Does nothing: the base is built."""

    def get_config(self) -> dict:
        """The arguments of `__init__`, the menu's figures among them."""
        menu = self._menu
        return {
            "base": keras.saving.serialize_keras_object(self.base),
            "statistics": self.statistics.name,
            "seed": self.seed,
            "menu": menu and menu.get_config(),
            "name": self.name,
        }

    @classmethod
    def from_config(cls, config: Mapping) -> "DynamicModel":
        """A model with the base the configuration describes."""
        config = dict(config)
        base = keras.saving.deserialize_keras_object(config.pop("base"))
        return cls(base, **config)

    # === Private ===

    def _with_slots(self, variables):
        slots = [weight for slot in self.slots.values() for weight in slot.weights]
        return list({id(v): v for v in [*variables, *slots]}.values())

    def _variable_scope(self):
        """Where the model's variables are made: on all replicas of its strategy."""
        if keras.backend.backend() == "tensorflow":
            return self.distribute_strategy.scope()
        return contextlib.nullcontext()

    def _counted(self, instance):
        counted = self.cost_of(instance)
        return dataclasses.replace(
            instance, macs=counted.macs, flops=counted.flops, params=counted.params
        )

    def _refuse_uncomputable(self, name):
        """Counts an instance whose maps may be too small for a layer of the base.

        A cost that is unknown is left to the menu, which says it.
        """
        with contextlib.suppress(UnknownCostError):
            self.cost_of(self._graphs.named(name))

    def _renew(self, name):
        """For a method that has changed what an instance computes.

        Its graphs, costs and training step are made anew, and what was measured of it,
        or computed by `calibrate`, no longer holds.
        """
        self._graphs.forget(name)
        self.train_function = None
        flags = np.array(self.calibrated + 0)
        flags[self.instances.index(name)] = 0
        self.calibrated.assign(flags)
        if self._menu is not None:
            new = self._counted(self._graphs.named(name))
            self._menu.recount(name, macs=new.macs, flops=new.flops, params=new.params)

    def _refuse_uncalibrated(self, name):
        needs = not self.statistics.trained and self.owned_slots(name)
        if needs and not self.is_calibrated(name):
            raise NotCalibratedError(
                f"Instance {name!r} has no batch-norm statistics since the weights "
                f"last changed: run model.calibrate(data, instances=[{name!r}]) "
                "before inference."
            )

    def _rule(self, training):
        """The rule of the graphs that are run; one and the same in most methods."""
        another = type(self).training_rule is not DynamicModel.training_rule
        return self.training_rule if training and another else self.rule

    def _refuse_replicas(self):
        """Replicas do not share what one instance teaches another."""
        if keras.backend.backend() != "tensorflow":
            return
        replicas = self.distribute_strategy.num_replicas_in_sync
        if replicas > 1:
            raise DynresError(
                "Instances learn from one another on one replica alone: take "
                f"another sampling. Received: a strategy of {replicas} replicas"
            )


def _refuse_channels_first(flat):
    for layer in flat.layers:
        convolves = isinstance(layer, grid.LAYERS)
        if convolves and layer.data_format == "channels_first":
            raise DynresError(
                "Instances are made of networks whose channels come last: build the "
                "base with data_format='channels_last'. "
                f"Received: layer {layer.name!r} of {flat.name!r}, channels first."
            )
