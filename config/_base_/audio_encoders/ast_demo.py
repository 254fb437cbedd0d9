# AST made small: six layers of 64 channels on patches that do not overlap, trained from scratch.
ast_demo = dict(
    _delete_=True,
    type='AudioSpectrogramTransformer',
    model_name='test_vit',
    patch_stride=(16, 16),
)
