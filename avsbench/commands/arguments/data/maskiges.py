"""Make Maskiges, images of the segments of each frame: the second input of COMBO.

    avsbench data maskiges s4 --data-root data/Single-source --source superpixels
    avsbench data maskiges s4 --data-root data/Single-source --source masks --masks DIR

`superpixels` needs nothing but the frames; superpixels follow colours, not objects. `masks` reads
what a segmentation model has found, one file per frame: DIR mirrors the folders of the frames, and
`x/y/1.png` has its masks in `x/y/1.npz`, `.npy` or `.json`, or `1_mask.npz` and so on.

    .npz, .npy   bool [n, H, W]; in an .npz the array `masks`, or the only one
    .json        list of {"segmentation": {"size": [H, W], "counts": ...}, ...}, COCO run lengths,
                 or an object that has such a list as "annotations"

These are what the mask generators of Semantic-SAM, SAM and SAM 2 give (published: Semantic-SAM
Swin-L, prompt level 3). Masks are of the frame on disk; those of AVSS may also be of the frame as
it is cut to 224 x 224 (training: shorter side, then centre; else squashed).

Whole files of the right size are kept, so a run that was interrupted goes on where it was. A
Maskige holds 149 segments; the smallest ones beyond that are dropped, and counted in the report.
"""

import argparse
import os

from avsbench.options import AUDIO_SUBSETS, SPLITS


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `avsbench data maskiges`."""
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
