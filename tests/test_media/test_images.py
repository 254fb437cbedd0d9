"""Images in every form that turns up, and what is refused."""

import functools
from pathlib import Path

import numpy as np
import pytest
from dataset_trees import SIZE, mask, random_image
from PIL import Image

from avsbench.layouts.avss_classes import CLASSES, UNKNOWN, colour_table, palette, unpack_colour
from avsbench.media import images
from avsbench.media.images import (
    opencv_equals_pillow,
    probe_image,
    probe_mask,
    read_binary_mask,
    read_colour_label,
    read_frame,
    read_index_label,
    write_mask,
)
from avsbench.utils.errors import DataError


def save(folder: Path, image: Image.Image, suffix: str = 'png', **options: object) -> Path:
    path = folder / f'x.{suffix}'
    image.save(path, **options)
    return path


def test_frame_modes(tmp_path: Path) -> None:
    rgb = random_image('x', 1)
    grey = rgb[..., 0]
    threefold = np.repeat(grey[..., None], 3, axis=-1)
    alpha = np.dstack([rgb, np.zeros_like(grey)])
    assert (read_frame(save(tmp_path, Image.fromarray(rgb))) == rgb).all()
    assert (read_frame(save(tmp_path, Image.fromarray(alpha))) == rgb).all()
    assert (read_frame(save(tmp_path, Image.fromarray(grey))) == threefold).all()
    deep = grey.astype(np.uint16) * 256 + 255
    assert (read_frame(save(tmp_path, Image.fromarray(deep))) == threefold).all()
    for read in (read_frame, probe_image):
        with pytest.raises(DataError, match='floating-point pixels have no defined range'):
            read(save(tmp_path, Image.fromarray(grey.astype(np.float32)), 'tiff'))
    indexed = Image.fromarray(grey // 8).copy()
    indexed.putpalette(bytes(range(96)) * 8)
    expected = np.stack([3 * (grey // 8) + k for k in range(3)], axis=-1)
    assert (read_frame(save(tmp_path, indexed)) == expected).all()


@pytest.mark.parametrize('opencv', [True, False])
def test_jpeg_equals_pillow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, opencv: bool) -> None:
    """Whichever library decodes: an image with smooth and with rough parts, all samplings."""
    monkeypatch.setattr(images, 'opencv_equals_pillow', lambda: opencv and opencv_equals_pillow())
    rough = random_image('x', 1)
    smooth = np.asarray(Image.fromarray(rough).resize((131, 77), Image.Resampling.BICUBIC))
    for pixels in (rough, smooth):
        for subsampling in ('4:4:4', '4:2:2', '4:2:0'):
            options = {'quality': 90, 'subsampling': subsampling}
            path = save(tmp_path, Image.fromarray(pixels), 'jpg', **options)
            assert (read_frame(path) == np.asarray(Image.open(path))).all()
    grey = save(tmp_path, Image.fromarray(rough[..., 0]), 'jpg')
    assert (read_frame(grey) == np.asarray(Image.open(grey).convert('RGB'))).all()
    cmyk = save(tmp_path, Image.fromarray(rough).convert('CMYK'), 'jpg')
    assert (read_frame(cmyk) == np.asarray(Image.open(cmyk).convert('RGB'))).all()


def test_an_opencv_that_decodes_otherwise_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    decode = images._decode_by_opencv
    monkeypatch.setattr(images, '_decode_by_opencv', lambda content: decode(content) ^ 1)
    monkeypatch.setattr(
        images, 'opencv_equals_pillow', functools.cache(opencv_equals_pillow.__wrapped__)
    )
    assert not images.opencv_equals_pillow()
    path = save(tmp_path, Image.fromarray(random_image('x', 1)), 'jpg')
    assert (read_frame(path) == np.asarray(Image.open(path))).all()


def test_exif_rotation_is_not_applied(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # orientation: turn by 90 degrees
    path = save(tmp_path, Image.fromarray(random_image('x', 1)), 'jpg', exif=exif)
    assert read_frame(path).shape[:2] == probe_image(path) == SIZE


def test_binary_mask_modes(tmp_path: Path) -> None:
    values = mask(3)
    expected = values // 255
    one = Image.fromarray((expected).astype(np.uint8))
    indexed = one.convert('P')
    indexed.putpalette([0, 0, 0, 255, 0, 0])
    several = Image.fromarray(expected * 2 + (np.arange(SIZE[1]) < 2) * expected)
    several.putpalette([0, 0, 0, 9, 9, 9, 255, 0, 0, 0, 255, 0])
    forms = {
        '0 and 255': Image.fromarray(values),
        '0 and 1': one,
        '1 bit': Image.fromarray(values > 0),
        'palette': indexed,
        'palette of several objects': several,
        '16 bit': Image.fromarray(values.astype(np.uint16) * 257),
    }
    for name, form in forms.items():
        found = read_binary_mask(save(tmp_path, form))
        assert found.dtype == np.uint8, name
        assert (found == expected).all(), name


def test_grey_masks_need_a_decision(tmp_path: Path) -> None:
    values = mask(3)
    values[0, 0] = 128
    path = save(tmp_path, Image.fromarray(values))
    with pytest.raises(DataError, match=r"128 in 1 pixels.*grey='foreground'"):
        read_binary_mask(path)
    assert (read_binary_mask(path, grey='foreground') == (values > 0)).all()


def test_masks_of_several_channels_are_refused(tmp_path: Path) -> None:
    path = save(tmp_path, Image.fromarray(random_image('x', 1)))
    for read in (read_binary_mask, lambda path: read_index_label(path, 71)):
        with pytest.raises(DataError, match=r'x\.png: a .* of one channel was .*save the'):
            read(path)
    for mode in ('LA', 'RGBA'):  # no setting makes these readable, so none is named
        path = save(tmp_path, Image.fromarray(mask(3)).convert(mode))
        for what in ('mask', 'label'):
            with pytest.raises(DataError, match=f'mode {mode}. To fix it: save the {what} as an'):
                probe_mask(path, what)


def test_palette_rule() -> None:
    colours = palette()
    assert len(CLASSES) == len(set(CLASSES)) == len(colours) == 71
    assert colours[[1, 2, 4, 28, 70]].tolist() == [
        [128, 0, 0],
        [0, 128, 0],
        [0, 0, 128],
        [64, 64, 128],
        [32, 128, 128],
    ]
    assert len(np.unique(palette(255), axis=0)) == 255


def published_label(rgb: np.ndarray) -> np.ndarray:
    """71 comparisons of the whole image, then the largest: no colour gives 0."""
    return np.stack([(rgb == colour).all(axis=-1) for colour in palette()], axis=-1).argmax(axis=-1)


@pytest.mark.parametrize('mode', ['RGB', 'RGBA', 'P'])
def test_colour_labels_equal_the_published_comparison(tmp_path: Path, mode: str) -> None:
    labels = np.random.default_rng(0).integers(0, 71, SIZE)
    form = Image.fromarray(palette()[labels])
    if mode == 'P':
        form = Image.fromarray(labels.astype(np.uint8))
        form.putpalette(palette().ravel().tolist())
    found = read_colour_label(save(tmp_path, form.convert(mode)), 71)
    assert found.dtype == np.uint8
    assert (found == labels).all()
    assert (found == published_label(palette()[labels])).all()


def test_unknown_colours_are_counted(tmp_path: Path) -> None:
    rgb = palette()[np.full(SIZE, 5)]
    rgb[:2, 0] = 1, 2, 3
    rgb[3, 0] = 255, 255, 255
    path = save(tmp_path, Image.fromarray(rgb))
    with pytest.raises(DataError) as caught:
        read_colour_label(path, 71)
    assert '(1, 2, 3) in 2 pixels, (255, 255, 255) in 1 pixels' in str(caught.value)
    assert "unknown_colour='background'" in str(caught.value)
    found = read_colour_label(path, 71, unknown_colour='background')
    assert (found == published_label(rgb)).all()
    assert (found[[0, 1, 3], 0] == 0).all()


def test_a_class_beyond_the_data_set_is_unknown(tmp_path: Path) -> None:
    path = save(tmp_path, Image.fromarray(palette()[np.full(SIZE, 9)]))
    with pytest.raises(DataError, match=r'palette of 9: \(192, 0, 0\) in 768 pixels'):
        read_colour_label(path, 9)
    assert read_colour_label(path, 10)[0, 0] == 9


def test_whole_colour_table() -> None:
    """Of all colours, only those of the palette are known, as what they are."""
    table = colour_table(71)
    known = np.flatnonzero(table != UNKNOWN)
    assert len(known) == 71
    for packed in known:
        assert tuple(palette()[table[packed]]) == unpack_colour(int(packed))


def test_index_labels(tmp_path: Path) -> None:
    labels = np.random.default_rng(0).integers(0, 71, SIZE).astype(np.uint8)
    for form in (Image.fromarray(labels), Image.fromarray(labels.astype(np.uint16))):
        found = read_index_label(save(tmp_path, form), 71)
        assert found.dtype == np.uint8
        assert (found == labels).all()
    labels[0, :3] = 255
    path = save(tmp_path, Image.fromarray(labels))
    with pytest.raises(DataError, match='0 to 70, found also 255 in 3 pixels'):
        read_index_label(path, 71)
    assert (read_index_label(path, 71, unknown_colour='background')[0, :3] == 0).all()


READERS = [
    read_frame,
    read_binary_mask,
    probe_image,
    lambda path: read_index_label(path, 71),
    lambda path: read_colour_label(path, 71),
]


@pytest.mark.parametrize('suffix', ['png', 'jpg'])
@pytest.mark.parametrize('read', READERS)
def test_broken_images_are_named(tmp_path: Path, read: object, suffix: str) -> None:
    colours = suffix == 'jpg' and read is read_frame  # decoded by OpenCV
    pixels = random_image('x', 1) if colours else random_image('x', 1)[..., 0]
    path = save(tmp_path, Image.fromarray(pixels), suffix)
    content = path.read_bytes()
    for broken in (content[: len(content) // 2], content[:-40], b'', b'<html>quota</html>'):
        path.write_bytes(broken)
        with pytest.raises(DataError) as caught:
            read(path)
        assert str(path) in str(caught.value)
        assert 'restore the file from the download' in str(caught.value)
    path.unlink()
    with pytest.raises(DataError, match=r'no such file.*data_root'):
        read(path)


def test_content_counts_not_the_suffix(tmp_path: Path) -> None:
    path = tmp_path / 'x.jpg'
    Image.fromarray(random_image('x', 1)).save(path, format='PNG')
    assert probe_image(path) == SIZE
    assert (read_frame(path) == random_image('x', 1)).all()


@pytest.mark.parametrize('suffix', ['png', 'jpg'])
@pytest.mark.parametrize('options', [{}, {'progressive': True}, {'exif': True}])
def test_what_follows_an_image_is_no_fault(tmp_path: Path, suffix: str, options: dict) -> None:
    """Phones append video, editors comments; but a cut is found, whatever was before it."""
    if 'exif' in options:  # a thumbnail, with an end of its own
        options = {'exif': b'Exif\0\0' + b'note\xff\xd9' * 20}
    path = save(tmp_path, Image.fromarray(random_image('x', 1)), suffix, **options)
    whole, pixels = path.read_bytes(), read_frame(path)
    for rest in (b'written by me', b'note' * 1000, bytes(5)):
        path.write_bytes(whole + rest)
        assert probe_image(path) == SIZE and (read_frame(path) == pixels).all()
    for kept in (len(whole) - 600, len(whole) // 2):
        path.write_bytes(whole[:kept])
        for read in (probe_image, read_frame):
            with pytest.raises(DataError, match=r'cut off|not a whole image'):
                read(path)
    path.write_bytes(whole[:-2])
    with pytest.raises(DataError, match='cut off'):
        probe_image(path)


def test_claims_to_be_huge(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = save(tmp_path, Image.fromarray(random_image('x', 1)))
    content = bytearray(path.read_bytes())
    content[16:24] = (60000).to_bytes(4, 'big') * 2
    path.write_bytes(content)
    with pytest.raises(DataError, match='x.png'):
        probe_image(path)
    path = save(tmp_path, Image.fromarray(random_image('x', 1)))
    monkeypatch.setattr(images, 'MAX_PIXELS', SIZE[0] * SIZE[1] - 1)
    with pytest.raises(DataError, match='32 x 24 pixels, more than 767 are refused'):
        read_frame(path)


def test_written_masks(tmp_path: Path) -> None:
    """0 and 255, or indices with their colours; read back as they were."""
    binary = np.array([[0, 1, 1], [0, 0, 1]], np.uint8)
    write_mask(tmp_path / 'new' / 'a.png', binary, None)
    assert (np.asarray(Image.open(tmp_path / 'new' / 'a.png')) == 255 * binary).all()
    assert (read_binary_mask(tmp_path / 'new' / 'a.png') == binary).all()
    labels = np.array([[0, 28, 70], [3, 0, 1]], np.uint8)
    write_mask(tmp_path / 'b.png', labels, palette())
    with Image.open(tmp_path / 'b.png') as image:
        assert image.mode == 'P'
        assert (np.asarray(image.convert('RGB')) == palette()[labels]).all()
    assert (read_index_label(tmp_path / 'b.png', 71) == labels).all()
    assert (read_colour_label(tmp_path / 'b.png', 71) == labels).all()
    assert len(list(tmp_path.rglob('*.*'))) == 2  # no temporary files are left
