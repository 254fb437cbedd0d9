# DINOv3 ViT-L/16 whose last four blocks the head runs. Places are stretched by a random factor in
# training, and queries, keys and values are projected apart, as in Hugging Face's network.
dinov3_vit_l = dict(
    type='ViTTokenBackbone',
    model_name='vit_large_patch16_dinov3_qkvb',
    stop_block=-4,
    options=dict(qkv_fused=False, rope_rescale_coords=2.0),
    weights='timm',
)
