"""From a config and a checkpoint to an exported file that was compared with PyTorch."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from mmengine.config import Config
from mmengine.registry import DefaultScope

from avsbench.apis.classes import class_names, metainfo
from avsbench.apis.model import load_model
from avsbench.apis.pipeline import ClipPipeline
from avsbench.apis.standalone import needed_config
from avsbench.checkpoint.reading import sha256_of
from avsbench.config.clips import clip_length
from avsbench.config.front_ends import front_end
from avsbench.export.formats import FORMATS, Format, check_packages
from avsbench.export.info import ExportInfo
from avsbench.export.network import ExportableNetwork
from avsbench.models import AVSegmentor
from avsbench.reproduction.bundle import config_data
from avsbench.utils.checks import check_choice
from avsbench.utils.errors import ConfigError, DataError
from avsbench.utils.files import atomic_write
from avsbench.utils.maps import THRESHOLD
from avsbench.utils.ops import export_decomposition
from avsbench.version import __version__
from avsbench.weights.locating import find_checkpoint

CHECKED_CLIPS = (1, 3)
"""Numbers of clips of the batches that the file is compared on."""

MAX_CLIPS = 1 << 16  # of a batch; the exporter wants a bound


@dataclass(frozen=True)
class ExportReport:
    """How far an exported network is from PyTorch's.

    Attributes:
        difference: Largest one of the maps.
        scale: Largest value of PyTorch's.
        pixels: Share of the pixels whose class differs.
    """

    difference: float
    scale: float
    pixels: float

    @property
    def relative(self) -> float:
        """The difference as a share of the largest value."""
        return self.difference / max(self.scale, 1e-6)


def export_network(
    cfg: Config,
    checkpoint: str | Path,
    out: str | Path,
    *,
    file_format: str = 'onnx',
    size: tuple[int, int] | None = None,
    waveform: bool = False,
    tolerance: float = 1e-3,
    trust: bool = False,
    overwrite: bool = False,
) -> ExportReport:
    """Export a network, and compare the file with PyTorch on random clips.

    Args:
        cfg: As `open_network_config` returns it.
        checkpoint: See `load_model`.
        out: The file.
        file_format: One of `FORMATS`.
        size: (H, W) of the frames; None for what the test pipeline makes of a video of 16:9.
        waveform: Whether the graph computes the log-mel from waveforms.
        tolerance: Largest difference of the maps, as a share of their largest value.
        trust: See `load_model`.
        overwrite: Whether an existing file may be replaced.

    Raises:
        ConfigError: The network can't be built or exported, or a package is missing.
        CheckpointError: The checkpoint can't be loaded.
        DataError: The file exists, or computes something else than PyTorch.
    """
    kind = FORMATS[check_choice('export: format', file_format, FORMATS)]
    out = _checked_path(Path(out), kind, overwrite=overwrite)
    checkpoint = find_checkpoint(checkpoint, trust=trust)
    check_packages(kind)
    model = load_model(cfg, str(checkpoint), trust=trust)
    if not isinstance(model, AVSegmentor):
        raise ConfigError(f'{cfg.filename}: model.type: an AVSegmentor is expected, to export')
    network = ExportableNetwork(
        model,
        length=clip_length(cfg),
        size=size or frame_size(cfg),
        front_end=None if model.audio_encoder is None else front_end(cfg).name,
        waveform=waveform,
    ).eval()
    info = export_info(cfg, network, checkpoint)
    with torch.no_grad(), export_decomposition():
        program = _program(network, cfg)
        with atomic_write(out) as temporary:
            kind.write(program, info, temporary)
            report = compare(network, kind, temporary)
            if not report.relative <= tolerance:
                raise DataError(
                    f'{out}: not written: its maps differ from those of PyTorch by up to '
                    f'{report.difference:.3g} of {report.scale:.3g}, more than {tolerance:g} of '
                    'it; take the other --format, or raise --tolerance if that is enough'
                )
    return report


def _checked_path(out: Path, kind: Format, *, overwrite: bool) -> Path:
    if out.suffix != kind.suffix:
        raise ConfigError(f'{out}: a name that ends in {kind.suffix} is expected')
    if out.is_dir() or (out.exists() and not overwrite):
        raise DataError(f'{out}: exists already; choose another name, or pass --overwrite')
    return out


def frame_size(cfg: Config) -> tuple[int, int]:
    """(H, W) of the frames that the test pipeline makes; where it varies, of a video of 16:9."""
    pipeline = cfg.test_dataloader.dataset.pipeline
    sizes = [step.size for step in pipeline if step.get('size') is not None]
    with DefaultScope.overwrite_default_scope(cfg.get('default_scope', 'avsbench')):
        height, width = sizes[-1] if sizes else ClipPipeline(cfg).size
    return height, width


def export_info(cfg: Config, network: ExportableNetwork, checkpoint: str | Path) -> ExportInfo:
    """What the file is to say about a network and its checkpoint."""
    model = network.model
    classes, palette = class_names(cfg, model.dataset_meta)
    front = front_end(cfg) if network.reads_audio else None
    kind = 'log-mel' if network.log_mel is None else 'waveform'
    binary = model.decode_head.num_classes == 1
    prepare = model.data_preprocessor
    return ExportInfo(
        config=Path(cfg.filename).name,
        subset=cfg.get('subset', ''),
        synthetic=bool(model.dataset_meta.get('synthetic')),
        classes=list(classes),
        palette=[] if palette is None else np.asarray(palette).tolist(),
        background=metainfo(cfg).get('background', True),
        num_classes=model.decode_head.num_classes,
        maps='logits' if network.gives_logits else 'probabilities',
        threshold=THRESHOLD if binary else None,
        clip_frames=network.length,
        frame_size=list(network.size),
        mean=prepare.mean.flatten().tolist(),
        std=prepare.std.flatten().tolist(),
        audio=kind if network.reads_audio else 'none',
        front_end=None if front is None else front.name,
        sample_rate=None if front is None else front.sample_rate,
        checkpoint=Path(checkpoint).name,
        checkpoint_sha256=sha256_of(checkpoint),
        avsbench_version=__version__,
        network=needed_config(config_data(cfg)),
    )


def _program(network: ExportableNetwork, cfg: Config) -> torch.export.ExportedProgram:
    inputs = network.example(2)
    clips = torch.export.Dim('clips', min=1, max=MAX_CLIPS)
    shapes = {name: {0: clips} for name in inputs}
    try:
        return torch.export.export(network, (), inputs, dynamic_shapes=shapes, strict=False)
    except Exception as error:  # of many kinds, which share no other base
        lines = str(error).strip().splitlines()
        raise ConfigError(
            f'{cfg.filename}: the network can not be exported for any number of clips '
            f'({type(error).__name__}: {lines[0] if lines else "no reason given"})'
        ) from error


@torch.no_grad()
def compare(
    network: ExportableNetwork, kind: Format, path: Path, clips: Sequence[int] = CHECKED_CLIPS
) -> ExportReport:
    """Run a written file beside PyTorch on random clips.

    Args:
        network: What was exported.
        kind: The kind of file.
        path: The file.
        clips: Numbers of clips of the batches.
    """
    run = kind.open(path)
    difference = scale = pixels = 0.0
    for count in clips:
        inputs = network.example(count, seed=count)
        expected, masks = network(**inputs)
        maps, found = run(inputs)
        distance = (maps - expected).abs().max().item()
        difference = max(difference, distance) if distance == distance else float('nan')
        scale = max(scale, expected.abs().max().item())
        pixels = max(pixels, (found != masks).float().mean().item())
    return ExportReport(difference, scale, pixels)
