// wasm2c's output without what it takes from a C library.

/** Lines that the modules need nothing of; of string.h boot/runtime/runtime.h declares what is called. */
const HOSTED_LINES = [
  "#include <assert.h>\n",
  "#include <math.h>\n",
  "#include <string.h>\n",
  "#include <alloca.h>\n",
  "  assert(wasm_rt_is_initialized());\n",
];

/** wasm2c's inline functions of floating-point numbers, which call math.h's, from the first to what follows them. */
const FLOATING_POINT = ["static float quiet_nanf(", "static inline void memory_fill("] as const;

/** `code` without those; throws where wasm2c writes them otherwise than 1.0.39 does. */
export function freestanding(code: string): string {
  const [start, end] = FLOATING_POINT.map((text) => code.indexOf(text)) as [number, number];
  if (start < 0 || end < start) throw new Error("found no functions of floating-point numbers: wasm2c changed");
  let rest = code.slice(0, start) + code.slice(end);
  for (const line of HOSTED_LINES) {
    if (!rest.includes(line)) throw new Error(`found no line ${line.trim()}: wasm2c changed`);
    rest = rest.replace(line, "");
  }
  return rest;
}
