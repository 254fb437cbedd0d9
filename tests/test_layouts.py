"""The layouts against the published paths, written out here once more."""

import string

import pytest

from avsbench.layouts import AVSS, LAYOUTS, MS3, S4

S4_ROW = {'name': '-a_1', 'category': 'dog_barking', 'split': 'val'}
MS3_ROW = {'video_id': '_x-', 'split': 'test'}
AVSS_ROW = {'uid': '2Sg_0_5000', 'label': 'v1s', 'split': 'train'}


def test_files_of_s4() -> None:
    files = S4.clip_files(S4_ROW, 5)
    assert files.clip_id == 'dog_barking/-a_1'
    assert files.frames[4] == 's4_data/visual_frames/val/dog_barking/-a_1/-a_1_5.png'
    assert files.masks == {
        'binary': [f's4_data/gt_masks/val/dog_barking/-a_1/-a_1_{k}.png' for k in range(1, 6)]
    }
    assert files.maskiges[0] == 's4_data/pre_SAM_mask/val/dog_barking/-a_1/-a_1_1_mask_color.png'
    assert files.wav == 's4_data/audio_wav/val/dog_barking/-a_1.wav'
    assert files.log_mel == 's4_data/audio_log_mel/val/dog_barking/-a_1'


def test_files_of_ms3() -> None:
    files = MS3.clip_files(MS3_ROW, 5)
    assert files.clip_id == '_x-'
    assert files.frames[0] == 'ms3_data/visual_frames/_x-/_x-.mp4_1.png'
    assert files.masks['binary'][4] == 'ms3_data/gt_masks/test/_x-/_x-_5.png'
    assert files.maskiges[2] == 'ms3_data/pre_SAM_mask/_x-/_x-.mp4_3_mask_color.png'
    assert files.wav == 'ms3_data/audio_wav/test/_x-.wav'
    assert files.log_mel == 'ms3_data/audio_log_mel/test/_x-'


def test_files_of_avss() -> None:
    files = AVSS.clip_files(AVSS_ROW, 5)
    assert files.clip_id == 'v1s/2Sg_0_5000'
    assert files.frames == [f'v1s/2Sg_0_5000/frames/{k}.jpg' for k in range(5)]
    assert list(files.masks) == ['index', 'palette']
    assert files.masks['index'][4] == 'v1s/2Sg_0_5000/labels_semantic/4.png'
    assert files.masks['palette'][0] == 'v1s/2Sg_0_5000/labels_rgb/0.png'
    assert files.maskiges[1] == (
        'pre_SAM_mask/AVSBench_semantic/v1s/2Sg_0_5000/processed_frames/1_mask_color.png'
    )
    assert (files.wav, files.log_mel) == ('v1s/2Sg_0_5000/audio.wav', 'v1s/2Sg_0_5000/audio')


def test_columns_of_the_csv() -> None:
    """Published loaders read AVSS by position: 1 is uid, 4 a_obj, 5 split, 6 label."""
    cells = dict(name='n', split='train', category='c', label='v2')
    assert S4.row(**cells) == {'name': 'n', 'start': '0', 'category': 'c', 'split': 'train'}
    assert MS3.row(**cells) == {'video_id': 'n', 'split': 'train'}
    row = list(AVSS.row(**cells, video='v').values())
    assert (row[0], row[1], *row[4:]) == ('v', 'n', 'c', 'train', 'v2') and len(row) == 7
    assert AVSS.row(**cells)['vid'] == 'n'


@pytest.mark.parametrize(
    ('layout', 'row', 'frames', 'annotated'),
    [
        (S4, S4_ROW, 5, 5),
        (S4, S4_ROW | {'split': 'train'}, 5, 1),
        (MS3, MS3_ROW | {'split': 'train'}, 5, 5),
        (AVSS, AVSS_ROW, 5, 1),
        (AVSS, AVSS_ROW | {'split': 'val'}, 5, 5),
        (AVSS, AVSS_ROW | {'label': 'v1m'}, 5, 5),
        (AVSS, AVSS_ROW | {'label': 'v2'}, 10, 10),
    ],
)
def test_frames_and_annotation(layout, row, frames, annotated) -> None:
    assert layout.kind(row).frames == frames
    assert layout.annotated(row, frames) == annotated


def test_rules() -> None:
    assert [layout.semantic for layout in LAYOUTS.values()] == [False, False, True]
    assert [layout.frames for layout in LAYOUTS.values()] == [5, 5, 10]
    assert [AVSS.label_of(frames) for frames in (10, 5)] == ['v2', 'v1m']
    assert set(S4.top_level) == {'s4_data', 's4_meta_data.csv'}
    assert set(AVSS.top_level) == {'v1s', 'v1m', 'v2', 'metadata.csv', 'label2idx.json'}


@pytest.mark.parametrize('layout', LAYOUTS.values(), ids=LAYOUTS)
def test_paths_depend_on_the_name_of_a_clip_and_its_split_alone(layout) -> None:
    """Else a data set, which reads these columns only, could not name the files."""
    templates = (layout.frame, *layout.masks.values(), layout.maskige, layout.wav, layout.log_mel)
    for template in (*templates, layout.clip_id):
        fields = {field for _, field, _, _ in string.Formatter().parse(template) if field}
        assert fields <= {*layout.name_columns, 'split', 'k'}
