// A vmm whose guest is a boot module, for the loaders' tests.
import assert from "node:assert/strict";
import { vcpuPage } from "../core/machine/tables.ts";
import { TestVmm } from "./vmm.ts";

const MODULE = vcpuPage("MODULE_IN_VMM");
const PAGE = vcpuPage("VCPU_PAGE_IN_VMM");
const RBX = 3;

/** A vmm whose guest is a boot module. */
export class Loader {
  readonly vmm: TestVmm;

  constructor(ramBytes: bigint) {
    this.vmm = new TestVmm("module", ramBytes).create();
  }

  /** Loads `kernel`; "" or why it was refused. */
  load(kernel: Uint8Array, commandLine = "kernel one two", initrd: Uint8Array = new Uint8Array()): string {
    const { vmm } = this;
    const initrdAddress = MODULE + ((kernel.length + 0xfff) & ~0xfff);
    vmm.bytes.set(initrd, initrdAddress);
    vmm.set("initrdAddress", BigInt(initrdAddress));
    vmm.set("initrdBytes", BigInt(initrd.length));
    vmm.bytes.set(kernel, MODULE);
    Buffer.from(vmm.bytes.buffer).write(commandLine, PAGE + vcpuPage("COMMAND_LINE_OFFSET"));
    vmm.set("moduleAddress", BigInt(MODULE));
    vmm.set("moduleBytes", BigInt(kernel.length));
    vmm.set("commandLineBytes", BigInt(commandLine.length));
    vmm.set("consoleLength", 0n);
    const answer = vmm.reset();
    if (answer === vcpuPage("ANSWER_RESUME")) return "";
    assert.equal(answer, vcpuPage("ANSWER_NOT_HANDLED"));
    assert.match(vmm.console, /^the boot module cannot be started: \S.*\S$/);
    return vmm.console.replace("the boot module cannot be started: ", "");
  }

  u32(address: number): number {
    return Buffer.from(this.vmm.bytes.buffer).readUInt32LE(address);
  }
  text(address: number): string {
    const end = this.vmm.bytes.indexOf(0, address);
    return Buffer.from(this.vmm.bytes.buffer, address, end - address).toString("latin1");
  }
  get information(): number {
    return Number(this.vmm.register(RBX));
  }
}
