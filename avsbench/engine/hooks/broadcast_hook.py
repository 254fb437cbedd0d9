"""One network in all processes when it is validated."""

from mmengine.dist import broadcast
from mmengine.hooks import Hook
from mmengine.runner import Runner

from avsbench.registry import HOOKS


@HOOKS.register_module()
class BroadcastBuffersHook(Hook):
    """Give all processes the buffers of the first one before a validation.

    Each process keeps batch norm statistics of its own while it trains, but the checkpoint holds
    those of the first: the score must be that of the network that is saved.
    """

    priority = 'VERY_HIGH'

    def before_val_epoch(self, runner: Runner) -> None:
        """Send the buffers; nothing to do in a single process."""
        if runner.distributed:
            for buffer in runner.model.buffers():
                broadcast(buffer, src=0)
