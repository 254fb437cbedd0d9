"""Keys of the published VGGish file (`vggish-10086976.pth`): those of our module.

Repository: github.com/harritaylor/torchvggish (Apache-2.0).
"""

from avsbench.checkpoint.adapter import CheckpointAdapter, KeyRule

VGGISH = CheckpointAdapter(
    name='VGGish',
    head='none (audio encoder alone)',
    signature=('features.0.weight', 'features.13.weight', 'embeddings.4.weight'),
    rules=(
        KeyRule('features.{rest}', 'features.{rest}'),
        KeyRule('embeddings.{rest}', 'embeddings.{rest}'),
        KeyRule('pproc.{rest}', 'pproc.{rest}'),  # only with the post-processing switched on
    ),
)
