"""Makes a synthetic tree of videos."""

import functools
from collections.abc import Iterable
from pathlib import Path

from avsbench.synthetic.generator import Tree, build_tree, library_versions
from avsbench.synthetic.tree import MANIFEST, encode_json
from avsbench.synthetic.video.ceilings import compute_ceilings
from avsbench.synthetic.video.settings import GENERATOR_VERSION, VideoSettings
from avsbench.synthetic.video.writing import write_scene

RECORDS = ('truth.json', 'ceilings.json', 'generator.json', 'README.md', MANIFEST)


def generate_video_tree(
    settings: VideoSettings,
    out: str | Path,
    *,
    workers: int = 0,
    overwrite: bool = False,
    progress: bool = False,
) -> Path:
    """Makes the tree of one data set; a complete one with the same settings is left as it is.

    Args:
        settings: What to make.
        out: Output folder; the data set gets its own folder in it.
        workers: Processes; 0 and 1 work in this one.
        overwrite: Replace an earlier tree of this generator; never deletes anything else.
        progress: Show a progress bar.

    Returns:
        The folder of the data set, ready as `data_root` of its dataset class.

    Raises:
        ConfigError: `workers` is negative.
        DataError: The folder holds other content.
    """
    root = settings.root(out)
    record = {
        'generator': 'avsbench.synthetic.video',
        'version': GENERATOR_VERSION,
        'settings': settings.to_json(),
        # The same settings give the same bytes under the same versions of these.
        'libraries': library_versions() | settings.layout.libraries(),
    }
    tree = Tree(
        root=root,
        label=f'scenes of {settings.subset}',
        top_level=(*settings.layout.top_level, *RECORDS),
        record=record,
        tasks=[
            (split, index)
            for split in settings.kind.scenes
            for index in range(settings.num_scenes(split))
        ],
        write=functools.partial(write_scene, settings, root),
        records=functools.partial(_records, settings),
    )
    return build_tree(tree, workers=workers, overwrite=overwrite, progress=progress)


def _records(settings: VideoSettings, videos: list[dict]) -> Iterable[tuple[str, bytes]]:
    yield from settings.layout.index(videos, settings.size)
    yield 'truth.json', encode_json(videos)
    yield 'ceilings.json', encode_json(compute_ceilings(settings, videos))
    yield 'README.md', Path(__file__).with_name('README.md').read_bytes()
