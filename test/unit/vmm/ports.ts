// Port accesses of a test's guest.
import assert from "node:assert/strict";
import { vcpuPage } from "../core/machine/tables.ts";
import { loaded, type TestVmm } from "./vmm.ts";

const RAX = 0;
const IN = 8n;

export class PortGuest {
  readonly vmm: TestVmm = loaded("real", 16n << 20n);

  /** An access to a port; the vmm's answer. */
  access(port: number, isIn: boolean, bytes: number, value = 0): number {
    this.vmm.set("consoleLength", 0n);
    this.vmm.set("consoleIsDebug", 0n);
    this.vmm.set("exitKind", BigInt(vcpuPage("EXIT_PORT")));
    this.vmm.set("access", (BigInt(port) << 16n) | (isIn ? IN : 0n) | BigInt(bytes - 1));
    // What lies above the operand is not the device's to see.
    this.vmm.setRegister(RAX, (0x5a5a5a5a5a5a5a5an << BigInt(8 * bytes)) | BigInt(value >>> 0));
    return this.vmm.exitWithText();
  }

  in(port: number, bytes = 1): number {
    assert.equal(this.access(port, true, bytes), vcpuPage("ANSWER_NEXT_INSTRUCTION"));
    return Number(this.vmm.get("ioValue"));
  }

  out(port: number, value: number, bytes = 1): void {
    assert.equal(this.access(port, false, bytes, value), vcpuPage("ANSWER_NEXT_INSTRUCTION"));
  }

  /** What the last access printed, "" if nothing. */
  get line(): string {
    return this.vmm.console;
  }
}
