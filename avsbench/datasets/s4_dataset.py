"""AVSBench S4: one sounding object, binary masks (Zhou et al., arXiv 2207.05042)."""

from avsbench.datasets.avsbench_dataset import AVSBenchDataset
from avsbench.layouts import S4
from avsbench.registry import DATASETS


@DATASETS.register_module()
class S4Dataset(AVSBenchDataset):
    """The single-source subset; in the split `train` only the first frame is annotated.

    `avsbench.layouts.S4` says which files it reads. Arguments are those of `AVSBenchDataset`.
    """

    layout = S4
