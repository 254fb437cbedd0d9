// The two entry points that nvcc compiles, called by operators.cpp.

#pragma once

#include <cuda_runtime_api.h>

#include "problem.h"

namespace avsbench::cuda {

// Queue the kernels on `stream` and return at once; c10::Error where a launch is refused.
void run_forward(const ForwardProblem& problem, cudaStream_t stream);
void run_backward(const BackwardProblem& problem, cudaStream_t stream);

}  // namespace avsbench::cuda
