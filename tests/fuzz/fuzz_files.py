"""Small valid files of every format that the toolbox reads, several kinds of each."""

import json
import pickle
from collections.abc import Callable, Iterator
from pathlib import Path

import h5py
import numpy as np
import soundfile
import torch
from PIL import Image
from safetensors.torch import save_file
from torch import nn
from video_clips import RATE, tone, write_video

from avsbench.layouts.avss_classes import CLASSES, palette
from avsbench.media.log_mel import PATCH_SHAPE

SIZE = (12, 16)  # (H, W)


def network() -> nn.Module:
    """The network that fuzzed checkpoints are for."""
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 2, bias=False))


def checkpoints(folder: Path) -> Iterator[Path]:
    state = network().state_dict()
    whole = {'state_dict': state, 'meta': {'epoch': 3, 'subset': 's4', 'note': 'x' * 40}}
    for name, content in (('plain', state), ('whole', whole)):
        for form, is_zip in (('zip', True), ('legacy', False)):
            path = folder / f'{name}_{form}.pth'
            torch.save(content, path, _use_new_zipfile_serialization=is_zip)
            yield path


def safetensors(folder: Path) -> Iterator[Path]:
    path = folder / 'weights.safetensors'
    save_file(dict(network().state_dict()), path, metadata={'epoch': '3'})
    yield path


def array_pickles(folder: Path) -> Iterator[Path]:
    arrays = {key: value.numpy() for key, value in network().state_dict().items()}
    for protocol in (2, 4):
        path = folder / f'arrays_{protocol}.pkl'
        path.write_bytes(pickle.dumps({'model': arrays, '__author__': 'x'}, protocol))
        yield path


def log_mels(folder: Path) -> Iterator[Path]:
    patches = np.random.default_rng(0).normal(size=(1, *PATCH_SHAPE)).astype(np.float32)
    for protocol in (2, 4):
        path = folder / f'log_mel_{protocol}.pkl'
        path.write_bytes(pickle.dumps(torch.from_numpy(patches), protocol))
        yield path
    np.save(folder / 'log_mel.npy', patches)
    yield folder / 'log_mel.npy'


def audio(folder: Path, *forms: tuple[str, str]) -> Iterator[Path]:
    samples = tone([440.0, 880.0])
    for form, subtype in forms:
        path = folder / f'{form}_{subtype}.{form.lower()}'
        pcm = np.stack([samples, samples], 1) if subtype == 'PCM_16' else samples
        rate = RATE if subtype != 'PCM_24' else 24000
        soundfile.write(path, pcm, rate, subtype, format=form)
        yield path


def wavs(folder: Path) -> Iterator[Path]:
    return audio(folder, *(('WAV', kind) for kind in ('PCM_16', 'FLOAT', 'PCM_24', 'MS_ADPCM')))


def compressed_audio(folder: Path) -> Iterator[Path]:
    ogg = (('OGG', 'VORBIS'), ('OGG', 'OPUS'))
    return audio(folder, ('FLAC', 'PCM_16'), *ogg, ('MP3', 'MPEG_LAYER_III'), ('AIFF', 'PCM_16'))


def images(folder: Path, form: str, **options: dict) -> Iterator[Path]:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, SIZE, np.uint8)
    coloured = Image.fromarray(labels)
    coloured.putpalette(palette()[:9].tobytes())
    modes = {
        'mask': Image.fromarray(np.uint8(255) * (labels > 1)),
        'rgb': Image.fromarray(palette()[labels]),
        'palette': coloured,
        'alpha': Image.fromarray(rng.integers(0, 256, (*SIZE, 4), np.uint8)),
        'deep': Image.fromarray(rng.integers(0, 65536, SIZE, np.uint16)),
        'cmyk': Image.fromarray(rng.integers(0, 256, (*SIZE, 4), np.uint8), 'CMYK'),
        'bits': Image.fromarray(np.uint8(255) * (labels > 1)).convert('1'),
    }
    for name, more in options.items():
        path = folder / f'{name}.{form.lower()}'
        modes[name].save(path, form, **more)
        yield path


def pngs(folder: Path) -> Iterator[Path]:
    return images(folder, 'PNG', mask={}, rgb={}, palette={}, alpha={}, deep={}, bits={})


def jpegs(folder: Path) -> Iterator[Path]:
    return images(folder, 'JPEG', mask={}, rgb={'progressive': True}, cmyk={})


def other_images(folder: Path) -> Iterator[Path]:
    for form in ('BMP', 'GIF', 'TIFF', 'WEBP', 'PPM'):
        yield from images(folder, form, rgb={})


def videos(folder: Path) -> Iterator[Path]:
    samples = tone([300.0, 3000.0], RATE)
    for suffix, codec, sound in (('mp4', 'libx264', 'aac'), ('mkv', 'libx264', 'aac')):
        path = folder / f'{codec}.{suffix}'
        yield write_video(path, 8, samples, rate=4, codec=codec, audio_codec=sound)
    yield write_video(folder / 'mpeg4.avi', 8, samples, rate=4, codec='mpeg4', audio_codec='mp3')
    yield write_video(folder / 'silent.mp4', 8, None, rate=4)


def csvs(folder: Path) -> Iterator[Path]:
    texts = {
        's4': 'name,start,category,split\na,0,dog,train\nb,0,cat,val\nc,0,dog,test\n',
        'moca': (
            'file_list,spatial_coordinates,metadata\n'
            '/a/00000.jpg,"[2,1,1,5,5]","{\'1\': \'0\'}"\n/a/00005.jpg,"[2,1,2,5,5]",{}\n'
        ),
        'a2d': 'vid,1,0,9,20,30,50,4,0\nother,2,0,9,20,30,50,3,1\n',
    }
    for name, text in texts.items():
        path = folder / f'{name}.csv'
        path.write_text(text)
        yield path


def jsons(folder: Path) -> Iterator[Path]:
    mask = {'segmentation': {'size': [4, 6], 'counts': [3, 5, 16]}}
    texts = {
        'label2idx': json.dumps({name: index for index, name in enumerate(CLASSES[:9])}),
        'vspw': json.dumps({'others': '0', 'wall': '1', 'tree': '2'}),
        'segments': json.dumps([mask, mask]),
        'coco': json.dumps({'annotations': [{'segmentation': {'size': [4, 6], 'counts': '35`0'}}]}),
        'scalars': '{"loss": 0.5, "iter": 1, "step": 1}\n{"mIoU": 50.0, "step": 1}\n',
    }
    for name, text in texts.items():
        path = folder / f'{name}.json'
        path.write_text(text)
        yield path


def configs(folder: Path) -> Iterator[Path]:
    model = {'type': 'AVSSegmentor', 'backbone': {'type': 'Backbone', 'depth': [1, 2]}}
    content = {'subset': 's4', 'num_classes': 1, 'model': model}
    (folder / 'config.json').write_text(json.dumps(content))
    yield folder / 'config.json'
    (folder / 'config.yaml').write_text(
        'subset: s4\nnum_classes: 1\nmodel:\n  type: AVSSegmentor\n  backbone: {depth: [1, 2]}\n'
    )
    yield folder / 'config.yaml'


def segment_arrays(folder: Path) -> Iterator[Path]:
    masks = np.random.default_rng(0).integers(0, 2, (3, *SIZE)).astype(bool)
    np.save(folder / 'masks.npy', masks)
    np.savez(folder / 'masks.npz', masks=masks)
    np.savez_compressed(folder / 'packed.npz', masks=masks.astype(np.uint8))
    return iter([folder / name for name in ('masks.npy', 'masks.npz', 'packed.npz')])


def a2d_labels(folder: Path) -> Iterator[Path]:
    labels = np.random.default_rng(0).integers(0, 5, SIZE)
    for name, options in (('plain', {}), ('packed', {'compression': 'gzip', 'chunks': True})):
        path = folder / f'{name}.mat'
        with h5py.File(path, 'w', userblock_size=512) as file:
            file.create_dataset('reS_id', data=labels.T.astype(float), **options)
        yield path


def lists(folder: Path) -> Iterator[Path]:
    path = folder / 'val_seqs.txt'
    path.write_text('blackswan\nbmx-trees\nbreakdance\n')
    yield path


Maker = Callable[[Path], Iterator[Path]]
