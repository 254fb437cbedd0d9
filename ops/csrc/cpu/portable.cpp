// Kernels for any processor: vectors of 128 bits, which compilers turn into what there is.

#include "kernels.h"

namespace avsbench::cpu {
namespace portable {
namespace {

#include "simd.h"

#include "plan.h"

#include "sampling.h"

#include "forward.h"

#include "backward.h"

using Single = Vectors<float, 4>;
using Twice = Vectors<double, 4>;

#include "table.h"

}  // namespace
}  // namespace portable

const Kernels portable_kernels = {"portable", portable::scratch_bytes, portable::forward,
                                  portable::backward};

}  // namespace avsbench::cpu
