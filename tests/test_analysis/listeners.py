"""Networks that listen perfectly, and clips on which the truth of each sound is known."""

import csv
from pathlib import Path

import numpy as np
import torch
from dataset_trees import write_image, write_wav
from mmengine.model import BaseModel
from torch import Tensor
from video_clips import HIGH, LOW, tone

from avsbench.datasets import S4Dataset
from avsbench.datasets.transforms import ClipResize, LoadClip
from avsbench.registry import MODELS
from avsbench.synthetic import load_truth

ROOT = Path(__file__).resolve().parents[2]
SIZE = 32  # pixels
TONES = {'dog_barking': LOW, 'playing_piano': HIGH}  # mark the left half, the right half

CONFIG = """
_base_ = '{root}/config/_base_/default_runtime.py'
custom_imports = dict(imports=['listeners', 'video_clips'])
subset = '{subset}'
num_classes = {classes}
model = dict(
    type='{model}',
    data_preprocessor=dict(type='AVSDataPreprocessor', clip_policy='pad', num_frames={frames}),
    {arguments}
)
test_dataloader = dict(
    batch_size=2,
    num_workers=0,
    sampler=dict(type='DefaultSampler', shuffle=False),
    collate_fn=dict(type='pseudo_collate'),
    dataset=dict(
        type='{dataset}',
        data_root='{data_root}',
        split='test',
        pipeline=[
            dict(type='LoadClip'),
            dict(type='ClipResize', size=({size}, {size})),
            dict(type='PackAVSInputs'),
        ],
        test_mode=True,
    ),
)
test_evaluator = dict(type='AVSMetric', task='{task}', num_classes=num_classes)
test_cfg = dict()
"""


def write_config(folder: Path, data_root: Path, model: str = 'ToyListener', **changes) -> Path:
    """A config that tests a network of this module, or `ToyListener`, on S4 or another subset."""
    values = dict(subset='s4', classes=1, frames=5, dataset='S4Dataset', task='binary', size=SIZE)
    values |= dict(arguments='num_classes=num_classes') | changes
    text = CONFIG.format(root=ROOT, model=model, data_root=data_root, **values)
    path = folder / f'{model.lower()}_{values["subset"]}.py'
    path.write_text(text)
    return path


def write_checkpoint(folder: Path) -> Path:
    """Weights of any of these networks."""
    path = folder / 'listener.pth'
    torch.save({'state_dict': {'bias': torch.zeros(1)}}, path)
    return path


def make_tones(folder: Path, *, wav: bool = True) -> Path:
    """S4 with two clips of each of `TONES`; those of the dog are stereo, with a silent channel."""
    root = folder / 'Single-source'
    data, rows = root / 's4_data', ['name,start,category,split']
    for category, pitch in TONES.items():
        mask = np.zeros((SIZE, SIZE), np.uint8)
        mask[:, slice(SIZE // 2) if pitch == LOW else slice(SIZE // 2, SIZE)] = 255
        for number in range(2):
            name = f'{category[:3]}{number}'
            for k in range(1, 6):
                place = f'test/{category}/{name}/{name}_{k}.png'
                write_image(data / 'visual_frames' / place, np.zeros((SIZE, SIZE, 3), np.uint8))
                write_image(data / 'gt_masks' / place, mask)
            samples = tone([pitch] * 5)
            if pitch == LOW:
                samples = np.stack([samples, np.zeros_like(samples)], 1)
            if wav:
                write_wav(data / 'audio_wav/test' / category / f'{name}.wav', samples)
            else:
                save_log_mel(data / 'audio_log_mel/test' / category / f'{name}.npy', samples)
            rows.append(f'{name},0,{category},test')
    (root / 's4_meta_data.csv').write_text('\n'.join([*rows, '']))
    return root


def save_log_mel(path: Path, samples: np.ndarray) -> None:
    from avsbench.media.log_mel import log_mel_patches

    path.parent.mkdir(parents=True, exist_ok=True)
    mono = samples if samples.ndim == 1 else samples.mean(1)
    np.save(path, log_mel_patches(mono, 16000))


def write_pairs_csv(path: Path, rows: list[tuple[str, str, str]]) -> Path:
    with path.open('w', newline='') as file:
        csv.writer(file).writerows([('condition', 'video', 'replacement'), *rows])
    return path


@MODELS.register_module()
class Rememberer(BaseModel):
    """Knows the sounds and the masks of S4-like synthetic clips by heart.

    A spectrogram that is near one of the split names the class that sounds. It is marked where the
    scene has an object of that class.

    Args:
        data_preprocessor: Config.
        data_root: Of the clips.
        deaf: Mark what the first version of the scene has, whatever sounds.
    """

    def __init__(self, data_preprocessor: dict, data_root: str, deaf: bool = False) -> None:
        super().__init__(data_preprocessor=data_preprocessor)
        self.bias = torch.nn.Parameter(torch.zeros(1))
        self.deaf = deaf
        pipeline = [LoadClip(), ClipResize(size=(SIZE, SIZE))]
        dataset = S4Dataset(data_root, 'test', pipeline=pipeline, test_mode=True)
        self.clips = {clip['clip_id']: clip for clip in load_truth(data_root)}
        sounds, self.classes = [], []
        self.masks: dict[tuple[str, int, str], Tensor] = {}  # of scene, second and class
        for index in range(len(dataset)):
            loaded = dataset[index]
            sounds.append(torch.from_numpy(loaded['log_mel']))
            clip = self.clips[loaded['clip_id']]
            for second, name in enumerate(classes_of(clip)):
                self.classes.append(name)
                mask = torch.from_numpy(loaded['masks'][second]).float()
                self.masks[clip['group'], second, name] = mask
        self.sounds = torch.cat(sounds)

    def forward(self, inputs: dict, data_samples: list, mode: str = 'tensor') -> list:
        assert mode == 'predict'
        start = 0
        for sample, length in zip(data_samples, inputs['clip_lengths'], strict=True):
            sounds = inputs['audio'][start : start + length]
            scene = self.clips[sample.clip_id]['group']
            masks = torch.stack([self.mask(scene, k, sound) for k, sound in enumerate(sounds)])
            sample.seg_logits = (8.0 * masks[:, None] - 4) + self.bias
            sample.pred_masks = (sample.seg_logits[:, 0] > 0).byte()
            start += length
        return data_samples

    def mask(self, scene: str, second: int, sound: Tensor) -> Tensor:
        """(H, W) of a second of a scene."""
        if self.deaf:
            return next(mask for key, mask in self.masks.items() if key[:2] == (scene, second))
        distances = (self.sounds - sound).abs().mean((1, 2, 3))
        nearest = int(distances.argmin())
        empty = torch.zeros(SIZE, SIZE)
        if distances[nearest] > 0.5:
            return empty
        return self.masks.get((scene, second, self.classes[nearest]), empty)


def classes_of(clip: dict) -> list[str]:
    """The class that sounds in each second of an entry of truth.json."""
    return [clip['candidates'][chosen[0]]['class'] for chosen in clip['sets']]
