/** Lets Dawn find SwiftShader in this process; false where there is none. */
export function useSwiftShader(): boolean

/** The variables with which a process finds SwiftShader when it starts, or undefined. */
export function swiftShaderEnvironment(): { VK_ICD_FILENAMES: string; LD_LIBRARY_PATH: string } | undefined
