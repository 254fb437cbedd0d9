"""Strip a training checkpoint to its weights: `python tools/publish_model.py IN.pth OUT_STEM`.

Writes `OUT_STEM-<first 8 digits of its SHA-256>.pth`. The file holds tensors and plain metadata
only, so that `torch.load(..., weights_only=True)` reads it everywhere; optimizer, log, random
states and any path of the machine that trained are left out. The config is in it, as data, so that
`AVSInferencer(FILE)` and `demo/video_demo.py IN.mp4 --weights FILE` need nothing else.
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from avsbench.checkpoint.publish import publish
from avsbench.utils.cli import run_command


def main() -> None:
    """Parse the command line and publish."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('source', metavar='IN.pth', help='training checkpoint')
    parser.add_argument('stem', metavar='OUT_STEM', help='e.g. weights/avsegformer_pvt2_s4')
    parser.add_argument(
        '--trust-checkpoint',
        action='store_true',
        help='read a file that holds more than tensors and plain data; this runs the code in it',
    )
    parser.add_argument('--safetensors', action='store_true', help='write .safetensors')
    args = parser.parse_args()
    target = publish(
        args.source, args.stem, trust=args.trust_checkpoint, safetensors=args.safetensors
    )
    before, after = Path(args.source).stat().st_size, target.stat().st_size
    print(f'{target}: {after / 1e6:.1f} MB (from {before / 1e6:.1f} MB)')


if __name__ == '__main__':
    run_command(main)
