#include "gpu_launcher.h"

namespace avsbench::cuda {

void run_backward(const BackwardProblem& problem, int processors, cudaStream_t stream) {
  backward(problem, processors, GpuLauncher{stream});
}

}  // namespace avsbench::cuda
