"""What one clip carries through pipeline, model and metric."""

from mmengine.structures import BaseDataElement
from torch import Tensor


class AVSDataSample(BaseDataElement):
    """Targets and predictions of one clip of T frames.

    mmengine's `PixelData` refuses tensors of more than three axes, so the fields are plain
    tensors, set and read as attributes:

    * `gt_masks` (T, H, W) uint8, int64 after the data preprocessor: 0/1, or the class index; 255,
      which is no class, where `ClipPad` has enlarged the frame
    * `gt_valid` (T,) bool: the frame is annotated
    * `frame_valid` (T,) bool: the frame exists (False: padding)
    * `seg_logits` (T, K, H, W) float: prediction before sigmoid or softmax
    * `pred_masks` (T, H, W) uint8: prediction as 0/1, or as class index

    Metainfo: `clip_id` (str), `subset` ('s4', 'ms3' or 'avss'), `sample_idx` (int, position in
    the data set), `ori_shape` (H, W) of the frames on disk in pixels, `img_shape` (H, W) as fed
    to the network, `frame_paths` (list of str), `flip` (bool).
    """

    gt_masks: Tensor
    gt_valid: Tensor
    frame_valid: Tensor
    seg_logits: Tensor
    pred_masks: Tensor
