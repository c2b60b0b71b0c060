// The machine that a built-in guest sees: RAM, and one hypercall.

import { EXIT_REASON_VMCALL } from "../x86/exit-reasons";
import { GUEST_COUNT, GUEST_FAULT_BOUNDS, GUEST_HLT, GUEST_NAMES } from "../shared/guests";
import {
  ANSWER_GUEST_ENDED,
  ANSWER_NOT_HANDLED,
  ANSWER_RESUME,
  CONSOLE_CAPACITY,
  CONSOLE_OFFSET,
  Registers,
  REGISTERS_OFFSET,
  VcpuPage,
} from "../shared/vcpu-page";
import { countGuest, hypercallGuest, haltGuest } from "./guests/code";
import { commitFault } from "./guests/faults";
import { buildIdentityMap, IDENTITY_MAP } from "./guests/page-tables";
import { writeText } from "./memory/console-text";
import { Ram, RAM_OK } from "./memory/ram";

/** Where a built-in guest's code and stack lie. */
const CODE: u64 = 0x10000;
const STACK_TOP: u64 = 0x20000;

/** The root object of a vmm instance. */
export class Vmm {
  private readonly page: VcpuPage;
  private readonly registers: Registers;
  private readonly ram: Ram;
  private readonly guest: u32;

  constructor(private readonly pageAddress: u32) {
    const page = changetype<VcpuPage>(<usize>pageAddress);
    this.page = page;
    this.registers = changetype<Registers>(<usize>(pageAddress + REGISTERS_OFFSET));
    this.ram = new Ram(page.ramBytes);
    this.guest = page.guest;
  }

  reset(): u32 {
    if (buildIdentityMap(this.ram) != RAM_OK || this.loadCode() != RAM_OK) {
      this.print("RAM is too small for guest " + GUEST_NAMES[this.guest]);
      return ANSWER_NOT_HANDLED;
    }
    this.page.startRip = CODE;
    this.page.startRsp = STACK_TOP;
    this.page.startCr3 = IDENTITY_MAP;
    this.print("loaded guest " + GUEST_NAMES[this.guest]);
    return ANSWER_RESUME;
  }

  private loadCode(): u32 {
    if (this.guest == GUEST_HLT) return haltGuest(this.ram, CODE);
    if (this.guest == GUEST_COUNT) return countGuest(this.ram, CODE, this.registers, this.page.iterations);
    return hypercallGuest(this.ram, CODE);
  }

  exit(): u32 {
    if (this.page.exitReason != EXIT_REASON_VMCALL) return ANSWER_NOT_HANDLED;
    if (this.guest >= GUEST_FAULT_BOUNDS) commitFault(this.guest);
    return ANSWER_GUEST_ENDED;
  }

  /** Gives core a line for the console; a second one before core prints the first replaces it. */
  private print(text: string): void {
    this.page.consoleLength = writeText(this.pageAddress + CONSOLE_OFFSET, CONSOLE_CAPACITY, text);
  }
}
