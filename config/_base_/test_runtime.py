# Runtime of configs that only test: their network is trained by that of another subset, which
# `trained_on` names.
_base_ = './default_runtime.py'
test_cfg = dict()
