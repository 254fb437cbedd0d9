"""The work of `avsbench show`."""

import argparse

from mmengine.dataset import BaseDataset
from mmengine.model import BaseModel

from avsbench.apis.model import load_model, open_network_config
from avsbench.config.build import build_part
from avsbench.registry import DATASETS
from avsbench.utils.errors import DataError
from avsbench.utils.parallel import show_progress
from avsbench.visualization import AVSLocalVisualizer
from avsbench.visualization.gallery import (
    check_folder,
    predict_video,
    predict_view,
    save_gallery,
    scenes,
    spread,
)
from avsbench.weights.locating import find_checkpoint


def run(args: argparse.Namespace) -> None:
    """Run `avsbench show`."""
    args.checkpoint = find_checkpoint(args.checkpoint, trust=args.trust_checkpoint)
    check_folder(args.out, overwrite=args.overwrite)
    dataset, model = build(args)
    visualizer = AVSLocalVisualizer()
    visualizer.dataset_meta = dataset.metainfo
    images = {}
    groups = spread(scenes(dataset), args.num)
    for group in show_progress(groups, len(groups), 'clips'):
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
