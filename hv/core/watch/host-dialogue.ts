// What the host line is asked when a watch has stopped a vCPU before an instruction: docs/watch.md has the commands.

import {
  RFLAGS_AF,
  RFLAGS_CF,
  RFLAGS_DF,
  RFLAGS_OF,
  RFLAGS_PF,
  RFLAGS_SF,
  RFLAGS_ZF,
} from "../../x86/control-registers";
import { EFER_LMA } from "../../x86/msr";
import { ACCESS_RIGHTS_64_BIT } from "../../x86/segments";
import { Console, LEVEL_ERROR } from "../console/console";
import { isCanonical } from "../cpu/linear-address";
import { NOT_MAPPED, WAS_POPULATED } from "../guest-memory";
import { readPhysical, writePhysical8 } from "../hardware";
import { MemoryFault } from "../vcpu/memory-fault";
import { SEGMENT_CS, STATE_ACCESS_RIGHTS, STATE_RFLAGS, STATE_RIP } from "../vcpu/state";
import { Vcpu } from "../vcpu/vcpu";
import { HostLine, LINE_DAMAGED, LINE_OK, LINE_TIMEOUT } from "./host-line";
import { GENERAL_REGISTERS, hexByte, RecordPrinter } from "./record";
import { Sum } from "./sum";

// How the host has the vCPU go on.
/** The access is done, in a step. */
export const HOST_RESUMES: u32 = 0;
/** RIP is another than that of the access: the page stays as it is. */
export const HOST_MOVED: u32 = 1;
/** The page is watched no more. */
export const HOST_RELEASES: u32 = 2;
export const HOST_STOPS: u32 = 3;
/** No command came in time. */
export const HOST_IS_SILENT: u32 = 4;
/** The command was answered, and the vCPU goes on waiting. */
const HOST_HAS_MORE: u32 = 5;

/** The bits of RFLAGS that say something of the guest's data only. */
const CHANGEABLE_FLAGS: u64 = RFLAGS_CF | RFLAGS_PF | RFLAGS_AF | RFLAGS_ZF | RFLAGS_SF | RFLAGS_DF | RFLAGS_OF;
const MOST_READ: u32 = 128;
const LONGEST_INSTRUCTION: u64 = 15;
const LOW_32_BITS: u64 = 0xffffffff;

const COMMANDS: string =
  "expected set REGISTER VALUE, read GPA LENGTH, write GPA BYTES, resume, skip LENGTH, release or stop; numbers are 0x and hexadecimal digits";

export class HostDialogue {
  private readonly line: HostLine = new HostLine();
  private readonly bytes: StaticArray<u8> = new StaticArray<u8>(<i32>MOST_READ);
  private readonly sum: Sum = new Sum();

  /** `ticks` of the TSC are how long each command may take to come. */
  constructor(
    private readonly printer: RecordPrinter,
    private readonly ticks: u64,
  ) {}

  /** Prints the record of the vCPU, which is current, and does what the host says until that lets it go on. One of HOST_*. */
  hold(vcpu: Vcpu, fault: MemoryFault): u32 {
    const line = this.line;
    const rip = vcpu.read(STATE_RIP);
    line.discard();
    this.printer.print(vcpu, fault);
    start(vcpu).text("waits").end();
    while (true) {
      const status = line.read(this.ticks);
      if (status == LINE_TIMEOUT) return silent(vcpu);
      const next = status == LINE_OK ? this.obey(vcpu) : refuse(vcpu, unreadable(status));
      if (next == HOST_HAS_MORE) continue;
      return next == HOST_RESUMES && vcpu.read(STATE_RIP) != rip ? HOST_MOVED : next;
    }
  }

  /** Carries out the command in the line, and answers it. */
  private obey(vcpu: Vcpu): u32 {
    const line = this.line;
    line.next();
    if (line.is("set")) return this.set(vcpu);
    if (line.is("read")) return this.read(vcpu);
    if (line.is("write")) return this.write(vcpu);
    if (line.is("skip")) return this.skip(vcpu);
    if (line.is("resume")) return this.goOn(vcpu, "ok resume", HOST_RESUMES);
    if (line.is("release")) return this.goOn(vcpu, "ok release", HOST_RELEASES);
    if (line.is("stop")) return this.goOn(vcpu, "ok stop", HOST_STOPS);
    return refuse(vcpu, COMMANDS);
  }

  private goOn(vcpu: Vcpu, answer: string, how: u32): u32 {
    if (this.line.next()) return refuse(vcpu, COMMANDS);
    start(vcpu).text(answer).end();
    return how;
  }

  private skip(vcpu: Vcpu): u32 {
    const length = this.line.takeNumber() ? this.line.value : 0;
    if (length == 0 || length > LONGEST_INSTRUCTION) return refuse(vcpu, "skip takes a length from 0x1 to 0xf");
    const how = this.goOn(vcpu, "ok skip", HOST_MOVED);
    if (how == HOST_MOVED) vcpu.advanceBy(<u32>length);
    return how;
  }

  private set(vcpu: Vcpu): u32 {
    const line = this.line;
    if (!line.next()) return refuse(vcpu, COMMANDS);
    if (line.is("rip")) return this.setRip(vcpu);
    if (line.is("rflags")) return this.setFlags(vcpu);
    if (line.is("cr2")) {
      if (!this.takeLast()) return refuse(vcpu, COMMANDS);
      vcpu.cr2 = line.value;
      return this.confirm(vcpu, "cr2");
    }
    for (let n = 0; n < GENERAL_REGISTERS.length; n++) {
      if (!line.is(GENERAL_REGISTERS[n])) continue;
      if (!this.takeLast()) return refuse(vcpu, COMMANDS);
      vcpu.setRegister(<u32>n, line.value);
      return this.confirm(vcpu, GENERAL_REGISTERS[n]);
    }
    return refuse(vcpu, "no such register can be set; expected a general register, rip, rflags or cr2");
  }

  /** VM entry takes no other values (SDM 3C 27.3.1.4). */
  private setRip(vcpu: Vcpu): u32 {
    if (!this.takeLast()) return refuse(vcpu, COMMANDS);
    const rip = this.line.value;
    const is64Bit =
      (vcpu.readEfer() & EFER_LMA) != 0 &&
      (vcpu.read(STATE_ACCESS_RIGHTS + SEGMENT_CS) & (<u64>ACCESS_RIGHTS_64_BIT)) != 0;
    if (is64Bit && !isCanonical(rip)) return refuse(vcpu, "rip must be canonical");
    if (!is64Bit && rip > LOW_32_BITS) return refuse(vcpu, "outside 64-bit mode rip has 32 bits");
    vcpu.write(STATE_RIP, rip);
    return this.confirm(vcpu, "rip");
  }

  private setFlags(vcpu: Vcpu): u32 {
    if (!this.takeLast()) return refuse(vcpu, COMMANDS);
    if ((this.line.value ^ vcpu.read(STATE_RFLAGS)) & ~CHANGEABLE_FLAGS) {
      return refuse(vcpu, "of rflags only CF, PF, AF, ZF, SF, DF and OF can change");
    }
    vcpu.write(STATE_RFLAGS, this.line.value);
    return this.confirm(vcpu, "rflags");
  }

  private confirm(vcpu: Vcpu, register: string): u32 {
    start(vcpu).text("ok set ").text(register).text(" ").hex(this.line.value).end();
    return HOST_HAS_MORE;
  }

  private read(vcpu: Vcpu): u32 {
    const gpa = this.line.takeNumber() ? this.line.value : NOT_MAPPED;
    const length = this.takeLast() ? this.line.value : 0;
    if (length == 0 || length > MOST_READ) return refuse(vcpu, "read takes a GPA and a length from 0x1 to 0x80");
    if (!isInRam(vcpu, gpa, length)) return refuse(vcpu, "these bytes are not in this VM's RAM");
    this.copy(vcpu, gpa, <u32>length);
    const answer = start(vcpu).text("ok read ").hex(gpa).text(" ");
    for (let i = 0; i < <i32>length; i++) hexByte(answer, this.bytes[i]);
    answer.end();
    return HOST_HAS_MORE;
  }

  /** The sum in the answer is of what lies there afterwards. */
  private write(vcpu: Vcpu): u32 {
    const line = this.line;
    const hasGpa = line.takeNumber();
    const gpa = line.value;
    const count = hasGpa && line.next() ? line.byteCount : 0;
    if (count == 0 || !line.isAtEnd) return refuse(vcpu, "write takes a GPA and bytes of two hexadecimal digits each");
    if (!isInRam(vcpu, gpa, <u64>count)) return refuse(vcpu, "these bytes are not in this VM's RAM");
    if (!hasMemory(vcpu, gpa) || !hasMemory(vcpu, gpa + count - 1)) return refuse(vcpu, "no memory is left for them");
    for (let i = 0; i < count; i++) {
      line.takeByte(i);
      writePhysical8(vcpu.memory.hostAddress(gpa + i), <u32>line.value);
    }
    // They may be of the guest's page tables.
    vcpu.dropLinearTranslations();
    this.copy(vcpu, gpa, <u32>count);
    this.sum.clear();
    for (let i = 0; i < count; i++) this.sum.addByte(this.bytes[i]);
    start(vcpu).text("ok write ").hex(gpa).text(" ").hex(this.sum.value, 8).end();
    return HOST_HAS_MORE;
  }

  /** Copies RAM to `bytes`; what nobody has touched yet is zeroes. */
  private copy(vcpu: Vcpu, gpa: u64, length: u32): void {
    for (let i: u32 = 0; i < length; i++) {
      const host = vcpu.memory.hostAddress(gpa + i);
      this.bytes[i] = 0;
      if (host != NOT_MAPPED) readPhysical(host, changetype<usize>(this.bytes) + i, 1);
    }
  }

  /** Reads the number that is to be the last word. */
  private takeLast(): bool {
    return this.line.takeNumber() && !this.line.next();
  }
}

function isInRam(vcpu: Vcpu, gpa: u64, length: u64): bool {
  const bytes = vcpu.memory.ramBytes;
  return gpa < bytes && length <= bytes - gpa;
}

function hasMemory(vcpu: Vcpu, gpa: u64): bool {
  return vcpu.memory.populate(gpa) <= WAS_POPULATED;
}

function start(vcpu: Vcpu): Console {
  return vcpu.console.protocol("emulate", vcpu.vm);
}

function refuse(vcpu: Vcpu, why: string): u32 {
  start(vcpu).text("error: ").text(why).end();
  return HOST_HAS_MORE;
}

function unreadable(status: u32): string {
  return status == LINE_DAMAGED
    ? "bytes of the line were lost or damaged; send it again"
    : "a line has at most 200 bytes; send it in parts";
}

function silent(vcpu: Vcpu): u32 {
  vcpu
    .say(LEVEL_ERROR)
    .text("a watch waited for the host line, and no command came (boot option answer); this VM ends")
    .end();
  return HOST_IS_SILENT;
}
