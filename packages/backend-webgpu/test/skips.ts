/** What does not run op by op through tfjs, and why. */
export const plainSkips = {
  "storage dtypes": "tfjs has no 16-bit floats",
  "constants from a file": "tfjs copies weights to its device",
}

/** Of tfjs' own kernels on SwiftShader. WGSL allows sin and cos an error of 2⁻¹¹, and SwiftShader has 1.9e-4. */
const learned = "the angles of learned rotary positions go through WGSL's sin and cos, which are only right to 2⁻¹¹"
export const inexactSines = {
  sin: "tfjs takes WGSL's sin, which is only right to 2⁻¹¹",
  cos: "tfjs takes WGSL's cos, which is only right to 2⁻¹¹",
  "ViT, learned rotary positions: forward": learned,
  "ViT, learned rotary positions: every tap": learned,
  "ViT, learned rotary positions: gradients": learned,
}
