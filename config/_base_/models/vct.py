# VCT (arXiv 2506.23623) on Swin-B at 384 pixels with Maskiges: facts of the paper and its code,
# nothing else. Without prototypes, as on MS3; vct_s4.py and vct_avss.py have them.
_base_ = ['./combo.py', '../backbones/swin_b_384.py']
# Published is a layer normalisation of each level; the two backbones share no weights.
swin = dict(type='NormedLevels', backbone=_base_.swin_b_384)
combo = _base_.model.decode_head
model = dict(
    backbone=dict(backbone=dict(_delete_=True, **swin)),
    audio_encoder=dict(tokens='map'),
    decode_head=dict(
        _delete_=True,
        type='VCTHead',
        num_classes=1,
        embed_dims=256,
        num_queries=100,
        image_size=(384, 384),
        pixel_decoder=combo.pixel_decoder,
        query_generator=dict(type='PrototypeQueryGenerator', num_prototypes=None, num_heads=4),
        transformer_decoder=combo.transformer_decoder,
        audio_mlp_channels=4096,
        criterion=combo.criterion,
        loss_prototype=None,
    ),
)
