// Launching a kernel on a stream, for the .cu files.

#pragma once

#include <c10/cuda/CUDAException.h>

#include "gpu_launch.h"
#include "launch.h"

namespace avsbench::cuda {

struct GpuLauncher {
  cudaStream_t stream;

  template <class Kernel, class... Arguments>
  void operator()(Kernel kernel, int64_t blocks, int threads, int64_t shared,
                  const Arguments&... arguments) const {
    TORCH_CHECK(blocks <= kMaxBlocks, "ms_deform_attn: ", blocks,
                " blocks are more than one CUDA launch takes; split the batch");
    kernel<<<static_cast<unsigned>(blocks), threads, shared, stream>>>(arguments...);
    // An error may be an earlier kernel's, so the message must not name this one.
    C10_CUDA_KERNEL_LAUNCH_CHECK();
  }
};

}  // namespace avsbench::cuda
