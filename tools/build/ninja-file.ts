// The build as a ninja file: which tool makes which file from which.
import { readdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { testGuests } from "./test-guests.ts";

export type Compiler = "gcc" | "clang";

/** What a build can vary. */
export interface BuildOptions {
  readonly compiler: Compiler;
}

const WASM_MODULES = [
  { name: "core", sources: ["hv/core", "hv/doctor", "hv/x86", "hv/shared"], isNative: true },
  { name: "vmm", sources: ["hv/vmm", "hv/x86", "hv/shared"], isNative: true },
  { name: "terminal", sources: ["hv/terminal", "hv/shared"], isNative: true },
  // For Node and browsers only; core compiles the same sources in.
  { name: "doctor", sources: ["hv/doctor", "hv/x86"], isNative: false },
] as const;

/** The parts of the step that makes C of a Wasm module. */
const WASM_TO_C = ["wasm-to-c", "freestanding", "source-lines", "accesses-in-place", "statements", "wasm-instructions"];

/** vmm.wasm with its loops counted, for the fuzzer. */
export const COUNTED_VMM = "build/vmm-counted.wasm";

/** The parts of the step that makes the ISO. */
const WRITE_ISO = [
  "build/write-iso",
  "build/iso",
  "build/grub",
  "build/step",
  "image/command-line",
  "image/grub-configuration",
];

// Freestanding, no SSE (its registers are the guest's), and none of the optimisations that presume a hosted C program.
// Frame pointers stay: a backtrace must not depend on unwind tables. DWARF 4: in a unit of DWARF 5 whose first code
// stands under a #line, binutils 2.40 takes that code's file for the unit's.
const C_FLAGS = [
  "-std=gnu11 -O2 -g -gdwarf-4 -ffreestanding -fno-pie -fno-pic -mcmodel=small -mno-red-zone -mno-sse -mno-mmx -mno-80387",
  "-fno-stack-protector -fno-strict-aliasing -fno-delete-null-pointer-checks -fno-omit-frame-pointer",
  "-fno-asynchronous-unwind-tables -fno-ident -fcf-protection=none -ffile-prefix-map=$root=.",
  "-Wall -Wextra -Werror -Wno-unused -Wno-unused-parameter -Iboot/runtime -Ibuild",
].join(" ");

// Each page of a large frame is touched in order, so that an exhausted stack meets its guard and nothing behind it.
const UNIT_FLAGS: Readonly<Record<string, string>> = { vmm_unit: "-fstack-clash-protection" };

// Core's thousands of texts make one long function, for which gcc gives up following variables anyway, and says so.
const GCC_UNIT_FLAGS: Readonly<Record<string, string>> = { core_unit: "-fno-var-tracking-assignments" };

function filesBelow(folder: string, suffix: string): string[] {
  try {
    return readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && entry.name.endsWith(suffix))
      .map((entry) => join(entry.parentPath, entry.name))
      .sort();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}

/** The text of build/build.ninja; paths in it are relative to the repository, ninja's working directory. */
export function ninjaFile(options: BuildOptions, root: string): string {
  const lines: string[] = [];
  const rule = (name: string, description: string, command: string, more: readonly string[] = []): void => {
    lines.push(`rule ${name}`, `  command = ${command}`, `  description = ${description}`);
    lines.push(...more.map((line) => `  ${line}`), "");
  };
  const edge = (outputs: string, ruleName: string, inputs: string, variables: Record<string, string> = {}): void => {
    lines.push(`build ${outputs}: ${ruleName} ${inputs}`);
    lines.push(...Object.entries(variables).map(([key, value]) => `  ${key} = ${value}`));
  };

  lines.push(
    "ninja_required_version = 1.10",
    "builddir = build",
    `root = ${resolve(root)}`,
    `cc = ${options.compiler}`,
  );
  lines.push(`cflags = ${C_FLAGS}`, "tool = node --import tsx tools/build", "");
  // asc and the C compilers take a moment each; ninja runs as many side by side as there are processors.
  rule(
    "asc",
    "asc $target: AssemblyScript to Wasm",
    "node node_modules/assemblyscript/bin/asc.js $entry --target $target",
  );
  rule("wasm2c", "wasm2c $target: Wasm to C", "$tool/wasm-to-c.ts $target $in");
  rule("cc", "$cc $in", "$cc $cflags $unitflags -MMD -MF $out.d -c $in -o $out", ["depfile = $out.d", "deps = gcc"]);
  rule(
    "nasm",
    "nasm $in",
    "nasm -f elf64 -g -F dwarf -Werror --reproducible -MD $out.d -o $out $in && $tool/nasm-paths.ts $in $out",
    ["depfile = $out.d", "deps = gcc"],
  );
  rule(
    "link",
    "ld $out",
    "ld -nostdlib -static -z noexecstack --build-id=none -z max-page-size=4096 -T linker.ld -o $out $in",
  );
  rule("symbols", "symbols $out", "$tool/symbols.ts $in $out");
  rule("strip", "strip $out", "objcopy --strip-all $in $out");
  rule("iso", "xorriso $out", "$tool/write-iso.ts $in $out");
  rule("count-iterations", "count-iterations $out", "$tool/count-iterations.ts $in $out");
  rule("doctor-page", "esbuild $out", "$tool/doctor-page.ts $in $out");

  for (const { name, sources, isNative } of WASM_MODULES) {
    const inputs = sources.flatMap((folder) => filesBelow(folder, ".ts"));
    edge(`build/${name}.wasm | build/${name}.wasm.map`, "asc", `| ${inputs.join(" ")} asconfig.json`, {
      target: name,
      entry: `hv/${name}/index.ts`,
    });
    if (!isNative) continue;
    edge(
      `build/${name}_module.c.inc | build/${name}_module.h`,
      "wasm2c",
      `build/${name}.wasm | build/${name}.wasm.map ${WASM_TO_C.map((file) => `tools/build/${file}.ts`).join(" ")}`,
      { target: name },
    );
  }

  const objects: string[] = [];
  for (const source of filesBelow("boot", ".asm")) {
    const object = `build/${source.replace(/\.asm$/, ".asm.o")}`;
    edge(object, "nasm", `${source} | ${filesBelow("boot", ".inc").join(" ")} tools/build/nasm-paths.ts`);
    objects.push(object);
  }
  for (const source of filesBelow("boot", ".c")) {
    const unit = /([^/]+)\.c$/.exec(source)![1]!;
    const object = `build/${source.replace(/\.c$/, ".o")}`;
    const module = /^(\w+)_unit$/.exec(unit)?.[1];
    const generated = module ? ` | build/${module}_module.c.inc build/${module}_module.h` : "";
    const gccFlags = options.compiler === "gcc" ? GCC_UNIT_FLAGS[unit] : undefined;
    edge(object, "cc", source + generated, { unitflags: [UNIT_FLAGS[unit], gccFlags].filter(Boolean).join(" ") });
    objects.push(object);
  }

  // The symbol table is made from a first link and lies behind everything else, so that no address moves.
  for (const [stage, input] of [
    ["first", "tools/build/symbols.ts"],
    ["last", "build/first.elf"],
  ] as const) {
    const source = `build/${stage}/symbol_table.c`;
    edge(source, "symbols", stage === "first" ? "" : `${input} | tools/build/symbols.ts`);
    edge(`build/${stage}/symbol_table.o`, "cc", source);
    edge(
      stage === "first" ? "build/first.elf" : "build/basalt.elf",
      "link",
      `${objects.join(" ")} build/${stage}/symbol_table.o | linker.ld`,
    );
  }
  edge("build/stripped/basalt.elf", "strip", "build/basalt.elf");
  edge(
    "build/basalt.iso",
    "iso",
    `build/stripped/basalt.elf | ${WRITE_ISO.map((file) => `tools/${file}.ts`).join(" ")}`,
  );
  edge(COUNTED_VMM, "count-iterations", "build/vmm.wasm | tools/build/count-iterations.ts");
  const pageSources = [...filesBelow("tools/doctor", ""), ...filesBelow("hv/x86", ".ts"), "tools/build/doctor-page.ts"];
  edge("build/doctor.html", "doctor-page", `build/doctor.wasm | ${pageSources.join(" ")}`);
  const guests = testGuests(root);
  lines.push(...guests.lines);
  const outputs = [
    "build/basalt.elf",
    "build/basalt.iso",
    "build/doctor.wasm",
    "build/doctor.html",
    COUNTED_VMM,
    ...guests.outputs,
  ];
  lines.push(`default ${outputs.join(" ")}`, "");
  return lines.join("\n");
}
