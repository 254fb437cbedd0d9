# CATR made small: ResNet-18, a light trainable audio network, 64 channels, 8 queries, and the sane
# settings of its quirks. Trains from scratch on 64-pixel synthetic clips in minutes on a CPU.
_base_ = ['./catr.py', '../backbones/small.py']
model = dict(
    data_preprocessor=dict(frame_size=None),
    decode_head=dict(
        embed_dims=64,
        num_queries=8,
        mask_channels=32,
        dilations=(1, 2, 3),
        skip_levels=(1, 0),
        dropout=0.0,
        # Training sees single frames, and a frame isn't told which second of the audio is its own.
        group_frames=1,
        # As the paper says: the queries are made from the audio.
        query_generator=dict(_delete_=True, type='RepeatQueryGenerator'),
        encoder=dict(
            num_layers=2, num_heads=4, feedforward_channels=128, dropout=0.0, second_gate='own'
        ),
        transformer_decoder=dict(num_layers=2, num_heads=4, feedforward_channels=128, dropout=0.0),
        criterion=dict(double_sigmoid=False),
    ),
    **_base_.small,
)
