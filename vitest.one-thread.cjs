// ONNX Runtime gets one thread in tests. Its threads spin while they wait for each other, and other suites need the cores.
require("node:os").availableParallelism = () => 1
require("node:module").syncBuiltinESMExports()
