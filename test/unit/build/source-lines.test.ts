// Holds that machine code made of AssemblyScript has the AssemblyScript's lines in its debug information.
import assert from "node:assert/strict";
import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { execa } from "execa";
import { ninjaFile } from "../../../tools/build/ninja-file.ts";
import { freestanding } from "../../../tools/build/freestanding.ts";
import { withSourceLines } from "../../../tools/build/source-lines.ts";
import { parseDisassembly } from "../../../tools/build/wasm-instructions.ts";
import { findPlaces } from "../../../tools/commands/where.ts";
import { builtElf, root } from "../../../tools/paths.ts";

/** Each offset of an access, and each call's target, is in one line only, so that its machine code can be found. */
const PROGRAM = `import { inlined, Shape } from "./inner";
declare function note(value: u32): u32;
declare function noteAgain(value: u32): u32;

export function accesses(at: usize): u32 {
  const first = load<u32>(at, 0x1110);
  const second =
    load<u8>(at, 0x1120) +
    load<u32>(at, 0x1130);
  store<u32>(at, first + second, 0x1140);
  store<u64>(at, 7, 0x1150);
  return first;
}

export function calls(a: u32, callback: (value: u32) => u32): u32 {
  note(a);
  memory.fill(a, 0, a); // fill
  const answer = callback(a); // indirect
  return noteAgain(answer) + answer;
}

export function divides(a: u32, b: u32): u32 {
  note(a);
  return a / b;
}

export function ends(a: u32): u32 {
  if (a == 5)
    unreachable();
  return a * 3;
}

export function outer(shape: Shape): u32 {
  note(1);
  const value = inlined(shape);
  store<u32>(value, 1, 0x1160);
  return value;
}

export const table: StaticArray<(value: u32) => u32> = [(value: u32): u32 => value + 1];
`;

const INNER = `
export class Shape {
  width: u32;
  height: u32;
}

// Binaryen inlines it: it has one caller.
export function inlined(shape: Shape): u32 {
  const at = changetype<usize>(shape);
  store<u16>(at, 1, 0x2210);
  return (
    load<u32>(at, 0x2220) /
    shape.height // the divisor
  );
}
`;

const STUBS = `
void *memset(void *to, int byte, unsigned long count) { __asm__ volatile("rep stosb" : : "D"(to), "a"(byte), "c"(count)); return to; }
int memcmp(const void *a, const void *b, unsigned long count) { return a != b && count != 0; }
void wasm_rt_trap(int kind) { for (;;) __asm__ volatile("" : : "r"(kind)); }
unsigned w2c_program_note(void *env, unsigned value) { __asm__ volatile("" : : "r"(env)); return value; }
unsigned w2c_program_noteAgain(void *env, unsigned value) { __asm__ volatile("" : : "r"(env)); return value + 1; }
`;

const wabt = (program: string, ...words: string[]) =>
  execa(process.execPath, [join(root, "node_modules/wabt/bin", program), ...words]);

let directory: string;
let raw: string;
let wasm: string;
let elf: string;
let disassembly: string[];

before(async () => {
  directory = await mkdtemp(join(tmpdir(), "basalt-lines-"));
  wasm = join(directory, "program.wasm");
  elf = join(directory, "program.elf");
  await writeFile(join(directory, "program.ts"), PROGRAM);
  await writeFile(join(directory, "inner.ts"), INNER);
  await writeFile(join(directory, "stubs.c"), STUBS);
  await execa(process.execPath, [
    ...[join(root, "node_modules/assemblyscript/bin/asc.js"), "program.ts", "--baseDir", directory],
    ...["--outFile", "program.wasm", "--sourceMap", "--debug", "-O3", "--converge", "--runtime", "stub"],
    ...["--initialMemory", "4"],
  ]);
  raw = await toC(wasm, "program");
  await writeFile(join(directory, "program_module.c.inc"), withSourceLines(raw, wasm, "program_module.c.inc"));
  await compile("program_module.c.inc", "program.o");
  await compile("stubs.c", "stubs.o");
  await execa("ld", ["-Ttext=0x200000", "--entry=0", "--unresolved-symbols=ignore-all", "-o", elf].concat(objects()));
  const { stdout } = await execa("objdump", ["-d", "--no-show-raw-insn", elf]);
  disassembly = stdout.split("\n");
});
after(() => rm(directory, { recursive: true }));

const objects = (): string[] => ["program.o", "stubs.o"].map((name) => join(directory, name));

async function toC(module: string, name: string): Promise<string> {
  const c = module.replace(/\.wasm$/, ".c");
  await wabt("wasm2c", module, "--module-name", name, "--output", c);
  return freestanding(await readFile(c, "utf8"));
}

async function compile(source: string, object: string, folder = directory): Promise<void> {
  const flags = "-std=gnu11 -O2 -g -gdwarf-4 -ffreestanding -fno-pie -mno-sse -fno-stack-protector -x c -I.".split(" ");
  await execa("gcc", [...flags, `-I${root}/boot/runtime`, "-c", source, "-o", object], { cwd: folder });
}

/** The lines of the disassembly of the function that AssemblyScript exports as `name`. */
function codeOf(name: string): string[] {
  const start = disassembly.findIndex((line) => line.endsWith(`<w2c_program_${name}>:`));
  assert.notEqual(start, -1, `${name} is not in the image`);
  const parts = disassembly.slice(start + 1, disassembly.indexOf("", start));
  const cold = disassembly.findIndex((line) => line.endsWith(`<w2c_program_${name}.cold>:`));
  return cold === -1 ? parts : [...parts, ...disassembly.slice(cold + 1, disassembly.indexOf("", cold))];
}

/** The AssemblyScript's lines, innermost first, of the one instruction of export `name` that `pattern` matches. */
async function placesOf(name: string, pattern: RegExp): Promise<string[]> {
  const found = codeOf(name).filter((line) => pattern.test(line));
  assert.equal(
    found.length,
    1,
    `${name} has ${found.length} instructions like ${pattern}:\n${codeOf(name).join("\n")}`,
  );
  const [place] = await findPlaces(elf, [`0x${found[0]!.split(":")[0]!.trim()}`]);
  return place!.frames
    .map(({ file, line }) => `${file.replace(`${directory}/`, "")}:${line}`)
    .filter((frame) => /^\w+\.ts:/.test(frame));
}

/** `file:line` of the one line of `source` that holds `text`. */
function lineWith(file: string, source: string, text: string): string {
  const lines = source.split("\n");
  const index = lines.findIndex((line) => line.includes(text));
  assert.equal(
    index,
    lines.findLastIndex((line) => line.includes(text)),
    `${text} is not in one line of ${file}`,
  );
  return `${file}:${index + 1}`;
}

describe("the machine code of AssemblyScript", () => {
  for (const offset of ["0x1110", "0x1120", "0x1130", "0x1140", "0x1150"]) {
    test(`has the line of the load or store at offset ${offset}`, async () => {
      assert.deepEqual(await placesOf("accesses", new RegExp(`${offset}\\(`)), [
        lineWith("program.ts", PROGRAM, offset),
      ]);
    });
  }

  test("has the lines of calls", async () => {
    const first = await placesOf("calls", /call .*<w2c_program_note>/);
    const second = await placesOf("calls", /(call|jmp) .*<w2c_program_noteAgain>/);
    assert.deepEqual(first, ["program.ts:16"]);
    assert.deepEqual(second, [lineWith("program.ts", PROGRAM, "noteAgain(answer)")]);
  });

  test("has the line of an indirect call", async () => {
    assert.deepEqual(await placesOf("calls", /call +\*/), [lineWith("program.ts", PROGRAM, "// indirect")]);
  });

  test("has the line of a memory.fill around the function that wasm2c has for it", async () => {
    const places = await placesOf("calls", /call .*<memset>/);
    assert.equal(places.at(-1), lineWith("program.ts", PROGRAM, "// fill"));
  });

  test("has the lines of a division by zero and of unreachable", async () => {
    assert.deepEqual(await placesOf("divides", /call .*<wasm_rt_trap>/), [lineWith("program.ts", PROGRAM, "a / b")]);
    assert.deepEqual(await placesOf("divides", /\bdiv\b/), [lineWith("program.ts", PROGRAM, "a / b")]);
    assert.deepEqual(await placesOf("ends", /call .*<wasm_rt_trap>/), [
      lineWith("program.ts", PROGRAM, "unreachable();"),
    ]);
  });

  test("has the lines of a function's own file where Binaryen inlined it", async () => {
    const line = (text: string): string => lineWith("inner.ts", INNER, text);
    assert.deepEqual(await placesOf("outer", /0x2210\(/), [line("0x2210")]);
    assert.deepEqual(await placesOf("outer", /0x2220\(/), [line("0x2220")]);
    assert.deepEqual(await placesOf("outer", /call .*<wasm_rt_trap>/), [line("0x2220")]);
    assert.deepEqual(await placesOf("outer", /0x1160\(/), [lineWith("program.ts", PROGRAM, "0x1160")]);
  });

  test("has the line's file also where it is the first code of its unit, with the build's flags", async () => {
    const flags = /^cflags = (.*)$/m.exec(ninjaFile({ compiler: "gcc" }, root))![1]!.replaceAll("$root", root);
    const [source, object] = [join(directory, "first.c"), join(directory, "first.elf")];
    await writeFile(source, '#line 5 "hv/core/index.ts"\nint first(int x);\nint first(int x) { return x + 1; }\n');
    await execa("gcc", [...flags.split(" "), "-nostdlib", "-static", "-Wl,--entry=first", "-o", object, source], {
      cwd: root,
    });
    const { stdout } = await execa("nm", [object]);
    const [place] = await findPlaces(object, [`0x${/^([0-9a-f]+) T first$/m.exec(stdout)?.[1]}`]);
    assert.deepEqual(place?.frames, [{ function: "first", file: "hv/core/index.ts", line: 6 }]);
  });

  test("is the same without the directives, which change debug information only", async () => {
    const code = await readFile(join(directory, "program_module.c.inc"), "utf8");
    assert.match(code, /^#line /m);
    const plain = join(directory, "plain");
    await mkdir(plain);
    await copyFile(join(directory, "program.h"), join(plain, "program.h"));
    await writeFile(join(plain, "program_module.c.inc"), code.replaceAll(/^#line .*\n/gm, ""));
    await compile("program_module.c.inc", "program.o", plain);
    for (const folder of [directory, plain])
      await execa("objcopy", ["--strip-debug", "program.o", "bare.o"], { cwd: folder });
    assert.deepEqual(await readFile(join(plain, "bare.o")), await readFile(join(directory, "bare.o")));
  });
});

describe("code of wasm2c itself", () => {
  test("keeps its own file and line", async () => {
    const { stdout } = await execa("nm", [elf]);
    const address = /^([0-9a-f]+) T wasm2c_program_instantiate$/m.exec(stdout)?.[1];
    const [place] = await findPlaces(elf, [`0x${address}`]);
    const frame = place!.frames.at(-1)!;
    const code = (await readFile(join(directory, "program_module.c.inc"), "utf8")).split("\n");
    assert.match(frame.file, /program_module\.c\.inc$/);
    assert.match(code[frame.line - 1]!, /^void wasm2c_program_instantiate\(/);
  });
});

test("every function of the image that stems from AssemblyScript begins there, and nearly all in their own file", async () => {
  const { stdout } = await execa("nm", ["--defined-only", builtElf]);
  const functions = [...stdout.matchAll(/^([0-9a-f]+) [tT] (w2c_(?:core|vmm)_(?:hv0x2F|0x7Elib0x2F)\S+)$/gm)];
  assert.ok(functions.length > 50, `the image has only ${functions.length} such functions`);
  const places = await findPlaces(
    builtElf,
    functions.map(([, address]) => `0x${address}`),
  );
  // asc gives nothing of a constructor that it makes itself a position, and Binaryen leaves nothing of a few functions
  // theirs: those keep their lines of C.
  const outermost = places.map((place) => place.frames.at(-1)!);
  const frames = outermost.filter(({ file }) => /^(hv|~lib)\/.*\.ts$/.test(file));
  const lost = outermost.filter((frame) => !frames.includes(frame) && !frame.function.endsWith("#constructor"));
  assert.ok(lost.length < functions.length / 100, JSON.stringify(lost));
  // asc gives nothing of a function a position if all of it was inlined there, and what it makes itself none: such a
  // constructor, and the choice among the methods that override one.
  const written = frames.filter((frame) => !/(#constructor|@override)$/.test(frame.function));
  const astray = written.filter((frame) => !frame.function.startsWith(frame.file.replace(/\.ts$/, "/")));
  assert.ok(astray.length < functions.length / 20, JSON.stringify(astray));
});

describe("C that does not fit its Wasm is refused with the function's name", () => {
  const statement = /^  var_i\d+ = i32_load_default32\(.*\+ 4368u\);\n/m; // 0x1110
  const changes: Readonly<Record<string, (code: string) => string>> = {
    "a statement is missing": (code) => code.replace(statement, ""),
    "a statement is there twice": (code) => code.replace(statement, "$&$&"),
    "a load has another width": (code) => code.replace(statement, (line) => line.replace("i32_load", "i32_load16_u")),
    "a constant is another": (code) =>
      code.replace(/(w2c_program_program0x2Faccesses\(w2c[^;]*\{[^]*?) = 7ull;/, "$1 = 8ull;"),
    "a statement is of no known form": (code) => code.replace(statement, "  prefetch(var_i0);\n$&"),
  };
  for (const [name, change] of Object.entries(changes)) {
    test(name, () => {
      const changed = change(raw);
      assert.ok(changed !== raw, "the change has found its place");
      assert.throws(() => withSourceLines(changed, wasm), /function program\/accesses: .*wasm2c has changed/);
    });
  }

  test("a function is missing", () => {
    const changed = raw.replace(/  FUNC_PROLOGUE;\n/, "");
    assert.throws(() => withSourceLines(changed, wasm), /has \d+ functions and wasm2c's C \d+/);
  });
});

test("every kind of integer instruction and branch is matched", async () => {
  const values = "clz ctz popcnt eqz".split(" ").map((name) => `(drop (i32.${name} (local.get $a)))`);
  const pairs = "add sub mul div_s div_u rem_s rem_u and or xor shl shr_s shr_u rotl rotr eq ne lt_s lt_u gt_s gt_u"
    .concat(" le_s le_u ge_s ge_u")
    .split(" ")
    .flatMap((name) => [
      `(drop (i32.${name} (local.get $a) (i32.const -2)))`,
      `(drop (i64.${name} (i64.const -3) (i64.const 9)))`,
    ]);
  const text = `(module
    (memory 1) (global $g (mut i32) (i32.const 0))
    (func $f (export "f") (param $a i32) (result i32) (local $b i64)
      ${values.join("\n")} ${pairs.join("\n")}
      (drop (i32.extend8_s (local.get $a))) (drop (i64.extend16_s (i64.extend_i32_s (local.get $a))))
      (drop (i32.wrap_i64 (i64.extend_i32_u (local.tee $a (memory.grow (memory.size))))))
      (global.set $g (select (global.get $g) (local.get $a) (local.get $a)))
      (memory.copy (i32.const 0) (i32.const 8) (i32.const 8))
      (memory.fill (i32.const 0) (i32.const 0) (i32.const 8))
      (nop)
      (block $out
        (loop $again
          (br_if $again (local.get $a))
          (block $one (block $two (br_table $one $two $out (local.get $a)) (local.set $a (i32.const 1)) (unreachable))
            (br $out)
            (drop (i32.const 5)))
          (if (local.get $a) (then (return (i32.const 3)) (global.set $g (i32.const 2))) (else (unreachable)))))
      (drop (block $value (result i32)
        (i32.const 1) (i32.const 4) (br_if $value (local.get $a)) (drop) (drop) (i64.const 2) (i32.const 6) (br $value)))
      (i32.const 1) (return (i32.const 2))
      (if (local.get $a) (then (nop)) (else (nop)))
      (i32.load (i32.const 0))))`;
  const module = join(directory, "kinds.wasm");
  await writeFile(join(directory, "kinds.wat"), text);
  await wabt("wat2wasm", join(directory, "kinds.wat"), "--debug-names", "-o", module);
  await writeFile(`${module}.map`, JSON.stringify({ version: 3, sources: [], names: [], mappings: "" }));
  const code = withSourceLines(await toC(module, "kinds"), module);
  assert.doesNotMatch(code, /^#line/m, "nothing has a source here");
});

test("instructions that no run can reach are left out, up to the end of their block", () => {
  const text = `
kinds.wasm:	file format wasm 0x1

Code Disassembly:

000010 func[0] <f>:
 000011: 02 40                      | block
 000013: 0c 00                      |   br 0
 000015: 02 40                      |   block
 000017: 41 05                      |     i32.const 5
 000019: 0b                         |   end
 00001a: 41 81 80 80 80 80 80 80 80 |   i32.const 6
 000023: 00                         | 
 000024: 0b                         | end
 000025: 20 00                      | local.get 0
 000027: 0b                         | end
`;
  assert.deepEqual(parseDisassembly(text), [
    {
      name: "f",
      instructions: [
        { opcode: "block", immediates: "", offset: 0x11 },
        { opcode: "br", immediates: "0", offset: 0x13 },
        { opcode: "end", immediates: "", offset: 0x24 },
        { opcode: "local.get", immediates: "0", offset: 0x25 },
        { opcode: "end", immediates: "", offset: 0x27 },
      ],
    },
  ]);
});
