"""Query generators: audio tokens to queries."""

from avsbench.models.query_generators.attention import AttentionQueryGenerator
from avsbench.models.query_generators.audio_context import AudioContextQueryGenerator
from avsbench.models.query_generators.encoder_decoder import EncoderDecoderQueryGenerator
from avsbench.models.query_generators.repeat import RepeatQueryGenerator

__all__ = [
    'AttentionQueryGenerator',
    'AudioContextQueryGenerator',
    'EncoderDecoderQueryGenerator',
    'RepeatQueryGenerator',
]
