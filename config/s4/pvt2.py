# The default method of this subset and backbone.
_base_ = './avsegformer_pvt2.py'
