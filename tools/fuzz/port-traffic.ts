// Traffic at the ports of a PC: to each device what it is programmed with, and noise.
import { FIELD } from "./page.ts";
import type { Random } from "./random.ts";
import { type HostileVm, KIND } from "./hostile-vm.ts";

const IS_IN = 8;
const COM1 = 0x3f8;

/** First port and number of ports of all devices but PCI's. */
const DEVICES: readonly (readonly [first: number, ports: number])[] = [
  [0x00, 0x20],
  [0x20, 2],
  [0xa0, 2],
  [0x4d0, 2],
  [0x40, 4],
  [0x60, 2],
  [0x64, 1],
  [0x70, 2],
  [0x80, 0x10],
  [0x92, 1],
  [0xc0, 0x20],
  [0xe9, 1],
  [0xed, 1],
  [0xf4, 4],
  [COM1, 8],
  [0x600, 12],
];
/** PCI's, too. */
const ALL_DEVICES = [...DEVICES, [0xcf8, 8], [0xc000, 16]] as const;

/** OUT of 1, 2 or 4 bytes. */
export function output(vm: HostileVm, port: number, value: number, bytes = 1): void {
  const { page } = vm;
  page[992] = value;
  page[FIELD.access] = ((port << 16) | (bytes - 1)) >>> 0;
  page[FIELD.access + 1] = 0;
  vm.exit(KIND.port);
}

/** IN. */
export function input(vm: HostileVm, port: number, bytes = 1): number {
  const { page } = vm;
  page[FIELD.access] = ((port << 16) | IS_IN | (bytes - 1)) >>> 0;
  page[FIELD.access + 1] = 0;
  vm.exit(KIND.port);
  return page[FIELD.ioValue]!;
}

function anyWidth(random: Random): number {
  const choice = random.u32() & 7;
  return choice < 6 ? 1 : choice === 6 ? 2 : 4;
}

function access(vm: HostileVm, random: Random, port: number): void {
  const bytes = anyWidth(random);
  if (random.once(2)) input(vm, port, bytes);
  else output(vm, port, random.value(), bytes);
}

/** Any access to a port of a device. */
export function somePort(vm: HostileVm, random: Random): void {
  const [first, ports] = random.of(DEVICES);
  access(vm, random, first + random.below(ports));
}

/** Any access to any port, and to those of PCI. */
export function anyPort(vm: HostileVm, random: Random): void {
  const [first, ports] = random.of(ALL_DEVICES);
  access(vm, random, random.once(3) ? random.u32() & 0xffff : first + random.below(ports));
}

export function timer(vm: HostileVm, random: Random): void {
  const choice = random.below(6);
  const channel = random.below(3);
  if (choice === 0) output(vm, 0x43, random.u32() & 0xff);
  else if (choice === 1) {
    output(vm, 0x43, (channel << 6) | 0x30 | (random.u32() & 0xf));
    const count = random.once(2) ? random.below(5) : random.value();
    output(vm, 0x40 + channel, count & 0xff);
    output(vm, 0x40 + channel, (count >> 8) & 0xff);
  } else if (choice === 2) output(vm, 0x40 + channel, random.value());
  else if (choice === 3) input(vm, 0x40 + channel);
  else if (choice === 4) output(vm, 0x61, random.u32() & 3);
  else input(vm, 0x61);
}

export function interruptControllers(vm: HostileVm, random: Random): void {
  const base = random.once(2) ? 0x20 : 0xa0;
  const choice = random.below(5);
  if (choice === 0) {
    output(vm, base, 0x10 | (random.u32() & 0xf));
    for (let i = random.below(4); i > 0; i--) output(vm, base + 1, random.value());
  } else if (choice === 1) output(vm, base, random.u32() & 0xef);
  else if (choice === 2) output(vm, base + 1, random.once(2) ? 0 : random.u32());
  else if (choice === 3) input(vm, base + random.below(2));
  else output(vm, 0x4d0 + random.below(2), random.u32());
}

export function clockChip(vm: HostileVm, random: Random): void {
  const choice = random.below(4);
  const register = random.once(4) ? random.u32() & 0xff : random.below(16);
  output(vm, 0x70, choice === 0 ? 0x0a + random.below(3) : register);
  if (random.once(2)) input(vm, 0x71);
  else output(vm, 0x71, random.once(3) ? 0xc0 | random.u32() : random.value());
}

export function serialPort(vm: HostileVm, random: Random): void {
  const choice = random.below(6);
  if (choice < 2) output(vm, COM1, random.once(20) ? 10 : random.u32());
  else if (choice === 2) input(vm, COM1 + random.below(8));
  else output(vm, COM1 + random.below(8), random.value());
}

export function powerManagement(vm: HostileVm, random: Random): void {
  const port = 0x600 + 2 * random.below(6);
  if (random.once(3)) input(vm, port, random.once(2) ? 4 : 2);
  else output(vm, port, random.value(), random.once(2) ? 4 : 2);
}

/** What was typed, as core hands it on. */
export function typing(vm: HostileVm, random: Random): void {
  const { page } = vm;
  const length = 1 + random.below(16);
  for (let i = 0; i < 4; i++) page[0x580 / 4 + i] = random.u32();
  page[FIELD.inputLength] = length;
  vm.exit(KIND.input);
  page[FIELD.inputLength] = 0;
}
