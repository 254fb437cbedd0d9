# MoDAT made small: the small AVSegFormer with MoDAT's query generator and four experts per mixture.
_base_ = './avsegformer_demo.py'
model = dict(
    decode_head=dict(
        query_generator=dict(
            _delete_=True,
            type='EncoderDecoderQueryGenerator',
            num_queries=16,
            num_layers=2,
            num_heads=4,
            feedforward_channels=128,
        ),
        fusion=dict(
            _delete_=True,
            type='DualMixtureFusion',
            num_experts=4,
            num_heads=4,
            dropout=0.0,
            capacity_factors=(2.0, 2.0),
            train_policy='all',
            test_policy='all',
        ),
    ),
)
