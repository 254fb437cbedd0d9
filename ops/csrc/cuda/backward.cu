#include "gpu_launcher.h"

namespace avsbench::cuda {

void run_backward(const BackwardProblem& problem, cudaStream_t stream) {
  backward(problem, GpuLauncher{stream});
}

}  // namespace avsbench::cuda
