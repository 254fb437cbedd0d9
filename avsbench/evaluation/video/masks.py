"""The IoU of binary masks as MED-VT (arXiv 2304.05930) and the DAVIS toolkit take it."""

import numpy as np


def mask_iou(pred: np.ndarray, target: np.ndarray) -> np.ndarray:
    """IoU of each pair of masks, 1 where both are empty.

    Args:
        pred: (..., H, W) bool.
        target: (..., H, W) bool.

    Returns:
        (...) float64.
    """
    inter = np.count_nonzero(pred & target, axis=(-2, -1))
    union = np.count_nonzero(pred | target, axis=(-2, -1))
    return np.where(union == 0, 1.0, inter / np.maximum(union, 1))
