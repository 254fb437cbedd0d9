# The default method of this subset and backbone.
_base_ = './avsegformer_res50.py'
