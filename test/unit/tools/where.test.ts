// Holds how `basalt where` names code by address.
import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { execa } from "execa";
import { findPlaces, parsePlaces } from "../../../tools/commands/where.ts";

let directory: string;
before(async () => {
  directory = await mkdtemp(join(tmpdir(), "basalt-where-"));
});
after(() => rm(directory, { recursive: true }));

async function addressOf(elf: string, symbol: string): Promise<string> {
  const { stdout } = await execa("nm", [elf]);
  return `0x${new RegExp(`^([0-9a-f]+) T ${symbol}$`, "m").exec(stdout)?.[1]}`;
}

describe("an address", () => {
  test("in inlined code names every function on the way, the innermost first, by its AssemblyScript name", () => {
    const output = [
      "0x0000000000100020",
      "w2c_core_hv0x2Fcore0x2Fvmx0x2Fvmcs0x2Fwrite",
      "hv/core/vmx/vmcs.ts:40",
      "w2c_core_start",
      "hv/core/index.ts:9 (discriminator 2)",
      "0x0000000000000001",
      "??",
      "??:0",
    ].join("\n");
    assert.deepEqual(parsePlaces(output), [
      {
        address: "0x0000000000100020",
        frames: [
          { function: "hv/core/vmx/vmcs/write", file: "hv/core/vmx/vmcs.ts", line: 40 },
          { function: "start", file: "hv/core/index.ts", line: 9 },
        ],
      },
      { address: "0x0000000000000001", frames: [] },
    ]);
  });

  test("in a linked image is found with the source line that #line gives it", async () => {
    const source = join(directory, "code.c");
    const elf = join(directory, "code.elf");
    await writeFile(
      source,
      'int before;\nint first(void) { return before; }\n#line 123 "hv/core/index.ts"\nint w2c_core_dispatch(int x) { return x + 1; }\n',
    );
    await execa(
      "gcc",
      ["-g", "-O1", "-ffreestanding", "-nostdlib", "-static", "-Wl,-Ttext=0x200000"].concat([
        "-Wl,--entry=w2c_core_dispatch",
        "-fno-pie",
        "-no-pie",
        "-fno-asynchronous-unwind-tables",
        "-o",
        elf,
        source,
      ]),
    );
    const [inside, outside] = await findPlaces(elf, [await addressOf(elf, "w2c_core_dispatch"), "0x300000"]);
    assert.deepEqual(inside?.frames, [{ function: "dispatch", file: "hv/core/index.ts", line: 123 }]);
    assert.deepEqual(outside?.frames, []);
  });

  test("cannot be looked up in an image that is not there", async () => {
    const search = findPlaces(join(directory, "none.elf"), ["0x1"]);
    await assert.rejects(search, { exit: "build", message: /npm run build/ });
  });
});
