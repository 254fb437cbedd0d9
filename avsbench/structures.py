"""What one clip carries through pipeline, model and metric."""

from mmengine.structures import BaseDataElement
from torch import Tensor

from avsbench.utils.maps import decide, probabilities, resize


class AVSDataSample(BaseDataElement):
    """Targets and predictions of one clip of T frames.

    mmengine's `PixelData` refuses tensors of more than three axes, so the fields are plain
    tensors, set and read as attributes. They hold the T' frames whose prediction is wanted: all T
    of a clip, or those at the positions `kept` of a window of a video.

    * `gt_masks` (T', H, W) uint8, int64 after the data preprocessor: 0/1, or the class index; 255,
      which is no class, where `ClipPad` has enlarged the frame or the label is void
    * `gt_valid` (T',) bool: the frame is annotated
    * `frame_valid` (T',) bool: the frame exists (False: padding)
    * `seg_logits` (T', K, H, W) float: prediction before the sigmoid (K = 1) or softmax (K > 1)
    * `seg_probs` (T', K, H, W) float in [0, 1]: in place of `seg_logits`, from networks that
      classify masks and have no logits of a pixel, and from predictions that are averaged
    * `pred_masks` (T', H, W) uint8: prediction as 0/1, or as class index

    Metainfo of every clip: `clip_id` (str), `subset` (str, such as 's4' or 'davis'), `sample_idx`
    (int, position in the data set), `ori_shape` (H, W) of the frames on disk in pixels, `img_shape`
    (H, W) as fed to the network, `frame_paths` (list of T' str), `flip` (bool).

    Metainfo of clips with audio: `front_end` (str, what computed the log-mel), `category` (str,
    the object that sounds; absent where the data set has no one category per clip).

    Metainfo of videos: `video` (str, its name), `frame_idx` (list of T' ints, positions in the
    video), `kept` (list of T' ints, positions in the clip; absent where all T are wanted),
    `pred_shape` (H, W), size that the prediction is wanted at, which is that of the masks on disk;
    absent where it is `img_shape`. Where frames are annotated with boxes, `gt_boxes` (list of T'
    boxes (left, top, width, height) in pixels of the frame on disk, None without one) and `motions`
    (list of T' ints).

    Metainfo of predictions: `threshold_inclusive` (True where a probability of 0.5 counts as
    foreground; absent otherwise).
    """

    gt_masks: Tensor
    gt_valid: Tensor
    frame_valid: Tensor
    seg_logits: Tensor
    seg_probs: Tensor
    pred_masks: Tensor

    def pin_memory(self) -> 'AVSDataSample':
        """A copy in memory that a GPU reads by itself; PyTorch's loaders ask for it."""
        pinned = self.new()
        for name, value in self.items():
            if isinstance(value, Tensor):
                pinned.set_data({name: value.pin_memory()})
        return pinned

    @property
    def num_classes(self) -> int:
        """K of the prediction."""
        return (self.seg_logits if 'seg_logits' in self else self.seg_probs).shape[1]

    def probabilities(self) -> Tensor:
        """Predicted probability of each class, (T, K, H, W) in [0, 1].

        They add up to 1 over several classes only where the network has logits.
        """
        return probabilities(self.seg_logits) if 'seg_logits' in self else self.seg_probs

    def masks_at(self, size: tuple[int, int]) -> Tensor:
        """The predicted masks at another size.

        Of one class the logits or probabilities are resized bilinearly and then decided, of several
        the masks by nearest neighbour.

        Args:
            size: (H, W).

        Returns:
            (T, H, W) uint8: 0 and 1 where K is 1, else the class index.
        """
        if tuple(self.pred_masks.shape[1:]) == tuple(size):
            return self.pred_masks
        if self.num_classes > 1:
            return resize(self.pred_masks[:, None], size, 'nearest')[:, 0]
        are_logits = 'seg_logits' in self
        maps = self.seg_logits if are_logits else self.seg_probs
        return decide(
            resize(maps.float(), size),
            are_logits=are_logits,
            inclusive=self.get('threshold_inclusive', False),
        )
