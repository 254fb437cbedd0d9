"""What a config says about the clips that its network is tested on."""

from mmengine.config import Config

from avsbench.datasets.transforms import LoadClip
from avsbench.registry import DATASETS, TRANSFORMS
from avsbench.utils.errors import ConfigError


def clip_length(cfg: Config) -> int:
    """T of the longest clips: what the data preprocessor pads to, else what the data set has.

    Raises:
        ConfigError: Neither says.
    """
    padded = cfg.model.get('data_preprocessor', {}).get('num_frames')
    dataset = cfg.get('test_dataloader', {}).get('dataset', {})
    kind = DATASETS.get(dataset.get('type', ''))
    length = padded or dataset.get('num_frames') or getattr(kind, 'clip_frames', None)
    if length is None:
        raise ConfigError(
            f'{cfg.filename}: test_dataloader.dataset.type={dataset.get("type")!r}: a data set of '
            'this toolbox is expected, which defines the length of its clips; or set '
            'model.data_preprocessor.num_frames'
        )
    return length


def frame_size(cfg: Config) -> tuple[int, int]:
    """(H, W) of the frames that the network reads, in pixels.

    It is the data preprocessor's `frame_size`; without one, that of the last transform in the test
    pipeline that has a `size`.

    Raises:
        ConfigError: There is no such transform.
    """
    given = cfg.model.get('data_preprocessor', {}).get('frame_size')
    pipeline = cfg.get('test_dataloader', {}).get('dataset', {}).get('pipeline', [])
    sizes = [step.size for step in pipeline if step.get('size') is not None]
    if given is None and not sizes:
        raise ConfigError(
            f'{cfg.filename}: no transform of test_dataloader.dataset.pipeline has a size, e.g. '
            'ClipResize; give the size of the frames'
        )
    height, width = sizes[-1] if given is None else given
    return height, width


def reads_audio(cfg: Config) -> bool:
    """Whether the network reads the audio of its clips.

    Raises:
        ConfigError: It does, and the test pipeline loads none.
    """
    pipeline = cfg.get('test_dataloader', {}).get('dataset', {}).get('pipeline', [])
    loads = any(TRANSFORMS.get(step.type) is LoadClip for step in pipeline)
    encoder = cfg.model.get('audio_encoder')
    if encoder is not None and not loads:
        raise ConfigError(
            f'{cfg.filename}: model.audio_encoder is a {encoder.type}, but '
            'test_dataloader.dataset.pipeline loads no audio; begin it with LoadClip, or set '
            'model.audio_encoder=None'
        )
    return loads and (encoder is not None or 'audio_encoder' not in cfg.model)
