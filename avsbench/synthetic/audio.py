"""Soundtracks: eight timbres, gated second by second, over white noise."""

from dataclasses import dataclass

import numpy as np

from avsbench.synthetic.classes import NUM_CLASSES

RATE = 16000  # samples per second
# A waveform ends 0.05 s after the last second: five VGGish examples need 77,040 samples, and a
# front end that drops the last incomplete window may return four from exactly 80,000.
PADDING = 800
EDGE = 0.02  # s, raised cosine at both ends of a run of sounding seconds
LEVEL = 0.25  # of full scale for a source of unit RMS at 0 dB
GAIN = (-6.0, 0.0)  # dB
WHITE_NOISE = NUM_CLASSES  # as `kind` of a source: tier T4

REGISTER = (110.0, 110.0 * 2**1.5)  # Hz, uniform in octaves
REGISTERS = {'large': (110.0, 165.0), 'small': (330.0, 495.0)}  # tier T2
HARMONICS_BELOW = 7600.0  # Hz: no harmonic is folded at half the sample rate
# Frequency range in Hz of the three classes without a fundamental: base, and by size in tier T2.
BANDS = {
    5: {None: (200.0, 800.0), 'large': (150.0, 500.0), 'small': (600.0, 1500.0)},
    6: {None: (2000.0, 6000.0), 'large': (1500.0, 3000.0), 'small': (3500.0, 7000.0)},
    7: {None: (500.0, 4000.0), 'large': (300.0, 1200.0), 'small': (1200.0, 4800.0)},
}


@dataclass(frozen=True)
class Source:
    """One source in the audio of a clip.

    Args:
        kind: Class index 0..7, or `WHITE_NOISE`.
        gate: (T,) bool, the seconds in which it sounds.
        gain: In dB, of a source of unit RMS.
        f0: Fundamental in Hz, None for the classes that have none.
        band: Frequency range in Hz of the classes without a fundamental, else None.
        phase: Of the fundamental, in rad.
        seed: Of its noise.
    """

    kind: int
    gate: np.ndarray
    gain: float
    f0: float | None
    band: tuple[float, float] | None
    phase: float
    seed: int


def sample_source(
    rng: np.random.Generator, kind: int, gate: np.ndarray, size: str | None = None
) -> Source:
    """Draws register, gain and phase; `size` is None, `large` or `small` (tier T2)."""
    low, high = REGISTER if size is None else REGISTERS[size]
    f0 = low * (high / low) ** rng.random()
    gain, phase = rng.uniform(*GAIN), rng.uniform(0, 2 * np.pi)
    seed = int(rng.integers(2**63))
    tonal = kind not in BANDS and kind != WHITE_NOISE
    band = BANDS[kind][size] if kind in BANDS else None
    return Source(kind, gate, float(gain), float(f0) if tonal else None, band, float(phase), seed)


def synthesise(
    sources: tuple[Source, ...], rng: np.random.Generator, seconds: int, grid: float, snr: float
) -> np.ndarray:
    """The soundtrack of a clip: (seconds * 16000 + 800,) int16.

    Args:
        sources: What is mixed.
        rng: Stream of the white noise.
        seconds: T.
        grid: Length of one state in seconds.
        snr: Level of the white noise in dB below a source of unit RMS; inf = none.
    """
    length = seconds * RATE + PADDING
    mixed = np.zeros(length)
    for source in sources:
        if source.gate.any():
            mixed += (
                10 ** (source.gain / 20)
                * gate_curve(source.gate, grid, length)
                * timbre(source, length)
            )
    mixed += 10 ** (-snr / 20) * rng.standard_normal(length)
    return np.rint((LEVEL * mixed).clip(-1, 1) * 32767).astype(np.int16)


def gate_curve(gate: np.ndarray, grid: float, length: int) -> np.ndarray:
    """Envelope (length,) of the seconds in `gate`, one pair of edges a run of seconds."""
    curve = np.zeros(length)
    edge = round(EDGE * RATE)
    rise = 0.5 - 0.5 * np.cos(np.pi * (np.arange(edge) + 0.5) / edge)
    bounds = np.flatnonzero(np.diff(np.concatenate([[0], gate.astype(np.int8), [0]])))
    for first, last in bounds.reshape(-1, 2):
        start, stop = round(first * grid * RATE), round(last * grid * RATE)
        curve[start:stop] = 1
        curve[start : start + edge] = rise
        curve[stop - edge : stop] = rise[::-1]
    return curve


def timbre(source: Source, length: int) -> np.ndarray:
    """The ungated waveform of a source, of unit RMS: (length,) float64."""
    rng = np.random.default_rng(source.seed)
    time = np.arange(length) / RATE
    if source.kind == WHITE_NOISE:
        wave = rng.standard_normal(length)
    elif source.kind in BANDS:
        wave = _unpitched(source, time, rng)
    else:
        wave = _pitched(source, time)
    return wave / np.sqrt(np.mean(wave * wave))


def _pitched(source: Source, time: np.ndarray) -> np.ndarray:
    angle = 2 * np.pi * source.f0 * time + source.phase
    if source.kind == 0:  # sine and a little octave, 5 Hz tremolo of 20 %
        tone = np.sin(angle) + 0.1 * np.sin(2 * angle)
        return tone * (1 + 0.2 * np.sin(2 * np.pi * 5 * time))
    if source.kind == 1:  # odd harmonics
        return _harmonics(angle, source.f0, [1 / n if n % 2 else 0.0 for n in range(1, 16)])
    if source.kind == 2:  # all harmonics
        return _harmonics(angle, source.f0, [1 / n for n in range(1, 21)])
    if source.kind == 3:  # FM bell, struck twice per second
        decay = np.exp(-(time % 0.5) / 0.2)
        return decay * np.sin(3 * angle + 5 * decay * np.sin(4.2 * angle))
    # kind 4: plucked eight times per second
    tone = _harmonics(angle, source.f0, [n**-0.5 for n in range(1, 13)])
    return tone * np.exp(-(time % 0.125) / 0.03)


def _unpitched(source: Source, time: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    low, high = source.band
    if source.kind == 7:  # sine sweep, three per second
        frequency = low * (high / low) ** (3 * time % 1)
        return np.sin(2 * np.pi * np.cumsum(frequency) / RATE + source.phase)
    spectrum = np.fft.rfft(rng.standard_normal(len(time)))
    bins = np.fft.rfftfreq(len(time), 1 / RATE)
    noise = np.fft.irfft(spectrum * ((bins >= low) & (bins <= high)), len(time))
    rate = 4 if source.kind == 5 else 11  # Hz, modulation of 80 %
    return noise * (1 + 0.8 * np.sin(2 * np.pi * rate * time))


def _harmonics(angle: np.ndarray, f0: float, amplitudes: list[float]) -> np.ndarray:
    """Sum of a_n sin(n angle), by Horner's rule on exp(i angle): one pass a harmonic, no sines."""
    kept = amplitudes[: int(HARMONICS_BELOW // f0)]
    unit = np.exp(1j * angle)
    total = np.zeros_like(unit)
    for amplitude in reversed(kept):
        total += amplitude
        total *= unit
    return total.imag
