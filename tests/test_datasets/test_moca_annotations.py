import pytest

from avsbench.datasets.moca_annotations import MoCAAnnotation, read_moca_annotations
from avsbench.utils.errors import DataError

HEADER = ',file_list,spatial_coordinates,metadata\n'


def read(tmp_path, *rows):
    path = tmp_path / 'annotations.csv'
    path.write_text(HEADER + '\n'.join(rows))
    return read_moca_annotations(path)


def test_rows(tmp_path):
    videos = read(
        tmp_path,
        """0,/crab_1/00001.jpg,"[2,53,10.5,33,18]",{'1': '1'}""",
        """1,/crab_1/00000.jpg,"[2,-43,0,35,32]",{'1': '0'}""",
        """2,/seal_9/00000.jpg,"[2,0,5,13,13]",{'1': '2'}""",
    )
    assert videos == {
        'crab_1': {
            '00000': MoCAAnnotation((-43, 0, 35, 32), 0),
            '00001': MoCAAnnotation((53, 10.5, 33, 18), 1),
        },
        'seal_9': {'00000': MoCAAnnotation((0, 5, 13, 13), 2)},
    }


def test_rows_without_box_or_motion(tmp_path):
    videos = read(
        tmp_path,
        """0,/crab_1/00000.jpg,"[2,43,0,35,32]",{'1': '1'}""",
        """1,/crab_1/00001.jpg,[],{'1': '2'}""",
        """2,/crab_1/00002.jpg,"[2,38,22,18,17]",{}""",  # that of the last row with a box
        """3,/seal_9/00000.jpg,"[2,0,5,13,13]",{}""",
    )
    assert list(videos['crab_1']) == ['00000', '00002']
    assert [frame.motion for video in videos.values() for frame in video.values()] == [1, 1, 1]


@pytest.mark.parametrize(
    ('box', 'metadata', 'message'),
    [
        ('"[1,43,0,35,32]"', "{'1': '1'}", r'spatial_coordinates .*, expected \[\] or \[2,x,y'),
        ('"[2,43,0,35]"', "{'1': '1'}", 'spatial_coordinates'),
        ('"[2,43,0,0,3]"', "{'1': '1'}", 'spatial_coordinates'),
        ('"[2,NaN,0,1,3]"', "{'1': '1'}", 'spatial_coordinates'),
        ('"[2,""a"",0,1,3]"', "{'1': '1'}", 'spatial_coordinates'),
        ('print(1)', "{'1': '1'}", 'spatial_coordinates'),
        ('7', "{'1': '1'}", 'spatial_coordinates'),
        ('"[2,43,0,35,32]"', '{}', 'row 2: metadata .*in a row that follows one with a motion'),
        ('"[2,43,0,35,32]"', "{'1': '3'}", 'metadata .* with 0, 1 or 2'),
        ('"[2,43,0,35,32]"', "{'2': '0'}", 'metadata'),
        ('"[2,43,0,35,32]"', "print('1')", 'metadata'),
        ('"[2,43,0,35,32]"', '{', 'metadata'),
        ('"[2,43,0,35,32]"', '[]', 'metadata'),
    ],
)
def test_bad_rows(tmp_path, capsys, box, metadata, message):
    with pytest.raises(DataError, match=message):
        read(tmp_path, f'0,/crab_1/00000.jpg,{box},{metadata}')
    assert capsys.readouterr().out == ''  # nothing was run


def test_names_of_frames(tmp_path):
    row = """0,/crab_1/00000.jpg,"[2,43,0,35,32]",{'1': '1'}"""
    with pytest.raises(DataError, match='row 3: file_list .* each once'):
        read(tmp_path, row, row)
    with pytest.raises(DataError, match='row 2: file_list .* expected /<video>/<frame>.jpg'):
        read(tmp_path, row.replace('/crab_1', ''))


def test_missing_column(tmp_path):
    path = tmp_path / 'annotations.csv'
    path.write_text('file_list,boxes,metadata\n')
    with pytest.raises(DataError, match="no column 'spatial_coordinates'"):
        read_moca_annotations(path)
