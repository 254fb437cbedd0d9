#include "gpu_launcher.h"

namespace avsbench::cuda {

void run_forward(const ForwardProblem& problem, cudaStream_t stream) {
  forward(problem, GpuLauncher{stream});
}

}  // namespace avsbench::cuda
