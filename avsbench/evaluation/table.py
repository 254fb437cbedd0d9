"""Results as a table in which every number names its protocol."""

import re
from collections.abc import Mapping

from rich import box
from rich.console import Console
from rich.table import Table

from avsbench.evaluation.video.protocol_texts import TEXTS as VIDEO_TEXTS

_BINARY = {
    'mIoU': 'mean IoU of the frames; empty target: share of pixels left background',
    r'mIoU_b(\d+)': 'the same as mean over batches of {} clip(s), as published code averages',
    r'F_b(\d+)': 'F, beta^2 0.3: best of 255 thresholds for each batch of {} clip(s){}',
    'F_all': 'the same with one threshold for the whole set: free of any batch size',
    'IoU_dataset': 'IoU of the foreground, pixels summed over the set; 1 if there is none at all',
    'mIoU_dataset': 'the same, mean of background and foreground',
    'F_dataset': 'F of the pixels summed over the set, one threshold',
}
_SEMANTIC = {
    'mIoU': 'per frame, then mean of the classes; a class that never occurs counts 0 (published)',
    'F': 'the same for F, beta^2 0.3',
    r'(?:mIoU|F)_no_bg': 'without background (class 0)',
    r'(?:mIoU|F)_published_no_bg': "the published 'noBg': leaves out the last class instead",
    r'(?:mIoU|F)_present': 'mean of the classes that occur in a target or a prediction',
    'mIoU_dataset': 'pixels summed over the set, then mean of the classes that occur',
    'aAcc_dataset': 'share of pixels with the right class',
    'classes_present': 'occur in a target or a prediction',
    'classes_absent': 'never occur',
}
_COUNTS = {
    'clips': 'scored',
    'clips_empty': 'without a target in any frame: enter mIoU, not F',
    'frames': 'annotated and scored',
    'frames_empty': 'without a target',
    'frames_padded': 'added to fill up clips, and counted',
    'frames_nan': 'with NaN among the logits, scored as background',
}
# A number that only one kind of metric has -> texts of its numbers.
_MARKED = {'classes_present': _SEMANTIC | _COUNTS, **VIDEO_TEXTS}
_GROUP_USERS = {'1': ' (CATR, COMBO)', '2': ' (AVSegFormer, MoDAT)', '4': ' (AVSBench, MED-VT)'}


def format_table(metrics: Mapping[str, float | int]) -> str:
    """The numbers of a metric as text, each with the protocol that it follows.

    Args:
        metrics: {name: number}, with or without a prefix that ends in a slash; numbers under
            other names are listed without a protocol.
    """
    table = Table('metric', 'value', 'protocol', box=box.SIMPLE_HEAD, pad_edge=False)
    table.columns[1].justify = 'right'
    names = {key.rsplit('/', 1)[-1] for key in metrics}
    texts = next((texts for marker, texts in _MARKED.items() if marker in names), _BINARY | _COUNTS)
    for key, value in metrics.items():
        shown = str(value) if isinstance(value, int) else f'{value:.4f}'
        table.add_row(key, shown, _protocol(key.rsplit('/', 1)[-1], texts))
    console = Console(width=132, color_system=None)
    with console.capture() as capture:
        console.print(table)
    return '\n'.join(line.rstrip() for line in capture.get().splitlines())


def _protocol(name: str, texts: Mapping[str, str]) -> str:
    for pattern, text in texts.items():
        match = re.fullmatch(pattern, name)
        if match:
            group = match.groups()[0] if match.groups() else ''
            return text.format(group, _GROUP_USERS.get(group, ''))
    return ''
