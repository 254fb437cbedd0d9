# The default small system of this subset.
_base_ = './avsegformer_demo.py'
