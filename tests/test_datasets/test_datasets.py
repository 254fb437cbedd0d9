"""The three data sets on small trees: paths, flags, sources of audio and labels, summaries."""

import gc
import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from dataset_trees import SIZE, avss_labels, mask, noise, random_image, write_image, write_wav
from mmengine.config import Config
from torch.utils.data import DataLoader

from avsbench.datasets import AVSSDataset, AVSSWholeFrameDataset, MS3Dataset, S4Dataset
from avsbench.datasets.clip_info import AudioClipInfo
from avsbench.layouts.avss_classes import CLASSES, palette
from avsbench.media.log_mel import log_mel_patches, read_wav
from avsbench.registry import DATASETS
from avsbench.utils.errors import ConfigError, DataError

CONFIGS = Path(__file__).resolve().parents[2] / 'config' / '_base_' / 'datasets'


PIPELINE = [dict(type='LoadClip'), dict(type='PackAVSInputs')]


def write_pickle(path: Path, patches: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(pickle.dumps(torch.from_numpy(patches).requires_grad_()))


def random_patches(count: int) -> np.ndarray:
    return np.random.default_rng(count).standard_normal((count, 1, 96, 64)).astype(np.float32)


# --------------------------------------------------------------------------------------------- S4


def test_s4_train(s4_root: Path) -> None:
    dataset = S4Dataset(s4_root, 'train', pipeline=PIPELINE)
    assert len(dataset) == 2
    info = dataset.get_data_info(0)
    data = s4_root / 's4_data'
    assert info['clip_id'] == 'dog_barking/-a_1'
    assert (info['subset'], info['split']) == ('s4', 'train')
    assert (info['csv_row'], info['csv_path']) == (2, str(s4_root / 's4_meta_data.csv'))
    assert info['frame_paths'][4] == str(data / 'visual_frames/train/dog_barking/-a_1/-a_1_5.png')
    assert (
        info['mask_paths']
        == [str(data / 'gt_masks/train/dog_barking/-a_1/-a_1_1.png')] + [None] * 4
    )
    sample = dataset[0]['data_samples']
    assert sample.gt_valid.tolist() == [True, False, False, False, False]
    assert (sample.gt_masks[0].numpy() == mask(1) // 255).all()
    assert (sample.gt_masks[1:] == 0).all()


def test_s4_test(s4_root: Path) -> None:
    packed = S4Dataset(s4_root, 'test', pipeline=PIPELINE, test_mode=True)[0]
    for k in range(5):
        assert (
            packed['inputs']['frames'][k].permute(1, 2, 0).numpy() == random_image('d', k + 1)
        ).all()
        assert (packed['data_samples'].gt_masks[k].numpy() == mask(k + 1) // 255).all()
    wav = s4_root / 's4_data/audio_wav/test/dog_barking/d.wav'
    assert (packed['inputs']['audio'].numpy() == log_mel_patches(*read_wav(wav))).all()


def test_stored_log_mel_comes_first(s4_root: Path) -> None:
    stored = random_patches(5)
    write_pickle(s4_root / 's4_data/audio_log_mel/test/dog_barking/d.pkl', stored)

    def audio(**options: str) -> np.ndarray:
        dataset = S4Dataset(s4_root, 'test', pipeline=PIPELINE, **options)
        return dataset[0]['inputs']['audio'].numpy()

    assert (audio() == stored).all()
    assert (audio(audio_source='log_mel') == stored).all()
    assert (audio(audio_source='wav') != stored).any()
    shutil.rmtree(s4_root / 's4_data/audio_wav')
    assert (audio() == stored).all()
    with pytest.raises(DataError, match='missing audio'):
        audio(audio_source='wav')


def test_log_mel_may_be_npy(s4_root: Path) -> None:
    stored = random_patches(5)
    path = s4_root / 's4_data/audio_log_mel/test/dog_barking/d.npy'
    path.parent.mkdir(parents=True)
    np.save(path, stored.astype(np.float64))
    audio = S4Dataset(s4_root, 'test', pipeline=PIPELINE)[0]['inputs']['audio']
    assert audio.dtype == torch.float32
    assert (audio.numpy() == stored).all()


@pytest.mark.parametrize(('seconds', 'patches'), [(3.0, 3), (6.0, 6)])
def test_s4_audio_of_another_length(s4_root: Path, seconds: float, patches: int) -> None:
    wav = s4_root / 's4_data/audio_wav/test/dog_barking/d.wav'
    write_wav(wav, noise('length', seconds))
    dataset = S4Dataset(s4_root, 'test', pipeline=PIPELINE)
    audio, whole = dataset[0]['inputs']['audio'].numpy(), log_mel_patches(*read_wav(wav))
    assert len(whole) == patches
    assert (audio == whole[np.minimum(np.arange(5), patches - 1)]).all()
    summary = dataset.summary()
    assert (summary['padded_audio'], summary['cut_audio']) == (patches < 5, patches > 5)


# -------------------------------------------------------------------------------------------- MS3


def test_ms3(ms3_root: Path) -> None:
    for split, name in (('train', '_x'), ('val', 'y'), ('test', 'z')):
        dataset = MS3Dataset(ms3_root, split, pipeline=PIPELINE)
        info = dataset.get_data_info(0)
        data = ms3_root / 'ms3_data'
        assert info['clip_id'] == name
        assert info['frame_paths'][0] == str(data / f'visual_frames/{name}/{name}.mp4_1.png')
        assert info['mask_paths'][4] == str(data / f'gt_masks/{split}/{name}/{name}_5.png')
        sample = dataset[0]['data_samples']
        assert sample.gt_valid.all()
        assert (sample.gt_masks[3].numpy() == mask(4) // 255).all()


# ------------------------------------------------------------------------------------------- AVSS


@pytest.mark.parametrize('source', ['auto', 'semantic', 'rgb'])
def test_avss_labels(avss_root: Path, source: str) -> None:
    dataset = AVSSDataset(avss_root, 'train', pipeline=PIPELINE, label_source=source)
    one, two = (packed['data_samples'] for packed in dataset)
    assert (one.clip_id, two.clip_id) == ('v1s/one_0_5000', 'v2/two_0_10000')
    assert one.gt_valid.tolist() == [True] + [False] * 4
    assert two.gt_valid.tolist() == [True] * 10
    assert (one.gt_masks[0].numpy() == avss_labels(1)[0]).all()
    assert (one.gt_masks[1:] == 0).all()
    assert (two.gt_masks.numpy() == avss_labels(10)).all()
    coding = 'palette' if source == 'rgb' else 'index'
    assert dataset.get_data_info(0)['mask_coding'] == coding
    assert dataset.summary()['label_source'] == {coding: 2}


def test_avss_without_index_labels(avss_root: Path) -> None:
    shutil.rmtree(avss_root / 'v2/two_0_10000/labels_semantic')
    dataset = AVSSDataset(avss_root, 'train', pipeline=PIPELINE)
    assert dataset.summary()['label_source'] == {'index': 1, 'palette': 1}
    assert (dataset[1]['data_samples'].gt_masks.numpy() == avss_labels(10)).all()


def test_avss_annotated_frames(avss_root: Path) -> None:
    for split, frames in (('val', 5), ('test', 5)):
        dataset = AVSSDataset(avss_root, split, pipeline=PIPELINE)
        assert dataset[0]['data_samples'].gt_valid.tolist() == [True] * frames


def test_avss_frames_are_counted_and_sorted_by_number(avss_root: Path) -> None:
    """A v1m clip may have ten frames, and a hidden copy of a file is none."""
    folder = avss_root / 'v1m/four_0_5000'
    for k in range(5, 10):
        write_image(folder / f'frames/{k}.jpg', random_image('more', k))
        write_image(folder / f'labels_semantic/{k}.png', np.full(SIZE, k, np.uint8))
    (folder / 'frames/._11.jpg').write_bytes(b'')
    shutil.rmtree(folder / 'labels_rgb')  # what is left of the labels says it too
    dataset = AVSSDataset(avss_root, 'test', pipeline=PIPELINE)
    names = [Path(path).name for path in dataset.get_data_info(0)['frame_paths']]
    assert names == [f'{k}.jpg' for k in range(10)]
    packed = dataset[0]
    assert (packed['data_samples'].gt_masks[9] == 9).all()
    assert (packed['inputs']['audio'][5:] == 0).all()  # five seconds of audio
    assert (packed['inputs']['audio'][4] != 0).any()
    assert dataset.summary()['padded_audio'] == 1
    for k in range(5, 10):
        (folder / f'frames/{k}.jpg').unlink()  # the labels remain
    with pytest.raises(DataError, match=r'missing file: 5 in 1 clips.*frames/5\.jpg'):
        AVSSDataset(avss_root, 'test')
    lost = AVSSDataset(avss_root, 'test', check='off', pipeline=PIPELINE)
    with pytest.raises(DataError, match=r'frames/5\.jpg: no such file'):
        lost[0]


def test_avss_maskiges_of_whole_frames_are_files_of_their_own(avss_root: Path) -> None:
    cut, whole = AVSSDataset(avss_root, 'test'), AVSSWholeFrameDataset(avss_root, 'test')
    assert (cut.maskige_size, whole.maskige_size) == ((224, 224), None)
    pair = (data.get_data_info(0)['maskige_paths'][0] for data in (cut, whole))
    assert [path.split('/')[-2] for path in pair] == ['processed_frames', 'frames']


def test_categories_are_those_of_s4(s4_root: Path, avss_root: Path) -> None:
    info = S4Dataset(s4_root, 'train').get_data_info(0)
    assert info['category'] == info['clip_id'].split('/')[0]
    assert S4Dataset(s4_root, 'train', pipeline=PIPELINE)[0]['data_samples'].category
    assert 'category' not in AVSSDataset(avss_root, 'test').get_data_info(0)


def test_avss_stored_log_mel(avss_root: Path) -> None:
    """A stored file is padded to ten patches; a clip of five frames takes the first five."""
    stored = random_patches(10)
    stored[5:] = 0
    write_pickle(avss_root / 'v1m/four_0_5000/audio.pkl', stored)
    dataset = AVSSDataset(avss_root, 'test', pipeline=PIPELINE)
    assert (dataset[0]['inputs']['audio'].numpy() == stored[:5]).all()
    assert dataset.summary()['audio'] == {'log_mel': 1}


def test_avss_classes(avss_root: Path) -> None:
    dataset = AVSSDataset(avss_root, 'test')
    assert dataset.metainfo['classes'] == tuple(CLASSES)
    assert dataset.metainfo['palette'] == palette().tolist()
    (avss_root / 'label2idx.json').unlink()
    assert AVSSDataset(avss_root, 'test').metainfo['classes'] == tuple(CLASSES)
    (avss_root / 'label2idx.json').write_text('{"dog": 1, "background": 0}')
    dataset = AVSSDataset(avss_root, 'test', num_classes=2, pipeline=PIPELINE)
    assert dataset.metainfo['classes'] == ('background', 'dog')
    with pytest.raises(DataError, match='class indices are 0 to 1, found also 70'):
        dataset[0]
    with pytest.raises(DataError, match='num_classes=71, but .* has 2'):
        AVSSDataset(avss_root, 'test', num_classes=71)


@pytest.mark.parametrize(
    'content', ['{"a": 0, "b": 2}', '{"a": 0, "b": 0}', '[0, 1]', '{}', '{"a": "0"}', '{"a"']
)
def test_avss_malformed_class_table(avss_root: Path, content: str) -> None:
    (avss_root / 'label2idx.json').write_text(content)
    with pytest.raises(DataError, match='label2idx.json'):
        AVSSDataset(avss_root, 'test')


# ------------------------------------------------------------------------------------ all of them


def test_summaries(s4_root: Path, avss_root: Path) -> None:
    assert S4Dataset(s4_root, 'train').summary() == {
        'subset': 's4',
        'split': 'train',
        'synthetic': False,
        'clips': 2,
        'frames': 10,
        'annotated_frames': 2,
        'audio': {'wav': 2},
        'padded_audio': 0,
        'cut_audio': 0,
    }
    assert S4Dataset(s4_root, 'train', check='off').summary()['padded_audio'] is None
    summary = AVSSDataset(avss_root, 'train').summary()
    assert (summary['frames'], summary['annotated_frames']) == (15, 11)
    assert summary['labels'] == {'v1s': 1, 'v2': 1}


def test_clip_infos_have_the_declared_keys(s4_root: Path, ms3_root: Path, avss_root: Path) -> None:
    for kind, root in ((S4Dataset, s4_root), (MS3Dataset, ms3_root), (AVSSDataset, avss_root)):
        for info in kind(root, 'test').clip_infos():
            of_s4 = AudioClipInfo.__optional_keys__ if kind is S4Dataset else set()
            assert info.keys() == AudioClipInfo.__required_keys__ | of_s4 | {'sample_idx'}
            assert len(info['mask_paths']) == len(info['maskige_paths']) == len(info['frame_paths'])


def test_a_clip_info_without_a_key_is_refused(s4_root: Path) -> None:
    class Forgetful(S4Dataset):
        def load_clips(self) -> list:
            clips = super().load_clips()
            del clips[0]['short_audio']
            return clips

    with pytest.raises(
        TypeError, match=r'Forgetful.*dog_barking/d lacks short_audio; see .*AudioClipInfo'
    ):
        Forgetful(s4_root, 'test')


def test_some_clips_only(s4_root: Path) -> None:
    """What is left out isn't checked either."""
    shutil.rmtree(s4_root / 's4_data/visual_frames/train/cat_meowing')
    assert S4Dataset(s4_root, 'train', indices=1).summary()['clips'] == 1
    assert S4Dataset(s4_root, 'train', indices=[0])[0]['clip_id'] == 'dog_barking/-a_1'
    with pytest.raises(DataError, match='1 of 1 clips'):
        S4Dataset(s4_root, 'train', indices=[1])
    assert len(S4Dataset(s4_root, 'train', indices=100, check='off')) == 2
    assert len(S4Dataset(s4_root, 'train', indices=[-2], check='off')) == 1
    for wrong in ([2], [0, -3], 0, []):
        with pytest.raises(ConfigError, match='some of the 2 items of split .*, from 0 to 1, or'):
            S4Dataset(s4_root, 'train', indices=wrong)


def test_a_broken_clip_is_never_replaced(s4_root: Path) -> None:
    """Neither in this process nor in a worker, and the error keeps its kind and its words."""
    path = s4_root / 's4_data/visual_frames/train/dog_barking/-a_1/-a_1_3.png'
    dataset = S4Dataset(s4_root, 'train', pipeline=PIPELINE)
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(DataError, match='-a_1_3.png: not a whole image'):
        dataset[0]
    clips = iter(DataLoader(dataset, batch_size=None, num_workers=1))
    with pytest.raises(DataError, match='-a_1_3.png: not a whole image'):
        next(clips)
    clips._shutdown_workers()  # else a later garbage collection waits five seconds for them


def test_other_csv_forms(s4_root: Path) -> None:
    """A byte order mark, Windows line ends, other and further columns, blanks, an empty line."""
    lines = [
        'split,extra,category,name',
        'train,"a, b",dog_barking, -a_1 ',
        '',
        'test,ü,dog_barking,d',
    ]
    content = b'\xef\xbb\xbf' + '\r\n'.join(lines).encode()
    (s4_root / 's4_meta_data.csv').write_bytes(content)
    assert S4Dataset(s4_root, 'train').get_data_info(0)['clip_id'] == 'dog_barking/-a_1'
    assert S4Dataset(s4_root, 'test').get_data_info(0)['csv_row'] == 4


def test_another_csv(s4_root: Path) -> None:
    (s4_root / 's4_meta_data.csv').rename(s4_root / 'mine.csv')
    assert len(S4Dataset(s4_root, 'train', ann_file='mine.csv')) == 2


BAD_OPTIONS = [
    (S4Dataset, {'check': 'ful'}, "did you mean 'full'?"),
    (S4Dataset, {'audio_source': 'pkl'}, "expected one of 'auto', 'log_mel', 'wav'"),
    (AVSSDataset, {'label_source': 'RGB'}, "expected one of 'auto', 'semantic', 'rgb'"),
]


@pytest.mark.parametrize(('kind', 'options', 'words'), BAD_OPTIONS)
def test_bad_options(tmp_path: Path, kind: type, options: dict, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        kind(tmp_path, 'train', **options)
    assert words in str(caught.value)
    assert kind.__name__ in str(caught.value)


@pytest.mark.parametrize('name', ['s4', 'ms3', 'avss', 's4_512', 'ms3_512'])
def test_published_configs(
    s4_root: Path, ms3_root: Path, avss_root: Path, tmp_path: Path, name: str
) -> None:
    cfg = Config.fromfile(CONFIGS / f'{name}.py')
    roots = {'s4': s4_root, 'ms3': ms3_root, 'avss': avss_root}
    side = 512 if name.endswith('512') else 224
    for split in ('train', 'val', 'test'):
        loader = cfg[f'{split}_dataloader']
        loader.dataset.data_root = str(roots[cfg.subset])
        for transform in loader.dataset.pipeline:
            if 'cache_dir' in transform:
                transform.cache_dir = str(tmp_path / 'cache')
        packed = DATASETS.build(loader.dataset)[0]
        assert packed['inputs']['frames'].shape[1:] == (3, side, side)
        assert packed['data_samples'].gt_masks.shape[1:] == (side, side)
        assert loader.batch_size == (4 if name == 'avss' else 2)
        assert loader.sampler.shuffle == (split == 'train')
        assert loader.dataset.split == split
        assert loader.dataset.get('test_mode', False) == (split != 'train')
    assert (tmp_path / 'cache').exists() == (name == 'avss')


# ------------------------------------------------------------------------------------------ memory


@pytest.mark.parametrize('frozen_before', [False, True])
def test_only_garbage_of_the_list_is_looked_for(s4_root: Path, monkeypatch, frozen_before) -> None:
    gc.freeze() if frozen_before else gc.unfreeze()
    frozen, collect = [], gc.collect
    monkeypatch.setattr(gc, 'collect', lambda: frozen.append(gc.get_freeze_count()) or collect())
    before = gc.get_freeze_count()
    try:
        S4Dataset(s4_root, 'train', pipeline=PIPELINE)
        assert len(frozen) == 1 and frozen[0] > 10_000  # what was imported
        assert gc.get_freeze_count() == before
    finally:
        gc.freeze()  # as tests/conftest.py does
