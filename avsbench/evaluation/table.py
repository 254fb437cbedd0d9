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
    'F_mask': 'F of the masks as decided at 0.5: mean of the frames with a target, no threshold',
    'F_mask_dataset': 'the same of the pixels summed over the set',
    r'JF_(?:b\d+|all|mask)': 'J&F: mean of mIoU and this F',
    r'JF_(?:mask_)?dataset': 'J&F: mean of IoU_dataset and this F of the set',
    'threshold_F_all': 'where F_all is reached',
    'threshold_F_dataset': 'where F_dataset is reached',
}
_SEMANTIC = {
    'mIoU': 'per frame, then mean of the classes; a class that never occurs counts 0 (published)',
    'F': 'the same for F, beta^2 0.3',
    r'(?:mIoU|F)_no_bg': 'without background (class 0)',
    r'(?:mIoU|F)_published_no_bg': "the published 'noBg': leaves out the last class instead",
    r'(?:mIoU|F)_present': 'mean of the classes that occur in a target or a prediction',
    r'(?:mIoU|F)_present_no_bg': 'the same without background',
    r'(?:mIoU|F)_real': 'without the frames that only fill up clips (COMBO)',
    'JF': 'J&F: mean of mIoU and F',
    r'(?:mIoU|F)_dataset': 'pixels summed over the set, then mean of the classes that occur (CAVP)',
    r'(?:mIoU|F)_dataset_no_bg': 'the same without background (class 0)',
    r'(?:mIoU|F)_dataset_all': 'mean of all classes, absent ones as 0',
    'JF_dataset': 'J&F: mean of mIoU_dataset and F_dataset',
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
    texts = protocol_texts(metrics)
    table = Table('metric', 'value', 'protocol', box=box.SIMPLE_HEAD, pad_edge=False)
    table.columns[1].justify = 'right'
    for key, value in metrics.items():
        shown = str(value) if isinstance(value, int) else f'{value:.4f}'
        table.add_row(key, shown, texts[key])
    console = Console(width=132, color_system=None)
    with console.capture() as capture:
        console.print(table)
    return '\n'.join(line.rstrip() for line in capture.get().splitlines())


def protocol_texts(metrics: Mapping[str, float | int]) -> dict[str, str]:
    """What each number of a metric is, '' for names that are not known.

    Args:
        metrics: {name: number}, with or without a prefix that ends in a slash.
    """
    names = {key: key.rsplit('/', 1)[-1] for key in metrics}
    marked = (texts for marker, texts in _MARKED.items() if marker in names.values())
    texts = next(marked, _BINARY | _COUNTS)
    return {key: _protocol(name, texts) for key, name in names.items()}


def _protocol(name: str, texts: Mapping[str, str]) -> str:
    for pattern, text in texts.items():
        match = re.fullmatch(pattern, name)
        if match:
            group = match.groups()[0] if match.groups() else ''
            return text.format(group, _GROUP_USERS.get(group, ''))
    return ''
