// MOV between a register, or an immediate, and a device: what a driver's every access is, and so the short way.

import { ACCESS_HAS_LINEAR, ACCESS_OF_PAGING, ACCESS_READ, ACCESS_WRITE, EXIT_MEMORY } from "../../shared/vcpu-page";
import { SEGMENT_FS } from "../../x86/segments";
import { Bus } from "../bus";
import { VcpuViews } from "../cpu/vcpu-views";
import { Ram } from "../memory/ram";
import { Instruction } from "./instruction";
import { Operands } from "./operands";
import { FORM_REGISTER_RM, FORM_RM_IMMEDIATE, FORM_RM_REGISTER, OP_MOV } from "./operations";

const ACCESS_MASK: u64 = ACCESS_READ | ACCESS_WRITE | ACCESS_HAS_LINEAR | ACCESS_OF_PAGING;

export class PlainMove {
  constructor(
    private readonly vcpu: VcpuViews,
    private readonly operands: Operands,
    private readonly ram: Ram,
    private readonly bus: Bus,
  ) {}

  /**
   * Carries out `instruction` of 64-bit code if it is a MOV whose operand in memory is just what the exit tells of: then
   * the CPU has been through segmentation, paging and every check of this access, and told the physical address. An aligned
   * operand has no second page, and no alignment check. False where it is something else, and then nothing is done.
   */
  execute(instruction: Instruction): bool {
    const page = this.vcpu.page;
    const form = instruction.form;
    if (instruction.operation != OP_MOV || form > FORM_RM_IMMEDIATE || !instruction.isMemory) return false;
    const isLoad = form == FORM_REGISTER_RM;
    const bytes = instruction.memoryBytes;
    let linear = this.operands.offset(instruction);
    const segment = instruction.segment;
    if (segment >= SEGMENT_FS) linear += this.vcpu.segments[segment].base;
    const difference =
      (linear ^ page.linearAddress) |
      (linear & (bytes - 1)) |
      ((page.access & ACCESS_MASK) ^ (ACCESS_HAS_LINEAR | (isLoad ? ACCESS_READ : ACCESS_WRITE))) |
      (page.exitKind ^ EXIT_MEMORY);
    const gpa = page.gpa;
    if (difference != 0 || gpa < this.ram.bytes) return false;
    if (isLoad) this.operands.setRegister(instruction, this.bus.read(gpa, bytes));
    else {
      const isRegister = form == FORM_RM_REGISTER;
      this.bus.write(gpa, bytes, isRegister ? this.operands.register(instruction) : <u64>instruction.immediate);
    }
    return true;
  }
}
