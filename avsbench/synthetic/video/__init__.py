"""Synthetic videos in the layouts of DAVIS, YouTube-VOS, YouTube-Objects, MoCA, A2D and VSPW.

A single frame says nothing about which objects move, or how, so a model must use several frames to
score more than the ceilings that come with the files. README.md says what such scores mean.

    root = generate_videos('davis', 'data/synthetic', preset='default')
    load_ceilings(root)['val']['single_frame']['mIoU']       # 0.3333: one of three objects
    load_truth(root)[0]['marked']                             # objects that the masks mark
"""

from pathlib import Path

from avsbench.synthetic.generator import read_record
from avsbench.synthetic.video.generator import generate_video_tree
from avsbench.synthetic.video.settings import SUBSETS, VideoSettings

__all__ = [
    'SUBSETS',
    'VideoSettings',
    'generate_video_tree',
    'generate_videos',
    'load_ceilings',
    'load_truth',
]


def generate_videos(
    subset: str,
    out: str | Path,
    *,
    preset: str = 'tiny',
    size: int = 64,
    seed: int = 0,
    workers: int = 0,
    overwrite: bool = False,
) -> Path:
    """Make the synthetic tree of one data set; `VideoSettings` has every option.

    Args:
        subset: A name in `SUBSETS`.
        out: Output folder; files go to its DAVIS, YTVOS, YTO, MoCA_filtered2, A2D or VSPW_480p.
        preset: `tiny` (for tests) or `default`.
        size: Side of the frames in pixels, 64 or 224.
        seed: Everything but the settings follows from it.
        workers: Processes; 0 and 1 work in this one.
        overwrite: Replace an earlier synthetic tree.

    Returns:
        The folder of the data set, ready as `data_root` of its dataset class.

    Raises:
        ConfigError: A setting is outside its range.
        DataError: The folder holds other content.
    """
    settings = VideoSettings(subset, preset=preset, size=size, seed=seed)
    return generate_video_tree(settings, out, workers=workers, overwrite=overwrite)


def load_ceilings(root: str | Path) -> dict:
    """The ceilings of a synthetic tree.

    Args:
        root: The folder of the data set.

    Returns:
        split -> dict with `videos`, `frames`, and for a model that sees one frame (`single_frame`)
        or all frames of a clip without their order (`order_blind`) its best scores by enumeration,
        under the names of the data set's metric. Names with `bound_` are proved bounds: in the
        tested split no such model exceeds them, even one trained on that split
        (`bound_mIoU_fitted` of MoCA; its `bound_mIoU` is the expectation of one that is not).
        `references` has the scores of fixed predictions.

    Raises:
        DataError: The folder is no complete synthetic tree.
    """
    return read_record(root, 'ceilings.json')


def load_truth(root: str | Path) -> list[dict]:
    """What is in each video; no loader may read it, it is for checks and analyses.

    Args:
        root: The folder of the data set.

    Returns:
        One dict per video: `name`, `split`, `group` (videos with one group are versions of one
        scene), and of its N objects `kinds` (looks), `steps`, `marked` (those that masks or boxes
        mark), `values` (in the masks), `places` (N, 3, 2); `annotated` (positions of frames with a
        mask); and per frame `states` (place of each object), `areas` in pixels and `boxes` (x, y,
        width, height).

    Raises:
        DataError: The folder is no complete synthetic tree.
    """
    return read_record(root, 'truth.json')
