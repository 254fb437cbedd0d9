"""Networks without sound, and clips of consecutive frames."""

from fractions import Fraction

import numpy as np
import pytest
from motion_clips import DISC_SIZE, disc_frames, disc_mask, toy_motion
from PIL import Image
from video_clips import LOW, RATE, numbered_frames, tone, write_video

from avsbench.apis import AVSInferencer
from avsbench.apis.sources import ArraySource
from avsbench.config.loading import load_config
from avsbench.datasets.video.windows import annotated_window, centre_window, disjoint_windows
from avsbench.utils.errors import ConfigError, DataError
from avsbench.video import make_video


@pytest.fixture(scope='module')
def inferencer(tmp_path_factory):
    files = toy_motion(tmp_path_factory.mktemp('motion'))
    return AVSInferencer(*files, device='cpu', show_progress=False)


def numbered(count):
    return dict(frames=np.stack(list(numbered_frames(count))))


def clips_of(inferencer, given, **options):
    """Numbers of the frames in each clip, and of those whose prediction is kept."""
    inferencer.model.clips.clear()
    inferencer.model.kept.clear()
    found = list(inferencer.stream(given, **options))
    assert [prediction.span.index for prediction in found] == list(range(len(found)))
    return inferencer.model.clips, inferencer.model.kept


def test_each_frame_once_in_disjoint_windows(inferencer):
    clips, kept = clips_of(inferencer, numbered(14))
    assert clips == [[0, 1, 2, 3, 4, 5], [6, 7, 8, 9, 10, 11], [8, 9, 10, 11, 12, 13]]
    assert kept == [[0, 1, 2, 3, 4, 5], [6, 7, 8, 9, 10, 11], [12, 13]]
    assert clips_of(inferencer, numbered(12))[0] == clips[:2]
    assert clips_of(inferencer, numbered(14), batch_size=2) == (clips, kept)


def test_centred_windows_go_on_at_the_other_end(inferencer):
    clips, kept = clips_of(inferencer, numbered(8), windows='centre', batch_size=3)
    assert clips == [[(c - 3 + k) % 8 for k in range(6)] for c in range(8)]
    assert kept == [[c] for c in range(8)]


@pytest.mark.parametrize('count', [1, 2, 4, 5])
def test_short_videos_repeat_frames_in_a_circle(inferencer, count):
    clips, kept = clips_of(inferencer, numbered(count))
    assert clips == [[k % count for k in range(6)]] and kept == [list(range(count))]
    clips, kept = clips_of(inferencer, numbered(count), windows='centre')
    assert clips == [[(c - 3 + k) % count for k in range(6)] for c in range(count)]
    assert kept == [[c] for c in range(count)]


@pytest.mark.parametrize('count', [1, 4, 6, 11, 12, 13])
def test_windows_are_those_of_the_data_sets(inferencer, count):
    clips, kept = clips_of(inferencer, numbered(count))
    expected = list(disjoint_windows(count, 6))
    assert clips == [window.frame_idx for window in expected]
    assert kept == [[w.frame_idx[place] for place in w.kept] for w in expected]
    clips, kept = clips_of(inferencer, numbered(count), windows='centre')
    assert clips == [centre_window(count, frame, 6).frame_idx for frame in range(count)]


@pytest.mark.parametrize('count', [2, 9, 20])
def test_networks_that_learn_one_frame_of_a_clip(tmp_path, count):
    """Of A2D: the windows do not leave the video."""
    config, checkpoint = toy_motion(tmp_path)
    options = {'test_dataloader.dataset.type': 'A2DDataset'}
    inferencer = AVSInferencer(
        config, checkpoint, device='cpu', show_progress=False, cfg_options=options
    )
    clips, kept = clips_of(inferencer, numbered(count))
    expected = [annotated_window(count, frame, 6, 'last_frames') for frame in range(count)]
    assert clips == [window.frame_idx for window in expected]
    assert kept == [[frame] for frame in range(count)]
    with pytest.raises(ConfigError, match="windows='disjoint': this network learned one frame"):
        inferencer(numbered(count), windows='disjoint')


def test_each_pixel_has_a_class_in_vspw(tmp_path):
    config, checkpoint = toy_motion(tmp_path)
    cfg = load_config(config)
    cfg.test_dataloader.dataset.type = 'VSPWDataset'
    cfg.num_classes = cfg.model.num_classes = 124
    inferencer = AVSInferencer(cfg, checkpoint, device='cpu', show_progress=False)
    given = dict(frames=np.stack(disc_frames(6)))
    (result,) = inferencer(given, draw=True)['predictions']
    first = [(row['class'], row['area']) for row in result['rows'] if row['start'] == 3]
    assert [name for name, _ in first] == ['wall', 'ceiling']
    assert sum(area for _, area in first) == pytest.approx(1)
    with pytest.raises(ConfigError, match='threshold=0.4: the network gives each pixel a class'):
        inferencer(given, threshold=0.4)


def test_masks_of_a_video_file_without_audio(inferencer, tmp_path):
    path = write_video(tmp_path / 'in.mp4', disc_frames(13), None, rate=25)
    for windows in ('disjoint', 'centre'):
        (result,) = inferencer(path, windows=windows)['predictions']
        assert result['masks'].shape == (13, *DISC_SIZE)
        for number, mask in enumerate(result['masks']):
            both = (mask > 0) & disc_mask(number)
            assert both.sum() > 0.5 * max(mask.sum(), disc_mask(number).sum())
    assert result['seconds'] == pytest.approx([number / 25 for number in range(13)])
    assert {row['class'] for row in result['rows']} == {inferencer.classes[1]}
    assert inferencer.classes[1] != 'sounding'


def test_masks_per_second(inferencer, tmp_path):
    path = write_video(tmp_path / 'in.mp4', 24, tone([LOW]), rate=24)
    clips, _ = clips_of(inferencer, path, fps=8)
    assert clips == [[2, 5, 8, 11, 14, 17], [8, 11, 14, 17, 20, 23]]
    found = list(inferencer.stream(path, fps=8))
    assert [prediction.span.start for prediction in found] == [Fraction(n, 8) for n in range(8)]
    assert len(list(inferencer.stream(path, fps=24))) == 24
    with pytest.raises(ConfigError, match=r'fps=25: .*in.mp4 has 24 frames per second'):
        inferencer(path, fps=25)


def test_a_mask_of_each_frame_lasts_as_long_as_the_frame(inferencer, tmp_path):
    times = [0, 0.04, 0.5, 0.52, 2.0]
    path = write_video(tmp_path / 'in.mp4', 5, None, times=times)
    spans = [prediction.span for prediction in inferencer.stream(path)]
    assert [float(span.start) for span in spans] == pytest.approx(times, abs=1e-3)
    assert [span.stop for span in spans[:-1]] == [span.start for span in spans[1:]]
    assert float(spans[-1].stop) == pytest.approx(3.48, abs=1e-3)


def test_frames_alone_are_an_input(inferencer, tmp_path):
    folder = tmp_path / 'frames'
    folder.mkdir()
    for number, frame in enumerate(disc_frames(7)):
        Image.fromarray(frame).save(folder / f'{number:05d}.png')
    array = dict(frames=np.stack(disc_frames(7)), frame_rate=25)
    sounding = array | dict(audio=tone([LOW]), sample_rate=RATE)  # which it doesn't read
    results = inferencer([dict(frames=folder), array, sounding])['predictions']
    for result in results[1:]:
        assert (result['masks'] == results[0]['masks']).all()
    assert results[0]['seconds'] == list(range(7))
    assert results[1]['seconds'] == pytest.approx([number / 25 for number in range(7)])
    with pytest.raises(DataError, match=r'is a folder; give dict\(frames=[^,]*\) for'):
        inferencer(folder)
    with pytest.raises(DataError, match="an input without 'frames': a dict needs frames$"):
        inferencer(dict(frame_rate=3))
    with pytest.raises(DataError, match='sample_rate=9 is for samples'):
        inferencer(array | dict(sample_rate=9))


def test_an_image_of_each_clip(inferencer):
    out = inferencer(numbered(14), draw=True)
    (images,) = out['visualization']
    assert len(images) == 3 and images[0].shape == images[1].shape
    assert images[2].shape[1] < images[0].shape[1] and images[0].dtype == np.uint8


def test_stream_holds_two_clips_at_a_time(inferencer):
    read = []
    frames = [lambda n=n: (read.append(n), np.zeros((8, 8, 3), np.uint8))[1] for n in range(60)]
    stream = inferencer.stream(ArraySource(frames, 25))
    next(stream)
    # That of the network, the one that a thread prepares meanwhile, and the frame after it.
    assert len(read) <= 2 * 6 + 1
    assert len(list(stream)) == 59 and read == list(range(60))


def test_clips_of_seconds_without_sound(tmp_path):
    """A network that was trained without sound on clips with one frame per second."""
    config, checkpoint = toy_motion(tmp_path)
    cfg = load_config(config)
    cfg.test_dataloader.dataset.type = 'S4Dataset'
    cfg.test_dataloader.dataset.pipeline[0].type = 'LoadClip'
    inferencer = AVSInferencer(cfg, checkpoint, device='cpu', show_progress=False)
    assert not inferencer.pipeline.sound
    make_video(tmp_path / 'in.mp4', numbered_frames(28), 4)
    clips, _ = clips_of(inferencer, tmp_path / 'in.mp4')
    assert clips == [[3, 7, 11, 15, 19], [23, 27, 27, 27, 27]]
    assert len(list(inferencer.stream(tmp_path / 'in.mp4'))) == 7


def test_windows_that_do_not_exist(inferencer):
    with pytest.raises(ConfigError, match="windows='center', expected.*did you mean 'centre'"):
        inferencer(numbered(3), windows='center')
