// What operators.cpp takes from CUDA's runtime, for a machine without it.

#pragma once

using cudaStream_t = void*;
