# VCT with a prototype for each class of AVSS. Published: the background has one as well, and it is
# a target of every frame that shows some.
_base_ = './vct.py'
model = dict(
    decode_head=dict(
        num_classes=71,
        query_generator=dict(num_prototypes=71),
        loss_prototype=dict(
            _delete_=True,
            type='PrototypeAudioLoss',
            categories=None,
            init_temperature=0.07,
            loss_weight=1.0,
        ),
    ),
)
