// The entry points of gpu_launch.h on the emulator: tensors in the host's memory.

#include "gpu_launch.h"
#include "launch.h"

namespace avsbench::cuda {

void run_forward(const ForwardProblem& problem, cudaStream_t) {
  std::mt19937 random(1);
  forward(problem, emulator::Launcher{random});
}

void run_backward(const BackwardProblem& problem, cudaStream_t) {
  std::mt19937 random(1);
  backward(problem, emulator::Launcher{random});
}

}  // namespace avsbench::cuda
