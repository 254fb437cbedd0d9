"""Videos from end to end: seconds of video per second, and what they are spent on.

A video is made (moving images, gliding tones at 44.1 kHz) and given to what
`demo/video_demo.py` runs: decoding, the audio's log-mel, the network, the masks at full size with
the encoded overlay, and the contact sheet. The network has random weights unless a checkpoint is
given; its time does not depend on them. --threads holds for torch and NumPy; FFmpeg decodes and
encodes in threads of its own. There is no published counterpart to take a ratio against.
--repeat shows that memory does not grow with the length: two hours are 120 times 60 seconds.
"""

import argparse
import statistics
import tempfile
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import torch
from mmengine.registry import init_default_scope
from threadpoolctl import threadpool_limits

from avsbench.apis import AVSInferencer
from avsbench.apis.outputs import Outputs
from avsbench.apis.render import RenderReport, render_video
from avsbench.config.loading import load_config
from avsbench.config.paths import config_file
from avsbench.registry import MODELS
from avsbench.utils.errors import ConfigError
from avsbench.video import VideoFile, make_video
from benchmarks.harness import header, peak_memory, quartiles

SOUND_RATE = 44100
STAGES = ('decode', 'audio', 'network', 'encode', 'sheet', 'rest')


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('--config', nargs='+', default=['s4/demo.py'])
    parser.add_argument('--checkpoint', help='of the one config; default: random weights')
    parser.add_argument('--seconds', type=int, default=20, help='of the video')
    parser.add_argument('--repeat', type=int, default=1, help='times, in one video')
    parser.add_argument('--size', type=int, nargs=2, default=(360, 640), metavar=('H', 'W'))
    parser.add_argument('--rate', type=int, default=25, help='frames per second of the video')
    parser.add_argument('--fps', type=int, default=1, help='masks per second')
    parser.add_argument('--device', default='cuda' if torch.cuda.is_available() else 'cpu')
    parser.add_argument('--threads', type=int, default=1)
    parser.add_argument('--rounds', type=int, default=5)


def run(args: argparse.Namespace) -> int:
    if args.checkpoint and len(args.config) > 1:
        raise ConfigError('--checkpoint belongs to one --config')
    header(args.threads)
    init_default_scope('avsbench')
    with tempfile.TemporaryDirectory() as folder, threadpool_limits(args.threads):
        video = Path(folder, 'in.mp4')
        make_video(video, moving_picture(args), args.rate, tones(args.seconds), SOUND_RATE, crf=23)
        if args.repeat > 1:
            video = repeated(video, args.repeat)
        for config in args.config:
            measure(video, config, args)
    return 0


def measure(video: Path, config: str, args: argparse.Namespace) -> None:
    """Segment the video some times, after one untimed time, and print what came out."""
    cfg = load_config(config_file(config))
    checkpoint = args.checkpoint
    if checkpoint is None:
        checkpoint = video.with_name('random.pth')
        torch.manual_seed(0)
        torch.save({'state_dict': MODELS.build(cfg.model).state_dict()}, checkpoint)
    inferencer = AVSInferencer(cfg, checkpoint, device=args.device, show_progress=False)
    reports = []
    for number in range(args.rounds + 1):
        outputs = Outputs(video.with_name('out.mp4'), video.with_name('masks'), overwrite=True)
        report = render_video(inferencer, VideoFile(video), outputs, fps=args.fps)
        if number:
            reports.append(report)
    print(line(config, reports, args), flush=True)


def line(config: str, reports: list[RenderReport], args: argparse.Namespace) -> str:
    """The figures of one config."""
    seconds = args.seconds * args.repeat
    low, middle, high = quartiles(seconds / report.wall for report in reports)
    shares = [report.shares() for report in reports]
    spent = ', '.join(
        f'{stage} {statistics.median(share.get(stage, 0.0) for share in shares):.1%}'
        for stage in STAGES
    )
    height, width = args.size
    peak = peak_memory() / 2**20
    return (
        f'\n{config}, {seconds} s of {width} x {height} at {args.rate} frames per second, '
        f'{args.fps} masks per second, {args.device}, {args.threads} thread(s)\n'
        f'  {middle:.2f} s of video per second ({low:.2f} to {high:.2f}, {len(reports)} rounds), '
        f'{reports[0].frames} frames, {reports[0].masks} masks\n  {spent}\n'
        f'  {peak:.0f} MiB of memory at the peak'
    )


def repeated(video: Path, times: int) -> Path:
    """A file that holds the packets of a video so many times, one after the other."""
    path = video.with_name('repeated.mp4')
    shift = Fraction(0)
    streams: dict[int, av.stream.Stream] = {}
    with av.open(str(path), 'w') as target:
        for _ in range(times):
            with av.open(str(video)) as source:
                for stream in source.streams:
                    if stream.index not in streams:
                        streams[stream.index] = target.add_stream_from_template(stream)
                for packet in source.demux():
                    if packet.dts is None:
                        continue
                    offset = round(shift / packet.time_base)
                    packet.pts, packet.dts = packet.pts + offset, packet.dts + offset
                    packet.stream = streams[packet.stream.index]
                    target.mux(packet)
                # and a moment, for audio packets that begin before the first frame
                shift += max(s.duration * s.time_base for s in source.streams) + Fraction(1, 10)
    return path


def moving_picture(args: argparse.Namespace) -> Iterator[np.ndarray]:
    """Smooth waves that move, with a little noise: no easier to encode than a camera's image."""
    height, width = args.size
    rng = np.random.default_rng(0)
    y, x = np.meshgrid(np.linspace(0, 6, height), np.linspace(0, 9, width + 256), indexing='ij')
    waves = [np.sin(a * x + b * y) for a, b in rng.uniform(1, 6, (3, 2))]
    image = 128 + 80 * np.stack(waves, axis=-1) + rng.normal(0, 6, (height, width + 256, 3))
    image = np.clip(image, 0, 255).astype(np.uint8)
    for number in range(args.seconds * args.rate):
        start = abs(256 - number % 512)
        yield image[:, start : start + width]


def tones(seconds: int) -> np.ndarray:
    """(n,) float: three gliding tones and noise."""
    rng = np.random.default_rng(0)
    t = np.arange(seconds * SOUND_RATE) / SOUND_RATE
    glides = sum(np.sin(2 * np.pi * (f + 50 * (t % 5)) * t) for f in rng.uniform(80, 3000, 3))
    return 0.2 * glides + 0.05 * rng.standard_normal(len(t))
