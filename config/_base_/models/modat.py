# MoDAT (github.com/jnjz/MoDAT) on PVTv2-B5: AVSegFormer with another query generator and fusion.
_base_ = './avsegformer.py'
model = dict(
    decode_head=dict(
        query_generator=dict(
            _delete_=True,
            type='EncoderDecoderQueryGenerator',
            num_queries=300,
            num_levels=3,
            num_layers=3,
            num_heads=8,
            feedforward_channels=1024,
        ),
        fusion=dict(
            _delete_=True,
            type='DualMixtureFusion',
            num_experts=16,
            num_heads=8,
            dropout=0.4,
            # Slots in training and testing; an expert's empty slots change its numbers.
            capacity_factors=(1.0, 2.0),
            train_policy='random',
            # Published: 'random' here too, with a draw of its own each time it is tested.
            test_policy='all',
            balance_weight=0.01,
        ),
    ),
)
