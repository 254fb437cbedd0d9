import json
import shutil

import cv2
import numpy as np
import pandas as pd
import pytest
import soundfile
from PIL import Image
from video_clips import RATE, SIZE, frame_number, numbered_frames, tone, write_video

from avsbench.datasets import AVSSDataset, MS3Dataset, S4Dataset
from avsbench.media.images import read_frame
from avsbench.media.log_mel import log_mel_patches, read_wav

VIDEO_RATE = 8
AT = [int(VIDEO_RATE * (second + 15 / 16)) for second in range(10)]  # frames of the seconds
OPTIONS = ['--workers', 0, '--size', 0]


def make(path, seconds=5, pitch=440):
    path.parent.mkdir(parents=True, exist_ok=True)
    audio = tone([pitch] * seconds)
    return write_video(path, numbered_frames(VIDEO_RATE * seconds), audio, rate=VIDEO_RATE)


@pytest.fixture
def videos(tmp_path):
    """Videos by split and category, one of them too short."""
    folder = tmp_path / 'videos'
    make(folder / 'train/dog/-a_1.mp4')
    make(folder / 'train/cat/ü b.mp4', 3)
    make(folder / 'val/dog/c.mp4', 7)
    return folder


def numbers(paths):
    return [frame_number(read_frame(path)) for path in paths]


def test_tree_of_s4(tool, videos, tmp_path):
    out = tmp_path / 'out'
    done = tool('prepare_data', 's4', '--videos', videos, '--out', out, *OPTIONS, '--log-mel')
    assert done.code == 0, done.err
    assert '3 clips made (21 files), 0 were there' in done.out
    assert '1 videos are shorter than their clip' in done.out
    table = pd.read_csv(out / 's4_meta_data.csv', dtype=str)
    assert list(table.columns) == ['name', 'start', 'category', 'split']
    dataset = S4Dataset(str(out), 'val', audio_source='log_mel', check='off')
    info = dataset.get_data_info(0)
    assert info['clip_id'] == 'dog/c' and numbers(info['frame_paths']) == [n % 32 for n in AT[:5]]
    with soundfile.SoundFile(info['audio_path'] or out / 's4_data/audio_wav/val/dog/c.wav') as file:
        assert (file.samplerate, file.channels, file.subtype) == (RATE, 1, 'PCM_16')
        assert file.frames == 5 * RATE
    mel = np.load(info['log_mel_path'])
    assert mel.shape == (5, 1, 96, 64) and mel.dtype == np.float32
    assert (mel == log_mel_patches(*read_wav(out / 's4_data/audio_wav/val/dog/c.wav'))).all()


def test_short_videos_follow_the_published_rules(tool, videos, tmp_path):
    out = tmp_path / 'out'
    tool('prepare_data', 's4', '--videos', videos, '--out', out, *OPTIONS, '--log-mel')
    data = out / 's4_data'
    frames = [data / f'visual_frames/train/cat/ü b/ü b_{k}.png' for k in range(1, 6)]
    last = VIDEO_RATE * 3 - 1
    assert numbers(frames) == [*AT[:3], last, last]
    samples, _ = read_wav(data / 'audio_wav/train/cat/ü b.wav')
    assert len(samples) == pytest.approx(3 * RATE, abs=0.1 * RATE)
    mel = np.load(data / 'audio_log_mel/train/cat/ü b.npy')
    assert (mel[3:] == mel[2]).all() and (mel[2] != mel[1]).any()


def test_frames_are_squashed_to_the_published_size(tool, videos, tmp_path):
    out = tmp_path / 'out'
    options = ['--workers', 0]
    assert tool('prepare_data', 's4', '--videos', videos, '--out', out, *options).code == 0
    place = 's4_data/visual_frames/val/dog/c/c_1.png'
    small = read_frame(out / place)
    tool('prepare_data', 's4', '--videos', videos, '--out', tmp_path / 'whole', *OPTIONS)
    whole = read_frame(tmp_path / 'whole' / place)
    assert whole.shape[:2] == SIZE
    assert (small == cv2.resize(whole, (224, 224), interpolation=cv2.INTER_LINEAR)).all()


def test_ready_to_train_once_masks_are_there(tool, videos, tmp_path):
    out = tmp_path / 'out'
    done = tool('prepare_data', 's4', '--videos', videos, '--out', out, *OPTIONS)
    assert f'Masks belong to {out}/s4_data/gt_masks/<split>/<category>' in done.out
    for split, clip, count in (
        ('train', 'dog/-a_1', 1),
        ('train', 'cat/ü b', 1),
        ('val', 'dog/c', 5),
    ):
        for k in range(1, count + 1):
            path = out / f's4_data/gt_masks/{split}/{clip}/{clip.split("/")[1]}_{k}.png'
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new('L', SIZE[::-1]).save(path)
    for split, count in (('train', 2), ('val', 1)):
        assert len(S4Dataset(str(out), split, check='full')) == count


def test_goes_on_where_it_was_and_overwrites_nothing(tool, videos, tmp_path):
    out = tmp_path / 'out'
    call = ['prepare_data', 's4', '--videos', videos, '--out', out, *OPTIONS]
    tool(*call)
    frame = out / 's4_data/visual_frames/val/dog/c/c_2.png'
    mine = out / 's4_data/visual_frames/val/dog/c/c_1.png'
    frame.unlink()
    mine.write_bytes(b'mine')
    make(videos / 'test/dog/new.mp4')
    index = (out / 's4_meta_data.csv').read_text()
    done = tool(*call)
    assert done.code == 0 and '2 clips made (7 files), 2 were there' in done.out
    assert frame.is_file() and mine.read_bytes() == b'mine'
    assert (out / 's4_meta_data.csv').read_text().startswith(index)
    assert 'new,0,dog,test' in (out / 's4_meta_data.csv').read_text()
    assert '0 clips made (0 files), 4 were there' in tool(*call).out
    assert not list(out.rglob('*.tmp'))
    assert tool(*call, '--overwrite').code == 0 and mine.read_bytes() != b'mine'


def test_other_settings_are_refused(tool, videos, tmp_path):
    call = ['prepare_data', 's4', '--videos', videos, '--out', tmp_path / 'out', '--workers', 0]
    tool(*call, '--size', 0)
    done = tool(*call, '--size', 32, 48)
    assert done.code == 2 and 'size was None, is [32, 48]' in done.err
    assert tool(*call, '--size', 32, 48, '--overwrite').code == 0
    settings = json.loads((tmp_path / 'out/prepare_data.json').read_text())
    assert settings['size'] == [32, 48]
    frame = tmp_path / 'out/s4_data/visual_frames/val/dog/c/c_1.png'
    assert read_frame(frame).shape[:2] == (32, 48)


def test_unreadable_videos_are_named_at_the_end(tool, videos, tmp_path):
    (videos / 'val/dog/junk.mp4').write_bytes(b'junk')
    write_video(videos / 'val/dog/mute.mp4', 10, None)
    write_video(videos / 'val/dog/brief.mp4', 40, tone([440], seconds=0.5), rate=8)
    call = ['prepare_data', 's4', '--videos', videos, '--out', tmp_path / 'out', *OPTIONS]
    done = tool(*call)
    assert done.code == 1 and '3 clips made' in done.out
    assert '3 videos could not be used:' in done.err
    for text in ('junk.mp4: not readable', 'mute.mp4: has no audio track', 'brief.mp4: 0.'):
        assert text in done.err
    assert 'junk' not in (tmp_path / 'out/s4_meta_data.csv').read_text()
    for name in ('junk', 'mute', 'brief'):
        (videos / f'val/dog/{name}.mp4').unlink()
    assert tool(*call).code == 0


def test_several_processes_make_the_same(tool, videos, tmp_path):
    for name, workers in (('one', 0), ('two', 2)):
        out = tmp_path / name
        options = ['--workers', workers, '--size', 0, '--log-mel']
        assert tool('prepare_data', 's4', '--videos', videos, '--out', out, *options).code == 0
    files = sorted(path.relative_to(tmp_path / 'one') for path in (tmp_path / 'one').rglob('*.*'))
    assert len(files) > 20
    for file in files:
        assert (tmp_path / 'one' / file).read_bytes() == (tmp_path / 'two' / file).read_bytes()


def test_index_of_s4_with_start(tool, tmp_path):
    folder = tmp_path / 'anywhere'
    make(folder / 'deep/a.mp4', 10)
    make(folder / 'b.mp4', 10)
    csv = tmp_path / 'index.csv'
    csv.write_text('split,name,start,category\ntrain,a,2,dog\nval,b,6,dog\nval,gone,0,dog\n')
    out = tmp_path / 'out'
    call = ['prepare_data', 's4', '--videos', folder, '--csv', csv, '--out', out, *OPTIONS]
    done = tool(*call, '--trim')
    assert done.code == 1 and "index.csv, row 4: no video for 'gone'" in done.err
    assert (out / 's4_meta_data.csv').read_text() == csv.read_text()
    frames = sorted((out / 's4_data/visual_frames/train/dog/a').iterdir())
    assert numbers(frames) == [n % 32 for n in AT[2:7]]
    frames = sorted((out / 's4_data/visual_frames/val/dog/b').iterdir())
    assert numbers(frames) == [n % 32 for n in (*AT[6:10], 79)]  # the fifth second is not there
    whole = tool(*call[:-4], '--workers', 0, '--size', 0, '--out', tmp_path / 'whole')
    assert whole.code == 1
    csv.write_text('split,name,start,category\ntrain,a,x,dog\n')
    done = tool(*call, '--trim')
    assert done.code == 2 and 's4_meta_data.csv: differs from' in done.err
    done = tool(*call, '--trim', '--overwrite')
    assert done.code == 2 and "start='x'" in done.err


def test_tree_of_ms3(tool, tmp_path):
    for split in ('train', 'test'):
        make(tmp_path / f'videos/{split}/x.mp4')
    make(tmp_path / 'videos/val/_y-.mp4')
    out = tmp_path / 'out'
    call = ['prepare_data', 'ms3', '--videos', tmp_path / 'videos', '--out', out, *OPTIONS]
    done = tool(*call, '--log-mel')
    # the layout has no split above the frames
    assert done.code == 2 and 'train/x.mp4 would both become' in done.err
    shutil.rmtree(tmp_path / 'videos/test')
    done = tool(*call, '--log-mel')
    assert done.code == 0, done.err
    dataset = MS3Dataset(str(out), 'val', check='off')
    info = dataset.get_data_info(0)
    assert numbers(info['frame_paths']) == [n % 32 for n in AT[:5]]
    assert info['log_mel_path'].endswith('.npy')


def test_tree_of_avss(tool, tmp_path):
    for split, name, seconds in (('train', 'a', 10), ('val', 'b', 12)):
        make(tmp_path / f'videos/{split}/{name}.mp4', seconds)
    out = tmp_path / 'out'
    call = ['prepare_data', 'avss', '--videos', tmp_path / 'videos', '--out', out]
    assert tool(*call, '--workers', 0).code == 0
    info = AVSSDataset(str(out), 'val', check='off').get_data_info(0)
    assert info['clip_id'] == 'v2/b' and len(info['frame_paths']) == 10
    assert numbers(info['frame_paths']) == [n % 32 for n in AT]
    assert read_frame(info['frame_paths'][0]).shape[:2] == SIZE
    assert len(read_wav(info['audio_path'])[0]) == 10 * RATE
    five = tool(*call[:-1], tmp_path / 'five', '--seconds', 5, '--workers', 0)
    assert five.code == 0
    info = AVSSDataset(str(tmp_path / 'five'), 'val', check='off').get_data_info(0)
    assert info['clip_id'] == 'v1m/b' and len(info['frame_paths']) == 5


def test_frames_of_custom_videos(tool, videos, tmp_path):
    out = tmp_path / 'custom'
    (videos / 'bad.mp4').write_bytes(b'junk')
    call = ['prepare_data', 'custom', '--videos', videos, '--out', out, '--workers', 0]
    done = tool(*call)
    assert done.code == 1 and 'bad.mp4' in done.err
    assert '3 videos, 15 seconds' in done.out
    frames = out / 'prepared/frames'
    assert len(list((frames / 'val/dog/c').iterdir())) == 7
    assert numbers([frames / f'val/dog/c/{k}.jpg' for k in (1, 7)]) == [AT[0], AT[6] % 32]
    assert not list(out.rglob('*.wav'))
    done = tool(*call, '--log-mel')
    assert done.code == 2 and '--log-mel is for the other layouts' in done.err


@pytest.mark.parametrize(
    'arguments, message',
    [
        (['s4', '--trim'], '--trim needs s4 and --csv'),
        (['s4', '--seconds', '0'], '--seconds: got 0'),
        (['s4', '--workers', '-1'], '--workers: got -1'),
        (['avss', '--seconds', '7'], 'clips of avss have 5 or 10'),
        (['s4', '--size', '1', '2', '3'], '--size'),
        (['s4', '--size', '0', '5'], '--size'),
        (['ms3'], r'expected videos as <split>/<name>.mp4'),
    ],
)
def test_errors(tool, videos, tmp_path, arguments, message):
    done = tool('prepare_data', *arguments, '--videos', videos, '--out', tmp_path / 'out')
    assert done.code == 2 and message in done.err
    assert not (tmp_path / 'out').exists()


@pytest.mark.parametrize('row', ['../x,a,0,dog', 'train,a,0,..', 'train,a,0,a/b'])
def test_no_index_leads_out_of_the_tree(tool, videos, tmp_path, row):
    csv = tmp_path / 'index.csv'
    csv.write_text(f'split,name,start,category\n{row}\n')
    call = ['--videos', videos, '--csv', csv, '--out', tmp_path / 'out', '--workers', 0]
    done = tool('prepare_data', 's4', *call)
    assert done.code == 2 and 'is no plain file name' in done.err
