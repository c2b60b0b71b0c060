// Traffic to the local APIC, the I/O APIC, the MSRs and CR8, the clock, and what core does between two exits.
import { accessMemory, readMemory, writeMemory } from "./guest-code.ts";
import { FIELD } from "./page.ts";
import type { Random } from "./random.ts";
import { shared } from "./shared.ts";
import { Finding, type HostileVm, KIND, OPEN_END, OPEN_START, RAM_BYTES } from "./hostile-vm.ts";

const LOCAL_APIC = 0xfee0_0000;
const IO_APIC = 0xfec0_0000;
const APIC_BASE = 0x1b;
const TSC_DEADLINE = 0x6e0;
const X2APIC = 0x800;
const WALL_CLOCK = 0x4b56_4d00;
const SYSTEM_TIME = 0x4b56_4d01;
const TELLS = shared("INTERRUPT_TELLS");
const NEVER = 0xffff_ffff_ffff_ffffn;
/** Local vector table, initial count, divide, ICR, EOI, SVR, TPR: what decides about interrupts. */
const REGISTERS = [0x08, 0x0b, 0x0d, 0x0e, 0x0f, 0x28, 0x30, 0x31, 0x32, 0x35, 0x36, 0x37, 0x38, 0x39, 0x3e, 0x3f];

export function writeMsr(vm: HostileVm, msr: number, low: number, high: number): void {
  const { page } = vm;
  page[FIELD.access] = msr;
  page[FIELD.access + 1] = 1;
  page[FIELD.ioValue] = low;
  page[FIELD.ioValue + 1] = high;
  vm.exit(KIND.msr);
}

function readMsr(vm: HostileVm, msr: number): void {
  vm.page[FIELD.access] = msr;
  vm.page[FIELD.access + 1] = 0;
  vm.exit(KIND.msr);
}

function apicValue(random: Random, register: number): number {
  // A vector that can be delivered, with a few modes.
  if (register >= 0x30 && register <= 0x37 && !random.once(4))
    return (0x10 + random.below(0xf0)) | (random.once(3) ? random.u32() & 0x7_ff00 : random.below(4) << 17);
  if (register === 0x0f) return 0x1ff;
  if (register === 0x38 && random.once(2)) return random.below(50);
  return random.value();
}

/** By its page in memory or by its MSRs, whichever mode it is in. */
export function localApic(vm: HostileVm, random: Random): void {
  const register = random.once(4) ? random.below(0x40) : random.of(REGISTERS);
  const choice = random.below(8);
  if (choice < 3) writeMemory(vm, LOCAL_APIC + 16 * register, 4, apicValue(random, register));
  else if (choice === 3) readMemory(vm, LOCAL_APIC + 16 * register, 4);
  else if (choice < 6) writeMsr(vm, X2APIC + register, apicValue(random, register), random.once(8) ? random.u32() : 0);
  else if (choice === 6) readMsr(vm, X2APIC + register);
  else accessMemory(vm, random, LOCAL_APIC + (random.u32() & 0xfff));
}

export function ioApic(vm: HostileVm, random: Random): void {
  const index = random.once(8) ? random.value() : random.below(0x40);
  writeMemory(vm, IO_APIC, 4, index);
  const choice = random.below(6);
  if (choice < 3) {
    const isLow = (index & 1) === 0;
    const entry = (0x10 + random.below(0xf0)) | (random.below(8) << 13) | (random.once(4) ? 1 << 16 : 0);
    writeMemory(vm, IO_APIC + 0x10, 4, isLow && !random.once(8) ? entry : random.value());
  } else if (choice === 3) readMemory(vm, IO_APIC + 0x10, 4);
  else if (choice === 4) writeMemory(vm, IO_APIC + 0x40, 4, random.u32() & 0xff);
  else accessMemory(vm, random, IO_APIC + (random.u32() & 0xfff));
}

export function msrs(vm: HostileVm, random: Random): void {
  const choice = random.below(8);
  if (choice === 0) writeMsr(vm, APIC_BASE, LOCAL_APIC | 0x100 | (random.below(4) << 10), 0);
  else if (choice === 1) writeMsr(vm, APIC_BASE, random.value(), random.value());
  else if (choice === 2) {
    const soon = vm.now + BigInt(random.below(1_000_000)) - 1000n;
    writeMsr(vm, TSC_DEADLINE, Number(soon & 0xffff_ffffn), Number((soon >> 32n) & 0xffff_ffffn));
  } else if (choice === 3) writeMsr(vm, TSC_DEADLINE, random.value(), random.value());
  else if (choice === 4) pvclock(vm, random);
  else if (choice === 5) readMsr(vm, random.of([APIC_BASE, TSC_DEADLINE, WALL_CLOCK, SYSTEM_TIME]));
  else {
    const msr = random.once(2) ? random.value() : X2APIC + random.below(0x100);
    if (random.once(2)) readMsr(vm, msr);
    else if (msr !== WALL_CLOCK && msr !== SYSTEM_TIME) writeMsr(vm, msr, random.value(), random.value());
  }
}

/** The structures may be anywhere behind the code, or where they cannot be. */
function pvclock(vm: HostileVm, random: Random): void {
  const isWallClock = random.once(2);
  let low = random.once(3) ? random.value() : OPEN_START + random.below(RAM_BYTES - OPEN_START);
  if (random.once(16)) low = RAM_BYTES - random.below(64);
  if (low < OPEN_START) low += OPEN_END;
  const high = random.once(16) ? random.value() : 0;
  const start = isWallClock ? low >>> 0 : (low & ~1) >>> 0;
  if (high === 0) vm.allowClock(start, isWallClock ? 12 : 32);
  writeMsr(vm, isWallClock ? WALL_CLOCK : SYSTEM_TIME, low, high);
}

export function taskPriority(vm: HostileVm, random: Random): void {
  vm.page[FIELD.access] = random.once(3) ? 0x100 : random.u32();
  vm.page[FIELD.access + 1] = 0;
  vm.exit(KIND.taskPriority);
}

/** Core delivers the interrupt that waits, and asks at once where another may follow. */
export function deliver(vm: HostileVm, random: Random): void {
  const { page } = vm;
  const waiting = page[FIELD.waitingInterrupt]!;
  if (waiting === 0) return halt(vm, random);
  page[FIELD.waitingInterrupt] = 0;
  page[FIELD.acknowledgedInterrupt] = waiting;
  if ((waiting & TELLS) !== 0) vm.set64(FIELD.wakeAt, 0, 0);
  if ((waiting & TELLS) !== 0 || random.once(4)) vm.exit(KIND.alarm);
  if (page[FIELD.acknowledgedInterrupt] === 0 || random.once(2)) writeMsr(vm, X2APIC + 0x0b, 0, 0);
}

export function halt(vm: HostileVm, random: Random): void {
  vm.page[FIELD.access] = random.below(4) === 0 ? 0 : 0x200;
  vm.page[FIELD.access + 1] = 0;
  vm.exit(random.once(64) ? KIND.hypercall : KIND.halt);
}

/** Time goes on: to the next alarm, a little, much, or farther than a host's counter ever comes. */
export function time(vm: HostileVm, random: Random): void {
  const choice = random.below(8);
  const { now } = vm;
  let next = now;
  if (choice < 4) {
    const wakeAt = wakesAt(vm);
    if (wakeAt !== NEVER && wakeAt > now) next = wakeAt;
  } else if (choice < 6) next = now + BigInt(random.value());
  else if (choice === 6) next = now + (BigInt(random.value()) << BigInt(random.below(24)));
  else if (random.once(16)) next = now + (BigInt(random.u32()) << 30n);
  // A counter of 64 bits at 4 GHz turns over after a century and a half.
  vm.now = next > 1n << 63n ? now : next;
  vm.exit(KIND.alarm);
}

const LEAST_KILOHERTZ = 100_000;
/** Some hundred years of a real counter. */
const LATEST = 1n << 58n;
const RINGS = 4;

/**
 * While time stands still alarms come to an end: core goes round no longer than that before the guest runs. Without virtio
 * devices that go on with a long queue at each alarm.
 */
export function quiet(vm: HostileVm, random: Random): void {
  time(vm, random);
  const { page, now } = vm;
  if (page[FIELD.tscKilohertz]! < LEAST_KILOHERTZ || now > LATEST) return;
  const { ticksPerLook } = vm;
  vm.ticksPerLook = 0;
  for (let ring = 0; ring < RINGS && wakesAt(vm) <= now; ring++) vm.exit(KIND.alarm);
  const isOver = wakesAt(vm) > now;
  vm.ticksPerLook = ticksPerLook;
  if (!isOver) throw new Finding("an alarm is over at once again, however often it rings");
}

function wakesAt({ page }: HostileVm): bigint {
  return (BigInt(page[FIELD.wakeAt + 1]!) << 32n) | BigInt(page[FIELD.wakeAt]!);
}

/** The guest's counter is another one: core tells the vmm by an alarm. */
export function counterOffset(vm: HostileVm, random: Random): void {
  vm.set64(FIELD.tscOffset, random.value(), random.value());
  vm.exit(KIND.alarm);
}
