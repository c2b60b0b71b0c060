// Module-level state as it ends up in the compiled modules: what tools/lint/no-module-state.ts overlooked would show here.
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { execa } from "execa";
import { buildDirectory, root } from "../../../tools/paths.ts";
import { compile } from "./compile.ts";

/** The mutable globals that asc makes itself and those of allocators, and what they hold. */
const OF_ASC: Readonly<Record<string, string>> = {
  "~lib/rt/stub/offset": "where the stub runtime allocates next; still after start",
  "hv/core/memory/arenas/arena": "the same of core's own allocator: the arena that it allocates from",
  "hv/core/memory/arenas/next": "where it allocates next there; still while a guest runs",
  "hv/core/memory/arenas/end": "where that arena ends",
  "hv/core/memory/arenas/heapStart": "where core's own heap starts; still after start",
  "hv/core/memory/arenas/heapNext": "where core's own heap goes on meanwhile",
  "hv/core/memory/arenas/strayBytes": "what an arena had no room for",
  "~started": "whether `start` has run",
  "~argumentsLength": "how many arguments the call at hand passes; of no meaning between calls",
};

/** Names the mutable globals of a module; throws where wasm-objdump prints something else than globals with names. */
async function mutableGlobals(wasm: string): Promise<string[]> {
  const program = join(root, "node_modules/wabt/bin/wasm-objdump");
  const { stdout } = await execa(process.execPath, [program, "--details", "--section=Global", wasm]);
  const [, count = "0", rows = ""] = /^Global\[(\d+)\]:\n(.*)$/ms.exec(stdout) ?? [];
  const globals = [...rows.matchAll(/^ - global\[\d+\] \w+ mutable=([01]) <(.*)> - /gm)];
  if (globals.length === 0 || globals.length !== Number(count))
    throw new Error(`found ${globals.length} named globals of ${count} in ${wasm}, expected asc's to be among them`);
  return globals.filter(([, mutable]) => mutable === "1").map(([, , name = ""]) => name);
}

for (const name of ["core", "vmm", "terminal"]) {
  test(`${name}.wasm has no mutable globals but asc's and its allocator's`, async () => {
    const globals = await mutableGlobals(join(buildDirectory, `${name}.wasm`));
    const ofModules = globals.filter((global) => !(global in OF_ASC));
    assert.deepEqual(ofModules, [], "a module holds state: keep it in an object that is reached from the root");
  });
}

test("a variable, a static field and a computed constant of a module are mutable globals", async () => {
  const source = `
    let count: u32 = 0;
    class Counter { static count: u32 = 0; }
    const computed: Counter = new Counter();
    export function f(): usize { return ++count + ++Counter.count + changetype<usize>(computed); }`;
  const globals = await compile(source, ["-O1", "--debug", "--exportStart", "start"], mutableGlobals);
  const ofModule = globals.filter((global) => global.startsWith("sample/"));
  assert.deepEqual(ofModule.sort(), ["sample/Counter.count", "sample/computed", "sample/count"]);
});
