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
            # In training and in testing. Published weights expect them: an expert's unused slots
            # change its output.
            capacity_factors=(1.0, 2.0),
            train_policy='random',
            # Published: 'random' here too, so that each test run gives another result.
            test_policy='all',
            balance_weight=0.01,
        ),
    ),
)
