"""The dictionaries that go from a data set through a pipeline."""

from typing import NotRequired, TypedDict

import numpy as np


class ClipInfo(TypedDict):
    """`data_info` of a clip: what a data set knows of it without opening its files.

    Attributes:
        clip_id: Unique in the split, usable as a relative path.
        subset: Short name of the data set's kind.
        split: Its split.
        frame_paths: T images.
        mask_paths: T files, None where a frame is not annotated.
        mask_coding: How masks are stored, a key of `avsbench.datasets.transforms.MASK_CODINGS`;
            None where there are none.
        num_classes: K of class labels, None for binary masks.
        csv_path: What lists the clips.
        csv_row: Line of the clip in it, None where it is no csv.
    """

    clip_id: str
    subset: str
    split: str
    frame_paths: list[str]
    mask_paths: list[str | None]
    mask_coding: str | None
    num_classes: int | None
    csv_path: str
    csv_row: int | None


class AudioClipInfo(ClipInfo):
    """`data_info` of a clip with audio.

    Attributes:
        maskige_paths: T images; they exist only if the pipeline loads them.
        audio_path: A wav file, None if it will not be used.
        log_mel_path: Stored log-mel, which is preferred; None if there is none.
        short_audio: What stands for missing log-mel patches: 'repeat' the last one, or 'zero'.
        category: What sounds in the clip, of data sets whose clips have one category.
    """

    maskige_paths: list[str]
    audio_path: str | None
    log_mel_path: str | None
    short_audio: str
    category: NotRequired[str]


class VideoClipInfo(ClipInfo):
    """`data_info` of a window of a video.

    Attributes:
        video: Name of the video, usable as a relative path.
        frame_idx: T positions of the frames in the video, from 0; a short video repeats some.
        kept: Positions in the clip whose prediction is wanted; None for all.
    """

    video: str
    frame_idx: list[int]
    kept: list[int] | None


class BoxClipInfo(VideoClipInfo):
    """`data_info` of a window of a video whose frames are annotated with boxes.

    Attributes:
        gt_boxes: T boxes (left, top, width, height) in pixels of the frame, None where there is
            none.
        motions: T kinds of motion, numbered from 0, None where there is no box.
    """

    gt_boxes: list[tuple[float, float, float, float] | None]
    motions: list[int | None]


class ClipResults(ClipInfo, total=False):
    """What transforms pass on: the clip's info and what they have added so far.

    The keys of `AudioClipInfo` or `VideoClipInfo` are there too.

    Attributes:
        sample_idx: Position of the clip in the data set (mmengine).
        frames: T arrays (H, W, 3) uint8, RGB (`LoadFrames`).
        ori_shape: (H, W) of the frames on disk (`LoadFrames`).
        img_shape: (H, W) of the frames at this place of the pipeline (`LoadFrames`).
        maskiges: T arrays (H, W, 3) uint8, RGB (`LoadMaskiges`).
        prior_masks: (T, H, W) uint8, what an earlier stage predicted, 0 and 1 or the class index
            (`LoadPriorMasks`).
        masks: (T, H, W) uint8, 0 and 1 or the class index (`LoadFrames`).
        masks_separate: Whether the masks still have another size than their frames on disk, and no
            step has resized both (`LoadFrames`).
        gt_valid: (T,) bool, which frames are annotated (`LoadFrames`).
        log_mel: (T, 1, frames, bands) float32, one spectrogram for each video frame (`LoadClip`).
        front_end: Name of what computed it (`LoadClip`).
        flip: Whether the images are mirrored (`ClipRandomFlip`).
    """

    sample_idx: int
    frames: list[np.ndarray]
    ori_shape: tuple[int, int]
    img_shape: tuple[int, int]
    maskiges: list[np.ndarray]
    prior_masks: np.ndarray
    masks: np.ndarray
    masks_separate: bool
    gt_valid: np.ndarray
    log_mel: np.ndarray
    front_end: str
    flip: bool


def check_info(info: dict, kind: type[ClipInfo], name: str) -> ClipInfo:
    """The `data_info` of a data set, if it has the keys that its kind needs.

    Args:
        info: From a data set.
        kind: `ClipInfo` or one of its kinds.
        name: Of the data set's class, for the error.

    Raises:
        TypeError: A key is missing.
    """
    missing = sorted(kind.__required_keys__ - info.keys())
    if missing:
        raise TypeError(
            f'{name}.load_clips: {info.get("clip_id", "a clip")} lacks {", ".join(missing)}; see '
            f'avsbench.datasets.clip_info.{kind.__name__}'
        )
    return info
