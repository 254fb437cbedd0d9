"""Synthetic clips in AVSBench's layout, with a proven ceiling for models that don't listen.

The images carry no information about which object sounds, so a model must use the audio to score
more than the ceilings that come with the files. README.md says what such scores mean, and what not.

    root = generate('s4', 'data/synthetic', preset='default', size=64, seed=0, workers=2)
    load_ceilings(root)['test']['audio_blind']['J']         # 0.3333: one of three twins
    load_truth(root)[0]['sets']                              # candidates sounding in each second

`generate` writes one subset, `load_ceilings` and `load_truth` read its records.
"""

from pathlib import Path

from avsbench.synthetic.generator import generate_tree, read_record
from avsbench.synthetic.settings import NUISANCES, PRESETS, SIZES, SUBSETS, TIERS, Settings

__all__ = [
    'NUISANCES',
    'PRESETS',
    'SIZES',
    'SUBSETS',
    'TIERS',
    'Settings',
    'generate',
    'generate_tree',
    'load_ceilings',
    'load_truth',
]


def generate(
    subset: str,
    out: str | Path,
    *,
    preset: str = 'tiny',
    size: int = 64,
    seed: int = 0,
    workers: int = 0,
    tier: str | tuple[str, ...] = 'T1',
    tell: bool = False,
    overwrite: bool = False,
    train: int | None = None,
    val: int | None = None,
    test: int | None = None,
) -> Path:
    """Make the synthetic tree of one subset; `Settings` with `generate_tree` has every option.

    A complete tree with the same settings is left as it is, so calling twice costs nothing.

    Args:
        subset: `s4`, `ms3` or `avss`.
        out: Output folder; files go to its Single-source, Multi-sources or AVSS.
        preset: `tiny` (8 train clips, under 5 MB) or `default` (hundreds).
        size: Side of the images in pixels, 64 or 224.
        seed: Everything but the settings follows from it.
        workers: Processes; 0 and 1 work in this one. More need the caller's main module to be
            importable, as for everything in `multiprocessing`.
        tier: T1, T2, T3, T4 or several of them.
        tell: Control that lets a blind model win.
        overwrite: Replace an earlier synthetic tree.
        train: Train clips instead of the preset's number (AVSS: of label v2, the rest in
            proportion).
        val: The same for val.
        test: The same for test, in scenes; each becomes several clips.

    Returns:
        The subset's folder, ready as `data_root` of its dataset class.

    Raises:
        ConfigError: A setting is outside its range.
        DataError: The folder holds other content.
    """
    settings = Settings(
        subset=subset,
        preset=preset,
        size=size,
        seed=seed,
        tiers=(tier,) if isinstance(tier, str) else tuple(tier),
        tell=tell,
        train=train,
        val=val,
        test=test,
    )
    return generate_tree(settings, out, workers=workers, overwrite=overwrite)


def load_ceilings(root: str | Path) -> dict:
    """The ceilings of a synthetic tree, enumerated over the files that it holds.

    Args:
        root: The subset's folder.

    Returns:
        split (`train`, `val`, `test`, `overall`) -> dict with
        * `frames`, `empty_frames`: Labelled frames, and those in which nothing sounds;
        * `audio_blind`, `time_blind`, and where they mean something `instance_blind` (tier T2) and
          `count_blind` (several sources): the best scores of such models;
        * `references`: Scores of fixed predictions: `empty`, `all_candidates`,
          `largest_candidate`.
        Each of these is a dict. S4, MS3: `J` (frame mean IoU with the empty-frame rule), `F` (one
        threshold for the set, frames with a target; None without any). AVSS: `J` and `F` are means
        over the classes met without background, `mIoU` and `F_score` the published means over 71
        classes, `background` and `classes` (name -> J, F) the parts.
        In `test`: `twins`, and the proved bounds `audio_blind.bound_J`, `time_blind.bound_J`,
        `audio_blind.bound_F` (S4, MS3), `audio_blind.bound_mIoU` (AVSS).

    Raises:
        DataError: The folder is no complete synthetic tree.
    """
    return read_record(root, 'ceilings.json')


def load_truth(root: str | Path) -> list[dict]:
    """What is in each clip; no loader may read it, it is for checks and analyses.

    Args:
        root: The subset's folder.

    Returns:
        One dict per clip: `clip_id` (as the dataset class names it), `name`, `video`, `part`,
        `split`, `category`, `group` (clips with one group are versions of one scene, i.e. have
        the same images), `version`, `nuisance` (tier T4), `labelled` (seconds with a mask),
        `sets` (per second the positions of the sounding candidates), `areas` (per second and
        candidate, in pixels), `candidates` and `decoys` (class, cell, radius, centres, colour,
        rotation), `sources` (class, seconds, gain, f0 or band).

    Raises:
        DataError: The folder is no complete synthetic tree.
    """
    return read_record(root, 'truth.json')
