"""What one clip carries through pipeline, model and metric."""

from mmengine.structures import BaseDataElement
from torch import Tensor

from avsbench.utils.maps import probabilities


class AVSDataSample(BaseDataElement):
    """Targets and predictions of one clip of T frames.

    mmengine's `PixelData` refuses tensors of more than three axes, so the fields are plain
    tensors, set and read as attributes:

    * `gt_masks` (T, H, W) uint8, int64 after the data preprocessor: 0/1, or the class index; 255,
      which is no class, where `ClipPad` has enlarged the frame
    * `gt_valid` (T,) bool: the frame is annotated
    * `frame_valid` (T,) bool: the frame exists (False: padding)
    * `seg_logits` (T, K, H, W) float: prediction before the sigmoid (K = 1) or softmax (K > 1)
    * `seg_probs` (T, K, H, W) float in [0, 1]: in place of `seg_logits`, for K > 1 from networks
      that classify masks and have no logits of a pixel
    * `pred_masks` (T, H, W) uint8: prediction as 0/1, or as class index

    Metainfo: `clip_id` (str), `subset` ('s4', 'ms3' or 'avss'), `sample_idx` (int, position in
    the data set), `ori_shape` (H, W) of the frames on disk in pixels, `img_shape` (H, W) as fed
    to the network, `frame_paths` (list of str), `front_end` (str, what
    computed the log-mel), `flip` (bool).
    """

    gt_masks: Tensor
    gt_valid: Tensor
    frame_valid: Tensor
    seg_logits: Tensor
    seg_probs: Tensor
    pred_masks: Tensor

    @property
    def num_classes(self) -> int:
        """K of the prediction."""
        return (self.seg_logits if 'seg_logits' in self else self.seg_probs).shape[1]

    def probabilities(self) -> Tensor:
        """Predicted probability of each class, (T, K, H, W) in [0, 1].

        They add up to 1 over several classes only where the network has logits.
        """
        return probabilities(self.seg_logits) if 'seg_logits' in self else self.seg_probs
