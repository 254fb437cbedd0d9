"""What is fuzzed: files of each format, how they are damaged, and the reader of the toolbox."""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import fuzz_files as files
import fuzz_mutations as mutations

from avsbench.analysis.run_logs import _read_file as read_run_log
from avsbench.checkpoint.loading import load_weights
from avsbench.config.loading import load_config
from avsbench.datasets import avss_dataset
from avsbench.datasets.csv_index import check_names, read_csv, select_split
from avsbench.datasets.moca_annotations import read_moca_annotations
from avsbench.datasets.transforms.log_mel_reader import read_log_mel
from avsbench.datasets.video import vspw_classes
from avsbench.datasets.video.a2d_index import read_videoset
from avsbench.datasets.video.listing import check_names as check_list
from avsbench.datasets.video.listing import read_lines
from avsbench.maskiges.segments import read_segments
from avsbench.media import images
from avsbench.media.a2d_label import probe_a2d_label, read_a2d_label
from avsbench.media.log_mel import log_mel_patches, probe_wav, read_wav
from avsbench.utils.errors import AVSBenchError
from avsbench.utils.safe_pickle import load_array_pickle
from avsbench.video import VideoFile, read_clip

IMAGE_READERS: tuple[Callable[[Path], object], ...] = (
    images.probe_image,
    images.read_frame,
    lambda path: images.probe_mask(path, 'mask'),
    images.read_binary_mask,
    lambda path: images.read_grey_mask(path, 128),
    lambda path: images.read_index_label(path, 71),
    lambda path: images.read_numbered_label(path, 124),
    lambda path: images.read_colour_label(path, 71, unknown_colour='background'),
)


def each(*readers: Callable[[Path], object]) -> Callable[[Path], None]:
    """Call all readers of a file; it is refused if all of them refuse it."""

    def read(path: Path) -> None:
        refused = []
        for reader in readers:
            try:
                reader(path)
            except AVSBenchError as error:
                assert str(path) in str(error), error
                refused.append(error)
        if len(refused) == len(readers):
            raise refused[0]

    return read


def read_csv_file(path: Path) -> None:
    kind = path.stem.split('-')[0]
    if kind == 'moca':
        read_moca_annotations(str(path))
    elif kind == 'a2d':
        read_videoset(str(path))
    else:
        table = read_csv(path, ('name', 'category', 'split'))
        check_names(select_split(table, 'train', path), ('category', 'name'), path)


def read_json_file(path: Path) -> None:
    readers = {
        'label2idx': lambda: avss_dataset.read_classes(str(path)),
        'vspw': lambda: vspw_classes.read_classes(str(path)),
        'scalars': lambda: read_run_log(path),
    }
    readers.get(path.stem.split('-')[0], lambda: read_segments(path))()


def read_video(path: Path) -> None:
    video = VideoFile(path, need_audio=False)
    with contextlib.closing(video.frames()) as frames:
        for number, frame in enumerate(frames):
            if number % 8 == 0:
                frame.rgb()
    if video.has_audio:
        with contextlib.closing(video.audio()) as track:
            for second in range(3):
                track.between(Fraction(second), Fraction(second + 1))
    video.warnings()


@dataclass(frozen=True)
class Format:
    """A format of files.

    Attributes:
        make: Writes valid files.
        read: The toolbox's reader.
        mutators: How they are damaged.
        memory: Bytes that reading a file of less than 1 MiB may take.
    """

    make: files.Maker
    read: Callable[[Path], object]
    mutators: tuple[mutations.Mutator, ...] = mutations.GENERIC
    memory: int = 64 << 20


# A picture of MAX_PIXELS may be read: its pixels as numbers of 4 bytes, and conversions of them.
_PICTURE = 24 * images.MAX_PIXELS
_NPY = (*mutations.GENERIC, *(mutations.npy_header,) * 4)

FORMATS = {
    'checkpoint': Format(
        files.checkpoints,
        lambda path: load_weights(files.network(), path),
        (*mutations.PICKLE, *(mutations.repack_zip,) * 12),
    ),
    'safetensors': Format(
        files.safetensors,
        lambda path: load_weights(files.network(), path),
        (*mutations.TEXT,),
    ),
    'pickle': Format(files.array_pickles, load_array_pickle, mutations.PICKLE),
    'log_mel': Format(files.log_mels, read_log_mel, (*mutations.PICKLE, *_NPY)),
    'wav': Format(
        files.wavs, each(probe_wav, lambda path: log_mel_patches(*read_wav(path))), memory=256 << 20
    ),
    'audio': Format(
        files.compressed_audio,
        each(probe_wav, lambda path: log_mel_patches(*read_wav(path))),
        memory=256 << 20,
    ),
    'png': Format(
        files.pngs,
        each(*IMAGE_READERS),
        (*mutations.GENERIC, *(mutations.repack_png,) * 12),
        _PICTURE,
    ),
    'jpeg': Format(
        files.jpegs,
        each(*IMAGE_READERS),
        (*mutations.GENERIC, *(mutations.marker_number,) * 6),
        _PICTURE,
    ),
    'image': Format(files.other_images, each(*IMAGE_READERS), memory=_PICTURE),
    'mp4': Format(
        files.videos,
        each(read_video, lambda path: read_clip(path, 2)),
        (*mutations.GENERIC, *(mutations.box_number,) * 6),
        2 * _PICTURE,
    ),
    'csv': Format(files.csvs, read_csv_file, mutations.TEXT),
    'json': Format(files.jsons, read_json_file, mutations.TEXT),
    'config': Format(files.configs, load_config, mutations.TEXT),
    'list': Format(
        files.lists,
        lambda path: check_list(read_lines(str(path)), str(path)),
        mutations.TEXT,
    ),
    'segments': Format(
        files.segment_arrays, read_segments, (*_NPY, *(mutations.repack_zip,) * 6), 256 << 20
    ),
    'a2d': Format(
        files.a2d_labels,
        each(probe_a2d_label, lambda path: read_a2d_label(str(path), 80)),
        mutations.GENERIC,
    ),
}
