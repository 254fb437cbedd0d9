# HTS-AT of LAION's CLAP (arXiv 2211.06687), frozen; model.safetensors of laion/clap-htsat-unfused,
# or its pytorch_model.bin, under a name of its own.
clap = dict(
    _delete_=True,
    type='ClapAudioEncoder',
    weights='pretrained/clap_htsat_unfused.safetensors',
    frozen=True,
    cache_dir='data/cache/audio_features',
)
