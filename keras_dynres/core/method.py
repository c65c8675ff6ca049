"""What a method says of itself, and what holds where it says nothing."""

import numpy as np

from keras_dynres import cost
from keras_dynres.instance import FULL, Instance


class Method:
    """The half of `DynamicModel` that methods override.

    `define_instances` and `rule` are what most methods say, and no more.
    """

    # What `statistics` may be, from fine to coarse; `"uniform"` has no slots.
    STATISTICS = ("instance", "uniform")

    # === The instances ===

    def define_instances(self):
        """The instances, `full` among them: `Instance(name, settings)` each."""
        return [Instance(FULL)]

    def rule(self, instance):
        """How an instance rewires the base: edits for `graph.rewire`."""
        del instance
        return {}

    def output(self, instance):
        """Position of the base's output an instance gives; None is all of them."""
        del instance

    def aliases(self):
        """Other names of instances, as {name users may type: name in the menu}."""
        return {}

    def slot(self, layer, instance):
        """The key of the batch-norm statistics `layer` uses in `instance`.

        None is the base's own. By default every layer that sees other feature maps
        than in the full network has the instance's own.
        """
        if self.statistics == "uniform":
            return None
        return instance.name if layer.name in self._changed(instance) else None

    def affine_slot(self, layer, instance):
        """The key of the scale and offset `layer` uses in `instance`.

        None, as here, is the base's own. Slots of one key share scale and offset, and
        training changes them as it does the base's.
        """
        del layer, instance

    @property
    def trains_statistics(self):
        """Whether training leaves statistics that inference can do with.

        Otherwise an instance with statistics of its own wants `calibrate`.
        """
        return False

    def probabilities(self):
        """How often training draws each instance; they sum to one."""
        return {name: 1 / len(self.instances) for name in self.instances}

    def probabilities_at(self, step):
        """What `probabilities` says of one step, where it changes in training."""
        del step
        return self.probabilities()

    def cost_of(self, instance):
        """What an instance costs: an object with `macs`, `flops` and `params`.

        Counted from its graph; a method of many instances may know a quicker way.
        """
        return cost.count(self._graph(instance.name))

    # === Training ===

    def trained_by(self, instance):
        """The weights a step of an instance trains; others stay as they are."""
        return self.at(instance, uncalibrated=True).trainable_weights

    def instances_at_step(self, step):
        """Names of the instances the optimizer's step `step` trains, on one batch.

        The gradients of several are summed. A method that overrides this draws from
        the seed and the step alone too.
        """
        return [self.instance_at_step(step)]

    def hand_on(self, batch, logs):
        """What the next instance of a step is given, after the logs of the one before.

        The same batch, unless an instance is to learn from another.
        """
        del logs
        return batch

    def instance_at_step(self, step):
        """Name of the instance the optimizer's step `step` trains.

        It depends on the seed, the step and its `probabilities_at` alone, so a resumed
        run draws what an unbroken one would have drawn.
        """
        odds = self.probabilities_at(step)
        draw = np.random.default_rng([self.seed, int(step)])
        return str(draw.choice(list(odds), p=list(odds.values())))

    @property
    def bookkeeping(self):
        """Weights of the model's own that say how far it is, and compute nothing."""
        return [self.calibrated]

    # === Predictions one after another ===

    def stages(self):
        """The parts that give one prediction after another; see `stages.split`.

        Only a method whose instances build on one another has any.
        """
        return []

    @property
    def exits(self):
        """Names of the instances the stages' predictions are, in order."""
        return []

    @property
    def policies(self):
        """What is known of when to stop after which stage."""
        return []
