// Carries out the instruction that a guest's exit stopped at: what an access to a device, or INS and OUTS, come to.

import {
  ANSWER_EMULATED,
  ANSWER_FAULT,
  ANSWER_NOT_HANDLED,
  ANSWER_RESUME,
  ANSWER_STATE_NEEDED,
  EXIT_MEMORY_MOVE,
  NO_ERROR_CODE,
} from "../../shared/vcpu-page";
import { CR0_PE } from "../../x86/control-registers";
import { VECTOR_GENERAL_PROTECTION, VECTOR_INVALID_OPCODE } from "../../x86/exceptions";
import { ACCESS_RIGHTS_32_BIT, SEGMENT_CS } from "../../x86/segments";
import { Bus } from "../bus";
import { VcpuViews } from "../cpu/vcpu-views";
import { InstructionBytes } from "../memory/instruction-bytes";
import { RegisterFile } from "../memory/register-file";
import { Arithmetic } from "./arithmetic";
import { CodeCache, Known } from "./code-cache";
import { Decoder } from "./decoder";
import { Instruction } from "./instruction";
import { LinearMemory, NO_FAULT } from "./linear-memory";
import { FOR_FETCH } from "./translate";
import { CANNOT_EXECUTE, MemoryInstructions } from "./memory-instructions";
import { Operands } from "./operands";
import {
  CODE_16_BIT,
  CODE_32_BIT,
  CODE_64_BIT,
  DECODE_LOCK_INVALID,
  DECODE_NEEDS_MORE,
  DECODE_TOO_LONG,
  DECODED,
  FORM_STRING,
} from "./operations";
import { Move, PlainMove } from "./plain-move";
import { GOES_ON, StringInstructions } from "./string-instructions";

/** What `emulate` returns beside answers: it is to be called again, once; a MOV now leads to another device. */
export const EMULATE_AGAIN: u32 = 0xffffffff;

export class Executor {
  private readonly code: InstructionBytes = new InstructionBytes();
  private readonly decoder: Decoder = new Decoder();
  private readonly cache: CodeCache;
  private readonly plainMove: PlainMove;
  private readonly arithmetic: Arithmetic;
  private readonly memoryInstructions: MemoryInstructions;
  private readonly stringInstructions: StringInstructions;

  /** `ports` is what INS and OUTS reach. */
  constructor(
    private readonly vcpu: VcpuViews,
    private readonly memory: LinearMemory,
    ports: Bus,
  ) {
    const registers = new RegisterFile(vcpu.registers);
    const operands = new Operands(registers, vcpu.cpu);
    const arithmetic = new Arithmetic();
    this.cache = new CodeCache(vcpu, memory.ram, memory.walker);
    this.plainMove = new PlainMove(vcpu.page, registers);
    this.arithmetic = arithmetic;
    this.memoryInstructions = new MemoryInstructions(vcpu, memory, operands, arithmetic);
    this.stringInstructions = new StringInstructions(vcpu, memory, registers, arithmetic, ports);
  }

  /**
   * Carries out the instruction at CS:RIP, for EXIT_MEMORY, EXIT_MEMORY_MOVE and EXIT_STRING_PORT. ANSWER_EMULATED when it is done, with
   * VcpuPage.instructionLength and CpuState.rflags; ANSWER_RESUME when a repeated one is to go on; ANSWER_FAULT with
   * VcpuPage.fault*; ANSWER_NOT_HANDLED where it cannot be decoded or carried out, and then `complaint` says what it is. Or EMULATE_AGAIN.
   */
  emulate(): u32 {
    const recalled = this.cache.recall();
    // What is not the usual case is called from two places, so that Binaryen leaves it out of this function's frame.
    if (recalled == null) return this.emulateAny(null);
    return this.plainMove.execute(recalled.move) ? ANSWER_EMULATED : this.emulateAny(recalled);
  }

  private emulateAny(recalled: Known | null): u32 {
    if (recalled != null && this.leadsElsewhere(recalled.move)) return EMULATE_AGAIN;
    if (this.vcpu.page.exitKind == EXIT_MEMORY_MOVE) return ANSWER_STATE_NEEDED;
    if (recalled != null) return this.execute(recalled.instruction);
    const code = this.code;
    code.count = this.memory.fetchAtRip(code.buffer);
    const instruction = this.cache.place();
    const status = this.decoder.decode(code, this.mode, instruction);
    if (status != DECODED) return this.answerUndecoded(status);
    this.cache.keep(code, this.memory.privilege() | FOR_FETCH);
    return this.execute(instruction);
  }

  private leadsElsewhere(move: Move): bool {
    return move.redirect(this.memory.bus, this.vcpu.page.gpa) || this.plainMove.follow(move);
  }

  private execute(instruction: Instruction): u32 {
    const cpu = this.vcpu.cpu;
    this.arithmetic.flags = cpu.rflags;
    let status = CANNOT_EXECUTE;
    if (instruction.form == FORM_STRING) status = this.stringInstructions.execute(instruction);
    else if (instruction.isMemory) status = this.memoryInstructions.execute(instruction);

    if (status == NO_FAULT) {
      cpu.rflags = this.arithmetic.flags;
      this.vcpu.page.instructionLength = instruction.length;
      return ANSWER_EMULATED;
    }
    if (status == GOES_ON) return ANSWER_RESUME;
    return status == CANNOT_EXECUTE ? ANSWER_NOT_HANDLED : this.fault();
  }

  /** What the guest's instruction was, after ANSWER_NOT_HANDLED. Allocates: for a guest that has come to its end. */
  complaint(): string {
    this.code.count = this.memory.fetchAtRip(this.code.buffer);
    let text = "cannot decode: bytes";
    for (let i: u32 = 0; i < this.code.count; i++) text += " " + this.code.u8(i).toString(16).padStart(2, "0");
    return text + " at RIP 0x" + this.vcpu.cpu.rip.toString(16);
  }

  /** CODE_*. In real-address mode too it is CS that says it, as the CPU keeps it. */
  private get mode(): u32 {
    if (this.memory.isIn64BitMode) return CODE_64_BIT;
    return (this.vcpu.segments[SEGMENT_CS].accessRights & ACCESS_RIGHTS_32_BIT) != 0 ? CODE_32_BIT : CODE_16_BIT;
  }

  private answerUndecoded(status: u32): u32 {
    // The fetch has described the fault of the byte that is missing.
    if (status == DECODE_NEEDS_MORE) return this.fault();
    if (status == DECODE_TOO_LONG) return this.raise(VECTOR_GENERAL_PROTECTION, 0);
    return status == DECODE_LOCK_INVALID ? this.raise(VECTOR_INVALID_OPCODE, NO_ERROR_CODE) : ANSWER_NOT_HANDLED;
  }

  /** Hands on the fault that LinearMemory describes. */
  private fault(): u32 {
    const page = this.vcpu.page;
    page.faultVector = this.memory.faultVector;
    page.faultErrorCode = this.memory.faultErrorCode;
    page.faultAddress = this.memory.faultAddress;
    return ANSWER_FAULT;
  }

  private raise(vector: u32, errorCode: u32): u32 {
    const page = this.vcpu.page;
    page.faultVector = vector;
    // Exceptions in real-address mode push no error code (SDM 3B 21.1.3).
    page.faultErrorCode = (this.vcpu.cpu.cr0 & CR0_PE) != 0 ? errorCode : NO_ERROR_CODE;
    return ANSWER_FAULT;
  }
}
