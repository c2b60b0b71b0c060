// The record of a guest that was stopped before an instruction: docs/watch.md describes its lines.

import { PAGE_SIZE_4_KIB } from "../../x86/paging";
import { Console, LEVEL_INFO } from "../console/console";
import { NOT_MAPPED } from "../guest-memory";
import { readPhysical } from "../hardware";
import { MemoryFault } from "../vcpu/memory-fault";
import { STATE_CR0, STATE_CR3, STATE_CR4, STATE_EFER, STATE_RFLAGS, STATE_RIP, STATE_RSP } from "../vcpu/state";
import { Vcpu } from "../vcpu/vcpu";

const VERSION: u64 = 1;
const BYTES_A_LINE: u32 = 64;
const PAGE_BYTES: u32 = 4096;

/** Prints the access, the registers and the page, with a sum over the page's bytes behind them. */
export function printRecord(vcpu: Vcpu, fault: MemoryFault): void {
  const r = vcpu.registers;
  let line = start(vcpu).text("version ").decimal(VERSION).text(" vm ").decimal(vcpu.vm).text(" vcpu 0 access ");
  field(field(field(line, "", fault.access), " gpa ", fault.gpa), " linear ", fault.linearAddress).end();
  line = field(field(field(start(vcpu), "rax ", r.rax), " rcx ", r.rcx), " rdx ", r.rdx);
  field(line, " rbx ", r.rbx).end();
  line = field(field(field(start(vcpu), "rsp ", vcpu.read(STATE_RSP)), " rbp ", r.rbp), " rsi ", r.rsi);
  field(line, " rdi ", r.rdi).end();
  line = field(field(field(start(vcpu), "r8 ", r.r8), " r9 ", r.r9), " r10 ", r.r10);
  field(line, " r11 ", r.r11).end();
  line = field(field(field(start(vcpu), "r12 ", r.r12), " r13 ", r.r13), " r14 ", r.r14);
  field(line, " r15 ", r.r15).end();
  line = field(field(start(vcpu), "rip ", vcpu.read(STATE_RIP)), " rflags ", vcpu.read(STATE_RFLAGS));
  field(field(line, " cr0 ", vcpu.read(STATE_CR0)), " cr3 ", vcpu.read(STATE_CR3)).end();
  line = field(field(start(vcpu), "cr4 ", vcpu.read(STATE_CR4)), " efer ", vcpu.read(STATE_EFER));
  line.end();
  printPage(vcpu, fault.gpa & ~(PAGE_SIZE_4_KIB - 1));
}

function printPage(vcpu: Vcpu, page: u64): void {
  const host = vcpu.memory.hostAddress(page);
  if (host == NOT_MAPPED) return;
  const bytes = new StaticArray<u8>(<i32>PAGE_BYTES);
  readPhysical(host, changetype<usize>(bytes), PAGE_BYTES);
  // Fletcher's sum: it also tells lines that changed places.
  let low: u32 = 0;
  let high: u32 = 0;
  for (let at: u32 = 0; at < PAGE_BYTES; at += BYTES_A_LINE) {
    const line = start(vcpu)
      .text("page ")
      .hex(page + at, 16)
      .text(" ");
    for (let i = at; i < at + BYTES_A_LINE; i++) {
      digit(line, bytes[i] >> 4);
      digit(line, bytes[i] & 15);
      low = (low + bytes[i]) % 65535;
      high = (high + low) % 65535;
    }
    line.end();
  }
  start(vcpu)
    .text("end ")
    .hex(((<u64>high) << 16) | low, 8)
    .end();
}

function start(vcpu: Vcpu): Console {
  return vcpu.say(LEVEL_INFO).text("record: ");
}

function field(line: Console, name: string, value: u64): Console {
  return line.text(name).hex(value);
}

function digit(line: Console, value: u8): void {
  line.byte(value < 10 ? 0x30 + value : 0x57 + value);
}
