"""Videos from end to end: seconds of video per second, and what they are spent on.

A video is made (moving images, gliding tones at 44.1 kHz) and given to what
`demo/video_demo.py` runs: decoding, the audio's log-mel, the network, the masks at full size with
the encoded overlay, and the contact sheet. The network has random weights unless a checkpoint is
given; its time does not depend on them. --threads holds for torch and NumPy; FFmpeg decodes and
encodes in threads of its own. There is no published counterpart to take a ratio against.
--repeat shows that memory does not grow with the length: two hours are 120 times 60 seconds.
--compare does the same with one stage after the other, round by round, and checks that both write
the same bytes; and it times the first clip of audio in fresh processes, by resampy and as it is.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from unittest import mock

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
FIRST_CLIP = f"""
import sys, time
import numpy as np
from avsbench.media.front_ends import VGGISH
samples = np.random.default_rng(0).normal(0, 0.1, 5 * {SOUND_RATE})
start = time.perf_counter()
getattr(VGGISH, sys.argv[1])(samples, {SOUND_RATE})
print(time.perf_counter() - start)
"""
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
    parser.add_argument(
        '--compare', action='store_true', help='with one stage after the other, and with resampy'
    )


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
    if args.compare:
        print_first_clip(args)
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
    reports, before = [], []
    for number in range(args.rounds + 1):
        report, written = render(inferencer, video, args)
        if args.compare:
            with one_after_the_other():
                other, expected = render(inferencer, video, args)
            before += [other] * bool(number)
            if written != expected:
                raise RuntimeError(f'{config}: what is written differs')
        reports += [report] * bool(number)
    print(line(config, reports, args), flush=True)
    if before:
        pairs = zip(before, reports, strict=True)
        low, middle, high = quartiles(other.wall / report.wall for other, report in pairs)
        factor = statistics.median(other.real_time_factor for other in before)
        print(
            f'  one stage after the other: real time factor {factor:.3f}, the same bytes; ratio '
            f'{middle:.2f}x ({low:.2f} to {high:.2f})',
            flush=True,
        )


def render(
    inferencer: AVSInferencer, video: Path, args: argparse.Namespace
) -> tuple[RenderReport, list[bytes]]:
    """Segment the video; the report, and what was written."""
    outputs = Outputs(video.with_name('out.mp4'), video.with_name('masks'), overwrite=True)
    report = render_video(inferencer, VideoFile(video), outputs, fps=args.fps)
    files = (outputs.video, outputs.table, outputs.sheet, *sorted(outputs.masks.iterdir()))
    return report, [path.read_bytes() for path in files] if args.compare else []


@contextmanager
def one_after_the_other() -> Iterator[None]:
    """Without threads: each stage waits for the one before, as a baseline."""

    @contextmanager
    def serial(items: Iterable, depth: int, name: str) -> Iterator[Iterator]:
        yield iter(items)

    with (
        mock.patch('avsbench.apis.inferencer.ahead', serial),
        mock.patch('avsbench.apis.render.ahead', serial),
    ):
        yield


def print_first_clip(args: argparse.Namespace) -> None:
    """How long the first 5 s of audio take in a process that has done nothing else."""
    seconds = {
        name: [
            float(subprocess.run(words, capture_output=True, text=True, check=True).stdout)
            for words in [[sys.executable, '-c', FIRST_CLIP, method]] * args.rounds
        ]
        for name, method in (('resampy', 'patches'), ('now', 'own_patches'))
    }
    medians = {name: statistics.median(times) for name, times in seconds.items()}
    print(
        f'\nfirst 5 s of audio at {SOUND_RATE} Hz in a fresh process: '
        + ', '.join(f'{name} {value:.3f} s' for name, value in medians.items())
        + f'; ratio {medians["resampy"] / medians["now"]:.1f}x'
    )


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
        f'real time factor {1 / middle:.3f}, '
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
