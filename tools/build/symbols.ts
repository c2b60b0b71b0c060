// Makes the C table of function names that Basalt prints in reports. Usage: symbols.ts [ELF] OUTPUT
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { execaSync } from "execa";

/**
 * wasm2c's C name for a function as AssemblyScript names it: `w2c_core_hv0x2Fcore…` is `hv/core/…`. So is `wrap_w2c_…`,
 * through which tables call it.
 */
export function readableName(symbol: string): string {
  const wasm = /^(?:wrap_)?w2c_(?:core|vmm|terminal)_(.*)$/.exec(symbol)?.[1];
  if (wasm === undefined) return symbol;
  return wasm
    .replace(/0x([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(parseInt(hex, 16)))
    .replace(/_0x5F|\x5F\x5F/g, "_");
}

function functionsOf(elf: string): { address: number; name: string }[] {
  const { stdout } = execaSync("nm", ["--numeric-sort", "--defined-only", elf]);
  const byAddress = new Map<number, string>();
  for (const line of stdout.split("\n")) {
    const [address, type, name] = line.split(" ");
    // Sections' and linker.ld's own marks are no functions.
    if (!address || !name || !/^[tT]$/.test(type ?? "") || /^(text|vmm_text)_(start|end)$/.test(name)) continue;
    byAddress.set(parseInt(address, 16), readableName(name));
  }
  return [...byAddress].map(([address, name]) => ({ address, name }));
}

const [elf, output] = process.argv.length > 3 ? process.argv.slice(2) : [undefined, process.argv[2]];
if (output !== undefined && import.meta.filename === process.argv[1]) {
  const functions = elf === undefined ? [] : functionsOf(elf);
  const offsets: number[] = [];
  let length = 0;
  for (const { name } of functions) {
    offsets.push(length);
    length += name.length + 1;
  }
  const list = (numbers: readonly number[]): string => numbers.map((n) => `0x${n.toString(16)},`).join("");
  mkdirSync(dirname(output), { recursive: true });
  writeFileSync(
    output,
    [
      "// Made by tools/build/symbols.ts.",
      `const unsigned symbol_count = ${functions.length};`,
      `const unsigned symbol_addresses[] = {${list(functions.map(({ address }) => address))}0};`,
      `const unsigned symbol_name_offsets[] = {${list(offsets)}0};`,
      `const char symbol_names[] =${functions
        .map(({ name }) => `\n  ${JSON.stringify(`${name}\0`)}`)
        .join("")
        .replaceAll("\\u0000", "\\0")}\n  "";`,
      "",
    ].join("\n"),
  );
}
