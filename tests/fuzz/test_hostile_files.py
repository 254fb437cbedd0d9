"""What fuzzing found, and headers that claim what can't be: refused before work starts."""

import io
import pickle
import resource
import struct
import time
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from PIL import Image

pytest.importorskip('av')

from video_clips import SIZE, tone, write_video  # noqa: E402

from avsbench.analysis.run_logs import read_run  # noqa: E402
from avsbench.checkpoint.reading import read_checkpoint  # noqa: E402
from avsbench.config.loading import load_config  # noqa: E402
from avsbench.datasets import avss_dataset  # noqa: E402
from avsbench.datasets.moca_annotations import COLUMNS, read_moca_annotations  # noqa: E402
from avsbench.datasets.transforms.log_mel_reader import read_log_mel  # noqa: E402
from avsbench.datasets.video import vspw_classes  # noqa: E402
from avsbench.maskiges.segments import read_segments  # noqa: E402
from avsbench.media import images  # noqa: E402
from avsbench.media.a2d_label import probe_a2d_label, read_a2d_label  # noqa: E402
from avsbench.media.log_mel import probe_wav, read_wav  # noqa: E402
from avsbench.utils.errors import CheckpointError, ConfigError, DataError  # noqa: E402
from avsbench.utils.safe_pickle import load_array_pickle, load_tensor_pickle  # noqa: E402
from avsbench.video import VideoError, VideoFile  # noqa: E402

DEEP = 100_000
CHEAP = 1.0, 64 << 20  # seconds of the processor, bytes


def refused(call: Callable[[], object], path: Path, match: str, kind: type = DataError) -> None:
    """The call refuses the file by name, and neither takes long nor much memory."""
    started, before = time.process_time(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(kind, match=match) as caught:
        call()
    assert str(path) in str(caught.value)
    assert time.process_time() - started < CHEAP[0]
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before  # kilobytes
    assert 1024 * grown < CHEAP[1]


# ------------------------------------------------------------------------------------- headers


@pytest.mark.parametrize('read', [probe_wav, read_wav])
@pytest.mark.parametrize(
    ('place', 'number', 'match'),
    [
        (24, 7, 'sample rate is 7 Hz'),
        (24, 1 << 31, 'sample rate|not a readable audio file'),
        (40, 3 << 30, 'cut off: its header promises'),
        (40, 1 << 30, 'cut off: its header promises'),
    ],
)
def test_wav_header(tmp_path: Path, read: Callable, place: int, number: int, match: str) -> None:
    path = tmp_path / 'x.wav'
    soundfile.write(path, tone([440.0]), 16000, 'PCM_16')
    content = bytearray(path.read_bytes())
    content[place : place + 4] = number.to_bytes(4, 'little')
    path.write_bytes(content)
    refused(lambda: read(path), path, match)


@pytest.mark.parametrize('read', [probe_wav, read_wav])
def test_wav_of_2_31_samples(tmp_path: Path, read: Callable) -> None:
    """In a file with as many bytes, which are a hole and take no space."""
    path = tmp_path / 'x.wav'
    soundfile.write(path, tone([440.0]), 16000, 'PCM_U8')
    content = bytearray(path.read_bytes())
    content[40:44] = ((1 << 31) + 2).to_bytes(4, 'little')
    path.write_bytes(content)
    refused(lambda: read(path), path, 'cut off: its header promises')
    with open(path, 'r+b') as file:
        file.truncate((1 << 31) + 100)
    refused(lambda: read(path), path, 'claims to have 2147483650 samples')


@pytest.mark.parametrize(
    ('samples', 'match'),
    [(1 << 31, 'claims to have'), (1 << 28, 'not a readable|cut off')],
)
def test_flac_header(tmp_path: Path, samples: int, match: str) -> None:
    """The number of samples has 36 bits of its own."""
    path = tmp_path / 'x.flac'
    soundfile.write(path, tone([440.0]), 16000, 'PCM_16')
    content = bytearray(path.read_bytes())
    content[22:26] = (samples & 0xFFFFFFFF).to_bytes(4, 'big')
    path.write_bytes(content)
    refused(lambda: read_wav(path), path, match)


def png_of(width: int, height: int) -> bytes:
    """A PNG of a few hundred bytes whose header claims a size."""
    buffer = io.BytesIO()
    Image.fromarray(np.zeros((4, 4), np.uint8)).save(buffer, 'PNG')
    head = b'IHDR' + struct.pack('>II', width, height) + buffer.getvalue()[24:29]
    content = buffer.getvalue()[:12] + head + struct.pack('>I', zlib.crc32(head))
    return content + buffer.getvalue()[33:]


def jpeg_of(width: int, height: int) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.zeros((16, 16), np.uint8)).save(buffer, 'JPEG')
    content = bytearray(buffer.getvalue())
    place = content.find(b'\xff\xc0') + 5
    content[place : place + 4] = struct.pack('>HH', height, width)
    return bytes(content)


READERS = {
    'probe': images.probe_image,
    'frame': images.read_frame,
    'mask': images.read_binary_mask,
    'label': lambda path: images.read_index_label(path, 71),
    'colours': lambda path: images.read_colour_label(path, 71),
}


@pytest.mark.parametrize('reader', READERS)
@pytest.mark.parametrize('make', [png_of, jpeg_of])
def test_images_of_60000_pixels_a_side(tmp_path: Path, make: Callable, reader: str) -> None:
    path = tmp_path / 'x.png'
    path.write_bytes(make(60_000, 60_000))
    refused(lambda: READERS[reader](path), path, 'claims to have 60000 x 60000|3600000000 pixels')


def test_mp4_of_60000_pixels_a_side(tmp_path: Path) -> None:
    """In the description of the track and in each frame: a JPEG, which has a header of its own."""
    path = tmp_path / 'x.mov'
    write_video(path, 4, None, rate=4, codec='mjpeg', pix_fmt='yuvj420p')
    content = bytearray(path.read_bytes())
    sizes = struct.pack('>HH', *SIZE[::-1]), struct.pack('>HH', *SIZE)
    assert content.count(sizes[1]) >= 4
    for size in sizes:
        content = content.replace(size, struct.pack('>HH', 60_000, 60_000))
    path.write_bytes(content)
    refused(lambda: VideoFile(path, need_audio=False), path, '', VideoError)


def test_mp4_of_7_hz(tmp_path: Path) -> None:
    """In a track of plain samples, where nothing but the header says what their rate is."""
    path = tmp_path / 'x.mov'
    write_video(path, 4, tone([440.0]), rate=4, audio_codec='pcm_s16le')
    content = bytearray(path.read_bytes())
    rate = content.find((16000 << 16).to_bytes(4, 'big'), content.find(b'sowt'))
    content[rate : rate + 4] = (7 << 16).to_bytes(4, 'big')
    path.write_bytes(content)
    refused(lambda: VideoFile(path).audio(), path, 'sample rate is 7 Hz', VideoError)


# --------------------------------------------------------------------------------------- images


def test_other_formats_are_no_images(tmp_path: Path) -> None:
    """Pillow would start Ghostscript on this one."""
    path = tmp_path / 'x.png'
    Image.fromarray(np.zeros((4, 4, 3), np.uint8)).save(path, 'EPS')
    refused(lambda: images.read_frame(path), path, 'not a whole image')


def test_a_chunk_of_a_png_that_ends_too_early(tmp_path: Path) -> None:
    chunk = b'iCCPx'
    more = struct.pack('>I', len(chunk) - 4) + chunk + struct.pack('>I', zlib.crc32(chunk))
    path, content = tmp_path / 'x.png', png_of(4, 4)
    path.write_bytes(content[:33] + more + content[33:])
    for reader in READERS.values():
        refused(lambda reader=reader: reader(path), path, 'not a whole image')


# -------------------------------------------------------------------------- checkpoints, pickles


@pytest.mark.parametrize(
    ('old', 'new'),
    [
        (b'PK\x01\x02', b'PK\x01\x01'),  # the list of members is none
        (b'PK\x06\x07', b'PK\x06\x06'),
    ],
)
def test_damaged_archives(tmp_path: Path, old: bytes, new: bytes) -> None:
    path = tmp_path / 'x.pth'
    torch.save({'a': torch.zeros(3)}, path)
    content = path.read_bytes()
    assert old in content
    path.write_bytes(content.replace(old, new))
    refused(lambda: read_checkpoint(path), path, '', CheckpointError)


def test_an_archive_whose_names_are_no_text(tmp_path: Path) -> None:
    path = tmp_path / 'x.pth'
    with zipfile.ZipFile(path, 'w') as archive:
        archive.writestr('ä/data.pkl', b'')
    path.write_bytes(path.read_bytes().replace('ä'.encode(), b'\xff\xfe'))
    refused(lambda: read_checkpoint(path), path, 'damaged zip archive', CheckpointError)


ARRAY = np.arange(6, dtype='<f4').reshape(2, 3)


def pickled(content: bytes, folder: Path) -> Path:
    path = folder / 'x.pkl'
    path.write_bytes(content)
    return path


@pytest.mark.parametrize('kind', ['<f4', '>f8', '<i8', '|b1', '|u1', '<f2'])
@pytest.mark.parametrize('protocol', [2, 3, 4])
def test_arrays_are_read(tmp_path: Path, kind: str, protocol: int) -> None:
    arrays = {'a': ARRAY.astype(kind), 'b': np.asfortranarray(ARRAY.astype(kind))}
    path = pickled(pickle.dumps({'model': arrays}, protocol), tmp_path)
    found = load_array_pickle(path)
    for key, array in arrays.items():
        assert np.array_equal(found[key].numpy(), array)


@pytest.mark.parametrize(
    ('old', 'new', 'match'),
    [
        (b'K\x02K\x03\x86', b'K\x02K\x04\x86', 'another shape than its content'),
        (b'K\x02K\x03\x86', b'K\x02NK\x03\x87', 'malformed shape'),
        (b'X\x02\x00\x00\x00f4', b'X\x02\x00\x00\x00O8', 'not of numbers'),
        (b'X\x01\x00\x00\x00<', b'X\x01\x00\x00\x00!', 'a dtype is malformed'),
    ],
)
def test_arrays_of_a_state_of_their_own(tmp_path: Path, old: bytes, new: bytes, match: str) -> None:
    """NumPy itself takes some such states, and the process ends when it uses them."""
    content = pickle.dumps({'a': ARRAY}, 2)
    assert content.count(old) == 1
    path = pickled(content.replace(old, new), tmp_path)
    refused(lambda: load_array_pickle(path), path, match)


@pytest.mark.parametrize('read', [load_array_pickle, load_tensor_pickle])
@pytest.mark.parametrize(
    'content',
    [
        b'\x80\x02Nr\xff\xff\xff\x7f.',  # keeps something under the number 2^31
        b'\x80\x05\x96' + (1 << 40).to_bytes(8, 'little') + b'.',  # 1 TB of bytes
        b'\x80\x04\x95' + (1 << 40).to_bytes(8, 'little') + b'.',  # a frame of 1 TB
    ],
)
def test_a_pickle_asks_for_no_memory(tmp_path: Path, read: Callable, content: bytes) -> None:
    path = pickled(content, tmp_path)
    refused(lambda: read(path), path, 'refused')


@pytest.mark.parametrize('read', [load_array_pickle, load_tensor_pickle])
@pytest.mark.parametrize('content', [b'\x85' * DEEP, b'0\x86'.join([b'2'] * 70)])
def test_keys_nested_without_end(tmp_path: Path, read: Callable, content: bytes) -> None:
    """The hash of such a tuple overflows the stack, or takes until the end of the world."""
    path = pickled(b'\x80\x02})' + content.replace(b'20\x86', b'2\x86') + b'Ns.', tmp_path)
    refused(lambda: read(path), path, 'a key is of type tuple')


@pytest.mark.filterwarnings('ignore:TypedStorage is deprecated')
def test_a_tensor_takes_no_other_state(tmp_path: Path) -> None:
    """torch's own way to give a tensor its state enlarges the storage."""
    content = pickle.dumps(torch.zeros(4), 2)
    state = b'(K\x01K\x02K\x03K\x04tb.'
    path = pickled(content[:-1] + state, tmp_path)
    refused(lambda: load_tensor_pickle(path), path, 'gives a Tensor a state of its own')


# ----------------------------------------------------------------------------------------- texts


@pytest.mark.parametrize(
    ('name', 'read'),
    [
        ('label2idx.json', avss_dataset.read_classes),
        ('label_num_dic_final.json', vspw_classes.read_classes),
        ('segments.json', read_segments),
        ('scalars.json', read_run),
    ],
)
@pytest.mark.parametrize('text', ['[' * DEEP, '{"others": Infinity}', '\udcff', '{"a": []}\n{}\n'])
def test_json(tmp_path: Path, name: str, read: Callable, text: str) -> None:
    path = tmp_path / name
    path.write_bytes(text.encode('utf-8', 'surrogateescape'))
    refused(lambda: read(str(path)), path, '')


@pytest.mark.parametrize('cell', ['[' * DEEP, '[2,1,1,Infinity,5]', '[2,1,1,' + '9' * 400 + ',5]'])
def test_boxes(tmp_path: Path, cell: str) -> None:
    path = tmp_path / 'annotations.csv'
    path.write_text(
        f'file_list,spatial_coordinates,metadata\n/a/0.jpg,"{cell}","{{\'1\': \'0\'}}"\n'
    )
    refused(lambda: read_moca_annotations(str(path)), path, 'spatial_coordinates')


@pytest.mark.parametrize('cell', ['(' * 300, '-' * DEEP + '1', '[' * DEEP])
def test_motions(tmp_path: Path, cell: str) -> None:
    path = tmp_path / 'annotations.csv'
    path.write_text(f'{",".join(COLUMNS)}\n/a/0.jpg,"[2,1,1,5,5]","{cell}"\n')
    refused(lambda: read_moca_annotations(str(path)), path, 'metadata')


def npy(header: str) -> bytes:
    text = (header + '\n').encode()
    return b'\x93NUMPY\x01\x00' + len(text).to_bytes(2, 'little') + text + bytes(64)


@pytest.mark.parametrize(
    'header',
    [
        "{'descr': '<f4', 'fortran_order': False, 'shape': (",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000000, 1, 96, 64), }",
        "{'descr': '|O', 'fortran_order': False, 'shape': (2,), }",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (-1, 1, 96, 64), }",
    ],
)
@pytest.mark.parametrize('read', [read_log_mel, read_segments])
def test_headers_of_arrays(tmp_path: Path, read: Callable, header: str) -> None:
    path = tmp_path / 'x.npy'
    path.write_bytes(npy(header))
    refused(lambda: read(path), path, '')


@pytest.mark.parametrize('tag', ['!!python/object/apply:os.mkdir', '!!python/name:os.system'])
@pytest.mark.parametrize('suffix', ['yaml', 'yml'])
def test_yaml_calls_nothing(tmp_path: Path, tag: str, suffix: str) -> None:
    """Not in a config's base either."""
    marker, base, path = tmp_path / 'made', tmp_path / f'base.{suffix}', tmp_path / 'x.yaml'
    base.write_text(f"subset: s4\nmodel: {tag} ['{marker}']\n")
    path.write_text(f'_base_: base.{suffix}\n')
    for file in (base, path):
        refused(lambda file=file: load_config(file), base, 'could not determine a con', ConfigError)
    assert not marker.exists()


@pytest.mark.parametrize('read', [probe_a2d_label, lambda path: read_a2d_label(path, 80)])
def test_a2d_label_of_60000_pixels_a_side(tmp_path: Path, read: Callable) -> None:
    """HDF5 stores nothing of an array that was never written."""
    h5py = pytest.importorskip('h5py')
    path = tmp_path / 'x.mat'
    with h5py.File(path, 'w') as file:
        file.create_dataset('reS_id', (60_000, 60_000), 'u1', chunks=(1000, 1000))
    refused(lambda: read(str(path)), path, 'claims to have 3600000000 pixels')


def test_a2d_label_whose_parts_are_no_objects(tmp_path: Path) -> None:
    h5py = pytest.importorskip('h5py')
    path = tmp_path / 'x.mat'
    with h5py.File(path, 'w') as file:
        file.create_dataset('reS_id', data=np.zeros((4, 4)))
        place = h5py.h5o.get_info(file['reS_id'].id).addr
    content = bytearray(path.read_bytes())
    content[place] = 77  # its version
    path.write_bytes(content)
    refused(lambda: read_a2d_label(str(path), 80), path, 'MATLAB file|a matrix')
