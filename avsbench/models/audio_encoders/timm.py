"""Any timm network as an audio encoder: a light alternative to VGGish."""

from torch import Tensor

from avsbench.checkpoint.pretrained import FETCHED, PretrainedPart
from avsbench.models.audio_encoders.base import AudioEncoder
from avsbench.models.timm_networks import create_network, fetch_weights, run_network
from avsbench.registry import MODELS


@MODELS.register_module()
class TimmAudioEncoder(PretrainedPart, AudioEncoder):
    """Log-mel patches as one-channel images through a timm network with global pooling.

    Args:
        model_name: Name of a timm network.
        mean: Mean of the log-mel values, subtracted from the input.
        std: Their standard deviation, by which the input is divided.
        pretrained: Start a training from timm's ImageNet weights, the first layer summed over the
            colour channels.
        frozen: Keep the weights as they are.
        cache_dir: See `AudioEncoder`.

    Raises:
        ConfigError: No network of timm has that name.
    """

    def __init__(
        self,
        model_name: str,
        *,
        mean: float = -2.0,
        std: float = 2.0,
        pretrained: bool = False,
        frozen: bool = False,
        cache_dir: str | None = None,
    ) -> None:
        super().__init__(frozen=frozen, cache_dir=cache_dir)
        self._options = {'in_chans': 1, 'num_classes': 0}
        self.model = create_network('TimmAudioEncoder', model_name, **self._options)
        self.model_name = model_name
        self.weights = FETCHED if pretrained else None
        # Some networks widen the pooled features before the classifier.
        self.out_channels = getattr(self.model, 'head_hidden_size', self.model.num_features)
        self.mean = mean
        self.std = std
        if frozen:
            self.requires_grad_(False)

    def embed(self, patches: Tensor) -> Tensor:
        """Embed log-mel patches (N, 1, frames, bands); returns (N, 1, D).

        Raises:
            ConfigError: The network takes images of another size only.
        """
        images = (patches - self.mean) / self.std
        return run_network('TimmAudioEncoder', self.model, images)[:, None]

    def init_weights(self) -> None:
        """Load the ImageNet weights, if they are asked for.

        Raises:
            CheckpointError: They can't be fetched.
        """
        if self.weights is not None and not self.checkpoint_follows:
            remedy = 'set pretrained=False to start from random numbers'
            state = fetch_weights('TimmAudioEncoder', self.model_name, remedy, **self._options)
            self.model.load_state_dict(state)
            self.note_loaded(self.model, state)
