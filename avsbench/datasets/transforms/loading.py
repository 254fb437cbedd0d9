"""Transforms that read the files of a clip, and check them before anything is trained."""

from collections.abc import Sequence

import numpy as np
from mmcv.transforms import BaseTransform

from avsbench.datasets.clip_info import AudioClipInfo, ClipInfo, ClipResults
from avsbench.datasets.transforms.image_sizes import compare_size, size_error
from avsbench.datasets.transforms.log_mel_reader import LogMelReader
from avsbench.datasets.transforms.mask_reader import MaskReader
from avsbench.media.faults import ClipCheck
from avsbench.media.images import probe_image, read_frame
from avsbench.registry import TRANSFORMS


@TRANSFORMS.register_module()
class LoadFrames(BaseTransform):
    """Read frames and masks of a clip, as its data set describes it.

    Adds `frames` (list of T arrays (H, W, 3) uint8, RGB), `ori_shape` and `img_shape` (H, W),
    `masks` (T, H, W) uint8 (0 and 1, or the class index; zeros where a frame is not annotated; no
    such key where frames have boxes instead) and `gt_valid` (T,) bool.

    Args:
        grey: Of masks coded 'binary': what a grey image with more than one value beside 0 means.
            'error', or 'foreground' for all of them.
        unknown_colour: Of labels coded 'index' or 'palette': what a colour outside the palette, or
            an index outside the classes, means. 'error', or 'background' as in the published code.
        mask_size: What masks of another size than their frames mean. 'error', or 'separate': they
            keep their size, one for all masks of the clip, and the next step that resizes brings
            both to its size, as the published code does.
    """

    def __init__(
        self, grey: str = 'error', unknown_colour: str = 'error', mask_size: str = 'error'
    ) -> None:
        self.masks = MaskReader(grey, unknown_colour, type(self).__name__, mask_size)

    def transform(self, results: ClipInfo) -> ClipResults:
        """Add the keys named above; a `BrokenFileError` names the file that can't be used."""
        return self.add_images(results)

    def add_images(self, results: ClipInfo) -> ClipResults:
        """Add `frames`, `masks` and what belongs to them."""
        results['frames'] = read_frames(results['frame_paths'])
        results['ori_shape'] = results['img_shape'] = results['frames'][0].shape[:2]
        annotations = results.get('gt_boxes', results['mask_paths'])
        results['gt_valid'] = np.array([annotation is not None for annotation in annotations])
        if results['mask_coding'] is not None:
            results['masks'] = self.masks.read_clip(results)
            results['masks_separate'] = results['masks'].shape[1:] != results['ori_shape']
        return results

    def check(self, info: ClipInfo, found: ClipCheck, *, full: bool) -> None:
        """See `avsbench.datasets.validation.ChecksFiles`."""
        check_frames(info, found, full=full)
        self.masks.check_clip(info, found, full=full)


@TRANSFORMS.register_module()
class LoadClip(LoadFrames):
    """Read frames, masks and log-mel patches of a clip, as its data set describes it.

    Adds what `LoadFrames` adds, `log_mel` (T, *shape) float32, with the shape of the front end, and
    the name of that, `front_end`. The clip knows what stands for missing log-mel (`short_audio`).

    Args:
        cache_dir: Folder in which computed log-mel patches are kept; None computes them each time.
        grey: See `LoadFrames`.
        unknown_colour: See `LoadFrames`.
        mask_size: See `LoadFrames`.
        front_end: What `log_mel` is; a config that leaves it out gets that of its audio encoder.
            'vggish': VGGish's patches, shape (1, 96, 64), as all published systems. 'ast': Kaldi's
            filter banks of each second, (1, 98, 128). 'clap': a mel spectrogram of each second,
            repeated for ten, (1, 1001, 64). 'mel_power': one of each second, (1, 44, 64), for audio
            encoders that are trained (`TimmAudioEncoder`). 'mel_power_published': the same in the
            form of AVSBench-Robust's negative examples, (1, 96, 64). All but 'vggish' need audio
            files, i.e. `audio_source='wav'` where log-mel is stored.
    """

    def __init__(
        self,
        cache_dir: str | None = None,
        grey: str = 'error',
        unknown_colour: str = 'error',
        mask_size: str = 'error',
        front_end: str = 'vggish',
    ) -> None:
        super().__init__(grey, unknown_colour, mask_size)
        self.log_mel = LogMelReader(cache_dir, front_end)

    def transform(self, results: AudioClipInfo) -> ClipResults:
        """Add the keys named above; a `BrokenFileError` names the file that can't be used."""
        return self.add_audio(self.add_images(results))

    def add_audio(self, results: AudioClipInfo) -> ClipResults:
        """Add `log_mel` and `front_end`."""
        results['log_mel'] = self.log_mel.read_clip(results)
        results['front_end'] = self.log_mel.front_end.name
        return results

    def check(self, info: AudioClipInfo, found: ClipCheck, *, full: bool) -> None:
        """See `avsbench.datasets.validation.ChecksFiles`."""
        super().check(info, found, full=full)
        found.patches = found.attempt(self.log_mel.check_clip, info, full)


def read_frames(paths: Sequence[str]) -> list[np.ndarray]:
    """Frames of one size, (H, W, 3) uint8 each, RGB."""
    frames = [read_frame(path) for path in paths]
    for path, frame in zip(paths, frames, strict=True):
        if frame.shape != frames[0].shape:
            raise size_error(path, frame.shape, paths[0], frames[0].shape)
    return frames


def check_frames(info: ClipInfo, found: ClipCheck, *, full: bool) -> None:
    """Note what is wrong with the frames of a clip, and the size of the first good one."""

    def measure(path: str) -> tuple[int, int]:
        return read_frame(path).shape[:2] if full else probe_image(path)

    for path in info['frame_paths']:
        compare_size(path, found.attempt(measure, path), found)
