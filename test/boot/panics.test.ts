// Makes Basalt itself fail (boot option `fail=`) and holds what its reports tell.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { RunResult } from "../../tools/emulators/run.ts";
import { assertEnded, boot, onlyLine } from "./support/boot.ts";

const BACKTRACE = /^basalt: panic: (at {3}|from )0x[0-9a-f]{16} /;

/** The report's functions, the innermost first. */
function backtrace(run: RunResult): string[] {
  const frames = run.lines.filter((line) => BACKTRACE.test(line));
  return frames.map((line) => line.replace(BACKTRACE, "").replace(/\+0x[0-9a-f]+$/, ""));
}

/** A report of an exception holds the registers, the bytes at RIP and a backtrace by AssemblyScript's names. */
function assertReport(run: RunResult, innermost: RegExp): void {
  for (const register of ["rax", "rsp", "r15", "rip", "rfl", "cr2", "cr3"])
    onlyLine(run, new RegExp(`^basalt: panic: (.* )?${register}=0x[0-9a-f]{16}( |$)`));
  onlyLine(run, /^basalt: panic: code at rip:( 0x[0-9a-f]{2}){16}$/);
  const frames = backtrace(run);
  assert.match(frames[0] ?? "", innermost);
  const rip = /rip=(0x[0-9a-f]{16})/.exec(run.lines.join("\n"))?.[1];
  onlyLine(run, new RegExp(`^basalt: panic: at {3}${rip} `));
}

describe("a failure of Basalt's own ends the run with exit code 6 and a report:", () => {
  test("a failed assertion tells its message, its file and line, and who came to it", async () => {
    const run = await boot("tcg", "fail=assertion", { media: "kernel" });
    assertEnded(run, "61 assertion", "panic");
    onlyLine(run, /^basalt: panic: this assertion fails because .* at hv\/core\/monitor\/fail\.ts:\d+:\d+$/);
    assert.match(backtrace(run)[0] ?? "", /^hv\/core\//);
    assert.ok(backtrace(run).includes("runtime_start"), run.lines.join("\n"));
  });

  test("an exception names its vector and where it happened", async () => {
    const run = await boot("bochs", "fail=exception");
    assertEnded(run, "60 host-exception", "panic");
    onlyLine(
      run,
      /^basalt: panic: #(UD invalid opcode|GP general protection), vector (6|13), error code 0x[0-9a-f]{4}/,
    );
    assertReport(run, /^hv\/core\//);
    assert.ok(backtrace(run).includes("runtime_start"), run.lines.join("\n"));
  });

  test("an access beyond core's memory is a page fault at the address that was meant", async () => {
    const run = await boot("tcg", "fail=bounds", { media: "kernel" });
    assertEnded(run, "60 host-exception", "panic");
    // Core's memory lies at 1 GiB of PML4 slot 1 (boot/runtime/runtime.h), and 2 GiB of it is written to.
    onlyLine(
      run,
      /^basalt: panic: #PF page fault, vector 14, error code 0x0002: write to 0x00000080c0000000, page not present/,
    );
    onlyLine(run, /cr2=0x00000080c0000000/);
    assertReport(run, /^hv\/core\//);
  });

  test("an exhausted stack of core's is told as that, by the function that recursed", async () => {
    const run = await boot("bochs", "fail=stack");
    assertEnded(run, "60 host-exception", "panic");
    onlyLine(run, /^basalt: panic: #PF page fault, vector 14, .*: core's stack is exhausted$/);
    assertReport(run, /^hv\/core\/monitor\/fail\/recurse/);
    const recursions = backtrace(run).filter((name) => name.startsWith("hv/core/monitor/fail/recurse"));
    assert.ok(recursions.length > 8, run.lines.join("\n"));
  });
});
