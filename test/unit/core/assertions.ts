// What tests of core assert again and again about a run.
import assert from "node:assert/strict";
import type { Run } from "./machine/machine.ts";

/** The run ended with the result `name`, printed a line for each pattern, and misused the processor in no way. */
export function assertEnd(run: Run, name: string, ...patterns: readonly RegExp[]): void {
  const printed = run.lines.join("\n");
  assert.equal(run.name, name, printed);
  for (const pattern of patterns) {
    assert.ok(
      run.lines.some((line) => pattern.test(line)),
      `no line matches ${pattern}:\n${printed}`,
    );
  }
  const { vmx, svm, processor } = run.machine;
  assert.deepEqual(vmx.misuses, []);
  assert.equal(vmx.isOn, false, "VMX operation is left");
  assert.equal(processor.vmxIsEnabled, false, "CR4.VMXE is cleared");
  assert.equal(svm.isEnabled, false, "EFER.SVME is cleared");
}

export function assertNoLine(run: Run, pattern: RegExp): void {
  assert.deepEqual(
    run.lines.filter((line) => pattern.test(line)),
    [],
  );
}

/** The lines that are errors or warnings. */
export function complaints(run: Run): string[] {
  return run.lines.filter((line) => /^basalt: (error|warning|panic): /.test(line));
}
