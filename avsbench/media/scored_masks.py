"""What a test scored of a frame, kept inside the PNG of its mask.

Masks are saved at the size of the frames, but scored at that of the network, and the F-measure is
taken of probabilities. So that the saved masks give the numbers of their test, each PNG carries
what was scored in private chunks, which image programs skip, and drop when they change the image.
"""

import io
import json
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngImageFile, PngInfo

from avsbench.media.faults import BrokenFileError

# Ancillary, private, unsafe to copy: the letters' cases say so (PNG specification, 5.4).
_FACTS, _MASK, _LEVELS = b'avSF', b'avSM', b'avSL'


class ScoredMask(NamedTuple):
    """What was scored of a frame.

    Attributes:
        mask: (H, W) uint8: 0 and 1, or class indices.
        levels: (H, W) uint8 of a binary mask, see `avsbench.evaluation.functional.levels`; None of
            classes.
        clip_frames: How many frames the clip had, those that fill it up included.
        count_padded: Whether the test scored those as well.
    """

    mask: np.ndarray
    levels: np.ndarray | None
    clip_frames: int
    count_padded: bool


def scored_chunks(scored: ScoredMask, shown: np.ndarray) -> PngInfo:
    """The chunks for the PNG of a mask.

    Args:
        scored: What to keep.
        shown: (H', W') uint8, the mask that the PNG shows; a scored one that equals it is not kept
            twice.
    """
    info = PngInfo()
    facts = {'version': 1, 'clip_frames': scored.clip_frames, 'count_padded': scored.count_padded}
    info.add(_FACTS, json.dumps(facts).encode())
    if scored.levels is not None:
        info.add(_LEVELS, _png(scored.levels))
    if not np.array_equal(scored.mask, shown):
        info.add(_MASK, _png(scored.mask))
    return info


def read_scored(path: str | Path, shown: np.ndarray) -> ScoredMask | None:
    """What a test scored of a frame, None where the file does not say.

    Args:
        path: PNG of a mask.
        shown: (H', W') uint8 of 0 and 1, or class indices: the mask that it shows.

    Raises:
        BrokenFileError: The chunks are damaged, or of a newer version.
    """
    with Image.open(path) as image:
        chunks = dict(image.private_chunks) if isinstance(image, PngImageFile) else {}
    if _FACTS not in chunks:
        return None
    try:
        facts = json.loads(chunks[_FACTS])
        if facts['version'] != 1:
            what = f'{path}: scored by a newer version of the toolbox'
            raise BrokenFileError(what, 'broken mask')
        mask, levels = (_pixels(chunks.get(name)) for name in (_MASK, _LEVELS))
        counts = int(facts['clip_frames']), bool(facts['count_padded'])
        scored = ScoredMask(shown if mask is None else mask, levels, *counts)
    except (ValueError, KeyError, OSError) as error:
        what = f'{path}: what the test scored is damaged ({error}); save the image anew'
        raise BrokenFileError(what, 'broken mask') from error
    if levels is not None and levels.shape != scored.mask.shape:
        what = f'{path}: what the test scored is damaged (sizes differ); save the image anew'
        raise BrokenFileError(what, 'broken mask')
    return scored


def _png(pixels: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, 'PNG')
    return buffer.getvalue()


def _pixels(content: bytes | None) -> np.ndarray | None:
    if content is None:
        return None
    with Image.open(io.BytesIO(content)) as image:
        return np.asarray(image)
