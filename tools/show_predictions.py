"""Draw what a checkpoint predicts: frames, true and predicted masks and audio of test clips.

    python tools/show_predictions.py config/s4/pvt2.py CHECKPOINT --out DIR

Twins in synthetic data, clips with the same frames and different audio, are drawn side by side. Of
a video without sound, some frames are drawn in one image.
"""

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from mmengine.dataset import BaseDataset
from mmengine.model import BaseModel

from avsbench.apis.model import add_network_arguments, load_model, open_network_config
from avsbench.checkpoint.reading import check_file
from avsbench.config.build import build_part
from avsbench.registry import DATASETS
from avsbench.utils.cli import run_command
from avsbench.utils.errors import DataError
from avsbench.visualization import AVSLocalVisualizer
from avsbench.visualization.gallery import (
    check_folder,
    predict_video,
    predict_view,
    save_gallery,
    scenes,
    spread,
)


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('config', type=Path)
    parser.add_argument('checkpoint')
    parser.add_argument('--out', type=Path, required=True, metavar='DIR', help='for the images')
    parser.add_argument('--num', type=int, default=6, help='images, spread over the test split')
    parser.add_argument('--overwrite', action='store_true', help='replace images in DIR')
    add_network_arguments(parser)
    args = parser.parse_args()
    if args.num < 1:
        parser.error('--num: expected 1 or more')
    return args


def main() -> None:
    args = parse_args()
    check_file(args.checkpoint)
    check_folder(args.out, overwrite=args.overwrite)
    dataset, model = build(args)
    visualizer = AVSLocalVisualizer()
    visualizer.dataset_meta = dataset.metainfo
    images = {}
    for group in spread(scenes(dataset), args.num):
        info = dataset.get_data_info(group[0])
        if 'video' in info:
            images[info['video']] = visualizer.draw([predict_video(model, dataset, group)])
        else:
            views = [predict_view(model, dataset[index]) for index in group]
            images[info['clip_id']] = visualizer.draw(views)
    print(save_gallery(images, args.out))


def build(args: argparse.Namespace) -> tuple[BaseDataset, BaseModel]:
    """The test data and the model of the config, with the weights of the checkpoint."""
    cfg = open_network_config(args.config, args.cfg_options, augment=args.augment)
    dataset = build_part(cfg, DATASETS, 'test_dataloader', 'dataset')
    if not len(dataset):
        raise DataError(f'{args.config}: the test split is empty; check data_root')
    model = load_model(cfg, args.checkpoint, device=args.device, trust=args.trust_checkpoint)
    return dataset, model


if __name__ == '__main__':
    run_command(main)
