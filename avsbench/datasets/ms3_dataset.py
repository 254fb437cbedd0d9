"""AVSBench MS3: several sounding objects, binary masks (Zhou et al., arXiv 2207.05042)."""

import os

from avsbench.datasets.base_avs_dataset import MASKIGE_SUFFIX, BaseAVSDataset
from avsbench.registry import DATASETS


@DATASETS.register_module()
class MS3Dataset(BaseAVSDataset):
    """The multi-source subset; every frame is annotated.

    Reads, below `data_root`: `ms3_meta_data.csv` (columns video_id, split) and in `ms3_data/`
    `visual_frames/<video>/<video>.mp4_<k>.png`, `gt_masks/<split>/<video>/<video>_<k>.png`,
    `audio_log_mel/<split>/<video>.pkl`, `audio_wav/<split>/<video>.wav` and, for pipelines that
    load Maskiges, `pre_SAM_mask/<video>/<video>.mp4_<k>_mask_color.png`. Frames count from 1.

    Arguments are those of `BaseAVSDataset`.
    """

    METAINFO = {'classes': ('background', 'sounding'), 'palette': [[0, 0, 0], [255, 255, 255]]}
    subset = 'ms3'
    default_ann_file = 'ms3_meta_data.csv'
    name_columns = ('video_id',)
    short_audio = 'repeat'
    num_frames = 5

    def clip_info(self, row: dict) -> dict:
        """See `BaseAVSDataset.clip_info`."""
        video = row['video_id']

        def path(kind: str, *more: str) -> str:
            return os.path.join(self.data_root, 'ms3_data', kind, *more)

        numbers = range(1, self.num_frames + 1)
        return {
            'clip_id': video,
            'frame_paths': [path('visual_frames', video, f'{video}.mp4_{k}.png') for k in numbers],
            'mask_paths': [
                path('gt_masks', self.split, video, f'{video}_{k}.png') for k in numbers
            ],
            'mask_coding': 'binary',
            'maskige_paths': [
                path('pre_SAM_mask', video, f'{video}.mp4_{k}{MASKIGE_SUFFIX}') for k in numbers
            ],
            **self._audio(
                path('audio_wav', self.split, f'{video}.wav'),
                path('audio_log_mel', self.split, video),
            ),
            'csv_row': row['csv_row'],
        }
