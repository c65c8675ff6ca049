"""Class names of the data sets, in the order of their labels."""

import functools

_CIFAR10 = "airplane automobile bird cat deer dog frog horse ship truck"

_CIFAR100 = """
apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle bowl boy bridge bus
butterfly camel can castle caterpillar cattle chair chimpanzee clock cloud cockroach
couch crab crocodile cup dinosaur dolphin elephant flatfish forest fox girl hamster
house kangaroo keyboard lamp lawn_mower leopard lion lizard lobster man maple_tree
motorcycle mountain mouse mushroom oak_tree orange orchid otter palm_tree pear
pickup_truck pine_tree plain plate poppy porcupine possum rabbit raccoon ray road
rocket rose sea seal shark shrew skunk skyscraper snail snake spider squirrel streetcar
sunflower sweet_pepper table tank telephone television tiger tractor train trout tulip
turtle wardrobe whale willow_tree wolf woman worm
"""

_IMAGENETTE = """
tench English_springer cassette_player chain_saw church French_horn garbage_truck
gas_pump golf_ball parachute
"""
_CAMVID = """
sky building pole road sidewalk tree sign fence car pedestrian bicyclist
"""
_CITYSCAPES = """
road sidewalk building wall fence pole traffic_light traffic_sign vegetation terrain sky
person rider car truck bus train motorcycle bicycle
"""
_COCO = """
person bicycle car motorcycle airplane bus train truck boat traffic_light fire_hydrant
stop_sign parking_meter bench bird cat dog horse sheep cow elephant bear zebra giraffe
backpack umbrella handbag tie suitcase frisbee skis snowboard sports_ball kite
baseball_bat baseball_glove skateboard surfboard tennis_racket bottle wine_glass cup
fork knife spoon bowl banana apple sandwich orange broccoli carrot hot_dog pizza donut
cake chair couch potted_plant bed dining_table toilet tv laptop mouse remote keyboard
cell_phone microwave oven toaster sink refrigerator book clock vase scissors teddy_bear
hair_drier toothbrush
"""
_VOC = """
aeroplane bicycle bird boat bottle bus car cat chair cow diningtable dog horse motorbike
person pottedplant sheep sofa train tvmonitor
"""
_WORDS = {
    "cifar10": _CIFAR10,
    "cifar100": _CIFAR100,
    "imagenette": _IMAGENETTE,
    "camvid": _CAMVID,
    "cityscapes": _CITYSCAPES,
    "pets": "pet background border",
    "bccd": "red_cell white_cell platelets",
    "coco": _COCO,
    "voc": _VOC,
    "voc2012": _VOC,
    "synthetic_boxes": "red green blue",
    "synthetic_map": "background green blue",
}


@functools.cache
def labels(dataset: str) -> tuple[str, ...]:
    """The class names of a data set, empty where they are not known.

    >>> labels("cifar10")[:3]
    ('airplane', 'automobile', 'bird')
    """
    if dataset == "imagenet":
        return _imagenet()
    return tuple(_WORDS.get(dataset, "").split())


def _imagenet() -> tuple[str, ...]:
    """The first of each class's names; all of them where another class has it too."""
    try:
        # The data set itself is not public, and holds WordNet's numbers alone.
        from tensorflow_datasets.datasets.siscore.labels import IMAGENET_LABELS_LIST
    except ImportError:  # The list is private to the library: not every version has it.
        return ()
    first = [names.split(",")[0] for names in IMAGENET_LABELS_LIST]
    return tuple(
        name if first.count(name) == 1 else names
        for name, names in zip(first, IMAGENET_LABELS_LIST, strict=True)
    )
