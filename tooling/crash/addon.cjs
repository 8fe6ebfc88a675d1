// Loaded before Node tries the addon. It replaces the compiled one.
// oxlint-disable-next-line eslint/no-underscore-dangle -- Node has no other name for it.
require("node:module")._extensions[".node"] = (module) => {
  module.exports = { createTensor: () => 0, tensorDataSync: () => [1, 2] }
}
