"""Dispatch of images to the instances of a menu."""

import json
import zipfile

import keras
import numpy as np

from keras_dynres import cost, files
from keras_dynres.adapt.controller import (
    cheapest_right,
    controller,
    last_features,
    pick,
    price_for,
)
from keras_dynres.core.batches import batches, class_indices
from keras_dynres.errors import DynresError


class ResizableAdapt:
    """Runs each image through the instance that suits it (Resizable-Adapt).

    Every image goes through the cheapest instance first. A controller sees the last
    feature map and names the instance to believe: this one, whose answer is there
    already, or a dearer one, which images wait for until there is a batch of them.

    It goes with any trained `DynamicModel`, whose weights it leaves alone.

    Args:
        model: The `DynamicModel`.
        instances: What to choose from, names or `Instance`s; by default those of the
            menu that no cheaper one matches, which needs measured accuracies.
        target: An instance, or its name; dearer ones are not chosen from.
        width: Channels of the controller's convolutions.

    Attributes:
        names: The instances to choose from, cheapest first.
        controller: The controller, a `keras.Model`.
        price: What `set_budget` found; None, as at first, gives an image to the
            instance that the controller names.

    Example:

    ```python
    adapt = kd.ResizableAdapt(model, target="s0.85-1-0.85-1")
    adapt.fit(train)
    adapt.set_budget(some_images, macs=30e6)
    print(adapt.evaluate(test))
    logits = adapt.predict(images)
    ```
    """

    def __init__(self, model, instances=None, target=None, width=64):
        menu = model.menu
        asked = menu.pareto() if instances is None else [menu[i] for i in instances]
        limit = float("inf") if target is None else menu[target].macs
        asked = {each.name for each in asked if each.macs <= limit}
        self.names = [name for name in menu.names if name in asked]
        if len(self.names) < 2:
            raise DynresError(
                "There are at least two instances to choose from. "
                f"Received: {self.names} with target={target!r}"
            )
        self.model = model
        self.width = int(width)
        first = model.at(self.names[0])
        features = last_features(first)
        self._first = keras.Model(first.input, [first.output, features])
        self.controller = controller(features.shape[1:], len(self.names), self.width)
        self.price = None
        self._fitted = False

    @property
    def controller_macs(self):
        """What the controller costs an image, in multiply-accumulates."""
        return cost.count(self.controller).macs

    def fit(
        self,
        data,
        limit=50_000,
        epochs=10,
        batch_size=128,
        learning_rate=1e-3,
        verbose="auto",
    ):
        """Trains the controller to name the cheapest instance that is right.

        Each image is run once through every instance; the features are kept in memory.

        Args:
            data: Images and labels that the model was trained on: arrays
                `(images, labels)` or batches of the same.
            limit: How many images to take at most.
            epochs: Passes over the features.
            batch_size: Images a step.
            learning_rate: Of Adam.
            verbose: As of `keras.Model.fit`.

        Returns:
            Keras' `History`.
        """
        features, labels = [], []
        for images, classes in batches(data, batch_size, limit):
            classes = _classes(classes)
            logits, seen = _run(self._first, images, batch_size)
            answers = [logits] + [
                _run(self.model.at(name), images, batch_size)[0]
                for name in self.names[1:]
            ]
            right = np.stack([each.argmax(-1) == classes for each in answers], axis=1)
            features.append(seen.astype("float16"))
            labels.append(cheapest_right(right))
        self.controller.compile(
            keras.optimizers.Adam(learning_rate),
            keras.losses.SparseCategoricalCrossentropy(),
            metrics=["accuracy"],
        )
        history = self.controller.fit(
            np.concatenate(features),
            np.concatenate(labels),
            batch_size=batch_size,
            epochs=epochs,
            verbose=verbose,
        )
        self._fitted, self.price = True, None
        return history

    def set_budget(self, images, macs, batch_size=128):
        """Spends so many multiply-accumulates on the mean image.

        A dearer instance is then chosen where the controller holds it for likelier to
        be right by so much as its cost is worth, and what that is worth follows from
        the budget. The controller knows no budget: it need not learn anew.

        Args:
            images: Images such as will be met, an array or batches; labels are not
                needed.
            macs: What the mean image may cost, all included, as in `evaluate`.
            batch_size: Images a step.

        Returns:
            What the mean of these images costs.
        """
        costs, least = self._costs(), self._least()
        shares = [
            self._shares(part, batch_size)[1] for part, _ in batches(images, batch_size)
        ]
        shares = np.concatenate(shares)
        if not macs >= least:  # So that NaN is refused too.
            raise DynresError(
                f"Every image costs the first instance and the controller, {least:.4g} "
                f"multiply-accumulates. Received: macs={macs:.4g}"
            )
        self.price = price_for(shares, costs, macs - least)
        return float(least + costs[pick(shares, costs, self.price)].mean())

    def predict(self, images, batch_size=128):
        """The logits of each image, in the images' order.

        Args:
            images: An array, or batches of images.
            batch_size: Images a step, of one instance.

        Returns:
            A NumPy array, (images, classes).
        """
        return self._dispatched(images, batch_size)[0]

    def choose(self, images, batch_size=128):
        """The name of the instance each image is given."""
        chosen = []
        for part, _ in batches(images, batch_size):
            chosen.extend(self._chosen(part, batch_size)[1])
        return [self.names[number] for number in chosen]

    def evaluate(self, data, batch_size=128):
        """Accuracy and cost over labelled images.

        Args:
            data: Arrays `(images, labels)` or batches of the same.
            batch_size: Images a step.

        Returns:
            A dict: `accuracy`; `macs`, the mean cost of an image, the first instance
            and the controller included; `shares`, how many images each instance was
            given.
        """
        logits, chosen, classes = self._dispatched(data, batch_size)
        classes = _classes(classes)
        shares = np.bincount(chosen, minlength=len(self.names)) / len(chosen)
        return {
            "accuracy": float((logits.argmax(-1) == classes).mean()),
            "macs": float(self._least() + shares @ self._costs()),
            "shares": dict(zip(self.names, map(float, shares), strict=True)),
        }

    def save(self, path):
        """Writes the controller to an `.npz` file; the model is saved by itself."""
        weights = {f"w{i}": w for i, w in enumerate(self.controller.get_weights())}
        meta = {"names": self.names, "width": self.width, "price": self.price}
        with files.appearing(path) as file:
            np.savez(file, meta=np.array(json.dumps(meta)), **weights)

    @classmethod
    def load(cls, path, model):
        """What `save` wrote, for the model it was made for."""
        try:
            with np.load(path, allow_pickle=False) as file:
                meta = json.loads(str(file["meta"]))
                weights = [file[f"w{i}"] for i in range(len(file.files) - 1)]
        except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
            raise DynresError(
                f"Not a controller of this package. Received: path={str(path)!r}"
            ) from error
        adapt = cls(model, meta["names"], width=meta["width"])
        adapt.controller.set_weights(weights)
        adapt._fitted, adapt.price = True, meta.get("price")
        return adapt

    def _least(self):
        """What every image costs: the first instance and the controller."""
        return self.model.menu[self.names[0]].macs + self.controller_macs

    def _costs(self):
        """What each instance costs beyond that."""
        later = [self.model.menu[name].macs for name in self.names[1:]]
        return np.array([0, *later], "float64")

    def _shares(self, images, batch_size):
        """The first instance's logits, and what the controller says."""
        if not self._fitted:
            raise DynresError("The controller is not trained yet: call fit first.")
        logits, features = _run(self._first, images, batch_size)
        (shares,) = _run(self.controller, features, batch_size)
        return logits, shares

    def _chosen(self, images, batch_size):
        """The first instance's logits, and which instance each image is given."""
        logits, shares = self._shares(images, batch_size)
        return logits, pick(shares, self._costs(), self.price)

    def _dispatched(self, data, batch_size):
        """Logits, choices and labels of all images, in their order."""
        done, waiting = {}, {number: [] for number in range(1, len(self.names))}
        chosen, classes = [], []
        for images, labels in batches(data, batch_size):
            logits, choice = self._chosen(images, batch_size)
            for image, row, number in zip(images, logits, choice, strict=True):
                place = len(chosen)
                chosen.append(number)
                if number == 0:
                    done[place] = row
                    continue
                waiting[number].append((place, image))
                if len(waiting[number]) == batch_size:
                    done.update(self._caught_up(number, waiting[number], batch_size))
                    waiting[number] = []
            classes.append(None if labels is None else class_indices(labels))
        for number, rest in waiting.items():
            done.update(self._caught_up(number, rest, batch_size))
        known = all(labels is not None for labels in classes)
        return (
            np.stack([done[place] for place in range(len(chosen))]),
            np.array(chosen),
            np.concatenate(classes) if known else None,
        )

    def _caught_up(self, number, waiting, batch_size):
        """{place: logits} of the images that waited for an instance."""
        if not waiting:
            return {}
        places, images = zip(*waiting, strict=True)
        (logits,) = _run(
            self.model.at(self.names[number]), np.stack(images), batch_size
        )
        return dict(zip(places, logits, strict=True))


def _run(model, images, size):
    """The outputs for one batch, padded to its full size: no step is compiled twice."""
    short = size - len(images)
    if short > 0:
        images = np.concatenate([images, np.repeat(images[-1:], short, axis=0)])
    outputs = keras.tree.flatten(model.predict_on_batch(images))
    return [np.asarray(each).astype("float32")[: size - short] for each in outputs]


def _classes(labels):
    if labels is None:
        raise DynresError("The images need labels. Received: data without labels.")
    return class_indices(labels)
