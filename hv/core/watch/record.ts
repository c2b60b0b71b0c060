// The record of a guest that was stopped before an instruction: docs/watch.md describes its lines.

import { PAGE_SIZE_4_KIB } from "../../x86/paging";
import { Console } from "../console/console";
import { NOT_MAPPED } from "../guest-memory";
import { readPhysical } from "../hardware";
import { MemoryFault } from "../vcpu/memory-fault";
import {
  SEGMENTS,
  STATE_ACCESS_RIGHTS,
  STATE_BASE,
  STATE_CR0,
  STATE_CR3,
  STATE_CR4,
  STATE_GDTR_BASE,
  STATE_GDTR_LIMIT,
  STATE_IDTR_BASE,
  STATE_IDTR_LIMIT,
  STATE_LIMIT,
  STATE_RFLAGS,
  STATE_RIP,
  STATE_SELECTOR,
} from "../vcpu/state";
import { Vcpu } from "../vcpu/vcpu";
import { Sum } from "./sum";

const VERSION: u64 = 2;
const BYTES_A_LINE: u32 = 64;
const PAGE_BYTES: u32 = 4096;

/** In the order of their encodings. */
export const GENERAL_REGISTERS: StaticArray<string> = [
  "rax",
  "rcx",
  "rdx",
  "rbx",
  "rsp",
  "rbp",
  "rsi",
  "rdi",
  "r8",
  "r9",
  "r10",
  "r11",
  "r12",
  "r13",
  "r14",
  "r15",
];
/** By SEGMENT_*. */
const SEGMENT_NAMES: StaticArray<string> = ["es", "cs", "ss", "ds", "fs", "gs", "ldtr", "tr"];
const REGISTERS_A_LINE: u32 = 4;

/** Prints records. One is made where a watch needs it: a record allocates nothing. */
export class RecordPrinter {
  private readonly bytes: StaticArray<u8> = new StaticArray<u8>(<i32>PAGE_BYTES);
  /** Over all numbers and the page. */
  private readonly sum: Sum = new Sum();

  /** Prints the access, the registers and the page, with a sum behind them. */
  print(vcpu: Vcpu, fault: MemoryFault): void {
    this.sum.clear();
    let line = this.decimal(this.decimal(this.decimal(start(vcpu), "version ", VERSION), " vm ", vcpu.vm), " vcpu ", 0);
    line = this.hex(this.hex(line, " access ", fault.access), " gpa ", fault.gpa);
    this.hex(line, " linear ", fault.linearAddress).end();
    for (let n: u32 = 0; n < <u32>GENERAL_REGISTERS.length; n += REGISTERS_A_LINE) {
      line = start(vcpu);
      for (let i = n; i < n + REGISTERS_A_LINE; i++) {
        this.hex(line.text(i == n ? "" : " ").text(GENERAL_REGISTERS[i]), " ", vcpu.register(i));
      }
      line.end();
    }
    line = this.hex(this.hex(start(vcpu), "rip ", vcpu.read(STATE_RIP)), " rflags ", vcpu.read(STATE_RFLAGS));
    this.hex(line, " efer ", vcpu.readEfer()).end();
    line = this.hex(this.hex(start(vcpu), "cr0 ", vcpu.readSeen(STATE_CR0)), " cr2 ", vcpu.cr2);
    this.hex(this.hex(line, " cr3 ", vcpu.read(STATE_CR3)), " cr4 ", vcpu.readSeen(STATE_CR4)).end();
    for (let n: u32 = 0; n < SEGMENTS; n++) this.printSegment(vcpu, n);
    line = this.hex(start(vcpu), "gdtr-base ", vcpu.read(STATE_GDTR_BASE));
    line = this.hex(line, " gdtr-limit ", vcpu.read(STATE_GDTR_LIMIT));
    line = this.hex(line, " idtr-base ", vcpu.read(STATE_IDTR_BASE));
    this.hex(line, " idtr-limit ", vcpu.read(STATE_IDTR_LIMIT)).end();
    this.printPage(vcpu, fault.gpa & ~(PAGE_SIZE_4_KIB - 1));
    start(vcpu).text("end ").hex(this.sum.value, 8).end();
  }

  private printSegment(vcpu: Vcpu, n: u32): void {
    const name = SEGMENT_NAMES[n];
    let line = this.hex(start(vcpu).text(name), " ", vcpu.read(STATE_SELECTOR + n))
      .text(" ")
      .text(name);
    line = this.hex(line, "-base ", vcpu.read(STATE_BASE + n))
      .text(" ")
      .text(name);
    line = this.hex(line, "-limit ", vcpu.read(STATE_LIMIT + n))
      .text(" ")
      .text(name);
    this.hex(line, "-rights ", vcpu.read(STATE_ACCESS_RIGHTS + n)).end();
  }

  private printPage(vcpu: Vcpu, page: u64): void {
    const host = vcpu.memory.hostAddress(page);
    if (host == NOT_MAPPED) return;
    const bytes = this.bytes;
    readPhysical(host, changetype<usize>(bytes), PAGE_BYTES);
    for (let at: u32 = 0; at < PAGE_BYTES; at += BYTES_A_LINE) {
      const line = start(vcpu)
        .text("page ")
        .hex(page + at, 16)
        .text(" ");
      for (let i = at; i < at + BYTES_A_LINE; i++) {
        hexByte(line, bytes[i]);
        this.sum.addByte(bytes[i]);
      }
      line.end();
    }
  }

  private decimal(line: Console, name: string, value: u64): Console {
    this.sum.add(value);
    return line.text(name).decimal(value);
  }

  private hex(line: Console, name: string, value: u64): Console {
    this.sum.add(value);
    return line.text(name).hex(value);
  }
}

function start(vcpu: Vcpu): Console {
  return vcpu.console.protocol("record", vcpu.vm);
}

/** Adds two hexadecimal digits. */
export function hexByte(line: Console, value: u8): void {
  digit(line, value >> 4);
  digit(line, value & 15);
}

function digit(line: Console, value: u8): void {
  line.byte(value < 10 ? 0x30 + value : 0x57 + value);
}
