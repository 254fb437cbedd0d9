"""AVSBench MS3: several sounding objects, binary masks (Zhou et al., arXiv 2207.05042)."""

from avsbench.datasets.avsbench_dataset import AVSBenchDataset
from avsbench.layouts import MS3
from avsbench.registry import DATASETS


@DATASETS.register_module()
class MS3Dataset(AVSBenchDataset):
    """The multi-source subset; every frame is annotated.

    `avsbench.layouts.MS3` says which files it reads. Arguments are those of `AVSBenchDataset`.
    """

    layout = MS3
