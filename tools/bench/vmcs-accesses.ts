// How many VMREADs and VMWRITEs a VM exit takes: under nested virtualization each may be a VM exit of its own.
import { ToolError } from "../errors.ts";

const iterations = { few: 10, many: 110 } as const;

/** VMCS accesses of one exit of built-in guest `guest`, counted by the simulated processor of the unit tests. */
export async function measureVmcsAccesses(guest: string): Promise<number> {
  // It reads build/core.wasm as it is loaded, which is only there after the build.
  const { boot } = await import("../../test/unit/core/machine/machine.ts");
  const accesses = (count: number): number => {
    const run = boot({ commandLine: `guest=${guest} iterations=${count}` });
    if (run.result === 0) return run.machine.vmx.accesses;
    throw new ToolError("internal", `the simulated machine ended with ${run.name}:\n${run.lines.join("\n")}`);
  };
  return (accesses(iterations.many) - accesses(iterations.few)) / (iterations.many - iterations.few);
}
