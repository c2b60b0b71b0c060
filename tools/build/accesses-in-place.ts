// Makes the memory accesses in wasm2c's C part of the statements that they stand in.

const ACCESSES_IN_PLACE = `#define LOAD_IN_PLACE(mem, addr, t1, t2, t3, force_read) ({ \\
  wasm_rt_memory_t* memory_ = (mem); u64 address_ = (addr); t1 result_; \\
  MEMCHECK_DEFAULT32(memory_, address_, t1); \\
  wasm_rt_memcpy(&result_, MEM_ADDR_MEMOP(memory_, address_, sizeof(t1)), sizeof(t1)); \\
  force_read(result_); (t3)(t2)result_; })
#define STORE_IN_PLACE(mem, addr, value, t1) do { \\
  wasm_rt_memory_t* memory_ = (mem); u64 address_ = (addr); t1 wrapped_ = (t1)(value); \\
  MEMCHECK_DEFAULT32(memory_, address_, t1); \\
  wasm_rt_memcpy(MEM_ADDR_MEMOP(memory_, address_, sizeof(t1)), &wrapped_, sizeof(t1)); } while (0)
`;

/**
 * wasm2c's loads and stores are inline functions, so that their machine code has the lines of their own definitions. As
 * macros of the same text they are at the line of the statement that uses them. Throws if `code` defines no loads.
 */
export function accessesInPlace(code: string): string {
  let count = 0;
  const changed = code
    .replace(/^DEFINE_LOAD\((\w+), (\w+, \w+, \w+, \w+)\)$/gm, (_, name: string, types: string) => {
      const before = count++ === 0 ? ACCESSES_IN_PLACE : "";
      return `${before}#define ${name}_default32(mem, addr) LOAD_IN_PLACE(mem, addr, ${types})`;
    })
    .replace(
      /^DEFINE_STORE\((\w+), (\w+), \w+\)$/gm,
      "#define $1_default32(mem, addr, value) STORE_IN_PLACE(mem, addr, value, $2)",
    );
  if (count === 0)
    throw new Error("wasm2c's C has no DEFINE_LOAD: wasm2c has changed; see tools/build/accesses-in-place.ts");
  return changed;
}
