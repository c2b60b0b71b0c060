// Turns a Wasm module into the C that boot/runtime includes. Usage: wasm-to-c.ts MODULE FILE.wasm
import { readFileSync, writeFileSync } from "node:fs";
import { execaSync } from "execa";
import { withSourceLines } from "./source-lines.ts";

// wasm2c loads a memory's base address before each access. Basalt's instances lie at a fixed distance below their memory
// (boot/runtime/runtime.h), so the base is the instance pointer plus a constant and costs no instruction.
const MEMORY_ADDRESS = "#define MEM_ADDR(mem, addr, n) &((mem)->data[addr])";
const FIXED_MEMORY_ADDRESS = (module: string): string =>
  `#define MEM_ADDR(mem, addr, n) \\
  ((uint8_t*)((uintptr_t)(mem) + (INSTANCE_GAP - offsetof(w2c_${module}, w2c_memory)) + (addr)))`;

const [module, wasm] = process.argv.slice(2);
if (module === undefined || wasm === undefined) throw new Error("usage: wasm-to-c.ts MODULE FILE.wasm");

const raw = `build/${module}.raw.c`;
execaSync("node", ["node_modules/wabt/bin/wasm2c", wasm, "--module-name", module, "--output", raw], {
  stdio: "inherit",
});
let code = readFileSync(raw, "utf8");
if (!code.includes(MEMORY_ADDRESS))
  throw new Error(`${raw}: wasm2c's MEM_ADDR has changed; see tools/build/wasm-to-c.ts`);
code = code.replace(MEMORY_ADDRESS, FIXED_MEMORY_ADDRESS(module)).replace(`"${module}.raw.h"`, `"${module}_module.h"`);
code = withSourceLines(code, wasm);
writeFileSync(`build/${module}_module.h`, readFileSync(`build/${module}.raw.h`));
writeFileSync(`build/${module}_module.c.inc`, code);
