"""Make Maskiges, images of the segments of each frame: the second input of COMBO.

    python tools/prepare_maskiges.py s4 --data-root data/Single-source --source superpixels
    python tools/prepare_maskiges.py s4 --data-root data/Single-source --source masks --masks DIR

`superpixels` needs nothing but the frames: a classical method that knows no objects. `masks` reads
what a segmentation model has found, one file per frame: DIR mirrors the folders of the frames, and
`x/y/1.png` has its masks in `x/y/1.npz`, `.npy` or `.json`, or `1_mask.npz` and so on.

    .npz, .npy   bool [n, H, W]; in an .npz the array `masks`, or the only one
    .json        list of {"segmentation": {"size": [H, W], "counts": ...}, ...}, COCO run lengths,
                 or an object that has such a list as "annotations"

These are what the mask generators of Semantic-SAM, SAM and SAM 2 give (published: Semantic-SAM
Swin-L, prompt level 3). Masks are of the frame on disk; those of AVSS may also be of the frame as
it is cut to 224 x 224 (training: shorter side, then centre; else squashed).

Whole files of the right size are kept, so a run that was interrupted goes on where it was. A
Maskige holds 149 segments; of more, the smallest are left out, and counted in the report.
"""

import argparse
import functools
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from avsbench.datasets.opening import AUDIO_SUBSETS, SPLITS, dataset_configs
from avsbench.maskiges import MAX_SEGMENTS, plan, prepare
from avsbench.maskiges.segments import SUPERPIXELS
from avsbench.registry import DATASETS
from avsbench.utils.cli import run_command
from avsbench.utils.errors import ConfigError
from avsbench.utils.folders import check_writable
from avsbench.utils.parallel import show_progress

NEEDED = ('type', 'data_root', 'split', 'check')


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('subset', choices=AUDIO_SUBSETS)
    parser.add_argument('--data-root', metavar='DIR', help="default: that of the subset's config")
    parser.add_argument('--source', required=True, choices=('superpixels', 'masks'))
    parser.add_argument('--masks', metavar='DIR', help='folder of masks, with --source masks')
    parser.add_argument(
        '--resize',
        action='store_true',
        help='masks were made of the whole frame at another size: resize them (nearest)',
    )
    parser.add_argument(
        '--whole-frames',
        action='store_true',
        help='avss: of the frames as they are, for VCT, beside those of COMBO, which are cut',
    )
    parser.add_argument('--split', nargs='+', choices=SPLITS, default=SPLITS, help='default: all')
    parser.add_argument(
        '--overwrite', action='store_true', help='make all again, also those from another source'
    )
    parser.add_argument(
        '--workers', type=int, default=os.cpu_count(), help='processes (default: %(default)s)'
    )
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    if (args.source == 'masks') != (args.masks is not None):
        raise ConfigError('--masks DIR belongs to --source masks, and is needed there')
    if args.resize and args.source != 'masks':
        raise ConfigError('--resize is about masks; it means nothing for --source superpixels')
    if args.workers < 0:
        raise ConfigError(f'--workers: got {args.workers}, expected 0 or more')
    if args.whole_frames and args.subset != 'avss':
        raise ConfigError(
            f'--whole-frames belongs to avss; Maskiges of {args.subset} are of whole frames anyway'
        )
    configs = dataset_configs(args.subset, args.data_root)
    # Only the frames matter here, not what the network makes of masks and classes.
    bare = [{key: configs[split][key] for key in NEEDED} for split in args.split]
    if args.whole_frames:
        bare = [{**config, 'type': 'AVSSWholeFrameDataset'} for config in bare]
    tasks = plan([DATASETS.build(config) for config in bare], args.masks)
    check_writable(bare[0]['data_root'], 'data_root, where Maskiges go', 'make it writable')
    source = SUPERPIXELS if args.masks is None else f'masks in {Path(args.masks).resolve().name}'
    report = prepare(
        tasks,
        source=source,
        resize=args.resize,
        overwrite=args.overwrite,
        workers=args.workers,
        progress=functools.partial(show_progress, label='Maskiges'),
    )
    print(f'{args.subset}: {report.made} Maskiges made, {report.kept} were there; from {source}')
    if report.crowded:
        print(
            f'{report.crowded} frames have more than {MAX_SEGMENTS} segments; the smallest, '
            f'{report.left_out} in all, were left out'
        )


if __name__ == '__main__':
    run_command(main)
