"""The model every method is: a menu of instances over one set of weights."""

import keras
import numpy as np

from keras_dynres import cost, graph
from keras_dynres.core import statistics as slots
from keras_dynres.core.calibration import calibrate
from keras_dynres.core.measurement import evaluate_menu
from keras_dynres.core.method import Method
from keras_dynres.core.steps import InstanceSteps
from keras_dynres.errors import DynresError, NotCalibratedError, UnknownNameError
from keras_dynres.instance import FULL, Instance, Menu


class DynamicModel(Method, keras.Model):
    """A network that is a menu of instances; the base of every method.

    An instance is a plain functional graph over the base's own layers. `fit` draws
    one for each step on the host; `predict` and `evaluate` run `full`, and
    `model.at(name)` is the model of any other.

    A method says which instances there are (`define_instances`), how each rewires
    the base (`rule`) and, where uniform drawing is not meant, how often each is drawn
    (`probabilities`).

    Args:
        base: A functional `keras.Model`. It is not changed; its layers are shared.
        statistics: `"instance"` gives each instance batch-norm statistics of its
            own wherever its feature maps differ from the full network's;
            `"uniform"` shares the base's.
        seed: Seeds the drawing of instances: step `n` always draws the same one.
        menu: What a saved model knew of its menu (JSON text).
        name: Name of the model, by default the base's.
    """

    def __init__(self, base, *, statistics="instance", seed=0, menu=None, name=None):
        base = graph.as_functional(base)
        super().__init__(name=name or base.name, autocast=False)
        if statistics not in self.STATISTICS:
            known = " or ".join(map(repr, self.STATISTICS))
            raise DynresError(
                f"statistics is {known}. Received: statistics={statistics!r}"
            )
        self.base = base
        self.statistics = statistics
        self.seed = int(seed)
        # One object keeps what Keras must not track: graphs, names, the menu.
        self._book = _Book(graph.flatten(base))
        self._book.instances = {i.name: i for i in self.define_instances()}
        if menu is not None:
            self._book.menu = Menu.from_json(menu)
        self._active = None
        self.slots = slots.make(
            self._book.batch_norms,
            self._book.instances.values(),
            self.slot,
            self.affine_slot,
        )
        self.calibrated = self.add_weight(
            shape=(len(self._book.instances),),
            initializer="zeros",
            trainable=False,
            name="calibrated",
        )
        self.built = True

    # === The menu and its graphs ===

    @property
    def instances(self):
        """Names of all instances, in the method's own order."""
        return list(self._book.instances)

    @property
    def menu(self):
        """The `Menu`: instances with exact costs and what was measured of them."""
        if self._book.menu is None:
            self._book.menu = Menu(
                self._counted(each) for each in self._book.instances.values()
            )
        return self._book.menu

    def at(self, instance, copy=False, uncalibrated=False):
        """The model of one instance.

        Args:
            instance: An `Instance` of the menu or its name.
            copy: Whether to copy the weights into a model of its own, made of
                stock layers alone. By default they are shared.
            uncalibrated: Allows an instance whose statistics were not computed.

        Returns:
            A functional `keras.Model`.
        """
        name = self._known(instance)
        needs = not self.trains_statistics and self.owned_slots(name)
        if needs and not uncalibrated and not self.is_calibrated(name):
            raise NotCalibratedError(
                f"Instance {name!r} has no batch-norm statistics since the weights "
                f"last changed: run model.calibrate(data, instances=[{name!r}]) "
                "before inference."
            )
        shared = self._graph(name)
        if not copy:
            return shared
        return slots.plain_copy(shared, self._slot_keys(name), self.slots)

    def is_calibrated(self, instance):
        """Whether `calibrate` finished with an instance since the weights changed.

        One that has no statistics of its own, such as `full`, can do without.
        """
        flags = np.asarray(self.calibrated + 0)  # A mirrored variable's value too.
        return bool(flags[self.instances.index(self._known(instance))])

    def owned_slots(self, instance):
        """Keys of the statistics in an instance's graph that are not the base's."""
        return list(self._slot_keys(self._known(instance)).values())

    def with_statistics(self, statistics):
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
        for name in self.instances:
            mine, theirs = self._slot_keys(name), other._slot_keys(name)
            for layer in mine.keys() & theirs.keys():
                source, target = self.slots[mine[layer]], other.slots[theirs[layer]]
                for one, new in zip(source.weights, target.weights, strict=True):
                    new.assign(one)
        return other

    def cost_table(self, instance=None):
        """Prints the costs of all instances, or of one instance's layers."""
        print(
            self.menu
            if instance is None
            else cost.count(self.at(instance, uncalibrated=True))
        )

    def calibrate(
        self, data, batches=None, instances=None, resume=False, verbose="auto"
    ):
        """Computes batch-norm statistics for inference, exactly over the data.

        Each instance runs over the same batches, and mean and variance are those of
        all their pixels. Interrupted, it keeps the instances it finished.

        Args:
            data: A `tf.data.Dataset`, `PyDataset` or other iterable of batches
                (images, or tuples that begin with them), or an array of images.
            batches: How many batches to use, by default all.
            instances: Names to calibrate, by default all.
            resume: Leaves out what is calibrated since the weights last changed.
            verbose: 0 silences the progress bar.
        """
        names = [self._known(i) for i in instances or self.instances]
        calibrate(self, data, names, batches, resume, verbose)

    def evaluate_menu(self, data, instances=None, metrics=None, verbose="auto"):
        """Evaluates instances and keeps the figures in the menu.

        Args:
            data: What `evaluate` takes: a dataset of (images, labels).
            instances: Names, by default all.
            metrics: Keras metrics; by default those the model was compiled with, or
                top-1 accuracy.
            verbose: 0 silences the progress bar.

        Returns:
            The `Menu`.
        """
        names = [self._known(i) for i in instances or self.menu.names]
        return evaluate_menu(self, data, names, metrics, verbose)

    # === Keras ===

    def call(self, inputs, training=None):
        """Runs the instance being trained, or `full`."""
        name = self._active if training and self._active else FULL
        return self._graph(name)(inputs, training=training)

    def build(self, input_shape=None):
        """Does nothing: the base is built."""

    def make_train_function(self, force=False):
        """One compiled step for each instance, chosen on the host before each."""
        if self.steps_per_execution != 1:
            raise DynresError(
                "A step trains one instance: compile with steps_per_execution=1. "
                f"Received: steps_per_execution={self.steps_per_execution}"
            )
        # The weights are about to change: what was computed from them no longer holds.
        self.calibrated.assign(np.zeros(len(self.instances), "float32"))
        if self._book.menu is not None:
            self._book.menu.forget()
        if self.train_function is None or force:
            self.train_function = InstanceSteps(self, super().make_train_function)
        self.train_function.rewind()

    def get_config(self):
        """The arguments of `__init__`, the menu's figures among them."""
        menu = self._book.menu
        return {
            "base": keras.saving.serialize_keras_object(self.base),
            "statistics": self.statistics,
            "seed": self.seed,
            "menu": None if menu is None else menu.to_json(),
            "name": self.name,
        }

    @classmethod
    def from_config(cls, config):
        """A model with the base the configuration describes."""
        config = dict(config)
        base = keras.saving.deserialize_keras_object(config.pop("base"))
        return cls(base, **config)

    # === Private ===

    def _known(self, instance):
        name = getattr(instance, "name", instance)
        name = self.aliases().get(name, name)
        if name not in self._book.instances:
            raise UnknownNameError(f"instance of {self.name!r}", name, self.instances)
        return name

    def _counted(self, instance):
        counted = self.cost_of(instance)
        return Instance(
            instance.name,
            instance.settings,
            counted.macs,
            counted.flops,
            counted.params,
        )

    def _changed(self, instance):
        if instance.name not in self._book.changed:
            edited = list(self.rule(instance))
            self._book.changed[instance.name] = graph.downstream(
                self._book.flat, edited
            )
        return self._book.changed[instance.name]

    def _slot_keys(self, name):
        if name not in self._book.slot_keys:
            instance = self._book.instances[name]
            keys = slots.keys(self._book.batch_norms, instance, self.slot)
            self._book.slot_keys[name] = keys
        return self._book.slot_keys[name]

    def _graph(self, name):
        graphs = self._book.graphs
        if name not in graphs:
            instance = self._book.instances[name]
            rule, output = self.rule(instance), self.output(instance)
            edits = slots.with_slots(rule, self._slot_keys(name), self.slots)
            title = slots.scope(f"{self.name}_{name}")
            try:
                graphs[name] = graph.rewire(self._book.flat, edits, title, output)
            except ValueError as error:
                raise DynresError(
                    f"Instance {name!r} cannot be built over {self.base.name!r}: "
                    f"{error}"
                ) from error
        return graphs[name]


class _Book:
    """What a model knows and Keras need not save."""

    def __init__(self, flat):
        self.flat = flat
        self.batch_norms = slots.batch_norms(flat)
        self.instances, self.graphs, self.changed, self.slot_keys = {}, {}, {}, {}
        self.menu = None
