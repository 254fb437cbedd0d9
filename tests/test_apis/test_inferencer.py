import numpy as np
import pytest
import torch
from PIL import Image
from soundfile import write as write_wav
from video_clips import HIGH, LOW, RATE, SIZE, TONE_CLASSES, tone, toy_listener, write_video

from avsbench.analysis.complexity import build_model
from avsbench.apis import AVSInferencer
from avsbench.apis.sources import ArrayAudio, ArraySource
from avsbench.config.loading import load_config
from avsbench.config.paths import CONFIG_ROOT
from avsbench.structures import AVSDataSample
from avsbench.utils.errors import CheckpointError, ConfigError, DataError
from avsbench.video import VideoFile

SILENT = 0.0
SEQUENCE = [LOW, HIGH, LOW, SILENT, HIGH, HIGH, LOW]


@pytest.fixture(scope='module')
def inferencer(tmp_path_factory):
    files = toy_listener(tmp_path_factory.mktemp('listener'))
    return AVSInferencer(*files, device='cpu', show_progress=False)


@pytest.fixture(scope='module')
def semantic(tmp_path_factory):
    files = toy_listener(tmp_path_factory.mktemp('listener'), 'avss')
    return AVSInferencer(*files, device='cpu', show_progress=False)


@pytest.fixture
def video(tmp_path):
    return write_video(tmp_path / 'in.mp4', 7 * 10, tone(SEQUENCE), rate=10)


def sides(masks):
    """'L', 'R' or '-' for each mask: the half that is marked, all of it and nothing else."""
    found = ''
    for mask in masks:
        left, right = mask[:, : mask.shape[1] // 2], mask[:, mask.shape[1] // 2 :]
        assert left.min() == left.max() and right.min() == right.max()
        found += {(1, 0): 'L', (0, 1): 'R', (0, 0): '-'}[int(left.any()), int(right.any())]
    return found


def test_masks_follow_the_audio_second_by_second(inferencer, video):
    (result,) = inferencer(str(video))['predictions']
    assert result['masks'].shape == (7, *SIZE) and result['masks'].dtype == np.uint8
    assert sides(result['masks']) == 'LRL-RRL'
    assert result['seconds'] == [0, 1, 2, 3, 4, 5, 6]
    rows = result['rows']
    assert [row['class'] for row in rows] == ['sounding'] * 3 + ['nothing marked'] + [
        'sounding'
    ] * 3
    assert rows[0]['area'] == 0.5 and rows[3]['area'] == 0
    assert rows[0]['mean_probability'] == pytest.approx(1 / (1 + np.exp(-4)), abs=0.01)
    assert rows[3]['mean_probability'] is None


def test_augmentation_of_tests_takes_part_only_on_request(tmp_path):
    cfg = load_config(CONFIG_ROOT / 's4' / 'demo.py')
    cfg.model.test_cfg = dict(scales=[0.5, 1])
    model = build_model(cfg)
    torch.save({'state_dict': model.state_dict()}, tmp_path / 'random.pth')
    given = dict(device='cpu', show_progress=False)
    plain = AVSInferencer(cfg, tmp_path / 'random.pth', **given)
    assert plain.model.test_augmentation is None
    flip = {'model.test_cfg.flip': True}
    augmented = AVSInferencer(cfg, tmp_path / 'random.pth', cfg_options=flip, **given)
    assert augmented.model.test_augmentation.scales == (0.5, 1)
    assert augmented.model.test_augmentation.flip
    tested = AVSInferencer(cfg, tmp_path / 'random.pth', augment=True, **given)
    assert tested.model.test_augmentation.scales == (0.5, 1)
    del cfg.model.test_cfg
    with pytest.raises(ConfigError, match='--augment needs a test-time augmentation'):
        AVSInferencer(cfg, tmp_path / 'random.pth', augment=True, **given)


def test_clips_have_the_length_of_the_training(inferencer, semantic, video):
    inferencer.model.lengths.clear()
    inferencer(str(video))
    assert inferencer.model.lengths == [(5,), (5,)]  # the second one is filled
    semantic.model.lengths.clear()
    semantic(str(video))
    assert semantic.model.lengths == [(10,)]  # by the data preprocessor


def test_denser_masks_have_the_audio_of_their_second(inferencer, video):
    (result,) = inferencer([video], fps=3, batch_size=2)['predictions']
    assert sides(result['masks']) == ''.join(3 * side for side in 'LRL-RRL')
    assert result['seconds'][:4] == pytest.approx([0, 1 / 3, 2 / 3, 1])
    one_by_one = inferencer([video], fps=3)['predictions'][0]
    assert (one_by_one['masks'] == result['masks']).all()


@pytest.mark.parametrize(('frames', 'expected'), [(26, 'LRL'), (1, 'L'), (60, 'LRL-RR')])
def test_lengths_that_are_no_whole_clips(inferencer, tmp_path, frames, expected):
    samples = tone(SEQUENCE)[: int(frames / 10 * RATE)]
    path = write_video(tmp_path / 'in.mp4', frames, samples, rate=10)
    assert (
        sides(inferencer(path)['predictions'][0]['masks'])[: frames // 10]
        == expected[: frames // 10]
    )
    assert len(inferencer(path)['predictions'][0]['masks']) == len(expected)


def test_audio_shorter_than_the_video_is_continued_by_silence(inferencer, tmp_path):
    path = write_video(tmp_path / 'in.mp4', 60, tone([LOW, HIGH]), rate=10)
    assert sides(inferencer(path)['predictions'][0]['masks']) == 'LR----'


def test_frame_of_a_second_is_the_one_at_15_16(inferencer, tmp_path):
    """At 30 frames per second the published preprocessing takes frames 28, 58, 88 ..."""
    frames = [np.full((*SIZE, 3), 2 * number, np.uint8) for number in range(90)]
    path = write_video(tmp_path / 'in.mp4', frames, tone([LOW] * 3), rate=30)
    found = [p.frame.mean() / 2 for p in inferencer.stream(path)]
    assert found == pytest.approx([28, 58, 88], abs=0.7)


def test_classes_areas_and_logits_of_a_semantic_network(semantic, video):
    out = semantic(video, with_logits=True, draw=True)
    (result,) = out['predictions']
    assert set(np.unique(result['masks'])) == {0, *TONE_CLASSES}
    names = [row['class'] for row in result['rows']]
    assert names == ['bird', 'cello', 'bird', 'nothing marked', 'cello', 'cello', 'bird']
    assert len(result['classes']) == 71 and result['logits'].shape == (7, 71, 32, 32)
    (images,) = out['visualization']
    assert len(images) == 1 and images[0].dtype == np.uint8


def test_class_names_are_those_of_the_data_set(tmp_path, video):
    config, checkpoint = toy_listener(tmp_path, 'avss')
    cfg = load_config(config)
    dataset = cfg.test_dataloader.dataset
    dataset.type, dataset.classes = 'FolderAVSDataset', [f'thing {index}' for index in range(71)]
    (result,) = AVSInferencer(cfg, checkpoint, device='cpu')(video)['predictions']
    assert {row['class'] for row in result['rows']} == {'thing 7', 'thing 13', 'nothing marked'}
    del dataset['classes']
    learned = {'classes': [f'item {index}' for index in range(71)]}  # as training saves it
    content = torch.load(checkpoint, weights_only=True)
    torch.save(content | {'meta': {'dataset_meta': learned}}, checkpoint)
    (result,) = AVSInferencer(cfg, checkpoint, device='cpu')(video)['predictions']
    assert {row['class'] for row in result['rows']} == {'item 7', 'item 13', 'nothing marked'}
    dataset.classes = learned['classes'][1:]
    with pytest.raises(ConfigError, match='has 70 names, but the network has 71 classes'):
        AVSInferencer(cfg, checkpoint, device='cpu')


def test_data_samples(inferencer, video):
    (sample,) = inferencer(video, return_datasamples=True, with_logits=True)['predictions']
    assert isinstance(sample, AVSDataSample)
    assert sample.pred_masks.shape == (7, *SIZE) and sample.seg_logits.shape == (7, 1, 32, 32)
    assert sample.seconds == [0, 1, 2, 3, 4, 5, 6] and len(sample.rows) == 7


def test_threshold(inferencer, semantic, video):
    assert sides(inferencer(video, threshold=0.99)['predictions'][0]['masks']) == '-' * 7
    assert inferencer(video, threshold=0.001)['predictions'][0]['masks'].all()
    assert not semantic(video, threshold=0.9999)['predictions'][0]['masks'].any()
    assert semantic(video, threshold=0)['predictions'][0]['masks'].all()  # not the background
    with pytest.raises(ConfigError, match='threshold=1.5: expected a probability'):
        inferencer(video, threshold=1.5)


def test_frame_folder_and_arrays_give_what_the_video_gives(inferencer, tmp_path):
    folder = tmp_path / 'frames'
    folder.mkdir()
    frames = np.random.default_rng(0).integers(0, 255, (12, *SIZE, 3), dtype=np.uint8)
    for number, frame in enumerate(frames):
        Image.fromarray(frame).save(folder / f'clip_{number + 1}.png')
    samples = np.repeat(tone((SEQUENCE * 2)[:12])[:, None], 2, axis=1)
    write_wav(tmp_path / 'a.wav', samples, RATE)
    from_files = dict(frames=folder, audio=tmp_path / 'a.wav')
    from_arrays = dict(frames=frames, audio=samples, sample_rate=RATE, frame_rate=1)
    results = inferencer([from_files, from_arrays])['predictions']
    for result in results:
        assert sides(result['masks']) == 'LRL-RRLLRL-R'
    frames_used = [p.frame for p in inferencer.stream(from_files)]
    for number in (1, 9, 10):  # in the order of their numbers
        assert (frames_used[number] == frames[number]).all()


@pytest.mark.parametrize(
    ('given', 'message'),
    [
        ('none.mp4', 'none.mp4: no such video file'),
        (dict(frames=np.zeros((2, 4, 4, 3), np.uint8)), "an input without 'audio'"),
        (dict(frame=1, audio=2), "unknown key 'frame' of an input; did you mean 'frames'"),
        (dict(frames='nowhere', audio='a.wav'), 'nowhere: no such folder of frames'),
        (
            dict(frames=np.zeros((2, 4, 4), np.uint8), audio=np.zeros(9), sample_rate=9),
            r'uint8 of shape \(2, 4, 4\), expected uint8 \(n, H, W, 3\)',
        ),
        (
            dict(frames=np.zeros((2, 4, 4, 3), np.uint8), audio=np.zeros(9)),
            'sample_rate=None, expected that of the samples',
        ),
        (3, 'cannot read a video from int'),
    ],
)
def test_unusable_inputs(inferencer, given, message):
    with pytest.raises(DataError, match=message):
        inferencer(given)


def test_audio_is_needed_where_the_network_reads_it(inferencer, tmp_path):
    silent = write_video(tmp_path / 'in.mp4', 20, None)
    for given in (silent, VideoFile(silent, need_audio=False)):
        with pytest.raises(DataError, match='in.mp4: has no audio track, and the masks follow'):
            inferencer(given)
    with pytest.raises(DataError, match='frames: have no audio'):
        inferencer(ArraySource([lambda: np.zeros((8, 8, 3), np.uint8)]))


def test_other_arguments_that_are_wrong(inferencer, video, tmp_path):
    with pytest.raises(ConfigError, match='fps=0: expected a whole number'):
        inferencer(video, fps=0)
    with pytest.raises(ConfigError, match='batch_size=0'):
        next(inferencer.stream(video, batch_size=0))
    with pytest.raises(ConfigError, match="windows='centre': is for networks that see consecutive"):
        inferencer(video, windows='centre')
    config, checkpoint = toy_listener(tmp_path)
    with pytest.raises(CheckpointError, match='no such checkpoint file'):
        AVSInferencer(config, tmp_path / 'none.pth', device='cpu')
    torch.save({'state_dict': {'other': torch.zeros(1)}}, checkpoint)
    with pytest.raises(CheckpointError, match='does not fit the model'):
        AVSInferencer(config, checkpoint, device='cpu')


def test_stream_holds_a_few_clips_at_a_time(inferencer):
    """Frames of a folder are read while the network sees those of the clip before, not earlier."""
    read = []
    frames = [lambda n=n: (read.append(n), np.zeros((*SIZE, 3), np.uint8))[1] for n in range(40)]
    source = ArraySource(frames, 1, ArrayAudio(tone([LOW] * 40), RATE))
    stream = inferencer.stream(source)
    next(stream)
    assert len(read) <= 3 * 5  # seen by the network, waiting, and in the making
    assert len(list(stream)) == 39


def test_precision_is_that_of_the_machine_or_as_asked(tmp_path, monkeypatch) -> None:
    files = toy_listener(tmp_path)
    name = 'avsbench.apis.inferencer.cpu_computes_bf16'
    for fast, expected in ((True, 'bf16'), (False, 'off')):
        monkeypatch.setattr(name, lambda fast=fast: fast)
        assert AVSInferencer(*files, device='cpu', show_progress=False).amp == expected
    assert AVSInferencer(*files, device='cpu', show_progress=False, amp='off').amp == 'off'
    with pytest.raises(ConfigError, match="amp='fp16' needs a GPU"):
        AVSInferencer(*files, device='cpu', show_progress=False, amp='fp16')
    with pytest.raises(ConfigError, match='bf16'):
        AVSInferencer(*files, device='cpu', show_progress=False, amp='bf17')
