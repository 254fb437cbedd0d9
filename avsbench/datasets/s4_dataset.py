"""AVSBench S4: one sounding object, binary masks (Zhou et al., arXiv 2207.05042)."""

import os

from avsbench.datasets.base_avs_dataset import MASKIGE_SUFFIX, BaseAVSDataset
from avsbench.registry import DATASETS


@DATASETS.register_module()
class S4Dataset(BaseAVSDataset):
    """The single-source subset; in the split `train` only the first frame is annotated.

    Reads, below `data_root`: `s4_meta_data.csv` (columns name, category, split) and in `s4_data/`
    `visual_frames/`, `gt_masks/`, `audio_log_mel/`, `audio_wav/` and, for pipelines that load
    Maskiges, `pre_SAM_mask/`, each with `<split>/<category>/<name>`. Frames count from 1.
    `data_info` has `category` too.

    Arguments are those of `BaseAVSDataset`.
    """

    METAINFO = {'classes': ('background', 'sounding'), 'palette': [[0, 0, 0], [255, 255, 255]]}
    subset = 's4'
    default_ann_file = 's4_meta_data.csv'
    name_columns = ('category', 'name')
    short_audio = 'repeat'
    num_frames = 5

    def clip_info(self, row: dict) -> dict:
        """See `BaseAVSDataset.clip_info`."""
        clip_id = f'{row["category"]}/{row["name"]}'

        def path(kind: str, *more: str) -> str:
            return os.path.join(self.data_root, 's4_data', kind, self.split, clip_id, *more)

        numbers = range(1, self.num_frames + 1)
        annotated = numbers[:1] if self.split == 'train' else numbers
        pictures = [f'{row["name"]}_{number}.png' for number in numbers]
        return {
            'clip_id': clip_id,
            'category': row['category'],
            'frame_paths': [path('visual_frames', picture) for picture in pictures],
            'mask_paths': [
                path('gt_masks', picture) if number in annotated else None
                for number, picture in zip(numbers, pictures, strict=True)
            ],
            'mask_coding': 'binary',
            'maskige_paths': [
                path('pre_SAM_mask', f'{row["name"]}_{number}{MASKIGE_SUFFIX}')
                for number in numbers
            ],
            **self._audio(f'{path("audio_wav")}.wav', path('audio_log_mel')),
            'csv_row': row['csv_row'],
        }
