# AST (arXiv 2104.01778), frozen, with the published weights of AudioSet; audioset_0.4593.pth is the
# authors' name of the file, model.safetensors of MIT/ast-finetuned-audioset-10-10-0.4593 the other.
ast = dict(
    _delete_=True,
    type='AudioSpectrogramTransformer',
    weights='pretrained/audioset_0.4593.pth',
    frozen=True,
    cache_dir='data/cache/audio_features',
)
