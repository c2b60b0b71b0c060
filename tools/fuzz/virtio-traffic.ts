// Traffic to the PCI bus and its virtio devices: drivers that are right, drivers that are not, and scribbling over rings.
import { accessMemory, readMemory, type Width, writeMemory } from "./guest-code.ts";
import { type HostileVm, OPEN_END, OPEN_START, RAM_BYTES } from "./hostile-vm.ts";
import { input, output } from "./port-traffic.ts";
import type { Random } from "./random.ts";

const ECAM = 0xe000_0000;
const MEMORY = 0xc000_0000;
const PORTS = 0xc000;
/** In the order of their numbers on the bus, behind the bridge: console, entropy, block. */
const QUEUES = [2, 1, 1] as const;
const SIZES = [64, 16, 256] as const;
const DEVICES = QUEUES.length;
const BAR_BYTES = 0x8000;
const TABLE_PART = 0x3000;

/** A queue's tables: descriptors, available ring, used ring, an indirect table. */
const QUEUE_BYTES = 0x1_0000;
const AVAILABLE = 0x1000;
const USED = 0x2000;
const INDIRECT = 0x3000;
const BUFFERS = OPEN_START + 2 * DEVICES * QUEUE_BYTES;
const BUFFER_BYTES = OPEN_END - BUFFERS;

const NEXT = 1;
const WRITABLE = 2;
const IS_INDIRECT = 4;
/** IN, OUT, FLUSH, GET_ID, DISCARD, WRITE_ZEROES; SCSI, which there is not. */
const REQUESTS = [0, 1, 4, 8, 11, 13, 2];

function configurationAddress(device: number, register: number): number {
  return ECAM + ((device + 1) << 15) + register;
}

/** Writes to the configuration space of a device in one of the two ways. */
function configure(vm: HostileVm, random: Random, device: number, register: number, value: number): void {
  if (random.once(2)) return writeMemory(vm, configurationAddress(device, register), 4, value);
  output(vm, 0xcf8, (0x8000_0000 | ((device + 1) << 11) | (register & 0xfc)) >>> 0, 4);
  output(vm, 0xcfc, value, 4);
}

function tables(device: number, queue: number): number {
  return OPEN_START + (2 * device + queue) * QUEUE_BYTES;
}

/** As a driver starts a device (virtio 1.2, 3.1.1), with a mistake now and then. */
export function startDevice(vm: HostileVm, random: Random): void {
  const device = random.below(DEVICES);
  const common = MEMORY + BAR_BYTES * device;
  const write = (offset: number, width: Width, value: number): void => writeMemory(vm, common + offset, width, value);
  configure(vm, random, device, 0x10, PORTS + 4 * device);
  configure(vm, random, device, 0x14, common);
  configure(vm, random, device, 0x04, random.once(16) ? random.u32() : 0x07);
  write(0x14, 1, 0);
  write(0x14, 1, 1);
  write(0x14, 1, 3);
  write(0x08, 4, 0);
  write(0x0c, 4, random.once(16) ? random.u32() : random.below(4) << 28);
  write(0x08, 4, 1);
  write(0x0c, 4, random.once(16) ? random.u32() : 1);
  write(0x14, 1, 0x0b);
  if (random.once(2)) startMessages(vm, random, device);
  for (let queue = 0; queue < QUEUES[device]!; queue++) startQueue(vm, random, device, queue);
  write(0x14, 1, random.once(16) ? random.u32() : 0x0f);
}

function startQueue(vm: HostileVm, random: Random, device: number, queue: number): void {
  const common = MEMORY + BAR_BYTES * device;
  const at = tables(device, queue);
  vm.bytes.fill(0, at, at + QUEUE_BYTES);
  writeMemory(vm, common + 0x16, 2, queue);
  writeMemory(vm, common + 0x18, 2, random.once(8) ? 1 << random.below(10) : SIZES[device]!);
  writeMemory(vm, common + 0x1a, 2, random.once(4) ? random.u32() : queue + 1);
  for (const [register, offset] of [
    [0x20, 0],
    [0x28, AVAILABLE],
    [0x30, USED],
  ] as const) {
    // A used ring is written to, so that it is where it may be, or in no RAM.
    const isWrong = random.once(64);
    const low = isWrong ? wrongAddress(random) : at + offset;
    writeMemory(vm, common + register, 4, low);
    writeMemory(vm, common + register + 4, 4, isWrong && random.once(2) ? random.value() : 0);
  }
  writeMemory(vm, common + 0x1c, 2, 1);
}

function wrongAddress(random: Random): number {
  const choice = random.below(4);
  if (choice === 0) return RAM_BYTES + random.below(0x1000);
  if (choice === 1) return (0x8000_0000 | random.u32()) >>> 0;
  return BUFFERS + random.below(BUFFER_BYTES - QUEUE_BYTES);
}

function startMessages(vm: HostileVm, random: Random, device: number): void {
  const table = MEMORY + BAR_BYTES * device + TABLE_PART;
  for (let vector = 0; vector <= QUEUES[device]!; vector++) {
    writeMemory(vm, table + 16 * vector, 4, random.once(8) ? random.u32() : 0xfee0_0000);
    writeMemory(vm, table + 16 * vector + 8, 4, random.once(8) ? random.value() : 0x30 + random.below(0xc0));
    writeMemory(vm, table + 16 * vector + 12, 4, random.once(4) ? 1 : 0);
  }
  // The capability's first double word holds MSI-X's control; which one it is tells the list.
  let capability = readMemory(vm, configurationAddress(device, 0x34), 4) & 0xff;
  for (let i = 0; i < 16 && capability !== 0; i++) {
    const head = readMemory(vm, configurationAddress(device, capability), 4);
    if ((head & 0xff) === 0x11)
      configure(vm, random, device, capability, (0x8000_0000 | (random.once(4) ? 1 << 30 : 0)) >>> 0);
    capability = (head >>> 8) & 0xfc;
  }
}

/** Puts chains into a queue, whole or damaged, and notifies the device. */
export function request(vm: HostileVm, random: Random): void {
  const device = random.below(DEVICES);
  const queue = random.below(QUEUES[device]!);
  for (let chains = random.once(8) ? random.below(20) : 1; chains > 0; chains--) makeChain(vm, random, device, queue);
  notify(vm, random, device, queue);
}

function notify(vm: HostileVm, random: Random, device: number, queue: number): void {
  if (random.once(4)) return;
  output(vm, PORTS + 4 * device, queue, 2);
}

function makeChain(vm: HostileVm, random: Random, device: number, queue: number): void {
  const { view } = vm;
  const at = tables(device, queue);
  const size = SIZES[device]!;
  const isIndirect = random.once(4);
  const table = isIndirect ? at + INDIRECT : at;
  const most = random.once(16) ? size : 6;
  const count = 1 + random.below(most);
  const head = random.below(size);
  let index = isIndirect ? 0 : head;
  const isDeviceWriting = device === 1 || (device === 0 && queue === 0);
  const readable = isDeviceWriting ? 0 : device === 0 ? count : random.once(2) ? 1 : random.below(count);
  for (let i = 0; i < count; i++) {
    const next = isIndirect ? i + 1 : random.once(16) ? random.below(size) : (index + 1) & (size - 1);
    const more = i + 1 < count ? NEXT : 0;
    const isHeader = device === 2 && i === 0;
    const length = isHeader ? (random.once(8) ? 32 : 16) : bufferBytes(random, device, more === 0);
    const address = BUFFERS + random.below(BUFFER_BYTES - Math.min(length, BUFFER_BYTES - 1));
    if (isHeader) writeHeader(vm, random, address);
    let flags = more | (i < readable ? 0 : WRITABLE);
    if (random.once(256)) flags ^= 1 << random.below(16);
    // A buffer in the rings, whatever it is for.
    const where = random.once(256) ? at + 16 * random.below(0x300) : address;
    writeDescriptor(vm, random, table + 16 * index, where, length, flags, next);
    index = isIndirect ? i + 1 : next;
  }
  if (isIndirect) {
    const bytes = random.once(64) ? random.value() : 16 * count;
    writeDescriptor(vm, random, at + 16 * head, table, bytes, IS_INDIRECT | (random.once(64) ? NEXT : 0), 0);
    // An indirect table in an indirect table.
    if (random.once(64)) writeDescriptor(vm, random, table, table, 16 * count, IS_INDIRECT, 0);
  }
  const available = at + AVAILABLE;
  const place = view.getUint16(available + 2, true);
  view.setUint16(available + 4 + 2 * (place & (size - 1)), random.once(256) ? random.u32() : head, true);
  view.setUint16(available + 2, random.once(256) ? random.u32() : place + 1, true);
}

function bufferBytes(random: Random, device: number, isLast: boolean): number {
  if (random.once(64)) return random.value() % BUFFER_BYTES;
  if (device !== 2) return 1 + random.below(64);
  if (isLast) return random.once(4) ? 513 : 1;
  return random.once(8) ? 16 + random.below(4096) : 512 * (1 + random.below(8));
}

/** Of a block device's request, and the range of one that clears behind it. */
function writeHeader(vm: HostileVm, random: Random, address: number): void {
  const { view } = vm;
  const sector = random.once(16) ? random.value() : random.below(64);
  view.setUint32(address, random.once(32) ? random.u32() : random.of(REQUESTS), true);
  view.setUint32(address + 8, sector, true);
  view.setUint32(address + 12, random.once(64) ? random.value() : 0, true);
  if (address + 32 > OPEN_END) return;
  view.setUint32(address + 16, random.below(64), true);
  view.setUint32(address + 20, random.once(64) ? random.value() : 0, true);
  view.setUint32(address + 24, random.once(8) ? random.value() : random.below(64), true);
  view.setUint32(address + 28, random.once(8) ? random.value() : random.below(2), true);
}

function writeDescriptor(
  vm: HostileVm,
  random: Random,
  at: number,
  address: number,
  length: number,
  flags: number,
  next: number,
): void {
  const { view } = vm;
  // Damaged, it names no RAM at all: what may be written to is still known.
  const isDamaged = random.once(512);
  view.setUint32(at, isDamaged ? RAM_BYTES - random.below(length + 1) : address, true);
  view.setUint32(at + 4, isDamaged ? random.value() | 1 : 0, true);
  view.setUint32(at + 8, random.once(512) ? 0 : length, true);
  view.setUint16(at + 12, flags, true);
  view.setUint16(at + 14, next, true);
}

/** Requests as large as they can be: as many buffers as a queue takes, each as large as a device reads and writes it. */
export function largeRequest(vm: HostileVm, random: Random): void {
  const { view } = vm;
  const device = random.below(DEVICES);
  const queue = random.below(QUEUES[device]!);
  const at = tables(device, queue);
  const size = SIZES[device]!;
  const isRead = device !== 0 || queue === 0;
  // Of the second size, a call of the vmm begins two.
  const bytes = random.of([0x1_0000, 0xf000, BUFFER_BYTES - 16]);
  const header = BUFFERS;
  writeHeader(vm, random, header);
  if (random.once(2)) view.setUint32(header, random.once(2) ? 0 : 13, true);
  for (let i = 0; i < size; i++) {
    const flags = (i + 1 < size ? NEXT : 0) | (isRead && (device !== 2 || i !== 0) ? WRITABLE : 0);
    const isEnd = device === 2 && (i === 0 || i + 1 === size);
    writeDescriptor(vm, random, at + 16 * i, BUFFERS, isEnd ? (i === 0 ? 16 : 1) : bytes, flags, i + 1);
  }
  const available = at + AVAILABLE;
  for (let i = 0; i < size; i++) view.setUint16(available + 4 + 2 * i, random.once(64) ? random.below(size) : 0, true);
  view.setUint16(available + 2, view.getUint16(available + 2, true) + size, true);
  notify(vm, random, device, queue);
  // A line of the console ends a call, so that the largest calls are those without one.
  vm.bytes.fill(random.once(2) ? 0 : 0x20, BUFFERS + 16, OPEN_END);
}

/** Damages rings under the device's feet. */
export function scribble(vm: HostileVm, random: Random): void {
  const device = random.below(DEVICES);
  const queue = random.below(QUEUES[device]!);
  const at = tables(device, queue);
  const { view } = vm;
  const choice = random.below(4);
  if (choice === 0) view.setUint16(at + AVAILABLE + 2, random.value(), true);
  else if (choice === 1) view.setUint16(at + AVAILABLE + 2 * random.below(260), random.value(), true);
  else if (choice === 2) view.setUint16(at + 16 * random.below(256) + 8 + 2 * random.below(4), random.value(), true);
  else view.setUint16(at + USED + 2 * random.below(1030), random.value(), true);
  notify(vm, random, device, queue);
}

/** Any register of a device's structures, in any width. */
export function structures(vm: HostileVm, random: Random): void {
  const device = random.below(DEVICES);
  const part = random.once(8) ? random.below(8) : random.of([0, 0, 1, 2, 3, 4]);
  const offset = random.once(8) ? random.below(0x1000) : random.below(0x40);
  const address = MEMORY + BAR_BYTES * device + 0x1000 * part + offset;
  // A queue's addresses lead the device to where it may write: those that nobody chose are not written low.
  const isAddress = part === 0 && offset >= 0x1d && offset < 0x38;
  if (isAddress || random.once(3)) readMemory(vm, address, random.of([1, 2, 4, 8] as const));
  else writeMemory(vm, address, random.of([1, 2, 4] as const), random.value());
}

/** Any register of the configuration spaces. */
export function configuration(vm: HostileVm, random: Random): void {
  const device = random.below(5) - 1;
  const register = random.once(8) ? random.below(0x1000) : random.below(0xc0);
  if (random.once(3)) readMemory(vm, configurationAddress(device, register), random.of([1, 2, 4] as const));
  else if (random.once(8)) moveBars(vm, random);
  else if (random.once(2)) {
    output(
      vm,
      0xcf8,
      random.once(16) ? random.u32() : (0x8000_0000 | ((device + 1) << 11) | (register & 0xfc)) >>> 0,
      4,
    );
    if (random.once(3)) input(vm, 0xcfc + random.below(4), random.of([1, 2, 4]));
    // The window to a BAR in the configuration space leads to the queues' addresses, too.
    else if (register < 0x40) output(vm, 0xcfc + random.below(4), random.value(), random.of([1, 2, 4]));
  } else if (register < 0x40)
    writeMemory(vm, configurationAddress(device, register), random.of([1, 2, 4] as const), random.value());
}

function moveBars(vm: HostileVm, random: Random): void {
  const device = random.below(DEVICES);
  const address = random.once(2) ? MEMORY + BAR_BYTES * random.below(16) : random.value();
  configure(vm, random, device, 0x14, address);
  configure(vm, random, device, 0x10, PORTS + 4 * random.below(8));
  configure(vm, random, device, 0x04, random.below(8));
}

/** The capabilities, with the window to BARs that one of them is: it leads to the queues' addresses, too. */
export function capabilities(vm: HostileVm, random: Random): void {
  const device = random.below(DEVICES);
  const address = configurationAddress(device, 0x40 + random.below(0x80));
  const choice = random.below(4);
  if (choice === 0) readMemory(vm, address, random.of([1, 2, 4] as const));
  else if (choice === 1) writeMemory(vm, address, random.of([1, 2, 4] as const), random.value());
  else lookThroughWindow(vm, random, device);
}

/** By VIRTIO_PCI_CAP_PCI_CFG: BAR, offset and length, then the data (virtio 1.2, 4.1.4.9). */
function lookThroughWindow(vm: HostileVm, random: Random, device: number): void {
  let capability = readMemory(vm, configurationAddress(device, 0x34), 4) & 0xff;
  for (let i = 0; i < 16 && capability !== 0; i++) {
    const at = configurationAddress(device, capability);
    const head = readMemory(vm, at, 4);
    if (head >>> 24 === 5 && (head & 0xff) === 9) {
      writeMemory(vm, at + 4, 1, random.once(8) ? random.u32() : random.below(2));
      writeMemory(vm, at + 8, 4, random.once(8) ? random.value() : 0x1000 * random.below(8) + random.below(0x40));
      writeMemory(vm, at + 12, 4, random.once(8) ? random.value() : random.of([1, 2, 4]));
      if (random.once(2)) readMemory(vm, at + 16, random.of([1, 2, 4] as const));
      else writeMemory(vm, at + 16, random.of([1, 2, 4] as const), random.value());
    }
    capability = (head >>> 8) & 0xfc;
  }
}

/** Any access anywhere in PCI's memory. Writes to the queues' addresses: RAM is the guest's to lose. */
export function anyDeviceMemory(vm: HostileVm, random: Random): void {
  const starts = [MEMORY, MEMORY + BAR_BYTES, MEMORY + 2 * BAR_BYTES, ECAM, 0xfec0_0000, 0xfee0_0000, 0xd000_0000];
  const start = random.of(starts);
  accessMemory(
    vm,
    random,
    random.once(16) ? 0xc000_0000 + random.below(0x4000_0000) : start + random.below(BAR_BYTES * 2),
  );
}
