// Turns a Wasm module into the C that boot/runtime includes. Usage: wasm-to-c.ts MODULE FILE.wasm
import { readFileSync, writeFileSync } from "node:fs";
import { execaSync } from "execa";
import { freestanding } from "./freestanding.ts";
import { withSourceLines } from "./source-lines.ts";

/** A definition of wasm2c's output, and what stands in its place. */
interface Replacement {
  readonly from: string;
  readonly to: string;
}

const replacements = (module: string): Replacement[] => [
  {
    // wasm2c loads a memory's base address before each access. Basalt's instances lie at a fixed distance below their
    // memory (boot/runtime/runtime.h), so the base is the instance pointer plus a constant and costs no instruction.
    from: "#define MEM_ADDR(mem, addr, n) &((mem)->data[addr])",
    to:
      "#define MEM_ADDR(mem, addr, n) \\\n" +
      `  ((uint8_t*)((uintptr_t)(mem) + (INSTANCE_GAP - offsetof(w2c_${module}, w2c_memory)) + (addr)))`,
  },
  {
    // This keeps a load whose value is not used, so that it traps out of bounds as Wasm's would. Here it would also force
    // every value through a register; a load that is not made harms nobody.
    from: '#define FORCE_READ_INT(var) __asm__("" ::"r"(var));',
    to: "#define FORCE_READ_INT(var)",
  },
  {
    // Within one module a type has one address, and an empty row of the table has none: one comparison decides.
    from:
      "#define CHECK_CALL_INDIRECT(table, ft, x)                \\\n" +
      "  (LIKELY((x) < table.size && table.data[x].func &&      \\\n" +
      "          func_types_eq(ft, table.data[x].func_type)) || \\\n" +
      "   TRAP(CALL_INDIRECT))",
    to:
      "#define CHECK_CALL_INDIRECT(table, ft, x) \\\n" +
      "  (LIKELY((x) < table.size && table.data[x].func_type == (ft)) || TRAP(CALL_INDIRECT))",
  },
  { from: `"${module}.raw.h"`, to: `"${module}_module.h"` },
];

const [module, wasm] = process.argv.slice(2);
if (module === undefined || wasm === undefined) throw new Error("usage: wasm-to-c.ts MODULE FILE.wasm");

const raw = `build/${module}.raw.c`;
execaSync("node", ["node_modules/wabt/bin/wasm2c", wasm, "--module-name", module, "--output", raw], {
  stdio: "inherit",
});
let code = readFileSync(raw, "utf8");
for (const { from, to } of replacements(module)) {
  if (!code.includes(from))
    throw new Error(`${raw} lacks what tools/build/wasm-to-c.ts replaces: wasm2c changed:\n${from}`);
  code = code.replace(from, () => to);
}
code = withSourceLines(freestanding(code), wasm);
writeFileSync(`build/${module}_module.h`, readFileSync(`build/${module}.raw.h`));
writeFileSync(`build/${module}_module.c.inc`, code);
