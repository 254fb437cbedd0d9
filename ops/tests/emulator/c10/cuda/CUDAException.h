#pragma once

#include "cuda_runtime_api.h"

#define C10_CUDA_CHECK(call) TORCH_CHECK((call) == 0)
