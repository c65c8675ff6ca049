"""What finding objects is made of: anchors, proposals, regions, losses, precision."""

from keras_dynres.detection.anchor_rows import AnchorRows
from keras_dynres.detection.average_precision import (
    MeanAveragePrecision,
    coco_figures,
)
from keras_dynres.detection.detections import DetectionColumns, Detections
from keras_dynres.detection.losses import AnchorLoss, RegionLoss
from keras_dynres.detection.proposals import Proposals
from keras_dynres.detection.region_align import RegionAlign

__all__ = [
    "AnchorLoss",
    "AnchorRows",
    "DetectionColumns",
    "Detections",
    "MeanAveragePrecision",
    "Proposals",
    "RegionAlign",
    "RegionLoss",
    "coco_figures",
]
